package automation_test

import (
	"testing"

	"crosswalk/internal/automation"
)

func TestMatchKeysAreAddedRemovedAndMoved(t *testing.T) {
	t.Parallel()
	key := func(of string) automation.MatchKey { return automation.MatchKey{Source: of, Target: of} }
	start := automation.Definition{Match: []automation.MatchKey{key("email"), key("phone")}}
	for name, tc := range map[string]struct {
		got  automation.Definition
		want string
	}{
		"as it is":         {start, "email = email, then phone = phone"},
		"added":            {start.AddKey(key("id")), "email = email, then phone = phone, then id = id"},
		"added twice":      {start.AddKey(key("email")), "email = email, then phone = phone"},
		"removed":          {start.RemoveKey("email", "email"), "phone = phone"},
		"not there":        {start.RemoveKey("email", "phone"), "email = email, then phone = phone"},
		"the last":         {start.RemoveKey("email", "email").RemoveKey("phone", "phone"), "none"},
		"up":               {start.MoveKey("phone", "phone", -1), "phone = phone, then email = email"},
		"down":             {start.MoveKey("email", "email", 1), "phone = phone, then email = email"},
		"beyond the first": {start.MoveKey("email", "email", -1), "email = email, then phone = phone"},
		"beyond the last":  {start.MoveKey("phone", "phone", 1), "email = email, then phone = phone"},
		"moved, unknown":   {start.MoveKey("id", "id", 1), "email = email, then phone = phone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.got.KeyWords(); got != tc.want {
				t.Errorf("it says %q, want %q", got, tc.want)
			}
		})
	}
	if start.KeyWords() != "email = email, then phone = phone" {
		t.Errorf("the definition they were made from changed: %s", start.KeyWords())
	}
}
