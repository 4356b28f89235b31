package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func TestMatchKeysAreEditedOnTheMap(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	keys := func() string { return w.now().Definition.KeyWords() }
	p := w.get("/map").is(http.StatusOK)
	p.says("#keys", "Compared as email addresses").says("#keys", "of US").says("#key-target", "Support ID (some seconds late)")
	for _, not := range []string{"First name", "City", "Tags", "Created"} {
		if strings.Contains(p.Find("#key-target").Text(), not) {
			t.Errorf("%s is offered", not)
		}
	}
	if strings.Contains(p.Find("#key-source").Text(), "Tags") {
		t.Error("labels are offered")
	}
	w.post("/keys", form("do", "add", "source", "customData.plan", "target", "custom.x")).is(http.StatusSeeOther)
	w.post("/keys", form("do", "up", "source", "customData.plan", "target", "custom.x")).is(http.StatusSeeOther)
	w.post("/keys", form("do", "up", "source", "customData.plan", "target", "custom.x")).is(http.StatusSeeOther)
	if got := keys(); got != "customData.plan = custom.x, then email = email, then phone = phone" {
		t.Fatalf("the keys are %s", got)
	}
	if k := w.now().Definition.Match[0]; k.Kind != record.Text {
		t.Errorf("it is compared as %s", k.Kind)
	}
	w.get("/map").says("#keys li:first-child", "Compared letter by letter").says("#keys li:first-child", "index of HighLevel")
	w.post("/keys", form("do", "remove", "source", "phone", "target", "phone")).is(http.StatusSeeOther)
	w.get("/versions").says(".version-changes", "How counterparts are found").says(".version-changes", "Counterparts are found by Plan as Support ID, then by Email as Email")
	// It is a change like any other: it can be taken back.
	w.post("/undo", form()).is(http.StatusSeeOther)
	if got := keys(); got != "customData.plan = custom.x, then email = email, then phone = phone" {
		t.Errorf("after undo the keys are %s", got)
	}
}

func TestAMatchKeyThatCannotWorkIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		keys []string // source=target; the recipe's where nil
		form []string
		says string
	}{
		"no field":                  {nil, []string{"do", "add"}, "Choose a field of each side"},
		"a field nobody has":        {nil, []string{"do", "add", "source", "<script>alert(1)</script>", "target", "email"}, "“<script>alert(1)</script>” does not exist in the Gleap contact"},
		"a target nobody has":       {nil, []string{"do", "add", "source", "email", "target", "custom.'; --"}, "does not exist in the HighLevel contact"},
		"a field that is endless":   {nil, []string{"do", "add", "source", strings.Repeat("x", 5000), "target", "email"}, "does not exist"},
		"one that is not looked up": {nil, []string{"do", "add", "source", "name", "target", "city"}, "cannot be looked up by City"},
		"labels":                    {nil, []string{"do", "add", "source", "tags", "target", "custom.x"}, "Tags tells nobody apart"},
		"an email and a phone":      {nil, []string{"do", "add", "source", "email", "target", "phone"}, "never the same"},
		"one that is there":         {nil, []string{"do", "add", "source", "email", "target", "email"}, "a match key already"},
		"the last one":              {[]string{"email=email"}, []string{"do", "remove", "source", "email", "target", "email"}, "a second one would be made"},
		"the last that is sure":     {[]string{"customData.plan=custom.x", "email=email"}, []string{"do", "remove", "source", "email", "target", "email"}, "doubles would be made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			if tc.keys != nil {
				w.edit(func(d *automation.Definition) {
					d.Match = nil
					for _, k := range tc.keys {
						source, target, _ := strings.Cut(k, "=")
						d.Match = append(d.Match, automation.MatchKey{Source: source, Target: target})
					}
				})
			}
			before := w.now()
			p := w.post("/keys", form(tc.form...)).is(http.StatusUnprocessableEntity).says("main", tc.says).says("main", "Nothing was saved")
			if p.Find("main script").Length() != 0 {
				t.Error("what was posted became markup")
			}
			if after := w.now(); after.Version != before.Version || !slices.Equal(after.Definition.Match, before.Definition.Match) {
				t.Errorf("something was saved: %+v", after.Definition.Match)
			}
		})
	}
	w := newWorkshop(t)
	w.post("/keys", form("do", "burn")).is(http.StatusNotFound)
	w.edit(func(d *automation.Definition) { d.Create = false })
	w.post("/keys", form("do", "remove", "source", "email", "target", "email")).is(http.StatusSeeOther)
	w.post("/keys", form("do", "remove", "source", "phone", "target", "phone")).is(http.StatusSeeOther)
	w.get("/map").says("#keys", "only what is linked is recognised")
	// What makes doubles cannot come in by another door either.
	w.post("/policies", form("create", "true", "update", "true")).is(http.StatusUnprocessableEntity).says("main", "a second one would be made")
	w.edit(func(d *automation.Definition) { d.Create = true })
	w.post("/activation", form("state", "on")).is(http.StatusUnprocessableEntity).says("main", "Not switched on: Counterparts are recognised")
}

func TestMatchKeysOfTwoPeopleAreHeldAgainstEachOther(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	seen := w.now().Version
	w.secondTab()
	f := form("do", "add", "source", "customData.plan", "target", "custom.x")
	f.Set("version", strconv.Itoa(seen))
	p := w.post("/keys", f).is(http.StatusConflict).says(".conflict", "Support ID")
	if len(w.now().Definition.Match) != 2 {
		t.Error("it was saved over somebody else's change")
	}
	w.post("/keys", chosen(p)).is(http.StatusSeeOther)
	if got := w.now().Definition; len(got.Match) != 3 || len(got.Mapping.Rows) != 7 {
		t.Errorf("%d keys and %d rows, want both changes", len(got.Match), len(got.Mapping.Rows))
	}
}

func TestKeysOfAnAccountThatDoesNotAnswerAreShownAndNotAdded(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.gateway[hlAccount].down = &provider.Error{Provider: highLevel, Kind: provider.Unavailable}
	p := w.get("/map").is(http.StatusOK).says("#keys", "Email")
	if p.Find("#key-target").Length() != 0 {
		t.Error("fields that nobody knows are offered")
	}
	w.post("/keys", form("do", "add", "source", "name", "target", "custom.x")).is(http.StatusUnprocessableEntity).says("main", "HighLevel does not answer")
	w.post("/keys", form("do", "down", "source", "email", "target", "email")).is(http.StatusSeeOther)
	if got := w.now().Definition.KeyWords(); got != "phone = phone, then email = email" {
		t.Errorf("the keys are %s", got)
	}
}
