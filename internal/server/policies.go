package server

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// brakeLimit is one brake of an automation, as the forms show it.
type brakeLimit struct {
	name, label string
	fallback    int
	most        int
	of          func(*automation.Limits) *int
}

var brakeLimits = []brakeLimit{
	{"changes", "Changes an hour", automation.DefaultChangesPerHour, 1_000_000, func(l *automation.Limits) *int { return &l.ChangesPerHour }},
	{"deletes-limit", "Deletes an hour", automation.DefaultDeletesPerHour, 1_000_000, func(l *automation.Limits) *int { return &l.DeletesPerHour }},
	{"share", "Share of everyone a single run may change, in percent", automation.DefaultShare, 100, func(l *automation.Limits) *int { return &l.Share }},
	{"delete-share", "Share of everyone that may be deleted in a single run, or in an hour, in percent", automation.DefaultDeleteShare, 100, func(l *automation.Limits) *int { return &l.DeleteShare }},
	{"run-changes", "Records a single run over everyone may change", 0, 1_000_000, func(l *automation.Limits) *int { return &l.ChangesPerRun }},
	{"run-deletes", "Records a single run over everyone may delete", 0, 1_000_000, func(l *automation.Limits) *int { return &l.DeletesPerRun }},
}

// unsaid is what holds where no number is typed.
func (l brakeLimit) unsaid() string {
	if l.fallback == 0 {
		return "no limit"
	}
	return strconv.Itoa(l.fallback)
}

// policyForm is the form of the policies as it was posted, with what is wrong in it by control.
type policyForm struct {
	def    automation.Definition
	limits map[string]string // as typed
	wrong  map[string]string
}

// readPolicies makes the posted policies to a definition.
func readPolicies(d desk, form url.Values) policyForm {
	p := policyForm{def: d.a.Definition, limits: map[string]string{}, wrong: map[string]string{}}
	p.def.Create, p.def.Update = form.Get("create") == "true", form.Get("update") == "true"
	if d.a.Definition.TwoWay() {
		p.def.CreateSource = form.Get("create-source") == "true"
	}
	if p.def.First = automation.FirstMeeting(form.Get("first")); !p.def.First.Valid() {
		p.wrong["first"] = "Choose what becomes of records that differ."
	}
	p.def.Deletes = automation.Deletes{
		Policy: automation.DeletePolicy(form.Get("deletes")), On: automation.DeletedOn(form.Get("deleted-on")), Field: form.Get("mark-field"), SourceField: form.Get("mark-source-field"),
		Value: strings.TrimSpace(form.Get("mark-value")),
	}
	if p.def.Deletes.Policy != automation.DeleteMark && p.def.Deletes.Policy != automation.DeleteDelete {
		p.def.Deletes.On = "" // nothing that would count on one side only
	}
	p.checkDeletes(d)
	if kp := d.newKeyProblem(p.def); kp != nil {
		p.wrong["create"] = joinSentences(kp.Title, kp.Next)
	}
	// What cannot be chosen now is not in the form, and stays as it is.
	if d.a.Definition.LeadsOneWay() {
		p.def.SaveCalls = form.Get("save-calls") == "true"
	}
	for _, l := range brakeLimits {
		p.limits[l.name] = strings.TrimSpace(form.Get(l.name))
		n, why := readLimit(p.limits[l.name], l.most)
		if form.Get(l.name+"-none") == "true" {
			n, why = -1, ""
		}
		*l.of(&p.def.Limits) = n
		if why != "" {
			p.wrong[l.name] = why
		}
	}
	return p
}

func readLimit(typed string, most int) (n int, why string) {
	if typed == "" {
		return 0, ""
	}
	n, err := strconv.Atoi(strings.NewReplacer(",", "", " ", "").Replace(typed))
	if err != nil || n < 1 || n > most {
		return 0, "Type a whole number from 1 to " + ui.Number(most) + ", or leave it empty."
	}
	return n, ""
}

func (p policyForm) checkDeletes(d desk) {
	as := func(e end) engine.DeletesEnd {
		return engine.DeletesEnd{Side: engine.Side{Schema: e.schema, Object: e.object}, Name: e.side().Name()}
	}
	for _, wrong := range engine.DeletesProblems(p.def, as(d.source), as(d.target)) {
		p.wrong[string(wrong.Part)] = wrong.Words
	}
}

