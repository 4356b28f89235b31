package highlevel

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxBody bounds a request body.
const maxBody = 2 << 20

// versions are the published values of the Version header: reference §1.
var versions = map[string]bool{
	"v3": true, "2023-02-21": true, "2021-07-28": true, "2021-04-15": true, "legacy": true,
}

// ServeHTTP implements http.Handler. It panics with http.ErrAbortHandler when
// the dropAfterCommit fault closes a connection without an answer.
func (t *Twin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/_twin" || strings.HasPrefix(r.URL.Path, "/_twin/") {
		t.control.ServeHTTP(w, r)
		return
	}
	if r.Body == nil { // a client's request handed over without a socket
		own := *r
		own.Body = http.NoBody
		r = &own
	}
	if d := t.delay(); d > 0 {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return
		}
	}
	if consentPaths[r.URL.Path] {
		t.serveConsent(w, r)
		return
	}
	trace := t.traceID()
	a := t.answer(w, r, trace)
	t.mu.Lock()
	t.stats.Calls++
	if !t.cfg.Instant {
		t.logCall(Call{Time: t.now(), Method: r.Method, Path: r.URL.Path, Status: a.status})
	}
	t.mu.Unlock()
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	a.write(w, trace)
}

// answer runs a request up to, but not including, writing the answer. A
// status of 0 stands for a connection closed without one.
func (t *Twin) answer(w http.ResponseWriter, r *http.Request, trace string) answer {
	if a, broken := t.outage(); broken {
		t.limits.headers(w.Header(), limitState{})
		return a
	}
	route, params := t.routes.find(r.Method, r.URL.Path)
	v3 := r.Header.Get("Version") == "v3"
	if route == nil || route.v3 && !v3 {
		t.limits.headers(w.Header(), limitState{})
		// Also what a path of another version answers: reference §1.
		return fail(http.StatusNotFound, "Cannot "+r.Method+" "+r.URL.Path)
	}
	c := &call{r: r, route: route, path: params, trace: trace, v3: v3}
	switch route.pattern { // the calls without a token
	case tokenPath:
		t.limits.headers(w.Header(), limitState{})
		return t.exchange(c)
	case reconnectPath:
		t.limits.headers(w.Header(), limitState{})
		return t.reconnect(c)
	}
	state := limitState{}
	refused, bad := t.authenticate(c)
	if c.token != nil {
		state = t.limits.take(c.token.resource(), t.now())
	}
	t.limits.headers(w.Header(), state)
	switch {
	case bad:
		return refused
	case state.refused || t.fault429():
		// Shape and Retry-After of a 429 are unconfirmed: reference §3.
		return fail(http.StatusTooManyRequests, "Too Many Requests")
	}
	if route.body != nil {
		if a, bad := c.decode(); bad {
			return a
		}
	}
	if route.pattern == locationMint {
		in, a, fine := formOrJSON(r)
		if !fine {
			return a
		}
		c.minting = in
	}
	if a, bad := t.checkLocation(c); bad {
		return a
	}
	if route.body != nil {
		if complaints := route.body.check("", c.in); len(complaints) > 0 {
			return unprocessable(complaints...)
		}
	}
	return t.run(c)
}

// run does the operation and counts it.
func (t *Twin) run(c *call) answer {
	t.begin(byAPI)
	defer t.end()
	a := c.route.handle(t, c)
	if a.status >= 300 || !c.route.writes {
		return a
	}
	t.changed()
	if t.faults.DropAfterCommit > 0 {
		t.faults.DropAfterCommit--
		t.stats.Writes++
		return answer{}
	}
	isNew := a.status == http.StatusCreated || a.body["new"] == true
	if c.route.creates && isNew && t.faults.Create422ButCommits > 0 {
		// A 422 although the contact exists now: §4.2, I#64.
		t.faults.Create422ButCommits--
		t.stats.Writes++
		return unprocessable("Unprocessable Entity")
	}
	t.stats.Writes++
	return a
}

// authenticate checks the Version header, the bearer token and its scopes.
func (t *Twin) authenticate(c *call) (answer, bool) {
	// A missing or unknown version reads as a 401: reference §1. That it is
	// looked at before the token is our reading.
	version := c.r.Header.Get("Version")
	if version == "" {
		return fail(http.StatusUnauthorized, "version header was not found."), true
	}
	if !versions[version] {
		return fail(http.StatusUnauthorized, "version header is invalid"), true
	}
	scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	t.mu.Lock()
	defer t.mu.Unlock()
	var g *grant
	if strings.EqualFold(scheme, "Bearer") {
		g = t.grantOf(strings.TrimSpace(token))
	}
	if g == nil {
		return fail(http.StatusUnauthorized, "Invalid token: access token is invalid"), true
	}
	c.token = g
	wrongKind := c.route.reach == agencyToken && g.LocationID != "" ||
		c.route.reach == locationToken && g.LocationID == ""
	if wrongKind || c.route.scope != "" && !t.allowed(g, c.route.scope) {
		return fail(http.StatusUnauthorized, "The token is not authorized for this scope."), true
	}
	return answer{}, false
}

// checkLocation refuses a token used on another location, and a query that
// names none where one is needed: reference §6.
func (t *Twin) checkLocation(c *call) (answer, bool) {
	if c.token.LocationID == "" {
		return answer{}, false // the company's own calls check what they need
	}
	if id, ok := c.path["locationId"]; ok && id != c.token.LocationID {
		return noLocation(), true
	}
	if c.token.LocationID != t.cfg.LocationID && c.route.pattern != placePattern {
		return noLocation(), true // the twin's other locations have nothing but themselves
	}
	if q := c.r.URL.Query(); q.Has("locationId") && q.Get("locationId") != c.token.LocationID {
		return noLocation(), true
	}
	if id, ok := c.in["locationId"].(string); ok && id != "" && c.route.body["locationId"].kind == kindString &&
		id != c.token.LocationID {
		return noLocation(), true
	}
	return answer{}, false
}

// decode reads a JSON body. Anything not declared as JSON is left unread by
// the vendor's framework and fails validation as an empty object.
func (c *call) decode() (answer, bool) {
	c.in = object{}
	raw, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return fail(http.StatusRequestEntityTooLarge, "request entity too large"), true
	}
	if err != nil {
		return fail(http.StatusBadRequest, "request aborted"), true
	}
	if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); kind != "application/json" {
		return answer{}, false
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return answer{}, false
	}
	if err := json.Unmarshal(raw, &c.in); err != nil || c.in == nil {
		return fail(http.StatusBadRequest, "Request body is not valid JSON"), true
	}
	return answer{}, false
}
