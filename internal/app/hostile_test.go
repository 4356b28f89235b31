package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// request is what a hostile sender writes, byte by byte: a client library would refuse half of it.
type request struct {
	line   string   // default: a POST to the hook
	header []string // Content-Length is added unless one of these frames the body
	body   string
	cut    bool // hang up halfway: what was promised does not come
}

func (r request) bytes() string {
	if r.line == "" {
		r.line = "POST /hooks/highlevel HTTP/1.1"
	}
	out := r.line + "\r\nHost: crosswalk.example.com\r\nConnection: close\r\n"
	framed := false
	for _, h := range r.header {
		if h == "no host" {
			out = strings.Replace(out, "Host: crosswalk.example.com\r\n", "", 1)
			continue
		}
		name, _, _ := strings.Cut(strings.ToLower(h), ":")
		framed = framed || name == "content-length" || name == "transfer-encoding"
		out += h + "\r\n"
	}
	if !framed {
		out += fmt.Sprintf("Content-Length: %d\r\n", len(r.body))
	}
	return out + "\r\n" + r.body
}

// status sends it and answers the status, or 0 when nothing came back.
func (r request) status(t *testing.T, addr string) int {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may answer and hang up before it has read everything.
	_, _ = io.WriteString(c, r.bytes())
	if r.cut {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// chunked frames a body as a sender of unknown length does.
func chunked(body string) string {
	out := ""
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 60_000)
		out += fmt.Sprintf("%x\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	return out + "0\r\n\r\n"
}

func zipped(body string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, body) // into memory
	_ = w.Close()
	return b.String()
}

// watched is a log to look through afterwards.
type watched struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func TestHostileRequestsAreAnsweredAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	log := &watched{}
	h, key, secret := hookHouseWith(t, slog.New(slog.NewTextHandler(log, nil)))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := webServer(h.server, h.log)
	go func() { _ = web.Serve(listener) }()
	t.Cleanup(func() { _ = web.Close() })

	const place = "ve9EPM428h8vShlRW1KT"
	n := 0
	// event is a delivery as HighLevel sends it, with its own webhookId unless changed says otherwise.
	event := func(changes ...string) string {
		n++
		body := fmt.Sprintf(`{"type":"ContactUpdate","locationId":"%s","id":"c1","webhookId":"hostile-%d","appId":"ourapp"}`, place, n)
		return strings.NewReplacer(changes...).Replace(body)
	}
	sign := func(key ed25519.PrivateKey, body string) string {
		return "X-GHL-Signature: " + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(body)))
	}
	proven := func(body string, more ...string) request {
		return request{header: append([]string{sign(key, body)}, more...), body: body}
	}
	toGleap := func(path, body string, more ...string) request {
		return request{line: "POST " + path + " HTTP/1.1", header: more, body: body}
	}
	ticket := func(id string) string {
		n++
		return fmt.Sprintf(`{"event":"ticket.updated","projectId":"p1","data":{"id":"%s","title":"no. %d"}}`, id, n)
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := event()
	raw := ed25519.Sign(key, []byte(good))
	header := func(value string) []string { return []string{"X-GHL-Signature: " + value} }
	in64 := base64.StdEncoding.EncodeToString(raw)
	bomb := zipped(`{"type":"` + strings.Repeat(" ", 50<<20) + `"}`)
	deep := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)

	for _, tt := range []struct {
		name   string
		send   request
		want   int
		stored int
	}{
		// Who says so?
		{"not signed", request{body: good}, 401, 0},
		{"signed by a stranger", request{header: []string{sign(stranger, good)}, body: good}, 401, 0},
		{"signature of another body", request{header: []string{sign(key, event())}, body: good}, 401, 0},
		{"signature cut short", request{header: header(in64[:44]), body: good}, 401, 0},
		{"signature in hexadecimal", request{header: header(hex.EncodeToString(raw)), body: good}, 401, 0},
		{"signature without padding", request{header: header(strings.TrimRight(in64, "=")), body: good}, 401, 0},
		{"signature with a tail", request{header: header(in64 + "AAAA"), body: good}, 401, 0},
		{"signature of nothing but zeros", request{header: header(base64.StdEncoding.EncodeToString(make([]byte, 64))), body: good}, 401, 0},
		{"the invented HMAC", request{header: header("sha256=0f0e0d"), body: good}, 401, 0},
		{"signature says N/A", request{header: header("N/A"), body: good}, 401, 0},
		{"signature in the legacy header", request{header: []string{"X-WH-Signature: " + in64}, body: good}, 401, 0},
		{"a bad signature and a legacy one", request{header: []string{sign(stranger, good), "X-WH-Signature: " + in64}, body: good}, 401, 0},
		{"two good signatures", request{header: []string{sign(key, good), sign(key, good)}, body: good}, 401, 0},
		{"a good signature after a bad one", request{header: []string{sign(stranger, good), sign(key, good)}, body: good}, 401, 0},
		{"no algorithm wanted", request{header: []string{"X-GHL-Signature-Algorithm: none"}, body: good}, 401, 0},
		{"claims to come from this machine", request{header: []string{"X-Forwarded-For: 127.0.0.1", "X-Real-Ip: ::1"}, body: good}, 401, 0},
		{"claims to be signed in", request{header: []string{"Cookie: crosswalk_session=anything", "Authorization: Bearer " + secret}, body: good}, 401, 0},
		{"a genuine body changed by a blank", request{header: []string{sign(key, good)}, body: good + " "}, 401, 0},
		{"a genuine body unpacked and packed again", request{header: []string{sign(key, good)}, body: strings.Replace(good, ":", ": ", 1)}, 401, 0},
		{"an empty body, not signed", request{}, 401, 0},
		// What does it say?
		{"nothing, signed", proven(""), 400, 0},
		{"no JSON", proven("hello"), 400, 0},
		{"half a delivery", proven(good[:len(good)/2]), 400, 0},
		{"two deliveries in one", proven(event() + event()), 400, 0},
		{"an array", proven("[" + event() + "]"), 400, 0},
		{"null", proven("null"), 400, 0},
		{"nested twenty thousand deep", proven(deep), 400, 0},
		{"a mark of byte order before it", proven("\xef\xbb\xbf" + event()), 400, 0},
		{"UTF-16", proven("\xff\xfe{\x00}\x00"), 400, 0},
		{"a NUL between", proven(event(`,"id"`, ",\x00\"id\"")), 400, 0},
		{"a NUL in the id", proven(event(`"c1"`, `"c\u00001"`)), 400, 0},
		{"a line end in the id", proven(event(`"c1"`, `"c1\r\nX: y"`)), 400, 0},
		{"an id that is no text", proven(event(`"c1"`, "\"c\xff\xfe1\"")), 400, 0},
		{"an id without an end", proven(event(`"c1"`, `"`+strings.Repeat("c", 10_000)+`"`)), 400, 0},
		{"an id that is an object", proven(event(`"c1"`, `{"$ne":null}`)), 400, 0},
		{"no id", proven(event(`"id":"c1",`, "")), 400, 0},
		{"a number out of all range", proven(event(`"c1"`, "1e999")), 400, 0},
		{"a type without an end", proven(event("ContactUpdate", strings.Repeat("T", 5_000))), 400, 0},
		{"a number where the place belongs", proven(event(`"`+place+`"`, "7")), 403, 0},
		{"a list of places", proven(event(`"`+place+`"`, `["`+place+`"]`)), 403, 0},
		{"somebody else's place", proven(event(place, "elsewhere")), 403, 0},
		{"no place", proven(event(`"locationId":"`+place+`",`, "")), 403, 0},
		{"somebody else's app", proven(event("ourapp", "theirapp")), 403, 0},
		{"somebody else's app was removed", proven(event("ContactUpdate", "UNINSTALL", "ourapp", "theirapp")), 202, 0},
		// How is it sent?
		{"larger than is taken", proven(strings.Repeat(" ", 1<<20) + event()), 413, 0},
		{"larger than is taken, of unknown length", request{header: []string{"Transfer-Encoding: chunked"}, body: chunked(strings.Repeat(" ", 1<<20) + event())}, 413, 0},
		{"says it is larger than anything", request{header: []string{"Content-Length: 999999999999999999"}, body: good}, 413, 0},
		{"says more than it sends", request{header: []string{sign(key, good), fmt.Sprintf("Content-Length: %d", len(good)+10)}, body: good, cut: true}, 400, 0},
		{"says less than it sends", request{header: []string{sign(key, good), fmt.Sprintf("Content-Length: %d", len(good)-10)}, body: good}, 401, 0},
		{"two lengths", request{header: []string{"Content-Length: 5", "Content-Length: 6"}, body: good}, 400, 0},
		{"a length below nothing", request{header: []string{"Content-Length: -1"}, body: good}, 400, 0},
		{"a length and chunks, another request behind them", request{header: []string{"Content-Length: 4", "Transfer-Encoding: chunked"}, body: "0\r\n\r\n" + proven(event()).bytes()}, 401, 0},
		{"chunks without an end", request{header: []string{"Transfer-Encoding: chunked"}, body: "5\r\nhello\r\n", cut: true}, 400, 0},
		{"a chunk of no size", request{header: []string{"Transfer-Encoding: chunked"}, body: "zz\r\nhello\r\n0\r\n\r\n"}, 400, 0},
		{"a chunk of more than there is", request{header: []string{"Transfer-Encoding: chunked"}, body: "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n"}, 400, 0},
		{"an encoding nobody knows", request{header: []string{"Transfer-Encoding: gzip, chunked"}, body: chunked(good)}, 501, 0},
		{"packed, and it says so", proven(zipped(event()), "Content-Encoding: gzip"), 415, 0},
		{"a bomb, and it says so", proven(bomb, "Content-Encoding: gzip"), 415, 0},
		{"a bomb that does not say so", proven(bomb), 400, 0},
		{"a header with a NUL", request{header: []string{"X-GHL-Signature: a\x00b"}, body: good}, 400, 0},
		{"a header over two lines", request{header: []string{"X-GHL-Signature: a\r\n b"}, body: good}, 401, 0},
		{"headers without an end", request{header: []string{"X-Long: " + strings.Repeat("x", 100_000)}, body: good}, 431, 0},
		{"no host", request{header: []string{"no host", sign(key, good)}, body: good}, 400, 0},
		{"GET", request{line: "GET /hooks/highlevel HTTP/1.1", header: []string{sign(key, good)}, body: good}, 405, 0},
		{"PUT", request{line: "PUT /hooks/highlevel HTTP/1.1", header: []string{sign(key, good)}, body: good}, 405, 0},
		{"GET that would be POST", request{line: "GET /hooks/highlevel?_method=POST HTTP/1.1", header: []string{"X-HTTP-Method-Override: POST", sign(key, good)}, body: good}, 405, 0},
		{"a method of its own", request{line: "P\x01ST /hooks/highlevel HTTP/1.1", body: good}, 400, 0},
		{"a path with dots", request{line: "POST /static/../hooks/highlevel HTTP/1.1", header: []string{sign(key, good)}, body: good}, 405, 0},
		{"a path with a NUL", request{line: "POST /hooks/highlevel%00 HTTP/1.1", header: []string{sign(key, good)}, body: good}, 404, 0},
		{"a protocol of tomorrow", request{line: "POST /hooks/highlevel HTTP/9.9", body: good}, 505, 0},
		// Gleap, where the secret is all there is.
		{"no secret", toGleap("/hooks/gleap", ticket("1")), 401, 0},
		{"a secret that is guessed", toGleap("/hooks/gleap/"+strings.Repeat("a", len(secret)), ticket("1")), 401, 0},
		{"the beginning of the secret", toGleap("/hooks/gleap/"+secret[:len(secret)-1], ticket("1")), 401, 0},
		{"the secret and more", toGleap("/hooks/gleap/"+secret+"a", ticket("1")), 401, 0},
		{"the secret in capitals", toGleap("/hooks/gleap/"+strings.ToUpper(secret), ticket("1")), 401, 0},
		{"the secret in the query", toGleap("/hooks/gleap?secret="+secret, ticket("1")), 401, 0},
		{"a pattern for a secret", toGleap("/hooks/gleap/%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25", ticket("1")), 401, 0},
		{"the secret of the other provider's account", toGleap("/hooks/gleap/unused-unused-unused", ticket("1")), 401, 0},
		{"the secret as a password", toGleap("/hooks/gleap", ticket("1"), "Authorization: Basic "+secret), 401, 0},
		{"two secrets", toGleap("/hooks/gleap/"+secret, ticket("1"), "Authorization: Bearer "+secret+"x"), 401, 0},
		{"another project's", toGleap("/hooks/gleap/"+secret, strings.Replace(ticket("1"), "p1", "p2", 1)), 403, 0},
		{"a ticket without an id", toGleap("/hooks/gleap/"+secret, `{"event":"ticket.updated","data":{}}`), 400, 0},
		{"a ticket that is a list", toGleap("/hooks/gleap/"+secret, `{"event":"ticket.updated","data":[1,2]}`), 400, 0},
		{"an event that is a number", toGleap("/hooks/gleap/"+secret, `{"event":5e400,"data":{"id":"1"}}`), 400, 0},
		// Genuine, however odd.
		{"genuine", request{header: []string{sign(key, good)}, body: good}, 200, 1},
		{"replayed", request{header: []string{sign(key, good)}, body: good}, 200, 0},
		{"both headers, as in the months of change", proven(event(), "X-WH-Signature: AAAA"), 200, 1},
		{"an absent legacy signature", proven(event(), "X-WH-Signature: N/A"), 200, 1},
		{"another type of content", proven(event(), "Content-Type: text/plain"), 200, 1},
		{"in chunks", func() request {
			body := event()
			return request{header: []string{sign(key, body), "Transfer-Encoding: chunked"}, body: chunked(body)}
		}(), 200, 1},
		{"keys told twice, of which the last counts", proven(event(`{"type"`, `{"locationId":"elsewhere","type"`)), 200, 1},
		{"a webhookId without an end", proven(event("hostile-", strings.Repeat("w", 10_000))), 200, 1},
		{"a day that does not exist", proven(event(`{"type"`, `{"timestamp":"9999-99-99T99:99:99Z","type"`)), 200, 1},
		{"SQL for an id", proven(event(`"c1"`, `"'; DROP TABLE events; --"`)), 200, 1},
		{"a path for an id", toGleap("/hooks/gleap/"+secret, ticket("../../users/me")), 200, 1},
		{"the secret in the header", toGleap("/hooks/gleap", ticket("2"), "Authorization: Bearer "+secret), 200, 1},
		{"a type nobody carries", proven(event("ContactUpdate", "SneezeCreate")), 200, 1},
	} {
		before := len(h.logged(t))
		if got := tt.send.status(t, listener.Addr().String()); got != tt.want {
			t.Errorf("%s: answered %d, want %d", tt.name, got, tt.want)
		}
		if got := len(h.logged(t)) - before; got != tt.stored {
			t.Errorf("%s: %d deliveries were stored, want %d", tt.name, got, tt.stored)
		}
	}
	for _, id := range []string{"cn_hl", "cn_gl"} {
		if c, err := h.store.Connection(t.Context(), record.ConnectionID(id)); err != nil || c.State != connection.Active {
			t.Errorf("%s is %s, %v", id, c.State, err)
		}
	}
	for _, bad := range []string{"panic", "level=ERROR", secret, "hostile-"} {
		if strings.Contains(log.String(), bad) {
			t.Errorf("the log has %q:\n%s", bad, log)
		}
	}
	if err := h.server.StoreRefusals(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused, err := h.store.Refusals(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || len(refused) == 0 || len(refused) > 20 {
		t.Errorf("%d counts of refused deliveries, %v", len(refused), err)
	}
}

// logged are all deliveries there are.
func (h *house) logged(t *testing.T) []string {
	t.Helper()
	all, err := h.store.Deliveries(t.Context(), engine.DeliveryFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(all))
	for i, d := range all {
		ids[i] = d.Event.ID
	}
	return ids
}