func canDelete(d desk) bool { return d.source.object.Delete || d.target.object.Delete }

// policiesSave saves what an automation may do.
func (s *scoped) policiesSave(c echo.Context) error {
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	p := readPolicies(d, form)
	if len(p.wrong) > 0 {
		v, err := s.liveView(c, d)
		if err != nil {
			return err
		}
		v.Policies = s.policiesView(d, p)
		v.Policies.Open = true
		v.Problems = append(v.Problems, ui.Problem{Title: "What it may do was not saved", Detail: p.complaints(), Href: "#policies", HrefLabel: "Put it right", Code: "policies"})
		return s.showLive(c, problemStatus, v)
	}
	return s.savePolicies(c, d, "changed what it may do", func(def automation.Definition) automation.Definition {
		def.Create, def.CreateSource, def.Update = p.def.Create, p.def.CreateSource, p.def.Update
		def.First, def.Deletes, def.Limits, def.SaveCalls = p.def.First, p.def.Deletes, p.def.Limits, p.def.SaveCalls
		return def
	})
}

// savePolicies saves a change made on the live page, or shows there what somebody else saved meanwhile.
func (s *scoped) savePolicies(c echo.Context, d desk, note string, mine func(automation.Definition) automation.Definition) error {
	here := "/automations/" + string(d.a.ID) + "/live"
	_, err := s.save(c, d.a, mine(d.a.Definition), note)
	if errors.Is(err, engine.ErrConflict) {
		return s.liveConflict(c, d, mine)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, "Saved", cmp.Or(whileOn(d), "It counts from the next event."))
	return again(c, here)
}

func (s *scoped) liveConflict(c echo.Context, d desk, mine func(automation.Definition) automation.Definition) error {
	newest, err := s.fresh(c.Request().Context(), d.a.ID)
	if err != nil {
		return err
	}
	v, err := s.liveView(c, newest)
	if err != nil {
		return err
	}
	if v.Conflict, err = s.conflict(c, newest, v.URL("/live"), mine); err != nil {
		return err
	}
	return s.showLive(c, http.StatusConflict, v)
}

func (p policyForm) complaints() string {
	var out []string
	for _, name := range []string{"create", "first", "deletes", "deleted-on", "mark-field", "mark-source-field", "mark-value", "changes", "deletes-limit", "share"} {
		if p.wrong[name] != "" {
			out = append(out, p.wrong[name])
		}
	}
	return strings.Join(slices.Compact(out), " ")
}

// policiesAsStored is the form of the policies as they are stored.
func policiesAsStored(d desk) policyForm {
	p := policyForm{def: d.a.Definition, limits: map[string]string{}}
	for _, l := range brakeLimits {
		if n := *l.of(&p.def.Limits); n > 0 {
			p.limits[l.name] = strconv.Itoa(n)
		}
	}
	return p
}

