package highlevel

import (
	"context"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// object is one object type: what may be known of it without a call, and its operations. A nil one is Unsupported.
type object struct {
	provider.Object
	describe func(ctx context.Context, c *Client) (record.Schema, error)
	get      func(ctx context.Context, c *Client, id string) (record.Record, error)
	page     func(ctx context.Context, c *Client, q provider.Query) (provider.Page, error)
	find     func(ctx context.Context, c *Client, field string, value record.Value) ([]record.Record, error)
	create   func(ctx context.Context, c *Client, w provider.Write) (record.Record, error)
	update   func(ctx context.Context, c *Client, id string, w provider.Write) (record.Record, error)
	delete   func(ctx context.Context, c *Client, id string) error
	children func(ctx context.Context, c *Client, parent string) ([]record.Record, error) // of one record of type Parent
}

// objects is the table of everything this adapter offers, in the order people see it.
func objects() []object {
	return []object{contactObject(), taskObject(), noteObject(), appointmentObject(), userObject()}
}

func known(t record.ObjectType, verb string) (object, error) {
	for _, o := range objects() {
		if o.Type == t {
			return o, nil
		}
	}
	return object{}, &provider.Error{Provider: ID, Op: verb + " " + string(t), Kind: provider.Unsupported, Detail: "HighLevel has no such object here"}
}

// Descriptor tells what HighLevel offers.
func Descriptor() provider.Descriptor {
	d := provider.Descriptor{ID: ID, Name: "HighLevel", Scopes: Scopes()}
	for _, o := range objects() {
		d.Objects = append(d.Objects, o.Object)
	}
	return d
}

// Scopes are the permissions to ask for: §5.5, as far as this adapter uses them.
func Scopes() []provider.Scope {
	return []provider.Scope{
		{Name: readContacts, Why: "read contacts, their notes and tasks, and hear of changes"},
		{Name: writeContacts, Why: "create and update contacts, tags, notes and tasks"},
		{Name: readLocation, Why: "show the sub-account's name and use its time zone"},
		{Name: readCustomFields, Why: "offer your custom fields for mapping"},
		{Name: readTags, Why: "offer your tags to choose from"},
		{Name: readTasks, Why: "notice edited tasks, which HighLevel does not announce"},
		{Name: readCalendars, Why: "tell appointments apart by their calendar"},
		{Name: readAppointments, Why: "read appointments, and hear of changes"},
		{Name: readUsers, Why: "show who a contact or task belongs to"},
	}
}

// CompanyScopes are what the grant of a whole company needs besides, to list its locations and make their tokens: §2.5.
func CompanyScopes() []string { return []string{"oauth.readonly", "oauth.write"} }
