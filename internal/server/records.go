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
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/recordui"
	"crosswalk/web/runui"
	"crosswalk/web/ui"
)

const (
	recordsFound   = 30
	entriesPerPage = 30
	// comparisonsMost bounds what one look at both sides reads.
	comparisonsMost = 3
)

// recordHref is the address of a record's timeline. Ids are the providers' own and may hold anything.
func recordHref(ref record.Ref) string {
	return "/records/" + url.PathEscape(string(ref.Connection)) + "/" + url.PathEscape(string(ref.Type)) + "/" + url.PathEscape(ref.ID)
}

// refOf reads what recordHref wrote.
func refOf(c echo.Context) (record.Ref, error) {
	parts := []string{c.Param("connection"), c.Param("type"), c.Param("*")}
	if c.Request().URL.RawPath != "" {
		// The router matched the path as it was sent, so its parts are still escaped.
		for i, p := range parts {
			plain, err := url.PathUnescape(p)
			if err != nil {
				return record.Ref{}, engine.ErrNotFound
			}
			parts[i] = plain
		}
	}
	ref := record.Ref{Connection: record.ConnectionID(parts[0]), Type: record.ObjectType(parts[1]), ID: parts[2]}
	if ref.IsZero() {
		return ref, engine.ErrNotFound
	}
	return ref, nil
}

// sideOf names a record by its account.
func (s *scoped) sideOf(ref record.Ref, connections []connection.Connection) recordui.Ref {
	e := s.rememberedEnd(ref, connections)
	kind := string(ref.Type)
	if o, ok := s.Descriptors[e.Provider].Object(ref.Type); ok {
		kind = o.Label
	}
	return recordui.Ref{Side: side(e.Provider), Kind: kind, ID: ref.ID, Href: recordHref(ref)}
}

func (s *scoped) recordsPage(c echo.Context) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Records)
	if err != nil {
		return err
	}
	v := recordui.Search{Query: strings.TrimSpace(c.QueryParam("q")), Most: recordsFound}
	if v.Query == "" {
		return s.render(c, http.StatusOK, recordui.SearchPage(sh, v))
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	hits, err := s.Store.FindRecords(ctx, v.Query, recordsFound)
	if err != nil {
		return err
	}
	for _, h := range hits {
		hit := recordui.Hit{Title: h.Title, Href: recordHref(h.Record), SeenAt: s.moment(h.SeenAt)}
		for _, ref := range append([]record.Ref{h.Record}, h.Counterparts...) {
			hit.Sides = append(hit.Sides, s.sideOf(ref, connections))
		}
		v.Hits = append(v.Hits, hit)
	}
	return s.render(c, http.StatusOK, recordui.SearchPage(sh, v))
}