func (s *scoped) policiesView(d desk, p policyForm) automationui.Policies {
	from, to := d.source.side().Name(), d.target.side().Name()
	def, del := p.def, p.def.Deletes
	tick := func(name, label string, on bool) ui.Input {
		return ui.Input{ID: "policy-" + name, Name: name, Label: label, Type: "checkbox", Checked: on, Error: p.wrong[name]}
	}
	v := automationui.Policies{
		Create: tick("create", "Create a "+d.target.schema.Label+" where there is none", def.Create),
		Update: tick("update", "Update records that are there already", def.Update),
		First:  string(def.First),
		FirstOptions: []ui.Option{
			{Value: string(automation.FillEmpty), Label: "Only fill what is empty (recommended). What differs stays as it is; later edits are carried."},
			{Value: "", Label: "Each row decides by who wins. Values that differ are overwritten."},
			{Value: string(automation.LinkOnly), Label: "Only link them, write nothing. Later edits are carried."},
		},
		Deletes: string(del.Policy),
		DeleteOptions: []ui.Option{
			{Value: string(automation.DeleteNothing), Label: "Do nothing. Should it come back, the two are taken up again."},
			{Value: string(automation.DeleteUnlink), Label: "Unlink the other one, and leave it alone for good"},
			{Value: string(automation.DeleteMark), Label: "Mark the other one with a value, and leave it alone"},
			{Value: string(automation.DeleteDelete), Label: "Delete the other one too. This cannot be undone.", Disabled: !canDelete(d)},
		},
		DeletedOn: string(def.DeletedOn()),
		DeletedOnOptions: []ui.Option{
			{Value: string(automation.DeletedOnSource), Label: "Only one in " + from + ". What is deleted in " + to + " leaves the record in " + from + " as it is."},
			{Value: string(automation.DeletedOnTarget), Label: "Only one in " + to + ". What is deleted in " + from + " leaves the record in " + to + " as it is."},
			{Value: string(automation.DeletedAnywhere), Label: "One on either side"},
		},
		MarkField:       ui.Input{ID: "mark-field", Name: "mark-field", Label: "Mark it in " + to + ", in", Type: "select", Value: del.Field, Options: markOptions(d.target, def, automation.TargetSide, del.Field), Error: p.wrong["mark-field"]},
		MarkSourceField: ui.Input{ID: "mark-source-field", Name: "mark-source-field", Label: "Mark it in " + from + ", in", Type: "select", Value: del.SourceField, Options: markOptions(d.source, def, automation.SourceSide, del.SourceField), Error: p.wrong["mark-source-field"]},
		MarkValue:       ui.Input{ID: "mark-value", Name: "mark-value", Label: "Mark it with", Value: del.Value, Error: p.wrong["mark-value"], Autocomplete: "off"},
		Sentences:       policySentences(d, d.a.Definition),
	}
	if d.a.Definition.LeadsOneWay() {
		v.SaveCalls = tick("save-calls", "Save calls: write without looking at the "+d.target.schema.Label+" first", def.SaveCalls)
		v.SaveCallsHint = "A change then takes one call, or two, instead of two or three. What somebody typed into a mapped field of the " + d.target.schema.Label + " since Crosswalk last wrote it is overwritten without being kept: it is in no history, and an undo brings back what was there before it. Where a webhook holds all that is mapped, the " + d.source.schema.Label + " is not read either: should webhooks come late, twice or not at all, an older value may be written, and stay until the next edit. Only for automations whose every row leads from " + from + " to " + to + ", with " + from + " having the last word."
	}
	if !def.TwoWay() {
		v.DeletedOnHint = "Nothing leads back from " + to + ". A copy that somebody deletes there takes the original in " + from + " along only if you choose so."
	}
	if d.a.Definition.TwoWay() {
		v.CreateSource = tick("create-source", "Create a "+d.source.schema.Label+" where there is none", def.CreateSource)
	}
	for _, l := range brakeLimits {
		none := *l.of(&def.Limits) < 0
		one := automationui.Limit{
			Number: ui.Input{ID: "limit-" + l.name, Name: l.name, Label: l.label, Type: "number", Value: p.limits[l.name], Placeholder: l.unsaid(), Error: p.wrong[l.name], Autocomplete: "off"},
		}
		if l.fallback > 0 { // else there is none as long as nothing is typed
			one.None = ui.Input{ID: "limit-" + l.name + "-none", Name: l.name + "-none", Label: "No limit for " + strings.ToLower(l.label[:1]) + l.label[1:], Type: "checkbox", Checked: none}
		}
		v.Limits = append(v.Limits, one)
	}
	return v
}

// markOptions are the fields a record can be marked in, and what the mark does to what they hold. One that is chosen and
// gone stays to be seen.
func markOptions(e end, def automation.Definition, side automation.Side, chosen string) []ui.Option {
	out := []ui.Option{{Value: "", Label: "Choose…"}}
	found := chosen == ""
	for _, f := range e.schema.Fields {
		if f.ReadOnly {
			continue
		}
		found = found || f.Key == chosen
		how := " (what it holds is replaced)"
		switch {
		case f.Kind == record.Set:
			how = " (added)"
		case def.MarksInFront(side, f):
			how = " (put in front of the text)"
		}
		out = append(out, ui.Option{Value: f.Key, Label: f.Label + how})
	}
	if !found {
		out = append(out, ui.Option{Value: chosen, Label: chosen + " (deleted)"})
	}
	return out
}

