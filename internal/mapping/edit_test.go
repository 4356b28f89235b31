package mapping_test

import (
	"testing"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

func between() mapping.Between {
	field := func(key, label string, kind record.Kind) record.FieldSpec {
		return record.FieldSpec{Key: key, Label: label, Kind: kind}
	}
	seen := field("seen", "Last seen", record.DateTime)
	seen.ReadOnly = true
	return mapping.Between{
		Source: record.Schema{Label: "Gleap contact", Fields: []record.FieldSpec{field("name", "Name", record.Text), field("city", "City", record.Text), seen}},
		Target: record.Schema{Label: "HighLevel contact", Fields: []record.FieldSpec{field("firstName", "First name", record.Text), field("town", "Town", record.Text), seen}},
	}
}

func TestRowsAreDrawnBetweenTheTwo(t *testing.T) {
	t.Parallel()
	b, full := between(), mapping.Mapping{}
	for range mapping.MaxRows {
		full.Rows = append(full.Rows, mapping.Row{ID: "r1", Target: "other"})
	}
	both := mapping.Mapping{Rows: []mapping.Row{{ID: "r1", Sources: []string{"city"}, Target: "firstName", Direction: mapping.Both}, {ID: "r2", Sources: []string{"name"}, Target: "town", Direction: mapping.ToSource}}}
	for name, c := range map[string]struct {
		m            mapping.Mapping
		do           func(mapping.Mapping, string, string) (mapping.Mapping, *mapping.Fault)
		first, other string
		fault        string
		rows         int
		direction    mapping.Direction // of the row for it
	}{
		"a new row":                     {mapping.Mapping{}, b.Connect, "city", "town", "", 1, ""},
		"a suggestion brings its steps": {both, b.Connect, "name", "firstName", "", 2, ""}, // and they tell no way back
		"another source keeps the way":  {both, b.Connect, "city", "firstName", "", 2, mapping.Both},
		"no such source":                {both, b.Connect, "nope", "town", "source_gone", 2, ""},
		"no such target":                {both, b.Connect, "name", "nope", "target_gone", 2, ""},
		"a target only to be read":      {both, b.Connect, "name", "seen", "read_only", 2, ""},
		"no room":                       {full, b.Connect, "name", "town", "too_many_rows", mapping.MaxRows, ""},
		"a row back":                    {mapping.Mapping{}, b.LeadBack, "town", "city", "", 1, mapping.ToSource},
		"back to what is filled":        {both, b.LeadBack, "town", "city", "twice", 2, ""},
		"back to what is only read":     {both, b.LeadBack, "town", "seen", "read_only", 2, ""},
		"back to nothing":               {both, b.LeadBack, "town", "", "no_source", 2, ""},
		"back to nowhere":               {both, b.LeadBack, "town", "nope", "source_gone", 2, ""},
		"back from nowhere":             {both, b.LeadBack, "nope", "city", "target_gone", 2, ""},
		"no room back":                  {full, b.LeadBack, "town", "city", "too_many_rows", mapping.MaxRows, ""},
	} {
		got, fault := c.do(c.m, c.first, c.other)
		code := ""
		if fault != nil {
			code = fault.Code
		}
		if code != c.fault || len(got.Rows) != c.rows {
			t.Errorf("%s: fault %q and %d rows, want %q and %d", name, code, len(got.Rows), c.fault, c.rows)
		}
		if row := got.Rows[len(got.Rows)-1]; c.fault == "" && len(c.m.Rows) == 0 && row.Direction != c.direction {
			t.Errorf("%s: it leads %q, want %q", name, row.Direction, c.direction)
		}
		if row, ok := got.RowFor(c.other); c.fault == "" && len(c.m.Rows) > 0 && (!ok || row.Direction != c.direction) {
			t.Errorf("%s: it leads %q, want %q", name, row.Direction, c.direction)
		}
	}
}

// A row that is turned round goes on carrying: whoever owned it because values came from there does not keep what is filled.
func TestARowThatIsTurnedKeepsAnOwnerThatMeansTheSame(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row  mapping.Row
		to   mapping.Direction
		owns mapping.Owner
	}{
		"unsaid, turned round":         {mapping.Row{}, mapping.ToSource, mapping.OwnerTarget},
		"said, turned round":           {mapping.Row{Owner: mapping.OwnerSource}, mapping.ToSource, mapping.OwnerTarget},
		"the other side, turned round": {mapping.Row{Owner: mapping.OwnerTarget}, mapping.ToSource, mapping.OwnerTarget},
		"unsaid, both ways":            {mapping.Row{}, mapping.Both, mapping.OwnerSource},
		"back, then both ways":         {mapping.Row{Direction: mapping.ToSource}, mapping.Both, mapping.OwnerTarget},
		"ask stays ask":                {mapping.Row{Owner: mapping.OwnerAsk}, mapping.ToSource, mapping.OwnerAsk},
		"back and turned forth":        {mapping.Row{Direction: mapping.ToSource}, mapping.ToTarget, mapping.OwnerSource},
	} {
		c.row.Back = []mapping.Step{{Use: "trim"}}
		got := c.row.Leading(c.to)
		if got.HasLastWord() != c.owns || got.Leads() != c.to || (got.Back != nil) != (c.to == mapping.Both) {
			t.Errorf("%s: %+v, owned by %s, want %s", name, got, got.HasLastWord(), c.owns)
		}
	}
}
