package gleap

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"crosswalk/internal/provider"
)

// lanes are the ticket types and statuses a project declares.
type lanes struct {
	name            string
	types, statuses []string
}

// projectLanes reads them from an endpoint outside the public specification (reference/gleap.md §11), so that a refusal
// only means that we do not know.
func (c *Client) projectLanes(ctx context.Context) (lanes, error) {
	return c.lanes.get(func() (lanes, error) {
		d, err := c.one(ctx, call{op: "read project", method: http.MethodGet, path: "/projects/" + url.PathEscape(c.project)})
		if refused(err) || provider.IsKind(err, provider.Forbidden) {
			return lanes{}, nil
		}
		if err != nil {
			return lanes{}, err
		}
		return lanesOf(d), nil
	})
}

func lanesOf(d document) lanes {
	out := lanes{name: d.text("name")}
	add := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	types, _ := d["projectTypes"].([]any)
	for _, raw := range types {
		t, _ := raw.(map[string]any)
		add(&out.types, document(t).text("type"))
		possible, _ := document(t).object("options")["possibleLanes"].([]any)
		for _, raw := range possible {
			lane, _ := raw.(map[string]any)
			add(&out.statuses, document(lane).text("key"))
		}
	}
	return out
}

// Check proves the key, then the project: the first call alone would pass with a wrong project id
// (reference/gleap.md §3.1).
func (c *Client) Check(ctx context.Context) (provider.Account, error) {
	if c.project == "" {
		e := c.fail(provider.Invalid, "check connection", "the project ID is missing")
		e.Fields = map[string]string{"projectId": "the project ID is missing"}
		return provider.Account{}, e
	}
	if _, err := c.do(ctx, call{op: "check connection", method: http.MethodGet, path: "/users/me"}); err != nil {
		return provider.Account{}, err
	}
	if _, err := c.do(ctx, call{op: "check project", method: http.MethodGet, path: "/tickets/ticketscount"}); err != nil {
		return provider.Account{}, err
	}
	account := provider.Account{ID: c.project, Name: "Project " + c.project}
	// The name is a courtesy: the credential has been proven without it.
	if project, err := c.projectLanes(ctx); err == nil && project.name != "" {
		account.Name = project.name
	}
	return account, nil
}