// policyAreas are the areas of a definition the policies' form holds, in its order.
var policyAreas = []automation.Area{automation.AreaCreate, automation.AreaCreateSource, automation.AreaUpdate, automation.AreaFirst, automation.AreaDeletes, automation.AreaLimits, automation.AreaCalls}

// policySentences say what a definition may do.
func policySentences(d desk, def automation.Definition) []string {
	var out []string
	for _, area := range policyAreas {
		if area == automation.AreaCreateSource && !def.TwoWay() || area == automation.AreaCalls && !def.SaveCalls {
			continue
		}
		out = append(out, areaLine(d, area, def)+".")
	}
	return out
}

// areaTitle names a part of a definition.
func areaTitle(d desk, area automation.Area) string {
	switch area {
	case automation.AreaSource:
		return d.source.side().Name() + " account"
	case automation.AreaTarget:
		return d.target.side().Name() + " account"
	case automation.AreaTrigger:
		return "When it looks"
	case automation.AreaRule:
		return "Only if"
	case automation.AreaOrder:
		return "Order of the rows"
	case automation.AreaMatch:
		return "How counterparts are found"
	case automation.AreaCreate:
		return "New records in " + d.target.side().Name()
	case automation.AreaCreateSource:
		return "New records in " + d.source.side().Name()
	case automation.AreaUpdate:
		return "Known records"
	case automation.AreaFirst:
		return "First meeting"
	case automation.AreaDeletes:
		return "Deleted records"
	case automation.AreaLimits:
		return "Brakes"
	case automation.AreaCalls:
		return "Calls"
	case automation.AreaRegion:
		return "Country of national phone numbers"
	}
	return string(area)
}

// areaLine says what a definition says about a part of it, in one sentence without its full stop.
func areaLine(d desk, area automation.Area, def automation.Definition) string {
	words := areaWords(d, area, def)
	switch {
	case words == "":
		return areaTitle(d, area) + ": nothing"
	case area == automation.AreaRule:
		return areaTitle(d, area) + ": " + words
	}
	return words
}

// areaWords is what a definition says about a part of it; empty when it says nothing.
func areaWords(d desk, area automation.Area, def automation.Definition) string {
	switch area {
	case automation.AreaTrigger:
		return "It looks when the " + d.source.schema.Label + " is " + automation.TriggerWords(def.Trigger.On)
	case automation.AreaRule:
		if words := def.Rule.Read(d.source.schema); words != "" {
			return words
		}
		return "no conditions"
	case automation.AreaOrder:
		titles := make([]string, 0, len(def.Mapping.Rows))
		for _, r := range def.Mapping.Rows {
			titles = append(titles, rowTitle(d, r))
		}
		return "Rows in this order: " + strings.Join(titles, ", ")
	case automation.AreaMatch:
		return matchWords(d, def)
	case automation.AreaCreate:
		return mayCreate(d.target, def.Create)
	case automation.AreaCreateSource:
		return mayCreate(d.source, def.CreateSource)
	case automation.AreaUpdate:
		if def.Update {
			return "Records that are there already are updated"
		}
		return "Records that are there already are never changed"
	case automation.AreaFirst:
		return firstWords(def.First)
	case automation.AreaDeletes:
		return deleteWords(d, def)
	case automation.AreaLimits:
		return limitWords(def.Limits)
	case automation.AreaCalls:
		return callWords(d, def)
	case automation.AreaRegion:
		if def.Region == "" {
			return "National phone numbers are left out"
		}
		return "National phone numbers are taken to be of " + strings.ToUpper(def.Region)
	}
	return ""
}

func mayCreate(e end, may bool) string {
	if may {
		return "A " + e.schema.Label + " is created where there is none"
	}
	return "No " + e.schema.Label + " is ever created"
}

func matchWords(d desk, def automation.Definition) string {
	if len(def.Match) == 0 {
		return "Counterparts are found by nothing but the link that is kept"
	}
	words := make([]string, 0, len(def.Match))
	for _, m := range def.Match {
		words = append(words, d.source.label(m.Source)+" as "+d.target.label(m.Target))
	}
	return "Counterparts are found by " + strings.Join(words, ", then by ")
}

