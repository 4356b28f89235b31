package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

func (f *fakeStore) Reviews(_ context.Context, a automation.ID, source record.Ref) ([]automation.Review, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.reviews), func(r automation.Review) bool {
		return r.Automation != a || r.Source != source || r.State == automation.ReviewSettled
	}), nil
}

func (f *fakeStore) Review(_ context.Context, id string) (automation.Review, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.reviews {
		if r.ID == id {
			return r, nil
		}
	}
	return automation.Review{}, engine.ErrNotFound
}

func (f *fakeStore) ReviewList(_ context.Context, q engine.ReviewFilter) ([]automation.Review, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.DeleteFunc(slices.Clone(f.reviews), func(r automation.Review) bool {
		return q.State != "" && r.State != q.State || q.Kind != "" && r.Kind != q.Kind || q.Automation != "" && r.Automation != q.Automation ||
			!strings.Contains(strings.ToLower(r.Title), strings.ToLower(q.Search)) || q.Before != "" && r.ID >= q.Before
	})
	return out[:min(len(out), q.Limit)], nil
}

func (f *fakeStore) DecideReview(_ context.Context, id, run string, d automation.Decision, by string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.reviews {
		r := &f.reviews[i]
		if r.ID != id {
			continue
		}
		if r.Run != run || r.State == automation.ReviewSettled {
			return engine.ErrConflict
		}
		r.State, r.Decision, r.DecidedBy, r.DecidedAt = automation.ReviewDecided, d, by, today
		return nil
	}
	return engine.ErrNotFound
}

// inboxStore has a run log, and may have a question asked anew just before somebody's answer arrives.
type inboxStore struct {
	*fakeStore
	runs   []automation.Run
	meddle func()
}

func (f *inboxStore) Runs(_ context.Context, q engine.RunFilter) ([]automation.Run, error) {
	return slices.DeleteFunc(slices.Clone(f.runs), func(r automation.Run) bool {
		return q.Automation != "" && r.Automation != q.Automation || !strings.Contains(r.Source.ID, q.Search)
	}), nil
}

func (f *inboxStore) Run(_ context.Context, id string) (automation.Run, error) {
	for _, r := range f.runs {
		if r.ID == id {
			return r, nil
		}
	}
	return automation.Run{}, engine.ErrNotFound
}

func (f *inboxStore) DecideReview(ctx context.Context, id, run string, d automation.Decision, by string) error {
	if f.meddle != nil {
		f.meddle()
	}
	return f.fakeStore.DecideReview(ctx, id, run, d, by)
}

func (f *inboxStore) SaveLive(ctx context.Context, id automation.ID, from int, change func(automation.Definition) automation.Definition, by, note string) (automation.Automation, error) {
	if f.meddle != nil {
		f.meddle()
	}
	return f.fakeStore.SaveLive(ctx, id, from, change, by, note)
}

func gleapContact(id string) record.Ref {
	return record.Ref{Connection: glAccount, Type: record.Contact, ID: id}
}
func highLevelContact(id string) record.Ref {
	return record.Ref{Connection: hlAccount, Type: record.Contact, ID: id}
}

