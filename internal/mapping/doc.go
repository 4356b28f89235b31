// Package mapping is how one object type becomes another: rows of source fields, transforms and a target field,
// compiled once and applied to every record. It is pure: same record in, same values out.
package mapping
