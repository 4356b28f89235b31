package automation

import (
	"maps"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// ReviewKind says what a person is asked.
type ReviewKind string

// The kinds of review.
const (
	ReviewIdentity ReviewKind = "identity" // which record is the counterpart
	ReviewConflict ReviewKind = "conflict" // which value is right
)

// ReviewState says where a review stands.
type ReviewState string

// The states. Decided waits for the run that carries the decision out; Settled needs nothing any more.
const (
	ReviewOpen    ReviewState = "open"
	ReviewDecided ReviewState = "decided"
	ReviewSettled ReviewState = "settled"
)

// Review is a question to a person that no policy answers. There is one per key and kind; it follows the records
// while it is open, and settles by itself when there is nothing to ask any more.
type Review struct {
	ID         string // "rv_…"
	Automation ID
	Source     record.Ref // the key it stands for
	Kind       ReviewKind
	State      ReviewState
	Title      string
	Plan       Plan // as it was last seen: candidates, or fields with both values
	Run        string
	Decision   Decision
	DecidedBy  string
	OpenedAt   time.Time
	DecidedAt  time.Time
}

// Decision is a person's answer.
type Decision struct {
	// Counterpart answers an identity review: the record it is. CreateNew: none of them, make one. Ignore: leave it.
	Counterpart record.Ref `json:"counterpart,omitzero"`
	CreateNew   bool       `json:"createNew,omitempty"`
	Ignore      bool       `json:"ignore,omitempty"`
	// Choices answer a conflict review, by base key.
	Choices map[string]Choice `json:"choices,omitempty"`
}

// Gist says what was decided, without the values: those are people's data, and the question keeps them.
func (d Decision) Gist() string {
	var parts []string
	switch {
	case !d.Counterpart.IsZero():
		parts = append(parts, "the counterpart is "+d.Counterpart.ID)
	case d.CreateNew:
		parts = append(parts, "a new record")
	case d.Ignore:
		parts = append(parts, "left alone")
	}
	for _, key := range slices.Sorted(maps.Keys(d.Choices)) {
		parts = append(parts, strings.TrimPrefix(key, "<")+": "+string(d.Choices[key].Take))
	}
	return strings.Join(parts, "; ")
}

// Side is one side of a definition.
type Side string

// The sides. The zero value in a FieldPlan means the target.
const (
	TargetSide Side = ""
	SourceSide Side = "source"
)

// Take says which value a person chose.
type Take string

// The choices.
const (
	TakeSource Take = "source"
	TakeTarget Take = "target"
	TakeValue  Take = "value"
)

// Choice decides one field. It holds for the values that were seen; when one of them has moved since, the person
// is asked again.
type Choice struct {
	Take       Take         `json:"take"`
	Value      record.Value `json:"value,omitzero"` // typed, in the target field's terms
	SeenSource record.Value `json:"seenSource"`     // mapped to the target field
	SeenTarget record.Value `json:"seenTarget"`
}

// Always is the definition in which the sides that were chosen have the last word on their fields from now on, and the
// fields for which that is new. A typed value is nobody's.
func (d Definition) Always(asks []FieldPlan, choices map[string]Choice) (Definition, []FieldPlan) {
	var settled []FieldPlan
	for _, f := range asks {
		choice, ok := choices[f.BaseKey()]
		owner := map[Take]mapping.Owner{TakeSource: mapping.OwnerSource, TakeTarget: mapping.OwnerTarget}[choice.Take]
		row, known := d.Mapping.RowByID(f.Row)
		if !ok || owner == "" || !known || row.HasLastWord() == owner {
			continue
		}
		row.Owner = owner
		d.Mapping = d.Mapping.Replace(row)
		settled = append(settled, f)
	}
	return d, settled
}
