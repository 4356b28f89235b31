package simulate

import (
	"slices"

	"crosswalk/internal/automation"
)

// weakness is something the engine is known to get wrong. A finding it explains is kept apart from news, so that the
// simulation goes on finding what is new. The first that fits is named, so the narrow ones come first. Whoever mends
// the engine takes the line out of weaknesses; the seeds of TestNamedSeeds then prove that it is mended.
type weakness struct {
	name string
	why  string
	hit  func(a *auditor, f Finding, k recordKey) bool
}

var weaknesses = []weakness{
	{
		name: "rows that cross",
		why: "Where a field goes there by one row and comes back by another (a full name that is split on its way back), what one " +
			"row writes looks like an edit to the other: old values are carried back over what a person typed since, and when " +
			"both sides are edited the two values change places.",
		hit: func(_ *auditor, f Finding, _ recordKey) bool {
			return f.Kind == "nothing echoed" && slices.Contains([]string{"name", "firstName", "lastName"}, f.field)
		},
	},
	{
		name: "left under the other key",
		why: "A two-way pair that was first met under its target's key, and was linked under its source's meanwhile: what was " +
			"open under the first key is never settled, and its run waits for ever.",
		hit: (*auditor).openUnderTarget,
	},
	{
		name: "edited before the read-back",
		why: "What a person types between our write and our reading it back is stored as agreed, so that it is never carried " +
			"to the other side.",
		hit: (*auditor).editedBeforeReadBack,
	},
	{
		name: "unacknowledged writes",
		why: "A write whose answer was lost, or whose read-back failed, or whose outcome met a crash, is not remembered as ours: " +
			"when a person edits either record before the next attempt, that attempt takes our own value for a person's, looks " +
			"for the record under the new match keys, and may leave the two apart, overwrite, ask or create a double.",
		hit: (*auditor).editedUnacknowledged,
	},
	{
		name: "given up early",
		why: "Being woken by news, or told to wait by a call limit, counts as an attempt like any other, so that a busy " +
			"record has used up its twelve attempts within two minutes of trouble and fails for good.",
		hit: func(a *auditor, _ Finding, k recordKey) bool {
			return slices.ContainsFunc(a.outcomes, func(o outcome) bool {
				return !o.succeeded && o.task.attempt >= 12 && slices.Contains(a.circle(k), o.task.source)
			})
		},
	},
	{
		name: "dead link",
		why: "A contact that is linked with a deleted one cannot be matched again: it counts as somebody else's, though " +
			"nobody is there.",
		hit: func(a *auditor, _ Finding, k recordKey) bool { return a.cameTo(k, "doubtful") && a.deadPartner(k) },
	},
}

// recognise names the known weakness behind each finding that has one.
func (a *auditor) recognise() {
	for i := range a.findings {
		f := &a.findings[i]
		for _, w := range weaknesses {
			if slices.ContainsFunc(f.about, func(k recordKey) bool { return w.hit(a, *f, k) }) {
				f.Known = w.name
				break
			}
		}
	}
}

// circle is a contact and everybody it was ever taken for.
func (a *auditor) circle(k recordKey) []recordKey { return append([]recordKey{k}, a.partners[k]...) }

// editedUnacknowledged reports that a person edited the contact, or its counterpart, while a write between them was
// made and not known to be.
func (a *auditor) editedUnacknowledged(_ Finding, k recordKey) bool {
	circle := a.circle(k)
	for _, c := range a.wrote {
		if c.task == nil || c.settled || !slices.Contains(circle, c.task.source) {
			continue
		}
		until := int(^uint(0) >> 1)
		for _, o := range a.outcomes {
			if o.moment > c.moment && o.succeeded && o.task.source == c.task.source && o.task.automation == c.task.automation {
				until = o.moment
				break
			}
		}
		for _, one := range append(slices.Clone(circle), a.partners[c.task.source]...) {
			if slices.ContainsFunc(a.ledger.contacts[one].versions, func(v version) bool {
				return v.byPerson() && v.moment > c.task.began && v.moment < until
			}) {
				return true
			}
		}
	}
	return false
}

// editedBeforeReadBack reports that a person edited a record between our write to it and the outcome of that write.
func (a *auditor) editedBeforeReadBack(_ Finding, k recordKey) bool {
	circle := a.circle(k)
	for _, one := range circle {
		h := a.ledger.contacts[one]
		for i, v := range h.versions {
			if v.call == nil || v.call.task == nil || i+1 == len(h.versions) || !h.versions[i+1].byPerson() {
				continue
			}
			if slices.ContainsFunc(a.outcomes, func(o outcome) bool { return o.task == v.call.task && o.moment > h.versions[i+1].moment }) {
				return true
			}
		}
	}
	return false
}

// openUnderTarget reports a change that is still open under the key of a two-way automation's target.
func (a *auditor) openUnderTarget(_ Finding, k recordKey) bool {
	return slices.ContainsFunc(a.changes, func(c automation.Change) bool {
		open := c.State == automation.Intended || c.State == automation.Unclear
		return open && keyOf(c.Source) == k && k.side == sideOf(a.automation(string(c.Automation)).Definition.Target)
	})
}

// cameTo reports that an attempt at the contact, or at its counterpart, ended for that reason.
func (a *auditor) cameTo(k recordKey, code string) bool {
	circle := a.circle(k)
	return slices.ContainsFunc(a.outcomes, func(o outcome) bool { return o.code == code && slices.Contains(circle, o.task.source) })
}

// deadPartner reports that somebody with the contact's address was linked with a contact that is gone.
func (a *auditor) deadPartner(k recordKey) bool {
	for _, one := range a.circle(k) {
		for _, h := range append(a.ledger.living(one.side), a.ledger.living(one.side.other())...) {
			if h.key != one && !sharesAny(h.now().fields, a.ledger.contacts[one].now().fields) {
				continue
			}
			if slices.ContainsFunc(a.partners[h.key], func(p recordKey) bool { return !a.ledger.contacts[p].alive() }) {
				return true
			}
		}
	}
	return false
}
