package server

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

const bookedDelivery = `{"type":"AppointmentUpdate","locationId":"` + ourPlace + `","webhookId":"w7","appId":"ours","appointment":{"id":"a1","contactId":"c1","dateUpdated":"2026-03-04T11:59:58.000Z"}}`

// A delivery about an appointment is one about its contact as well, which tells of its next one.
func TestADeliveryOfAnAppointmentTouchesItsContact(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	shows(t, d.signed([]byte(bookedDelivery)), http.StatusOK, "stored")
	had := d.store.deliveries()
	if len(had) != 2 {
		t.Fatalf("%d events are stored, want two", len(had))
	}
	own, above := had[0].Event, had[1].Event
	if own.Ref != (record.Ref{Connection: "cn_hl", Type: record.Appointment, ID: "a1"}) || own.Kind != automation.Webhook {
		t.Errorf("of the appointment: %+v", own)
	}
	if above.Ref != (record.Ref{Connection: "cn_hl", Type: record.Contact, ID: "c1"}) || above.Kind != automation.Below || above.Change != provider.Touched ||
		above.Name != "AppointmentUpdate" || !above.OccurredAt.IsZero() || above.DedupeKey == own.DedupeKey || len(had[1].Body) != 0 {
		t.Errorf("of its contact: %+v", above)
	}
	shows(t, d.signed([]byte(bookedDelivery)), http.StatusOK, "known already")
	if n := len(d.store.deliveries()); n != 2 {
		t.Errorf("%d events after the second", n)
	}
	// Replayed, both are looked at again.
	leads(t, d.send("/deliveries/"+own.ID+"/replay", nil), "/deliveries/"+own.ID)
	had = d.store.deliveries()
	if len(had) != 4 || had[2].Event.Kind != automation.Replay || had[3].Event.Ref != above.Ref || had[3].Event.Kind != automation.Below {
		t.Errorf("a replay stored %+v", had[2:])
	}
	// What nobody borrows of has one event.
	d = newDoor(t)
	shows(t, d.signed([]byte(`{"type":"NoteCreate","locationId":"`+ourPlace+`","webhookId":"w8","appId":"ours","id":"n1","contactId":"c1"}`)), http.StatusOK, "stored")
	if n := len(d.store.deliveries()); n != 1 {
		t.Errorf("a note stored %d events", n)
	}
	// An id that fits nowhere is refused as one of the record's own.
	shows(t, d.signed([]byte(strings.ReplaceAll(bookedDelivery, `"c1"`, `"`+strings.Repeat("x", maxLabel+1)+`"`))), http.StatusBadRequest, "not a delivery")
}

// The scopes of calendars are needed by those only who use what contacts borrow of appointments.
func TestTheScopesOfCalendarsAreNeededByWhoUsesThem(t *testing.T) {
	t.Parallel()
	uses := func(d *door, source string) {
		a := d.store.all["au_1"]
		a.Definition.Source, a.Definition.Target = a.Definition.Target, a.Definition.Source
		a.Definition.Mapping.Rows = []mapping.Row{{ID: "r", Sources: []string{source}, Target: "plan"}}
		d.store.all["au_1"] = a
	}
	granted := func(cn *connection.Connection) {
		cn.Scopes = []string{"contacts.readonly", "contacts.write", "locations/customFields.readonly"}
	}
	d := newSickroom(t, nil, granted)
	uses(d, "email")
	if page := d.open("/connections/cn_hl").Body.String(); !strings.Contains(page, "Everything the automations need is granted.") {
		t.Error("without them more is said to be needed")
	}
	d = newSickroom(t, nil, granted)
	uses(d, "nextAppointment.title")
	page := d.open("/connections/cn_hl").Body.String()
	for _, words := range []string{"2 permissions are missing", "without 2 permissions that an automation needs"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not say %q", words)
		}
	}
}

// lending is an account that tells of appointments where they are wanted, as an adapter does.
type lending struct {
	*fakeClient
	refuses error
}

func (l lending) Get(ctx context.Context, ref record.Ref) (record.Record, error) {
	r, err := l.fakeClient.Get(ctx, ref)
	if l.refuses != nil && provider.Wants(ctx, ref.Connection, ref.Type, "nextAppointment.title") {
		return record.Record{}, l.refuses
	}
	if r.Fields = r.Fields.Clone(); provider.Wants(ctx, ref.Connection, ref.Type, "nextAppointment.title") {
		r.Fields["nextAppointment.title"] = record.TextOf("Check-up on Monday")
	}
	return r, err
}

type lendingGateway struct {
	fakeGateway
	refuses *error // what asking for appointments answers
}

