package engine

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// Answer says why a record did, or did not, sync: a sentence, and a reason for each automation that has to do with it.
type Answer struct {
	Sentence string   `json:"sentence"`
	Code     string   `json:"code"`
	Run      string   `json:"run,omitempty"` // the run that shows it
	Reasons  []Reason `json:"reasons"`       // the most telling first
}

// Reason is what one automation has to say about a record.
type Reason struct {
	Automation automation.ID      `json:"automation"`
	Name       string             `json:"name"`
	Outcome    automation.Outcome `json:"outcome,omitempty"`
	Code       string             `json:"code"`
	Sentence   string             `json:"sentence"`
	Run        string             `json:"run,omitempty"`
	Review     string             `json:"review,omitempty"` // the question that is open
	At         time.Time          `json:"at,omitzero"`

	weight weight
}

// weight orders reasons: what a person can do something about comes first, what never had to do with it last.
type weight int

const (
	weighsNothing weight = iota
	weighsOff
	weighsSilence
	weighsVerdict
	weighsDue
	weighsPaused
	weighsProblem
	weighsQuestion
)

// Codes of reasons that no run has.
const (
	WhyUnwatched = "unwatched" // no automation minds such records
	WhyOff       = "off"
	WhyPaused    = "paused"
	WhyDue       = "due"
	WhyWorking   = "working"
	WhyTrigger   = "trigger" // it minds such records, and not this kind of change
	WhyOneWay    = "one_way" // changes on this side are not carried
	WhyHeld      = "held"    // it minds this, and has not come to it
	WhyLater     = "later"   // the automation was made after it
	WhySilence   = "nothing_arrived"
	WhyUnrouted  = "unrouted" // nobody has looked at it yet
)

// Why answers from a record's story. It is pure: the same story gives the same answer.
func Why(s Story) Answer {
	var reasons []Reason
	told := map[automation.ID]bool{}
	for _, a := range s.Automations {
		told[a.ID] = true
		if r, ok := s.reason(a); ok {
			reasons = append(reasons, r)
		}
	}
	for _, run := range s.Latest {
		if told[run.Automation] {
			continue
		}
		r := reasonOf(run)
		r.Name, r.weight = removedName, weighsOff
		r.Sentence += " The automation has been removed since."
		reasons = append(reasons, r)
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), b.At.Compare(a.At))
	})
	if len(reasons) == 0 {
		return Answer{Code: WhyUnwatched, Sentence: "No automation watches this: none names the " + thing(s.Record.Type) + "s of this account."}
	}
	first := reasons[0]
	return Answer{Sentence: named(first), Code: first.Code, Run: first.Run, Reasons: reasons}
}

const removedName = "removed automation"

func named(r Reason) string { return "“" + r.Name + "”: " + r.Sentence }

func thing(t record.ObjectType) string { return strings.ReplaceAll(string(t), "_", " ") }

// reason is what one automation has to say; !ok: it has nothing to do with the record.
func (s Story) reason(a automation.Automation) (Reason, bool) {
	r := Reason{Automation: a.ID, Name: a.Name}
	if i := slices.IndexFunc(s.Latest, func(run automation.Run) bool { return run.Automation == a.ID }); i >= 0 {
		r = reasonOf(s.Latest[i])
		r.Automation, r.Name = a.ID, a.Name
	} else if !s.names(a) {
		return r, false
	}
	var due *DueWork
	for _, e := range s.Entries {
		switch {
		case e.Due != nil && e.Due.Key.Automation == a.ID && due == nil:
			due = e.Due
		case e.Review != nil && e.Review.Automation == a.ID && r.Review == "":
			asks(&r, *e.Review)
		}
	}
	switch {
	case r.Review != "":
	case a.State == automation.Draft:
		r.Code, r.weight = WhyOff, weighsOff
		r.Sentence = spaced("It is switched off, so nothing is looked at.", lastTime(r))
	case a.State == automation.Paused:
		r.Code, r.weight = WhyPaused, weighsPaused
		why := "It is paused; what changes is held until it goes on."
		if a.PausedWhy != "" {
			why = "It is paused (" + strings.TrimSuffix(a.PausedWhy, ".") + "); what changes is held until it goes on."
		}
		r.Sentence = spaced(why, lastTime(r))
	case due != nil && due.State != "waiting":
		r.Code, r.weight = WhyDue, weighsDue
		words := "It is about to be looked at."
		if due.State == "running" {
			r.Code, words = WhyWorking, "It is being worked on just now."
		}
		r.Sentence = spaced(words, lastTime(r))
	case r.Run != "":
	default:
		s.silence(&r, a)
	}
	return r, true
}

// lastTime adds what its last run said to a reason that says more.
func lastTime(r Reason) string {
	if r.Run == "" {
		return ""
	}
	return "When it last looked: " + lower(r.Sentence)
}

