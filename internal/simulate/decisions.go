package simulate

import (
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
)

// decision is a person's answer to a question.
type decision struct {
	moment   int
	review   automation.Review // as it was asked
	decision automation.Decision
}

// answersMost is how often one question is answered anew: whoever is asked for ever has been given no answer that holds.
const answersMost = 5

// decide is a person who goes through the questions that are open and answers some of them; all of them, once everybody
// else has gone.
func (w *world) decide() {
	for _, r := range w.questions() {
		if r.State != automation.ReviewOpen || w.answered(r) >= answersMost || !w.peopleGone && w.chance(50) {
			continue
		}
		d := w.choose(r)
		if err := w.store.decide(w.ctx, r.ID, r.Run, d); w.stored(err) != nil {
			w.tell("deciding %s: %v", r.ID, err)
			continue
		}
		w.tell("a person decides about %s of %s: %s", r.Kind, keyOf(r.Source), d.Gist())
		w.decisions = append(w.decisions, decision{w.moment(), r, d})
	}
}

// answered is how often a question was answered.
func (w *world) answered(r automation.Review) (n int) {
	for _, d := range w.decisions {
		if d.review.ID == r.ID {
			n++
		}
	}
	return n
}

// unanswered reports that somebody still has to answer a question.
func (w *world) unanswered() bool {
	return w.scenario.decided && slices.ContainsFunc(w.questions(), func(r automation.Review) bool {
		return r.State == automation.ReviewOpen && w.answered(r) < answersMost
	})
}

func (w *world) choose(r automation.Review) automation.Decision {
	if r.Kind == automation.ReviewConflict {
		d := automation.Decision{Choices: map[string]automation.Choice{}}
		for _, f := range r.Plan.Asks() {
			take := automation.TakeSource
			if w.chance(50) {
				take = automation.TakeTarget
			}
			d.Choices[f.BaseKey()] = automation.Choice{Take: take, SeenSource: f.Offered, SeenTarget: f.Before}
		}
		return d
	}
	free := slices.DeleteFunc(slices.Clone(r.Plan.Identity.Candidates), func(c automation.Candidate) bool { return c.Taken })
	switch {
	case len(free) > 0 && w.chance(60):
		return automation.Decision{Counterpart: free[w.dice.IntN(len(free))].Ref}
	case w.chance(60):
		return automation.Decision{CreateNew: true}
	}
	return automation.Decision{Ignore: true}
}

// decidedWho reports that a person had a say in who a contact's counterpart is. Then it is not judged by addresses.
func (a *auditor) decidedWho(k recordKey) bool {
	return slices.ContainsFunc(a.decisions, func(d decision) bool {
		return d.review.Kind == automation.ReviewIdentity && (keyOf(d.review.Source) == k || slices.ContainsFunc(d.review.Plan.Identity.Candidates, func(c automation.Candidate) bool { return keyOf(c.Ref) == k }))
	})
}

// decisionsHeld: what a person decided is so, until people edit again or decide otherwise.
func (a *auditor) decisionsHeld() {
	for i, d := range a.decisions {
		if d.review.Kind == automation.ReviewConflict {
			a.choicesHeld(i, d)
			continue
		}
		a.identityHeld(i, d)
	}
}

// until is when somebody decided about the same key again.
func (a *auditor) until(i int) int {
	for _, later := range a.decisions[i+1:] {
		if later.review.Source == a.decisions[i].review.Source && later.review.Automation == a.decisions[i].review.Automation {
			return later.moment
		}
	}
	return a.ends
}

// identityHeld: nobody else is written to than who was chosen, and of those who were turned down nobody.
func (a *auditor) identityHeld(i int, d decision) {
	source, end := keyOf(d.review.Source), a.until(i)
	for _, c := range a.wrote {
		if c.task == nil || c.task.source != source || c.task.automation != string(d.review.Automation) || c.task.began < d.moment || c.moment > end || c.side == source.side {
			continue
		}
		to := recordKey{c.side, pathID(c.path)}
		switch chosen := keyOf(d.decision.Counterpart); {
		case to.id == "":
		case !d.decision.Counterpart.IsZero() && to != chosen && a.aliveAt(chosen, c.moment):
			a.find("decisions held", "%s is %s, as a person decided, and %s was written to", source, chosen, to)
		case d.decision.CreateNew && slices.ContainsFunc(d.review.Plan.Identity.Candidates, func(c automation.Candidate) bool { return keyOf(c.Ref) == to }):
			a.find("decisions held", "%s is none of those it was asked about, as a person decided, and %s was written to", source, to)
		}
	}
}

func (a *auditor) aliveAt(k recordKey, moment int) bool {
	h := a.ledger.contacts[k]
	if h == nil {
		return false
	}
	then, ok := h.held(moment)
	return ok && !then.gone
}

// choicesHeld: the value a person chose is on both sides where the row leads to both, and stays where it leads to one.
func (a *auditor) choicesHeld(i int, d decision) {
	source, target := a.ledger.contacts[keyOf(d.review.Source)], a.ledger.contacts[keyOf(d.review.Plan.Target)]
	if source == nil || target == nil || !source.alive() || !target.alive() || a.until(i) != a.ends || a.asked(source.key) || a.decidedWho(source.key) {
		return
	}
	v := a.views[slices.IndexFunc(a.views, func(v view) bool { return v.automation.ID == d.review.Automation && v.from == source.key.side })]
	for _, f := range d.review.Plan.Asks() {
		at := slices.IndexFunc(v.rows, func(r mapping.Row) bool { return r.ID == f.Row })
		choice := d.decision.Choices[f.BaseKey()]
		if at < 0 || f.Side != automation.TargetSide {
			continue
		}
		r := v.rows[at]
		one, before := source.held(d.moment)
		other, _ := target.held(d.moment)
		there, here := expected(r, one.fields), other.fields[r.Target]
		if !before || !alike(r.Target, there, choice.SeenSource.String()) || !alike(r.Target, here, choice.SeenTarget.String()) || a.editedSince(source, d.moment) || a.editedSince(target, d.moment) || a.stuck(v.rows, source, target) {
			continue // somebody has edited since it was asked, or since it was decided
		}
		want := there
		if choice.Take == automation.TakeTarget {
			want = here
		}
		if have := target.now().fields[r.Target]; !alike(r.Target, want, have) && !alike(r.Target, collapse(want), collapse(have)) {
			a.find("decisions held", "a person chose %q for %s of %s, and it is %q", want, r.Target, target.key, have)
		}
	}
}

func (a *auditor) editedSince(h *history, moment int) bool {
	return slices.ContainsFunc(h.versions, func(v version) bool { return v.byPerson() && v.moment > moment })
}

// chosenOver reports that a person chose the source's value of a row over the target's before a write.
func (a *auditor) chosenOver(source recordKey, r mapping.Row, moment int) bool {
	return slices.ContainsFunc(a.decisions, func(d decision) bool {
		return d.moment < moment && keyOf(d.review.Source) == source && slices.ContainsFunc(d.review.Plan.Asks(), func(f automation.FieldPlan) bool {
			return f.Row == r.ID && d.decision.Choices[f.BaseKey()].Take == automation.TakeSource
		})
	})
}