func (g lendingGateway) Client(ctx context.Context, id record.ConnectionID) (provider.Client, error) {
	c, err := g.fakeGateway.Client(ctx, id)
	if err != nil || id != hlAccount {
		return c, err
	}
	return lending{g.fakeGateway[id], *g.refuses}, nil
}

// newReception is a workshop whose automation leads from HighLevel, which lends fields to contacts, to Gleap.
func newReception(t *testing.T) *workshop {
	t.Helper()
	w := newWorkshop(t)
	hl := w.gateway[hlAccount]
	hl.schema.Fields = append(hl.schema.Fields, record.FieldSpec{Key: "nextAppointment.title", Label: "Next appointment: title", Kind: record.Text, ReadOnly: true})
	ada := person("h1", "Ada Lovelace", "ada@acme.io", "")
	ada.Ref.Connection = hlAccount
	hl.records = []record.Record{ada}
	w.Gateway = lendingGateway{w.gateway, &w.refuses}
	contact := &w.Descriptors[highLevel].Objects[0]
	contact.Borrowed = []provider.Borrowed{{From: record.Appointment, Fields: []string{"nextAppointment.title"}}}
	return w
}

func TestTheCanvasShowsWhatASampleBorrows(t *testing.T) {
	t.Parallel()
	w := newReception(t)
	w.edit(func(d *automation.Definition) {
		d.Source, d.Target = d.Target, d.Source
		d.Mapping.Rows = []mapping.Row{{ID: "r1", Sources: []string{"nextAppointment.title"}, Target: "customData.plan"}}
	})
	p := w.get("/map").is(http.StatusOK)
	p.says(`[data-source="nextAppointment.title"]`, "Check-up on Monday").says(`[data-target="customData.plan"]`, "Check-up on Monday")
	// Led both ways it would be written: that is refused in a sentence.
	w.post("/rows/r1", form("do", "save", "source", "nextAppointment.title", "direction", "both", "policy", "always")).says("main", "Next appointment: title can only be read, not written")
}

// What a missing permission hides is not said to be empty, and nothing is judged by it.
func TestWhatMayNotBeSeenIsNotSaidToBeEmpty(t *testing.T) {
	t.Parallel()
	forbidden := &provider.Error{Kind: provider.Forbidden, Scope: "calendars/events.readonly"}
	for name, tt := range map[string]struct {
		err          error
		field, title string
	}{
		"no permission": {forbidden, "not granted", "HighLevel does not let Crosswalk read Next appointment: title: the permission “calendars/events.readonly” is not granted"},
		"no answer":     {&provider.Error{Kind: provider.Unavailable}, "not read", "Next appointment: title could not be read in HighLevel just now"},
	} {
		w := newReception(t)
		w.refuses = tt.err
		w.edit(func(d *automation.Definition) { d.Source, d.Target = d.Target, d.Source })
		p := w.get("/map").is(http.StatusOK).says(`[data-source="nextAppointment.title"] .map-value`, tt.field)
		if strings.Contains(p.words(`[data-source="nextAppointment.title"]`), "empty") {
			t.Errorf("%s: it is said to be empty", name)
		}
		if strings.Contains(p.words("main"), tt.title) {
			t.Errorf("%s: it is told to whom it does not matter", name)
		}
		p.says(`[data-source="email"] .map-value`, "ada@acme.io")
		w.edit(func(d *automation.Definition) {
			d.Mapping.Rows = []mapping.Row{{ID: "r1", Sources: []string{"nextAppointment.title"}, Target: "customData.plan"}}
			d.Rule = rule.Rule{Root: rule.Node{ID: "c1", Field: "nextAppointment.title", Operator: "is_empty"}}
		})
		p = w.get("/map").says("main", tt.title)
		if want := "/connections/" + string(hlAccount); p.Find(`main a[href="`+want+`"]`).Length() == 0 {
			t.Errorf("%s: no way to the connection", name)
		}
		w.get("/when").says("main", tt.title)
		if w.get("/when").Find(".verdict").Length() != 0 {
			t.Errorf("%s: it is judged all the same", name)
		}
	}
}

func TestNothingIsMappedIntoWhatIsBorrowed(t *testing.T) {
	t.Parallel()
	w := newReception(t)
	if w.get("/map").Find(`[data-target="nextAppointment.title"]`).Length() != 0 {
		t.Error("a field that cannot be written is offered")
	}
	version := w.now().Version
	w.post("/rows", form("source", "name", "target", "nextAppointment.title")).says("main", "Next appointment: title can only be read, not written")
	if w.now().Version != version {
		t.Error("it was saved all the same")
	}
}
