package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/reviewui"
	"crosswalk/web/ui"
)

const (
	reviewsPerPage = 50
	// comparedMost bounds how many candidates are read to be shown side by side.
	comparedMost = 8
	// pastMost bounds how far back the past of a conflict is read, newsMost how much of what was heard is shown.
	pastMost = 200
	newsMost = 3
)

func kindOf(t reviewui.Tab) automation.ReviewKind {
	if t == reviewui.Identity {
		return automation.ReviewIdentity
	}
	return automation.ReviewConflict
}

func (s *scoped) reviewsPage(c echo.Context) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Reviews)
	if err != nil {
		return err
	}
	names, err := s.automationNames(ctx)
	if err != nil {
		return err
	}
	counts, err := s.Store.ReviewCounts(ctx)
	if err != nil {
		return err
	}
	v := reviewui.List{Tab: reviewui.Tab(c.QueryParam("tab")), Open: map[reviewui.Tab]int{}, Automations: []ui.Option{{Label: "Every automation"}}}
	for _, t := range []reviewui.Tab{reviewui.Conflicts, reviewui.Identity} {
		v.Open[t] = counts[kindOf(t)]
	}
	if !slices.Contains(reviewui.Tabs, v.Tab) {
		v.Tab = reviewui.Conflicts
		if v.Open[reviewui.Conflicts] == 0 && v.Open[reviewui.Identity] > 0 {
			v.Tab = reviewui.Identity
		}
	}
	f := engine.ReviewFilter{
		Automation: automation.ID(c.QueryParam("automation")), Search: strings.TrimSpace(c.QueryParam("q")),
		Before: c.QueryParam("before"), Limit: reviewsPerPage + 1,
	}
	v.Automation, v.Query = string(f.Automation), f.Search
	for id, name := range names {
		v.Automations = append(v.Automations, ui.Option{Value: string(id), Label: name})
	}
	slices.SortFunc(v.Automations[1:], func(a, b ui.Option) int {
		return cmp.Or(strings.Compare(a.Label, b.Label), strings.Compare(a.Value, b.Value))
	})
	list, err := s.reviewsUnder(ctx, v.Tab, f)
	if err != nil {
		return err
	}
	if f.Before != "" {
		v.Pages.PreviousHref = "/reviews?" + reviewQuery(v, "")
	}
	if len(list) > reviewsPerPage {
		list = list[:reviewsPerPage]
		v.Pages.NextHref = "/reviews?" + reviewQuery(v, list[len(list)-1].ID)
	}
	for _, r := range list {
		v.Items = append(v.Items, s.reviewItem(r, v.Tab, names))
	}
	if len(v.Items) > 0 {
		v.Pages.Text = ui.Count(len(v.Items), "question", "questions")
	}
	return s.render(c, http.StatusOK, reviewui.ListPage(sh, v))
}

// reviewsUnder lists what a tab shows, newest first. Decided are those that wait to be carried out and those that are
// settled.
func (s *scoped) reviewsUnder(ctx context.Context, t reviewui.Tab, f engine.ReviewFilter) ([]automation.Review, error) {
	if t != reviewui.Decided {
		f.Kind, f.State = kindOf(t), automation.ReviewOpen
		return s.Store.ReviewList(ctx, f)
	}
	var out []automation.Review
	for _, f.State = range []automation.ReviewState{automation.ReviewDecided, automation.ReviewSettled} {
		list, err := s.Store.ReviewList(ctx, f)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b automation.Review) int { return strings.Compare(b.ID, a.ID) })
	return out[:min(len(out), f.Limit)], nil
}

func reviewQuery(v reviewui.List, before string) string {
	q := url.Values{}
	for k, val := range map[string]string{"tab": string(v.Tab), "automation": v.Automation, "q": v.Query, "before": before} {
		if val != "" {
			q.Set(k, val)
		}
	}
	return q.Encode()
}

