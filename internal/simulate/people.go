package simulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// persona is somebody who may be entered on either side, or on both.
type persona struct {
	first, last, email, phone, company string
}

var (
	firstNames = strings.Fields("Ana Ben Cleo Dan Eva Finn Gia Hugo Ida Jon Kim Leo")
	lastNames  = strings.Fields("Bell Cruz Diaz Ekman Fox Gray Hart Ives Jung Kern Lund Moss")
	companies  = strings.Fields("Acme Borealis Cobalt Dune Ember Fjord")
	tagWords   = strings.Fields("beta vip churned trial press early")
	cities     = strings.Fields("Portland Boston Albany Concord")
	plans      = strings.Fields("free pro team")
)

func (w *world) someone(i int) persona {
	p := persona{
		first: firstNames[i%len(firstNames)], last: fmt.Sprintf("%s%d", lastNames[w.dice.IntN(len(lastNames))], i),
		company: companies[w.dice.IntN(len(companies))],
	}
	p.email = strings.ToLower(p.first+"."+p.last) + "@example.com"
	p.phone = w.freshPhone()
	if w.scenario.phoneOnly && w.chance(20) {
		p.email = ""
	}
	return p
}

func (w *world) freshPhone() string {
	w.typed++
	return fmt.Sprintf("+1415555%04d", 1000+w.typed)
}

// spoken is a phone number as people write it.
func (w *world) spoken(phone string) string {
	if len(phone) != 12 || w.chance(50) {
		return phone
	}
	return fmt.Sprintf("(%s) %s-%s", phone[2:5], phone[5:8], phone[8:])
}

// shouted is an email address in another case.
func (w *world) shouted(email string) string {
	if email == "" || w.chance(70) {
		return email
	}
	return strings.ToUpper(email[:1]) + email[1:]
}

// schedulePeople plans what people will do while they are at work.
func (w *world) schedulePeople(busy time.Duration) {
	for i := range 3 + w.dice.IntN(4) {
		w.cast = append(w.cast, w.someone(i))
		where := w.scenario.entered[w.dice.IntN(len(w.scenario.entered))]
		at := w.between(0, busy/2)
		w.after(at, func() { w.enter(w.cast[i], where) })
		if len(w.scenario.entered) > 1 && w.chance(30) {
			w.after(at+w.between(0, 4*time.Second), func() { w.enter(w.cast[i], where.other()) })
		}
	}
	edits := 10 + w.dice.IntN(16)
	if w.scenario.lasts > 0 {
		edits = 60 + w.dice.IntN(60)
	}
	for range edits {
		w.after(w.between(busy/10, busy-time.Second), w.somethingHappens)
	}
}

// scheduleTroubles decides how much goes wrong in this world, and when.
func (w *world) scheduleTroubles(busy time.Duration) {
	switch w.dice.IntN(4) {
	case 0: // a calm day
	case 1:
		w.faults = faults{unreachable: 5, lostOnTheWay: 5, answerLost: 10, answerSpoilt: 5, tooMany: 10, unavailable: 5, failing: 5}
	default:
		w.faults = faults{unreachable: 10, lostOnTheWay: 15, answerLost: 40, answerSpoilt: 15, tooMany: 20, unavailable: 10, failing: 15}
	}
	if w.chance(60) {
		w.hookFaults.lost, w.hookFaults.doubled, w.hookFaults.late = w.dice.IntN(25), w.dice.IntN(25), w.dice.IntN(40)
	}
	switch w.dice.IntN(4) {
	case 0:
	case 1, 2:
		w.crashes = crashPlan{at: 1 + w.dice.IntN(120), after: w.chance(50)}
	default:
		w.crashes = crashPlan{share: 5 + w.dice.IntN(25)}
	}
	if w.chance(40) {
		w.highLevel.SetFaults(twinhighlevel.Faults{SearchLagMs: 1000 + w.dice.IntN(15000)})
	}
	if w.chance(25) {
		w.outage(busy)
	}
	if w.chance(25) {
		w.revocation(busy)
	}
	for range w.dice.IntN(3) {
		w.after(w.between(0, busy), func() {
			if w.peopleGone {
				return
			}
			f := w.highLevel.Faults()
			f.Create422ButCommits++
			w.highLevel.SetFaults(f)
		})
	}
}

func (w *world) outage(busy time.Duration) {
	w.after(w.between(0, busy), func() {
		before := w.faults
		w.tell("the network goes down")
		w.faults = faults{unreachable: 700, lostOnTheWay: 100, answerLost: 100}
		w.after(w.between(10*time.Second, 90*time.Second), func() {
			if !w.peopleGone {
				w.faults = before
			}
		})
	})
}

