package automation

import (
	"slices"
	"strings"

	"crosswalk/internal/provider"
)

// TriggerChoices are what can make an automation look, as people choose between them.
func TriggerChoices() [][]string {
	return [][]string{
		{string(provider.Created), string(provider.Updated)},
		{string(provider.Created)},
		{string(provider.Updated)},
	}
}

// ReadTrigger reads a choice as it is written down: "created,updated".
func ReadTrigger(written string) ([]string, bool) {
	all := TriggerChoices()
	i := slices.IndexFunc(all, func(on []string) bool { return strings.Join(on, ",") == written })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

// TriggerWords joins what can happen: "created or updated".
func TriggerWords(on []string) string {
	var words []string
	for _, c := range []provider.Change{provider.Created, provider.Updated, provider.Deleted} {
		if slices.Contains(on, string(c)) {
			words = append(words, string(c))
		}
	}
	if len(words) == 0 {
		return "never looked at"
	}
	return strings.Join(words, " or ")
}

// WhenNote says what of a trigger and its conditions was changed, for the history.
func WhenNote(before, after Definition) string {
	switch {
	case slices.Equal(before.Trigger.On, after.Trigger.On):
		return "changed the conditions"
	case sameRule(before.Rule, after.Rule):
		return "changed what makes it look"
	}
	return "changed what makes it look, and the conditions"
}
