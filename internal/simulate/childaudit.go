package simulate

import (
	"maps"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
)

// nursery audits one family: its children on the side it comes from are the ones that people make, those on the other side
// the ones made for them.
type nursery struct {
	*auditor
	family     *family
	definition automation.Definition
	forth      view
	// wrote are our writes to these children.
	wrote []*call
}

// children audits every family.
func (a *auditor) children() {
	for _, f := range a.families {
		i := slices.IndexFunc(a.all, func(au automation.Automation) bool { return string(au.ID) == f.automation })
		views := viewsOf(a.all[i : i+1])
		n := nursery{auditor: a, family: f, definition: a.all[i].Definition, forth: views[0]}
		for _, c := range a.childWrites {
			if c.task != nil && c.task.automation == f.automation {
				n.wrote = append(n.wrote, c)
			}
		}
		n.eachOnce()
		n.alike()
		n.onlyOurs()
		n.keptWhatWasTyped()
		n.deletedAsAsked()
		n.notEchoed()
		n.answered()
	}
}

// madeFor are the children that we made for one, in the order they were made.
func (n *nursery) madeFor(k recordKey) []*history {
	var out []*history
	for _, other := range n.family.ledger.order {
		h := n.family.ledger.contacts[other]
		if c := h.born().call; c != nil && c.task != nil && c.task.source == k {
			out = append(out, h)
		}
	}
	return out
}

// counterpartOf is the last that was made for a child, if any.
func (n *nursery) counterpartOf(k recordKey) *history {
	made := n.madeFor(k)
	if len(made) == 0 {
		return nil
	}
	return made[len(made)-1]
}

// contactOf is the contact that a child which people made is about; nil where it is about nobody.
func (n *nursery) contactOf(h *history) *history {
	under := h.now().fields[parentField]
	for _, f := range n.families {
		if ticket := f.ledger.contacts[recordKey{n.family.from, under}]; ticket != nil && f != n.family {
			under = ticket.now().fields[parentField]
		}
	}
	return n.ledger.contacts[recordKey{n.family.from, under}]
}

// withParent reports that a child went along with what it lived under, which deletes nothing: the two were gone at one look.
// What outlived its parent, as Gleap's tickets do their contact, and was deleted later was deleted by itself.
func (n *nursery) withParent(h *history) bool {
	if h.alive() {
		return false
	}
	parent := recordKey{h.key.side, h.now().fields[parentField]}
	gone := func(l *ledger) bool {
		p := l.contacts[parent]
		// A look at a contact is numbered right before the look at the children of its side.
		return p != nil && !p.alive() && (p.now().moment == h.now().moment || p.now().moment+1 == h.now().moment)
	}
	return gone(n.ledger) || slices.ContainsFunc(n.families, func(f *family) bool { return gone(&f.ledger) })
}

// parentGone reports that what a child lived under is gone by now.
func (n *nursery) parentGone(h *history) bool {
	parent := recordKey{h.key.side, h.now().fields[parentField]}
	gone := func(l *ledger) bool { return l.contacts[parent] != nil && !l.contacts[parent].alive() }
	return gone(n.ledger) || slices.ContainsFunc(n.families, func(f *family) bool { return gone(&f.ledger) })
}

// eachOnce: every child of a contact with a counterpart has one, under that counterpart, and never had two.
func (n *nursery) eachOnce() {
	for _, source := range n.family.ledger.living(n.family.from) {
		made := n.madeFor(source.key)
		for i := 1; i < len(made); i++ {
			if before := made[i-1]; !n.outOfSight(before, made[i]) {
				n.find("children once", "%s was made for %s, although %s was", made[i].key, source.key, before.key)
			}
		}
		contact := n.contactOf(source)
		if contact == nil {
			if len(made) > 0 && source.born().fields[parentField] == "" {
				n.find("children once", "%s was made for %s, which is nobody's", made[0].key, source.key)
			}
			continue
		}
		if len(made) == 0 {
			if !n.outOfReach(source) {
				n.find("children once", "%s of %s was never made", source.key, contact.key)
			}
			continue
		}
		for _, h := range made {
			parent := n.ledger.contacts[recordKey{n.family.from.other(), h.born().fields[parentField]}]
			if !n.linked(contact, parent) {
				n.find("children once", "%s was made for %s under %s, who is not %s", h.key, source.key, h.born().fields[parentField], contact.key)
			}
		}
	}
}

