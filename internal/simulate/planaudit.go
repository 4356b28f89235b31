package simulate

import (
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
)

// askedFor is a plan for everyone as its auditor sees it: what it was for, what was shown, what was said about it, and what
// people were told in the end.
type askedFor struct {
	id      string
	purpose purpose
	undoes  string // "change", "run" or "plan", where it takes something back
	of      string // the id of that
	field   string // the only one that goes back; empty: all
	deletes bool   // records that were created are deleted
	moment  int    // at which it was asked for
	applied int    // at which it was said to be carried out; 0 never
	shown   []item // by then
	// again is when what had moved was said to be carried out; 0 never. shownAgain is how that was shown by then.
	again      int
	shownAgain []item
	became     []item // at the end
	said       []saying
	state      string
}

// item is one record's part of a plan for everyone.
type item struct {
	position   int64
	plan       automation.Plan
	state, run string
}

// The states of items and plans the auditor knows.
const (
	stateDone     = "done"
	stateMoved    = "moved"
	stateLeft     = "left"
	stateLive     = "live"
	stateCanceled = "canceled"
)

// everyone judges the plans for everyone.
func (a *auditor) everyone() {
	a.showsWriteNothing()
	for i := range a.plans {
		p := &a.plans[i]
		a.ended(p)
		a.stopsKept(p)
		a.toldAsItWas(p)
		switch {
		case p.purpose == toShow && p.applied > 0:
			a.asShown(p)
		case p.purpose == toUndo && p.applied > 0:
			a.takenBack(p)
		}
	}
}

// showsWriteNothing: who only asks what would be written changes nothing.
func (a *auditor) showsWriteNothing() {
	for _, c := range slices.Concat(a.wrote, a.childWrites) {
		if c.shows {
			a.find("shows write nothing", "%s %s was made while a plan was only shown", c.method, c.path)
		}
	}
}

// ended: everything that was asked for comes to an end.
func (a *auditor) ended(p *askedFor) {
	if p.state != stateDone && p.state != stateCanceled {
		a.find("rest", "the plan %s is %s in the end", p.id, p.state)
	}
}

// stopsKept: from the moment somebody stops a plan until they let it go on, nothing more is written than the record that
// was under way.
func (a *auditor) stopsKept(p *askedFor) {
	for i, s := range p.said {
		if s.what == saidResume {
			continue
		}
		until := a.ends
		if i+1 < len(p.said) {
			until = p.said[i+1].moment
		}
		var written []recordKey
		for _, in := range a.intents {
			if in.plan == p.id && in.moment > s.moment && in.moment < until && !slices.Contains(written, in.source) {
				written = append(written, in.source)
			}
		}
		if len(written) > 1 {
			a.find("stops kept", "%s was to %s, and went on with %v", p.id, s.what, written)
		}
	}
}

// toldAsItWas: what is said to be carried out was, and where it is said that nothing was written nothing was.
func (a *auditor) toldAsItWas(p *askedFor) {
	if p.applied == 0 && p.purpose != toFill {
		return
	}
	for _, it := range p.became {
		source := keyOf(it.plan.Source)
		switch it.state {
		case stateDone:
			if it.plan.Writes() && !slices.ContainsFunc(a.changes, func(c automation.Change) bool {
				// What an earlier write without an answer had done was done.
				return c.Run == it.run && c.State == automation.Done || c.Source == it.plan.Source && c.State == automation.Settled
			}) {
				a.find("told as it was", "%s says that %s was carried out, and the journal knows of no write", p.id, source)
			}
		case stateMoved, stateLeft:
			for _, c := range a.wrote {
				if c.task != nil && c.task.plan == p.id && c.settled && (p.undoes == "" && c.task.source == source || p.undoes != "" && a.changeOf(c) == it.plan.Undoes) {
					a.find("told as it was", "%s says that %s was not written (%s), and %s %s was made for it", p.id, source, it.state, c.method, c.path)
				}
			}
		}
	}
}

// changeOf is the write that a call of an undo takes back.
func (a *auditor) changeOf(c *call) string {
	for _, p := range a.plans {
		if p.id != c.task.plan {
			continue
		}
		for _, it := range p.became {
			if it.run == c.run {
				return it.plan.Undoes
			}
		}
	}
	return ""
}

