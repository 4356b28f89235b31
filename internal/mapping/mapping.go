package mapping

import (
	"math"
	"slices"
	"strconv"

	"crosswalk/internal/record"
)

// Mapping is a list of rows. It is stored as JSON for years: add keys, never change their meaning.
type Mapping struct {
	Source record.ObjectType `json:"source"`
	Target record.ObjectType `json:"target"`
	Rows   []Row             `json:"rows"`
}

// Row fills one target field from source fields through transforms.
type Row struct {
	ID             string    `json:"id"`
	Sources        []string  `json:"sources"`
	Steps          []Step    `json:"steps,omitempty"`
	Back           []Step    `json:"back,omitzero"` // of a two-way row: nil where Steps tell the way back, empty where a value goes back as it is
	Target         string    `json:"target"`
	Direction      Direction `json:"direction,omitempty"`
	Owner          Owner     `json:"owner,omitempty"`
	ClearWhenEmpty bool      `json:"clearWhenEmpty,omitempty"` // an emptied source empties the target
	// Parts are, in a row that Flipped made of one that joins, all the fields the joined value is taken apart into.
	Parts []string `json:"-"`
}

// Direction says which way values go; empty means to the target.
type Direction string

// The directions.
const (
	ToTarget Direction = "to_target"
	ToSource Direction = "to_source"
	Both     Direction = "both"
)

// ToTarget reports whether a row fills the target.
func (d Direction) ToTarget() bool { return d != ToSource }

// ToSource reports whether a row fills the source.
func (d Direction) ToSource() bool { return d == ToSource || d == Both }

// Leads is the row's direction, written out.
func (r Row) Leads() Direction {
	if r.Direction == "" {
		return ToTarget
	}
	return r.Direction
}

// HasLastWord is the row's owner, written out: where nothing is said, the side a value comes from.
func (r Row) HasLastWord() Owner {
	switch {
	case r.Owner != "":
		return r.Owner
	case r.Direction == ToSource:
		return OwnerTarget
	}
	return OwnerSource
}

func (d Direction) valid() bool { return d == "" || d == ToTarget || d == ToSource || d == Both }

// Owner decides when both sides moved a field apart; empty means the source.
type Owner string

// The owner policies.
const (
	OwnerSource      Owner = "source"
	OwnerTarget      Owner = "target"
	OwnerNewest      Owner = "newest"
	OwnerOnlyIfEmpty Owner = "only_if_empty"
	OwnerAsk         Owner = "ask"
)

func (o Owner) valid() bool {
	switch o {
	case "", OwnerSource, OwnerTarget, OwnerNewest, OwnerOnlyIfEmpty, OwnerAsk:
		return true
	}
	return false
}

// Step is one transform with its parameters.
type Step struct {
	Use  string            `json:"use"`
	With map[string]string `json:"with,omitempty"`
}

// Limits keep a mapping's work bounded, whatever a person types.
const (
	MaxRows       = 200
	MaxSteps      = 20
	MaxSources    = 10
	MaxTableLines = 5000
	MaxTableBytes = 1 << 20
)

// RowFor finds the row that fills a target field.
func (m Mapping) RowFor(target string) (Row, bool) {
	i := slices.IndexFunc(m.Rows, func(r Row) bool { return r.Target == target && r.Direction.ToTarget() })
	if i < 0 {
		return Row{}, false
	}
	return m.Rows[i], true
}

// RowByID finds a row.
func (m Mapping) RowByID(id string) (Row, bool) {
	i := slices.IndexFunc(m.Rows, func(r Row) bool { return r.ID == id })
	if i < 0 {
		return Row{}, false
	}
	return m.Rows[i], true
}

// Replace puts a row in place of the one with its id, or at the end when there is none.
func (m Mapping) Replace(row Row) Mapping {
	rows := slices.Clone(m.Rows)
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.ID == row.ID }); i >= 0 {
		rows[i] = row
	} else {
		rows = append(rows, row)
	}
	m.Rows = rows
	return m
}

// Remove leaves a row out.
func (m Mapping) Remove(id string) Mapping {
	m.Rows = slices.DeleteFunc(slices.Clone(m.Rows), func(r Row) bool { return r.ID == id })
	return m
}

// Connect makes a source field fill a target field. A target that is filled already gets the new source instead
// of its old ones, with steps that suit the two kinds; to fill it from several, edit its row.
func (m Mapping) Connect(source, target record.FieldSpec, loc record.Locale) Mapping {
	row, ok := m.RowFor(target.Key)
	if !ok {
		row = Row{ID: m.freshID(), Target: target.Key}
	}
	row.Sources = []string{source.Key}
	row.Steps, row.Back = StepsFor(source, target, loc), nil
	return m.Replace(row)
}

// LeadBack adds a row that fills a source field from a target field, with steps that suit the two kinds.
func (m Mapping) LeadBack(target, source record.FieldSpec, loc record.Locale) Mapping {
	return m.Replace(Row{ID: m.freshID(), Sources: []string{source.Key}, Target: target.Key, Direction: ToSource, Steps: StepsFor(target, source, loc)})
}

func (m Mapping) freshID() string {
	highest := 0
	for _, r := range m.Rows {
		if len(r.ID) > 1 && r.ID[0] == 'r' {
			if n, err := strconv.Atoi(r.ID[1:]); err == nil && n < math.MaxInt32 {
				highest = max(highest, n)
			}
		}
	}
	return "r" + strconv.Itoa(highest+1)
}
