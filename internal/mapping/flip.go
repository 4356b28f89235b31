package mapping

import "strings"

// Flipped is the mapping as it leads back: every row that fills the source, turned round. A row keeps its id. A
// two-way row whose transforms tell no way back is reported where it is compiled as it is written.
func (m Mapping) Flipped() Mapping {
	out := Mapping{Source: m.Target, Target: m.Source}
	for _, r := range m.Rows {
		switch {
		case r.Joins():
			// One row for each part, all with the row's id.
			for _, part := range r.Sources {
				back := r.turned(part)
				back.Parts = r.Sources
				out.Rows = append(out.Rows, back)
			}
		case r.Direction.ToSource() && len(r.Sources) == 1:
			out.Rows = append(out.Rows, r.turned(r.Sources[0]))
		}
	}
	return out
}

// turned is the row as it fills one of its sources.
func (r Row) turned(source string) Row {
	back := Row{ID: r.ID, Sources: []string{r.Target}, Target: source, Owner: r.Owner.flipped(), ClearWhenEmpty: r.ClearWhenEmpty, Steps: r.Steps}
	if r.Direction == Both {
		back.Direction = Both
		back.Back = append([]Step{}, r.Steps...)
		back.Steps, _ = r.WayBack()
	} else if r.Owner == "" {
		back.Owner = "" // where the value comes from, as in any row
	}
	return back
}

func (o Owner) flipped() Owner {
	switch o {
	case OwnerSource, "":
		return OwnerTarget
	case OwnerTarget:
		return OwnerSource
	}
	return o
}

// WayBack is what a two-way row does to a value that goes back: its own Back steps, or what its Steps tell. Steps that
// only tidy a value need nothing, and what “Join” put together is taken apart at the end; a look-up table is read the other way round when no two lines end alike. !ok: a
// person must say how values go back.
func (r Row) WayBack() ([]Step, bool) {
	if r.Back != nil {
		return r.Back, true
	}
	var out []Step
	for _, s := range r.Steps {
		switch s.Use {
		case "trim", "text_case", "phone", "number", "date", "join":
		case "to_labels":
			// Labels become a text with commas again, which is read as these labels only if nothing else was done to them.
			if sep, set := s.With["separator"]; set && strings.TrimSpace(sep) != "," || s.With["prefix"] != "" {
				return nil, false
			}
		case "surround":
			return nil, false
		case "lookup":
			back, ok := s.invertedTable()
			if !ok {
				return nil, false
			}
			out = append([]Step{back}, out...)
		default:
			return nil, false
		}
	}
	return out, true
}

func (s Step) invertedTable() (Step, bool) {
	if o := s.With["otherwise"]; o != "" && o != "keep" && o != "error" {
		return Step{}, false
	}
	seen := map[string]bool{}
	var lines []string
	for line := range strings.Lines(s.With["table"]) {
		from, to, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		if key := strings.ToLower(to); to == "" || seen[key] {
			return Step{}, false
		} else {
			seen[key] = true
		}
		lines = append(lines, to+" = "+from)
	}
	with := map[string]string{"table": strings.Join(lines, "\n")}
	if o := s.With["otherwise"]; o != "" {
		with["otherwise"] = o
	}
	return Step{Use: "lookup", With: with}, true
}
