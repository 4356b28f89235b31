package apiclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
)

// tripFunc answers requests in memory.
type tripFunc func(*http.Request) (*http.Response, error)

func (f tripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, header http.Header, body string) tripFunc {
	return func(*http.Request) (*http.Response, error) {
		if header == nil {
			header = http.Header{}
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// brokenBody fails in the middle of an answer.
type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
func (brokenBody) Close() error { return nil }

func client(rt http.RoundTripper) *apiclient.Client {
	return apiclient.New(apiclient.Config{Provider: "acme", BaseURL: "https://api.acme.test/v1/", Transport: rt, MaxBody: 64})
}

func TestOutcomeOfACallBecomesOneKind(t *testing.T) {
	t.Parallel()
	failing := func(err error) tripFunc {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	retryAfter := http.Header{"Retry-After": {"7"}}
	tests := map[string]struct {
		trip        tripFunc
		read, write provider.Kind
		after       time.Duration
	}{
		"refused connection":    {failing(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), provider.Unavailable, provider.Unavailable, 0},
		"no such host":          {failing(&net.DNSError{Err: "no such host"}), provider.Unavailable, provider.Unavailable, 0},
		"reset after sending":   {failing(&net.OpError{Op: "read", Err: errors.New("connection reset")}), provider.Unavailable, provider.Ambiguous, 0},
		"closed without answer": {failing(io.EOF), provider.Unavailable, provider.Ambiguous, 0},
		"400":                   {answer(400, nil, "{}"), provider.Invalid, provider.Invalid, 0},
		"302":                   {answer(302, http.Header{"Location": {"https://evil.test"}}, ""), provider.Invalid, provider.Invalid, 0},
		"401":                   {answer(401, nil, "{}"), provider.Unauthorized, provider.Unauthorized, 0},
		"403":                   {answer(403, nil, "{}"), provider.Forbidden, provider.Forbidden, 0},
		"404":                   {answer(404, nil, "{}"), provider.NotFound, provider.NotFound, 0},
		"429":                   {answer(429, retryAfter, ""), provider.RateLimited, provider.RateLimited, 7 * time.Second},
		"429 without a hint":    {answer(429, nil, ""), provider.RateLimited, provider.RateLimited, 10 * time.Second},
		"500":                   {answer(500, nil, ""), provider.Unavailable, provider.Ambiguous, 0},
		"502":                   {answer(502, nil, "<html>"), provider.Unavailable, provider.Ambiguous, 0},
		"503":                   {answer(503, nil, ""), provider.Unavailable, provider.Ambiguous, 0},
		"503 come back later":   {answer(503, retryAfter, ""), provider.Unavailable, provider.Unavailable, 7 * time.Second},
		"501":                   {answer(501, nil, ""), provider.Unsupported, provider.Unsupported, 0},
		"not JSON":              {answer(200, nil, "hello"), provider.Unavailable, provider.Ambiguous, 0},
		"a web page":            {answer(200, http.Header{"Content-Type": {"text/html"}}, "<html>"), provider.Unavailable, provider.Ambiguous, 0},
		"nothing":               {answer(200, nil, ""), provider.Unavailable, provider.Ambiguous, 0},
		"truncated JSON":        {answer(200, nil, `{"a":`), provider.Unavailable, provider.Ambiguous, 0},
		"invalid UTF-8":         {answer(200, nil, "{\"a\":\"\xff\"}"), provider.Unavailable, provider.Ambiguous, 0},
		"too big":               {answer(200, nil, `{"a":"`+strings.Repeat("x", 100)+`"}`), provider.Unavailable, provider.Ambiguous, 0},
		"another type":          {answer(200, nil, `[1]`), provider.Unavailable, provider.Ambiguous, 0},
		"broken off": {func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: brokenBody{strings.NewReader(`{"a":1`)}}, nil
		}, provider.Unavailable, provider.Ambiguous, 0},
		"refusal broken off": {func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 403, Header: http.Header{}, Body: brokenBody{strings.NewReader(`{"a":1`)}}, nil
		}, provider.Forbidden, provider.Forbidden, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, write := range []bool{false, true} {
				var out map[string]any
				_, err := client(tt.trip).Do(t.Context(), apiclient.Request{Op: "try it", Method: "POST", Path: "/x", Write: write}, &out)
				e, ok := errors.AsType[*provider.Error](err)
				if !ok {
					t.Fatalf("error = %v, want a *provider.Error", err)
				}
				want := tt.read
				if write {
					want = tt.write
				}
				if e.Kind != want || e.RetryAfter != tt.after {
					t.Errorf("write %v: kind %v after %v, want %v after %v (%v)", write, e.Kind, e.RetryAfter, want, tt.after, err)
				}
				if e.Provider != "acme" || e.Op != "try it" {
					t.Errorf("error names %q, %q", e.Provider, e.Op)
				}
			}
		})
	}
}