// questioned is a workshop whose two-way automation, Gleap being the source, has asked about two fields and about who
// somebody is.
func questioned(t *testing.T) (*workshop, *inboxStore) {
	t.Helper()
	w := newWorkshop(t)
	w.edit(func(d *automation.Definition) {
		d.Create, d.CreateSource, d.Rule = true, true, rule.Rule{}
		d.Mapping.Rows = []mapping.Row{
			{ID: "r1", Sources: []string{"email"}, Target: "email", Direction: mapping.Both, Owner: mapping.OwnerAsk},
			{ID: "r2", Sources: []string{"customData.seats"}, Target: "score", Direction: mapping.Both, Owner: mapping.OwnerAsk},
		}
	})
	ok(t, w.store.SetState(t.Context(), w.id, automation.On, ""))
	w.gateway[hlAccount].records = []record.Record{
		{Ref: highLevelContact("h1"), Title: "Jane Doe", UpdatedAt: today.Add(-3 * time.Minute), Fields: record.Fields{"email": record.TextOf("jane@doe.example"), "score": record.NumberOf(4)}},
		{Ref: highLevelContact("h2"), Title: "Jane Two", Fields: record.Fields{"email": record.TextOf("jane@acme.io"), "score": record.NumberOf(9)}},
	}
	conflict := automation.Plan{
		Automation: w.id, Source: gleapContact("g1"), Target: highLevelContact("h1"), Outcome: automation.Decide, Code: automation.CodeConflict,
		Base: record.Fields{"email": record.TextOf("jane@old.example")},
		Fields: []automation.FieldPlan{
			{Row: "r1", Field: "email", Label: "Email", Kind: record.Email, Action: automation.Keep, Code: automation.CodeConflict, Before: record.TextOf("jane@doe.example"), Offered: record.TextOf("jane@acme.io")},
			{Row: "r2", Field: "score", Label: "Score", Kind: record.Number, Action: automation.Keep, Code: automation.CodeConflict, Before: record.NumberOf(4), Offered: record.NumberOf(7)},
			{Row: "r3", Field: "city", Label: "City", Kind: record.Text, Action: automation.Keep, Code: "same"},
		},
	}
	identity := automation.Plan{
		Automation: w.id, Source: gleapContact("g1"), Outcome: automation.Decide, Code: "doubtful",
		Identity: automation.Identity{
			How:      automation.Doubtful,
			Evidence: []automation.Evidence{{Field: "Email", Value: record.TextOf("jane@acme.io"), Found: 2}},
			Candidates: []automation.Candidate{
				{Ref: highLevelContact("h1"), Title: "Jane Doe", Why: "same email"}, {Ref: highLevelContact("h2"), Title: "Jane Two", Why: "same email"},
			},
		},
	}
	ask := func(id string, kind automation.ReviewKind, title string, p automation.Plan) automation.Review {
		return automation.Review{ID: id, Automation: w.id, Source: p.Source, Kind: kind, State: automation.ReviewOpen, Title: title, Plan: p, Run: "rn_" + id, OpenedAt: today.Add(-time.Hour)}
	}
	w.store.reviews = []automation.Review{
		ask("rv_3", automation.ReviewIdentity, "Jane of Acme", identity),
		ask("rv_2", automation.ReviewConflict, "Jane Doe", conflict),
		ask("rv_1", automation.ReviewConflict, "Omar Haddad", conflict),
	}
	inbox := &inboxStore{fakeStore: w.store}
	w.keepsIn(inbox)
	return w, inbox
}

func (w *workshop) see(path string) page { w.t.Helper(); return w.do(newGet(path)) }

func (w *workshop) answer(id string, pairs ...string) page {
	w.t.Helper()
	values := form(pairs...)
	if !values.Has("run") {
		values.Set("run", "rn_"+id)
	}
	return w.do(newPost("/reviews/"+id, values))
}

func (w *workshop) review(id string) automation.Review {
	w.t.Helper()
	r, err := w.store.Review(w.t.Context(), id)
	ok(w.t, err)
	return r
}

func TestTheInboxListsWhatIsOpen(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	p := w.see("/reviews").is(http.StatusOK)
	p.says("nav[aria-label=Main] [aria-current]", "Needs you 3").says("tbody", "Jane Doe").says("tbody", "Email and Score: changed on both sides.").says("tbody", "1 hour ago")
	w.see("/").is(http.StatusOK).says(".notice", "3 questions need you")
	p.says(".tabs", "Conflicts 2 open").says(".tabs", "Who is who 1 open")
	if n := p.Find("tbody tr").Length(); n != 2 {
		t.Errorf("%d conflicts are listed, want 2", n)
	}
	w.see("/reviews?tab=identity").says("tbody", "It could be Jane Doe (same email) or Jane Two (same email).")
	w.see("/reviews?tab=decided").says(".empty", "Nothing was decided yet")
	w.see("/reviews?q=zoe").says(".empty", "No question matches")
	if n := w.see("/reviews?q=OMAR&automation=au_1").Find("tbody tr").Length(); n != 1 {
		t.Errorf("%d match, want 1", n)
	}
	if n := w.see("/reviews?automation=au_other").Find("tbody tr").Length(); n != 0 {
		t.Errorf("%d of another automation", n)
	}
}

func TestTheInboxOpensWhereThereIsSomethingToDecide(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	w.store.reviews = w.store.reviews[:1]
	w.see("/reviews").says(".tabs [aria-current]", "Who is who")
	w.store.reviews = nil
	p := w.see("/reviews").says(".tabs [aria-current]", "Conflicts").says(".empty", "Nothing to decide")
	if p.Find(".count").Length() != 1 { // the automations
		t.Errorf("counts nothing: %s", p.words(".count"))
	}
}

