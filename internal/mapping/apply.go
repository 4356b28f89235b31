package mapping

import (
	"errors"

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
	Step   int // index of the transform; len(steps) when the target refused the value
	Code   string
	Reason string
}

func (e *RowError) Error() string { return e.Reason }

// maxBetween bounds a value between two transforms, so that steps cannot multiply it without end.
const maxBetween = 4 * record.MaxText

// Len is how many rows a result has.
func (p *Program) Len() int { return len(p.rows) }

// Apply maps one record.
func (p *Program) Apply(in record.Fields) Result {
	return Result{Rows: p.ApplyInto(make([]RowResult, 0, len(p.rows)), in)}
}

// ApplyInto is Apply into a slice that is used again; it returns the slice.
func (p *Program) ApplyInto(dst []RowResult, in record.Fields) []RowResult {
	dst = dst[:0]
	var room [MaxSources]record.Value
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
		out.Value, out.Err = c.apply(values)
		dst = append(dst, out)
	}
	return dst
}

func (c *compiledRow) apply(values []record.Value) (record.Value, error) {
	for i, step := range c.steps {
		v, err := step(values)
		if err != nil {
			return record.Value{}, &RowError{RowID: c.row.ID, Step: i, Code: err.Code, Reason: c.target.Label + ": " + err.Reason}
		}
		if s, ok := v.AsText(); ok && len(s) > maxBetween {
			return record.Value{}, &RowError{RowID: c.row.ID, Step: i, Code: "too_long", Reason: c.target.Label + ": the value grows too long on the way."}
		}
		values = append(values[:0], v)
	}
	if len(values) == 0 {
		return record.Value{}, nil
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
	return record.Value{}, &RowError{RowID: c.row.ID, Step: len(c.steps), Code: code, Reason: err.Error()}
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