func TestAnAddressNobodyListensAtIsUnavailableEvenForAWrite(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	c := apiclient.New(apiclient.Config{Provider: "acme", BaseURL: address})
	_, err := c.Do(t.Context(), apiclient.Request{Op: "create", Method: "POST", Path: "/x", Body: 1, Write: true}, nil)
	e, _ := errors.AsType[*provider.Error](err)
	if e == nil || e.Kind != provider.Unavailable || e.Detail != "could not reach 127.0.0.1" {
		t.Errorf("error = %v", err)
	}
}

func TestAWriteWhoseConnectionDropsIsAmbiguousOverRealHTTP(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	c := apiclient.New(apiclient.Config{Provider: "acme", BaseURL: server.URL})
	_, err := c.Do(t.Context(), apiclient.Request{Op: "create", Method: "POST", Path: "/x", Body: 1, Write: true}, nil)
	if !provider.IsKind(err, provider.Ambiguous) {
		t.Errorf("error = %v, want ambiguous", err)
	}
}

func TestCancellingIsRecognisable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := client(tripFunc(func(r *http.Request) (*http.Response, error) {
			cancel()
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		_, err := c.Do(ctx, apiclient.Request{Op: "create", Method: "POST", Path: "/x", Write: true}, nil)
		if !provider.Stopped(err) || !provider.IsKind(err, provider.Ambiguous) {
			t.Errorf("error = %v, want ambiguous and stopped", err)
		}
		_, err = c.Do(ctx, apiclient.Request{Op: "create", Method: "POST", Path: "/x", Write: true}, nil)
		if !provider.Stopped(err) || !provider.IsKind(err, provider.Unavailable) {
			t.Errorf("before sending: error = %v, want unavailable and stopped", err)
		}
	})
}

func TestASilentServerTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := client(tripFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		_, err := c.Do(t.Context(), apiclient.Request{Op: "read", Method: "GET", Path: "/x"}, nil)
		e, _ := errors.AsType[*provider.Error](err)
		if e == nil || e.Kind != provider.Unavailable || e.Detail != "api.acme.test did not answer in time" {
			t.Errorf("error = %v", err)
		}
	})
}

func TestUnauthorizedRefreshesOnceAndRepeatsOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		good  bool
		fails error
		calls int
		kind  provider.Kind
	}{
		"the new token is good": {true, nil, 2, provider.Unknown},
		"it is refused as well": {false, nil, 2, provider.Revoked},
		"the refresh fails":     {false, errors.New("no"), 1, provider.Unavailable},
		"the grant has ended":   {false, &provider.Error{Kind: provider.Revoked}, 1, provider.Revoked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, calls, bodies := "old-token", 0, []string{}
			c := apiclient.New(apiclient.Config{
				BaseURL: "https://api.acme.test",
				Transport: tripFunc(func(r *http.Request) (*http.Response, error) {
					calls++
					b, _ := io.ReadAll(r.Body)
					bodies = append(bodies, string(b))
					if r.Header.Get("Authorization") == "Bearer new-token" && tt.good {
						return answer(200, nil, `{}`)(r)
					}
					return answer(401, nil, `{}`)(r)
				}),
				Authorize: func(_ context.Context, r *http.Request) error {
					r.Header.Set("Authorization", "Bearer "+token)
					return nil
				},
				Refresh: func(context.Context) error { token = "new-token"; return tt.fails },
			})
			_, err := c.Do(t.Context(), apiclient.Request{Method: "POST", Path: "/x", Body: "same"}, nil)
			if provider.KindOf(err) != tt.kind || (err == nil) != tt.good || calls != tt.calls {
				t.Errorf("calls %d, error %v; want %d calls, kind %v", calls, err, tt.calls, tt.kind)
			}
			for _, b := range bodies {
				if b != `"same"` {
					t.Errorf("body = %q", b)
				}
			}
		})
	}
}