func TestALongInboxIsPaged(t *testing.T) {
	t.Parallel()
	for _, tab := range []string{"conflicts", "decided"} {
		t.Run(tab, func(t *testing.T) {
			t.Parallel()
			w, _ := questioned(t)
			one := w.store.reviews[1]
			w.store.reviews = nil
			for i := range reviewsPerPage + 2 {
				r := one
				r.ID = fmt.Sprintf("rv_%03d", 900-i)
				if tab == "decided" {
					r.State, r.DecidedBy = []automation.ReviewState{automation.ReviewDecided, automation.ReviewSettled}[i%2], "jane@acme.io"
				}
				w.store.reviews = append(w.store.reviews, r)
			}
			seen := map[string]bool{}
			at := "/reviews?q=jane&tab=" + tab
			for range 2 {
				p := w.see(at).is(http.StatusOK)
				for _, a := range p.Find("tbody th a").EachIter() {
					seen[a.AttrOr("href", "")] = true
				}
				at = p.Find("a[rel=next]").AttrOr("href", "")
			}
			if len(seen) != reviewsPerPage+2 || at != "" {
				t.Errorf("%d seen on two pages, then %q", len(seen), at)
			}
		})
	}
}

func TestAConflictShowsBothSides(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	p := w.see("/reviews/rv_2").is(http.StatusOK)
	p.says("fieldset", "Email").says("fieldset", "Gleap jane@acme.io").says("fieldset", "HighLevel jane@doe.example").says("main", "The HighLevel contact was last changed 3 minutes ago.")
	p.says("fieldset", "both sides said “jane@old.example”")
	if got := p.Find("fieldset").Length(); got != 2 {
		t.Errorf("%d questions, want 2", got)
	}
	if p.Find(`a[href="/runs/rn_rv_2"]`).Length() != 1 {
		t.Error("the run that asked is not linked")
	}
	// Seven seats were offered; the contact has none by now.
	p.says("fieldset", "It is empty by now, so you may be asked again.")
	if p.Find("input:checked").Length() != 0 {
		t.Error("something is chosen already")
	}
	all := w.see("/reviews/rv_2?all=target").is(http.StatusOK)
	if n := all.Find(`input[value=target]:checked`).Length(); n != 2 {
		t.Errorf("%d of 2 fields take the same side", n)
	}
	w.see("/reviews/rv_9").is(http.StatusNotFound)
}

func TestAnAccountThatDoesNotAnswerHidesNoQuestion(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"rv_2", "rv_3"} {
		w, _ := questioned(t)
		for _, c := range w.gateway {
			c.down = &provider.Error{Kind: provider.Unavailable}
		}
		p := w.see("/reviews/" + id).is(http.StatusOK)
		if p.Find("input[type=radio]").Length() < 4 {
			t.Errorf("%s cannot be decided: %s", id, p.words("main"))
		}
	}
}