func (s *scoped) reviewItem(r automation.Review, t reviewui.Tab, names map[automation.ID]string) reviewui.Item {
	item := reviewui.Item{
		ID: r.ID, Record: reviewTitle(r), AutomationName: cmp.Or(names[r.Automation], "removed automation"),
		Text: askedWords(r), At: s.moment(r.OpenedAt),
	}
	if t != reviewui.Decided {
		return item
	}
	item.Text, item.At = s.decisionWords(r, desk{}), s.moment(cmp.Or(r.DecidedAt, r.OpenedAt))
	switch {
	case r.DecidedBy == "":
		item.Text, item.State = "Nothing to choose any more.", "settled by itself"
	case r.Decision.Ignore:
		item.State = "left alone"
	case r.State == automation.ReviewSettled:
		item.State, item.Tone = "carried out", ui.Good
	default:
		item.State, item.Tone = "on its way", ui.Info
	}
	return item
}

func reviewTitle(r automation.Review) string { return cmp.Or(r.Title, r.Plan.SourceTitle, r.Source.ID) }

// askedWords says in one line what is asked.
func askedWords(r automation.Review) string {
	if r.Kind == automation.ReviewIdentity {
		names := make([]string, 0, len(r.Plan.Identity.Candidates))
		for _, cand := range r.Plan.Identity.Candidates {
			names = append(names, cmp.Or(cand.Title, cand.Ref.ID)+" ("+cand.Why+")")
		}
		return "It could be " + someWords(names, " or ") + "."
	}
	labels := []string{}
	for _, f := range r.Plan.Asks() {
		labels = append(labels, f.Label)
	}
	if r.Plan.Code == automation.CodeVanished {
		return someWords(labels, " and ") + ": gone from one side all at once."
	}
	return someWords(labels, " and ") + ": changed on both sides."
}

// someWords joins a few words and counts the rest.
func someWords(words []string, last string) string {
	const most = 3
	n := len(words)
	switch {
	case n > most:
		return strings.Join(words[:most], ", ") + last + ui.Number(n-most) + " more"
	case n > 1:
		return strings.Join(words[:n-1], ", ") + last + words[n-1]
	}
	return strings.Join(words, "")
}

// decisionWords says what somebody answered. The desk names the two accounts, where they are known.
func (s *scoped) decisionWords(r automation.Review, d desk) string {
	if r.Kind == automation.ReviewIdentity {
		switch {
		case r.Decision.Ignore:
			return "Left alone."
		case r.Decision.CreateNew:
			return "None of these: a new one."
		}
		for _, cand := range r.Plan.Identity.Candidates {
			if cand.Ref == r.Decision.Counterpart {
				return "It is " + cmp.Or(cand.Title, cand.Ref.ID) + "."
			}
		}
		return "It is " + r.Decision.Counterpart.ID + "."
	}
	said := []string{}
	for _, f := range r.Plan.Asks() {
		choice, ok := r.Decision.Choices[f.BaseKey()]
		if !ok {
			continue
		}
		value, from := choice.Value, provider.ID("")
		switch choice.Take {
		case automation.TakeSource:
			value, from = leftValue(f), d.source.Provider
		case automation.TakeTarget:
			value, from = rightValue(f), d.target.Provider
		}
		words := f.Label + ": " + cmp.Or(quoted(value), "empty")
		if from != "" {
			words += ", from " + s.providerName(from)
		}
		said = append(said, words+".")
	}
	return strings.Join(said, " ")
}

func quoted(v record.Value) string {
	if v.IsEmpty() {
		return ""
	}
	text, _ := brieflyShown(v)
	return "“" + text + "”"
}

// leftValue is what the source account holds of a field, rightValue what the target account does: a field plan tells
// what its own side holds and what the other offers.
func leftValue(f automation.FieldPlan) record.Value {
	if f.Side == automation.SourceSide {
		return f.Before
	}
	return f.Offered
}

func rightValue(f automation.FieldPlan) record.Value {
	if f.Side == automation.SourceSide {
		return f.Offered
	}
	return f.Before
}