func TestWithoutACredentialNothingIsSent(t *testing.T) {
	t.Parallel()
	shared := &provider.Error{Kind: provider.Revoked}
	for want, err := range map[provider.Kind]error{provider.Unavailable: errors.New("database is away"), provider.Revoked: shared} {
		sent := false
		c := apiclient.New(apiclient.Config{
			Provider: "acme", BaseURL: "https://api.acme.test",
			Transport: tripFunc(func(r *http.Request) (*http.Response, error) { sent = true; return answer(200, nil, "{}")(r) }),
			Authorize: func(context.Context, *http.Request) error { return err },
			Refresh:   func(context.Context) error { t.Error("refreshes"); return nil },
		})
		if _, got := c.Do(t.Context(), apiclient.Request{Op: "read", Method: "GET", Path: "/x"}, nil); !provider.IsKind(got, want) || sent {
			t.Errorf("error %v, sent %v; want %v", got, sent, want)
		}
	}
	if shared.Op != "" {
		t.Error("an error shared between calls was changed")
	}
}

func TestTheAdaptersReadingGoesBeforeTheStatus(t *testing.T) {
	t.Parallel()
	c := apiclient.New(apiclient.Config{
		BaseURL:   "https://api.acme.test",
		Transport: answer(400, nil, `{"message":"Contact not found"}`),
		Classify: func(op string, resp *apiclient.Response) *provider.Error {
			return &provider.Error{Kind: provider.NotFound, Detail: string(resp.Body)}
		},
	})
	if _, err := c.Do(t.Context(), apiclient.Request{Method: "GET", Path: "/x"}, nil); !provider.IsKind(err, provider.NotFound) {
		t.Errorf("error = %v", err)
	}
}

func TestPathsKeepPrefixAndEscaping(t *testing.T) {
	t.Parallel()
	var got string
	c := client(tripFunc(func(r *http.Request) (*http.Response, error) {
		got = r.URL.String()
		return answer(204, nil, "")(r)
	}))
	if _, err := c.Do(t.Context(), apiclient.Request{Method: "GET", Path: "/a/" + url.PathEscape("b/c?d") + "/", RawQuery: "email=a%2Bb%40c.de"}, &struct{}{}); err != nil {
		t.Fatal(err)
	}
	if want := "https://api.acme.test/v1/a/b%2Fc%3Fd/?email=a%2Bb%40c.de"; got != want {
		t.Errorf("url = %s, want %s", got, want)
	}
}

func TestUnusableAddressesAreErrorsNotPanics(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "::", "ftp://x", "no scheme", "https://"} {
		c := apiclient.New(apiclient.Config{BaseURL: base, Transport: answer(200, nil, "{}")})
		if _, err := c.Do(t.Context(), apiclient.Request{Method: "GET", Path: "/x"}, nil); !provider.IsKind(err, provider.Invalid) {
			t.Errorf("%q: error = %v", base, err)
		}
	}
}

