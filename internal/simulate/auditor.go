package simulate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
)

// Finding is one thing that is wrong with a world that has come to rest.
type Finding struct {
	Kind string // which of the auditor's promises is broken
	Text string
}

func (f Finding) String() string {
	return f.Kind + ": " + f.Text
}

// intent is a write that was announced durably.
type intent struct {
	moment     int
	automation string
	source     recordKey
	plan       string // for everyone, of which it is a part
}

// outcome is an attempt whose end became durable.
type outcome struct {
	moment    int
	task      *task
	succeeded bool
	code      string // why it came out as it did
}

// evidence is all the auditor is shown. None of it comes from the engine's own reckoning, except the journal, which is
// itself under audit.
type evidence struct {
	rested       bool
	all          []automation.Automation
	automations  []automation.Automation // of contacts
	families     []*family
	decisions    []decision
	access       access
	ends         int // the last moment
	childWrites  []*call
	ledger       *ledger
	calls, wrote []*call
	deliveries   []*delivery
	accepted     func(d *delivery) bool
	changes      []automation.Change
	questions    []automation.Review // open ones
	intents      []intent
	outcomes     []outcome
	limits       map[side]limit
	crashes      int
	duplicates   bool
	plans        []askedFor // for everyone
	edit         *edit      // of an automation that was on; nil: none
	on           int        // the moment at which what was off was switched on
	onAt         time.Time
	lag          time.Duration // of HighLevel's search index by then
}

// auditor collects findings.
type auditor struct {
	evidence
	findings []Finding
	views    []view
	// partners are the contacts of the other side that we wrote to for a contact, oldest first.
	partners map[recordKey][]recordKey
	// made is for which contact we made another.
	made map[recordKey]*call
}

func (e evidence) audit() []Finding {
	a := &auditor{evidence: e, views: viewsOf(e.automations), partners: map[recordKey][]recordKey{}, made: map[recordKey]*call{}}
	a.pair()
	if !e.rested {
		a.find("rest", "the world did not come to rest")
		return a.findings
	}
	a.converged()
	a.noDoubles()
	a.nothingLost()
	a.nothingEchoed()
	a.onlyMapped()
	a.setsKept()
	a.partsKept()
	a.journalled()
	a.budgetKept()
	a.nothingDropped()
	a.noStorms()
	a.quietWhileRemoved()
	a.historyKept()
	a.brakesKept()
	a.deletesFollowed()
	a.decisionsHeld()
	a.children()
	a.everyone()
	return a.findings
}