// linked reports that two contacts are one person: we wrote one for the other, or they have an address in common.
func (n *nursery) linked(contact, with *history) bool {
	return slices.Contains(n.partners[contact.key], with.key) || slices.Contains(n.partners[with.key], contact.key) || shared(contact, with)
}

// outOfSight reports that nothing told of what a create had made when another was made: nobody had answered, and a person
// had changed or deleted it meanwhile; or it had gone along with its contact, and the next was made for another one.
func (n *nursery) outOfSight(before, again *history) bool {
	then, _ := before.held(again.born().moment)
	unanswered := !before.born().call.settled && then.byPerson()
	return unanswered || !before.alive() && n.withParent(before) && before.now().moment < again.born().moment
}

// alike: what an automation maps is the same on both sides of a pair.
func (n *nursery) alike() {
	for _, source := range n.family.ledger.living(n.family.from) {
		target := n.counterpartOf(source.key)
		if target == nil || !target.alive() || !n.met(source, target) && n.outOfReach(source) {
			continue
		}
		for _, row := range n.forth.rows {
			if row.Target == "dueDate" && n.family.from == gleapSide {
				continue // given once, and that ledger knows no days
			}
			want, have := mapsTo(row, source.now().fields), target.now().fields[row.Target]
			if want == have || want == "" {
				continue
			}
			if row.Direction != mapping.Both && lastTouch(target, row.Target) > lastChange(source, func(v version) string { return mapsTo(row, v.fields) }) {
				continue // people note there what they did
			}
			if row.Direction != mapping.Both && n.sawOnly(source, row, lastTouch(target, row.Target), want) {
				continue // it was otherwise for a while and is again what it was, and nobody saw it: nothing moved
			}
			n.find("children converged", "%s of %s is %q, and %s says %q", row.Target, target.key, have, source.key, want)
		}
	}
}

// sawOnly reports that a row made nothing else of a child whenever we looked, from the last time before a person touched the
// other side.
func (n *nursery) sawOnly(source *history, row mapping.Row, touched int, value string) bool {
	before, after := false, true
	for _, o := range n.outcomes {
		if o.task.source != source.key || o.task.automation != n.family.automation || !o.succeeded {
			continue
		}
		seen := slices.ContainsFunc([]int{o.task.began, o.moment}, func(moment int) bool {
			then, there := source.held(moment)
			return there && mapsTo(row, then.fields) == value
		})
		if o.moment < touched {
			before = seen
		} else {
			after = after && seen
		}
	}
	return before && after
}

// mapsTo is what a row of a family's recipe makes of a child that people made.
func mapsTo(row mapping.Row, source fields) string {
	status, ofAppointment := source["appointmentStatus"]
	switch {
	case ofAppointment && row.Target == "type":
		return "INQUIRY"
	case ofAppointment && row.Target == "status":
		if slices.Contains([]string{"showed", "completed", "cancelled", "invalid"}, status) {
			return "DONE"
		}
		return "OPEN"
	case ofAppointment && row.Target == "priority":
		if status == "noshow" {
			return "HIGH"
		}
		return "MEDIUM"
	case ofAppointment && row.Target == "description":
		return strings.Trim(source["address"]+"\n"+source["notes"], "\n")
	}
	switch row.Target {
	case "completed":
		if source["status"] == "DONE" {
			return "true"
		}
		return "false"
	case "body":
		return source["body"]
	}
	return source[row.Sources[0]]
}

