package highlevel

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// event is a received webhook whose signature was good.
type event map[string]any

// listen starts a receiver of webhooks; answer decides its status.
func listen(s *stage, answer func(n int32) int) <-chan event {
	s.Helper()
	spki, err := base64.StdEncoding.DecodeString(s.ready.WebhookPublicKey)
	if err != nil {
		s.Fatal(err)
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		s.Fatal(err)
	}
	out := make(chan event, 100)
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		sig, _ := base64.StdEncoding.DecodeString(r.Header.Get("X-GHL-Signature"))
		if !ed25519.Verify(key.(ed25519.PublicKey), raw, sig) {
			s.Error("a webhook with a bad signature")
		}
		if answer != nil {
			if status := answer(n.Add(1)); status != 200 {
				w.WriteHeader(status)
				return
			}
		}
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			s.Error(err)
		}
		out <- e
	}))
	s.Cleanup(srv.Close)
	s.twin.SetWebhookURL(srv.URL)
	return out
}

func next(t *testing.T, events <-chan event) event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(5 * time.Second):
		t.Fatal("no webhook came")
		return nil
	}
}

func TestWritesAreEchoedAsFlatSignedEvents(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	events := listen(s, nil)
	var kinds []string
	expect := func(kind string) event {
		t.Helper()
		e := next(t, events)
		kinds = append(kinds, kind)
		if e["type"] != kind || e["locationId"] != s.ready.LocationID || e["appId"] != s.twin.cfg.AppID || e["webhookId"] == "" || e["timestamp"] == nil {
			t.Fatalf("got %v, want %s", e, kind)
		}
		checkEventKeys(t, e)
		return e
	}
	id := s.create(obj{"email": "a@example.com", "firstName": "A", "dateOfBirth": "2000-01-05", "tags": []string{"x"}})
	e := expect("ContactCreate")
	if e["id"] != id || e["name"] != "A" || e["dateOfBirth"] != "2000-01-05T00:00:00.000Z" || e["dateUpdated"] != nil || !cmp.Equal(e["attachments"], []any{}) {
		t.Errorf("ContactCreate: %v", e)
	}
	one := "/contacts/" + id
	s.call("PUT", one, obj{"firstName": "A"}) // changes nothing, fires nothing
	s.call("PUT", one, obj{"firstName": "B"})
	if e := expect("ContactUpdate"); e["firstName"] != "B" {
		t.Errorf("ContactUpdate: %v", e)
	}
	s.call("POST", one+"/tags", obj{"tags": []string{"x", "y"}})
	expect("ContactTagUpdate")
	s.call("PUT", one, obj{"dnd": true})
	expect("ContactDndUpdate")

	note := s.call("POST", one+"/notes", obj{"body": "hello", "title": "t"}).str("note.id")
	if e := expect("NoteCreate"); e["contactId"] != id || e["body"] != "hello" || e["title"] != nil {
		t.Errorf("NoteCreate: %v", e)
	}
	s.call("PUT", one+"/notes/"+note, obj{"body": "bye"})
	expect("NoteUpdate")
	s.call("DELETE", one+"/notes/"+note, nil)
	expect("NoteDelete")

	task := s.call("POST", one+"/tasks", obj{"title": "t", "body": "b", "dueDate": "2026-10-25T11:00:00Z", "completed": false}).str("task.id")
	if e := expect("TaskCreate"); e["contactId"] != nil || e["body"] != nil || e["title"] != "t" {
		t.Errorf("TaskCreate must lack contactId and body: %v", e)
	}
	s.call("PUT", one+"/tasks/"+task, obj{"title": "silent"})
	s.call("PUT", one+"/tasks/"+task+"/completed", obj{"completed": true})
	if e := expect("TaskComplete"); e["contactId"] != id || e["title"] != "silent" {
		t.Errorf("TaskComplete: %v", e)
	}
	s.call("PUT", one+"/tasks/"+task+"/completed", obj{"completed": false}) // silent as well
	s.call("DELETE", one+"/tasks/"+task, nil)
	expect("TaskDelete")

	booked := s.twin.PersonBooksAppointment(id, obj{"title": "Check-up", "startTime": "2026-10-25T11:00:00-04:00"})
	told := func(e event) obj { inner, _ := e["appointment"].(obj); return inner }
	if a := told(expect("AppointmentCreate")); a["id"] != booked || a["contactId"] != id || a["appointmentStatus"] != "confirmed" {
		t.Errorf("AppointmentCreate: %v", a)
	}
	if err := s.twin.PersonEditsAppointment(booked, obj{"appointmentStatus": "confirmed"}); err != nil { // changes nothing, fires nothing
		t.Error(err)
	}
	if err := s.twin.PersonEditsAppointment(booked, obj{"appointmentStatus": "noshow"}); err != nil {
		t.Error(err)
	}
	if a := told(expect("AppointmentUpdate")); a["appointmentStatus"] != "noshow" {
		t.Errorf("AppointmentUpdate: %v", a)
	}
	if err := s.twin.PersonDeletesAppointment(booked); err != nil {
		t.Error(err)
	}
	expect("AppointmentDelete")
	s.call("DELETE", one, nil)
	expect("ContactDelete")

	s.connect("contacts.readonly")
	if e := expect("INSTALL"); e["companyId"] != s.ready.CompanyID || e["userId"] == nil {
		t.Errorf("INSTALL: %v", e)
	}
	s.twin.Uninstall()
	expect("UNINSTALL")

	person := s.twin.PersonCreatesContact(obj{"firstName": "P"})
	expect("ContactCreate")
	if err := s.twin.PersonEditsContact(person, obj{"city": "Rome"}); err != nil {
		t.Fatal(err)
	}
	expect("ContactUpdate")
	if err := s.twin.PersonDeletesContact(person); err != nil {
		t.Fatal(err)
	}
	expect("ContactDelete")
}