func (s *scoped) reviewPage(c echo.Context) error {
	r, err := s.Store.Review(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	given := answersOf(r)
	if all := c.QueryParam("all"); all == reviewui.TakeLeft || all == reviewui.TakeRight {
		for _, f := range r.Plan.Asks() {
			given.take[f.BaseKey()] = all
		}
	}
	return s.showReview(c, http.StatusOK, r, given, nil, nil)
}

// answers is a form as it was filled in.
type answers struct {
	take, value map[string]string // by base key
	always      map[string]bool
	wrong       map[string]string
	identity    string
}

func noAnswers() answers {
	return answers{take: map[string]string{}, value: map[string]string{}, always: map[string]bool{}, wrong: map[string]string{}}
}

// answersOf is the form with the answer a review has.
func answersOf(r automation.Review) answers {
	a := noAnswers()
	for key, choice := range r.Decision.Choices {
		a.take[key], a.value[key] = string(choice.Take), choice.Value.String()
	}
	switch d := r.Decision; {
	case d.Ignore:
		a.identity = reviewui.LeaveIt
	case d.CreateNew:
		a.identity = reviewui.CreateNew
	case !d.Counterpart.IsZero():
		a.identity = reviewui.IsPrefix + d.Counterpart.ID
	}
	return a
}

// postedAnswers is the form as it was sent.
func postedAnswers(c echo.Context, r automation.Review) answers {
	a := noAnswers()
	a.identity = c.FormValue(reviewui.AnswerName)
	for _, f := range r.Plan.Asks() {
		key := f.BaseKey()
		a.take[key] = c.FormValue(reviewui.TakePrefix + key)
		a.value[key] = strings.TrimSpace(c.FormValue(reviewui.ValuePrefix + key))
		a.always[key] = c.FormValue(reviewui.AlwaysPrefix+key) != ""
		if a.take[key] == "" && a.value[key] != "" {
			a.take[key] = reviewui.TakeTyped
		}
	}
	return a
}

// reviewDesk lays out the automation a review belongs to; gone: it was removed, and only what the review remembers is
// left to be shown.
func (s *scoped) reviewDesk(ctx context.Context, r automation.Review) (d desk, gone bool, err error) {
	a, err := s.Store.Automation(ctx, r.Automation)
	if err == nil {
		d, err = s.layOut(ctx, a)
		return d, false, err
	}
	if !errors.Is(err, engine.ErrNotFound) {
		return desk{}, false, err
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return desk{}, false, err
	}
	other := r.Plan.Target
	if len(r.Plan.Identity.Candidates) > 0 {
		other = r.Plan.Identity.Candidates[0].Ref
	}
	d.source, d.target = s.rememberedEnd(r.Source, connections), s.rememberedEnd(other, connections)
	return d, true, nil
}

// rememberedEnd is a side as a record that was seen there tells it.
func (s *scoped) rememberedEnd(ref record.Ref, connections []connection.Connection) end {
	e := end{Endpoint: automation.Endpoint{Connection: ref.Connection, Object: ref.Type}}
	for _, c := range connections {
		if c.ID == ref.Connection {
			e.Provider = c.Provider
		}
	}
	e.schema = s.assumed(e.Endpoint, nil)
	return e
}

// sidesOf are the side of the record in question and the one its counterpart is looked for in.
func (d desk) sidesOf(r automation.Review) (its, other end) {
	if r.Source.Connection == d.target.Connection && r.Source.Connection != d.source.Connection {
		return d.target, d.source
	}
	return d.source, d.target
}

// showReview renders a question with the answers given so far.
func (s *scoped) showReview(c echo.Context, status int, r automation.Review, given answers, problem *ui.Problem, issues []ui.Issue) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Reviews)
	if err != nil {
		return err
	}
	d, gone, err := s.reviewDesk(ctx, r)
	if err != nil {
		return err
	}
	v := reviewui.View{
		ID: r.ID, Run: r.Run, Record: reviewTitle(r), AutomationID: string(r.Automation), AutomationName: cmp.Or(d.a.Name, "removed automation"),
		AskedAt: s.moment(r.OpenedAt), Problem: problem, Issues: issues, ReadOnly: gone || r.State == automation.ReviewSettled,
	}
	if r.State != automation.ReviewOpen {
		v.Answered, err = s.answeredBy(ctx, r, d)
		if err != nil {
			return err
		}
	}
	switch {
	case v.ReadOnly && r.State != automation.ReviewSettled:
		v.Notices = append(v.Notices, ui.Problem{Tone: ui.Warn, Title: "The automation was removed", Detail: "There is nothing to decide any more. Both records stay as they are.", Code: "removed"})
	case !v.ReadOnly:
		v.Notices = d.problems()
		if d.a.State != automation.On {
			v.Notices = append(v.Notices, ui.Problem{Tone: ui.Warn, Title: "“" + d.a.Name + "” is not switched on", Detail: "What you decide is kept, and carried out once it is on.", Href: "/automations/" + string(d.a.ID) + "/live", HrefLabel: "Go live", Code: "not_on"})
		}
		_, v.HasNext, err = s.nextReview(ctx, r)
		if err != nil {
			return err
		}
	}
	if r.Kind == automation.ReviewIdentity {
		s.showIdentity(ctx, &v, r, d, given)
	} else {
		pasts, err := s.fieldPasts(ctx, r, d)
		if err != nil {
			return err
		}
		s.showConflict(ctx, &v, r, d, given, pasts)
	}
	return s.render(c, status, reviewui.DecidePage(sh, v))
}