// filled are the fields we may write on a side.
func (n *nursery) filled(s side) []string {
	var out []string
	for _, row := range n.forth.rows {
		if s != n.family.from {
			out = append(out, row.Target)
		} else if row.Direction == mapping.Both {
			out = append(out, row.Sources...)
		}
	}
	switch d := n.definition.Deletes; {
	case d.Policy == automation.DeleteMark && s == n.family.from:
		out = append(out, d.SourceField)
	case d.Policy == automation.DeleteMark:
		out = append(out, d.Field)
	}
	return out
}

// onlyOurs: we change what is mapped and nothing else, of nobody's children but those that are a pair.
func (n *nursery) onlyOurs() {
	for _, k := range n.family.ledger.order {
		h := n.family.ledger.contacts[k]
		for i, v := range h.versions {
			if v.byPerson() || v.gone {
				continue
			}
			if k.side != n.family.from && h.born().byPerson() {
				n.find("children only mapped", "%s was written to, and is %s's own", k, k.side)
				break
			}
			if k.side == n.family.from && i == 0 {
				n.find("children only mapped", "%s was made by us, where people make them", k)
			}
			if i == 0 {
				continue
			}
			for _, field := range slices.Sorted(maps.Keys(v.fields)) {
				if v.fields[field] != h.versions[i-1].fields[field] && !slices.Contains(n.filled(k.side), field) {
					n.find("children only mapped", "%s of %s became %q by us, and nothing maps it", field, k, v.fields[field])
				}
			}
		}
	}
}

// keptWhatWasTyped: what a person typed is overwritten only by what another person typed, and the journal has it.
func (n *nursery) keptWhatWasTyped() {
	for _, k := range n.family.ledger.order {
		h := n.family.ledger.contacts[k]
		for i := 1; i < len(h.versions); i++ {
			now, before := h.versions[i], h.versions[i-1]
			if now.byPerson() || now.gone || now.call.task == nil {
				continue
			}
			for _, field := range slices.Sorted(maps.Keys(now.fields)) {
				was := before.fields[field]
				at := typedAt(h, i-1, field)
				if was == "" || was == now.fields[field] || at < 0 || h.versions[at].moment >= now.call.task.began {
					continue // nobody's, or typed between our look and our write
				}
				if field != "completed" && !n.journalHas(k, field, was) {
					n.find("children lost", "%s of %s was %q, typed by a person; we wrote %q, and the journal does not know", field, k, was, now.fields[field])
				}
				if field == "title" || field == "body" || field == "description" {
					n.typedSince(h, now, field, h.versions[at])
				}
			}
		}
	}
}

// typedSince finds a text that was written over a newer one although no person had typed it anywhere since the two sides
// had last agreed. Nobody types a text twice, so it can be followed.
func (n *nursery) typedSince(h *history, now version, field string, typed version) {
	mark := n.definition.Deletes
	if mark.Policy == automation.DeleteMark && now.fields[field] == mark.Value {
		return
	}
	for _, v := range h.versions {
		// It was here before the person typed, and we had heard so: carrying it here again is an echo.
		if v.moment < typed.moment && v.fields[field] == now.fields[field] && (v.byPerson() || v.call.settled) {
			n.find("children lost", "%s of %s was %q, typed by a person, and was overwritten by %q, which was there before", field, h.key, typed.fields[field], now.fields[field])
			return
		}
	}
}

