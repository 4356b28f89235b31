// Package gleap is the adapter for Gleap (reference/gleap.md): contacts (Gleap calls them sessions), tickets,
// internal notes and agents, behind the contract of package provider.
//
// It must never trust a filter, a sort order or a page size it asked for: most of them are documented in general and
// confirmed for nothing (reference/gleap.md §19), so every answer is checked against what was asked.
package gleap