func TestDecidingAConflict(t *testing.T) {
	t.Parallel()
	email := automation.Choice{SeenSource: record.TextOf("jane@acme.io"), SeenTarget: record.TextOf("jane@doe.example")}
	score := automation.Choice{SeenSource: record.NumberOf(7), SeenTarget: record.NumberOf(4)}
	with := func(c automation.Choice, take automation.Take, v record.Value) automation.Choice {
		c.Take, c.Value = take, v
		return c
	}
	for name, tc := range map[string]struct {
		form   []string
		want   map[string]automation.Choice
		says   string
		owners map[string]mapping.Owner
		note   string
	}{
		"one of each": {
			form: []string{"take.email", "source", "take.score", "target"}, says: "It is carried out within a moment.",
			want: map[string]automation.Choice{"email": with(email, automation.TakeSource, record.Value{}), "score": with(score, automation.TakeTarget, record.Value{})},
		},
		"typed, in the field's terms": {
			form: []string{"take.email", "value", "value.email", " jane@both.example ", "take.score", "value", "value.score", "12"},
			want: map[string]automation.Choice{"email": with(email, automation.TakeValue, record.TextOf("jane@both.example")), "score": with(score, automation.TakeValue, record.NumberOf(12))},
		},
		"typed without a choice": {
			form: []string{"value.email", "jane@both.example"}, says: "1 field stays open.",
			want: map[string]automation.Choice{"email": with(email, automation.TakeValue, record.TextOf("jane@both.example"))},
		},
		"always": {
			form: []string{"take.email", "target", "always.email", "true", "take.score", "source", "always.score", "true"}, says: "Always HighLevel for Email, Gleap for Score from now on.",
			want:   map[string]automation.Choice{"email": with(email, automation.TakeTarget, record.Value{}), "score": with(score, automation.TakeSource, record.Value{})},
			owners: map[string]mapping.Owner{"r1": mapping.OwnerTarget, "r2": mapping.OwnerSource}, note: "Always HighLevel for Email, Gleap for Score",
		},
		"a typed value is never for always": {
			form: []string{"take.email", "value", "value.email", "jane@both.example", "always.email", "true"},
			want: map[string]automation.Choice{"email": with(email, automation.TakeValue, record.TextOf("jane@both.example"))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := questioned(t)
			before := w.now()
			p := w.answer("rv_2", tc.form...).is(http.StatusSeeOther)
			if p.to != "/reviews" {
				t.Errorf("leads to %q", p.to)
			}
			r := w.review("rv_2")
			if r.State != automation.ReviewDecided || r.DecidedBy != "jane@acme.io" || len(r.Decision.Choices) != len(tc.want) {
				t.Fatalf("it is %s by %q: %+v", r.State, r.DecidedBy, r.Decision)
			}
			for key, want := range tc.want {
				got := r.Decision.Choices[key]
				if got.Take != want.Take || !got.Value.Equal(want.Value) || !got.SeenSource.Equal(want.SeenSource) || !got.SeenTarget.Equal(want.SeenTarget) {
					t.Errorf("%s: %+v, want %+v", key, got, want)
				}
			}
			w.see("/reviews").says(".notice", "Decided: Jane Doe").says(".notice", tc.says)
			after := w.now()
			if tc.owners == nil && after.Version != before.Version {
				t.Errorf("a new version for nothing: %+v", after.Definition.Mapping.Rows)
			}
			for id, owner := range tc.owners {
				if row, _ := after.Definition.Mapping.RowByID(id); row.Owner != owner {
					t.Errorf("row %s is owned by %q", id, row.Owner)
				}
			}
			if tc.note != "" {
				versions, err := w.store.Versions(t.Context(), w.id)
				ok(t, err)
				if versions[0].Note != tc.note || versions[0].SavedBy != "jane@acme.io" || len(versions) != 2 {
					t.Errorf("saved as %q by %s, %d versions", versions[0].Note, versions[0].SavedBy, len(versions))
				}
			}
		})
	}
}

func TestAlwaysKeepsWhatSomebodyElseSavedMeanwhile(t *testing.T) {
	t.Parallel()
	w, inbox := questioned(t)
	tries := 0
	inbox.meddle = func() {
		if tries++; tries != 2 { // the decision is the first write, the definition the second
			return
		}
		a := w.now()
		inAustria := func(d automation.Definition) automation.Definition { d.Region = "AT"; return d }
		_, err := w.store.SaveLive(t.Context(), w.id, a.Version, inAustria, "omar@acme.io", "region")
		ok(t, err)
	}
	w.answer("rv_2", "take.email", "source", "always.email", "true").is(http.StatusSeeOther)
	d := w.now().Definition
	if row, _ := d.Mapping.RowByID("r1"); row.Owner != mapping.OwnerSource || d.Region != "AT" {
		t.Errorf("owner %q, region %q", row.Owner, d.Region)
	}
}

