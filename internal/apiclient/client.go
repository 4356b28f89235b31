package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"crosswalk/internal/provider"
)

const (
	defaultMaxBody = 10 << 20
	defaultTimeout = 60 * time.Second
	maxDetail      = 1 << 10
)

// Config says how to reach one account at one provider.
type Config struct {
	Provider provider.ID
	// BaseURL is the root of the API; its path prefix is kept.
	BaseURL string
	// Transport carries the requests; nil is one shared by the process, with timeouts.
	Transport http.RoundTripper
	// Authorize sets credentials and fixed headers. It is asked anew for every attempt.
	Authorize func(ctx context.Context, r *http.Request) error
	// Refresh, when set, is called once after an Unauthorized answer; the call is then repeated once.
	// A second refusal is Revoked.
	Refresh func(ctx context.Context) error
	// Budget is waited for before every attempt; nil is no limit.
	Budget *Budget
	// Classify is the adapter's reading of an answer outside 2xx. A nil answer, or one of kind Unknown, leaves
	// the kind to the HTTP status.
	Classify func(op string, resp *Response) *provider.Error
	// Failed, when set, is told of every attempt that was sent and failed. The error is not to be changed.
	Failed func(e *provider.Error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// MaxBody bounds an answer; 0 is 10 MiB.
	MaxBody int64
	// Timeout bounds one attempt, body included; 0 is a minute.
	Timeout time.Duration
}

// Client does HTTP exchanges for an adapter. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
}

