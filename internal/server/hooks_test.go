package server

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

const ourDelivery = `{"type":"ContactUpdate","locationId":"` + ourPlace + `","id":"c1","webhookId":"w1","appId":"ours","timestamp":"2026-03-04T11:59:58.000Z"}`

func TestADeliveryIsStoredBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	w := httptest.NewRecorder()
	answered := -1
	d.store.stored = func() { answered = w.Body.Len() }
	body := []byte(ourDelivery)
	r := httptest.NewRequest(http.MethodPost, "/hooks/highlevel", bytes.NewReader(body))
	r.Header.Set("X-GHL-Signature", base64.StdEncoding.EncodeToString(ed25519.Sign(d.signer, body)))
	d.ServeHTTP(w, r)
	shows(t, w, http.StatusOK, "stored")
	if answered != 0 {
		t.Errorf("%d bytes were answered before it was stored", answered)
	}
	had := d.store.deliveries()
	if len(had) != 1 {
		t.Fatalf("%d deliveries", len(had))
	}
	e := had[0].Event
	want := record.Ref{Connection: "cn_hl", Type: record.Contact, ID: "c1"}
	if e.Ref != want || e.Kind != automation.Webhook || e.Change != provider.Updated || !e.ReceivedAt.Equal(today) || e.DedupeKey == "" || had[0].Size != len(ourDelivery) || had[0].Verdict != automation.Accepted || d.unsealed(had[0]) != ourDelivery {
		t.Errorf("stored %+v", e)
	}
	if bytes.Contains(had[0].Body, []byte("ContactUpdate")) {
		t.Error("the body is stored in the clear")
	}
	shows(t, d.signed(body), http.StatusOK, "known already")
	if n := len(d.store.deliveries()); n != 1 {
		t.Errorf("%d deliveries after the second", n)
	}
	if cookies := w.Result().Cookies(); len(cookies) != 0 {
		t.Errorf("a machine got %v", cookies)
	}
}

func TestADeliveryThatIsNotProvenIsNotRead(t *testing.T) {
	t.Parallel()
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	d := newDoor(t)
	body := []byte(ourDelivery)
	good := base64.StdEncoding.EncodeToString(ed25519.Sign(d.signer, body))
	for name, header := range map[string][]string{
		"none":            {},
		"empty":           {"X-GHL-Signature", ""},
		"another's":       {"X-GHL-Signature", base64.StdEncoding.EncodeToString(ed25519.Sign(foreign, body))},
		"of another body": {"X-GHL-Signature", base64.StdEncoding.EncodeToString(ed25519.Sign(d.signer, []byte("{}")))},
		"cut":             {"X-GHL-Signature", good[:40]},
		"not base64":      {"X-GHL-Signature", "%%%"},
		"in the old form": {"X-WH-Signature", good},
	} {
		if w := d.deliver("/hooks/highlevel", body, false, header...); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	// Proof comes before shape: what is not JSON is not looked at either.
	if w := d.deliver("/hooks/highlevel", []byte("{"), false); w.Code != http.StatusUnauthorized {
		t.Errorf("%d", w.Code)
	}
	if n := len(d.store.deliveries()); n != 0 {
		t.Errorf("%d deliveries were stored", n)
	}
}

func TestADeliveryThatIsProvenMayStillNotBeOurs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		status int
		words  string
	}{
		"not JSON":                 {`{`, 400, "not a delivery"},
		"not text":                 {"\xff\xfe", 400, "not a delivery"},
		"not an object":            {`[]`, 400, "not a delivery"},
		"empty":                    {``, 400, "not a delivery"},
		"unknown location":         {strings.ReplaceAll(ourDelivery, ourPlace, "elsewhere"), 403, "not known here"},
		"no location":              {`{"type":"ContactUpdate","id":"c1","webhookId":"w2"}`, 403, "not known here"},
		"another app's":            {strings.ReplaceAll(ourDelivery, `"ours"`, `"theirs"`), 403, "not known here"},
		"another app's removal":    {`{"type":"UNINSTALL","appId":"theirs","locationId":"` + ourPlace + `","companyId":"co1"}`, 202, "noted"},
		"an installation we await": {`{"type":"INSTALL","appId":"ours","locationId":"new-place","companyId":"co1","installType":"Location"}`, 202, "noted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			shows(t, d.signed([]byte(c.body)), c.status, c.words)
			if n := len(d.store.deliveries()); n != 0 {
				t.Errorf("%d deliveries were stored", n)
			}
			if cn, err := d.connections.Connection(t.Context(), "cn_hl"); err != nil || cn.State != connection.Active {
				t.Errorf("the connection is %s, %v", cn.State, err)
			}
		})
	}
}

