package highlevel

import (
	"context"

	"crosswalk/internal/provider"
)

// location is what we use of the sub-account: §5.2.
type location struct {
	id, name, companyID, zone, country string
	allowDuplicates                    bool
}

// Check implements provider.Checker.
func (c *Client) Check(ctx context.Context) (provider.Account, error) {
	l, err := c.readLocation(ctx)
	if err != nil {
		return provider.Account{}, err
	}
	return provider.Account{ID: l.id, Name: l.name, CompanyID: l.companyID, Zone: l.zone, Country: l.country}, nil
}

// settings is the location as read within the last minute.
func (c *Client) settings(ctx context.Context) (location, error) {
	c.mu.Lock()
	have := c.place
	c.mu.Unlock()
	if !have.at.IsZero() && c.cfg.Now().Sub(have.at) < cacheFor {
		return have.value, nil
	}
	return c.readLocation(ctx)
}

func (c *Client) readLocation(ctx context.Context) (location, error) {
	var out raw
	if err := c.do(ctx, opLocation, path("locations", c.cfg.LocationID), nil, nil, &out); err != nil {
		return location{}, err
	}
	r := out.object("location")
	l := location{id: r.text("id"), name: r.text("name"), companyID: r.text("companyId"), zone: r.text("timezone"), country: r.text("country")}
	l.allowDuplicates = r.object("settings")["allowDuplicateContact"] == true
	if l.id == "" {
		// A 2xx that names nobody proves nothing.
		return location{}, &provider.Error{Provider: ID, Op: opLocation.words, Kind: provider.Unavailable, Detail: "the answer names no sub-account"}
	}
	c.mu.Lock()
	c.place = cached[location]{l, c.cfg.Now()}
	c.mu.Unlock()
	return l, nil
}
