package enginetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// tellsBefore is a webhook about a contact that came a while ago.
func tellsBefore(t *testing.T, h *enginetest.House, id string, ago time.Duration) {
	t.Helper()
	at := h.Now().Add(-ago)
	accept(t, h, record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: id}, provider.Updated, at, at)
}

// accept stores a webhook as the ingress does.
func accept(t *testing.T, h *enginetest.House, about record.Ref, change provider.Change, received, occurred time.Time) {
	t.Helper()
	id := automation.NewID("ev")
	_, err := h.Store.Accept(t.Context(), automation.Delivery{Event: automation.Event{
		ID: id, Kind: automation.Webhook, Ref: about, Change: change, Name: "told", DedupeKey: id, ReceivedAt: received, OccurredAt: occurred,
	}})
	edit(t, err)
	h.Drain()
}

func watch(t *testing.T, d provider.Descriptor, c record.ConnectionID, of record.ObjectType) engine.Watch {
	t.Helper()
	o, ok := d.Object(of)
	if !ok {
		t.Fatalf("there is no %s", of)
	}
	return engine.Watch{Connection: c, Object: of, Told: o.Webhook && !o.Poll, Tells: o.Tells, Parent: o.Parent, Every: time.Minute}
}

func missedBy(t *testing.T, h *enginetest.House, w engine.Watch) int {
	t.Helper()
	found, err := h.Poller.Poll(t.Context(), w)
	edit(t, err)
	h.Drain()
	return found.Missed
}

func TestOnlyWebhooksThatShouldHaveComeCountAsMissed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		told func(t *testing.T, h *enginetest.House, at record.Ref)
		want int
	}{
		"none came": {func(*testing.T, *enginetest.House, record.Ref) {}, 1},
		"one that does not say when": {func(t *testing.T, h *enginetest.House, at record.Ref) {
			accept(t, h, at, provider.Created, h.Now(), time.Time{})
		}, 0},
		"one whose clock is behind": {func(t *testing.T, h *enginetest.House, at record.Ref) {
			accept(t, h, at, provider.Created, h.Now(), h.Now().Add(-90*time.Second))
		}, 0},
		"our clock is behind the account’s": {func(t *testing.T, h *enginetest.House, at record.Ref) {
			accept(t, h, at, provider.Created, h.Now().Add(-90*time.Second), h.Now().Add(-90*time.Second))
		}, 0},
		"one of a time before": {func(t *testing.T, h *enginetest.House, at record.Ref) {
			accept(t, h, at, provider.Created, h.Now().Add(-time.Hour), time.Time{})
		}, 1},
		"another record’s": {func(t *testing.T, h *enginetest.House, at record.Ref) {
			at.ID = "another"
			accept(t, h, at, provider.Created, h.Now(), h.Now())
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.TwoWays(nil)
			poll(t, h)
			id := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "email": "jane@example.com"})
			c.told(t, h, record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: id})
			h.Later(2 * time.Minute)
			if found := poll(t, h); found.Missed != 0 {
				t.Errorf("counted although it may be under way: %+v", found)
			}
			missed := 0
			for range 3 {
				h.Later(5 * time.Minute)
				missed += poll(t, h).Missed
			}
			if missed != c.want {
				t.Errorf("%d are missed, want %d", missed, c.want)
			}
			if got := h.Gleap.Contacts(); len(got) != 1 { // counted or not, it is carried
				t.Errorf("Gleap has %+v", got)
			}
		})
	}
}

// What was found and waits to be judged outlives the process that found it.
func TestAMissedWebhookCountsThoughItIsJudgedAfterARestart(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	poll(t, h)
	h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "email": "jane@example.com"})
	h.Later(2 * time.Minute)
	missed := poll(t, h).Missed
	if got := h.Gleap.Contacts(); len(got) != 1 {
		t.Fatalf("the poll did not find it: %+v", got)
	}
	p := h.Poller
	h.Poller = &engine.Poller{Inbox: p.Inbox, Cursors: p.Cursors, Gateway: p.Gateway, Quota: p.Quota, Deliveries: p.Deliveries, Now: p.Now, NewID: p.NewID}
	for range 3 {
		h.Later(5 * time.Minute)
		missed += poll(t, h).Missed
	}
	if missed != 1 {
		t.Errorf("%d are missed, want 1", missed)
	}
}