func (a *auditor) find(kind, format string, args ...any) {
	a.findings = append(a.findings, Finding{Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// pair reads from our writes who was taken for whom.
func (a *auditor) pair() {
	join := func(one, other recordKey) {
		if !slices.Contains(a.partners[one], other) {
			a.partners[one] = append(a.partners[one], other)
		}
	}
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		for _, v := range h.versions {
			if v.call != nil && v.call.task != nil && v.call.task.source.side != k.side {
				join(v.call.task.source, k)
				join(k, v.call.task.source)
			}
		}
		if h.born().call != nil {
			a.made[k] = h.born().call
		}
	}
	// Two ways, the work may have the key of the side it writes to: then the values came from whoever shares its address.
	for _, k := range a.ledger.order {
		for _, v := range a.ledger.contacts[k].versions {
			if v.call == nil || v.call.task == nil || len(a.partners[k]) > 0 {
				continue
			}
			if with := a.namesakes(k, v); len(with) == 1 {
				join(with[0], k)
				join(k, with[0])
			}
		}
	}
}

// namesakes are the contacts of the other side that ever shared an address with a version of k.
func (a *auditor) namesakes(k recordKey, v version) []recordKey {
	var out []recordKey
	for _, other := range a.ledger.order {
		if other.side != k.side && slices.ContainsFunc(a.ledger.contacts[other].versions, func(o version) bool { return sharesAny(o.fields, v.fields) }) {
			out = append(out, other)
		}
	}
	return out
}

// counterpart is the living contact of the other side that goes with k: the one we wrote to, or the one with the same
// address. named tells that only the address speaks for it.
func (a *auditor) counterpart(k recordKey) (found *history, named bool) {
	for i := len(a.partners[k]) - 1; i >= 0; i-- {
		if h := a.ledger.contacts[a.partners[k][i]]; h.alive() && !a.strangers(k, h.key) {
			return h, false
		}
	}
	if len(a.partners[k]) > 0 {
		return nil, false // it had one, which is gone
	}
	own := a.ledger.contacts[k].now().fields
	samePhone := func(one, other fields) bool { return phoneKey(one) != "" && phoneKey(one) == phoneKey(other) }
	for _, same := range []func(one, other fields) bool{sharesEmail, samePhone} {
		for _, h := range a.ledger.living(k.side.other()) {
			if same(own, h.now().fields) && len(a.partners[h.key]) == 0 {
				return h, true
			}
		}
	}
	return nil, false
}

// strangers reports that one of two contacts was made for the other, and is not its counterpart all the same.
func (a *auditor) strangers(one, other recordKey) bool {
	return a.madeInVain(one, other) || a.madeInVain(other, one)
}

// madeInVain reports that a contact was made for k and nothing has tied the two since. Either nobody learned that it was
// made, a person entered the same one at that very time, and that one was written to for k instead. Or we were told that it
// was not made, which HighLevel may say of what it has made, and a person gave it another address before anybody looked at
// either of the two again: the run failed, and says so.
func (a *auditor) madeInVain(k, made recordKey) bool {
	c, h := a.made[made], a.ledger.contacts[made]
	if c == nil || c.settled || c.task == nil || c.task.source != k || writtenFor(k, h, c) {
		return false
	}
	if c.answered && c.status >= 400 {
		looked := math.MaxInt
		for _, o := range a.outcomes {
			if o.succeeded && o.moment > c.moment && (o.task.source == k || o.task.source == made) {
				looked = min(looked, o.moment)
			}
		}
		return h.readdressedBefore(looked)
	}
	return slices.ContainsFunc(a.partners[k], func(p recordKey) bool {
		instead := a.ledger.contacts[p]
		born := instead.born()
		return p != made && instead.alive() && born.byPerson() && born.moment >= c.task.began-1 && born.moment <= a.learned(c) &&
			sharesAny(born.fields, h.born().fields) && writtenFor(k, instead, c)
	})
}

// writtenFor reports that we wrote to a contact for another since a call.
func writtenFor(k recordKey, h *history, since *call) bool {
	return slices.ContainsFunc(h.versions, func(v version) bool {
		return v.moment > since.moment && v.call != nil && v.call != since && v.call.task != nil && v.call.task.source == k
	})
}

// facing reports that values lead both ways.
func (a *auditor) facing() bool {
	return slices.ContainsFunc(a.views, func(v view) bool { return v.from != a.views[0].from })
}

// twoWay reports that one automation leads both ways, and minds deletions.
func (a *auditor) twoWay() bool { return len(a.views) > len(a.automations) }

// converged: every mapped field of every pair agrees, or there is a reason why it does not.
func (a *auditor) converged() {
	for _, v := range a.views {
		for _, source := range a.ledger.living(v.from) {
			if !passes(v.automation.Definition, source.now().fields) {
				continue
			}
			if a.askedWho(source.key) || a.decidedWho(source.key) || a.takenApart(source.key) || a.unreached(source) {
				continue
			}
			target, named := a.counterpart(source.key)
			if target == nil {
				if why := a.mayBeAlone(source, v.rows); why == "" {
					a.find("converged", "%s %v has no counterpart", source.key, source.now().fields)
				}
				continue
			}
			if a.askedWho(target.key) || a.decidedWho(target.key) || a.takenApart(target.key) {
				continue
			}
			for _, row := range v.rows {
				if row.Parts != nil || a.wentBack(source, target, row) || a.askedWhich(source.key, target, row) || a.askedWhich(target.key, target, row) {
					continue // judged where they are joined, or by a person
				}
				a.rowConverged(v.rows, row, source, target, named)
			}
		}
	}
}

// askedWho reports that a person is asked who a contact's counterpart is, where that is a question, and askedWhich that
// one is asked which of two values of a row is right, where somebody did type the target's. What waits for an answer is
// not lost.
func (a *auditor) askedWho(k recordKey) bool { return a.asked(k) && a.ambiguous(k) }

func (a *auditor) asked(k recordKey) bool {
	return slices.ContainsFunc(a.questions, func(r automation.Review) bool { return r.Kind == automation.ReviewIdentity && keyOf(r.Source) == k })
}

// ambiguous reports that more than one contact had an address of this one, or one that has another address, too.
func (a *auditor) ambiguous(k recordKey) bool {
	var others []recordKey
	for _, v := range a.ledger.contacts[k].versions {
		for _, other := range a.ledger.order {
			if other != k && !slices.Contains(others, other) && slices.ContainsFunc(a.ledger.contacts[other].versions, func(o version) bool { return sharesAny(o.fields, v.fields) }) {
				others = append(others, other)
			}
		}
	}
	unanswered := func(made, from recordKey) bool {
		c := a.made[made]
		return c != nil && !c.settled && c.task != nil && c.task.source == from && a.ledger.contacts[made].readdressedBefore(math.MaxInt)
	}
	if slices.ContainsFunc(a.ledger.order, func(other recordKey) bool { return unanswered(other, k) || unanswered(k, other) }) {
		return true // what was made, and not answered, has other addresses now
	}
	if len(others) != 1 {
		return len(others) > 1
	}
	one, other := a.ledger.contacts[k], a.ledger.contacts[others[0]]
	return a.doubtfulPair(one, other) || gotFurther(one) || gotFurther(other)
}

// gotFurther reports that a contact was given another further address, or lost one: a question from before is still open.
func gotFurther(h *history) bool {
	return slices.ContainsFunc(h.versions, func(v version) bool { return !v.gone && v.fields[further] != h.now().fields[further] })
}

func (a *auditor) askedWhich(k recordKey, target *history, row mapping.Row) bool {
	return typedAt(target, len(target.versions)-1, row.Target) >= 0 && slices.ContainsFunc(a.questions, func(r automation.Review) bool {
		return r.Kind == automation.ReviewConflict && keyOf(r.Source) == k &&
			slices.ContainsFunc(r.Plan.Asks(), func(f automation.FieldPlan) bool { return f.Row == row.ID })
	})
}

// shared reports that two contacts ever had an address in common, so that they may have been found to be one.
func shared(one, other *history) bool {
	return slices.ContainsFunc(one.versions, func(v version) bool {
		return slices.ContainsFunc(other.versions, func(o version) bool { return sharesAny(v.fields, o.fields) })
	})
}

// mayBeAlone says why a contact has no counterpart, or nothing.
func (a *auditor) mayBeAlone(h *history, rows []mapping.Row) string {
	f := h.now().fields
	if emailKey(f) == "" && phoneKey(f) == "" {
		return "nobody can be made from it"
	}
	side := h.key.side.other()
	lastMoved := lastChange(h, func(v version) string { return mappedText(rows, v.fields) })
	for _, k := range a.ledger.order {
		other := a.ledger.contacts[k]
		if k.side != side {
			continue
		}
		if !other.alive() {
			// A counterpart that a person deleted is missed only when the other one is another than it was then.
			if slices.Contains(a.partners[h.key], k) || shared(h, other) {
				then, _ := h.held(other.now().moment)
				if d, _ := a.deletes(); other.now().moment > lastMoved || a.twoWay() || d.Policy != automation.DeleteNothing || !movedSince(rows, then.fields, f) {
					return "its counterpart was deleted"
				}
			}
			continue
		}
		if shared(h, other) {
			return "it is doubtful whether another contact is its counterpart"
		}
	}
	return ""
}

func (a *auditor) rowConverged(rows []mapping.Row, row mapping.Row, source, target *history, named bool) {
	want := expected(row, source.now().fields)
	have := target.now().fields[row.Target]
	if row.Target == "tags" {
		a.tagsConverged(rows, source, target, named)
		return
	}
	if alike(row.Target, want, have) || want == "" {
		return
	}
	if have == "" && a.facing() {
		return // emptied on one side; an empty value empties nothing
	}
	touched := lastTouch(target, row.Target)
	moved := lastChange(source, func(v version) string { return canonical(row.Target, expected(row, v.fields)) })
	tidied := alike(row.Target, collapse(want), collapse(have))
	switch {
	case tidied:
		return
	case row.Target == "email" && (answered(source, target) || answered(target, source)):
		return // that it answers to the other's address no more is no change of its own
	case !a.facing() && touched > moved:
		return // a person changed the target since, and the source did not move
	case row.Owner != "" && row.Owner != mapping.OwnerSource && touched > 0:
		return // both sides had a say, and the policy left them apart
	case named && touched > 0 && !a.facing():
		return
	case named && a.doubtfulPair(source, target):
		return
	case (row.Target == "email" || row.Target == "phone") && a.somebodyElseHas(target.key, row.Target, want):
		return // the provider refuses what another contact has
	case a.stuck(rows, source, target):
		return
	}
	a.find("converged", "%s of %s is %q, and %s says %q", row.Target, target.key, have, source.key, want)
}

// stuck reports that the provider refuses a row of this pair, and with it the whole write.
func (a *auditor) stuck(rows []mapping.Row, source, target *history) bool {
	for _, row := range rows {
		want := expected(row, source.now().fields)
		if (row.Target == "email" || row.Target == "phone") && want != "" && !alike(row.Target, want, target.now().fields[row.Target]) &&
			a.somebodyElseHas(target.key, row.Target, want) {
			return true
		}
	}
	// A company can only be written to somebody who is found by email or phone, before any namesake.
	// Nobody tries again when that one is gone: the run failed, and says so.
	there := target
	if there.key.side != highLevelSide && a.facing() {
		there = source // what is to go there is what differs here
	}
	return there.key.side == highLevelSide && a.duplicates && slices.ContainsFunc([]string{"email", "phone"}, func(field string) bool {
		value := there.now().fields[field]
		return a.somebodyElseHas(there.key, field, value) || a.somebodyElseHad(there.key, field, value, a.lastTry(source.key, target.key))
	})
}

// lastTry is the moment of our last call for one of two contacts.
func (a *auditor) lastTry(one, other recordKey) int {
	last := 0
	for _, c := range a.calls {
		if c.task != nil && (c.task.source == one || c.task.source == other) {
			last = max(last, c.moment)
		}
	}
	return last
}

func (a *auditor) somebodyElseHad(k recordKey, field, value string, moment int) bool {
	return value != "" && slices.ContainsFunc(a.ledger.order, func(other recordKey) bool {
		if other.side != k.side || other == k {
			return false
		}
		then, ok := a.ledger.contacts[other].held(moment)
		return ok && !then.gone && (canonical(field, then.fields[field]) == canonical(field, value) || field == "email" && answersTo(then.fields, value))
	})
}

// answered reports that a contact answered to the other one's address since it has the one it has.
func answered(h, other *history) bool {
	return slices.ContainsFunc(h.versions, func(v version) bool {
		return emailKey(v.fields) == emailKey(h.now().fields) && answersTo(v.fields, emailKey(other.now().fields))
	})
}

func (a *auditor) somebodyElseHas(k recordKey, field, value string) bool {
	return value != "" && slices.ContainsFunc(a.ledger.living(k.side), func(h *history) bool {
		return h.key != k && (canonical(field, h.now().fields[field]) == canonical(field, value) || field == "email" && answersTo(h.now().fields, value))
	})
}

// doubtfulPair reports that the better evidence speaks against two contacts that share a phone number.
func (a *auditor) doubtfulPair(one, other *history) bool {
	x, y := one.now().fields, other.now().fields
	return emailKey(x) != emailKey(y) && !sharesEmail(x, y)
}

func (a *auditor) tagsConverged(rows []mapping.Row, source, target *history, named bool) {
	if named && (a.doubtfulPair(source, target) || !a.facing()) {
		return
	}
	want, have := labels(source.now().fields["tags"]), labels(target.now().fields["tags"])
	for _, e := range want {
		if !slices.Contains(have, e) && !removedByPerson(target, e) && !a.tagWentBack(source, target, e) && !a.stuck(rows, source, target) {
			a.find("converged", "%s has the tag %q, and %s has not", source.key, e, target.key)
		}
	}
	for _, e := range have {
		if !slices.Contains(want, e) && broughtByUs(target, e) && removedByPerson(source, e) && !a.tagWentBack(source, target, e) && !a.facing() && !a.stuck(rows, source, target) {
			a.find("converged", "%s still has the tag %q, which was taken from %s", target.key, e, source.key)
		}
	}
}

// noDoubles: nobody is made twice, and nobody who was there already.
func (a *auditor) noDoubles() {
	for _, k := range slices.SortedFunc(maps.Keys(a.made), compareKeys) {
		c, h := a.made[k], a.ledger.contacts[k]
		if c.task == nil {
			continue
		}
		source := c.task.source
		if a.decidedWho(source) || a.decidedWho(k) || c.task.undoes { // somebody has seen that one would be made
			continue
		}
		if source.side == k.side && a.ledger.contacts[source].alive() && h.alive() {
			a.find("no doubles", "%s was made although %s was there", k, source)
		}
		for _, p := range a.partners[source] {
			other := a.ledger.contacts[p]
			if origin := a.made[source]; origin != nil && a.unknowable(source, origin, c) {
				continue
			}
			if a.lostSight(p, c) || a.lostSight(k, a.made[p]) {
				continue
			}
			if p.side == k.side && p != k && h.alive() && other.alive() && !a.crossed(other, c) {
				a.find("no doubles", "%s and %s were both taken for %s", k, p, source)
			}
		}
		if origin, again := a.made[source]; again && origin.task != nil && !a.unknowable(source, origin, c) {
			if from := a.ledger.contacts[origin.task.source]; from.alive() && h.alive() {
				a.find("no doubles", "%s was made from %s, which was itself made from %s", k, source, from.key)
			}
		}
		held, ok := a.ledger.contacts[source].held(c.moment)
		if !ok {
			continue
		}
		for _, other := range a.ledger.living(k.side) {
			if other.key == k || !other.born().byPerson() || a.crossed(other, c) || len(a.partners[other.key]) > 0 {
				continue
			}
			then, existed := other.held(c.task.began)
			if existed && sharesBest(then.fields, held.fields) && sharesBest(other.now().fields, held.fields) {
				a.find("no doubles", "%s was made for %s although %s was there", k, source, other.key)
			}
		}
	}
}

// unknowable reports that nothing tells any more what a contact was made from: nobody learned of it, and a person gave
// it other addresses before another was made for it; or a person entered the same one at that very time, and that one
// became the counterpart.
func (a *auditor) unknowable(k recordKey, made, again *call) bool {
	h := a.ledger.contacts[k]
	for _, other := range a.ledger.order {
		if one := a.ledger.contacts[other]; other != k && other.side == k.side && one.born().byPerson() && sharesAny(one.born().fields, h.born().fields) && a.crossed(one, made) {
			return true
		}
	}
	then, _ := h.held(again.moment)
	told := made.answered && made.status >= 400 // that it was not made: then nobody looks for it by anything but its addresses
	return !made.settled && h.readdressedBefore(again.moment) && (told || !remembers(then.fields, h.born().fields))
}

// remembers reports that a contact still has enough of what it was made with to ask a person about it: two values
// besides its addresses.
func remembers(now, born fields) bool {
	n := 0
	for _, field := range []string{"name", "firstName", "lastName", "companyName"} {
		switch {
		case born[field] == "":
		case !alike(field, now[field], born[field]):
			return false
		default:
			n++
		}
	}
	return n >= 2
}

// lostSight reports that nothing told any more what a contact was made for when we made another.
func (a *auditor) lostSight(k recordKey, again *call) bool {
	made := a.made[k]
	return made != nil && again != nil && a.unknowable(k, made, again)
}

// crossed reports that a person entered or changed a contact after we had begun to look for it, and before we knew what
// our create had made. Whoever is entered after the look is not seen by it, and no provider lets a create depend on what
// was seen: two of them is what there is then, and the next look finds both.
func (a *auditor) crossed(h *history, c *call) bool {
	known := a.learned(c)
	return slices.ContainsFunc(h.versions, func(v version) bool {
		return v.byPerson() && v.moment >= c.task.began-1 && v.moment <= known
	})
}

// learned is the moment at which we knew what a write had done: when its outcome was stored, or, where no answer came or
// one that it was refused though it was not, when a later attempt for the same record came to its end.
func (a *auditor) learned(c *call) int {
	for _, o := range a.outcomes {
		if o.moment > c.moment && o.task.automation == c.task.automation && o.task.source == c.task.source && (o.task == c.task && c.answered && c.status < 400 || o.succeeded) {
			return o.moment
		}
	}
	return math.MaxInt
}

// nothingLost: what a person typed is there, or a person typed over it, or we did so rightly and the journal has it.
func (a *auditor) nothingLost() {
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		for i := 1; i < len(h.versions); i++ {
			now, before := h.versions[i], h.versions[i-1]
			if now.call == nil {
				continue
			}
			if now.gone {
				if born := h.born().call; born != nil && born.task == now.call.task || now.call.task != nil && now.call.task.undoes {
					continue // a contact an upsert made by mistake is taken away by the very attempt that made it
				}
				a.deletedByUs(h)
				continue
			}
			for _, field := range slices.Sorted(maps.Keys(now.fields)) {
				if field == "tags" || before.fields[field] == "" || before.fields[field] == now.fields[field] {
					continue
				}
				a.overwritten(h, i, field)
			}
		}
	}
}

func (a *auditor) overwritten(h *history, at int, field string) {
	now, was := h.versions[at], h.versions[at-1].fields[field]
	typed := typedAt(h, at-1, field)
	if typed < 0 || now.call.task == nil {
		return // it was ours
	}
	typedMoment := h.versions[typed].moment
	if typedMoment >= now.call.task.began {
		return // typed between our look and our write: no call of either provider could tell
	}
	if !a.journalHas(h.key, field, was) {
		a.find("nothing lost", "%s of %s was %q, typed by a person; we wrote %q, and the journal does not know", field, h.key, was, now.fields[field])
	}
	source := a.origin(now.call, h.key)
	row, ok := a.rowOf(now.call.task.automation, h.key.side, field)
	if !ok || source == nil {
		return
	}
	if a.facing() {
		if len(a.automations) == 1 { // several may cross each other's ways
			a.cameBack(h, source, row, now, was)
		}
		return
	}
	if a.chosenOver(source.key, row, now.moment) {
		return
	}
	// One way: the source must have moved since what we write now was last there.
	moved := lastChangeBefore(source, now.moment, func(v version) string { return canonical(field, expected(row, v.fields)) })
	met := a.firstWrite(source.key, h.key)
	for i := range typed {
		v := h.versions[i]
		// A write whose answer was lost is no agreement: to us it is still to be made.
		if v.call != nil && !v.call.settled {
			continue
		}
		if met < typedMoment && v.moment > moved && alike(field, v.fields[field], now.fields[field]) {
			a.find("nothing lost", "%s of %s was %q, typed by a person, and was overwritten by %q, which was there before and did not move in %s", field, h.key, was, now.fields[field], source.key)
			return
		}
	}
}

// cameBack finds our own write carried back over what it was made from.
func (a *auditor) cameBack(h, source *history, row mapping.Row, now version, was string) {
	moment := lastChangeBefore(source, now.moment, func(v version) string { return canonical(row.Target, expected(row, v.fields)) })
	i := slices.IndexFunc(source.versions, func(v version) bool { return v.moment == moment })
	if i < 0 || source.versions[i].byPerson() || source.versions[i].call.task == nil || !source.versions[i].call.settled {
		return // what was never acknowledged is met as if for the first time
	}
	// What never was the contact's own came from another one, or from a part that a person typed meanwhile.
	own := slices.ContainsFunc(h.versions, func(v version) bool {
		return v.moment < moment && alike(row.Target, v.fields[row.Target], now.fields[row.Target])
	})
	then, ok := h.held(moment)
	if own && ok && then.fields[row.Target] == was && a.origin(source.versions[i].call, source.key) == h {
		a.find("nothing echoed", "%s of %s was %q, typed by a person, and came back from %s as %q", row.Target, h.key, was, source.key, now.fields[row.Target])
	}
}

// firstWrite is the moment at which we first wrote to a contact for another; before it the two had never met.
func (a *auditor) firstWrite(source, target recordKey) int {
	for _, v := range a.ledger.contacts[target].versions {
		if v.call != nil && v.call.task != nil && v.call.task.source == source {
			return v.moment
		}
	}
	return a.ledger.contacts[target].now().moment + 1
}

// rowOf is the row by which an automation fills a field of one side.
func (a *auditor) rowOf(id string, written side, field string) (mapping.Row, bool) {
	for _, v := range a.views {
		if string(v.automation.ID) != id || v.from == written {
			continue
		}
		if i := slices.IndexFunc(v.rows, func(r mapping.Row) bool { return r.Target == field }); i >= 0 {
			return v.rows[i], true
		}
	}
	return mapping.Row{}, false
}

// origin is the contact that a write to k took its values from: the work's own, or its counterpart of that time where
// the work wrote to its own side. It is nil where nobody can tell.
func (a *auditor) origin(c *call, k recordKey) *history {
	if c.task.source.side != k.side {
		return a.ledger.contacts[c.task.source]
	}
	for _, p := range slices.Backward(a.partners[k]) {
		if h := a.ledger.contacts[p]; h.born().moment < c.moment {
			if then, ok := h.held(c.moment); ok && !then.gone {
				return h
			}
		}
	}
	return nil
}

func (a *auditor) journalHas(k recordKey, field, value string) bool {
	return slices.ContainsFunc(a.changes, func(c automation.Change) bool {
		return c.Target.ID == k.id && alike(field, c.Before[field].String(), value)
	})
}

// nothingEchoed: there are no more writes to a contact than there were reasons to write.
func (a *auditor) nothingEchoed() {
	groups := map[recordKey]map[string]int{}
	lost := map[recordKey]int{}
	for _, c := range a.wrote {
		if c.task == nil {
			continue
		}
		k := recordKey{c.side, pathID(c.path)}
		if k.id == "" && strings.HasSuffix(c.path, "/upsert") {
			k = a.lastPartner(c.task.source)
		}
		if k.id == "" {
			continue
		}
		if groups[k] == nil {
			groups[k] = map[string]int{}
		}
		groups[k][c.method+" "+kindOfPath(c.path)]++
		if !c.answered {
			lost[c.task.source]++
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(groups), compareKeys) {
		reasons := 1 + a.crashes
		for _, p := range a.partners[k] {
			reasons += lost[p] + len(a.ledger.contacts[p].versions)
		}
		for _, v := range a.ledger.contacts[k].versions {
			if v.byPerson() {
				reasons++
			}
		}
		reasons *= len(a.automations) // each has its own
		reasons += 3 * len(a.plans)
		for _, kind := range slices.Sorted(maps.Keys(groups[k])) {
			if n := groups[k][kind]; n > reasons {
				a.find("nothing echoed", "%s was written to %d times by %s, and there were %d reasons", k, n, kind, reasons)
			}
		}
	}
}

func (a *auditor) lastPartner(k recordKey) recordKey {
	if ps := a.partners[k]; len(ps) > 0 {
		return ps[len(ps)-1]
	}
	return recordKey{}
}

// kindOfPath is a path without its ids.
func kindOfPath(path string) string {
	if id := pathID(path); id != "" {
		return strings.Replace(path, id, "…", 1)
	}
	return path
}

// onlyMapped: we never change a field that no row fills.
func (a *auditor) onlyMapped() {
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		for i, now := range h.versions {
			if now.call == nil || now.gone || now.call.task == nil {
				continue
			}
			before := fields{"source": now.fields["source"], "lang": "en"} // what providers fill in themselves
			if i > 0 {
				before = h.versions[i-1].fields
			}
			for _, field := range slices.Sorted(maps.Keys(now.fields)) {
				if now.fields[field] == before[field] {
					continue
				}
				if _, mapped := a.rowOf(now.call.task.automation, k.side, field); !mapped && !a.wasMapped(now.call.task, k.side, field) {
					a.find("only mapped", "%s of %s was changed from %q to %q by us, and nothing maps it", field, k, before[field], now.fields[field])
				}
			}
			if au := a.automation(now.call.task.automation); !a.passed(au, now.call) {
				a.find("only mapped", "%s was written for %s, which the rule lets pass by", k, now.call.task.source)
			}
		}
	}
}

// wasMapped reports that a field was mapped until an edit was put live, and that a write was begun by then.
func (a *auditor) wasMapped(t *task, written side, field string) bool {
	e := a.edit
	if e == nil || string(e.automation) != t.automation || t.began > e.live {
		return false
	}
	if written == a.views[0].from {
		return slices.Contains(e.row.Sources, field)
	}
	return e.row.Target == field
}

func (a *auditor) automation(id string) automation.Automation {
	i := slices.IndexFunc(a.automations, func(au automation.Automation) bool { return string(au.ID) == id })
	if i < 0 {
		return automation.Automation{}
	}
	return a.automations[i]
}

// passed reports that the rule let the source through at some time while the write was being made.
func (a *auditor) passed(au automation.Automation, c *call) bool {
	source := a.ledger.contacts[c.task.source]
	if source == nil {
		return true
	}
	at, _ := source.held(c.task.began)
	if passes(au.Definition, at.fields) {
		return true
	}
	return slices.ContainsFunc(source.versions, func(v version) bool {
		return v.moment >= c.task.began && v.moment <= c.moment && passes(au.Definition, v.fields)
	})
}

// setsKept: of a set we only take away what we brought and what the other side lost, and bring only what it had.
func (a *auditor) setsKept() {
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		for i := 1; i < len(h.versions); i++ {
			now, before := h.versions[i], h.versions[i-1]
			if now.call == nil || now.gone || now.call.task == nil {
				continue
			}
			source := a.origin(now.call, k)
			if source == nil {
				continue
			}
			// A link may have followed a counterpart that went on under another id.
			had := func(e string) bool {
				return everHad(source, e) || slices.ContainsFunc(a.partners[k], func(p recordKey) bool { return everHad(a.ledger.contacts[p], e) })
			}
			for _, e := range labels(before.fields["tags"]) {
				if slices.Contains(labels(now.fields["tags"]), e) || had(e) || addedSince(h, i, e, now.call.task.began) {
					continue
				}
				a.find("sets kept", "we took the tag %q from %s, and %s never had it", e, k, source.key)
			}
			for _, e := range labels(now.fields["tags"]) {
				// Gleap takes whole lists only: a tag that was taken away between look and write comes back.
				if slices.Contains(labels(before.fields["tags"]), e) || had(e) || everHad(h, e) {
					continue
				}
				a.find("sets kept", "we gave %s the tag %q, and %s never had it", k, e, source.key)
			}
		}
	}
}