func TestExchangesAreRecordedWithoutSecrets(t *testing.T) {
	t.Parallel()
	c := apiclient.New(apiclient.Config{
		BaseURL:   "https://api.acme.test",
		Transport: answer(401, nil, `{"message":"Invalid token: s3cr3t-value","access_token":"abc","ok":1}`),
		Authorize: func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer s3cr3t-value")
			return nil
		},
		Classify: func(_ string, resp *apiclient.Response) *provider.Error {
			return &provider.Error{Detail: string(resp.Body)}
		},
	})
	var calls []provider.Call
	ctx := provider.WithRecorder(t.Context(), func(c provider.Call) { calls = append(calls, c) })
	_, err := c.Do(ctx, apiclient.Request{
		Op: "sign in", Method: "POST", Path: "/token", RawQuery: "api_key=hush&page=2",
		Form: url.Values{"client_secret": {"hush"}, "grant_type": {"refresh_token"}},
	}, nil)
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the error tells the token: %v", err)
	}
	if len(calls) != 1 {
		t.Fatalf("%d calls recorded", len(calls))
	}
	got := calls[0]
	got.At, got.Duration, got.Error = time.Time{}, 0, ""
	want := provider.Call{
		Method: "POST", Path: "/token?api_key=[redacted]&page=2", Status: 401,
		Request:  "client_secret=[redacted]&grant_type=refresh_token",
		Response: `{"message":"Invalid token: [redacted]","access_token":"[redacted]","ok":1}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
}

func TestRedactHidesSecretsInEveryShape(t *testing.T) {
	t.Parallel()
	long := `{"items":["` + strings.Repeat("é", 5000) + `"]}`
	tests := map[string]struct{ body, kind, want string }{
		"nested":           {`{"a":[{"refresh_token":"x","b":1}]}`, "application/json", `{"a":[{"refresh_token":"[redacted]","b":1}]}`},
		"whole objects":    {`{"secret":{"a":"x"},"b":2}`, "", `{"secret":"[redacted]","b":2}`},
		"share tokens":     {`{"secretShareToken":"x","shareToken":"y","gleapHash":"z"}`, "", `{"secretShareToken":"[redacted]","shareToken":"[redacted]","gleapHash":"[redacted]"}`},
		"escaped keys":     {`{"\u0074oken":"x"}`, "", `{"token":"[redacted]"}`},
		"broken off":       {`{"name":"n","token":"xyz`, "", `{"name":"n","token":"[redacted]"`},
		"plain text":       {`error: Authorization: Bearer abcdefghijk`, "text/plain", `error: Authorization: Bearer [redacted]`},
		"form":             {`code=abc&state=1`, "application/x-www-form-urlencoded", `code=[redacted]&state=1`},
		"harmless":         {`{"postalCode":"1010","name":"<b>"}`, "", `{"postalCode":"1010","name":"<b>"}`},
		"nothing":          {"  ", "", ""},
		"invalid text":     {"a\xffb", "", "a\uFFFDb"},
		"numbers keep":     {`{"n":12345678901234567890}`, "", `{"n":12345678901234567890}`},
		"empty containers": {`{"a":{},"b":[]}`, "", `{"a":{},"b":[]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := apiclient.Redact([]byte(tt.body), tt.kind); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := apiclient.Redact([]byte(long), ""); len(got) > 4096 || !strings.HasSuffix(got, "…") {
		t.Errorf("long body cut to %d bytes", len(got))
	}
}

func FuzzRedactNeverLeaksATokenOrGrows(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `[[[`, `{"token":`, "\xff", `{"a":{"b":[1,2,{"password":"p"}]}}`, `"x"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if got := apiclient.Redact(body, "application/json"); len(got) > 4096 {
			t.Errorf("%d bytes", len(got))
		}
		wrapped := bytes.Join([][]byte{[]byte(`{"token":"canary-7f3a","rest":`), body}, nil)
		if strings.Contains(apiclient.Redact(wrapped, "application/json"), "canary-7f3a") {
			t.Errorf("leaks: %q", wrapped)
		}
	})
}

func TestRetryAfterReadsSecondsDatesAndIntervals(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"seconds":   {http.Header{"Retry-After": {"30"}}, 30 * time.Second},
		"date":      {http.Header{"Retry-After": {now.Add(time.Minute).Format(http.TimeFormat)}}, time.Minute},
		"past date": {http.Header{"Retry-After": {now.Add(-time.Minute).Format(http.TimeFormat)}}, time.Second},
		"nonsense":  {http.Header{"Retry-After": {"soon"}}, 10 * time.Second},
		"negative":  {http.Header{"Retry-After": {"-5"}}, time.Second},
		"huge":      {http.Header{"Retry-After": {"1e300"}}, 24 * time.Hour},
		"interval":  {http.Header{"X-Ratelimit-Interval-Milliseconds": {"4000"}}, 4 * time.Second},
		"none":      {http.Header{}, 10 * time.Second},
	} {
		if got := apiclient.RetryAfter(tt.header, now); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestAHandshakeThatFailsSendsNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	c := apiclient.New(apiclient.Config{Provider: "acme", BaseURL: server.URL}) // does not know the server's authority
	_, err := c.Do(t.Context(), apiclient.Request{Op: "create", Method: "POST", Path: "/x", Body: 1, Write: true}, nil)
	if !provider.IsKind(err, provider.Unavailable) {
		t.Errorf("error = %v, want unavailable", err)
	}
}
