package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// past is what the fake store knows of records.
type past struct {
	hits    []engine.RecordHit
	links   []automation.Link
	latest  []automation.Run
	entries []engine.TimelineEntry
	asked   record.Ref
	woken   []engine.Key
	events  []automation.Event

	personal engine.PersonalData
	erased   []record.Ref
	busy     bool
	kept     []automation.Delivery
	refuses  error // what parting a pair answers
}

func (f *fakeStore) FindRecords(context.Context, string, int) ([]engine.RecordHit, error) {
	return f.past.hits, nil
}

func (f *fakeStore) LinksAt(_ context.Context, ref record.Ref) ([]automation.Link, error) {
	f.past.asked = ref
	return f.past.links, nil
}

func (f *fakeStore) Link(_ context.Context, id string) (automation.Link, error) {
	for _, l := range f.past.links {
		if l.ID == id {
			return l, nil
		}
	}
	return automation.Link{}, engine.ErrNotFound
}

func (f *fakeStore) PartPair(_ context.Context, id string, apart bool) error {
	for i := range f.past.links {
		if f.past.links[i].ID == id {
			f.past.links[i].Severed = apart
			return f.past.refuses
		}
	}
	return engine.ErrNotFound
}

func (f *fakeStore) LatestRuns(context.Context, record.Ref) ([]automation.Run, error) {
	return f.past.latest, nil
}

func (f *fakeStore) Timeline(_ context.Context, _ record.Ref, filter engine.TimelineFilter) ([]engine.TimelineEntry, error) {
	var out []engine.TimelineEntry
	for _, e := range f.past.entries {
		if filter.Before.IsZero() || e.At.Before(filter.Before.At) {
			out = append(out, e)
		}
	}
	return out[:min(len(out), filter.Limit)], nil
}

func (f *fakeStore) Wake(_ context.Context, key engine.Key, e automation.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.past.woken, f.past.events = append(f.past.woken, key), append(f.past.events, e)
	return nil
}

func (w *workshop) open(path string) page { w.t.Helper(); return w.do(newGet(path)) }

var (
	janeThere = record.Ref{Connection: glAccount, Type: record.Contact, ID: "g1"}
	janeHere  = record.Ref{Connection: hlAccount, Type: record.Contact, ID: "h1"}
)