func callWords(d desk, def automation.Definition) string {
	switch {
	case !def.SaveCalls:
		return "Both records are looked at before anything is written"
	case !def.LeadsOneWay():
		return "It was told to save calls, but looks at both records all the same: not every row leads one way with the source having the last word"
	}
	return "It saves calls: it writes without looking at the " + d.target.schema.Label + " first"
}

func firstWords(f automation.FirstMeeting) string {
	switch f {
	case automation.FillEmpty:
		return "When two records meet for the first time, only what is empty is filled"
	case automation.LinkOnly:
		return "When two records meet for the first time, they are linked and nothing is written"
	}
	return "When two records meet for the first time, each row decides by who wins"
}

func deleteWords(d desk, def automation.Definition) string {
	del, from, to := def.Deletes, d.source.side().Name(), d.target.side().Name()
	if def.DeletedOn() == automation.DeletedOnTarget {
		from, to = to, from
	}
	anywhere := def.DeletedOn() == automation.DeletedAnywhere
	switch del.Policy {
	case automation.DeleteUnlink:
		return "When a record is deleted, the other one is unlinked and left alone"
	case automation.DeleteMark:
		where := []string{}
		in := func(e end, side automation.Side, key string) {
			words := "in " + e.label(key)
			if spec, ok := e.schema.Field(key); ok && def.MarksInFront(side, spec) {
				words = "in front of " + e.label(key)
			}
			where = append(where, words)
		}
		if def.DeletionCounts(automation.SourceSide) {
			in(d.target, automation.TargetSide, del.Field)
		}
		if del.SourceField != "" && def.DeletionCounts(automation.TargetSide) {
			in(d.source, automation.SourceSide, del.SourceField)
		}
		how := "is marked with “" + del.Value + "” " + strings.Join(where, " or ")
		if anywhere {
			return "When a record is deleted, the other one " + how
		}
		return "When a record is deleted in " + from + ", the one in " + to + " " + how + "; what is deleted in " + to + " changes nothing in " + from
	case automation.DeleteDelete:
		if anywhere {
			return "When a record is deleted, the other one is deleted too, which cannot be undone"
		}
		return "When a record is deleted in " + from + ", the one in " + to + " is deleted too, which cannot be undone; what is deleted in " + to + " stays in " + from
	}
	return "When a record is deleted, nothing happens to the other one"
}

func limitWords(l automation.Limits) string {
	eff := l.Effective()
	say := func(n int, words string) string {
		if n == 0 {
			return "no limit of " + words
		}
		return ui.Number(n) + " " + words
	}
	share := ui.Number(eff.Share) + "% of everyone in one run"
	if eff.Share == 0 {
		share = "any share of everyone in one run"
	}
	words := "It stops and asks beyond " + say(eff.ChangesPerHour, "changes an hour") + ", " + say(eff.DeletesPerHour, "deletes an hour") + ", or " + share
	if eff.DeleteShare > 0 {
		words += ", " + ui.Number(eff.DeleteShare) + "% where they are deleted in one run or in an hour"
	}
	if eff.ChangesPerRun > 0 {
		words += "; and beyond " + ui.Count(eff.ChangesPerRun, "change", "changes") + " in one run"
	}
	if eff.DeletesPerRun > 0 {
		words += "; and beyond " + ui.Count(eff.DeletesPerRun, "delete", "deletes") + " in one run"
	}
	return words
}

// heldShown is how many of the records a brake holds are named.
const heldShown = 10

// brakeOf asks what to do with an automation that paused by itself; nil when a person paused it, or nobody did.
func (s *scoped) brakeOf(ctx context.Context, d desk, ready bool) (*automationui.Brake, error) {
	if d.a.State != automation.Paused || d.a.PausedWhy == "" {
		return nil, nil
	}
	b := &automationui.Brake{Why: d.a.PausedWhy, Ready: ready, Version: d.a.Version}
	eff := d.a.Definition.Limits.Effective()
	for _, l := range brakeLimits {
		value := "" // no limit: nothing to raise
		if n := *l.of(&eff); n > 0 {
			value = strconv.Itoa(n)
		}
		b.Raise = append(b.Raise, ui.Input{ID: "raise-" + l.name, Name: l.name, Label: l.label, Type: "number", Value: value, Placeholder: "no limit", Autocomplete: "off"})
	}
	waiting, due, err := s.Store.HeldWork(ctx, d.a.ID)
	if err != nil {
		return nil, err
	}
	if b.Holds = waiting + due; b.Holds > 0 {
		b.Held, err = s.held(ctx, d.a.ID)
	}
	return b, err
}