// answeredBy says who answered, and finds the run that carried it out: the first about the record since then.
func (s *scoped) answeredBy(ctx context.Context, r automation.Review, d desk) (*reviewui.Answered, error) {
	out := &reviewui.Answered{By: r.DecidedBy, At: s.moment(r.DecidedAt)}
	if r.DecidedBy == "" {
		return out, nil
	}
	out.Words = s.decisionWords(r, d)
	switch {
	case r.Decision.Ignore && r.State != automation.ReviewSettled:
		out.Words += " Choose otherwise below whenever you like."
		return out, nil
	}
	runs, err := s.Store.Runs(ctx, engine.RunFilter{Automation: r.Automation, Search: r.Source.ID, Limit: 200})
	if err != nil {
		return nil, err
	}
	if r.State != automation.ReviewSettled {
		i := slices.IndexFunc(runs, func(run automation.Run) bool { return run.Source == r.Source })
		if i >= 0 && runs[i].Code == automation.CodeNoSecond && !runs[i].StartedAt.Before(r.DecidedAt) {
			out.Words += " " + runs[i].Summary
			return out, nil
		}
		out.Words += " It is on its way. Until it is carried out you can still choose otherwise."
		return out, nil
	}
	for _, run := range runs {
		if run.Source == r.Source && !run.StartedAt.Before(r.DecidedAt) {
			out.Run = run.ID // newest first: the oldest of them stays
		}
	}
	return out, nil
}

// nextReview is the next open question of the same kind: an older one, or else the newest.
func (s *scoped) nextReview(ctx context.Context, r automation.Review) (automation.Review, bool, error) {
	for _, before := range []string{r.ID, ""} {
		list, err := s.Store.ReviewList(ctx, engine.ReviewFilter{Kind: r.Kind, State: automation.ReviewOpen, Before: before, Limit: 2})
		if err != nil {
			return automation.Review{}, false, err
		}
		for _, other := range list {
			if other.ID != r.ID {
				return other, true, nil
			}
		}
	}
	return automation.Review{}, false, nil
}

// seen is a record as it was read just now, or why it was not.
type seen struct {
	record record.Record
	err    error
}

// look reads records at once, for showing only.
func (s *scoped) look(ctx context.Context, refs ...record.Ref) map[record.Ref]seen {
	ctx, cancel := context.WithTimeout(interactive(ctx), patience)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	out := make(map[record.Ref]seen, len(refs))
	for _, ref := range refs {
		if ref.IsZero() {
			continue
		}
		all.Go(func() {
			var got seen
			client, err := s.Gateway.Client(ctx, ref.Connection)
			if err == nil {
				got.record, err = client.Get(ctx, ref)
			}
			got.err = err
			mu.Lock()
			defer mu.Unlock()
			out[ref] = got
		})
	}
	all.Wait()
	return out
}