func lower(sentence string) string {
	if first, rest, ok := strings.Cut(sentence, " "); ok && (first == "It" || first == "Its" || first == "Nothing" || first == "Both" || first == "The") {
		return strings.ToLower(first) + " " + rest
	}
	return sentence
}

func spaced(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// asks puts a question that is open, or an answer that was not carried out yet, in the place of a reason.
func asks(r *Reason, q automation.Review) {
	switch {
	case q.State == automation.ReviewOpen:
		r.Review, r.Outcome, r.weight = q.ID, automation.Decide, weighsQuestion
		r.Code = automation.CodeConflict
		if q.Kind == automation.ReviewIdentity {
			r.Code = codeDoubtful
		}
		r.Sentence = spaced("It waits for a person to decide.", q.Plan.Reason)
	case q.State == automation.ReviewDecided && q.Decision.Ignore:
		r.Review, r.Code, r.Outcome, r.weight = q.ID, "ignored", automation.Skip, weighsVerdict
		r.Sentence = "Somebody chose to leave it alone."
	case q.State == automation.ReviewDecided && q.Decision.CreateNew && r.Code == automation.CodeNoSecond:
		r.Review = q.ID // tried, and why it cannot be is said already
	case q.State == automation.ReviewDecided:
		r.Review, r.Code, r.Outcome, r.weight = q.ID, "decided", automation.Decide, weighsDue
		r.Sentence = "Somebody has decided; it is about to be carried out."
	}
}

// names reports whether the record or a counterpart is one of the automation's two sides.
func (s Story) names(a automation.Automation) bool {
	for _, ref := range s.Refs() {
		for _, end := range []automation.Endpoint{a.Definition.Source, a.Definition.Target} {
			if end.Connection == ref.Connection && end.Object == ref.Type {
				return true
			}
		}
	}
	return false
}

// silence explains why an automation that is on has never looked at the record.
func (s Story) silence(r *Reason, a automation.Automation) {
	r.weight = weighsSilence
	for _, e := range s.Entries {
		if e.Arrival == nil {
			continue
		}
		if f, ok := fateOf(a, *e.Arrival); ok {
			r.Code, r.Sentence, r.At = f.Code, f.Sentence, e.At
			return
		}
	}
	for _, ref := range s.Refs() {
		if _, ok := a.Definition.Watches(ref.Connection, ref.Type); ok {
			r.Code, r.Sentence = WhySilence, "Nothing has arrived about it: no webhook told of it, and no poll found a change."
			return
		}
	}
	r.Code, r.Sentence, r.weight = WhyOneWay, "It carries changes the other way only; what changes here is not carried.", weighsNothing
}

// reasonOf puts the verdict of a run into a sentence.
func reasonOf(run automation.Run) Reason {
	r := Reason{Automation: run.Automation, Outcome: run.Outcome, Code: run.Code, Run: run.ID, At: run.StartedAt, weight: weighsVerdict}
	r.Sentence = Sentence(run)
	switch {
	case run.State == automation.Waiting, run.State == automation.Failed:
		r.weight = weighsProblem
	case run.State == automation.Running:
		r.Code, r.weight = WhyWorking, weighsDue
	}
	return r
}

// Sentence says in words what a run came to, with the conditions and fields that decided.
func Sentence(run automation.Run) string {
	if run.State == automation.Running && run.Outcome == "" {
		return "It is being worked on just now."
	}
	plan := planOf(run)
	switch run.Code {
	case "rule":
		if plan != nil {
			if words := filtered(plan.Verdict); words != "" {
				return words
			}
		}
	case "unmoved":
		return spaced("Nothing moved.", run.Summary)
	case codeNoParent:
		return "It waits for the record it belongs to: that one’s counterpart is not linked yet."
	}
	words := run.Summary
	if words != "" && !strings.HasSuffix(words, ".") {
		words += "."
	}
	if plan != nil && plan.Writes() && run.State == automation.Succeeded {
		if labels := writtenLabels(*plan); len(labels) > 0 {
			words = strings.TrimSuffix(words, ".") + ": " + listed(labels) + "."
		}
	}
	if run.State == automation.Failed || run.State == automation.Waiting {
		for _, st := range slices.Backward(run.Steps) {
			if st.Kind == automation.StepError && st.Detail != "" && st.Detail != run.Summary {
				words = spaced(words, st.Detail)
				break
			}
		}
	}
	return cmp.Or(words, "It was looked at.")
}

// AttemptSentence says what an attempt came to that was followed by another.
func AttemptSentence(a automation.Attempt) string {
	if a.State == automation.Running {
		return "It did not come to its end: the process stopped on the way, or the record was taken up by another one."
	}
	return Sentence(automation.Run{State: a.State, Outcome: a.Outcome, Code: a.Code, Summary: a.Summary, Steps: a.Steps})
}

// planOf is the last plan a run made.
func planOf(run automation.Run) *automation.Plan {
	for _, st := range slices.Backward(run.Steps) {
		if st.Plan != nil {
			return st.Plan
		}
	}
	return nil
}

func writtenLabels(p automation.Plan) []string {
	var labels []string
	for _, f := range p.Fields {
		if (f.Action == automation.Set || f.Action == automation.AddTo) && !slices.Contains(labels, f.Label) {
			labels = append(labels, f.Label)
		}
	}
	return labels
}

// listed joins a few words and counts the rest.
func listed(words []string) string {
	const most = 4
	if len(words) > most {
		return strings.Join(words[:most], ", ") + " and " + strconv.Itoa(len(words)-most) + " more"
	}
	return strings.Join(words, ", ")
}

// filtered says which conditions a record failed, numbered as the rule lists them.
func filtered(v rule.Verdict) string {
	var failed []string
	n := 0
	var walk func(c rule.Check, decides bool)
	walk = func(c rule.Check, decides bool) {
		decides = decides && !c.Passed
		if len(c.Checks) == 0 {
			if c.Label == "" && c.Broken == "" {
				return
			}
			n++
			switch {
			case !decides:
			case c.Broken != "":
				failed = append(failed, "condition "+strconv.Itoa(n)+": "+strings.TrimSuffix(c.Broken, "."))
			default:
				failed = append(failed, "condition "+strconv.Itoa(n)+": "+c.Label+", but it is "+said(c.Got))
			}
			return
		}
		for _, inner := range c.Checks {
			walk(inner, decides)
		}
	}
	walk(v.Root, true)
	if len(failed) == 0 {
		return ""
	}
	return "Filtered by " + strings.Join(failed, "; ") + "."
}

func said(got string) string {
	if got == "empty" || got == "" {
		return "empty"
	}
	return "“" + got + "”"
}

// Fate is what became of an arrival at one automation, or why it did not care.
type Fate struct {
	Automation automation.ID `json:"automation"`
	Name       string        `json:"name"`
	Cared      bool          `json:"cared"`
	Code       string        `json:"code"`
	Sentence   string        `json:"sentence"`
	Run        string        `json:"run,omitempty"`
}

// Fates says of each automation that has to do with an arrival what became of it. None: no automation watches such
// records. Automations are judged as they are set now; a run that is on record tells how it was.
func Fates(a Arrival, all []automation.Automation) []Fate {
	var out []Fate
	known := map[automation.ID]bool{}
	for _, au := range all {
		known[au.ID] = true
		if f, ok := fateOf(au, a); ok {
			out = append(out, f)
		}
	}
	for _, run := range a.Led {
		if !known[run.Automation] {
			out = append(out, Fate{Automation: run.Automation, Name: removedName, Cared: true, Code: run.Code, Sentence: Sentence(run), Run: run.ID})
		}
	}
	return out
}

func fateOf(a automation.Automation, arrived Arrival) (Fate, bool) {
	f := Fate{Automation: a.ID, Name: a.Name}
	e := arrived.Event
	_, f.Cared = interested(a, e, nil)
	for _, run := range arrived.Led {
		itsOwn := run.Event.ID == e.ID
		// What it does not mind was not taken up into a run that merely came later.
		if run.Automation != a.ID || !itsOwn && !f.Cared {
			continue
		}
		f.Cared, f.Code, f.Run, f.Sentence = true, run.Code, run.ID, Sentence(run)
		if !itsOwn {
			f.Sentence = spaced("It was looked at together with later news.", f.Sentence)
		}
		return f, true
	}
	if e.Change == provider.Touched {
		return f, false // whether it uses what changed is known by its runs only
	}
	d := a.Definition
	at := func(end automation.Endpoint) bool {
		return end.Connection == e.Ref.Connection && end.Object == e.Ref.Type
	}
	if !at(d.Source) && !at(d.Target) {
		return f, false
	}
	side, watches := d.Watches(e.Ref.Connection, e.Ref.Type)
	switch {
	case a.State == automation.Draft:
		f.Code, f.Sentence = WhyOff, "It is switched off."
	case !f.Cared && (!watches || side == automation.TargetSide):
		f.Code, f.Sentence = WhyOneWay, "It carries changes the other way only; what changes here is not carried."
	case !f.Cared && e.Change == provider.Deleted:
		f.Code, f.Sentence = WhyTrigger, "It does nothing about deleted records."
	case !f.Cared:
		f.Code, f.Sentence = WhyTrigger, "It does not mind that a record is "+string(e.Change)+"; it minds "+cmp.Or(listed(d.Trigger.On), "nothing")+"."
	case arrived.RoutedAt.IsZero():
		f.Code, f.Sentence = WhyUnrouted, "Nobody has looked at it yet."
	case a.State == automation.Paused:
		f.Code, f.Sentence = WhyPaused, "It is paused, so this is held until it goes on."
	case a.CreatedAt.After(e.ReceivedAt):
		f.Cared = false
		f.Code, f.Sentence = WhyLater, "It was made later."
	default:
		f.Code, f.Sentence = WhyHeld, "It minds this. No run tells of it: it is due, the automation was off at the time, or its history was deleted."
	}
	return f, true
}
