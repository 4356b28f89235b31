package simulate

import (
	"slices"

	"crosswalk/internal/automation"
)

// deletes is what becomes of the counterparts of deleted contacts in this world, and counts whether it does where a
// contact of one side was deleted: what nothing leads back from is a copy, and takes nothing along.
func (a *auditor) deletes() (d automation.Deletes, counts func(side) bool) {
	for _, v := range a.views {
		if d := v.automation.Definition; d.Deletes.Policy != automation.DeleteNothing {
			return d.Deletes, func(s side) bool {
				return s == sideOf(d.Source) || a.twoWay() || d.Deletes.Policy != automation.DeleteDelete
			}
		}
	}
	return automation.Deletes{}, nil
}

// deletedByUs judges a contact that we deleted: only the policy may ask for that, and only after a person had deleted the
// one it goes with.
func (a *auditor) deletedByUs(h *history) {
	if d, counts := a.deletes(); d.Policy == automation.DeleteDelete && slices.ContainsFunc(a.partners[h.key], func(k recordKey) bool {
		with := a.ledger.contacts[k].now()
		return counts(k.side) && with.gone && with.byPerson() && with.moment < h.now().moment
	}) {
		return
	}
	a.find("nothing lost", "%s was deleted by us, and nobody had asked for it", h.key)
}

// deletesFollowed: what a person deleted is deleted, or marked, on the other side where the policy says so.
func (a *auditor) deletesFollowed() {
	d, counts := a.deletes()
	if d.Policy != automation.DeleteDelete && d.Policy != automation.DeleteMark {
		return
	}
	for _, k := range a.ledger.order {
		h := a.ledger.contacts[k]
		if h.alive() || !h.now().byPerson() || !counts(k.side) {
			continue
		}
		for _, p := range a.partners[k] {
			with := a.ledger.contacts[p]
			if !with.alive() || with.now().moment < h.now().moment && a.askedWho(p) || !a.onlyPair(h, with) {
				continue
			}
			if d.Policy == automation.DeleteDelete {
				a.find("deletes followed", "a person deleted %s, and %s is still there", k, p)
			} else if !everHad(with, d.Value) {
				a.find("deletes followed", "a person deleted %s, and %s does not say so", k, p)
			}
		}
	}
}

// onlyPair reports that two contacts were each other's counterpart for certain, and nobody else's: one that shares an
// address with a third may go on with that one, or be a matter of doubt, and then nothing is deleted.
func (a *auditor) onlyPair(one, other *history) bool {
	knew := func(h *history) bool {
		return slices.ContainsFunc(h.versions, func(v version) bool { return v.call != nil && v.call.settled })
	}
	if len(a.partners[one.key]) != 1 || len(a.partners[other.key]) != 1 || !knew(one) && !knew(other) {
		return false
	}
	return !slices.ContainsFunc(a.ledger.order, func(k recordKey) bool {
		return k != one.key && k != other.key && (shared(a.ledger.contacts[k], one) || shared(a.ledger.contacts[k], other))
	})
}
