package mapping

import (
	"errors"
	"sync"

	"crosswalk/internal/record"
)

// Result is a mapping applied to one record, row by row.
type Result struct{ Rows []RowResult }

// RowResult is one row's value, or why there is none. Row and Target belong to the program: do not change them.
type RowResult struct {
	Row    *Row
	Target *record.FieldSpec
	Value  record.Value
	Err    error // a *RowError
}

// RowError says why a row gave no value, in words for the person who mapped it.
type RowError struct {
	RowID  string
	From   string // labels of the source fields; empty for a row without any
	Step   int    // index of the transform; len(steps) when the target refused the value
	Code   string
	Reason string
}

func (e *RowError) Error() string { return e.Reason }

// maxBetween bounds a value between two transforms, so that steps cannot multiply it without end.
const maxBetween = 4 * record.MaxText

// Len is how many rows a result has.
func (p *Program) Len() int { return len(p.rows) }

// room is where one row's values meet. The steps are called through variables, so it would be allocated for every
// record; no step keeps what it is given.
type room [MaxSources]record.Value

var rooms = sync.Pool{New: func() any { return new(room) }}

// Apply maps one record.
func (p *Program) Apply(in record.Fields) Result { return p.ApplyOnto(in, nil) }

// ApplyOnto maps one record that fills another, which holds onto: what is taken apart follows how its parts are now.
func (p *Program) ApplyOnto(in, onto record.Fields) Result {
	return Result{Rows: p.ApplyInto(make([]RowResult, 0, len(p.rows)), in, onto)}
}

// ApplyInto is ApplyOnto into a slice that is used again; it returns the slice.
func (p *Program) ApplyInto(dst []RowResult, in, onto record.Fields) []RowResult {
	dst = dst[:0]
	room := rooms.Get().(*room)
	defer rooms.Put(room)
	for i := range p.rows {
		c := &p.rows[i]
		out := RowResult{Row: c.row, Target: &c.target}
		if c.plain {
			out.Value, out.Err = c.fit(in[c.sources[0]])
			dst = append(dst, out)
			continue
		}
		values := room[:0]
		for _, key := range c.sources {
			values = append(values, in[key])
		}
		out.Value, out.Err = c.apply(values, onto)
		dst = append(dst, out)
	}
	return dst
}

func (c *compiledRow) apply(values []record.Value, onto record.Fields) (record.Value, error) {
	for i, step := range c.steps {
		v, err := step(values)
		if err != nil {
			return c.refuse(i, err.Code, c.target.Label+": "+err.Reason)
		}
		if size(v) > maxBetween {
			return c.refuse(i, "too_long", c.target.Label+": the value grows too long on the way.")
		}
		values = append(values[:0], v)
	}
	if len(values) == 0 {
		return record.Value{}, nil
	}
	if c.parting != nil {
		return c.fit(c.parting.of(values[0], onto))
	}
	if c.fits {
		return values[0], nil
	}
	return c.fit(values[0])
}

// fit turns a value into what the target holds.
func (c *compiledRow) fit(v record.Value) (record.Value, error) {
	v, err := record.Coerce(v, c.target, c.locale)
	if err == nil {
		return v, nil
	}
	code := "unmappable"
	if e, ok := errors.AsType[*record.CoerceError](err); ok {
		code = e.Code
	}
	return c.refuse(len(c.steps), code, err.Error())
}

// refuse gives no value, and says where the one that was refused came from.
func (c *compiledRow) refuse(step int, code, reason string) (record.Value, error) {
	return record.Value{}, &RowError{RowID: c.row.ID, From: c.from, Step: step, Code: code, Reason: reason}
}

// size is how many bytes of text a value holds.
func size(v record.Value) int {
	if s, ok := v.AsText(); ok {
		return len(s)
	}
	sum := 0
	items, _ := v.AsList()
	for _, e := range items {
		sum += len(e)
	}
	return sum
}

// Reads are the source fields the program reads, each once.
func (p *Program) Reads() []string {
	var out []string
	seen := map[string]bool{}
	for i := range p.rows {
		for _, key := range p.rows[i].sources {
			if !seen[key] {
				seen[key] = true
				out = append(out, key)
			}
		}
	}
	return out
}

// Writes are the target fields the program fills, in row order.
func (p *Program) Writes() []string {
	out := make([]string, 0, len(p.rows))
	for i := range p.rows {
		out = append(out, p.rows[i].target.Key)
	}
	return out
}
