// Package e2e holds the tests of the whole program: the built binary against both twins over real HTTP, killed at
// any moment, and driven by a real browser. It has no code of its own.
package e2e