// letGoOn is a person who sees after a while that an automation was paused, and lets it go on.
func (w *world) letGoOn(id automation.ID) {
	w.result.Brakes++
	w.underWay++
	w.after(w.between(time.Minute, 10*time.Minute), func() {
		w.underWay--
		w.tell("a person lets %s go on", id)
		_ = w.stored(w.store.SetState(w.ctx, id, automation.On, ""))
	})
}

func (w *world) revocation(busy time.Duration) {
	s := side(w.dice.IntN(2))
	w.after(w.between(0, busy), func() {
		if w.peopleGone {
			return
		}
		w.tell("%s refuses our credential", s)
		w.revoked[s] = true
		w.after(w.between(10*time.Second, 3*time.Minute), func() { delete(w.revoked, s) })
	})
}

func (w *world) enter(p persona, s side) {
	doc := map[string]any{"email": w.shouted(p.email), "phone": w.spoken(p.phone), "companyName": p.company}
	if p.email == "" {
		delete(doc, "email")
	} else if w.chance(25) {
		delete(doc, "phone")
	}
	if w.chance(30) {
		delete(doc, "companyName")
	}
	if w.chance(40) {
		doc["tags"] = []any{tagWords[w.dice.IntN(len(tagWords))]}
	}
	w.result.Edits++
	if w.scenario.further && p.email != "" && w.chance(50) {
		// HighLevel knows both of somebody's addresses, and Gleap whichever they wrote from.
		if other := furtherAddress(p.email); s == gleapSide {
			doc["email"] = w.shouted(other)
		} else {
			doc[further] = []any{other}
		}
	}
	if s == gleapSide {
		doc["name"] = p.first + " " + p.last
		doc["plan"] = plans[w.dice.IntN(len(plans))]
		if w.chance(25) {
			doc["plan"] = blockedPlan
		}
		w.observe(s, w.gleap.PersonCreatesContact(doc), nil)
		return
	}
	doc["firstName"], doc["lastName"] = p.first, p.last
	if w.chance(50) {
		doc["city"] = cities[w.dice.IntN(len(cities))]
	}
	if id := w.highLevel.PersonCreatesContact(doc); id != "" {
		w.observe(s, id, nil)
	}
}

// furtherAddress is the other address of somebody.
func furtherAddress(email string) string { return "private." + strings.ToLower(email) }

// somethingHappens is one thing a person does.
func (w *world) somethingHappens() {
	if w.peopleGone {
		return
	}
	var there []recordKey
	for _, s := range []side{gleapSide, highLevelSide} {
		for _, h := range w.ledger.living(s) {
			there = append(there, h.key)
		}
	}
	if len(there) == 0 {
		return
	}
	k := there[w.dice.IntN(len(there))]
	switch n := w.dice.IntN(100); {
	case n < 4, w.scenario.leave && n < 12:
		w.remove(k)
	case n < 20:
		// Both sides of one person within a few seconds.
		w.edit(k)
		if twin, ok := w.sameEmail(k); ok {
			w.after(w.between(0, 3*time.Second), func() { w.edit(twin) })
		}
	default:
		w.edit(k)
	}
}

func (w *world) sameEmail(k recordKey) (recordKey, bool) {
	email := strings.ToLower(w.ledger.contacts[k].now().fields["email"])
	for _, h := range w.ledger.living(k.side.other()) {
		if email != "" && strings.ToLower(h.now().fields["email"]) == email {
			return h.key, true
		}
	}
	return recordKey{}, false
}

// stirBefore and stirAfter are people who type just when it hurts: between our look and our write, and right after it.
func (w *world) stirBefore(c *call) {
	if w.hurried && !w.peopleGone && c.task != nil && w.chance(6) {
		w.edit(c.task.source)
	}
	if id := pathID(c.path); id != "" && !w.peopleGone && c.mutates() && w.chance(5) {
		w.edit(recordKey{c.side, id})
	}
}

func (w *world) stirAfter(c *call) {
	if w.peopleGone || !w.chance(6) {
		return
	}
	k := recordKey{c.side, pathID(c.path)}
	if k.id == "" {
		living := w.ledger.living(c.side)
		if len(living) == 0 {
			return
		}
		k = living[len(living)-1].key
	}
	w.after(time.Millisecond, func() { w.edit(k) })
}

