package record

// Same reports whether a person would call two values of kind k the same: case of emails, phone formats, order
// and case of labels, ways to write a date and space at the ends do not matter.
func Same(k Kind, a, b Value, loc Locale) bool {
	if a.Equal(b) {
		return true
	}
	if k == Text && a.form == text && b.form == text {
		return normalText(a.text()) == normalText(b.text())
	}
	return Normalise(k, a, loc) == Normalise(k, b, loc)
}

// SetDiff says which labels to add and which to take away so that a set holds all of want: what base says we
// brought and is not wanted any more goes, what somebody else added stays. Case does not matter; the spelling
// of want is used for additions and that of have for removals.
func SetDiff(want, have, base []string) (add, remove []string) {
	wanted, there, brought := folded(want), folded(have), folded(base)
	seen := map[string]bool{}
	for _, e := range want {
		f := foldLabel(e)
		if f != "" && !there[f] && !seen[f] {
			seen[f] = true
			add = append(add, e)
		}
	}
	for _, e := range have {
		f := foldLabel(e)
		if brought[f] && !wanted[f] && !seen[f] {
			seen[f] = true
			remove = append(remove, e)
		}
	}
	return add, remove
}

func folded(items []string) map[string]bool {
	out := make(map[string]bool, len(items))
	for _, e := range items {
		out[foldLabel(e)] = true
	}
	return out
}