func TestAnEventNobodyHereCarriesIsKeptAndShown(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a type of its own": `{"type":"SneezeCreate","locationId":"` + ourPlace + `","id":"s1","webhookId":"w3"}`,
		"no type at all":    `{"locationId":"` + ourPlace + `","record":{"id":"r1"},"webhookId":"w4"}`,
	} {
		d := newDoor(t)
		shows(t, d.signed([]byte(body)), http.StatusOK, "nothing to do")
		had := d.store.deliveries()
		if len(had) != 1 || had[0].Verdict != automation.Unknown || had[0].Event.Change != provider.Ignored || d.unsealed(had[0]) != body {
			t.Errorf("%s: kept %+v", name, had)
		}
	}
}

func TestARetryOfWeeksAgoIsGenuine(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	old := []byte(strings.Replace(ourDelivery, "2026-03-04", "2026-01-15", 1))
	shows(t, d.signed(old), http.StatusOK, "stored")
	d.now = d.now.Add(21 * 24 * time.Hour)
	shows(t, d.signed(old), http.StatusOK, "known already")
}

func TestARemovalToldLateRemovesNothing(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	cn, err := d.connections.Connection(t.Context(), "cn_hl")
	ok(t, err)
	cn.RotatedAt = today
	ok(t, d.connections.SaveConnection(t.Context(), cn, nil))
	shows(t, d.signed([]byte(`{"type":"UNINSTALL","appId":"ours","locationId":"`+ourPlace+`","webhookId":"w9","timestamp":"2026-03-03T12:00:00.000Z"}`)), http.StatusOK, "stored")
	if cn, err := d.connections.Connection(t.Context(), "cn_hl"); err != nil || cn.State != connection.Active {
		t.Errorf("the connection is %s, %v", cn.State, err)
	}
}

func TestOurOwnRemovalIsNoted(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	cn, err := d.connections.Connection(t.Context(), "cn_hl")
	ok(t, err)
	state := func(want connection.State) {
		t.Helper()
		if now, err := d.connections.Connection(t.Context(), "cn_hl"); err != nil || now.State != want {
			t.Errorf("the connection is %s, %v; want %s", now.State, err, want)
		}
	}
	removal := `{"type":"UNINSTALL","appId":"ours","locationId":"` + ourPlace + `","timestamp":"2026-03-04T11:59:58.000Z"}`
	shows(t, d.signed([]byte(removal)), http.StatusOK, "stored")
	state(connection.Active) // a key is no installation
	cn.Auth, cn.RotatedAt = connection.ByOAuth, today
	ok(t, d.connections.SaveConnection(t.Context(), cn, []byte("sealed")))
	for _, foreign := range []string{strings.ReplaceAll(removal, `"ours"`, `"theirs"`), strings.ReplaceAll(removal, `"appId":"ours",`, "")} {
		shows(t, d.signed([]byte(foreign)), http.StatusAccepted, "noted")
	}
	shows(t, d.signed([]byte(removal)), http.StatusOK, "known already") // told late: the credential is younger
	state(connection.Active)
	woken := 0
	d.KeeperWake = func() { woken++ }
	gone := []byte(strings.ReplaceAll(removal, "11:59:58", "12:00:01"))
	d.connections.Fail = func(op string) error {
		if op == "UninstallConnection" {
			return errors.New("the database is away")
		}
		return nil
	}
	shows(t, d.signed(gone), http.StatusTooManyRequests, "try again")
	state(connection.Active)
	d.connections.Fail = nil
	shows(t, d.signed(gone), http.StatusOK, "stored")
	state(connection.Uninstalled)
	if woken != 1 {
		t.Errorf("the keeper was woken %d times", woken)
	}
}

func TestADeliveryOfMoreThanAMebibyteIsRefused(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	huge := bytes.Repeat([]byte(" "), 1<<20+1)
	for _, path := range []string{"/hooks/highlevel", "/hooks/gleap/" + hookSecret} {
		for _, chunked := range []bool{false, true} {
			if w := d.deliver(path, huge, chunked); w.Code != http.StatusRequestEntityTooLarge {
				t.Errorf("%s, chunked %v: %d", path, chunked, w.Code)
			}
		}
	}
	just := append(bytes.Repeat([]byte(" "), 1<<20-len(ourDelivery)), ourDelivery...)
	shows(t, d.signed(just), http.StatusOK, "stored")
}