// checkEventKeys holds an event against the vendor's schema of it. What live
// deliveries add is allowed: reference §7.1, §2.6.
func checkEventKeys(t *testing.T, e event) {
	t.Helper()
	dir, err := specsDir()
	if _, missing := loadContract(); err != nil || missing != nil {
		return // reported by the tour
	}
	name := map[string]string{"INSTALL": "AppInstall", "UNINSTALL": "AppUninstall"}[e["type"].(string)]
	if name == "" {
		name = e["type"].(string)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "webhook-events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Schemas []struct {
			Properties map[string]any `json:"properties"`
		} `json:"schemas"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	live := map[string]bool{"type": true, "timestamp": true, "webhookId": true, "appId": true, "versionId": true, "installType": true}
	for key := range e {
		if _, known := doc.Schemas[0].Properties[key]; !known && !live[key] {
			t.Errorf("%s carries %s, which the vendor's schema does not know", name, key)
		}
	}
	inner, _ := doc.Schemas[0].Properties["appointment"].(map[string]any)
	of, _ := inner["properties"].(map[string]any)
	told, _ := e["appointment"].(map[string]any)
	for key := range told {
		if _, known := of[key]; !known {
			t.Errorf("%s carries appointment.%s, which the vendor's schema does not know", name, key)
		}
	}
}

func TestAFailedDeliveryIsRepeatedWithTheSamePayload(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	events := listen(s, func(n int32) int {
		if n <= 2 {
			return 500
		}
		return 200
	})
	s.create(obj{"email": "a@example.com"})
	if e := next(t, events); e["type"] != "ContactCreate" {
		t.Errorf("got %v", e)
	}
}

func TestDeliveryIsGivenUpAfterTwelveAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got journal
		twin, err := New(Config{WebhookURL: "http://app.invalid/hook", Client: &http.Client{Transport: transport(func(r *http.Request) int {
			raw, _ := io.ReadAll(r.Body)
			got.add(string(raw))
			return 503
		})}})
		if err != nil {
			t.Fatal(err)
		}
		twin.PersonCreatesContact(obj{"firstName": "X"})
		time.Sleep(time.Hour) // fake time
		synctest.Wait()
		bodies := got.all()
		if len(bodies) != maxAttempts {
			t.Errorf("%d attempts, want %d", len(bodies), maxAttempts)
		}
		for _, b := range bodies {
			if b != bodies[0] {
				t.Error("a retry changed the payload")
			}
		}
		if stats := twin.Stats(); stats.WebhooksLost != 1 || stats.WebhooksSent != 0 {
			t.Errorf("stats %+v", stats)
		}
		if err := twin.Close(); err != nil {
			t.Error(err)
		}
	})
}

// journal collects what deliveries brought.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

type transport func(*http.Request) int

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: f(r), Body: http.NoBody, Request: r, Header: http.Header{}}, nil
}

func TestWebhooksAreLostDoubledAndLateOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen journal
		twin, err := New(Config{WebhookURL: "http://app.invalid/hook", Client: &http.Client{Transport: transport(func(r *http.Request) int {
			var e event
			_ = json.NewDecoder(r.Body).Decode(&e)
			seen.add(e["firstName"].(string) + " " + e["webhookId"].(string))
			return 200
		})}})
		if err != nil {
			t.Fatal(err)
		}
		twin.SetFaults(Faults{WebhooksLost: 1})
		twin.PersonCreatesContact(obj{"firstName": "lost"})
		twin.SetFaults(Faults{WebhooksDoubled: 1})
		twin.PersonCreatesContact(obj{"firstName": "twice"})
		synctest.Wait()
		if twice := seen.all(); len(twice) != 2 || twice[0] != twice[1] {
			t.Errorf("want the same event twice: %v", twice)
		}
		twin.SetFaults(Faults{WebhookDelayMs: 60_000})
		twin.PersonCreatesContact(obj{"firstName": "late"})
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if len(seen.all()) != 2 {
			t.Error("the late event came early")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(seen.all()) != 3 {
			t.Error("the late event did not come")
		}
		twin.SetFaults(Faults{MissingScopes: []string{"contacts.readonly"}})
		twin.PersonCreatesContact(obj{"firstName": "unscoped"})
		synctest.Wait()
		if got := twin.Stats(); len(seen.all()) != 3 || got.WebhooksSent != 3 || got.WebhooksLost != 1 {
			t.Errorf("stats %+v, seen %v", got, seen.all())
		}
		if err := twin.Close(); err != nil {
			t.Error(err)
		}
	})
}
