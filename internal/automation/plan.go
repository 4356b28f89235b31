package automation

import (
	"time"

	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// Outcome is what a plan comes to. Every page shows the same sign and word for it.
type Outcome string

// The outcomes.
const (
	Create  Outcome = "create"
	Update  Outcome = "update"
	Same    Outcome = "same"
	Skip    Outcome = "skip"   // the rule or a policy let it pass by
	Decide  Outcome = "decide" // a person must choose
	Blocked Outcome = "blocked"
	Linked  Outcome = "link"   // two records are found to be one; nothing is written
	Delete  Outcome = "delete" // the counterpart follows its deleted record
)

// Outcomes lists them in the order pages show them.
func Outcomes() []Outcome {
	return []Outcome{Create, Update, Linked, Delete, Same, Skip, Decide, Blocked}
}

// Plan is what would be written for one record, field by field, with the reason for each.
// A dry run shows it; a live run applies it.
type Plan struct {
	Automation  ID           `json:"automation"`
	Version     int          `json:"version"`
	Source      record.Ref   `json:"source"`
	SourceTitle string       `json:"sourceTitle"`
	Target      record.Ref   `json:"target,omitzero"` // zero when it would be created
	TargetTitle string       `json:"targetTitle,omitempty"`
	Parent      record.Ref   `json:"parent,omitzero"` // what a new counterpart would live under
	Awaits      record.Ref   `json:"awaits,omitzero"` // the record whose link it waits for, when it is blocked by that
	Outcome     Outcome      `json:"outcome"`
	Code        string       `json:"code"`   // stable, for filters and tests
	Reason      string       `json:"reason"` // a plain sentence
	Verdict     rule.Verdict `json:"verdict"`
	Identity    Identity     `json:"identity"`
	Fields      []FieldPlan  `json:"fields,omitempty"`
	// Base is what the mapping gave and the link will remember once the plan is carried out, by base key.
	Base record.Fields `json:"base,omitempty"`
	// Apart lists base keys the two sides do not agree on and that are left so: an edit that is kept, a conflict, a
	// value that cannot be carried. Base keeps their last agreement.
	Apart []string `json:"apart,omitempty"`
	// AgreedAt is when the two last agreed; zero when they never did.
	AgreedAt time.Time `json:"agreedAt,omitzero"`
	// Undoes is the change this takes back.
	Undoes string `json:"undoes,omitempty"`
	// Unlinks is the link this takes back.
	Unlinks string `json:"unlinks,omitempty"`
	// Missed: the source changed long ago, and no webhook told of it.
	Missed bool `json:"missed,omitempty"`
	// Sever leaves the link as the memory of a pair that goes separate ways.
	Sever bool `json:"sever,omitempty"`
	// Matching is set where everyone is planned for.
	Matching Matching `json:"matching,omitempty"`
	// Drift is set where everyone is planned for: how the two stand to each other.
	Drift Drift `json:"drift,omitempty"`
	// KnownBy are the details that the two are looked up by, set where everyone is planned for: people look for them.
	KnownBy []string `json:"knownBy,omitempty"`
}

// Drift says how a record and its counterpart stand to each other; the engine names the ways.
type Drift string

// Matching says how sure it is which record is the counterpart.
type Matching string

// The ways to match.
const (
	MatchLinked       Matching = "linked"
	MatchSure         Matching = "sure"          // exactly one has the same details
	MatchDoubtful     Matching = "doubtful"      // the details point at different records, or speak against each other
	MatchDoubleSource Matching = "double_source" // several source records share the details, or claim one counterpart
	MatchDoubleTarget Matching = "double_target" // several target records have the details
	MatchNone         Matching = "none"          // a source record nobody answers to
	MatchOnlyTarget   Matching = "only_target"   // a target record nobody answers to
	MatchPassed       Matching = "passed"        // let pass by, so nobody was looked for
)

// Matchings are all of them.
func Matchings() []Matching {
	return []Matching{MatchLinked, MatchSure, MatchDoubtful, MatchDoubleSource, MatchDoubleTarget, MatchNone, MatchOnlyTarget, MatchPassed}
}

// Writes reports whether carrying the plan out calls the provider.
func (p Plan) Writes() bool { return p.Outcome == Create || p.Outcome == Update || p.Outcome == Delete }

// Asks are the fields a person must decide.
func (p Plan) Asks() []FieldPlan {
	var out []FieldPlan
	for _, f := range p.Fields {
		if f.Code == CodeConflict {
			out = append(out, f)
		}
	}
	return out
}

// Unnamed is the plan with nothing left of some possible counterparts but their ids, and whether it had one of them. It can
// be decided as before: the records are still in their account.
func (p Plan) Unnamed(who func(record.Ref) bool) (Plan, bool) {
	found := false
	var out []Candidate
	for _, c := range p.Identity.Candidates {
		if who(c.Ref) {
			found = true
			c.Title, c.Why = "erased", "What was known of it here was erased; its id is all that is left. The record itself may still be in its account."
		}
		out = append(out, c)
	}
	p.Identity.Candidates = out
	return p, found
}

// On are the fields written on one side.
func (p Plan) On(side Side) []FieldPlan {
	var out []FieldPlan
	for _, f := range p.Fields {
		if f.Side == side && (f.Action == Set || f.Action == AddTo) {
			out = append(out, f)
		}
	}
	return out
}

// CodeConflict marks a field that both sides moved apart and no policy decides.
const CodeConflict = "conflict"

// CodeVanished is that of a plan whose record has lost everything at once, which a person must say is meant.
const CodeVanished = "vanished"

// CodeNoSecond is that of a run whose person wants a new record, where the account takes no second one with its details.
const CodeNoSecond = "no_second"

// Action is what happens to one field.
type Action string

// The actions.
const (
	Set     Action = "set"
	AddTo   Action = "add_to" // set element wise: Add and Remove say which
	Keep    Action = "keep"
	Problem Action = "problem"
)

// FieldPlan is one row's result: before → after, or why not.
type FieldPlan struct {
	Row    string       `json:"row"`
	Key    string       `json:"key,omitempty"` // base key, where it is not Field
	Side   Side         `json:"side,omitempty"`
	Field  string       `json:"field"` // field key on the side that is written
	Label  string       `json:"label"`
	Kind   record.Kind  `json:"kind"`
	Action Action       `json:"action"`
	Before record.Value `json:"before"`
	After  record.Value `json:"after"`
	// Offered is what the other side holds: in this field's terms where the two are left apart, and the whole of it
	// where this field gets one part.
	Offered record.Value `json:"offered,omitzero"`
	Add     []string     `json:"add,omitempty"`
	Remove  []string     `json:"remove,omitempty"`
	Code    string       `json:"code,omitempty"`
	Reason  string       `json:"reason,omitempty"`
}

// Identity says how the counterpart was found, with the evidence.
type Identity struct {
	How        How         `json:"how"`
	Evidence   []Evidence  `json:"evidence,omitempty"`
	Candidates []Candidate `json:"candidates,omitempty"`
}

// How names the ways a counterpart is found.
type How string

// The ways.
const (
	ByLink    How = "link"
	ByMatch   How = "match"
	NotFound  How = "none"
	Doubtful  How = "doubtful"
	NotLooked How = "not_looked" // the rule had already let it pass by
)

// Evidence is one match key that was looked up, with what it found.
type Evidence struct {
	Field string       `json:"field"`         // label of the target field
	Key   string       `json:"key,omitempty"` // of the same; two fields may have one label
	Value record.Value `json:"value"`
	Found int          `json:"found"`
}

// Candidate is a possible counterpart a person may choose.
type Candidate struct {
	Ref   record.Ref `json:"ref"`
	Title string     `json:"title"`
	Why   string     `json:"why"`
	// Taken: another record has it as its counterpart, or is about to have it made.
	Taken bool `json:"taken,omitempty"`
}

// Link says that two records are the same thing.
type Link struct {
	ID        string // "ln_…"
	Source    record.Ref
	Target    record.Ref
	Evidence  string // a plain sentence
	CreatedAt time.Time
	// Severed: the pair goes separate ways since one of them was deleted, or somebody said that they are not the same. It
	// is remembered, so that neither is taken for a new record.
	Severed bool
}

// Base is what one automation last agreed across a link, by target field. Two values are kept because a
// provider may trim or re-format what it is given: without what it answered, its echo would look like an edit.
//
// Keys are target fields; a row that only leads back has the key of BackKey.
type Base struct {
	Link       string
	Automation ID
	Version    int
	Fields     record.Fields // what the mapping gave
	Target     record.Fields // what the target held once it was written or found to agree
	AgreedAt   time.Time
	// SourceAt is when the source had last changed when it was read for this, by its provider's clock; zero: it does not say.
	SourceAt time.Time
}

// BackKey is the base key of a row that fills a source field only.
func BackKey(sourceField string) string { return "<" + sourceField }

// BaseKey is where the field is remembered.
func (f FieldPlan) BaseKey() string {
	if f.Key != "" {
		return f.Key
	}
	return f.Field
}
