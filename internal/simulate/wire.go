package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"
)

// errDead is what a process meets after its crash, whatever it still tries: nothing it does counts any more.
var errDead = errors.New("the process has died")

// timeoutError is a network's timeout.
type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// patience is how long a process may be busy with one key before its calls are cut off: less than a lease lasts.
const patience = 100 * time.Second

// wire carries one process's requests to one twin without a network, and fails as networks and providers do. While a
// request is under way the world goes on.
type wire struct {
	world   *world
	process *process
	side    side
}

// RoundTrip implements http.RoundTripper.
func (x wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w := x.world
	if r.Body != nil {
		defer r.Body.Close()
	}
	if x.process.dead {
		return nil, errDead
	}
	if _, timed := r.Context().Deadline(); timed {
		w.realTime = true // of which a slow machine has less, and a replay another amount
	}
	if t := x.process.task; t != nil && w.clock.Sub(t.claimedAt) > patience {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: timeoutError{}}
	}
	c := &call{side: x.side, method: r.Method, path: r.URL.Path, task: x.process.task, sent: w.clock}
	x.process.calls(c)
	w.pass(w.between(10*time.Millisecond, 180*time.Millisecond))
	if x.process.dead {
		return nil, errDead
	}
	w.calls = append(w.calls, c)
	fault := w.faults.draw(w, c)
	if fault == unreachable {
		w.tell("%s cannot reach %s", x.process.name, x.side)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: timeoutError{}}
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if fault == lostOnTheWay {
		w.tell("%s: %s %s is lost on the way", x.process.name, r.Method, r.URL.Path)
		w.pass(w.between(time.Second, 4*time.Second))
		return nil, timeoutError{}
	}
	if canned := fault.answer(x.side); canned != nil {
		w.tell("%s: %s %s is answered %d", x.process.name, r.Method, r.URL.Path, canned.status)
		c.answered, c.status = true, canned.status
		return canned.response(r), nil
	}
	if w.revoked[x.side] {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer revoked")
	}
	if c.ofChild() {
		w.stirChild(c)
	} else {
		w.stirBefore(c)
	}
	got, dropped := x.serve(r, c)
	w.pass(w.between(time.Millisecond, 40*time.Millisecond))
	switch {
	case dropped, fault == answerLost:
		w.tell("%s: the answer to %s %s is lost", x.process.name, r.Method, r.URL.Path)
		w.pass(w.between(time.Second, 4*time.Second))
		return nil, timeoutError{}
	case fault == answerSpoilt:
		w.tell("%s: the answer to %s %s is a gateway's error", x.process.name, r.Method, r.URL.Path)
		return (&written{status: http.StatusBadGateway, header: http.Header{"Content-Type": {"text/html"}}, body: *bytes.NewBufferString("<html>Bad Gateway</html>")}).response(r), nil
	case x.process.dead:
		return nil, errDead
	}
	c.answered = true
	return got.response(r), nil
}

// serve lets the twin answer, and writes down what it changed.
func (x wire) serve(r *http.Request, c *call) (got *written, dropped bool) {
	w := x.world
	c.moment, c.at, c.reached = w.moment(), w.clock, true
	w.result.Calls++
	got = &written{status: http.StatusOK, header: http.Header{}}
	func() {
		defer func() {
			if p := recover(); p == http.ErrAbortHandler {
				dropped = true
			} else if p != nil {
				panic(p)
			}
		}()
		if r.Body == nil {
			r.Body = http.NoBody
		}
		if w.scenario.tidies && x.side == highLevelSide && c.mutates() {
			r = tidied(r)
		}
		w.twin(x.side).ServeHTTP(got, r)
	}()
	c.status = got.status
	if dropped {
		c.status = 0
	}
	if !c.mutates() || (!dropped && got.status >= 300 && got.status != http.StatusUnprocessableEntity) {
		return got, dropped
	}
	if w.observe(x.side, pathID(c.path), c) || got.status < 300 {
		w.result.Writes++
		w.wrote = append(w.wrote, c)
		if c.ofChild() {
			w.stirMade(c)
		} else {
			w.stirAfter(c)
		}
	}
	return got, dropped
}

// tidied is a write to a provider that stores no two spaces in a row.
func tidied(r *http.Request) *http.Request {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return r
	}
	for bytes.Contains(body, []byte("  ")) {
		body = bytes.ReplaceAll(body, []byte("  "), []byte(" "))
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

// pathID is the contact a path names; empty when it names none, as a create.
func pathID(path string) string {
	for _, prefix := range []string{"/contacts/", "/v3/sessions/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			id, _, _ := strings.Cut(rest, "/")
			if id == "upsert" || id == "search" {
				return ""
			}
			return id
		}
	}
	return ""
}

// written is an answer as it is written. It implements http.ResponseWriter.
type written struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *written) Header() http.Header         { return a.header }
func (a *written) WriteHeader(status int)      { a.status = status }
func (a *written) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *written) response(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), Header: a.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(a.body.Len()),
		Body: io.NopCloser(bytes.NewReader(a.body.Bytes())), Request: r,
	}
}

// fault is one way in which a request fails.
type fault int

const (
	fine         fault = iota
	unreachable        // no connection was had
	lostOnTheWay       // sent, and never arrived
	answerLost         // carried out, and never answered
	answerSpoilt       // carried out, and a gateway answered instead
	tooMany            // 429
	unavailable        // 503 with a time to come back
	failing            // 500, nothing carried out
)

// answer is what a provider says instead of doing anything.
func (f fault) answer(s side) *written {
	a := &written{header: http.Header{"Content-Type": {"application/json"}}}
	switch f {
	case tooMany:
		a.status = http.StatusTooManyRequests
		a.header.Set("Retry-After", "2")
	case unavailable:
		a.status = http.StatusServiceUnavailable
		a.header.Set("Retry-After", "1")
	case failing:
		a.status = http.StatusInternalServerError
	default:
		return nil
	}
	fmt.Fprintf(&a.body, `{"message":%q}`, http.StatusText(a.status)+" at "+s.String())
	return a
}

// faults are how often what fails, out of a thousand requests.
type faults struct {
	unreachable, lostOnTheWay, answerLost, answerSpoilt, tooMany, unavailable, failing int
}

func (f faults) draw(w *world, c *call) fault {
	n := w.dice.IntN(1000)
	for _, kind := range []struct {
		share int
		fault fault
	}{
		{f.unreachable, unreachable}, {f.lostOnTheWay, lostOnTheWay}, {f.answerLost, answerLost},
		{f.answerSpoilt, answerSpoilt}, {f.tooMany, tooMany}, {f.unavailable, unavailable}, {f.failing, failing},
	} {
		if n -= kind.share; n < 0 {
			return kind.fault
		}
	}
	return fine
}