// deletedAsAsked: we delete what the policy says where a person deleted its counterpart, and nothing else ever.
func (n *nursery) deletedAsAsked() {
	policy := n.definition.Deletes.Policy
	for _, k := range n.family.ledger.order {
		h := n.family.ledger.contacts[k]
		end := h.now()
		if !end.gone {
			continue
		}
		pair := n.pairOf(h)
		if !end.byPerson() {
			if n.withParent(h) {
				continue // which is judged where that is
			}
			asked := pair != nil && !pair.alive() && pair.now().byPerson() && pair.now().moment < end.moment
			if policy != automation.DeleteDelete {
				n.find("children deleted", "%s was deleted by us", k)
			} else if !asked {
				n.find("children deleted", "%s was deleted by us, and nobody had deleted its counterpart", k)
			} else if n.withParent(pair) {
				n.find("children deleted", "%s was deleted by us, and its counterpart had gone along with what it lived under", k)
			}
			continue
		}
		if pair == nil || !pair.alive() || n.withParent(h) || n.parentGone(h) {
			continue // of what is gone from under a record that is gone nobody can tell which went first
		}
		switch {
		case policy == automation.DeleteDelete && !n.outOfReach(pair) && n.met(h, pair):
			n.find("children deleted", "a person deleted %s, and %s is still there", k, pair.key)
		case policy == automation.DeleteMark && n.met(h, pair) && !n.outOfReach(pair):
			field := n.definition.Deletes.Field
			if pair.key.side == n.family.from {
				field = n.definition.Deletes.SourceField
			}
			if field != "" && !slices.ContainsFunc(pair.versions, func(v version) bool { return strings.HasPrefix(v.fields[field], n.definition.Deletes.Value) }) {
				n.find("children deleted", "a person deleted %s, and %s does not say so", k, pair.key)
			}
		case policy != automation.DeleteMark:
			for _, v := range pair.versions {
				// What was under way when it was deleted still arrives.
				if v.call != nil && v.call.task != nil && v.call.task.began > end.moment && n.met(h, pair) && pair.born().moment < end.moment {
					n.find("children deleted", "a person deleted %s, and we still wrote to %s", k, pair.key)
					break
				}
			}
		}
	}
}

// pairOf is the child of the other side that one was made for, or that was made for it.
func (n *nursery) pairOf(h *history) *history {
	if h.key.side == n.family.from {
		return n.counterpartOf(h.key)
	}
	if c := h.born().call; c != nil && c.task != nil {
		return n.family.ledger.contacts[c.task.source]
	}
	return nil
}

// met reports that we knew of a pair: what was made was answered for, at the latest by the next look at it.
func (n *nursery) met(one, other *history) bool {
	made := other
	if one.key.side != n.family.from {
		made = one
	}
	return made.born().call.settled
}

// outOfReach reports that a child has no place on the other side: its contact is gone, or has no counterpart there, or a
// person is asked who that is.
func (n *nursery) outOfReach(h *history) bool {
	source := h
	if h.key.side != n.family.from {
		source = n.pairOf(h)
	}
	contact := n.contactOf(source)
	if contact == nil || !contact.alive() {
		return true
	}
	with, _ := n.counterpart(contact.key)
	return with == nil || n.askedWho(contact.key) || n.askedWho(with.key)
}

// notEchoed: there are no more writes to a child than there were reasons to write.
func (n *nursery) notEchoed() {
	writes, lost := map[recordKey]int{}, 0
	for _, c := range n.wrote {
		if !c.answered {
			lost++
		}
		for _, k := range n.family.ledger.order {
			if k.side == c.side && strings.Contains(c.path+"/", "/"+ownID(k)+"/") {
				writes[k]++
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(writes), compareKeys) {
		reasons := 1 + n.crashes + lost
		for _, h := range []*history{n.family.ledger.contacts[k], n.pairOf(n.family.ledger.contacts[k])} {
			for i := range lenOf(h) {
				if h.versions[i].byPerson() {
					reasons++
				}
			}
		}
		if writes[k] > reasons {
			n.find("children echoed", "%s was written to %d times, and there were %d reasons", k, writes[k], reasons)
		}
	}
}

func lenOf(h *history) int {
	if h == nil {
		return 0
	}
	return len(h.versions)
}

// answered: no write to a living child is left without an answer.
func (n *nursery) answered() {
	for _, c := range n.changes {
		h := n.family.ledger.contacts[keyOf(c.Source)]
		if string(c.Automation) == n.family.automation && h != nil && h.alive() && (c.State == automation.Intended || c.State == automation.Unclear) {
			if !n.outOfReach(h) {
				n.find("children answered", "the change %s of %s is still %s", c.ID, keyOf(c.Source), c.State)
			}
		}
	}
}
