package mapping

import (
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/record"
)

// Joins reports whether the row joins several fields into one and leads both ways: then what comes back is taken apart.
func (r Row) Joins() bool { return r.Direction == Both && len(r.Sources) > 1 }

// cannotTakeApart is the reason why what a row joins cannot be taken apart again, and what to do about it; empty
// when it can.
func (k *compiler) cannotTakeApart(row *Row, target record.FieldSpec) (why, advice string) {
	const oneWay = ", or let the row lead one way."
	first := Step{}
	if len(row.Steps) > 0 {
		first = row.Steps[0]
	}
	switch {
	case len(row.Sources) > 2:
		return fmt.Sprintf("%s is put together from %d fields, and only two can be told apart again.", target.Label, len(row.Sources)), "Join two fields" + oneWay
	case row.Sources[0] == row.Sources[1]:
		return fmt.Sprintf("%s is put together from one field twice.", target.Label), "Choose two fields" + oneWay
	case first.Use != "join":
		return fmt.Sprintf("%s has two sources, and only what “Join” put together can be taken apart again.", target.Label), "Make “Join” the first transform" + oneWay
	case strings.TrimSpace(first.separator()) != "" || first.separator() == "":
		return fmt.Sprintf("%s joins its fields by “%s”, and only what is joined by a space can be taken apart again.", target.Label, first.separator()), "Join them by a space" + oneWay
	case !isText(target.Kind):
		return fmt.Sprintf("%s holds %s, and only text can be taken apart again.", target.Label, target.Kind.Words()), "Let the row lead one way."
	}
	for _, key := range row.Sources {
		if spec, ok := k.source.Field(key); ok && !isText(spec.Kind) {
			return fmt.Sprintf("%s holds %s, and only text is found again in what was joined.", spec.Label, spec.Kind.Words()), "Choose another field" + oneWay
		}
	}
	return "", ""
}

func isText(k record.Kind) bool { return k == record.Text || k == record.LongText }

// separator is what a “Join” puts between two values.
func (s Step) separator() string {
	if v, given := s.With["separator"]; given {
		return v
	}
	return " "
}

// parting is the way back of a row that joins: which part of the whole goes to the field the row fills.
type parting struct {
	first, last string // fields
	takesLast   bool
	// recased: on the way there the text is written in another case, so the parts keep theirs.
	recased bool
}

func partingOf(row *Row) *parting {
	if len(row.Parts) != 2 {
		return nil
	}
	return &parting{
		first: row.Parts[0], last: row.Parts[1], takesLast: row.Target == row.Parts[1],
		recased: slices.ContainsFunc(row.Back, func(s Step) bool { return s.Use == "text_case" }),
	}
}

// of is the part of a whole, where beside is what the parts hold now.
func (p *parting) of(whole record.Value, beside record.Fields) record.Value {
	first, last := takeApart(whole.String(), beside[p.first].String(), beside[p.last].String(), p.recased)
	if p.takesLast {
		return record.TextOf(last)
	}
	return record.TextOf(first)
}

// takeApart takes a joined name apart. A part that still stands at its end of the whole stays what it is, and the other
// gets the rest: so a first name of two words stays one. Where neither stands, it is split as any full name. Standing is
// told without regard to case; how the whole writes it is taken over, unless its case is none of a person's.
func takeApart(whole, first, last string, recased bool) (string, string) {
	words, was, family := strings.Fields(whole), strings.Fields(first), strings.Fields(last)
	n := len(words)
	begins := len(was) > 0 && len(was) <= n && sameWords(words[:len(was)], was)
	ends := len(family) > 0 && len(family) <= n && sameWords(words[n-len(family):], family)
	cut := -1
	switch {
	case begins && ends && len(was)+len(family) <= n:
		// Something came between the two. A full name tells where it belongs, unless that would cut one of them.
		cut = n - len(family)
		if given, _ := SplitName(strings.Join(words, " ")); sameWords(words[:len(strings.Fields(given))], strings.Fields(given)) {
			if at := len(strings.Fields(given)); at >= len(was) && at <= cut {
				cut = at
			}
		}
	case begins:
		cut = len(was)
	case ends:
		cut = n - len(family)
	default:
		return SplitName(whole)
	}
	return spelt(words[:cut], was, first, recased), spelt(words[cut:], family, last, recased)
}

func sameWords(a, b []string) bool { return slices.EqualFunc(a, b, strings.EqualFold) }

// spelt is a part as it is to be written: as it was where nothing but space tells the two apart.
func spelt(now, was []string, stored string, recased bool) string {
	if slices.Equal(now, was) || recased && sameWords(now, was) {
		return stored
	}
	return strings.Join(now, " ")
}