// fieldPasts reads what is on record about the fields of a conflict, once for all of them.
func (s *scoped) fieldPasts(ctx context.Context, r automation.Review, d desk) (fieldPasts, error) {
	entries, err := s.Store.Timeline(ctx, r.Source, engine.TimelineFilter{Limit: pastMost})
	if err != nil {
		return fieldPasts{}, err
	}
	names, err := s.automationNames(ctx)
	if err != nil {
		return fieldPasts{}, err
	}
	return fieldPasts{engine.PastOf(r, d.a.Definition.Mapping.Rows, d.a.Definition.Locale(), entries, len(entries) >= pastMost), names}, nil
}

type fieldPasts struct {
	byKey map[string]engine.FieldPast
	names map[automation.ID]string
}

// of tells how one side of a field came to its value.
func (p fieldPasts) of(side engine.SidePast, f engine.FieldPast) *reviewui.Past {
	out := &reviewui.Past{Unmoved: side.Unmoved, After: date(f.AgreedAt), Before: date(f.SeenAt), Unheard: side.Whole && len(side.Heard) == 0}
	if ch := side.Wrote; ch != nil {
		out.Wrote = &reviewui.Write{
			By: cmp.Or(p.names[ch.Automation], "removed automation"),
			At: date(ch.AnsweredAt), Run: ch.Run, Stands: side.Stands,
		}
		out.Wrote.Value, _ = brieflyShown(side.Gave)
	}
	out.Earlier = max(len(side.Heard)-newsMost, 0)
	for _, e := range side.Heard[out.Earlier:] {
		text := "a poll"
		if e.Kind == automation.Webhook {
			text = strings.TrimSpace("webhook " + e.Name)
		}
		out.Heard = append(out.Heard, reviewui.News{Text: text, At: date(e.ReceivedAt)})
	}
	return out
}

func (s *scoped) showConflict(ctx context.Context, v *reviewui.View, r automation.Review, d desk, given answers, pasts fieldPasts) {
	var records map[record.Ref]seen
	if !v.ReadOnly {
		records = s.look(ctx, r.Plan.Source, r.Plan.Target)
	}
	source, target := records[r.Plan.Source], records[r.Plan.Target]
	if r.Plan.Code == automation.CodeVanished {
		v.Vanished = r.Plan.Reason
	}
	v.Left, v.Right = s.reviewAccount(d.source, source), s.reviewAccount(d.target, target)
	for _, f := range r.Plan.Asks() {
		key := f.BaseKey()
		agreed, met := r.Plan.Base[key]
		field := reviewui.Field{
			Key: key, Label: f.Label, WasAgreed: met,
			Take: given.take[key], Typed: given.value[key], Always: given.always[key], Error: given.wrong[key],
		}
		field.Left.Text, field.Left.At = shownValue(leftValue(f))
		field.Right.Text, field.Right.At = shownValue(rightValue(f))
		field.Agreed, field.AgreedOn = brieflyShown(agreed)
		past := pasts.byKey[key]
		field.AgreedAt = date(past.AgreedAt)
		field.Left.Past, field.Right.Past = pasts.of(past.Source, past), pasts.of(past.Target, past)
		typedAs(&field, d.spec(f))
		if now, ok := d.leftNow(f, source); ok {
			moved(&field.Left, f, leftValue(f), now, d)
		}
		if now, ok := d.rightNow(f, target); ok {
			moved(&field.Right, f, rightValue(f), now, d)
		}
		v.Fields = append(v.Fields, field)
	}
}

// reviewAccount is one side of a conflict, with when its record was last changed, as far as the account tells.
func (s *scoped) reviewAccount(e end, got seen) reviewui.Account {
	a := reviewui.Account{Side: e.side(), Label: e.schema.Label}
	if at := got.record.UpdatedAt; !at.IsZero() {
		a.Changed = s.moment(at)
	}
	return a
}

// leftNow is what the source account holds of a field by now, in the field's terms.
func (d desk) leftNow(f automation.FieldPlan, source seen) (record.Value, bool) {
	if !source.known() {
		return record.Value{}, false
	}
	if f.Side == automation.SourceSide {
		return source.record.Fields[f.Field], true
	}
	return resultOf(d.compiled.Map(source.record), f.Row)
}

// rightNow is what the target account holds of a field by now, in the field's terms.
func (d desk) rightNow(f automation.FieldPlan, target seen) (record.Value, bool) {
	if !target.known() {
		return record.Value{}, false
	}
	if f.Side == automation.SourceSide {
		return resultOf(d.compiled.MapBack(target.record), f.Row)
	}
	return target.record.Fields[f.Field], true
}