func TestABadAnswerIsToldAndKept(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		id   string
		form []string
		says string
		kept string // a selector of what was sent
	}{
		"nothing chosen":        {"rv_2", nil, "Choose a value first.", "fieldset"},
		"not an email":          {"rv_2", []string{"take.email", "value", "value.email", "jane at acme"}, "“jane at acme” is not an email address", `input[name="value.email"][value="jane at acme"][aria-invalid]`},
		"not a number":          {"rv_2", []string{"take.score", "value", "value.score", "many", "take.email", "target", "always.email", "true"}, "“many” is not a number", `input[name="take.email"][value=target][checked]`},
		"always is kept too":    {"rv_2", []string{"take.score", "value", "value.score", "many", "take.email", "target", "always.email", "true"}, "Score", `input[name="always.email"][checked]`},
		"another, but nothing":  {"rv_2", []string{"take.email", "value"}, "Type the value", `input[name="take.email"][value=value][checked]`},
		"no such choice":        {"rv_2", []string{"take.email", "both"}, "choose one of the values", "fieldset"},
		"no identity chosen":    {"rv_3", nil, "Choose one of the answers.", "fieldset"},
		"somebody else's":       {"rv_3", []string{"answer", "is:h9"}, "Choose one of the answers.", "fieldset"},
		"an answer nobody asks": {"rv_3", []string{"answer", "perhaps"}, "Choose one of the answers.", "fieldset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := questioned(t)
			p := w.answer(tc.id, tc.form...).is(http.StatusUnprocessableEntity)
			p.says("[role=alert]", tc.says)
			if p.Find(tc.kept).Length() == 0 {
				t.Errorf("%s is not kept: %s", tc.kept, p.words("main"))
			}
			for _, a := range p.Find("[role=alert] a").EachIter() {
				if href := a.AttrOr("href", ""); p.Find(href).Length() != 1 {
					t.Errorf("the message leads to %q, which is not there", href)
				}
			}
			if r := w.review(tc.id); r.State != automation.ReviewOpen {
				t.Errorf("it is %s", r.State)
			}
		})
	}
}

func TestAQuestionAskedAnewIsShownAgain(t *testing.T) {
	t.Parallel()
	anew := func(w *workshop) {
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		r := &w.store.reviews[1]
		r.Run = "rn_newer"
		r.Plan.Fields = slices.Clone(r.Plan.Fields)
		r.Plan.Fields[0].Offered = record.TextOf("jane@newest.example")
	}
	check := func(t *testing.T, w *workshop, p page) {
		t.Helper()
		p.is(http.StatusConflict).says(".notice", "The question has changed since you opened it").says("fieldset", "jane@newest.example")
		if p.Find(`input[name=run][value=rn_newer]`).Length() != 1 || p.Find(`input[name="take.email"][value=target][checked]`).Length() != 1 {
			t.Errorf("the newest question with what was chosen: %s", p.words("form"))
		}
		if w.review("rv_2").State != automation.ReviewOpen {
			t.Error("it was decided all the same")
		}
	}
	t.Run("before the form was sent", func(t *testing.T) {
		t.Parallel()
		w, _ := questioned(t)
		anew(w)
		check(t, w, w.answer("rv_2", "take.email", "target"))
	})
	t.Run("while it was sent", func(t *testing.T) {
		t.Parallel()
		w, inbox := questioned(t)
		inbox.meddle = func() { anew(w) }
		before := w.now().Version
		check(t, w, w.answer("rv_2", "take.email", "target", "always.email", "true"))
		if w.now().Version != before {
			t.Error("a decision that was not taken changed the automation")
		}
	})
	t.Run("settled while it was sent", func(t *testing.T) {
		t.Parallel()
		w, inbox := questioned(t)
		inbox.meddle = func() {
			w.store.mu.Lock()
			defer w.store.mu.Unlock()
			w.store.reviews[1].State = automation.ReviewSettled
		}
		p := w.answer("rv_2", "take.email", "target").is(http.StatusConflict).says(".notice", "settled already").says(".panel", "It settled by itself")
		if p.Find("form[action^='/reviews/']").Length() != 0 {
			t.Error("it can still be decided")
		}
	})
}

func TestDecideNextOpensAnotherOfTheSameKind(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	if w.see("/reviews/rv_2").Find("button[name=next]").Length() != 1 || w.see("/reviews/rv_3").Find("button[name=next]").Length() != 0 {
		t.Error("a next one is offered where there is none, or not where there is")
	}
	if p := w.answer("rv_1", "take.email", "source", "next", "true"); p.to != "/reviews/rv_2" {
		t.Errorf("leads to %q", p.to)
	}
	if p := w.answer("rv_2", "take.email", "source", "next", "true"); p.to != "/reviews" {
		t.Errorf("with none left it leads to %q", p.to)
	}
}