func TestWhenNothingCanBeStoredTheSenderIsAskedToComeAgain(t *testing.T) {
	t.Parallel()
	gleapBody := []byte(`{"event":"ticket.updated","data":{"id":"1"}}`)
	for name, broken := range map[string]func(*door){
		"the inbox":       func(d *door) { d.store.down = errors.New("disk full") },
		"the connections": func(d *door) { d.connections.Fail = func(string) error { return errors.New("database is locked") } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			broken(d)
			for _, w := range []*httptest.ResponseRecorder{d.signed([]byte(ourDelivery)), d.deliver("/hooks/gleap/"+hookSecret, gleapBody, false)} {
				shows(t, w, http.StatusTooManyRequests, "try again")
				if w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "disk") || strings.Contains(w.Body.String(), "locked") {
					t.Errorf("again after %q: %s", w.Header().Get("Retry-After"), w.Body)
				}
			}
		})
	}
}

func TestAGleapDeliveryIsProvenByItsAddressAlone(t *testing.T) {
	t.Parallel()
	const ticket = `"65f01c2379710744eed022e1"`
	a := `{"event":"ticket.updated","projectId":"` + ourProject + `","data":{"id":` + ticket + `,"updatedAt":"2026-03-04T10:00:00.000Z"}}`
	for name, c := range map[string]struct {
		secret, body string
		status       int
		words        string
	}{
		"body A":          {hookSecret, a, 200, "stored"},
		"body B":          {hookSecret, `{"event":"ticket.created","project":{"_id":"` + ourProject + `"},"_id":` + ticket + `,"createdAt":"2026-03-04T10:00:00.000Z"}`, 200, "stored"},
		"body C":          {hookSecret, `{"integrationAction":"CREATE","data":{"id":` + ticket + `,"formText":"hi"}}`, 200, "stored"},
		"no project":      {hookSecret, `{"event":"ticket.updated","data":{"id":` + ticket + `}}`, 200, "stored"},
		"another project": {hookSecret, strings.Replace(a, ourProject, "p2", 1), 403, "another project"},
		"wrong secret":    {hookSecret + "x", a, 401, "not known here"},
		"part of it":      {hookSecret[:20], a, 401, "not known here"},
		"too short":       {"x", a, 401, "not known here"},
		"another's":       {"unused-unused-unused", a, 401, "not known here"}, // HighLevel's is no good here
		"not text":        {hookSecret, "\xff\xfe", 400, "not a delivery"},
		"a title no text": {hookSecret, strings.Replace(a, `"updatedAt"`, "\"title\":\"\xff\xfe\",\"updatedAt\"", 1), 200, "stored"}, // only a hint to look
		"not JSON":        {hookSecret, "hello", 400, "not a delivery"},
		"nothing":         {hookSecret, "", 400, "not a delivery"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			w := d.deliver("/hooks/gleap/"+c.secret, []byte(c.body), false)
			shows(t, w, c.status, c.words)
			stored := 0
			if c.words == "stored" {
				stored = 1
			}
			if had := d.store.deliveries(); len(had) != stored {
				t.Errorf("%d deliveries", len(had))
			} else if stored == 1 {
				want := record.Ref{Connection: "cn_gl", Type: record.Ticket, ID: strings.Trim(ticket, `"`)}
				if had[0].Event.Ref != want {
					t.Errorf("stored %+v", had[0].Event)
				}
				shows(t, d.deliver("/hooks/gleap/"+c.secret, []byte(c.body), false), http.StatusOK, "known already")
			}
		})
	}
}

func TestAHooksAddressDiesWithItsConnection(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	ok(t, d.connections.RemoveConnection(t.Context(), "cn_gl"))
	ok(t, d.connections.RemoveConnection(t.Context(), "cn_hl"))
	shows(t, d.deliver("/hooks/gleap/"+hookSecret, []byte(`{"event":"ticket.updated","data":{"id":"1"}}`), false), http.StatusUnauthorized, "not known here")
	shows(t, d.signed([]byte(ourDelivery)), http.StatusForbidden, "not known here")
}

func TestWhatArrivesWhileAPersonIsNeededIsKept(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	ok(t, d.Connections.Break(t.Context(), "cn_hl", "The access was withdrawn."))
	shows(t, d.signed([]byte(ourDelivery)), http.StatusOK, "stored")
	if e := d.store.deliveries()[0].Event; e.OccurredAt.After(today) || today.Sub(e.OccurredAt) > time.Minute {
		t.Errorf("it occurred at %v", e.OccurredAt)
	}
}