// lived gives Jane a past: a webhook, a run that wrote and was read back otherwise, a link, a question and a run that
// was filtered.
func (w *workshop) lived() {
	at := func(minutes int) time.Time { return today.Add(time.Duration(minutes) * time.Minute) }
	event := automation.Event{ID: "ev_1", Kind: automation.Webhook, Ref: janeThere, Change: provider.Updated, Name: "contact.updated", ReceivedAt: at(-50)}
	phone := automation.FieldPlan{Field: "phone", Label: "Phone", Kind: record.Phone, Action: automation.Set, Before: record.TextOf("555-1"), After: record.TextOf("+14155552671")}
	wrote := automation.Run{
		ID: "rn_1", Automation: w.id, Event: event, Source: janeThere, Title: "Jane Doe", Target: janeHere, State: automation.Succeeded, Outcome: automation.Update, Code: "update",
		Summary: "Updated 1 field of the HighLevel contact", StartedAt: at(-49),
		Steps: []automation.Step{{Kind: automation.StepWrite, OK: true, Title: "Updated 1 field", Calls: []provider.Call{{Method: "PUT", Path: "/contacts/h1", Status: 200, Duration: 80 * time.Millisecond}}}},
	}
	verdict := rule.Verdict{Root: rule.Check{Op: rule.And, Checks: []rule.Check{{Label: "Email has any value", Got: "jane@acme.io", Passed: true}, {Label: "Plan is not “free”", Got: "free"}}}}
	filtered := automation.Run{
		ID: "rn_2", Automation: w.id, Source: janeThere, Title: "Jane Doe", State: automation.Succeeded, Outcome: automation.Skip, Code: "rule",
		Summary: "The rule let it pass by", StartedAt: at(-10),
		Steps: []automation.Step{{Kind: automation.StepRule, Title: "The rule let it pass by", Plan: &automation.Plan{Code: "rule", Verdict: verdict}}},
	}
	link := automation.Link{ID: "ln_1", Source: janeThere, Target: janeHere, Evidence: "Same email on both sides", CreatedAt: at(-48)}
	asked := automation.Review{ID: "rv_1", Automation: w.id, Source: janeThere, Kind: automation.ReviewConflict, State: automation.ReviewSettled, DecidedBy: "max@acme.io", DecidedAt: at(-29), OpenedAt: at(-30)}
	w.store.past = past{
		links: []automation.Link{link}, latest: []automation.Run{filtered},
		entries: []engine.TimelineEntry{
			{Kind: engine.EntryDue, ID: "wk_1", At: at(0), Due: &engine.DueWork{Key: engine.Key{Automation: w.id, Source: janeThere}, State: "waiting", DueAt: at(5)}},
			{Kind: engine.EntryRun, ID: "rn_2", At: at(-10), Run: &engine.RunStory{Run: filtered}},
			{Kind: engine.EntryArrival, ID: "ev_2", At: at(-11), Arrival: &engine.Arrival{RoutedAt: at(-11), Event: automation.Event{ID: "ev_2", Kind: automation.Poll, Ref: janeThere, Change: provider.Deleted, ReceivedAt: at(-11)}}},
			{Kind: engine.EntryReview, ID: "rv_1", At: at(-30), Review: &asked},
			{Kind: engine.EntryLink, ID: "ln_1", At: at(-48), Link: &engine.LinkStory{Link: link, Bases: []automation.Base{{Automation: w.id, AgreedAt: at(-48), Fields: record.Fields{"phone": record.TextOf("+14155552671")}}}}},
			{Kind: engine.EntryRun, ID: "rn_1", At: at(-49), Run: &engine.RunStory{Run: wrote, Changes: []automation.Change{{
				ID: "ch_1", Run: "rn_1", Target: janeHere, Op: automation.Update, Fields: []automation.FieldPlan{phone}, State: automation.Done, AnsweredAt: at(-49), After: record.Fields{"phone": record.TextOf("+1 415-555-2671")},
			}}}},
			{Kind: engine.EntryArrival, ID: "ev_1", At: at(-50), Arrival: &engine.Arrival{Event: event, RoutedAt: at(-50), Led: []automation.Run{wrote}, Kept: true}},
		},
	}
	if err := w.store.SetState(w.t.Context(), w.id, automation.On, ""); err != nil {
		w.t.Fatal(err)
	}
}

func TestATimelineTellsWhatHappenedOnBothSides(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.lived()
	p := w.open(recordHref(janeThere)).is(http.StatusOK)
	p.says("h1", "Jane Doe").says(".head", "linked with HighLevel contact h1")
	p.says("[aria-labelledby=answer-title]", "Filtered by condition 2: Plan is not “free”, but it is “free”.")
	for entry, words := range map[string][]string{
		"wk_1": {"tries it again in 5 minutes"},
		"rn_2": {"Filtered by condition 2", "Code rule", "Plan is not “free” (free) does not hold"},
		"ev_2": {"A poll found this contact deleted", "Did not care: Contacts It does nothing about deleted records."},
		"rv_1": {"A person was asked", "max@acme.io answered 29 minutes ago"},
		"ln_1": {"The two were linked", "Same email on both sides", "Phone+14155552671"},
		"rn_1": {"Updated 1 field of the HighLevel contact", "before: 555-1 → after: +14155552671", "Read back as “+1 415-555-2671”.", "PUT /contacts/h1", "200 OK", "80 ms"},
		"ev_1": {"A webhook told of this contact: contact.updated", "Cared: Contacts Updated 1 field", "What was sent"},
	} {
		for _, want := range words {
			p.says("#entry-"+entry, want)
		}
	}
	if p.Find("#entry-ev_1 a[href='/deliveries/ev_1']").Length() != 1 {
		t.Error("an arrival does not lead to its delivery")
	}
	if got, _ := p.Find("#entry-rn_1 a[href='/runs/rn_1']").Attr("href"); got == "" {
		t.Error("a run is not linked to")
	}
	if got, _ := p.Find("nav [aria-current=page]").Attr("href"); got != "/records" {
		t.Errorf("the navigation stands at %q", got)
	}
}