// asShown: what is written by a plan that is carried out was shown, from what was there to what is there, and only where
// neither record has moved since.
func (a *auditor) asShown(p *askedFor) {
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		for i, now := range h.versions {
			if now.call == nil || now.call.task == nil || now.call.task.plan != p.id {
				continue
			}
			shown := p.shown
			if p.again > 0 && now.moment > p.again {
				shown = p.shownAgain
			}
			at := slices.IndexFunc(shown, func(it item) bool {
				source := keyOf(it.plan.Source)
				return source == now.call.task.source || source == k || !it.plan.Target.IsZero() && keyOf(it.plan.Target) == now.call.task.source
			})
			if at < 0 {
				a.find("as shown", "%s was written to by %s, which did not show it", k, p.id)
				continue
			}
			it := shown[at]
			if j := slices.IndexFunc(p.became, func(b item) bool { return b.position == it.position }); j >= 0 && p.became[j].state == stateLeft {
				a.find("as shown", "%s was written to by %s, though somebody had left it out", k, p.id)
			}
			switch {
			case now.gone:
				if it.plan.Outcome != automation.Delete {
					a.find("as shown", "%s was deleted by %s, which had shown %q", k, p.id, it.plan.Outcome)
				}
			case i == 0:
				a.madeAsShown(p, it, h)
			default:
				a.changedAsShown(p, it, h, i)
			}
		}
	}
}

func (a *auditor) madeAsShown(p *askedFor, it item, h *history) {
	if it.plan.Outcome != automation.Create {
		a.find("as shown", "%s was made by %s, which had shown %q", h.key, p.id, it.plan.Outcome)
		return
	}
	for _, f := range it.plan.Fields {
		have := h.born().fields[f.Field]
		switch {
		case f.Action == automation.Set && !alike(f.Field, f.After.String(), have):
			a.find("as shown", "%s was made by %s with %s %q, and %q was shown", h.key, p.id, f.Field, have, f.After.String())
		case f.Action == automation.AddTo && joinLabels(f.Add) != have && h.born().call.change != "" && have != "":
			a.find("as shown", "%s was made by %s with %s %q, and %v was shown", h.key, p.id, f.Field, have, f.Add)
		}
	}
}

func (a *auditor) changedAsShown(p *askedFor, it item, h *history, i int) {
	now, before := h.versions[i], h.versions[i-1]
	for field, v := range sorted(now.fields) {
		was := before.fields[field]
		if v == was {
			continue
		}
		at := slices.IndexFunc(it.plan.Fields, func(f automation.FieldPlan) bool {
			return f.Field == field && a.about(it.plan, f.Side) == h.key.side && (f.Action == automation.Set || f.Action == automation.AddTo)
		})
		if at < 0 {
			a.find("as shown", "%s of %s became %q by %s, and that was not shown", field, h.key, v, p.id)
			continue
		}
		f := it.plan.Fields[at]
		if f.Action == automation.AddTo {
			for _, e := range labels(v) {
				// Gleap takes whole lists only: a tag that was taken away between look and write comes back.
				if !slices.Contains(labels(was), e) && !slices.Contains(labels(joinLabels(f.Add)), e) && !everHad(h, e) {
					a.find("as shown", "the tag %q was given to %s by %s, and that was not shown", e, h.key, p.id)
				}
			}
			for _, e := range labels(was) {
				if !slices.Contains(labels(v), e) && !slices.Contains(labels(joinLabels(f.Remove)), e) && !addedSince(h, i, e, now.call.task.began) {
					a.find("as shown", "the tag %q was taken from %s by %s, and that was not shown", e, h.key, p.id)
				}
			}
			continue
		}
		if !alike(field, f.After.String(), v) {
			a.find("as shown", "%s of %s became %q by %s, and %q was shown", field, h.key, v, p.id, f.After.String())
		}
		raced := typedAt(h, i-1, field) >= 0 && h.versions[typedAt(h, i-1, field)].moment >= now.call.task.began
		if !alike(field, f.Before.String(), was) && !raced {
			a.find("as shown", "%s of %s was %q when %s wrote over it, and %q was shown", field, h.key, was, p.id, f.Before.String())
		}
		a.upToDate(p, h, i, field)
	}
}

// about is the account a side of a plan is in: one for a record of the automation's target leads the other way.
func (a *auditor) about(p automation.Plan, s automation.Side) side {
	if s == automation.SourceSide {
		return keyOf(p.Source).side
	}
	return keyOf(p.Source).side.other()
}

