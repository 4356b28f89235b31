package highlevel

import (
	"context"
	"slices"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// The bounds of a filter: the longest value it takes (§4.3), and how many it names are read again. Nobody is told apart
// by a value that more than these share.
const (
	longestFilter = 75
	namedAtMost   = 10
)

// findByCustom asks the search, whose index lags and whose spelling of custom fields is unconfirmed (§4.3). So whom it
// names is read again, and counts only if it truly holds the value. That it names nobody proves nothing, as the
// descriptor says; where the filter is refused or not heeded, nothing can be told at all.
func (c *Client) findByCustom(ctx context.Context, field string, value record.Value) ([]record.Record, error) {
	want := strings.TrimSpace(value.String())
	if want == "" {
		return nil, nil
	}
	defs, err := c.customForReading(ctx)
	if err != nil {
		return nil, err
	}
	id := strings.TrimPrefix(field, customPrefix)
	def, known := defs[id]
	switch {
	case !known && len(defs) > 0:
		return nil, unsupported("find contact by a custom field that is not there", false)
	case len([]rune(want)) > longestFilter:
		return nil, cannotTell("HighLevel looks up values of at most 75 characters")
	}
	body := map[string]any{
		"locationId": c.cfg.LocationID, "pageLimit": namedAtMost,
		"filters": []any{map[string]any{"field": "customFields." + id, "operator": "eq", "value": want}},
	}
	var out rawList
	err = c.do(ctx, opSearch, path("contacts", "search"), nil, body, &out)
	switch {
	case provider.IsKind(err, provider.Invalid):
		return nil, cannotTell("HighLevel does not look contacts up by this custom field")
	case err != nil:
		return nil, err
	}
	holds := func(r record.Record) bool {
		return record.Same(def.spec().Kind, r.Fields[field], record.TextOf(want), record.Locale{Region: c.cfg.DefaultRegion})
	}
	found, strangers := []record.Record{}, false
	for _, b := range out.Contacts {
		named := c.contact(decode(b), defs)
		if named.Ref.ID == "" {
			continue
		}
		if !strings.EqualFold(strings.TrimSpace(named.Fields[field].String()), want) && !holds(named) {
			strangers = true // the filter was not heeded
			continue
		}
		now, err := c.readContact(ctx, named.Ref.ID)
		switch {
		case provider.IsKind(err, provider.NotFound): // the index is behind
		case err != nil:
			return nil, err
		case holds(now) && !slices.ContainsFunc(found, func(r record.Record) bool { return r.Ref == now.Ref }):
			found = append(found, now)
		}
	}
	if strangers && len(found) == 0 {
		return nil, cannotTell("HighLevel did not heed the filter by this custom field")
	}
	return found, c.tellEachBooked(ctx, found)
}

func cannotTell(why string) *provider.Error {
	return &provider.Error{Provider: ID, Op: "find contact by a custom field", Kind: provider.Unsupported, Detail: why}
}
