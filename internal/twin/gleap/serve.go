package gleap

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxBody bounds a request body.
const maxBody = 4 << 20

// ServeHTTP implements http.Handler. It panics with http.ErrAbortHandler when
// the dropAfterCommit fault closes a connection without an answer.
func (t *Twin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/_twin" || strings.HasPrefix(r.URL.Path, "/_twin/") {
		t.control.ServeHTTP(w, r)
		return
	}
	if d := t.delay(); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	if r.URL.Path == authorizePath {
		t.serveConsent(w, r)
		return
	}
	var a answer
	if r.URL.Path == tokenPath {
		a = t.serveToken(w, r)
	} else {
		a = t.answer(r)
	}
	t.mu.Lock()
	t.stats.Calls++
	if !t.cfg.Instant {
		t.logCall(Call{Time: t.cfg.Now(), Method: r.Method, Path: r.URL.RequestURI(), Status: a.status})
	}
	t.mu.Unlock()
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

// answer runs a request up to, but not including, writing the answer. A status
// of 0 stands for a connection closed without one.
func (t *Twin) answer(r *http.Request) answer {
	if a, broken := t.outage(); broken {
		return a
	}
	route, params := t.routes.find(r.Method, r.URL.EscapedPath())
	if route == nil {
		return plain(http.StatusNotFound, "Cannot "+r.Method+" "+r.URL.Path) // Express's own answer
	}
	c := &call{r: r, path: params}
	if a, bad := t.authenticate(c, route); bad {
		return a
	}
	ticket := len(route.segments) > 1 && route.segments[1] == "tickets"
	if wait := t.limits.take(ticket, t.cfg.Now()); wait > 0 {
		return tooMany(wait)
	}
	if a, bad := t.faultBefore(); bad {
		return a
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if a, bad := c.decode(route); bad {
			return a
		}
	}
	return t.run(c, route)
}

func (t *Twin) faultBefore() (answer, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case spend(&t.faults.Next429):
		return tooMany(time.Second), true
	case spend(&t.faults.Next409):
		return timeout(), true
	}
	return answer{}, false
}

// run does the operation and counts it.
func (t *Twin) run(c *call, route *route) answer {
	t.begin(byAPI)
	defer t.end()
	a := route.handle(t, c)
	if !route.writes || a.status >= 300 || a.idle {
		return a
	}
	t.changed()
	t.stats.Writes++
	if spend(&t.faults.DropAfterCommit) {
		return answer{}
	}
	return a
}

// authenticate checks the credential and the Project header. That the key is
// looked at first is our reading; the answers are those of §6.
func (t *Twin) authenticate(c *call, route *route) (answer, bool) {
	if route.legacy {
		// Whether the v3 key is the Api-Token too is unconfirmed (§3.2); the
		// twin has one secret for both.
		if !t.isKey(c.r.Header.Get("Api-Token")) {
			return fail(http.StatusUnauthorized, "Api token is invalid."), true
		}
		c.user = t.serviceUser()
		return answer{}, false
	}
	scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return fail(http.StatusUnauthorized, "Unauthorized."), true
	}
	switch {
	case t.isKey(token):
		// Whether writes belong to a service account or to the key's user is
		// unconfirmed (§3.1); the twin has a service account.
		c.user = t.serviceUser()
	case t.isAccessToken(token):
		c.user = t.agent()
	default:
		return fail(http.StatusUnauthorized, "Invalid token."), true
	}
	if route.global {
		return answer{}, false
	}
	switch project := c.r.Header.Get("Project"); {
	case project == "":
		return plain(http.StatusBadRequest, "Project header is required"), true
	case project != t.cfg.ProjectID:
		return fail(http.StatusForbidden, "You do not have access to this project."), true
	}
	return answer{}, false
}

func (t *Twin) isKey(token string) bool {
	t.mu.Lock()
	revoked := t.faults.RevokeTokens
	t.mu.Unlock()
	return !revoked && same(token, t.cfg.Token)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// decode reads and checks a JSON body. Anything not declared as JSON is left
// unread by Express, and reads as an empty object.
func (c *call) decode(route *route) (answer, bool) {
	c.in = object{}
	raw, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return plain(http.StatusRequestEntityTooLarge, "request entity too large"), true
	}
	if err != nil {
		return plain(http.StatusBadRequest, "request aborted"), true
	}
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if raw = bytes.TrimSpace(raw); kind == "application/json" && len(raw) > 0 {
		if json.Unmarshal(raw, &c.raw) != nil {
			return plain(http.StatusBadRequest, "Unexpected token in JSON"), true
		}
		in, isObject := c.raw.(object)
		if !isObject && !route.anyBody {
			return invalid(object{"requestBody": object{"message": "invalid object"}}), true
		}
		if isObject {
			c.in = in
		}
	}
	if route.body != nil {
		if fields := route.body.check(c.in); fields != nil {
			return invalid(fields), true
		}
	}
	return answer{}, false
}