// A provider need not tell us what we did there ourselves.
func TestOurOwnWritesAreNoMissedWebhooks(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{Contacts: 3})
	h.TwoWays(nil)
	poll(t, h)
	for _, c := range h.Gleap.Contacts() {
		h.Tell(record.Ref{Connection: enginetest.GleapConnection, Type: record.Contact, ID: c.ID}, provider.Updated)
	}
	if n := len(h.HighLevel.Contacts()); n != 3 {
		t.Fatalf("%d were carried to HighLevel", n)
	}
	missed := 0
	for range 3 {
		h.Later(5 * time.Minute)
		missed += poll(t, h).Missed
	}
	if missed != 0 {
		t.Errorf("%d of our own writes count as missed", missed)
	}
}

// HighLevel tells when a task is made, completed or deleted, and of nothing else (reference/highlevel.md §7.1).
func TestOfATaskOnlyWhatIsToldCanBeMissed(t *testing.T) {
	t.Parallel()
	type scene struct {
		*enginetest.House
		t       *testing.T
		contact string
	}
	task := func(s scene, id string) record.Ref {
		return record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Task, ID: s.contact + "/" + id}
	}
	for name, c := range map[string]struct {
		act  func(s scene, id string)
		told func(s scene, id string)
		want int
	}{
		"made": {want: 1},
		"made, and told by its own id": {told: func(s scene, id string) {
			at := task(s, id)
			at.ID = id
			accept(s.t, s.House, at, provider.Created, s.Now(), time.Time{})
		}},
		"edited": {act: func(s scene, id string) {
			edit(s.t, s.HighLevel.PersonEditsTask(id, map[string]any{"title": "Call again"}))
		}},
		"completed": {act: func(s scene, id string) {
			edit(s.t, s.HighLevel.PersonEditsTask(id, map[string]any{"completed": true}))
		}, want: 1},
		"completed, and told": {
			act: func(s scene, id string) {
				edit(s.t, s.HighLevel.PersonEditsTask(id, map[string]any{"completed": true}))
			},
			told: func(s scene, id string) { accept(s.t, s.House, task(s, id), provider.Updated, s.Now(), time.Time{}) },
		},
		"deleted":           {act: func(s scene, id string) { edit(s.t, s.HighLevel.PersonDeletesTask(id)) }, want: 1},
		"deleted, and told": {act: func(s scene, id string) { edit(s.t, s.HighLevel.PersonDeletesTask(id)) }, told: func(s scene, id string) { accept(s.t, s.House, task(s, id), provider.Deleted, s.Now(), time.Time{}) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.Automation("gleap-ticket-to-highlevel-task", nil)
			w := watch(t, highlevel.Descriptor(), enginetest.HighLevelConnection, record.Task)
			s := scene{h, t, h.HighLevel.PersonCreatesContact(map[string]any{"email": "jane@example.com"})}
			for n := range 3 { // others that stay
				h.HighLevel.PersonCreatesTask(s.contact, map[string]any{"title": fmt.Sprint("Task ", n), "dueDate": "2027-01-01T10:00:00Z"})
			}
			missedBy(t, h, w)
			make := func() string {
				return h.HighLevel.PersonCreatesTask(s.contact, map[string]any{"title": "Call", "dueDate": "2027-01-01T10:00:00Z"})
			}
			id := ""
			if c.act == nil {
				missedBy(t, h, w)
				id = make()
			} else {
				id = make()
				missedBy(t, h, w) // it is known
				accept(t, h, task(s, id), provider.Created, h.Now(), time.Time{})
				h.Later(10 * time.Minute)
				if n := missedBy(t, h, w); n != 0 {
					t.Fatalf("%d are missed before anything happened", n)
				}
				c.act(s, id)
			}
			if c.told != nil {
				c.told(s, id)
			}
			missed := 0
			for range 3 {
				missed += missedBy(t, h, w)
				h.Later(5 * time.Minute)
			}
			if missed != c.want {
				t.Errorf("%d are missed, want %d", missed, c.want)
			}
		})
	}
}

