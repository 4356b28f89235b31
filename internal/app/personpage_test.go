package app

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// TestAPersonIsForgottenInTheirWorkspace erases by the page: sealed deliveries that name the person go, those of other
// people and of another workspace stay, and the page says what was left.
func TestAPersonIsForgottenInTheirWorkspace(t *testing.T) {
	t.Parallel()
	const who, email = "owner@a.io", "jane@acme.io"
	p := newPeopledHouse(t)
	p.settledIn()
	keys, err := openVault(p.cfg)
	check(t, err)
	arrives := func(id string, about record.Ref, body string) {
		t.Helper()
		sealed, err := keys.Seal([]byte(body), automation.DeliveryPlace(id))
		check(t, err)
		e := automation.Event{ID: id, Kind: automation.Webhook, Ref: about, Change: provider.Ignored, Name: "Sneezed", DedupeKey: id, ReceivedAt: time.Now()}
		_, err = p.store.Accept(t.Context(), automation.Delivery{Event: e, Body: sealed, Verdict: automation.Unknown})
		check(t, err)
	}
	contact := func(cn record.ConnectionID, id string) record.Ref {
		return record.Ref{Connection: cn, Type: record.Contact, ID: id}
	}
	arrives("ev_own", contact("cn_gl", "g1"), `{"data":{"id":"g1","email":"`+email+`"}}`)
	arrives("ev_unknown", record.Ref{Connection: "cn_hl"}, `{"deep":[{"er":"`+strings.ToUpper(email)+`"}]}`)
	arrives("ev_beside", contact("cn_gl", "g2"), `{"data":{"id":"g2","email":"omar@acme.io","friend":"`+email+`"}}`)
	arrives("ev_elsewhere", record.Ref{Connection: "own_gl"}, `{"deep":"`+email+`"}`)
	has := func(id string) bool {
		d, err := p.store.Delivery(t.Context(), id)
		return err == nil && len(d.Body) > 0
	}
	file := p.send(who, http.MethodGet, "/personal-data/cn_gl/contact/g1", nil).Body.String()
	if !strings.Contains(file, "ev_unknown") || strings.Contains(file, "omar@acme.io") || strings.Contains(file, "ev_elsewhere") {
		t.Errorf("the file has\n%s", file)
	}
	w := p.send(who, http.MethodPost, "/personal-data/cn_gl/contact/g1", url.Values{"confirm": {"yes"}})
	p.keep(who, w)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("erasing answers %d: %s", w.Code, gist(w))
	}
	if page := p.send(who, http.MethodGet, w.Header().Get("Location"), nil).Body.String(); !strings.Contains(page, "name this person too") || !strings.Contains(page, "contact g2") {
		t.Error("the page does not say what was left")
	}
	for id, stays := range map[string]bool{"ev_own": false, "ev_unknown": false, "ev_beside": true, "ev_elsewhere": true} {
		if has(id) != stays {
			t.Errorf("%s is there: %v, want %v", id, has(id), stays)
		}
	}
}
