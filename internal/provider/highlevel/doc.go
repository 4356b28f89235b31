// Package highlevel is the adapter for HighLevel: one authorised location as a provider.Client, its webhooks and
// the facts of its OAuth. Vendor facts are cited as §n of reference/highlevel.md. No type of HighLevel's leaves it.
//
// One file holds one object type; a new one is a new file and a line in the table of object.go.
package highlevel