func (g seen) known() bool { return g.err == nil && !g.record.Ref.IsZero() }

func resultOf(rows []mapping.RowResult, id string) (record.Value, bool) {
	for _, r := range rows {
		if r.Row.ID == id && r.Err == nil {
			return r.Value, true
		}
	}
	return record.Value{}, false
}

// moved notes that an account holds something else than when the question was asked.
func moved(v *reviewui.Value, f automation.FieldPlan, asked, now record.Value, d desk) {
	if !record.Same(f.Kind, asked, now, d.a.Definition.Locale()) {
		v.Moved = true
		v.Now, v.NowAt = brieflyShown(now)
	}
}

// spec is the field a typed value goes into. Where the account did not say, the plan remembers its kind.
func (d desk) spec(f automation.FieldPlan) record.FieldSpec {
	e := d.target
	if f.Side == automation.SourceSide {
		e = d.source
	}
	if spec, ok := e.schema.Field(f.Field); ok && e.known {
		return spec
	}
	return record.FieldSpec{Key: f.Field, Label: f.Label, Kind: f.Kind}
}

// typedAs gives a field the control that suits its kind.
func typedAs(f *reviewui.Field, spec record.FieldSpec) {
	options := spec.Options
	switch spec.Kind {
	case record.LongText:
		f.Long = true
	case record.Bool:
		options = []string{"yes", "no"}
	case record.Text:
	default:
		f.Hint = kindWords(record.FieldSpec{Kind: spec.Kind})
	}
	if len(options) == 0 || spec.Kind != record.Choice && spec.Kind != record.Bool {
		return
	}
	f.Options = []ui.Option{{Label: "Choose…"}}
	typed := f.Typed == ""
	for _, o := range options {
		f.Options = append(f.Options, ui.Option{Value: o, Label: o})
		typed = typed || o == f.Typed
	}
	if !typed {
		f.Options = append(f.Options, ui.Option{Value: f.Typed, Label: f.Typed}) // nothing that was sent is lost
	}
}

func (s *scoped) showIdentity(ctx context.Context, v *reviewui.View, r automation.Review, d desk, given answers) {
	its, other := d.sidesOf(r)
	v.Answer = given.identity
	v.Question = "Which " + other.schema.Label + " is it?"
	v.MayCreate = d.a.Definition.Create
	if its.Connection == d.target.Connection {
		v.MayCreate = d.a.Definition.CreateSource
	}
	v.Create = "Create a new " + other.schema.Label + "."
	for _, e := range r.Plan.Identity.Evidence {
		v.Evidence = append(v.Evidence, e.Field+" "+cmp.Or(quoted(e.Value), "empty")+": "+ui.Count(e.Found, "record", "records")+" found.")
	}
	refs := []record.Ref{r.Source}
	for _, cand := range r.Plan.Identity.Candidates[:min(len(r.Plan.Identity.Candidates), comparedMost)] {
		refs = append(refs, cand.Ref)
	}
	var records map[record.Ref]seen
	if !v.ReadOnly {
		records = s.look(ctx, refs...)
	}
	subject := records[r.Source]
	v.Subject = &reviewui.Candidate{ID: r.Source.ID, Side: its.side(), Label: its.schema.Label, Title: reviewTitle(r)}
	var rows []mapping.RowResult
	if subject.known() {
		rows = d.compiled.Map(subject.record)
		if its.Connection == d.target.Connection {
			rows = d.compiled.MapBack(subject.record)
		}
		for _, row := range rows {
			if row.Err == nil {
				v.Subject.Fields = append(v.Subject.Fields, comparedIn(row, row.Value))
			}
		}
	} else {
		v.Subject.Problem = s.unseen(subject, its)
	}
	for _, cand := range r.Plan.Identity.Candidates {
		card := reviewui.Candidate{ID: cand.Ref.ID, Side: other.side(), Label: other.schema.Label, Title: cmp.Or(cand.Title, cand.Ref.ID), Why: cand.Why}
		got, read := records[cand.Ref]
		switch {
		case got.known():
			for _, row := range rows {
				if row.Err != nil {
					continue
				}
				has := got.record.Fields[row.Target.Key]
				field := comparedIn(row, has)
				field.Differs = !record.Same(row.Target.Kind, has, row.Value, d.a.Definition.Locale())
				card.Fields = append(card.Fields, field)
			}
		case read:
			card.Problem = s.unseen(got, other)
		}
		v.Candidates = append(v.Candidates, card)
	}
}