func TestAGleapSecretMayComeInAHeader(t *testing.T) {
	t.Parallel()
	body := []byte(`{"event":"ticket.updated","projectId":"` + ourProject + `","data":{"id":"65f01c2379710744eed022e1"}}`)
	for name, c := range map[string]struct {
		path, header string
		status       int
	}{
		"in the header":             {"/hooks/gleap", "Bearer " + hookSecret, 200},
		"in both":                   {"/hooks/gleap/" + hookSecret, "Bearer " + hookSecret, 200},
		"another in the header":     {"/hooks/gleap/" + hookSecret, "Bearer " + hookSecret + "x", 401},
		"a good one behind a bad":   {"/hooks/gleap/" + hookSecret + "x", "Bearer " + hookSecret, 401},
		"somebody's basic password": {"/hooks/gleap", "Basic " + hookSecret, 401},
		"nowhere":                   {"/hooks/gleap", "", 401},
		"HighLevel's":               {"/hooks/gleap", "Bearer unused-unused-unused", 401},
	} {
		d := newDoor(t)
		if w := d.deliver(c.path, body, false, "Authorization", c.header); w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestWhatIsRefusedIsCountedAndNotKept(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for range 1000 {
		d.deliver("/hooks/highlevel", []byte(ourDelivery), false)
	}
	d.signed([]byte(strings.Replace(ourDelivery, `"ours"`, `"theirs"`, 1)))
	d.deliver("/hooks/gleap/"+hookSecret, []byte("hello"), false)
	ok(t, d.StoreRefusals(t.Context()))
	ok(t, d.StoreRefusals(t.Context()))
	got := map[string]int{}
	for _, r := range d.store.refused {
		got[r.Provider+" "+r.Connection+" "+string(r.Reason)] = r.Count
	}
	want := map[string]int{"highlevel  signature": 1000, "highlevel cn_hl other_app": 1, "gleap cn_gl malformed": 1}
	if !maps.Equal(got, want) || len(d.store.refused) != len(want) || len(d.store.deliveries()) != 0 {
		t.Errorf("counted %v, want %v", got, want)
	}
	if strings.Contains(d.log.String(), "level=WARN") {
		t.Error("a forgery writes a line into the log of warnings")
	}
	// Counts outlive a database that is down for a while.
	d.store.down = errors.New("disk full")
	d.deliver("/hooks/highlevel", nil, false)
	if d.StoreRefusals(t.Context()) == nil {
		t.Error("nothing is wrong")
	}
	d.deliver("/hooks/highlevel", nil, false)
	d.store.down = nil
	ok(t, d.StoreRefusals(t.Context()))
	if last := d.store.refused[len(d.store.refused)-1]; last.Count != 2 || last.Reason != automation.BadSignature {
		t.Errorf("afterwards %+v", last)
	}
}

// slow is a body that sends so much and then does not come to its end until it may.
type slow struct {
	sends int
	begun chan struct{}
	goOn  chan struct{}
}

func (s *slow) Read(p []byte) (int, error) {
	if s.sends > 0 {
		n := min(len(p), s.sends)
		s.sends -= n
		return n, nil
	}
	close(s.begun)
	<-s.goOn
	return 0, io.EOF
}

func TestMoreThanIsTakenInAtOnceIsSentAway(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	goOn := make(chan struct{})
	var all sync.WaitGroup
	holds := func(sends int, address string) {
		body := &slow{sends: sends, begun: make(chan struct{}), goOn: goOn}
		all.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/hooks/highlevel", body)
			r.RemoteAddr = address + ":1"
			d.ServeHTTP(httptest.NewRecorder(), r)
		})
		<-body.begun
	}
	for range addressShare / maxDelivery { // all that one address may
		holds(maxDelivery, "203.0.113.1")
	}
	greedy := httptest.NewRequest(http.MethodPost, "/hooks/highlevel", strings.NewReader(ourDelivery))
	greedy.RemoteAddr = "203.0.113.1:2"
	shows(t, d.call(greedy), http.StatusTooManyRequests, "try again")
	shows(t, d.signed([]byte(strings.ReplaceAll(ourDelivery, "w1", "w0"))), http.StatusOK, "stored")
	for i := range maxHeld/maxDelivery - addressShare/maxDelivery { // and then everybody
		holds(maxDelivery, fmt.Sprint("198.51.100.", i))
	}
	w := d.signed([]byte(ourDelivery))
	shows(t, w, http.StatusTooManyRequests, "try again")
	if w.Header().Get("Retry-After") == "" {
		t.Error("nobody says when to come again")
	}
	close(goOn)
	all.Wait()
	shows(t, d.signed([]byte(ourDelivery)), http.StatusOK, "stored")
}

