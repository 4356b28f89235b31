package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// scenario is what is switched on in a world, and what its people are like.
type scenario struct {
	name  string
	parts []part
	// share is how often a seed picks it, against the others.
	share int
	// drafts are automations that are never switched on.
	drafts []part
	// people says where people are entered first; some are then entered on the other side, too.
	entered []side
	// phoneOnly lets some people have no email address.
	phoneOnly bool
	// further lets people have two email addresses, both of which HighLevel knows.
	further bool
	// tidies lets HighLevel store no two spaces in a row, and people type them.
	tidies bool
	// decided lets somebody answer what people are asked.
	decided bool
	// leave lets people delete more contacts than elsewhere.
	leave bool
	// asks is what people ask for about everyone.
	asks asks
	// lasts is how long people are at work, in a world in which the access to HighLevel runs out; zero is some minutes.
	lasts time.Duration
}

// part is one automation: a recipe and what differs from it.
type part struct {
	recipe string
	change func(*automation.Definition)
}

// Day is the scenario of 24 hours in which tokens run out, renewals are lost, a location is inactive for a while, and an
// access is taken away until a person connects again.
const Day = "a day"

// Booked is the scenario of appointments in HighLevel, of which tickets are made in Gleap.
const Booked = "appointments"

// Braked is the scenario of an automation that may write little in an hour, is paused when it reaches that limit, and goes
// on when a person lets it.
const Braked = "two-way, braked"

// Copied is the scenario of an automation that leads one way and deletes the copy of what was deleted, and nothing else.
const Copied = "one way, deleting"

// Edited is the scenario of an automation that is edited while it is on, tried over everyone, and put live or not; and of
// another that is a draft, of which people ask what it would do.
const Edited = "two-way, edited"

// The scenarios of people with two email addresses.
const (
	Further       = "two-way, further addresses"
	FurtherOneWay = "one way, further addresses"
)

// brakedAt is how many writes an hour that automation may make.
const brakedAt = 8

const (
	toHighLevel = "gleap-contact-to-highlevel"
	toGleap     = "highlevel-contact-to-gleap"
)

// blockedPlan is the plan that the rule of a scenario lets pass by.
const blockedPlan = "internal"

func onlyCustomers(d *automation.Definition) {
	d.Rule = rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{{Field: "plan", Operator: "not_equals", Value: blockedPlan}}}}
}

func owned(o mapping.Owner) func(*automation.Definition) {
	return func(d *automation.Definition) {
		d.Mapping.Rows = slices.Clone(d.Mapping.Rows)
		for i := range d.Mapping.Rows {
			d.Mapping.Rows[i].Owner = o
		}
	}
}