// upToDate: what is carried out still is what the other side holds.
func (a *auditor) upToDate(p *askedFor, h *history, i int, field string) {
	now := h.versions[i]
	source := a.origin(now.call, h.key)
	row, ok := a.rowOf(now.call.task.automation, h.key.side, field)
	if !ok || source == nil || row.Parts != nil {
		return
	}
	says := func(v version) bool { return alike(field, expected(row, v.fields), now.fields[field]) }
	if then, ok := source.held(now.call.task.began); ok && says(then) {
		return
	}
	if !slices.ContainsFunc(source.versions, func(v version) bool {
		return v.moment >= now.call.task.began && v.moment <= now.moment && says(v)
	}) {
		a.find("as shown", "%s of %s became %q by %s, and %s had moved since that was shown", field, h.key, now.fields[field], p.id, source.key)
	}
}

// ours is a write that an undo is about, as far as one contact goes.
type ours struct {
	h  *history
	at int // the version it made
}

func (o ours) now() version { return o.h.versions[o.at] }

// was is what was there before; nothing, where it was made.
func (o ours) was() fields {
	if o.at == 0 {
		return fields{}
	}
	return o.h.versions[o.at-1].fields
}

// seen is what was there when we looked: a person may have typed since, and nobody can know what that was.
func (o ours) seen() fields {
	then, _ := o.h.held(o.now().call.task.began)
	return then.fields
}

// written are the writes an undo is about.
func (a *auditor) written(p *askedFor) []ours {
	runs := map[string]bool{p.of: p.undoes == "run"}
	for _, c := range a.calls {
		if p.undoes == "plan" && c.task != nil && c.task.plan == p.of {
			runs[c.run] = c.run != ""
		}
	}
	for _, whole := range a.plans {
		for _, it := range whole.became {
			// What was left to live work is a part of the plan all the same.
			if p.undoes == "plan" && whole.id == p.of && it.run != "" {
				runs[it.run] = true
			}
		}
	}
	// A write without an answer is written once it is found.
	done := map[string]bool{}
	for _, c := range a.changes {
		done[c.ID] = c.State == automation.Done
	}
	var out []ours
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		for i, v := range h.versions {
			if v.call != nil && (v.call.settled || done[v.call.change]) && (p.undoes == "change" && v.call.change == p.of || runs[v.call.run]) {
				out = append(out, ours{h, i})
			}
		}
	}
	return out
}

// takenBack: an undo puts back what was written, where nobody has typed since, and touches nothing else. All of what is
// still as we left it was shown.
func (a *auditor) takenBack(p *askedFor) {
	all := a.written(p)
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		for i, now := range h.versions {
			if now.call != nil && now.call.task != nil && now.call.task.plan == p.id {
				a.rightlyTakenBack(p, all, h, i)
			}
		}
	}
	for _, o := range all {
		if o.now().call.settled && o.now().moment < p.moment { // or it may have been found later
			a.shownToGoBack(p, o)
		}
	}
}

func (a *auditor) rightlyTakenBack(p *askedFor, all []ours, h *history, i int) {
	now := h.versions[i]
	mine := slices.DeleteFunc(slices.Clone(all), func(o ours) bool { return o.h != h || o.at >= i })
	switch {
	case i == 0:
		if !slices.ContainsFunc(p.shown, func(it item) bool { return it.plan.Outcome == automation.Create }) {
			a.find("taken back", "%s was made by %s, which had shown no such thing", h.key, p.id)
		}
		return
	case now.gone:
		made := slices.IndexFunc(mine, func(o ours) bool { return o.at == 0 })
		if made < 0 || !p.deletes {
			a.find("taken back", "%s was deleted by %s, which is not about its making", h.key, p.id)
		} else if a.workedOn(h, a.learned(h.born().call), now.call.task.began) {
			a.find("taken back", "%s was deleted by %s, though a person had worked on it since it was made", h.key, p.id)
		}
		return
	}
	before := h.versions[i-1]
	for field, v := range sorted(now.fields) {
		was := before.fields[field]
		if v == was || typedAt(h, i-1, field) >= 0 && h.versions[typedAt(h, i-1, field)].moment >= now.call.task.began {
			continue
		}
		if field == "tags" {
			a.tagsTakenBack(p, mine, h, i)
			continue
		}
		if !slices.ContainsFunc(mine, func(o ours) bool {
			return alike(field, o.now().fields[field], was) && (alike(field, o.was()[field], v) || alike(field, o.seen()[field], v)) && (p.field == "" || p.field == field)
		}) {
			a.find("taken back", "%s of %s was %q and became %q by %s, which takes no such write back", field, h.key, was, v, p.id)
		}
	}
}

