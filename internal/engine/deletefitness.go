package engine

import (
	"strconv"
	"unicode/utf8"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// DeletesPart names the part of a policy for deleted records that something is wrong with.
type DeletesPart string

// The parts.
const (
	PartPolicy     DeletesPart = "deletes"
	PartDeletedOn  DeletesPart = "deleted-on"
	PartMark       DeletesPart = "mark-field"        // where a record of the target is marked
	PartMarkSource DeletesPart = "mark-source-field" // and one of the source
	PartMarkValue  DeletesPart = "mark-value"
)

// maxMark is the longest value a deleted record's counterpart is marked with, in characters.
const maxMark = 200

// DeletesProblem is something a person must put right before a policy is saved.
type DeletesProblem struct {
	Part  DeletesPart
	Words string
}

// DeletesEnd is one side as a policy for deleted records sees it; Name is the provider's.
type DeletesEnd struct {
	Side
	Name string
}

// DeletesProblems says why a definition's policy for deleted records cannot be carried out. It is asked wherever one is saved.
func DeletesProblems(d automation.Definition, source, target DeletesEnd) (out []DeletesProblem) {
	report := func(part DeletesPart, words string) { out = append(out, DeletesProblem{part, words}) }
	cannot := func(there, here DeletesEnd) {
		report(PartPolicy, there.Name+" lets nobody delete its records from outside, so no deletion in "+here.Name+" can follow there.")
	}
	del := d.Deletes
	switch {
	case !del.Valid():
		report(PartPolicy, "Choose what becomes of the counterpart of a deleted record.")
	case !del.On.Valid():
		report(PartDeletedOn, "Choose which deletions count.")
	case del.Policy != automation.DeleteDelete:
	case !source.Object.Delete && !target.Object.Delete:
		report(PartPolicy, "Neither account lets its records be deleted from outside.")
	case d.DeletedOn() == automation.DeletedOnSource && !target.Object.Delete:
		cannot(target, source)
	case d.DeletedOn() == automation.DeletedOnTarget && !source.Object.Delete:
		cannot(source, target)
	}
	if del.Policy != automation.DeleteMark {
		return out
	}
	mark := func(part DeletesPart, key string, end DeletesEnd) {
		spec, ok := end.Schema.Field(key)
		if !ok || spec.ReadOnly {
			report(part, "Choose a field that can be written.")
			return
		}
		if _, err := record.Coerce(record.TextOf(del.Value), spec, d.Locale()); err != nil && spec.Kind != record.Set && del.Value != "" {
			report(PartMarkValue, spec.Label+" does not hold this: "+err.Error())
		}
	}
	if d.DeletionCounts(automation.SourceSide) || del.Field != "" {
		mark(PartMark, del.Field, target)
	}
	if del.SourceField != "" || d.DeletedOn() == automation.DeletedOnTarget {
		mark(PartMarkSource, del.SourceField, source)
	}
	switch {
	case del.Value == "":
		report(PartMarkValue, "Type what to mark it with.")
	case utf8.RuneCountInString(del.Value) > maxMark || !utf8.ValidString(del.Value):
		report(PartMarkValue, "Type at most "+strconv.Itoa(maxMark)+" characters.")
	}
	return out
}