// partsKept: where a joined value went back, the parts are that value, and nobody's name but that.
func (a *auditor) partsKept() {
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		for i := 1; i < len(h.versions); i++ {
			now, before := h.versions[i], h.versions[i-1]
			if now.call == nil || now.gone || now.call.task == nil || now.call.task.undoes || before.byPerson() && before.moment >= now.call.task.began {
				continue
			}
			for _, field := range slices.Sorted(maps.Keys(now.fields)) {
				row, ok := a.rowOf(now.call.task.automation, k.side, field)
				if !ok || row.Parts == nil || now.fields[field] == before.fields[field] {
					continue
				}
				joined := expected(mapping.Row{Sources: row.Parts}, now.fields)
				was := func(v version) bool { return alike(row.Sources[0], v.fields[row.Sources[0]], joined) }
				// Nobody types a name twice, so it does not matter which contact was the counterpart then.
				if !slices.ContainsFunc(a.ledger.order, func(p recordKey) bool {
					return p.side != k.side && slices.ContainsFunc(a.ledger.contacts[p].versions, was)
				}) {
					a.find("parts kept", "%s of %s became %q, which nobody was on the other side", strings.Join(row.Parts, " and "), k, joined)
				}
				break
			}
		}
	}
}

// journalled: no write without an intent before it, and none left open.
func (a *auditor) journalled() {
	for _, c := range a.wrote {
		if c.task == nil {
			a.find("journalled", "%s %s belongs to no work", c.method, c.path)
			continue
		}
		if !slices.ContainsFunc(a.intents, func(i intent) bool {
			return i.automation == c.task.automation && i.source == c.task.source && i.moment > c.task.began && i.moment < c.moment
		}) {
			a.find("journalled", "%s %s for %s was made without an intent", c.method, c.path, c.task.source)
		}
	}
	for _, c := range a.changes {
		open := (c.State == automation.Intended || c.State == automation.Unclear) && !a.asked(keyOf(c.Source))
		if source := a.ledger.contacts[keyOf(c.Source)]; open && source != nil && source.alive() && passes(a.automation(string(c.Automation)).Definition, source.now().fields) {
			a.find("journalled", "the change %s of %s is still %s", c.ID, keyOf(c.Source), c.State)
		}
	}
}

