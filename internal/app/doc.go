// Package app is the composition root: it reads the configuration, builds every room, joins them and runs
// them. It is the only package that knows everybody; nothing but programs and end-to-end tests may know it.
package app