func (w *world) remove(k recordKey) {
	w.result.Edits++
	var err error
	if k.side == gleapSide {
		err = w.gleap.PersonDeletesContact(k.id)
	} else {
		err = w.highLevel.PersonDeletesContact(k.id)
	}
	if err == nil {
		w.observe(k.side, k.id, nil)
	}
}

// edit is a person changing something about one contact. What is typed is never typed twice, so that it can be
// recognised wherever it turns up.
func (w *world) edit(k recordKey) {
	h := w.ledger.contacts[k]
	if w.peopleGone || h == nil || !h.alive() {
		return
	}
	now := h.now().fields
	w.typed++
	set := map[string]any{}
	switch n := w.dice.IntN(100); {
	case w.scenario.further && k.side == highLevelSide && n < 8 && now["email"] != "":
		set[further] = []any{}
		if now[further] == "" {
			set[further] = []any{furtherAddress(now["email"])}
		}
	case n < 30:
		w.rename(k.side, now, set)
	case n < 48:
		set["companyName"] = fmt.Sprintf("%s %d", companies[w.dice.IntN(len(companies))], w.typed)
		if w.scenario.tidies && w.chance(50) {
			set["companyName"] = fmt.Sprintf("%s  %d", companies[w.dice.IntN(len(companies))], w.typed)
		}
	case n < 66:
		w.retag(now, set)
	case n < 72:
		set["phone"] = w.spoken(w.freshPhone())
	case n < 77 && now["phone"] != "": // the same number, written otherwise
		set["phone"] = w.spoken(plainPhone(now["phone"]))
	case n < 81 && now["email"] != "": // the same address, written otherwise
		set["email"] = strings.ToUpper(now["email"][:1]) + now["email"][1:]
	case n < 84 && now["email"] != "":
		set["email"] = fmt.Sprintf("%s+%d@example.com", strings.ToLower(strings.Split(strings.Split(now["email"], "@")[0], "+")[0]), w.typed)
	case n < 88 && now["email"] != "" && now["phone"] != "":
		set["phone"] = ""
	case n < 91:
		set["companyName"] = ""
	case k.side == gleapSide && n < 96:
		set["plan"] = plans[w.dice.IntN(len(plans))]
	case k.side == gleapSide:
		set["seats"] = w.typed
	default:
		set["city"] = fmt.Sprintf("%s %d", cities[w.dice.IntN(len(cities))], w.typed)
	}
	w.result.Edits++
	var err error
	if k.side == gleapSide {
		err = w.gleap.PersonEditsContact(k.id, set)
	} else {
		err = w.highLevel.PersonEditsContact(k.id, set)
	}
	if err != nil {
		w.tell("%s would not take %v of a person: %v", k.side, set, err)
		return
	}
	w.observe(k.side, k.id, nil)
}

func (w *world) rename(s side, now fields, set map[string]any) {
	first, last := firstNames[w.dice.IntN(len(firstNames))], fmt.Sprintf("%s%d", lastNames[w.dice.IntN(len(lastNames))], w.typed)
	first = fmt.Sprintf("%s%d", first, w.typed)
	if s == gleapSide {
		if had, family := splitName(now["name"]); family != "" {
			if w.chance(50) {
				first = had
			}
		}
		set["name"] = first + " " + last
		return
	}
	set["lastName"] = last
	if w.chance(40) {
		set["firstName"] = first
	}
}

func (w *world) retag(now fields, set map[string]any) {
	tags := labels(now["tags"])
	word := tagWords[w.dice.IntN(len(tagWords))]
	if i := slices.Index(tags, word); i >= 0 {
		tags = slices.Delete(slices.Clone(tags), i, i+1)
	} else {
		tags = append(slices.Clone(tags), word)
	}
	list := make([]any, len(tags))
	for i, e := range tags {
		list[i] = e
	}
	set["tags"] = list
}

// hookFor posts the webhook that HighLevel would send for a change.
func (w *world) hookFor(k recordKey, changed []string) {
	if k.side != highLevelSide || w.access.away {
		return
	}
	kind := "ContactUpdate"
	switch changed[0] {
	case "created":
		kind = "ContactCreate"
	case "deleted":
		kind = "ContactDelete"
	case "tags":
		if len(changed) == 1 {
			kind = "ContactTagUpdate"
		}
	}
	body, err := json.Marshal(map[string]any{
		"type": kind, "locationId": w.highLevelReady.LocationID, "id": k.id, "webhookId": w.newID("hook"), "timestamp": w.clock.Format(time.RFC3339Nano),
	})
	if err == nil {
		w.posted(highLevelSide, body, nil)
	}
}