func TestAnIdentityIsComparedAndDecided(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	p := w.see("/reviews/rv_3").is(http.StatusOK)
	p.says("legend", "Which HighLevel contact is it?").says("main", "Email “jane@acme.io”: 2 records found.").says("main", "Create a new HighLevel contact.")
	if got := p.Find(".choice [data-differs] dt").First(); !strings.Contains(got.Text(), "Email") {
		t.Errorf("the difference is %q", got.Text())
	}
	for answer, want := range map[string]automation.Decision{
		"is:h2": {Counterpart: highLevelContact("h2")},
		"new":   {CreateNew: true},
		"leave": {Ignore: true},
	} {
		w.answer("rv_3", "answer", answer).is(http.StatusSeeOther)
		got := w.review("rv_3")
		if got.Decision.Counterpart != want.Counterpart || got.Decision.CreateNew != want.CreateNew || got.Decision.Ignore != want.Ignore || got.State != automation.ReviewDecided {
			t.Errorf("%s came to %+v", answer, got.Decision)
		}
		// Whatever was answered can be taken back by choosing again, until it is settled.
		again := w.see("/reviews/rv_3")
		if again.Find(`input[value="`+answer+`"][checked]`).Length() != 1 || again.Find("button[type=submit]:contains(Decide)").Length() != 1 {
			t.Errorf("%s cannot be taken back", answer)
		}
	}
	w.see("/reviews?tab=decided").says("tbody", "Jane of Acme")
}

func TestCreatingIsOfferedOnlyWhereItIsAllowed(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	w.edit(func(d *automation.Definition) { d.Create = false })
	if w.see("/reviews/rv_3").Find("input[value=new]").Length() != 0 {
		t.Error("a new record is offered")
	}
	w.answer("rv_3", "answer", "new").is(http.StatusUnprocessableEntity)
}

func TestARecordOfTheOtherSideIsComparedTheOtherWay(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	r := &w.store.reviews[0]
	r.Source, r.Plan.Source = highLevelContact("h1"), highLevelContact("h1")
	r.Plan.Identity.Candidates = []automation.Candidate{{Ref: gleapContact("g1"), Title: "Jane Doe", Why: "same email, but another phone"}, {Ref: gleapContact("g7"), Title: "Jane Gone"}}
	p := w.see("/reviews/rv_3").is(http.StatusOK)
	p.says("legend", "Which Gleap contact is it?").says("section", "jane@doe.example").says(".choice", "jane@acme.io").says("fieldset", "It is not there any more.")
	w.answer("rv_3", "answer", "is:g1").is(http.StatusSeeOther)
	if got := w.review("rv_3").Decision.Counterpart; got != gleapContact("g1") {
		t.Errorf("the counterpart is %v", got)
	}
}

func TestASettledQuestionIsReadOnlyAndSaysWhatCameOfIt(t *testing.T) {
	t.Parallel()
	w, inbox := questioned(t)
	w.answer("rv_2", "take.email", "source", "take.score", "value", "value.score", "12").is(http.StatusSeeOther)
	w.see("/reviews/rv_2").says("section", "It is on its way.")
	w.store.reviews[1].State = automation.ReviewSettled
	run := func(id string, source record.Ref, at time.Time) automation.Run {
		return automation.Run{ID: id, Automation: w.id, Source: source, StartedAt: at}
	}
	inbox.runs = []automation.Run{
		run("rn_later", gleapContact("g1"), today.Add(time.Hour)), run("rn_did", gleapContact("g1"), today.Add(time.Second)),
		run("rn_other", highLevelContact("g1"), today.Add(time.Millisecond)), run("rn_rv_2", gleapContact("g1"), today.Add(-time.Hour)),
	}
	p := w.see("/reviews/rv_2").is(http.StatusOK)
	p.says("section", "Email: “jane@acme.io”, from Gleap. Score: “12”.").says("section", "By jane@acme.io").says("[data-chosen]", "jane@acme.io")
	if p.Find(`section a[href="/runs/rn_did"]`).Length() != 1 {
		t.Errorf("the run that did it is not linked: %s", p.words("section"))
	}
	if p.Find("form[action^='/reviews/'], input[type=radio]").Length() != 0 {
		t.Error("it can still be decided")
	}
	w.answer("rv_2", "take.email", "target").is(http.StatusConflict).says(".notice", "settled already")
	w.see("/reviews?tab=decided").says("tbody", "carried out")
}

func TestWhatIsGoneAllAtOnceIsSaidToBe(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	r := &w.store.reviews[1]
	r.Plan.Code, r.Plan.Reason = automation.CodeVanished, "Everything is gone from it at once."
	w.see("/reviews").says("tbody", "gone from one side all at once")
	w.see("/reviews/rv_2").says(".head", "Everything is gone from it at once.")
}