func TestARecordNobodyWatchesIsToldSo(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	ticket := record.Ref{Connection: glAccount, Type: record.Ticket, ID: "t1"}
	w.store.past.entries = []engine.TimelineEntry{{Kind: engine.EntryArrival, ID: "ev_1", At: today, Arrival: &engine.Arrival{RoutedAt: today, Event: automation.Event{Kind: automation.Webhook, Ref: ticket, ReceivedAt: today}}}}
	p := w.open(recordHref(ticket)).is(http.StatusOK)
	p.says("[aria-labelledby=answer-title]", "No automation watches this").says("#entry-ev_1", "No automation watches this.")
	if n := p.Find("main .head form").Length(); n != 0 {
		t.Errorf("%d forms offer to look at what nobody minds", n)
	}
	w.store.past.entries = nil
	if got := w.open("/records/cn_gone/contact/1").status; got != http.StatusNotFound {
		t.Errorf("a record of an account there never was answers %d", got)
	}
}

func TestAnyIdHasAnAddress(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"g1", "a/b", "a//b/", "50%", "%2F", "a b?c#d&e=f", "ünï", "a+b@c.de", "..x", "x;y", `"<'`} {
		w := newWorkshop(t)
		ref := record.Ref{Connection: glAccount, Type: record.Contact, ID: id}
		p := w.open(recordHref(ref)).is(http.StatusOK)
		if w.store.past.asked != ref {
			t.Errorf("%q is read as %q", recordHref(ref), w.store.past.asked)
		}
		p.says("h1", id)
	}
}

func TestLookingByHandMakesThePairDue(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.lived()
	// From either side it is the pair's one key.
	for _, ref := range []record.Ref{janeThere, janeHere} {
		w.store.past.woken, w.store.past.events = nil, nil
		p := w.do(newPost(recordHref(ref), nil)).is(http.StatusSeeOther)
		if p.to != recordHref(ref) {
			t.Errorf("it leads to %q", p.to)
		}
		want := []engine.Key{{Automation: w.id, Source: janeThere}}
		if ref == janeHere {
			// Nothing leads back in this mapping, so its own key is the source's all the same.
			w.open(p.to).says(".notice", "It is looked at now")
		}
		if !slices.Equal(w.store.past.woken, want) {
			t.Errorf("from %s: %v is due", ref, w.store.past.woken)
		}
		if e := w.store.past.events[0]; e.Kind != automation.Manual || e.Ref != janeThere || e.ID == "" {
			t.Errorf("it is due for %+v", e)
		}
	}
	for _, state := range []automation.State{automation.Draft, automation.Paused} {
		w.store.past.woken = nil
		if err := w.store.SetState(t.Context(), w.id, state, "limit reached"); err != nil {
			t.Fatal(err)
		}
		p := w.do(newPost(recordHref(janeThere), nil)).is(http.StatusSeeOther)
		w.open(p.to).says(".notice", "No automation that is on minds this record.")
		if len(w.store.past.woken) != 0 {
			t.Errorf("%s: %v is due", state, w.store.past.woken)
		}
	}
	w.open(recordHref(janeThere)).says("[aria-labelledby=answer-title]", "It is paused (limit reached); what changes is held until it goes on.")
}

func TestBothSidesAreShownAsTheyAreNow(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.lived()
	w.gateway[hlAccount].records = []record.Record{{Ref: janeHere, Title: "Jane Doe", Fields: record.Fields{
		"email": record.TextOf("JANE@acme.io"), "phone": record.TextOf("+14155550000"), "firstName": record.TextOf("Jane"), "lastName": record.TextOf("Doe"),
	}}}
	if got := w.open(recordHref(janeThere)).Find("#now table").Length(); got != 0 {
		t.Error("both sides are read before anybody asks")
	}
	p := w.open(recordHref(janeThere) + "?now=1").is(http.StatusOK)
	rows := map[string]string{}
	p.Find("#now tbody tr").Each(func(_ int, tr *goquery.Selection) {
		words := strings.Join(strings.Fields(tr.Text()), " ")
		rows[strings.TrimSpace(tr.Find("th .signed > span:last-child").Text())] = words
	})
	for field, want := range map[string][]string{"Email": {"same", "jane@acme.io", "JANE@acme.io"}, "Phone": {"differs", "(415) 555-2671", "+14155550000"}} {
		for _, words := range want {
			if !strings.Contains(rows[field], words) {
				t.Errorf("%s does not say %q: %v", field, words, rows)
			}
		}
	}
	w.gateway[hlAccount].down = &provider.Error{Kind: provider.Unavailable, Detail: "upstream is down"}
	w.open(recordHref(janeThere)+"?now=1").says("#now", "could not be reached").says("#now", "(415) 555-2671")
	w.gateway[hlAccount].down = errors.New("boom")
	w.open(recordHref(janeThere) + "?now=1").is(http.StatusOK)
	w.gateway[hlAccount].records, w.gateway[hlAccount].down = nil, nil
	w.open(recordHref(janeThere)+"?now=1").says("#now", "is not there any more")
	w.store.past.links = nil
	w.open(recordHref(janeThere)+"?now=1").says("#now", "It has no counterpart")
}

