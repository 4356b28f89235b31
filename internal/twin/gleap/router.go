package gleap

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one operation of the API.
type route struct {
	method  string
	pattern string // literal and {named} segments
	handle  func(*Twin, *call) answer
	writes  bool // counts as a write and may be dropped after the commit
	body    *dto // nil: the body is not checked
	legacy  bool // host-root /admin call with an Api-Token: §3.2
	anyBody bool // the body may be an array
	global  bool // does not list the Project header: §3.1

	segments []string
}

// call is one authenticated request with its checked body.
type call struct {
	r    *http.Request
	path map[string]string
	in   object
	raw  any // the body where it is no object
	user string
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// router finds routes by segment. net/http's own mux refuses Gleap's
// overlapping paths (/tickets/archive/all beside /tickets/{id}/archive).
type router struct{ bySize map[int][]*route }

func newRouter() *router {
	rt := &router{bySize: map[int][]*route{}}
	for _, family := range [][]route{
		sessionRoutes(), contactExtraRoutes(), ticketRoutes(), ticketActionRoutes(), messageRoutes(), teamRoutes(),
		userRoutes(), projectRoutes(), engagementRoutes(), adminRoutes(),
	} {
		for i := range family {
			r := &family[i]
			prefix := "/v3"
			if r.legacy {
				prefix = ""
			}
			r.segments = split(prefix + r.pattern)
			rt.bySize[len(r.segments)] = append(rt.bySize[len(r.segments)], r)
		}
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
		if n, fits := match(r.segments, segments); fits && n > score {
			best, score = r, n
		}
	}
	if best == nil {
		return nil, nil
	}
	params := map[string]string{}
	for i, s := range best.segments {
		if s[0] == '{' {
			params[s[1:len(s)-1]] = pathValue(segments[i])
		}
	}
	return best, params
}

func match(pattern, segments []string) (literals int, fits bool) {
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

// pathValue undoes the escaping of one path segment.
func pathValue(s string) string {
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}