// Gleap's webhooks are set up by hand: before the first has come, none can be missed.
func TestWebhooksNobodySetUpAreNotMissed(t *testing.T) {
	t.Parallel()
	for _, setUp := range []bool{false, true} {
		h := enginetest.New(t, enginetest.Options{Contacts: 1})
		w := watch(t, gleap.Descriptor(), enginetest.GleapConnection, record.Ticket)
		missedBy(t, h, w)
		if setUp {
			accept(t, h, record.Ref{Connection: enginetest.GleapConnection, Type: record.Ticket, ID: "an-older-one"}, provider.Updated, h.Now(), h.Now())
		}
		h.Gleap.PersonCreatesTicket(h.Gleap.Contacts()[0].ID, map[string]any{"title": "It is broken"})
		missed := 0
		for range 3 {
			h.Later(5 * time.Minute)
			missed += missedBy(t, h, w)
		}
		if want := map[bool]int{true: 1}[setUp]; missed != want {
			t.Errorf("set up %v: %d are missed, want %d", setUp, missed, want)
		}
	}
}

// What a descriptor says is told, an event of the adapter tells, and no other.
func TestWhatIsToldIsWhatTheEventsSay(t *testing.T) {
	t.Parallel()
	hooks, err := highlevel.NewWebhooks(highlevel.WebhookConfig{})
	edit(t, err)
	says := func(event string) (record.ObjectType, provider.Change) {
		body := fmt.Sprintf(`{"type":%q,"id":"x","contactId":"c","appointment":{"id":"x"}}`, event)
		n, err := hooks.Read([]byte(body))
		edit(t, err)
		return n.Type, n.Change
	}
	for _, o := range highlevel.Descriptor().Objects {
		if !o.Webhook {
			continue // users are read for their names only
		}
		kind := strings.ToUpper(string(o.Type[:1])) + string(o.Type[1:])
		for event, told := range map[string]bool{
			"Create": o.Tells.Created, "Update": o.Tells.Updated, "Delete": o.Tells.Deleted, "Complete": o.Tells.Turning != "",
		} {
			of, change := says(kind + event)
			if known := of == o.Type && change != provider.Ignored; known != told {
				t.Errorf("%s%s is known: %v; told: %v", kind, event, known, told)
			}
		}
	}
}

// To an account that is connected without an app no webhooks come, so a comparison finds none that were missed.
func TestAComparisonMissesNoWebhookWhereNoneCome(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		appless func(context.Context, record.ConnectionID) (bool, error)
		want    int
	}{
		"with an app":   {nil, 1},
		"also with one": {func(context.Context, record.ConnectionID) (bool, error) { return false, nil }, 1},
		"without an app": {func(_ context.Context, id record.ConnectionID) (bool, error) {
			return id == enginetest.HighLevelConnection, nil
		}, 0},
	} {
		h := enginetest.New(t, enginetest.Options{})
		a := h.Automation("highlevel-contact-to-gleap", func(d *automation.Definition) { d.Rule = rule.Rule{} })
		off(t, h, a)
		ada := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Ada", "email": "ada@acme.io", "companyName": "Acme"})
		h.Gleap.PersonCreatesContact(map[string]any{"name": "Ada", "email": "ada@acme.io", "companyName": "Other"})
		h.Later(time.Hour)
		h.Populations.Appless = tt.appless
		if p := show(t, h, a, engine.ModeShow, ""); p.Counts[automation.Update] != 1 || p.Missed != 0 {
			t.Errorf("%s: before the two have met %d are missed of %v", name, p.Missed, p.Counts)
		}
		fill(t, h, a)
		edit(t, h.HighLevel.PersonEditsContact(ada, map[string]any{"companyName": "Acme Worldwide"}))
		h.Later(time.Hour)
		if p := show(t, h, a, engine.ModeShow, ""); p.Missed != tt.want {
			t.Errorf("%s: %d are missed, want %d", name, p.Missed, tt.want)
		}
	}
}
