package simulate

import (
	"cmp"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
)

// The auditor's own reading of values and mappings, on purpose much simpler than the engine's: people in these worlds
// type nothing that would need more. Two readings that agree are worth more than one that is asked twice.

// splitName takes the last word for the family's name.
func splitName(full string) (first, last string) {
	words := strings.Fields(full)
	if len(words) < 2 {
		return strings.Join(words, " "), ""
	}
	return strings.Join(words[:len(words)-1], " "), words[len(words)-1]
}

// plainPhone is the number with its country, the United States' where none is given.
func plainPhone(s string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	switch {
	case digits == "":
		return ""
	case len(digits) == 10:
		return "+1" + digits
	}
	return "+" + digits
}

// canonical is the form in which two values of a field are the same to a person.
func canonical(field, v string) string {
	v = strings.TrimSpace(v)
	switch field {
	case "email":
		return strings.ToLower(v)
	case "phone":
		return plainPhone(v)
	}
	return v
}

func alike(field, one, other string) bool { return canonical(field, one) == canonical(field, other) }

// collapse is what a provider that tidies makes of a text.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

// expected is what a row says the target should hold.
func expected(row mapping.Row, source fields) string {
	var values []string
	for _, key := range row.Sources {
		if v := strings.TrimSpace(source[key]); v != "" {
			values = append(values, v)
		}
	}
	v := strings.Join(values, " ")
	for _, s := range row.Steps {
		if s.Use == "split_name" {
			first, last := splitName(v)
			if v = first; s.With["part"] == "last" {
				v = last
			}
		}
	}
	return canonical(row.Target, v)
}

// mappedText is all that rows make of a contact.
func mappedText(rows []mapping.Row, f fields) string {
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(expected(row, f) + "\n")
	}
	return b.String()
}

// movedSince reports that rows make something else of a contact now; what is empty now moves nothing.
func movedSince(rows []mapping.Row, then, now fields) bool {
	return slices.ContainsFunc(rows, func(row mapping.Row) bool {
		v := expected(row, now)
		return v != "" && v != expected(row, then)
	})
}

// view is an automation as it leads one way.
type view struct {
	automation automation.Automation
	from       side
	rows       []mapping.Row
}

// viewsOf takes a two-way automation apart into the way there and the way back.
func viewsOf(all []automation.Automation) []view {
	var out []view
	for _, au := range all {
		there, back := view{automation: au, from: sideOf(au.Definition.Source)}, view{automation: au, from: sideOf(au.Definition.Target)}
		for _, r := range au.Definition.Mapping.Rows {
			if r.Direction != mapping.ToSource {
				there.rows = append(there.rows, r)
			}
			if r.Direction == mapping.Both || r.Direction == mapping.ToSource {
				back.rows = append(back.rows, turned(r)...)
			}
		}
		if out = append(out, there); len(back.rows) > 0 {
			out = append(out, back)
		}
	}
	return out
}

// turned is a row as it leads back. A joined value leads back to each of its parts: which of its words goes where is for
// whoever joins them again to judge.
func turned(r mapping.Row) []mapping.Row {
	var out []mapping.Row
	for _, source := range r.Sources {
		back := r
		back.Sources, back.Target = []string{r.Target}, source
		if len(r.Sources) > 1 {
			back.Steps, back.Parts = nil, r.Sources
		}
		out = append(out, back)
	}
	return out
}

// passes is the one rule that the scenarios use.
func passes(d automation.Definition, source fields) bool {
	return len(d.Rule.Root.Nodes) == 0 || source["plan"] != blockedPlan
}

// further is the field with the other email addresses a contact answers to.
const further = "additionalEmails"

// answersTo reports whether a contact has an email address, as its first or as a further one.
func answersTo(f fields, email string) bool {
	return email != "" && (emailKey(f) == canonical("email", email) || slices.Contains(labels(strings.ToLower(f[further])), canonical("email", email)))
}

// sharesEmail reports that an address of one contact is an address of the other.
func sharesEmail(one, other fields) bool {
	return answersTo(other, emailKey(one)) || answersTo(one, emailKey(other)) ||
		slices.ContainsFunc(labels(one[further]), func(e string) bool { return answersTo(other, e) })
}

func emailKey(f fields) string { return canonical("email", f["email"]) }
func phoneKey(f fields) string { return canonical("phone", f["phone"]) }

// sharesAny reports the same email or the same phone; sharesBest the same email, or the same phone where one of the
// two has no email that could speak against it.
func sharesAny(one, other fields) bool {
	return sharesEmail(one, other) || phoneKey(one) != "" && phoneKey(one) == phoneKey(other)
}

func sharesBest(one, other fields) bool {
	if emailKey(one) != "" && emailKey(other) != "" {
		return sharesEmail(one, other)
	}
	return phoneKey(one) != "" && phoneKey(one) == phoneKey(other)
}

// lastChange is the moment at which something about a contact last became what it is.
func lastChange(h *history, of func(version) string) int {
	return lastChangeBefore(h, h.now().moment+1, of)
}

func lastChangeBefore(h *history, moment int, of func(version) string) int {
	at, last := 0, ""
	for i, v := range h.versions {
		if v.moment >= moment {
			break
		}
		if now := of(v); i == 0 || now != last {
			at, last = v.moment, now
		}
	}
	return at
}

// lastTouch is the moment at which a person last typed something into a field; 0 never.
func lastTouch(h *history, field string) int {
	at := 0
	for i, v := range h.versions {
		if !v.byPerson() || v.gone {
			continue
		}
		if i == 0 && v.fields[field] != "" || i > 0 && v.fields[field] != h.versions[i-1].fields[field] {
			at = v.moment
		}
	}
	return at
}

// typedAt is the version in which a person typed the value a field has in version i; -1 when we wrote it.
func typedAt(h *history, i int, field string) int {
	for ; i > 0 && h.versions[i-1].fields[field] == h.versions[i].fields[field]; i-- {
	}
	if h.versions[i].byPerson() {
		return i
	}
	return -1
}

func everHad(h *history, tag string) bool {
	return slices.ContainsFunc(h.versions, func(v version) bool { return slices.Contains(labels(v.fields["tags"]), tag) })
}

// addedSince reports that a person added a tag after a moment, before version i.
func addedSince(h *history, i int, tag string, moment int) bool {
	for j := 1; j < i; j++ {
		if h.versions[j].byPerson() && h.versions[j].moment >= moment && slices.Contains(labels(h.versions[j].fields["tags"]), tag) && !slices.Contains(labels(h.versions[j-1].fields["tags"]), tag) {
			return true
		}
	}
	return false
}

func removedByPerson(h *history, tag string) bool {
	for i := 1; i < len(h.versions); i++ {
		if h.versions[i].byPerson() && slices.Contains(labels(h.versions[i-1].fields["tags"]), tag) && !slices.Contains(labels(h.versions[i].fields["tags"]), tag) {
			return true
		}
	}
	return false
}

// broughtByUs reports that a tag a contact has now was last added by us.
func broughtByUs(h *history, tag string) bool {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if i == 0 || !slices.Contains(labels(h.versions[i-1].fields["tags"]), tag) {
			return !h.versions[i].byPerson()
		}
	}
	return false
}

func compareKeys(a, b recordKey) int {
	return cmp.Or(cmp.Compare(a.side, b.side), cmp.Compare(a.id, b.id))
}