func (s *scoped) recordPage(c echo.Context) error {
	ctx := c.Request().Context()
	ref, err := refOf(c)
	if err != nil {
		return err
	}
	sh, err := s.shell(c, ui.Records)
	if err != nil {
		return err
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	before := engine.ParseTimelineMark(c.QueryParam("before"))
	story, err := engine.Tell(ctx, s.Store, s.Store, ref, before, entriesPerPage)
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(connections, func(cn connection.Connection) bool { return cn.ID == ref.Connection })
	if !known && len(story.Entries) == 0 && before.IsZero() {
		return engine.ErrNotFound
	}
	t := teller{s: s, story: story, connections: connections, names: map[automation.ID]string{}}
	for _, a := range story.Automations {
		t.names[a.ID] = a.Name
	}
	v := recordui.View{Title: story.Title(), Self: s.sideOf(ref, connections), PersonalHref: personalHref(ref), Older: !before.IsZero()}
	for _, other := range story.Refs()[1:] {
		side := s.sideOf(other, connections)
		i := slices.IndexFunc(story.Links, func(l automation.Link) bool { return l.Source == other || l.Target == other })
		if i >= 0 {
			side.Pair, side.Apart = "/pairs/"+url.PathEscape(story.Links[i].ID), story.Links[i].Severed
		}
		if t.severed(other) {
			side.Note = "separate ways: one was deleted, or somebody unlinked them"
		}
		v.Counterparts = append(v.Counterparts, side)
	}
	if !v.Older {
		t.answer(&v)
		if c.QueryParam("now") != "" {
			v.Compared, v.Comparisons = true, t.compare(ctx)
		}
	}
	for _, e := range story.Entries {
		v.Entries = append(v.Entries, t.entry(e))
	}
	self := recordHref(ref)
	if v.Older {
		v.Pages.PreviousHref = self
	}
	if story.More {
		v.Pages.NextHref = self + "?before=" + url.QueryEscape(story.Entries[len(story.Entries)-1].Mark().String())
	}
	if v.Older || story.More {
		v.Pages.Text = ui.Count(len(v.Entries), "entry", "entries")
	}
	return s.render(c, http.StatusOK, recordui.TimelinePage(sh, v))
}

// recordLook makes the record due by hand.
func (s *scoped) recordLook(c echo.Context) error {
	ctx := c.Request().Context()
	ref, err := refOf(c)
	if err != nil {
		return err
	}
	story, err := engine.Tell(ctx, s.Store, s.Store, ref, engine.TimelineMark{}, 1)
	if err != nil {
		return err
	}
	keys := story.Keys()
	for _, key := range keys {
		e := automation.Event{ID: s.NewID("ev"), Kind: automation.Manual, Ref: key.Source, Change: provider.Updated, ReceivedAt: s.Now()}
		if err := s.Store.Wake(ctx, key, e); err != nil {
			return err
		}
	}
	if len(keys) == 0 {
		s.flash(c, ui.Warn, "There is nobody to look at it", "No automation that is on minds this record.")
	} else {
		s.flash(c, ui.Info, "It is looked at now", ui.Count(len(keys), "automation looks", "automations look")+" at it. What comes of it appears below within a moment: reload the page.")
	}
	return redirect(c, recordHref(ref))
}

// pairPart unlinks two records that are not the same, or links them again.
func (s *scoped) pairPart(c echo.Context) error {
	ctx := c.Request().Context()
	link, err := s.Store.Link(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	home := recordHref(link.Source)
	apart := c.FormValue("together") == ""
	if !apart {
		// A pair that went separate ways because one is gone stays apart: linked again, the other might be deleted too.
		for _, got := range s.look(ctx, link.Source, link.Target) {
			if !got.known() {
				s.flash(c, ui.Warn, "They were not linked", "One of the two is gone, or its account does not answer.")
				return redirect(c, home)
			}
		}
	}
	err = s.Store.PartPair(ctx, link.ID, apart)
	switch {
	case errors.Is(err, engine.ErrConflict):
		s.flash(c, ui.Warn, "They were not linked", "One of the two is linked with another record by now. Unlink that one first.")
	case err != nil:
		return err
	case apart:
		s.flash(c, ui.Good, "They are unlinked", "Both records stay as they are, and no automation carries anything between them. A run that is under way may still end.")
	default:
		s.flash(c, ui.Good, "They are linked again", "What they had agreed on is remembered. What moved since is carried over the next time one of them is looked at.")
	}
	return redirect(c, home)
}

// teller puts a story into words for its page.
type teller struct {
	s           *scoped
	story       engine.Story
	connections []connection.Connection
	names       map[automation.ID]string
}

func (t teller) name(id automation.ID) string { return cmp.Or(t.names[id], "removed automation") }

func (t teller) severed(other record.Ref) bool {
	return slices.ContainsFunc(t.story.Links, func(l automation.Link) bool { return l.Severed && (l.Source == other || l.Target == other) })
}

func (t teller) answer(v *recordui.View) {
	a := engine.Why(t.story)
	v.Sentence, v.Code = a.Sentence, a.Code
	for _, r := range a.Reasons {
		out := recordui.Reason{Name: r.Name, Text: r.Sentence, Code: r.Code, Outcome: outcomeOf(r.Outcome), At: t.s.moment(r.At)}
		if t.names[r.Automation] != "" {
			out.Href = "/automations/" + url.PathEscape(string(r.Automation))
		}
		if r.Run != "" {
			out.RunHref = "/runs/" + url.PathEscape(r.Run)
		}
		if r.Review != "" {
			out.ReviewHref = "/reviews/" + url.PathEscape(r.Review)
		}
		v.Reasons = append(v.Reasons, out)
	}
	if n := len(t.story.Keys()); n > 0 {
		v.CanLook = true
		v.LookNote = "Looking at it now makes " + ui.Count(n, "automation", "automations") + " read both sides and carry over what moved, as a webhook would."
	} else if len(a.Reasons) > 0 {
		v.LookNote = "It cannot be looked at by hand: no automation that minds it is on."
	}
}

// stamp is a moment told by the clock: on a timeline the order of things matters.
func (t teller) stamp(at time.Time) ui.Moment {
	if at.IsZero() {
		return ui.Moment{Text: "now"}
	}
	form := "2 Jan 15:04:05 UTC"
	if at.UTC().Year() != t.s.Now().UTC().Year() {
		form = "2 Jan 2006 15:04:05 UTC"
	}
	return ui.Moment{Machine: at.UTC().Format(time.RFC3339Nano), Text: at.UTC().Format(form)}
}

func (t teller) entry(e engine.TimelineEntry) recordui.Entry {
	out := recordui.Entry{ID: e.ID, At: t.stamp(e.At)}
	switch {
	case e.Arrival != nil:
		t.arrival(&out, *e.Arrival)
	case e.Run != nil:
		t.run(&out, *e.Run)
	case e.Review != nil:
		t.review(&out, *e.Review)
	case e.Link != nil:
		t.link(&out, *e.Link)
	case e.Due != nil:
		t.due(&out, *e.Due)
	}
	return out
}

func (t teller) arrival(out *recordui.Entry, a engine.Arrival) {
	out.Kind = runui.StepEvent
	who := t.s.sideOf(a.Event.Ref, t.connections)
	out.Side = who.Side
	switch a.Event.Kind {
	case automation.Webhook:
		out.Title = "A webhook told of this " + who.Kind
		if a.Event.Name != "" {
			out.Title += ": " + a.Event.Name
		}
	case automation.Poll:
		out.Title = "A poll found this " + who.Kind + " " + string(a.Event.Change)
	case automation.Replay:
		out.Title = "A delivery about this " + who.Kind + " was replayed: " + a.Event.Name
	case automation.Below:
		out.Title = "A record that lives under this " + who.Kind + " changed, or its time came: " + a.Event.Name
	case automation.Backfill:
		out.Title = "Everyone was looked at, this " + who.Kind + " too"
	default:
		out.Title = "This " + who.Kind + " was " + string(a.Event.Change) + " (" + string(a.Event.Kind) + ")"
	}
	if !a.Event.OccurredAt.IsZero() {
		if late := a.Event.ReceivedAt.Sub(a.Event.OccurredAt); late > time.Minute {
			out.Text = "It came " + span(late) + " after it happened."
		}
	}
	for _, f := range engine.Fates(a, t.story.Automations) {
		fate := recordui.Fate{Name: f.Name, Text: f.Sentence, Code: f.Code, Cared: f.Cared}
		if f.Run != "" {
			fate.RunHref = "/runs/" + url.PathEscape(f.Run)
		}
		out.Fates = append(out.Fates, fate)
	}
	if len(out.Fates) == 0 {
		out.Text, out.Code = strings.TrimSpace(out.Text+" No automation watches this."), engine.WhyUnwatched
	}
	if a.Kept {
		out.Href, out.HrefLabel = deliveryHref(a.Event.ID), "What was sent"
	}
}

func (t teller) run(out *recordui.Entry, r engine.RunStory) {
	out.Automation, out.Code = t.name(r.Automation), r.Code
	out.Href, out.HrefLabel = "/runs/"+url.PathEscape(r.ID), "The run"
	out.Outcome, out.Title = outcomeOf(r.Outcome), engine.Sentence(r.Run)
	switch runState(r.Run) {
	case runui.Waiting:
		out.Kind, out.Outcome = runui.StepWait, ""
		if !r.NextAt.IsZero() {
			out.Text = "It is tried again " + t.s.ago(r.NextAt) + "."
		}
	case runui.Working:
		out.Kind, out.Outcome = runui.StepWait, ""
	case runui.Failed:
		out.Kind, out.Outcome = runui.StepError, ui.Blocked
	default:
		out.Kind = runui.StepEcho
		if len(r.Changes) > 0 {
			out.Kind = runui.StepWrite
		}
	}
	out.Steps, out.Attempts = t.s.stepsOrAttempts(r.Run)
	for _, ch := range r.Changes {
		out.Writes = append(out.Writes, t.write(ch))
	}
}

// write tells a write with what was there before, what was asked for, and what was read back.
func (t teller) write(ch automation.Change) recordui.Write {
	who := t.s.sideOf(ch.Target, t.connections)
	verb := map[automation.Outcome]string{automation.Create: "Create", automation.Update: "Update", automation.Delete: "Delete"}[ch.Op]
	w := recordui.Write{ID: ch.ID, Title: cmp.Or(verb, "Write") + " the " + who.Side.Name() + " " + who.Kind}
	switch ch.State {
	case automation.Done:
		w.Text = "Done " + t.s.ago(ch.AnsweredAt) + "."
	case automation.Refused:
		w.Text = "Refused: " + ch.Error
	case automation.Settled:
		w.Text = "It was not answered; a later attempt looked it up."
	default:
		w.Text = "It was not answered. It is looked up before anything is repeated."
	}
	for _, f := range ch.Fields {
		d := ui.Diff{Field: f.Label, Outcome: ui.Update, Reason: f.Reason}
		d.Before, d.BeforeAt = shownValue(f.Before)
		d.After, d.AfterAt = shownValue(f.After)
		if f.Before.IsEmpty() {
			d.Outcome = ui.Create
		}
		if held, read := ch.After[f.Field]; read && ch.State == automation.Done && ch.Op != automation.Delete && held.String() != f.After.String() {
			d.Reason = joinSentences(d.Reason, "Read back as "+cmp.Or(quoted(held), "empty")+".")
		}
		w.Diffs = append(w.Diffs, d)
	}
	return w
}

func (t teller) review(out *recordui.Entry, r automation.Review) {
	out.Automation, out.Outcome, out.Kind = t.name(r.Automation), ui.Decide, runui.StepRule
	out.Href, out.HrefLabel = "/reviews/"+url.PathEscape(r.ID), "The question"
	out.Title, out.Code = "A person was asked", r.Plan.Code
	out.Text = askedWords(r)
	switch {
	case r.State == automation.ReviewOpen:
		out.Title = "A person is asked, and has not answered"
	case r.DecidedBy == "":
		out.Text = joinSentences(out.Text, "It settled by itself: there is nothing to ask any more.")
	default:
		out.Text = joinSentences(out.Text, r.DecidedBy+" answered "+t.s.ago(r.DecidedAt)+": "+t.s.decisionWords(r, desk{}))
	}
}

func (t teller) link(out *recordui.Entry, l engine.LinkStory) {
	out.Kind, out.Title = runui.StepLink, "The two were linked"
	if l.Severed {
		out.Title = "The two were linked, and go separate ways: one was deleted, or somebody unlinked them"
	}
	a, b := t.s.sideOf(l.Source, t.connections), t.s.sideOf(l.Target, t.connections)
	out.Text = joinSentences(a.Side.Name()+" "+a.Kind+" "+a.ID+" and "+b.Side.Name()+" "+b.Kind+" "+b.ID+".", l.Evidence)
	for _, base := range l.Bases {
		agreed := recordui.Agreed{Automation: t.name(base.Automation), At: t.s.moment(base.AgreedAt)}
		keys := make([]string, 0, len(base.Fields))
		for k := range base.Fields {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			value, _ := shownValue(base.Fields[k])
			agreed.Values = append(agreed.Values, runui.Fact{Name: spelledOut(strings.TrimPrefix(k, "<")), Value: cmp.Or(value, "empty")})
		}
		out.Agreed = append(out.Agreed, agreed)
	}
}

func (t teller) due(out *recordui.Entry, d engine.DueWork) {
	out.Kind, out.Automation = runui.StepWait, t.name(d.Key.Automation)
	paused := slices.ContainsFunc(t.story.Automations, func(a automation.Automation) bool {
		return a.ID == d.Key.Automation && a.State == automation.Paused
	})
	switch {
	case paused:
		out.Title, out.Code = "It is held: “"+out.Automation+"” is paused", engine.WhyPaused
	case d.State == "running":
		out.Title, out.Code = "“"+out.Automation+"” is working on it", engine.WhyWorking
	case d.State == "waiting":
		out.Title, out.Code = "“"+out.Automation+"” tries it again "+t.s.ago(d.DueAt), engine.WhyDue
	default:
		out.Title, out.Code = "“"+out.Automation+"” is about to look at it", engine.WhyDue
	}
	if d.Run != "" {
		out.Href, out.HrefLabel = "/runs/"+url.PathEscape(d.Run), "The run that waits"
	}
}

// pair is a record and its counterpart in one automation's terms; one of them may be missing.
type pair struct {
	a              automation.Automation
	source, target record.Ref
}

// pairs are what there is to compare.
func (t teller) pairs() []pair {
	var out []pair
	ref := t.story.Record
	for _, a := range t.story.Automations {
		d := a.Definition
		is := func(e automation.Endpoint, r record.Ref) bool {
			return e.Connection == r.Connection && e.Object == r.Type
		}
		if !is(d.Source, ref) && !is(d.Target, ref) {
			continue
		}
		p := pair{a: a}
		for _, r := range t.story.Refs() {
			switch {
			case is(d.Source, r) && p.source.IsZero() && (r == ref || is(d.Target, ref)):
				p.source = r
			case is(d.Target, r) && p.target.IsZero() && (r == ref || is(d.Source, ref)):
				p.target = r
			}
		}
		out = append(out, p)
	}
	return out[:min(len(out), comparisonsMost)]
}

// compare reads both records of each pair, all at once.
func (t teller) compare(ctx context.Context) []recordui.Comparison {
	pairs := t.pairs()
	out := make([]recordui.Comparison, len(pairs))
	var all sync.WaitGroup
	for i, p := range pairs {
		all.Go(func() { out[i] = t.comparison(ctx, p) })
	}
	all.Wait()
	return out
}

func (t teller) comparison(ctx context.Context, p pair) recordui.Comparison {
	d := t.s.layOutWith(ctx, p.a, t.connections)
	v := recordui.Comparison{ID: string(p.a.ID), Automation: p.a.Name, Left: d.source.schema.Label, Right: d.target.schema.Label, LeftSide: d.source.side(), RightSide: d.target.side()}
	var left, right *record.Record
	var wrong [2]*ui.Problem
	var both sync.WaitGroup
	both.Go(func() { left, wrong[0] = t.read(ctx, p.source, d.source) })
	both.Go(func() { right, wrong[1] = t.read(ctx, p.target, d.target) })
	both.Wait()
	for _, problem := range wrong {
		if problem != nil {
			v.Problems = append(v.Problems, *problem)
		}
	}
	if left == nil && right == nil {
		return v
	}
	// What each row gives, by the row; one that only leads back gives it to the source.
	gives, reasons := map[string]record.Value{}, map[string]string{}
	take := func(rows []mapping.RowResult, back bool) {
		for _, r := range rows {
			switch {
			case back && r.Row.Direction == mapping.Both:
			case r.Err != nil:
				reasons[r.Row.ID] = r.Err.Error()
			default:
				gives[r.Row.ID] = r.Value
			}
		}
	}
	if left != nil {
		take(d.compiled.Map(*left), false)
	}
	if right != nil {
		take(d.compiled.MapBack(*right), true)
	}
	locale := p.a.Definition.Locale()
	for _, m := range p.a.Definition.Mapping.Rows {
		row := recordui.Row{RightField: d.target.label(m.Target), Text: reasons[m.ID]}
		labels, values := make([]string, 0, len(m.Sources)), make([]string, 0, len(m.Sources))
		for _, key := range m.Sources {
			labels = append(labels, d.source.label(key))
			if left != nil && !left.Fields[key].IsEmpty() {
				value, at := brieflyShown(left.Fields[key])
				if values = append(values, value); len(m.Sources) == 1 {
					row.LeftAt = at
				}
			}
		}
		row.LeftField, row.Left = cmp.Or(strings.Join(labels, ", "), "a fixed value"), strings.Join(values, " · ")
		if right != nil {
			row.Right, row.RightAt = brieflyShown(right.Fields[m.Target])
		}
		if given, ok := gives[m.ID]; ok && left != nil && right != nil {
			spec, _ := d.target.schema.Field(m.Target)
			holds, shown := right.Fields[m.Target], row.Left
			if !m.Direction.ToTarget() && len(m.Sources) == 1 {
				spec, _ = d.source.schema.Field(m.Sources[0])
				holds, shown = left.Fields[m.Sources[0]], row.Right
			}
			row.Agree = record.Same(spec.Kind, holds, given, locale)
			if gives, _ := brieflyShown(given); !row.Agree && gives != shown {
				row.Text = "The mapping gives " + cmp.Or(quoted(given), "empty") + "."
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// read reads one record as it is now, for a person who waits.
func (t teller) read(ctx context.Context, ref record.Ref, e end) (*record.Record, *ui.Problem) {
	if ref.IsZero() {
		return nil, &ui.Problem{Tone: ui.Info, Title: "It has no counterpart among the " + e.schema.Label + "s", Detail: "So there is only one side to show.", Code: "no_counterpart"}
	}
	if e.problem != nil {
		return nil, e.problem
	}
	ctx, cancel := context.WithTimeout(interactive(ctx), patience)
	defer cancel()
	client, err := t.s.Gateway.Client(ctx, ref.Connection)
	if err == nil {
		var r record.Record
		if r, err = client.Get(ctx, ref); err == nil {
			return &r, nil
		}
	}
	problem := problemOf(err, e.schema.Label, e.side())
	problem.Tone = ui.Warn
	if late(err) || errors.Is(err, context.Canceled) {
		problem = &ui.Problem{Tone: ui.Warn, Title: e.schema.Label + ": the account does not answer", Detail: "It was given a few seconds.", Next: "Reload the page in a moment.", Code: "timeout"}
	}
	return nil, problem
}