// workedOn reports that a person made another of a contact between two moments, and did not only write it otherwise.
func (a *auditor) workedOn(h *history, from, until int) bool {
	then, _ := h.held(until)
	again := true // it is as it was made
	for field, now := range sorted(then.fields) {
		again = again && alike(field, now, h.born().fields[field])
	}
	if again {
		return false
	}
	for i := 1; i < len(h.versions); i++ {
		v, was := h.versions[i], h.versions[i-1].fields
		if !v.byPerson() || v.moment <= from || v.moment >= until {
			continue
		}
		for field, now := range sorted(v.fields) {
			if !alike(field, now, was[field]) {
				return true
			}
		}
	}
	return false
}

func (a *auditor) tagsTakenBack(p *askedFor, mine []ours, h *history, i int) {
	now, before := labels(h.versions[i].fields["tags"]), labels(h.versions[i-1].fields["tags"])
	for _, e := range before {
		if !slices.Contains(now, e) && !addedSince(h, i, e, h.versions[i].call.task.began) && !slices.ContainsFunc(mine, func(o ours) bool {
			return slices.Contains(labels(o.now().fields["tags"]), e) && !slices.Contains(labels(o.was()["tags"]), e)
		}) && !a.givenAlong(h, h.versions[i].call, e) {
			a.find("taken back", "the tag %q was taken from %s by %s, which takes no such write back", e, h.key, p.id)
		}
	}
	for _, e := range now {
		// Gleap takes whole lists only: a tag that was taken away between look and write comes back.
		if !slices.Contains(before, e) && !everHad(h, e) && !slices.ContainsFunc(mine, func(o ours) bool {
			return !slices.Contains(labels(o.now().fields["tags"]), e) && slices.Contains(labels(o.was()["tags"]), e)
		}) {
			a.find("taken back", "the tag %q was given to %s by %s, which takes no such write back", e, h.key, p.id)
		}
	}
}

// givenAlong reports that the write a call takes back asked for a tag that somebody else gave, and nobody can tell: a person
// gave the very same one between our look and that write, or the write had no answer and its own run asked for it again.
func (a *auditor) givenAlong(h *history, undo *call, tag string) bool {
	id := a.changeOf(undo)
	at := slices.IndexFunc(a.changes, func(c automation.Change) bool { return c.ID == id })
	if at < 0 || a.changes[at].State != automation.Done || !slices.ContainsFunc(a.changes[at].Fields, func(f automation.FieldPlan) bool {
		return f.Field == "tags" && f.Action == automation.AddTo && slices.Contains(labels(joinLabels(f.Add)), tag)
	}) {
		return false
	}
	looked, sent, answered := 0, 0, true
	for _, c := range a.wrote {
		if c.change == id && c.side == h.key.side {
			looked, sent, answered = c.task.began, c.moment, c.settled
		}
	}
	for i := 1; i < len(h.versions) && sent > 0; i++ {
		v := h.versions[i]
		switch given := slices.Contains(labels(v.fields["tags"]), tag) && !slices.Contains(labels(h.versions[i-1].fields["tags"]), tag); {
		case given && v.byPerson() && v.moment > looked && v.moment < sent,
			given && !v.byPerson() && !answered && v.call.run == a.changes[at].Run && v.moment > sent:
			return true
		}
	}
	return false
}

// shownToGoBack: a write that was there when its undo was asked for, and still is as we left it when that is carried out,
// is among what was shown.
func (a *auditor) shownToGoBack(p *askedFor, o ours) {
	h, now := o.h, o.now()
	if slices.ContainsFunc(h.versions[o.at+1:], func(v version) bool { return v.moment < p.applied }) {
		return // somebody has written to it since
	}
	shown := slices.IndexFunc(p.shown, func(it item) bool { return it.plan.Undoes == now.call.change })
	if shown < 0 {
		a.find("taken back", "%s takes back what was written to %s, and did not show it", p.id, h.key)
		return
	}
	if o.at == 0 || now.gone {
		return
	}
	for field, v := range sorted(now.fields) {
		was := o.was()[field]
		if v == was || p.field != "" && p.field != field || alike(field, v, was) {
			continue
		}
		if !slices.ContainsFunc(p.shown[shown].plan.Fields, func(f automation.FieldPlan) bool {
			return f.Field == field && (f.Action == automation.AddTo || f.Action == automation.Set && (alike(field, f.After.String(), was) || alike(field, f.After.String(), o.seen()[field])))
		}) {
			a.find("taken back", "%s of %s was %q and is %q, as we left it, and %s did not show that it goes back", field, h.key, was, v, p.id)
		}
	}
}