// phoneToo lets Gleap's contacts be matched by phone as well.
func phoneToo(d *automation.Definition) {
	d.Match = append(slices.Clone(d.Match), automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
}

// twoWay makes HighLevel's recipe lead both ways, with the name taken apart on the way back.
func twoWay(d *automation.Definition) {
	phoneToo(d)
	d.Mapping.Rows = slices.Clone(d.Mapping.Rows)
	for i := range d.Mapping.Rows {
		d.Mapping.Rows[i].Direction = mapping.Both
	}
	d.CreateSource = true
}

// braked allows few writes.
func braked(d *automation.Definition) {
	twoWay(d)
	d.Limits.ChangesPerHour = brakedAt
}

// deletedElsewhere is what marks the counterpart of a record that was deleted.
const deletedElsewhere = "deleted elsewhere"

func unlinks(d *automation.Definition) {
	d.Deletes = automation.Deletes{Policy: automation.DeleteUnlink}
}

func deletes(d *automation.Definition) {
	d.Deletes = automation.Deletes{Policy: automation.DeleteDelete}
}

func marks(source, target string) func(*automation.Definition) {
	return func(d *automation.Definition) {
		d.Deletes = automation.Deletes{Policy: automation.DeleteMark, SourceField: source, Field: target, Value: deletedElsewhere}
	}
}

func both(one, other func(*automation.Definition)) func(*automation.Definition) {
	return func(d *automation.Definition) {
		one(d)
		other(d)
	}
}

// clearing empties what was emptied on the other side.
func clearing(d *automation.Definition) {
	twoWay(d)
	for i := range d.Mapping.Rows {
		d.Mapping.Rows[i].ClearWhenEmpty = true
	}
}

var scenarios = []scenario{
	{name: "one way", share: 3, parts: []part{{toHighLevel, nil}}, entered: []side{gleapSide, highLevelSide}, phoneOnly: true},
	{name: "one way, asking", share: 2, parts: []part{{toHighLevel, owned(mapping.OwnerAsk)}}, entered: []side{gleapSide, gleapSide, highLevelSide}, tidies: true},
	{name: "one way, target owns", share: 1, parts: []part{{toHighLevel, owned(mapping.OwnerTarget)}}, entered: []side{gleapSide, highLevelSide}, tidies: true},
	{name: "one way, only customers", share: 2, parts: []part{{toHighLevel, onlyCustomers}}, entered: []side{gleapSide}, phoneOnly: true},
	{name: "one way back", share: 2, parts: []part{{toGleap, phoneToo}}, entered: []side{gleapSide, highLevelSide}},
	{name: "facing", share: 3, parts: []part{{toHighLevel, nil}, {toGleap, phoneToo}}, entered: []side{gleapSide, highLevelSide}},
	{name: "two-way", share: 5, parts: []part{{toGleap, twoWay}}, entered: []side{gleapSide, highLevelSide}},
	{name: "two-way, clearing", share: 3, parts: []part{{toGleap, clearing}}, entered: []side{gleapSide, highLevelSide}},
	{name: "two-way, tidying", share: 2, parts: []part{{toGleap, twoWay}}, entered: []side{gleapSide, highLevelSide}, tidies: true},
	{name: "two-way, twice", share: 2, parts: []part{{toGleap, twoWay}, {toGleap, twoWay}}, entered: []side{gleapSide, highLevelSide}},
	{name: "a ring", share: 2, parts: []part{{toGleap, twoWay}, {toHighLevel, nil}, {toGleap, phoneToo}}, entered: []side{gleapSide, highLevelSide}},
	{name: "children", share: 3, parts: []part{{toGleap, twoWay}, {ticketsToTasks, nil}, {notesToNotes, nil}}, entered: []side{gleapSide, highLevelSide}},
	{name: "children, unlinking", share: 1, parts: []part{{toGleap, twoWay}, {ticketsToTasks, unlinks}, {notesToNotes, unlinks}}, entered: []side{gleapSide, highLevelSide}},
	{name: "children, marking", share: 1, parts: []part{{toGleap, twoWay}, {ticketsToTasks, marks("title", "title")}, {notesToNotes, marks("body", "body")}}, entered: []side{gleapSide, highLevelSide}},
	{name: "children, deleting", share: 1, parts: []part{{toGleap, twoWay}, {ticketsToTasks, deletes}, {notesToNotes, deletes}}, entered: []side{gleapSide, highLevelSide}},
	{name: "two-way, unlinking", share: 1, parts: []part{{toGleap, both(twoWay, unlinks)}}, entered: []side{gleapSide, highLevelSide}, leave: true},
	{name: "two-way, marking", share: 1, parts: []part{{toGleap, both(twoWay, marks("tags", "tags"))}}, entered: []side{gleapSide, highLevelSide}, leave: true},
	{name: "two-way, deleting", share: 1, parts: []part{{toGleap, both(twoWay, deletes)}}, entered: []side{gleapSide, highLevelSide}, leave: true},
	{name: "one way, decided", share: 1, parts: []part{{toHighLevel, owned(mapping.OwnerAsk)}}, entered: []side{gleapSide, gleapSide, highLevelSide}, phoneOnly: true, decided: true},
	{name: "two-way, decided", share: 1, parts: []part{{toGleap, both(twoWay, owned(mapping.OwnerAsk))}}, entered: []side{gleapSide, highLevelSide}, decided: true},
	// Played by a test of its own.
	{name: Booked, parts: []part{{toGleap, twoWay}, {appointmentsToTickets, nil}}, entered: []side{gleapSide, highLevelSide}},
	// Played only when they are asked for, so that every seed stays in the world it was found in.
	{name: Copied, parts: []part{{toHighLevel, deletes}}, entered: []side{gleapSide, gleapSide, highLevelSide}, leave: true},
	{name: "everyone", share: 2, parts: []part{{toGleap, twoWay}}, entered: []side{gleapSide, highLevelSide}, asks: asks{shows: true, undos: true}},
	{name: "everyone, one way", share: 1, parts: []part{{toHighLevel, nil}}, entered: []side{gleapSide, gleapSide, highLevelSide}, asks: asks{shows: true, undos: true}},
	{name: "everyone, deleting", share: 1, parts: []part{{toGleap, both(twoWay, deletes)}}, entered: []side{gleapSide, highLevelSide}, leave: true, asks: asks{shows: true}},
	{name: "backfill", share: 2, parts: []part{{toGleap, twoWay}}, entered: []side{gleapSide, highLevelSide}, asks: asks{fill: true, undos: true}},
	{name: "backfill, one way", share: 1, parts: []part{{toHighLevel, nil}}, entered: []side{gleapSide, gleapSide, highLevelSide}, asks: asks{fill: true, shows: true}},
	// Played by tests of their own.
	{name: Edited, parts: []part{{toGleap, twoWay}}, drafts: []part{{toHighLevel, nil}}, entered: []side{gleapSide, highLevelSide}, asks: asks{edits: true}},
	{name: Further, parts: []part{{toGleap, twoWay}}, entered: []side{gleapSide, highLevelSide}, further: true},
	{name: FurtherOneWay, parts: []part{{toHighLevel, nil}}, entered: []side{gleapSide, gleapSide, highLevelSide}, further: true},
	// Played only when it is asked for: it is long.
	{name: Braked, parts: []part{{toGleap, braked}}, entered: []side{gleapSide, highLevelSide}},
	// A long one takes seconds, so it is only played when it is asked for.
	{name: Day, parts: []part{{toGleap, twoWay}}, entered: []side{gleapSide, highLevelSide}, lasts: 24 * time.Hour},
}

// pick chooses a scenario by name, or by dice.
func pick(name string, dice *rand.Rand) (scenario, error) {
	total := 0
	for _, s := range scenarios {
		total += s.share
	}
	n := dice.IntN(total)
	for _, s := range scenarios {
		if name == s.name {
			return s, nil
		}
		if n -= s.share; name == "" && n < 0 {
			return s, nil
		}
	}
	return scenario{}, fmt.Errorf("there is no scenario %q", name)
}

// automations are the scenario's parts as automations that are on, and its drafts.
func (s scenario) automations() []automation.Automation {
	out := make([]automation.Automation, 0, len(s.parts)+len(s.drafts))
	for i, p := range slices.Concat(s.parts, s.drafts) {
		r, ok := recipe.Find(p.recipe)
		if !ok {
			panic("simulate: there is no recipe " + p.recipe) // a mistake in the table above
		}
		d := r.Definition
		for _, end := range []*automation.Endpoint{&d.Source, &d.Target} {
			end.Connection = highLevelConnection
			if end.Provider == gleap.ID {
				end.Connection = gleapConnection
			}
		}
		if p.change != nil {
			p.change(&d)
		}
		state := automation.On
		if i >= len(s.parts) {
			state = automation.Draft
		}
		out = append(out, automation.Automation{
			ID: automation.ID(fmt.Sprintf("au_%d", i+1)), Name: r.Name, Recipe: r.ID, State: state, Version: 1, Definition: d,
			CreatedAt: beginning, UpdatedAt: beginning,
		})
	}
	return out
}

// watched is whose changes matter.
func (s scenario) watched() []polled {
	var out []polled
	for _, a := range s.automations()[:len(s.parts)] {
		for _, end := range []automation.Endpoint{a.Definition.Source, a.Definition.Target} {
			_, watches := a.Definition.Watches(end.Connection, end.Object)
			if end.Provider == highlevel.ID && end.Object == record.Note {
				continue // listed by their contact only
			}
			if watched := (polled{sideOf(end), end.Object}); watches && !slices.Contains(out, watched) {
				out = append(out, watched)
			}
		}
	}
	return out
}

func sideOf(e automation.Endpoint) side {
	if e.Provider == gleap.ID {
		return gleapSide
	}
	return highLevelSide
}
