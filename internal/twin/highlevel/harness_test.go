package highlevel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// stage is a twin behind a real socket with a client that checks every answer
// against the official files.
type stage struct {
	*testing.T
	twin  *Twin
	srv   *httptest.Server
	ready Ready
	clock *clock
}

// clock is a settable time.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newStage(t *testing.T, adjust ...func(*Config)) *stage {
	t.Helper()
	clk := newClock()
	cfg := Config{Seed: 7, Now: clk.Now, Rate: Rate{Burst: -1}}
	for _, f := range adjust {
		f(&cfg)
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
	return &stage{t, twin, srv, twin.Ready(srv.URL), clk}
}

// reply is an answer of the twin.
type reply struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

// at reads a value by a dotted path; numbers index lists.
func (r reply) at(path string) any {
	var v any = r.body
	for step := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (r reply) str(path string) string { s, _ := r.at(path).(string); return s }

type edit func(*http.Request)

func header(k, v string) edit  { return func(r *http.Request) { r.Header.Set(k, v) } }
func bearer(token string) edit { return header("Authorization", "Bearer "+token) }

// call sends a request as a well-behaved client would and validates the answer.
func (s *stage) call(method, path string, body any, edits ...edit) reply {
	s.Helper()
	r, err := s.try(method, path, body, edits...)
	if err != nil {
		s.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (s *stage) try(method, path string, body any, edits ...edit) (reply, error) {
	s.Helper()
	var in io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
		kind = ""
	case string:
		in = strings.NewReader(b)
	case url.Values:
		in, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			s.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(s.Context(), method, s.srv.URL+path, in)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Version", "2021-07-28")
	req.Header.Set("Authorization", "Bearer "+s.ready.Token)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for _, e := range edits {
		e(req)
	}
	client := &http.Client{
		Transport:     s.srv.Client().Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{status: res.StatusCode, header: res.Header, raw: string(raw)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") && len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &out.body); err != nil {
			s.Fatalf("%s %s: answer is not JSON: %s", method, path, raw)
		}
	}
	if !strings.HasPrefix(path, "/_twin") && !consentPaths[req.URL.Path] {
		if out.body["traceId"] == nil {
			s.Errorf("%s %s: answer without a traceId: %s", method, path, raw)
		}
		if out.header.Get("X-RateLimit-Remaining") == "" {
			s.Errorf("%s %s: answer without rate headers", method, path)
		}
		checkContract(s.T, method, req.URL.Path, out)
	}
	return out, nil
}

func (s *stage) want(status int, r reply) reply {
	s.Helper()
	if r.status != status {
		s.Fatalf("status %d, want %d: %s", r.status, status, r.raw)
	}
	return r
}

func (s *stage) wantMessage(status int, part string, r reply) {
	s.Helper()
	if r.status != status || !strings.Contains(fmt.Sprint(r.body["message"]), part) {
		s.Errorf("answer %d %s, want %d with %q", r.status, r.raw, status, part)
	}
}

// create makes a contact through the API and returns its id.
func (s *stage) create(fields map[string]any) string {
	s.Helper()
	in := map[string]any{"locationId": s.ready.LocationID}
	for k, v := range fields {
		in[k] = v
	}
	return s.want(201, s.call("POST", "/contacts/", in)).str("contact.id")
}

// connect walks through the consent page and redeems the code.
func (s *stage) connect(scope string, extra ...string) reply {
	s.Helper()
	code := s.consent(scope)
	in := url.Values{
		"client_id": {s.ready.ClientID}, "client_secret": {s.ready.ClientSecret},
		"grant_type": {"authorization_code"}, "code": {code},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		in.Set(extra[i], extra[i+1])
	}
	return s.want(200, s.call("POST", "/oauth/token", in))
}

const callback = "http://127.0.0.1:9/callback"

func (s *stage) consent(scope string) string {
	s.Helper()
	r := s.want(302, s.call("POST", "/v2/oauth/chooselocation", url.Values{
		"response_type": {"code"}, "client_id": {s.ready.ClientID}, "redirect_uri": {callback}, "scope": {scope},
		"state": {"xyz"}, "location": {s.ready.LocationID}, "decision": {"approve"},
	}))
	back, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		s.Fatal(err)
	}
	if got := back.Query().Get("state"); got != "xyz" {
		s.Errorf("state came back as %q", got)
	}
	return back.Query().Get("code")
}
