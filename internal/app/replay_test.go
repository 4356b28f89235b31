package app

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// told is a webhook as it was sent.
type told struct {
	path   string
	body   []byte
	header http.Header
}

// postman brings the webhooks of both twins over HTTP, and keeps them.
type postman struct {
	t     *testing.T
	house atomic.Pointer[string] // its address

	mu   sync.Mutex
	sent []told
}

func (p *postman) bring(d told) {
	req, err := http.NewRequest(http.MethodPost, *p.house.Load()+d.path, bytes.NewReader(d.body))
	if err != nil {
		p.t.Error(err)
		return
	}
	req.Header = d.header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		p.t.Errorf("a webhook was answered %d %s: %s", resp.StatusCode, answer, d.body)
	}
}

func (p *postman) tap(path string) func(body []byte, header http.Header) {
	return func(body []byte, header http.Header) {
		d := told{path, bytes.Clone(body), header.Clone()}
		p.mu.Lock()
		p.sent = append(p.sent, d)
		p.mu.Unlock()
		p.bring(d)
	}
}

// TestWhatWasAppliedIsAppliedOnce tells everything a second time: by the provider's own retry, as it was sent, and by the
// delivery log's button. Nobody writes, and nothing is added to the journal.
func TestWhatWasAppliedIsAppliedOnce(t *testing.T) {
	t.Parallel()
	const secret, who = "an-unguessable-hook-secret-of-the-test", "agent@agency.io"
	e := &estate{T: t, jobs: map[*house][]engine.Job{}}
	p := &postman{t: t}
	var err error
	now := func() time.Time { return time.Now().Add(time.Duration(e.twins.Load())) }
	e.hl, err = twinhighlevel.New(twinhighlevel.Config{Seed: 7, Now: now, AccessTokenLife: 24 * time.Hour, Instant: true, Tap: p.tap("/hooks/highlevel")})
	e.must(err)
	e.gl, err = twingleap.New(twingleap.Config{Seed: 7, Now: now, Instant: true, Tap: p.tap("/hooks/gleap/" + secret)})
	e.must(err)
	// Writes are counted where they arrive. What the twins are asked at their token address is none.
	var writes, reads atomic.Int64
	counting := func(twin http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodGet:
				reads.Add(1)
			case !strings.Contains(r.URL.Path, "oauth") && !strings.HasSuffix(r.URL.Path, "/search"):
				writes.Add(1)
			}
			twin.ServeHTTP(w, r)
		})
	}
	hl, gl := httptest.NewServer(counting(e.hl)), httptest.NewServer(counting(e.gl))
	t.Cleanup(func() { hl.Close(); gl.Close(); _ = e.hl.Close(); _ = e.gl.Close() })
	e.hlReady, e.glReady = e.hl.Ready(hl.URL), e.gl.Ready(gl.URL)
	e.join("")
	h := e.houses[0]
	web := httptest.NewServer(h.server)
	t.Cleanup(web.Close)
	p.house.Store(&web.URL)
	house, workspace, _ := e.staffed()
	accounts := h.connections.In(h.store.In(workspace))
	left, err := accounts.ConnectOAuth(t.Context(), e.consents(e.hlReady.LocationID))
	e.must(err)
	right, err := accounts.ConnectKey(t.Context(), connection.KeyInput{Provider: gleap.ID, Account: e.glReady.ProjectID, Key: e.glReady.Token, BaseURL: e.glReady.URL})
	e.must(err)
	right, err = h.store.Connection(t.Context(), right.ID) // with its workspace
	e.must(err)
	right.HookSecret = secret
	e.must(h.store.SaveConnection(t.Context(), right, nil))
	for _, recipe := range []string{"contacts-in-sync", "gleap-ticket-to-highlevel-task", "gleap-note-to-highlevel-note", "highlevel-appointment-to-gleap-ticket"} {
		a := ready(t, recipe, automation.On, func(d *automation.Definition) {
			for _, end := range []*automation.Endpoint{&d.Source, &d.Target} {
				if end.Connection = right.ID; end.Provider == highlevel.ID {
					end.Connection = left.ID
				}
			}
			if d.Deletes.Policy == "" && recipe != "highlevel-appointment-to-gleap-ticket" {
				d.Deletes.Policy = automation.DeleteDelete
			}
		})
		a.Workspace, a.CreatedAt, a.UpdatedAt = workspace, time.Now(), time.Now()
		e.must(h.store.CreateAutomation(t.Context(), a, "test"))
		e.must(h.store.SetState(t.Context(), a.ID, automation.On, ""))
	}

	// step is something a person does at one of the providers; everything it leads to is carried out.
	step := func(what string, do func() error) {
		t.Helper()
		e.passes(2 * time.Second) // providers tell when by the second
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for range 3 {
			e.work()
		}
	}
	made := func(id string) error {
		if id == "" {
			return fmt.Errorf("the twin refuses")
		}
		return nil
	}
	var jane, gone, ticket, task, booked, taskNote string
	step("a contact", func() error {
		jane = e.hl.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@example.com"})
		return made(jane)
	})
	step("another contact", func() error {
		gone = e.hl.PersonCreatesContact(map[string]any{"firstName": "Omar", "email": "omar@example.com"})
		return made(gone)
	})
	step("an edit", func() error { return e.hl.PersonEditsContact(jane, map[string]any{"phone": "+14155552671"}) })
	step("a tag", func() error { return e.hl.PersonAddsTags(jane, "vip") })
	step("no disturbing", func() error { return e.hl.PersonEditsContact(jane, map[string]any{"dnd": true}) })
	session := ""
	for _, c := range e.gl.Contacts() {
		if c.Email == "jane@example.com" {
			session = c.ID
		}
	}
	step("a ticket", func() error {
		ticket = e.gl.PersonCreatesTicket(session, map[string]any{"title": "It is broken", "type": "BUG"})
		return made(ticket)
	})
	step("an edit of the ticket", func() error { return e.gl.PersonEditsTicket(ticket, map[string]any{"title": "It is very broken"}) })
	step("a task", func() error {
		task = e.hl.PersonCreatesTask(jane, map[string]any{"title": "Call", "dueDate": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
		return made(task)
	})
	step("the task done", func() error { return e.hl.PersonCompletesTask(task) })
	step("the task gone", func() error { return e.hl.PersonDeletesTask(task) })
	step("a note", func() error {
		taskNote = e.hl.PersonCreatesNote(jane, map[string]any{"body": "She called."})
		return made(taskNote)
	})
	step("the note edited", func() error { return e.hl.PersonEditsNote(taskNote, map[string]any{"body": "She called twice."}) })
	step("the note gone", func() error { return e.hl.PersonDeletesNote(taskNote) })
	step("an appointment", func() error {
		booked = e.hl.PersonBooksAppointment(jane, map[string]any{"startTime": time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)})
		return made(booked)
	})
	step("the appointment moved", func() error {
		return e.hl.PersonEditsAppointment(booked, map[string]any{"startTime": time.Now().Add(72 * time.Hour).UTC().Format(time.RFC3339)})
	})
	step("the appointment gone", func() error { return e.hl.PersonDeletesAppointment(booked) })
	step("a contact gone", func() error { return e.hl.PersonDeletesContact(gone) })
	step("the ticket closed", func() error { return e.gl.PersonClosesTicket(ticket) }) // that one is gone Gleap tells nobody

	file, err := sql.Open(sqlite.DriverName, filepath.Join(h.cfg.Data, "crosswalk.db")+"?_pragma=busy_timeout(10000)")
	e.must(err)
	t.Cleanup(func() { _ = file.Close() })
	journal := func() []string {
		t.Helper()
		r := &recordedHouse{peopledHouse: house, file: file}
		return append(r.rows("SELECT id, op, state, record, target_record FROM changes ORDER BY id"), r.rows("SELECT id, source_record, target_record, severed FROM links ORDER BY id")...)
	}
	// Every kind of event was told, and something came of them.
	deliveries, err := h.store.Deliveries(t.Context(), engine.DeliveryFilter{Limit: 500})
	e.must(err)
	seen := map[string]bool{}
	for _, d := range deliveries {
		seen[d.Event.Name] = true
	}
	// Nobody can make or change a user at the twin, and an app is installed without any automation.
	for _, name := range []string{
		"ContactCreate", "ContactUpdate", "ContactTagUpdate", "ContactDndUpdate", "ContactDelete", "NoteCreate", "NoteUpdate", "NoteDelete", "TaskCreate", "TaskComplete", "TaskDelete",
		"AppointmentCreate", "AppointmentUpdate", "AppointmentDelete", "ticket.created", "ticket.updated",
	} {
		if !seen[name] {
			t.Errorf("%s was never told", name)
		}
	}
	before, written := journal(), writes.Load()
	if len(before) < 10 || written < 8 {
		t.Fatalf("%d writes were made, and the journal has %v", written, before)
	}
	unchanged := func(what string) {
		t.Helper()
		for range 3 {
			e.work()
		}
		if n := writes.Load(); n != written {
			t.Errorf("%s: %d writes were made", what, n-written)
		}
		if diff := cmp.Diff(before, journal()); diff != "" {
			t.Errorf("%s: the journal moved (-before +after):\n%s", what, diff)
		}
	}
	unchanged("when all is done")

	p.mu.Lock()
	sent := slices.Clone(p.sent)
	p.mu.Unlock()
	for _, d := range sent {
		p.bring(d)
		unchanged("the provider sends again: " + string(d.body[:min(len(d.body), 120)]))
	}
	replayed := 0
	for _, d := range deliveries {
		read := reads.Load()
		w := house.send(who, http.MethodPost, "/deliveries/"+d.Event.ID+"/replay", nil)
		if w.Code != http.StatusSeeOther {
			t.Fatalf("replaying %s answers %d: %s", d.Event.Name, w.Code, gist(w))
		}
		unchanged("replayed: " + d.Event.Name + " of " + d.Event.Ref.String())
		if reads.Load() > read {
			replayed++
		}
	}
	if replayed < 10 {
		t.Errorf("only %d of %d replays made somebody look", replayed, len(deliveries))
	}
}