func comparedIn(row mapping.RowResult, v record.Value) reviewui.Compared {
	out := reviewui.Compared{Label: row.Target.Label}
	out.Value, out.At = brieflyShown(v)
	return out
}

// unseen says why the fields of a record are not shown; nothing when nobody looked.
func (s *scoped) unseen(got seen, e end) string {
	switch {
	case got.err == nil:
		return ""
	case provider.IsKind(got.err, provider.NotFound):
		return "It is not there any more."
	case late(got.err):
		return s.providerName(e.Provider) + " does not answer, so its fields are not shown."
	}
	return problemOf(got.err, e.schema.Label, e.side()).Title + ", so its fields are not shown."
}

// reviewDecide takes an answer.
func (s *scoped) reviewDecide(c echo.Context) error {
	ctx := c.Request().Context()
	r, err := s.Store.Review(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	given := postedAnswers(c, r)
	d, gone, err := s.reviewDesk(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case gone:
		return s.showReview(c, http.StatusConflict, r, answersOf(r), nil, nil)
	case r.State == automation.ReviewSettled:
		return s.showReview(c, http.StatusConflict, r, answersOf(r), tooLate(), nil)
	case c.FormValue(reviewui.RunName) != r.Run:
		return s.showReview(c, http.StatusConflict, r, given, askedAnew(), nil)
	}
	decision, issues := d.decision(r, given)
	if len(issues) > 0 {
		return s.showReview(c, problemStatus, r, given, nil, issues)
	}
	err = s.Store.DecideReview(ctx, r.ID, r.Run, decision, user(c).Email)
	if errors.Is(err, engine.ErrConflict) {
		newest, err := s.Store.Review(ctx, r.ID)
		if err != nil {
			return err
		}
		if newest.State == automation.ReviewSettled {
			return s.showReview(c, http.StatusConflict, newest, answersOf(newest), tooLate(), nil)
		}
		return s.showReview(c, http.StatusConflict, newest, given, askedAnew(), nil)
	}
	if err != nil {
		return err
	}
	tone, title, detail := ui.Good, "Decided: "+reviewTitle(r), "It is carried out within a moment."
	if d.a.State != automation.On {
		detail = "It is kept, and carried out once “" + d.a.Name + "” is on."
	}
	if open := len(r.Plan.Asks()) - len(decision.Choices); r.Kind == automation.ReviewConflict && open > 0 {
		detail += " " + ui.Count(open, "field stays", "fields stay") + " open."
	}
	if decision.Ignore {
		detail = "It is left alone until you choose otherwise."
	}
	if words, err := s.always(ctx, d.a.ID, r, decision, given, user(c).Email); err != nil {
		s.Log.ErrorContext(ctx, "owner of decided fields not saved", "automation_id", d.a.ID, "review_id", r.ID, "err", err)
		tone, detail = ui.Warn, detail+" “Always this way” could not be saved: choose it again next time, or set it on the Map page."
	} else if words != "" {
		detail += " " + words + " from now on."
	}
	s.flash(c, tone, title, detail)
	if c.FormValue(reviewui.NextName) != "" {
		next, ok, err := s.nextReview(ctx, r)
		if err != nil {
			return err
		}
		if ok {
			return redirect(c, "/reviews/"+url.PathEscape(next.ID))
		}
	}
	return redirect(c, "/reviews")
}

func askedAnew() *ui.Problem {
	return &ui.Problem{Tone: ui.Warn, Title: "The question has changed since you opened it", Detail: "Something moved meanwhile, so nothing was decided. This is how it stands now.", Next: "Look again and decide.", Code: "asked_anew"}
}

func tooLate() *ui.Problem {
	return &ui.Problem{Tone: ui.Warn, Title: "This question is settled already", Detail: "There was nothing left to decide, so your answer was not needed.", Code: "settled"}
}

// decision reads a form; what is wrong with it is told at each control. Fields nobody chose for stay open.
func (d desk) decision(r automation.Review, given answers) (automation.Decision, []ui.Issue) {
	if r.Kind == automation.ReviewIdentity {
		return d.identityDecision(r, given)
	}
	out := automation.Decision{Choices: map[string]automation.Choice{}}
	var issues []ui.Issue
	for i, f := range r.Plan.Asks() {
		key := f.BaseKey()
		choice := automation.Choice{Take: automation.Take(given.take[key]), SeenSource: f.Offered, SeenTarget: f.Before}
		switch choice.Take {
		case "":
			continue
		case automation.TakeSource, automation.TakeTarget:
		case automation.TakeValue:
			v, err := record.Coerce(record.TextOf(given.value[key]), d.spec(f), d.a.Definition.Locale())
			switch {
			case err != nil:
				given.wrong[key] = err.Error()
			case v.IsEmpty():
				given.wrong[key] = "Type the value, or choose one of the others."
			}
			if wrong := given.wrong[key]; wrong != "" {
				issues = append(issues, ui.Issue{ID: reviewui.TypedID(i), Message: f.Label + ": " + wrong})
				continue
			}
			choice.Value = v
		default:
			issues = append(issues, ui.Issue{ID: reviewui.FirstID(i), Message: f.Label + ": choose one of the values."})
			continue
		}
		out.Choices[key] = choice
	}
	if len(out.Choices) == 0 && len(issues) == 0 {
		issues = append(issues, ui.Issue{ID: reviewui.FirstID(0), Message: "Choose a value first."})
	}
	return out, issues
}

func (d desk) identityDecision(r automation.Review, given answers) (automation.Decision, []ui.Issue) {
	its, _ := d.sidesOf(r)
	mayCreate := d.a.Definition.Create
	if its.Connection == d.target.Connection {
		mayCreate = d.a.Definition.CreateSource
	}
	switch given.identity {
	case reviewui.LeaveIt:
		return automation.Decision{Ignore: true}, nil
	case reviewui.CreateNew:
		if mayCreate {
			return automation.Decision{CreateNew: true}, nil
		}
	}
	if id, ok := strings.CutPrefix(given.identity, reviewui.IsPrefix); ok {
		for _, cand := range r.Plan.Identity.Candidates {
			if cand.Ref.ID == id {
				return automation.Decision{Counterpart: cand.Ref}, nil
			}
		}
	}
	return automation.Decision{}, []ui.Issue{{ID: reviewui.AnswerID, Message: "Choose one of the answers."}}
}

// always gives the fields that were decided for good an owner, in one new version. It answers what was saved, in
// words. Somebody else's edit in between is kept: the owners are set on the newest version.
func (s *scoped) always(ctx context.Context, id automation.ID, r automation.Review, made automation.Decision, given answers, by string) (string, error) {
	for range 3 {
		a, err := s.Store.Automation(ctx, id)
		if err != nil {
			return "", err
		}
		asks := slices.DeleteFunc(r.Plan.Asks(), func(f automation.FieldPlan) bool { return !given.always[f.BaseKey()] })
		_, settled := a.Definition.Always(asks, made.Choices)
		if len(settled) == 0 {
			return "", nil
		}
		words := make([]string, 0, len(settled))
		for _, f := range settled {
			from := a.Definition.Target.Provider
			if made.Choices[f.BaseKey()].Take == automation.TakeSource {
				from = a.Definition.Source.Provider
			}
			words = append(words, s.providerName(from)+" for "+f.Label)
		}
		note := "Always " + strings.Join(words, ", ")
		forGood := func(d automation.Definition) automation.Definition {
			d, _ = d.Always(asks, made.Choices)
			return d
		}
		if _, err = s.Store.SaveLive(ctx, a.ID, a.Edited().Version, forGood, by, note); !errors.Is(err, engine.ErrConflict) {
			return note, err
		}
	}
	return "", engine.ErrConflict
}
