package highlevel

import (
	"net/http"
	"net/url"
	"strings"
)

// reach says which kind of token an operation takes.
type reach int

const (
	locationToken reach = iota // a token of the sub-account, OAuth or private integration
	agencyToken                // an OAuth token of the company only
	eitherToken
)

// route is one operation of the API.
type route struct {
	method  string
	pattern string // literal and {named} segments, no trailing slash
	scope   string // required scope; empty: none declared
	reach   reach
	writes  bool   // counts as a write and may be dropped after the commit
	v3      bool   // a path that only v3 has
	creates bool   // subject to the create422ButCommits fault
	body    schema // nil: the body is ignored
	handle  func(*Twin, *call) answer

	segments []string
}

// call is one authenticated request with its validated body.
type call struct {
	r       *http.Request
	route   *route
	path    map[string]string
	in      object     // the decoded body
	minting url.Values // the body of /oauth/locationToken
	token   *grant
	v3      bool // the Version header asked for v3
	trace   string
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// router finds routes by segment. net/http's own mux refuses HighLevel's
// overlapping paths (/contacts/business/{id} beside /contacts/{id}/tasks).
type router struct {
	bySize map[int][]*route
}

func newRoutes(routes []route) *router {
	rt := &router{bySize: map[int][]*route{}}
	for i := range routes {
		r := &routes[i]
		r.segments = split(r.pattern)
		rt.bySize[len(r.segments)] = append(rt.bySize[len(r.segments)], r)
	}
	return rt
}

func split(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// find returns the route with the most literal segments.
func (rt *router) find(method, path string) (*route, map[string]string) {
	segments := split(path)
	var best *route
	score := -1
	for _, r := range rt.bySize[len(segments)] {
		if r.method != method {
			continue
		}
		if n, ok := match(r.segments, segments); ok && n > score {
			best, score = r, n
		}
	}
	if best == nil {
		return nil, nil
	}
	var params map[string]string
	for i, s := range best.segments {
		if s[0] == '{' {
			if params == nil {
				params = map[string]string{}
			}
			params[s[1:len(s)-1]] = segments[i]
		}
	}
	return best, params
}

func match(pattern, segments []string) (literals int, ok bool) {
	for i, p := range pattern {
		switch {
		case p == segments[i]:
			literals++
		case p[0] != '{' || segments[i] == "":
			return 0, false
		}
	}
	return literals, true
}

func (t *Twin) newRouter() *router {
	var all []route
	for _, family := range [][]route{
		oauthRoutes(), contactRoutes(), searchRoutes(), membershipRoutes(), taskRoutes(), noteRoutes(),
		appointmentRoutes(), locationRoutes(), customFieldRoutes(), tagRoutes(), userRoutes(), businessRoutes(),
	} {
		all = append(all, family...)
	}
	return newRoutes(all)
}
