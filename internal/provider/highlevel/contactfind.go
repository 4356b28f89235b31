package highlevel

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// findContact uses the duplicate search, the only lookup without index lag: POST search must never be taken for
// "there is none" (§4.3). What it returns is checked, since it may look by the location's own unique field (§4.2).
// By a custom field only the search can look.
func findContact(ctx context.Context, c *Client, field string, value record.Value) ([]record.Record, error) {
	if strings.HasPrefix(field, customPrefix) {
		return c.findByCustom(ctx, field, value)
	}
	want, err := c.identifier(field, value.String())
	if err != nil || want == "" {
		return nil, err
	}
	defs, err := c.customForReading(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.duplicate(ctx, field, want)
	if err != nil || r == nil {
		return nil, err
	}
	found := []record.Record{}
	if one := c.contact(r, defs); c.identifies(one, field, want) {
		found = append(found, one)
	}
	// The duplicate search names one contact. Where the location allows several with the same address, the index
	// can show more of them; it only ever adds.
	if place, err := c.settings(ctx); err != nil || !place.allowDuplicates {
		if err := ignoreForbidden(err); err != nil {
			return nil, err
		}
		return found, c.tellEachBooked(ctx, found)
	}
	body := map[string]any{
		"locationId": c.cfg.LocationID, "pageLimit": 100,
		"filters": []any{map[string]any{"field": field, "operator": "eq", "value": want}},
	}
	var out rawList
	if err := c.do(ctx, opSearch, path("contacts", "search"), nil, body, &out); err != nil {
		return nil, err
	}
	for _, b := range out.Contacts {
		one := c.contact(decode(b), defs)
		known := slices.ContainsFunc(found, func(r record.Record) bool { return r.Ref == one.Ref })
		if one.Ref.ID != "" && !known && c.identifies(one, field, want) {
			found = append(found, one)
		}
	}
	return found, c.tellEachBooked(ctx, found)
}

// ignoreForbidden lets a lookup stand without the settings scope; whoever withheld it still gets contacts matched.
func ignoreForbidden(err error) error {
	if provider.IsKind(err, provider.Forbidden) {
		return nil
	}
	return err
}

// identifier brings a match value into the form HighLevel stores; empty when there is nothing to look for.
func (c *Client) identifier(field, value string) (string, error) {
	value = strings.TrimSpace(value)
	switch field {
	case "email":
		return strings.ToLower(value), nil
	case "phone":
		if value == "" {
			return "", nil
		}
		number, ok := e164(value, c.cfg.DefaultRegion)
		if !ok {
			return "", notAPhone(opDuplicate, "phone")
		}
		return number, nil
	}
	return "", unsupported("find contact by "+field, false)
}

func notAPhone(op operation, key string) *provider.Error {
	const complaint = "is not a complete phone number; it needs a country code such as +1"
	return &provider.Error{Provider: ID, Op: op.words, Kind: provider.Invalid, Detail: key + " " + complaint, Fields: map[string]string{key: complaint}}
}

// duplicate asks GET /contacts/search/duplicate; nil means nobody. The query encodes "+" and "@" as §4.1 asks.
func (c *Client) duplicate(ctx context.Context, field, want string) (raw, error) {
	query := url.Values{"locationId": {c.cfg.LocationID}}
	if field == "phone" {
		query.Set("number", want)
	} else {
		query.Set("email", want)
	}
	var out raw
	if err := c.do(ctx, opDuplicate, path("contacts", "search", "duplicate"), query, nil, &out); err != nil {
		return nil, err
	}
	r := out.object("contact")
	if r.text("id") == "" {
		if _, ok := out["contact"]; !ok && len(out) > 0 && out.text("id") == "" && out["traceId"] == nil {
			// An answer that never speaks of a contact must not be read as "none".
			return nil, unexpected(opDuplicate)
		}
		return nil, nil
	}
	return r, nil
}

// identifies tells whether a contact truly has this address, as its own or as a further one: an additional e-mail
// still is this person's, and an upsert with it would replace the primary one (§4.2).
func (c *Client) identifies(r record.Record, field, want string) bool {
	if field == "phone" {
		number, ok := e164(r.Fields["phone"].String(), c.cfg.DefaultRegion)
		return ok && number == want
	}
	if strings.EqualFold(r.Fields["email"].String(), want) {
		return true
	}
	others, _ := r.Fields["additionalEmails"].AsList()
	return slices.ContainsFunc(others, func(s string) bool { return strings.EqualFold(s, want) })
}
