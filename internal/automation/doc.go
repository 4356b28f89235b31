// Package automation is the aggregate people switch on and off, and its history: definition versions,
// events, plans, runs, steps, changes and links. A definition and its history change together, so they
// live together. It is pure data and small decisions; it reads no clock and calls nothing.
package automation
