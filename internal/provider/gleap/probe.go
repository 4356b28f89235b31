package gleap

import (
	"context"
	"net/http"
	"net/url"

	"crosswalk/internal/provider"
)

// Probes are calls that show what the key reaches; Gleap knows no scopes (reference/gleap.md §3). Nothing is written.
func (c *Client) Probes() []provider.Probe {
	get := func(op, path string, q query) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.do(ctx, call{op: op, method: http.MethodGet, path: path, query: q})
			return err
		}
	}
	one := query{}.num("limit", 1)
	return []provider.Probe{
		{Does: "Say whose key it is", Try: get("check connection", "/users/me", nil)},
		{Does: "Read contacts", Try: get("list contacts", "/sessions", one)},
		{Does: "Read tickets", Try: get("list tickets", "/tickets", one)},
		{Does: "Read the project’s settings", Try: get("read project", "/projects/"+url.PathEscape(c.project), nil)},
	}
}
