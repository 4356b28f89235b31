package automation

import (
	"slices"
	"strings"
)

// KeyAt is where a match key of these two fields stands, best first; -1: nowhere.
func (d Definition) KeyAt(source, target string) int {
	return slices.IndexFunc(d.Match, func(m MatchKey) bool { return m.Source == source && m.Target == target })
}

// AddKey recognises counterparts by one more key, after all the others.
func (d Definition) AddKey(k MatchKey) Definition {
	if d.KeyAt(k.Source, k.Target) < 0 {
		d.Match = append(slices.Clone(d.Match), k)
	}
	return d
}

// RemoveKey recognises counterparts by these two fields no more.
func (d Definition) RemoveKey(source, target string) Definition {
	if i := d.KeyAt(source, target); i >= 0 {
		d.Match = slices.Delete(slices.Clone(d.Match), i, i+1)
	}
	return d
}

// MoveKey moves a key by so many places; a key that is better than another speaks against what the other finds.
func (d Definition) MoveKey(source, target string, by int) Definition {
	i := d.KeyAt(source, target)
	to := i + by
	if i < 0 || to < 0 || to >= len(d.Match) {
		return d
	}
	k := d.Match[i]
	d.Match = slices.Insert(slices.Delete(slices.Clone(d.Match), i, i+1), to, k)
	return d
}

// KeyWords says the match keys by the names of their fields: "email = email, then phone = phone".
func (d Definition) KeyWords() string {
	if len(d.Match) == 0 {
		return "none"
	}
	words := make([]string, len(d.Match))
	for i, m := range d.Match {
		words[i] = m.Source + " = " + m.Target
	}
	return strings.Join(words, ", then ")
}