// budgetKept: never more calls in any window than the provider allows.
func (a *auditor) budgetKept() {
	for _, s := range []side{gleapSide, highLevelSide} {
		var at []time.Time
		for _, c := range a.calls {
			if c.side == s && c.reached && !c.renews() {
				at = append(at, c.sent)
			}
		}
		slices.SortFunc(at, time.Time.Compare)
		l := a.limits[s]
		for i := l.calls; i < len(at); i++ {
			if at[i].Sub(at[i-l.calls]) < l.in {
				a.find("budget kept", "%s was called more than %d times in %s, at %s", s, l.calls, l.in, at[i].Format(time.TimeOnly))
				break
			}
		}
	}
}

// nothingDropped: whoever was told that a webhook was taken can forget it.
func (a *auditor) nothingDropped() {
	for _, d := range a.deliveries {
		if d.acknowledged && d.dedupe != "" && !a.accepted(d) {
			a.find("nothing dropped", "the webhook %s of %s was acknowledged and not stored", d.dedupe, d.side)
		}
	}
}

const (
	// A renewal that fails is not repeated for five seconds by the one who made it, and three processes may need one.
	renewalsMost   = 3 * 12
	renewalsWithin = time.Minute
)

// noStorms: nobody asks for tokens as often as they can.
func (a *auditor) noStorms() {
	var asked []time.Time
	for _, c := range a.calls {
		if c.renews() {
			asked = append(asked, c.sent)
		}
	}
	slices.SortFunc(asked, time.Time.Compare)
	for i := renewalsMost; i < len(asked); i++ {
		if asked[i].Sub(asked[i-renewalsMost]) < renewalsWithin {
			a.find("no storms", "a token was asked for more than %d times in %s, at %s", renewalsMost, renewalsWithin, asked[i].Format(time.TimeOnly))
			return
		}
	}
}

// brakesKept: no automation writes more in an hour than it may. What the provider refused was not written.
func (a *auditor) brakesKept() {
	for _, au := range a.automations {
		limit := au.Definition.Limits.ChangesPerHour
		if limit <= 0 {
			continue
		}
		var at []time.Time
		for _, c := range a.changes {
			if c.Automation == au.ID && c.State != automation.Refused {
				at = append(at, c.IntendedAt)
			}
		}
		slices.SortFunc(at, time.Time.Compare)
		for i := limit; i < len(at); i++ {
			if at[i].Sub(at[i-limit]) < time.Hour {
				a.find("brakes kept", "%s wrote more than %d times in an hour, at %s", au.ID, limit, at[i].Format(time.TimeOnly))
				break
			}
		}
	}
}
