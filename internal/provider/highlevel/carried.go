package highlevel

import (
	"context"
	"encoding/json"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

var _ provider.Carrier = (*Client)(nil)

// Carried implements provider.Carrier for contacts, whose deliveries are flat and hold most of their fields (§7.1): the
// other emails, the time zone and what only HighLevel keeps are never among them.
func (c *Client) Carried(ctx context.Context, ref record.Ref, body []byte) (record.Record, bool, error) {
	var r raw
	if err := json.Unmarshal(body, &r); err != nil || r == nil {
		return record.Record{}, false, &provider.Error{Provider: ID, Op: "read delivery", Kind: provider.Invalid, Detail: "the delivery is not a JSON object"}
	}
	e, known := events[r.text("type")]
	if !known || e.object != record.Contact || e.change == provider.Deleted || r.text("id") != ref.ID || r.text("locationId") != c.cfg.LocationID {
		return record.Record{}, false, nil
	}
	defs, err := c.customForReading(ctx)
	if err != nil {
		return record.Record{}, false, err
	}
	// It has a type of its own kind, which is not the contact's.
	delete(r, "type")
	return c.contact(r, defs), true, nil
}