func TestANewRecordTheAccountDoesNotTakeIsSaidWhereItWasAskedFor(t *testing.T) {
	t.Parallel()
	w, inbox := questioned(t)
	w.answer("rv_3", "answer", "new").is(http.StatusSeeOther)
	r := w.review("rv_3")
	inbox.runs = []automation.Run{{ID: "rn_no", Automation: w.id, Source: r.Source, StartedAt: r.DecidedAt.Add(time.Second), State: automation.Failed, Outcome: automation.Blocked, Code: automation.CodeNoSecond, Summary: "The account takes no second one."}}
	p := w.see("/reviews/rv_3").says("section", "The account takes no second one.")
	if strings.Contains(p.words("section"), "on its way") || p.Find("button[type=submit]:contains(Decide)").Length() != 1 {
		t.Errorf("it says: %s", p.words("section"))
	}
}

func TestAQuestionOfARemovedAutomationIsShownOnly(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	ok(t, w.store.DeleteAutomation(t.Context(), w.id))
	for _, id := range []string{"rv_2", "rv_3"} {
		p := w.see("/reviews/"+id).is(http.StatusOK).says(".notice", "The automation was removed")
		if p.Find("input[type=radio]").Length() != 0 {
			t.Errorf("%s can be decided", id)
		}
		w.answer(id, "take.email", "source", "answer", "leave").is(http.StatusConflict)
	}
}

func TestAnAutomationThatIsNotOnIsSaid(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	ok(t, w.store.SetState(t.Context(), w.id, automation.Paused, ""))
	w.see("/reviews/rv_2").says(".notice", "is not switched on")
	w.answer("rv_2", "take.email", "source").is(http.StatusSeeOther)
	w.see("/reviews").says(".notice", "carried out once “Contacts” is on")
}

func TestARunLeadsToItsQuestion(t *testing.T) {
	t.Parallel()
	w, inbox := questioned(t)
	run := func(id string, o automation.Outcome, source record.Ref) automation.Run {
		return automation.Run{ID: id, Automation: w.id, Source: source, Outcome: o, State: automation.Failed, StartedAt: today}
	}
	inbox.runs = []automation.Run{
		run("rn_old", automation.Decide, gleapContact("g1")), run("rn_rv_2", automation.Update, gleapContact("g1")),
		run("rn_same", automation.Same, gleapContact("g1")), run("rn_else", automation.Decide, gleapContact("g2")),
	}
	w.store.reviews = w.store.reviews[1:]
	for id, want := range map[string]int{"rn_old": 1, "rn_rv_2": 1, "rn_same": 0, "rn_else": 0} {
		if n := w.see("/runs/" + id).is(http.StatusOK).Find(`.actions a[href="/reviews/rv_2"]`).Length(); n != want {
			t.Errorf("%s: %d links to the question, want %d", id, n, want)
		}
	}
	w.store.reviews[0].State = automation.ReviewDecided
	if w.see("/runs/rn_rv_2").Find(`a[href="/reviews/rv_2"]`).Length() != 0 {
		t.Error("a question that is decided is still offered")
	}
}

func TestAnAnswerToNothingIsNotFound(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	w.answer("rv_9", "answer", "leave").is(http.StatusNotFound)
}

func TestWhatCannotBeStoredIsNotSaidToBeDecided(t *testing.T) {
	t.Parallel()
	w, inbox := questioned(t)
	w.keepsIn(&brokenInbox{inbox})
	w.answer("rv_2", "take.email", "source").is(http.StatusInternalServerError)
	if w.review("rv_2").State != automation.ReviewOpen {
		t.Error("it is decided")
	}
}

// brokenInbox takes no answers.
type brokenInbox struct{ *inboxStore }

func (brokenInbox) DecideReview(context.Context, string, string, automation.Decision, string) error {
	return errors.New("disk full")
}

