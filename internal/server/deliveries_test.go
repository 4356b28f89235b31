package server

import (
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// arrived is a door behind which a delivery lies, and somebody who signed in.
func arrived(t *testing.T, role people.Role) (d *door, event string) {
	t.Helper()
	d = newDoor(t, func(c *Config) { c.KeepDeliveries = 30 * 24 * 60 * 60 * 1e9 }).signsIn()
	d.store.role = role
	shows(t, d.signed([]byte(strings.Replace(ourDelivery, `"id":"c1"`, `"id":"c1","firstName":"<b>Jane</b>"`, 1))), http.StatusOK, "stored")
	return d, d.store.deliveries()[0].Event.ID
}

func TestTheLogOfDeliveriesTellsWhatBecameOfEach(t *testing.T) {
	t.Parallel()
	d, event := arrived(t, people.Viewer)
	shows(t, d.signed([]byte(`{"type":"SneezeCreate","locationId":"`+ourPlace+`","webhookId":"w3"}`)), http.StatusOK, "nothing to do")
	d.deliver("/hooks/highlevel", []byte(ourDelivery), false)
	page := d.open("/deliveries").Body.String()
	if strings.Contains(page, "The signature does not fit") {
		t.Error("a viewer reads of what was refused of nobody")
	}
	d.store.role = people.Owner
	page = d.open("/deliveries").Body.String()
	for _, words := range []string{"ContactUpdate", "/deliveries/" + event, "/records/cn_hl/contact/c1", "Accepted", "SneezeCreate", "Unknown type", "Turned away", "The signature does not fit", "30 days"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	if strings.Contains(page, "Jane") {
		t.Error("the list shows what was sent")
	}
	for query, want := range map[string]engine.DeliveryFilter{
		"":                               {},
		"?verdict=unknown&q=+c1+":        {Verdict: automation.Unknown, Search: "c1"},
		"?verdict=repeated":              {Repeated: true},
		"?connection=cn_hl&before=ev_x1": {Connections: []record.ConnectionID{"cn_hl"}, Before: "ev_x1"},
	} {
		d.open("/deliveries" + query)
		got := d.store.asked
		if got.Verdict != want.Verdict || got.Search != want.Search || got.Repeated != want.Repeated || got.Before != want.Before || len(got.Connections) != len(want.Connections) || got.Limit != deliveriesPerPage+1 {
			t.Errorf("%q asks for %+v", query, got)
		}
	}
}

func TestWhatWasSentIsForEditorsOnly(t *testing.T) {
	t.Parallel()
	for role, may := range map[people.Role]bool{people.Viewer: false, people.Editor: true, people.Owner: true} {
		d, event := arrived(t, role)
		w := d.open("/deliveries/" + event)
		page := w.Body.String()
		if shown := strings.Contains(page, "&lt;b&gt;Jane&lt;/b&gt;"); w.Code != http.StatusOK || shown != may || strings.Contains(page, "<b>Jane") {
			t.Errorf("%s: %d, what was sent is shown: %v", role, w.Code, shown)
		}
		if strings.Contains(page, "/replay") != may || strings.Contains(page, "Only editors") == may {
			t.Errorf("%s is offered the wrong things:\n%s", role, page)
		}
		w = d.send("/deliveries/"+event+"/replay", nil)
		stored := len(d.store.deliveries()) - 1
		if may && (w.Code != http.StatusSeeOther || stored != 1) || !may && (w.Code != http.StatusForbidden || stored != 0) {
			t.Errorf("%s replays: %d, %d stored", role, w.Code, stored)
		}
	}
}

func TestAReplayIsAnEventLikeItsDelivery(t *testing.T) {
	t.Parallel()
	d, event := arrived(t, people.Editor)
	leads(t, d.send("/deliveries/"+event+"/replay", nil), "/deliveries/"+event)
	leads(t, d.send("/deliveries/"+event+"/replay", nil), "/deliveries/"+event)
	had := d.store.deliveries()
	if len(had) != 3 {
		t.Fatalf("%d events", len(had))
	}
	for _, again := range had[1:] {
		e := again.Event
		if e.Kind != automation.Replay || e.Ref != had[0].Event.Ref || e.Change != provider.Updated || e.Name != "ContactUpdate" || e.ID == event || len(again.Body) != 0 {
			t.Errorf("replayed as %+v", e)
		}
	}
	// What tells of no record has nothing to be looked at.
	shows(t, d.signed([]byte(`{"type":"SneezeCreate","locationId":"`+ourPlace+`","webhookId":"w3"}`)), http.StatusOK, "nothing to do")
	all := d.store.deliveries()
	unknown := all[len(all)-1].Event.ID
	d.send("/deliveries/"+unknown+"/replay", nil)
	if n := len(d.store.deliveries()); n != len(all) {
		t.Errorf("%d events, want %d", n, len(all))
	}
	shows(t, d.open("/deliveries/nothing"), http.StatusNotFound, "")
	shows(t, d.send("/deliveries/nothing/replay", nil), http.StatusNotFound, "")
}

func TestADeliveryThatCannotBeOpenedIsStillShown(t *testing.T) {
	t.Parallel()
	d, event := arrived(t, people.Owner)
	d.store.inbox[0].Body = append([]byte{1}, d.store.inbox[0].Body[1:]...)
	d.store.inbox[0].Body[40] ^= 1
	shows(t, d.open("/deliveries/"+event), http.StatusOK, "cannot be opened")
	d.store.inbox[0].Body = nil
	shows(t, d.open("/deliveries/"+event), http.StatusOK, "is not kept")
}

// What could not be told whose it is, is for the owners of the first workspace: others would read of each other's traffic.
func TestWhatIsRefusedOfNobodyIsNotEverybodysToSee(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role  people.Role
		first string
		sees  bool
	}{
		"an owner of the first workspace": {people.Owner, "", true},
		"an editor there":                 {people.Editor, "", false},
		"an owner of another one":         {people.Owner, "ws_0", false},
	} {
		d := newDoor(t).signsIn()
		d.store.role, d.store.first = c.role, c.first
		d.store.refused = []automation.Refusal{
			{Provider: "highlevel", Reason: automation.BadSignature, Count: 4711, LastAt: today},
			{Provider: "highlevel", Connection: "cn_hl", Reason: automation.Malformed, Count: 12, LastAt: today},
		}
		body := d.open("/deliveries").Body.String()
		if strings.Contains(body, "The signature does not fit") != c.sees || !strings.Contains(body, whyOf(automation.Malformed)) {
			t.Errorf("%s: what was refused of nobody is shown: %v", name, !c.sees)
		}
	}
}

func whyOf(r automation.RefusalReason) string {
	what, _ := whyRefused(r)
	return what
}
