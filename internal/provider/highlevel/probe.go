package highlevel

import (
	"context"
	"net/url"

	"crosswalk/internal/provider"
)

// nobody is the id of no contact: HighLevel's own are twenty letters and digits (§1).
const nobody = "crosswalk-tries-this-connection"

// Probes are one call for each scope of Scopes, in that order. None of them changes anything: what would write names a
// contact that does not exist.
func (c *Client) Probes() []provider.Probe {
	get := func(op operation, segments ...string) func(context.Context) error {
		return func(ctx context.Context) error { return c.do(ctx, op, path(segments...), nil, nil, nil) }
	}
	at := c.cfg.LocationID
	return []provider.Probe{
		{Scope: readContacts, Does: "Read contacts", Try: func(ctx context.Context) error {
			_, err := contactsPage(ctx, c, provider.Query{PageSize: 1})
			return err
		}},
		{Scope: writeContacts, Does: "Write contacts (tried on one that does not exist)", Try: func(ctx context.Context) error {
			err := c.do(ctx, opUpdateContact, path("contacts", nobody), nil, map[string]any{}, nil)
			if provider.IsKind(err, provider.NotFound) || provider.IsKind(err, provider.Invalid) {
				return nil // it would have been written
			}
			return err
		}},
		{Scope: readLocation, Does: "Read the sub-account", Try: get(opLocation, "locations", at)},
		{Scope: readCustomFields, Does: "Read custom fields", Try: get(opCustomFields, "locations", at, "customFields")},
		{Scope: readTags, Does: "Read tags", Try: get(opTags, "locations", at, "tags")},
		{Scope: readTasks, Does: "Search tasks", Try: func(ctx context.Context) error {
			_, err := tasksPage(ctx, c, provider.Query{PageSize: 1})
			return err
		}},
		{Scope: readCalendars, Does: "Read calendars", Try: func(ctx context.Context) error {
			return c.doCalendar(ctx, opCalendars, path("calendars", ""), url.Values{"locationId": {at}}, nil)
		}},
		{Scope: readAppointments, Does: "Read appointments (tried on one that does not exist)", Try: func(ctx context.Context) error {
			err := c.doCalendar(ctx, opGetAppointment, path("calendars", "events", "appointments", nobody), nil, nil)
			if provider.IsKind(err, provider.NotFound) || provider.IsKind(err, provider.Invalid) {
				return nil // it would have been read
			}
			return err
		}},
		{Scope: readUsers, Does: "Read users", Try: func(ctx context.Context) error {
			_, err := usersPage(ctx, c, provider.Query{PageSize: 1})
			return err
		}},
	}
}
