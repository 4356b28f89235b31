// Package record is the vocabulary every other room shares: object types, fields, typed values and
// references to records, and how two values of a field are normalised, compared and coerced.
//
// It is pure: no HTTP, no SQL, no clock, no provider's name.
package record
