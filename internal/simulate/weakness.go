package simulate

import (
	"slices"
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
		name: "edited before the read-back",
		why: "Where a write does not answer with the field it wrote, what a person types before it is read back is stored as " +
			"agreed, so that it is not carried to the other side.",
		hit: (*auditor).editedBeforeReadBack,
	},
	{
		name: "unacknowledged writes",
		why: "A write whose answer was lost is known by what the record holds afterwards. When a person edits that very field " +
			"before the next attempt, nobody can tell whether our write happened first, and the older of two edits may win.",
		hit: (*auditor).editedUnacknowledged,
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