// wentBack reports that a row of a pair was put back by an undo and nobody has edited it since, on either side: then the
// two stay apart.
func (a *auditor) wentBack(source, target *history, row mapping.Row) bool {
	last, touched := a.lastUndo(target, row.Target), lastEdit(target, row.Target)
	for i := 1; i < len(source.versions); i++ {
		// Whoever gives somebody another last name has not edited the first one.
		v := source.versions[i]
		if v.byPerson() && !alike(row.Target, expected(row, v.fields), expected(row, source.versions[i-1].fields)) {
			touched = max(touched, v.moment)
		}
	}
	for _, field := range row.Sources {
		last = max(last, a.lastUndo(source, field))
	}
	return last > touched
}

// lastEdit is the moment at which a person last made something else of a field, not only wrote it otherwise; 0 never.
func lastEdit(h *history, field string) int {
	for i := len(h.versions) - 1; i > 0; i-- {
		if v := h.versions[i]; v.byPerson() && !alike(field, v.fields[field], h.versions[i-1].fields[field]) {
			return v.moment
		}
	}
	return 0
}

func (a *auditor) lastUndo(h *history, field string) int {
	for i := len(h.versions) - 1; i > 0; i-- {
		v := h.versions[i]
		if v.call != nil && v.call.task != nil && v.call.task.undoes && v.fields[field] != h.versions[i-1].fields[field] {
			return v.moment
		}
	}
	return 0
}

// tagWentBack reports that a tag of a pair was put back by an undo, and nobody has given or taken it since.
func (a *auditor) tagWentBack(one, other *history, tag string) bool {
	last, touched := 0, 0
	for _, h := range []*history{one, other} {
		for i, v := range h.versions {
			had := i > 0 && slices.Contains(labels(h.versions[i-1].fields["tags"]), tag)
			switch {
			case had == slices.Contains(labels(v.fields["tags"]), tag):
			case v.byPerson():
				touched = max(touched, v.moment)
			case v.call.task != nil && v.call.task.undoes:
				last = max(last, v.moment)
			}
		}
	}
	return last > touched
}

// takenApart reports that the two records of a pair go separate ways, since somebody took back that one was made or
// deleted.
func (a *auditor) takenApart(k recordKey) bool {
	for _, p := range a.plans {
		for _, it := range p.became {
			// Of what was under way when it was stopped for good nobody was told what became of it, nor of what a worker had
			// begun that died: whoever comes next finds its key held, and leaves it to live work.
			begun := it.run != "" && (it.state == "" && p.state == stateCanceled || it.state == stateLive)
			told := it.state == stateDone || begun
			if p.purpose == toUndo && told && it.plan.Outcome != automation.Update && (keyOf(it.plan.Source) == k || keyOf(it.plan.Target) == k) {
				return true
			}
		}
	}
	return false
}

// unreached reports that nobody has told of a contact since the automation was switched on, and either carrying everyone
// over was stopped for good, or the search index was still behind by then.
func (a *auditor) unreached(h *history) bool {
	typed := func(v version) bool { return v.byPerson() && v.moment > a.on }
	hidden := a.lag > 0 && h.now().byPerson() && h.now().moment < a.on && h.now().at.Add(a.lag).After(a.onAt)
	stopped := slices.ContainsFunc(a.plans, func(p askedFor) bool { return p.purpose == toFill && p.state == stateCanceled })
	return (stopped || hidden) && !slices.ContainsFunc(h.versions, typed)
}

// sorted goes through fields in the order of their names.
func sorted(f fields) func(yield func(string, string) bool) {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return func(yield func(string, string) bool) {
		for _, name := range names {
			if !yield(name, f[name]) {
				return
			}
		}
	}
}
