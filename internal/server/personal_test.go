package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/internal/vault"
)

func (f *fakeStore) PersonalData(context.Context, record.Ref) (engine.PersonalData, error) {
	return f.past.personal, nil
}

func (f *fakeStore) ErasePersonalData(_ context.Context, ref record.Ref, _ []string) (engine.Erased, error) {
	if f.past.busy {
		return engine.Erased{}, engine.ErrConflict
	}
	f.past.erased = append(f.past.erased, ref)
	return engine.Erased{Runs: 2, Changes: 1}, nil
}

func (f *fakeStore) KeptDeliveries(context.Context, record.Ref, string, int) ([]automation.Delivery, error) {
	return f.past.kept, nil
}

func (f *fakeStore) Linked(context.Context, []record.Ref) (map[record.Ref]bool, error) {
	return nil, nil
}

func TestAPersonIsForgottenOnlyOnPurpose(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	erase := func(form url.Values) page {
		r := httptest.NewRequest(http.MethodPost, "/personal-data/cn_gl/contact/g1", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return w.do(r)
	}
	erase(url.Values{}).is(http.StatusSeeOther)
	if len(w.store.past.erased) != 0 {
		t.Fatal("erased without being told so")
	}
	w.store.past.busy = true
	erase(url.Values{"confirm": {"yes"}}).is(http.StatusConflict).says("main", "Nothing was erased")
	w.store.past.busy = false
	erase(url.Values{"confirm": {"yes"}}).is(http.StatusSeeOther)
	if len(w.store.past.erased) != 1 || w.store.past.erased[0].ID != "g1" {
		t.Errorf("erased %v", w.store.past.erased)
	}
}

func TestAPersonsFileOpensWhatIsSealedAndKeepsNothingBack(t *testing.T) {
	t.Parallel()
	key, err := vault.NewKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.New(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := v.Seal([]byte(`{"email":"jane@acme.io"}`), automation.DeliveryPlace("ev_1"))
	if err != nil {
		t.Fatal(err)
	}
	f := OpenPersonalData(engine.PersonalData{Deliveries: []automation.Delivery{
		{Event: automation.Event{ID: "ev_1"}, Body: sealed}, {Event: automation.Event{ID: "ev_2"}, Body: sealed}, {Event: automation.Event{ID: "ev_3"}},
	}}, v)
	if len(f.Deliveries) != 3 || f.Deliveries[0].Body != `{"email":"jane@acme.io"}` || f.Deliveries[0].Unreadable {
		t.Errorf("the first is %+v", f.Deliveries[0])
	}
	if !f.Deliveries[1].Unreadable || f.Deliveries[1].Body != "" {
		t.Error("a body bound to another place was opened")
	}
	if f.Deliveries[2].Unreadable {
		t.Error("no body is no unreadable one")
	}
}
