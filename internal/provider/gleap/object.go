package gleap

import (
	"context"
	"iter"
	"slices"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// object is what the adapter can do with one object type. A missing function is Unsupported.
// A new object is a new file with a table like these, and one line in objects.
type object struct {
	provider.Object
	describe func(context.Context, *Client) (record.Schema, error)
	get      func(context.Context, *Client, string) (record.Record, error)
	list     func(context.Context, *Client, provider.Query) iter.Seq2[provider.Page, error]
	find     func(ctx context.Context, c *Client, field string, value record.Value) ([]record.Record, error)
	create   func(context.Context, *Client, provider.Write) (record.Record, error)
	update   func(context.Context, *Client, string, provider.Write) (record.Record, error)
	delete   func(context.Context, *Client, string) error
	children func(ctx context.Context, c *Client, parent record.Ref) ([]record.Record, error) // of one record of type Parent
}

func objects() []object { return []object{contactObject(), ticketObject(), noteObject(), userObject()} }

func objectOf(t record.ObjectType) (object, bool) {
	all := objects()
	i := slices.IndexFunc(all, func(o object) bool { return o.Type == t })
	if i < 0 {
		return object{}, false
	}
	return all[i], true
}

// Descriptor is what the house may know of Gleap without calling it. Gleap documents no scopes: a key may do
// what its role may (reference/gleap.md §3.1).
func Descriptor() provider.Descriptor {
	d := provider.Descriptor{ID: ID, Name: "Gleap"}
	for _, o := range objects() {
		d.Objects = append(d.Objects, o.Object)
	}
	return d
}