// New makes a client. An unusable BaseURL is reported by the first call.
func New(cfg Config) *Client {
	if cfg.Transport == nil {
		cfg.Transport = sharedTransport
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = defaultMaxBody
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Client{cfg: cfg, http: &http.Client{
		Transport: cfg.Transport,
		// A redirect would carry the credential, or a repeated write, to an address nobody chose.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Request is one operation to do.
type Request struct {
	Op     string // in words, for errors: "create contact"
	Method string
	Path   string // begins with "/"; segments already escaped
	// RawQuery is the encoded query.
	RawQuery string
	Body     any        // sent as JSON when not nil
	Form     url.Values // sent as a form when not nil and Body is nil
	Header   http.Header
	// Write marks a call that changes something: a failure after it was sent is Ambiguous, not Unavailable.
	Write bool
}

// Response is an answer as it came.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends req and decodes a 2xx JSON answer into out, when out is not nil. Every error is a *provider.Error.
// The response is returned beside an error when there was an answer.
func (c *Client) Do(ctx context.Context, req Request, out any) (*Response, error) {
	payload, kind, err := encode(req)
	if err != nil {
		return nil, &provider.Error{Provider: c.cfg.Provider, Op: req.Op, Kind: provider.Invalid, Detail: "the request cannot be encoded", Err: err}
	}
	resp, failure := c.attempt(ctx, req, payload, kind, out)
	if failure == nil {
		return resp, nil
	}
	if failure.Kind != provider.Unauthorized || failure.Status == 0 || c.cfg.Refresh == nil {
		return resp, failure
	}
	if err := c.cfg.Refresh(ctx); err != nil {
		if e, ok := errors.AsType[*provider.Error](err); ok {
			return resp, e
		}
		// Only whoever refreshes can know that a grant has ended, and says Revoked; anything else may pass.
		return resp, &provider.Error{Provider: c.cfg.Provider, Op: req.Op, Kind: provider.Unavailable, Status: failure.Status, Detail: "the credential could not be renewed", Err: err}
	}
	if resp, failure = c.attempt(ctx, req, payload, kind, out); failure == nil {
		return resp, nil
	}
	if failure.Kind == provider.Unauthorized {
		failure.Kind = provider.Revoked
	}
	return resp, failure
}

func encode(req Request) (payload []byte, kind string, err error) {
	switch {
	case req.Body != nil:
		payload, err = json.Marshal(req.Body)
		return payload, "application/json", err
	case req.Form != nil:
		return []byte(req.Form.Encode()), "application/x-www-form-urlencoded", nil
	}
	return nil, "", nil
}

// attempt is one exchange, from waiting for the budget to a decoded answer.
func (c *Client) attempt(ctx context.Context, req Request, payload []byte, kind string, out any) (*Response, *provider.Error) {
	fail := func(k provider.Kind, detail string, err error) *provider.Error {
		return &provider.Error{Provider: c.cfg.Provider, Op: req.Op, Kind: k, Detail: detail, Err: err}
	}
	if err := c.cfg.Budget.Wait(ctx, provider.PriorityOf(ctx)); err != nil {
		if e, ok := errors.AsType[*provider.Error](err); ok {
			e.Provider, e.Op = c.cfg.Provider, req.Op
			return nil, e
		}
		return nil, fail(provider.Unavailable, "stopped while waiting for the rate limit", err)
	}

	defer c.cfg.Budget.Done()

	parent := ctx
	ctx, cancel := provider.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	sent := &sentTrace{}
	r, err := c.build(sent.watch(ctx), req, payload, kind)
	if err != nil {
		return nil, fail(provider.Invalid, "the request cannot be built", err)
	}
	if c.cfg.Authorize != nil {
		if err := c.cfg.Authorize(ctx, r); err != nil {
			if e, ok := errors.AsType[*provider.Error](err); ok {
				own := *e // it may be shared between calls
				own.Provider, own.Op = c.cfg.Provider, req.Op
				return nil, &own
			}
			return nil, fail(provider.Unavailable, "the credential is not at hand", err)
		}
	}
	secrets := credentialsOf(r)

	began := c.cfg.Now()
	answer, err := c.http.Do(r)
	var resp *Response
	if err == nil {
		resp, err = c.read(answer)
	}
	call := provider.Call{At: began, Method: r.Method, Path: safePath(r.URL, secrets), Duration: c.cfg.Now().Sub(began)}
	if resp != nil {
		call.Status = resp.Status
		c.cfg.Budget.Observe(resp.Header, resp.Status)
	}

	failure := c.judge(parent, req, r, resp, err, sent, out)
	if failure != nil {
		failure.Provider, failure.Op = c.cfg.Provider, req.Op
		failure.Detail = cut(conceal(failure.Detail, secrets), maxDetail)
		for field, complaint := range failure.Fields {
			failure.Fields[field] = cut(conceal(complaint, secrets), maxDetail)
		}
		call.Error = failure.Kind.String()
		if failure.Detail != "" {
			call.Error += ": " + failure.Detail
		}
		call.TraceID = failure.TraceID
		if c.cfg.Failed != nil {
			told := *failure // the caller may still make it Revoked
			c.cfg.Failed(&told)
		}
	}
	if record := provider.Recorder(ctx); record != nil {
		call.Request = conceal(Redact(payload, kind), secrets)
		if resp != nil {
			call.Response = conceal(Redact(resp.Body, resp.Header.Get("Content-Type")), secrets)
		}
		record(call)
	}
	return resp, failure
}

func (c *Client) build(ctx context.Context, req Request, payload []byte, kind string) (*http.Request, error) {
	base, err := url.Parse(c.cfg.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, errors.New("the address of the API is not a web address")
	}
	if !strings.HasPrefix(req.Path, "/") {
		return nil, fmt.Errorf("path %q does not begin with a slash", req.Path)
	}
	u, err := url.Parse(strings.TrimSuffix(base.EscapedPath(), "/") + req.Path)
	if err != nil {
		return nil, errors.New("the path cannot be parsed")
	}
	u.Scheme, u.Host, u.RawQuery = base.Scheme, base.Host, req.RawQuery
	var body io.Reader
	if payload != nil {
		body = bytes.NewReader(payload)
	}
	r, err := http.NewRequestWithContext(ctx, req.Method, u.String(), body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Crosswalk")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for k, values := range req.Header {
		r.Header[http.CanonicalHeaderKey(k)] = values
	}
	return r, nil
}

var errTooBig = errors.New("the answer is larger than we accept")

// read takes the whole answer. On failure the response still carries status and headers.
func (c *Client) read(answer *http.Response) (*Response, error) {
	defer func() { _ = answer.Body.Close() }() // a failing close of a read body tells us nothing
	resp := &Response{Status: answer.StatusCode, Header: answer.Header}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.cfg.MaxBody+1))
	resp.Body = body
	if err == nil && int64(len(body)) > c.cfg.MaxBody {
		resp.Body, err = body[:c.cfg.MaxBody], errTooBig
	}
	return resp, err
}

// judge turns the outcome of an exchange into nil or the one error a caller sees.
func (c *Client) judge(parent context.Context, req Request, r *http.Request, resp *Response, err error, sent *sentTrace, out any) *provider.Error {
	unsure := provider.Unavailable
	if req.Write {
		unsure = provider.Ambiguous
	}
	if resp == nil {
		return c.unanswered(parent, r, err, sent, unsure)
	}
	if resp.Status < 200 || resp.Status > 299 {
		// A refusal counts even when its body was cut off.
		return c.refused(req, resp)
	}
	garbled := func(detail string, err error) *provider.Error {
		if parent.Err() != nil {
			detail, err = "stopped while reading the answer", parent.Err()
		}
		return &provider.Error{Kind: unsure, Status: resp.Status, Detail: detail, Err: err}
	}
	switch {
	case errors.Is(err, errTooBig):
		return garbled("the answer is larger than we accept", nil)
	case err != nil:
		return garbled("the answer broke off", plain(err))
	case out == nil || resp.Status == http.StatusNoContent:
		return nil
	case len(bytes.TrimSpace(resp.Body)) == 0:
		return garbled("the answer is empty", nil)
	case !utf8.Valid(resp.Body):
		return garbled("the answer is not valid text", nil)
	}
	if err := json.Unmarshal(resp.Body, out); err != nil {
		if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
			return garbled("the answer is a web page, not data", nil)
		}
		// The decoder's own words may quote the answer; they add nothing a person could use.
		return garbled("the answer is not the data we expected", nil)
	}
	return nil
}

// unanswered judges a call without any answer: what matters is whether it may have arrived.
func (c *Client) unanswered(parent context.Context, r *http.Request, err error, sent *sentTrace, unsure provider.Kind) *provider.Error {
	host := r.URL.Hostname()
	reason := plain(err)
	if parent.Err() != nil {
		reason = parent.Err()
	}
	if !sent.possibly(err) {
		return &provider.Error{Kind: provider.Unavailable, Detail: "could not reach " + host, Err: reason}
	}
	detail := host + " did not answer"
	switch {
	case errors.Is(reason, context.Canceled):
		detail = "stopped before " + host + " answered"
	case isTimeout(err):
		detail = host + " did not answer in time"
	}
	return &provider.Error{Kind: unsure, Detail: detail, Err: reason}
}

// refused reads an answer outside 2xx: the adapter first, the status where it has no opinion.
func (c *Client) refused(req Request, resp *Response) *provider.Error {
	var e *provider.Error
	if c.cfg.Classify != nil {
		e = c.cfg.Classify(req.Op, resp)
	}
	if e == nil {
		e = &provider.Error{}
	}
	e.Status = resp.Status
	if e.Kind == provider.Unknown {
		e.Kind = kindOfStatus(resp, req.Write)
	}
	if e.Kind == provider.RateLimited && e.RetryAfter <= 0 {
		e.RetryAfter = RetryAfter(resp.Header, c.cfg.Now())
	}
	if e.Kind == provider.Unavailable && e.RetryAfter <= 0 && resp.Header.Get("Retry-After") != "" {
		e.RetryAfter = RetryAfter(resp.Header, c.cfg.Now())
	}
	if e.Detail == "" {
		e.Detail = http.StatusText(resp.Status)
	}
	return e
}

func kindOfStatus(resp *Response, write bool) provider.Kind {
	switch s := resp.Status; {
	case s == http.StatusUnauthorized:
		return provider.Unauthorized
	case s == http.StatusForbidden:
		return provider.Forbidden
	case s == http.StatusNotFound, s == http.StatusGone:
		return provider.NotFound
	case s == http.StatusTooManyRequests:
		return provider.RateLimited
	case s == http.StatusNotImplemented:
		return provider.Unsupported
	case s == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		// Whoever names a time to come back has refused the call, not lost it.
		return provider.Unavailable
	case s >= 500, s == http.StatusRequestTimeout:
		if write {
			return provider.Ambiguous
		}
		return provider.Unavailable
	}
	return provider.Invalid
}

// plain drops the wrapper that repeats the whole address, query included.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