// held names the first records a brake holds, with what would be written of those that were planned before it.
func (s *scoped) held(ctx context.Context, a automation.ID) ([]automationui.Held, error) {
	works, err := s.Store.HeldRecords(ctx, a, heldShown)
	if err != nil {
		return nil, err
	}
	refs := make([]record.Ref, len(works))
	for i, w := range works {
		refs[i] = w.Source
	}
	titles, err := s.Store.RecordTitles(ctx, refs)
	if err != nil && !errors.Is(err, engine.ErrNotFound) { // an account that was removed since: ids name its records
		return nil, err
	}
	out := make([]automationui.Held, len(works))
	for i, w := range works {
		out[i] = automationui.Held{Name: cmp.Or(titles[w.Source], w.Source.ID), Href: recordHref(w.Source)}
		if w.RunID == "" {
			continue
		}
		run, err := s.Store.Run(ctx, w.RunID)
		if errors.Is(err, engine.ErrNotFound) {
			continue // it was pruned
		}
		if err != nil {
			return nil, err
		}
		for _, step := range run.Steps {
			if step.Plan != nil && step.Plan.Writes() {
				out[i].Outcome, out[i].Diffs = outcomeOf(step.Plan.Outcome), changing(diffsOf(*step.Plan))
			}
		}
	}
	return out, nil
}

// changing leaves out what is not written.
func changing(diffs []ui.Diff) []ui.Diff {
	return slices.DeleteFunc(diffs, func(d ui.Diff) bool { return d.Outcome != ui.Create && d.Outcome != ui.Update })
}

// limitsRaise saves other brakes and lets a paused automation go on.
func (s *scoped) limitsRaise(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	limits, was, wrong := d.a.Definition.Limits, d.a.Definition.Limits.Effective(), map[string]string{}
	var posted []brakeLimit
	for _, l := range brakeLimits {
		if !form.Has(l.name) {
			continue
		}
		posted = append(posted, l)
		typed := strings.TrimSpace(c.FormValue(l.name))
		n, why := readLimit(typed, l.most)
		switch {
		case why != "":
			wrong[l.name] = why
		case typed == "" && *l.of(&was) > 0:
			wrong[l.name] = "Type a whole number. To have no limit at all, change what it may do."
		case typed != "":
			*l.of(&limits) = n
		}
	}
	v, err := s.liveView(c, d)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		if v.Brake != nil {
			for i, in := range v.Brake.Raise {
				v.Brake.Raise[i].Error, v.Brake.Raise[i].Value = wrong[in.Name], c.FormValue(in.Name)
			}
		}
		v.Problems = append(v.Problems, ui.Problem{Title: "The limit was not saved", Detail: strings.Join(slices.Sorted(maps.Values(wrong)), " "), Href: "#brake", HrefLabel: "Put it right", Code: "limits"})
		return s.showLive(c, problemStatus, v)
	}
	if refusal := notReady(v); refusal != nil {
		v.Problems = append(v.Problems, *refusal)
		return s.showLive(c, problemStatus, v)
	}
	mine := func(def automation.Definition) automation.Definition {
		for _, l := range posted {
			*l.of(&def.Limits) = *l.of(&limits)
		}
		return def
	}
	_, err = s.Store.SaveLive(ctx, d.a.ID, postedVersion(c), mine, user(c).Email, "raised the limit")
	if errors.Is(err, engine.ErrConflict) {
		return s.liveConflict(c, d, mine)
	}
	if err != nil {
		return err
	}
	if err := s.goOn(ctx, d.a.ID); err != nil {
		return err
	}
	s.flash(c, ui.Good, "It goes on", "With the new limit, counted from now.")
	return again(c, "/automations/"+string(d.a.ID)+"/live")
}