func TestRecordsAreFound(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.open("/records").is(http.StatusOK).says("main", "Which record?")
	w.open("/records?q=zoe").is(http.StatusOK).says("main", "Nothing is known of “zoe”")
	odd := record.Ref{Connection: glAccount, Type: record.Contact, ID: "a/b"}
	w.store.past.hits = []engine.RecordHit{{Record: odd, Counterparts: []record.Ref{janeHere}, Title: "Jane <Doe>", SeenAt: today.Add(-time.Hour)}}
	p := w.open("/records?q=" + url.QueryEscape("jane <")).is(http.StatusOK)
	p.says("tbody", "Jane <Doe>").says("tbody", "Gleap contact a/b").says("tbody", "HighLevel contact h1").says("tbody", "1 hour ago")
	if got := p.Find("tbody th a").AttrOr("href", ""); got != "/records/cn_gl/contact/a%2Fb" {
		t.Errorf("it leads to %q", got)
	}
}

func TestATimelinePages(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	for i := range 2*entriesPerPage + 1 {
		at := today.Add(-time.Duration(i) * time.Minute)
		w.store.past.entries = append(w.store.past.entries, engine.TimelineEntry{Kind: engine.EntryRun, ID: "rn_" + at.Format("1504"), At: at, Run: &engine.RunStory{Run: automation.Run{ID: "rn_x", StartedAt: at, State: automation.Succeeded, Outcome: automation.Same, Summary: "Nothing."}}})
	}
	seen := 0
	next := recordHref(janeThere)
	for pages := 0; next != "" && pages < 5; pages++ {
		p := w.open(next).is(http.StatusOK)
		seen += p.Find(".timeline > li").Length()
		if shown := p.Find("#now").Length() > 0; shown != (pages == 0) {
			t.Errorf("page %d shows both sides: %v", pages, shown)
		}
		next = p.Find("a[rel=next]").AttrOr("href", "")
	}
	if seen != 2*entriesPerPage+1 {
		t.Errorf("%d entries were shown", seen)
	}
}

func TestTwoRecordsThatAreNotTheSameAreUnlinkedAndLinkedAgain(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.lived()
	p := w.open(recordHref(janeThere)).is(http.StatusOK)
	p.says("summary:contains('Not the same')", "Not the same as HighLevel contact h1?")
	if p.Find(`form[action="/pairs/ln_1"] button`).Length() != 1 {
		t.Fatal("the pair cannot be unlinked")
	}
	w.do(newPost("/pairs/ln_1", nil)).is(http.StatusSeeOther)
	if !w.store.past.links[0].Severed {
		t.Fatal("it is linked still")
	}
	p = w.open(recordHref(janeThere)).is(http.StatusOK)
	p.says(".head", "separate ways: one was deleted, or somebody unlinked them").says("main", "Link with HighLevel contact h1 again")

	// One that is gone is not linked again: the other might be deleted after it.
	again := form("together", "yes")
	w.do(newPost("/pairs/ln_1", again)).is(http.StatusSeeOther)
	if !w.store.past.links[0].Severed {
		t.Fatal("a record that is gone was linked again")
	}
	for _, ref := range []record.Ref{janeThere, janeHere} {
		w.gateway[ref.Connection].records = append(w.gateway[ref.Connection].records, record.Record{Ref: ref, Title: "Jane Doe"})
	}
	w.do(newPost("/pairs/ln_1", again)).is(http.StatusSeeOther)
	if w.store.past.links[0].Severed {
		t.Fatal("it was not linked again")
	}
	w.store.past.refuses = engine.ErrConflict
	w.do(newPost("/pairs/ln_1", again)).is(http.StatusSeeOther)
	w.do(newPost("/pairs/ln_9", nil)).is(http.StatusNotFound)
}