func TestANewConnectionIsKnownAtItsFirstDelivery(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	elsewhere := []byte(strings.ReplaceAll(ourDelivery, ourPlace, "elsewhere"))
	shows(t, d.signed(elsewhere), http.StatusForbidden, "not known here")
	ok(t, d.connections.SaveConnection(t.Context(), connection.Connection{ID: "cn_new", Provider: highLevel, Account: provider.Account{ID: "elsewhere"}, State: connection.Active}, nil))
	d.ConnectionsChanged() // this process connected it
	shows(t, d.signed(elsewhere), http.StatusOK, "stored")
	ok(t, d.connections.RemoveConnection(t.Context(), "cn_new"))
	d.now = d.now.Add(directoryAge) // another process disconnected it
	shows(t, d.signed(elsewhere), http.StatusForbidden, "not known here")
	ok(t, d.connections.SaveConnection(t.Context(), connection.Connection{ID: "cn_again", Provider: highLevel, Account: provider.Account{ID: "elsewhere"}, State: connection.Active}, nil))
	d.now = d.now.Add(directoryMissAge) // another process connected it
	shows(t, d.signed(elsewhere), http.StatusOK, "known already")
}

// A delivery that says no time and comes again after its like was acted on is known, and changes nothing.
func TestAnInstallationThatComesAgainIsNotActedOnAgain(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	cn, err := d.connections.Connection(t.Context(), "cn_hl")
	ok(t, err)
	cn.Auth, cn.RotatedAt, cn.Account.CompanyID = connection.ByOAuth, today, "co1"
	ok(t, d.connections.SaveConnection(t.Context(), cn, []byte("sealed")))
	told := func(kind, id string) []byte {
		return []byte(`{"type":"` + kind + `","appId":"ours","locationId":"` + ourPlace + `","companyId":"co1","webhookId":"` + id + `"}`)
	}
	state := func() connection.State {
		i, _, err := d.connections.InstallationOf(t.Context(), highLevel, "co1", ourPlace)
		ok(t, err)
		return i.State
	}
	shows(t, d.signed(told("INSTALL", "w-in")), http.StatusOK, "stored")
	shows(t, d.signed(told("UNINSTALL", "w-out")), http.StatusOK, "stored")
	if got := state(); got != connection.Uninstalled {
		t.Fatalf("it is %s", got)
	}
	shows(t, d.signed(told("INSTALL", "w-in")), http.StatusOK, "known already")
	if got := state(); got != connection.Uninstalled {
		t.Errorf("told again, it is %s", got)
	}
	shows(t, d.signed(told("INSTALL", "w-again")), http.StatusOK, "stored")
	if got := state(); got != connection.Active {
		t.Errorf("installed again, it is %s", got)
	}
}

func TestAWebhookAddressThatWasChangedIsTakenForADay(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	cn, err := d.connections.Connection(t.Context(), "cn_gl")
	ok(t, err)
	before := cn.HookSecret
	n := 0
	status := func(secret string) int {
		n++
		return d.deliver("/hooks/gleap/"+secret, []byte(fmt.Sprintf(`{"event":"ticket.updated","projectId":%q,"data":{"id":"t%d"}}`, cn.Account.ID, n)), false).Code
	}
	leads(t, d.send("/connections/cn_gl/hook", nil), "/connections/cn_gl")
	d.ConnectionsChanged()
	cn, err = d.connections.Connection(t.Context(), "cn_gl")
	ok(t, err)
	if cn.HookSecret == before || len(cn.HookSecret) < 40 || cn.OldHookSecret != before {
		t.Fatalf("%+v", cn)
	}
	if a, b := status(before), status(cn.HookSecret); a != http.StatusOK || b != http.StatusOK {
		t.Errorf("at first the old one answers %d, the new one %d", a, b)
	}
	shows(t, d.send("/connections/cn_hl/hook", nil), http.StatusNotFound, "There is nothing here")
	d.now = d.now.Add(connection.HookGrace)
	if a, b := status(before), status(cn.HookSecret); a != http.StatusUnauthorized || b != http.StatusOK {
		t.Errorf("a day later the old one answers %d, the new one %d", a, b)
	}
}
