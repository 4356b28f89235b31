package gleap

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a settable time, shared by a twin and its test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// client talks to a twin over HTTP as somebody who has read the documentation.
type client struct {
	t     *testing.T
	twin  *Twin
	base  string
	ready Ready
	clock *clock
}

func start(t *testing.T, cfg Config) *client {
	t.Helper()
	k := newClock()
	if cfg.Now == nil {
		cfg.Now = k.now
	}
	twin, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(twin)
	t.Cleanup(func() {
		srv.Close()
		if err := twin.Close(); err != nil {
			t.Error(err)
		}
	})
	return &client{t: t, twin: twin, base: srv.URL, ready: twin.Ready(srv.URL), clock: k}
}

type reply struct {
	status int
	header http.Header
	raw    []byte
}

// send sends a request whose path is under /v3, unless it begins with "//".
func (c *client) send(method, path string, body any, headers ...string) (reply, error) {
	c.t.Helper()
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	at := c.ready.URL + path
	if root, isRoot := strings.CutPrefix(path, "//"); isRoot {
		at = c.base + "/" + root
	}
	req, err := http.NewRequest(method, at, in)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.ready.Token)
	req.Header.Set("Project", c.ready.ProjectID)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		} else {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	noFollow := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := noFollow.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, raw}, err
}

func (c *client) do(want int, method, path string, body any, headers ...string) reply {
	c.t.Helper()
	r, err := c.send(method, path, body, headers...)
	if err != nil {
		c.t.Fatal(err)
	}
	if r.status != want {
		c.t.Fatalf("%s %s: status %d, want %d: %s", method, path, r.status, want, r.raw)
	}
	return r
}

func (c *client) object(want int, method, path string, body any, headers ...string) object {
	c.t.Helper()
	return decoded[object](c.t, c.do(want, method, path, body, headers...))
}

func (c *client) list(path string) []object {
	c.t.Helper()
	return decoded[[]object](c.t, c.do(200, "GET", path, nil))
}

func decoded[T any](t *testing.T, r reply) T {
	t.Helper()
	var out T
	if err := json.Unmarshal(r.raw, &out); err != nil {
		t.Fatalf("%v: %s", err, r.raw)
	}
	return out
}

func ids(docs []object) []string {
	out := make([]string, len(docs))
	for i, doc := range docs {
		out[i] = text(doc, "id")
	}
	return out
}

// names are what the contacts are called, which says which were found.
func names(docs []object) string {
	out := make([]string, len(docs))
	for i, doc := range docs {
		out[i] = text(doc, "name")
	}
	return strings.Join(out, " ")
}
