package provider

import (
	"context"
	"slices"

	"crosswalk/internal/record"
)

type wantedKey struct{}

// wanted is a list, latest first, so that whoever adds to it takes nothing away from others.
type wanted struct {
	connection record.ConnectionID
	object     record.ObjectType
	fields     []string
	earlier    *wanted
}

// WithWanted says which fields of an object somebody wants. Records read under ctx hold those among them that take calls of
// their own (Borrowed), however they are read; without it nobody pays for them. It goes with the work and not with each
// call: a record that is read somewhere on the way and lacks them would look as if they were empty.
func WithWanted(ctx context.Context, c record.ConnectionID, t record.ObjectType, fields []string) context.Context {
	if len(fields) == 0 {
		return ctx
	}
	earlier, _ := ctx.Value(wantedKey{}).(*wanted)
	return context.WithValue(ctx, wantedKey{}, &wanted{c, t, fields, earlier})
}

// Wants reports whether somebody wants one of some fields of an object.
func Wants(ctx context.Context, c record.ConnectionID, t record.ObjectType, fields ...string) bool {
	w, _ := ctx.Value(wantedKey{}).(*wanted)
	for ; w != nil; w = w.earlier {
		if w.connection == c && w.object == t && slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(w.fields, f) }) {
			return true
		}
	}
	return false
}
