package engine

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// oddInARow is how many writes of a field must be answered with something else than was asked before that counts as
// the provider's way of writing it.
const oddInARow = 3

// shortestCut is how long a text must be to count as one that was cut off: nobody offers less room.
const shortestCut = 20

// oddKey is where the memory of a pair counts odd answers in a row. It is in what was held only.
func oddKey(baseKey string) string { return "?" + baseKey }

// kept is what a provider holds because of our write, as far as its answer tells. Not every provider answers a write
// with what it wrote: some are read once more, and what they hold then may have been typed by a person meanwhile. So an
// answer counts when it is what was asked in another form, and when nothing was taken. Any other is odd: then what was
// asked counts, and the difference is an edit that is carried. A provider that writes a value in a way of its own is
// learned when it answers so again and again, so that two sides can not correct each other without end.
func (c *Compiled) kept(f automation.FieldPlan, answer record.Value, odd int) (v record.Value, isOdd bool) {
	switch {
	case c.took(f, answer) || reads(f.Kind, f.After, answer):
	case answer.IsEmpty() || record.Same(f.Kind, answer, f.Before, c.locale):
		// It was not taken, or is not shown. What never was there cannot have been emptied by a person.
	case odd+1 >= oddInARow:
	default:
		return f.After, true
	}
	return answer, false
}

// reads reports whether an answer is a form of what was asked: written with other signs, rounded, or cut off.
func reads(k record.Kind, asked, answer record.Value) bool {
	if k == record.Number {
		a, ok := asked.AsNumber()
		b, too := answer.AsNumber()
		return ok && too && math.Abs(a-b) < 0.01
	}
	a, b := bare(asked.String()), bare(answer.String())
	if k == record.URL {
		a, b = withoutScheme(a), withoutScheme(b)
	}
	return b != "" && (a == b || utf8.RuneCountInString(answer.String()) >= shortestCut && strings.HasPrefix(a, b))
}

// bare is a text without what providers tidy: its letters and digits, in one case.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func withoutScheme(s string) string {
	return strings.TrimPrefix(strings.TrimPrefix(s, "https"), "http")
}

// keptAll are the fields of a write as the provider holds them because of it.
func (c *Compiled) keptAll(fields []automation.FieldPlan, answer record.Record) record.Fields {
	out := record.Fields{}
	for _, f := range fields {
		out[f.Field] = answer.Fields[f.Field]
		if f.Action == automation.Set {
			out[f.Field], _ = c.kept(f, answer.Fields[f.Field], 0)
		}
	}
	return out
}