func TestValuesOfARowThatLeadsBackStandOnTheirOwnSides(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	w.edit(func(d *automation.Definition) {
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "r4", Sources: []string{"companyName"}, Target: "companyName", Direction: mapping.ToSource, Owner: mapping.OwnerAsk})
	})
	r := &w.store.reviews[1]
	r.Plan.Fields = []automation.FieldPlan{{
		Row: "r4", Key: automation.BackKey("companyName"), Side: automation.SourceSide, Field: "companyName", Label: "Company", Kind: record.Text,
		Action: automation.Keep, Code: automation.CodeConflict, Before: record.TextOf("Ours"), Offered: record.TextOf("Theirs"),
	}}
	p := w.see("/reviews/rv_2").is(http.StatusOK)
	if got := p.words(".choice:has(input[value=source])"); !strings.Contains(got, "Gleap Ours") {
		t.Errorf("the source holds %q", got)
	}
	if got := p.words(".choice:has(input[value=target])"); !strings.Contains(got, "HighLevel Theirs") {
		t.Errorf("the target holds %q", got)
	}
	w.answer("rv_2", "take.<companyName", "target", "always.<companyName", "true").is(http.StatusSeeOther)
	c := w.review("rv_2").Decision.Choices["<companyName"]
	if c.Take != automation.TakeTarget || c.SeenSource.String() != "Theirs" || c.SeenTarget.String() != "Ours" {
		t.Errorf("chosen: %+v", c)
	}
	if row, _ := w.now().Definition.Mapping.RowByID("r4"); row.Owner != mapping.OwnerTarget {
		t.Errorf("the row is owned by %q", row.Owner)
	}
}

func TestTheInboxIsNotForStrangers(t *testing.T) {
	t.Parallel()
	d := newDoor(t).inhabited()
	for _, path := range []string{"/reviews", "/reviews/rv_2"} {
		leads(t, d.open(path), "/sign-in?next="+url.QueryEscape(path))
	}
	leads(t, d.send("/reviews/rv_2", form("take.email", "source")), "/sign-in")
}

func TestAConflictSaysHowEachSideCameToItsValue(t *testing.T) {
	t.Parallel()
	w, _ := questioned(t)
	r := &w.store.reviews[1]
	r.OpenedAt = today.Add(-time.Hour)
	r.Plan.AgreedAt = today.Add(-3 * time.Hour)
	arrival := func(ago time.Duration, e automation.Event) engine.TimelineEntry {
		e.ReceivedAt = today.Add(-ago)
		return engine.TimelineEntry{Kind: engine.EntryArrival, ID: "ev_" + ago.String(), At: e.ReceivedAt, Arrival: &engine.Arrival{Event: e}}
	}
	wrote := func(run string, ago time.Duration, ref record.Ref, value string) engine.TimelineEntry {
		return engine.TimelineEntry{Kind: engine.EntryRun, ID: run, At: today.Add(-ago), Run: &engine.RunStory{Run: automation.Run{ID: run}, Changes: []automation.Change{{
			ID: "ch_" + run, Run: run, Automation: w.id, Target: ref, Op: automation.Update, State: automation.Done, AnsweredAt: today.Add(-ago),
			Fields: []automation.FieldPlan{{Field: "email", Action: automation.Set, After: record.TextOf(value)}},
		}}}}
	}
	w.store.past.entries = []engine.TimelineEntry{
		arrival(90*time.Minute, automation.Event{Kind: automation.Webhook, Name: "ContactUpdate", Ref: highLevelContact("h1")}),
		wrote("rn_own", 100*time.Minute, gleapContact("g1"), "jane@acme.io"),
		wrote("rn_old", 3*time.Hour, highLevelContact("h1"), "jane@old.example"),
	}
	p := w.see("/reviews/rv_2").is(http.StatusOK)
	p.says("fieldset", "They last agreed on it on "+date(r.Plan.AgreedAt).Text)
	p.says("fieldset", "Changed between "+date(r.Plan.AgreedAt).Text+" and "+date(r.OpenedAt).Text+". HighLevel does not tell who changed it.")
	p.says("fieldset", "had written “jane@old.example” here on "+date(today.Add(-3*time.Hour)).Text)
	p.says("fieldset", "Told of a change of the record: webhook ContactUpdate on "+date(today.Add(-90*time.Minute)).Text)
	p.says("fieldset", "wrote it here on "+date(today.Add(-100*time.Minute)).Text)
	if strings.Contains(p.words("fieldset"), "Gleap does not tell who changed it. “") {
		t.Error("what we wrote ourselves is said to be somebody's")
	}
	for _, run := range []string{"rn_own", "rn_old"} {
		if p.Find(`fieldset a[href="/runs/`+run+`"]`).Length() != 1 {
			t.Errorf("%s is not linked", run)
		}
	}
	if p.Find("fieldset local-time time[datetime]").Length() < 5 {
		t.Error("the times are not told by the reader's clock")
	}
	// The second field never was agreed on: no time is made up for it.
	if got := p.words("fieldset:has(#field-1-left)"); !strings.Contains(got, "Changed some time before") || strings.Contains(got, "They last agreed") {
		t.Errorf("a field that never met: %q", got)
	}
}
