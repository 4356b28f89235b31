package engine_test

import (
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func key(source, target string) automation.MatchKey {
	return automation.MatchKey{Source: source, Target: target, Kind: record.Text}
}

func TestMatchKeysAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	from := engine.Side{
		Schema: record.Schema{Label: "Gleap contact", Fields: []record.FieldSpec{
			{Key: "email", Label: "Email", Kind: record.Email}, {Key: "phone", Label: "Phone", Kind: record.Phone}, {Key: "userId", Label: "User ID", Kind: record.Text},
			{Key: "tags", Label: "Tags", Kind: record.Set}, {Key: "born", Label: "Born", Kind: record.Date}, {Key: "seats", Label: "Seats", Kind: record.Number},
			{Key: "customData.crm", Label: "crm", Kind: record.Text, Custom: true},
		}},
		Object: provider.Object{MatchFields: []string{"userId", "email", "phone"}},
	}
	to := engine.Side{
		Schema: record.Schema{Label: "HighLevel contact", Fields: []record.FieldSpec{
			{Key: "email", Label: "Email", Kind: record.Email}, {Key: "phone", Label: "Phone", Kind: record.Phone}, {Key: "city", Label: "City", Kind: record.Text},
			{Key: "custom.x", Label: "External ID", Kind: record.Text, Custom: true}, {Key: "custom.n", Label: "Number", Kind: record.Number, Custom: true},
			{Key: "custom.l", Label: "Story", Kind: record.LongText, Custom: true}, {Key: "custom.f", Label: "File", Kind: record.Text, Custom: true, ReadOnly: true},
		}},
		Object: provider.Object{MatchFields: []string{"email", "phone"}, MatchCustom: true},
	}
	sure := key("email", "email")
	back := []mapping.Row{{ID: "r1", Sources: []string{"email"}, Target: "email", Direction: mapping.Both}}
	for name, tc := range map[string]struct {
		def  automation.Definition
		want string // code@key
	}{
		"an address":                         {automation.Definition{Create: true, Match: []automation.MatchKey{sure}}, ""},
		"an external id besides an address":  {automation.Definition{Create: true, Match: []automation.MatchKey{key("userId", "custom.x"), sure}}, ""},
		"a text and a number":                {automation.Definition{Match: []automation.MatchKey{key("userId", "custom.n")}}, ""},
		"an external id alone":               {automation.Definition{Create: true, Match: []automation.MatchKey{key("userId", "custom.x")}}, "unproven@-1"},
		"an external id alone, nothing made": {automation.Definition{Match: []automation.MatchKey{key("userId", "custom.x")}}, ""},
		"none, and records are made":         {automation.Definition{Create: true}, "none@-1"},
		"none, and no record is made":        {automation.Definition{}, ""},
		"none that can make records back":    {automation.Definition{CreateSource: true, Mapping: mapping.Mapping{Rows: back}}, "none@-1"},
		"a field that is not looked up":      {automation.Definition{Match: []automation.MatchKey{key("userId", "city")}}, "not_looked_up@0"},
		"a structure":                        {automation.Definition{Match: []automation.MatchKey{key("userId", "custom.f")}}, "not_looked_up@0"},
		"labels":                             {automation.Definition{Match: []automation.MatchKey{key("tags", "custom.x")}}, "kind@0"},
		"a date":                             {automation.Definition{Match: []automation.MatchKey{key("born", "custom.x")}}, "kind@0"},
		"a long text":                        {automation.Definition{Match: []automation.MatchKey{key("userId", "custom.l")}}, "kind@0"},
		"a source nobody has":                {automation.Definition{Match: []automation.MatchKey{sure, key("'; drop", "email")}}, "source_gone@1"},
		"a target nobody has":                {automation.Definition{Match: []automation.MatchKey{key("email", "custom.<b>")}}, "target_gone@0"},
		"an email and a phone":               {automation.Definition{Match: []automation.MatchKey{key("email", "phone")}}, "kinds@0"},
		"twice":                              {automation.Definition{Match: []automation.MatchKey{sure, sure}}, "twice@1"},
		"both ways, never found back":        {automation.Definition{Match: []automation.MatchKey{key("customData.crm", "custom.x")}, Mapping: mapping.Mapping{Rows: back}}, "not_looked_up_back@-1"},
		"both ways, made back on no proof":   {automation.Definition{CreateSource: true, Match: []automation.MatchKey{key("customData.crm", "custom.x")}, Mapping: mapping.Mapping{Rows: back}}, "unproven@-1"},
		"both ways, found by one of two":     {automation.Definition{Create: true, CreateSource: true, Match: []automation.MatchKey{key("userId", "custom.x"), sure}, Mapping: mapping.Mapping{Rows: back}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := engine.Compile(automation.Automation{Definition: tc.def}, from, to)
			var got []string
			for _, p := range c.KeyProblems() {
				where := map[int]string{0: "@0", 1: "@1", engine.EveryKey: "@-1"}[p.Key]
				got = append(got, p.Code+where)
				if !strings.HasSuffix(p.Message, ".") || strings.Contains(p.Suggestion, " of .") || strings.Contains(p.Suggestion, " of ,") {
					t.Errorf("it says %q, %q", p.Message, p.Suggestion)
				}
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("it complains of %v, want %q", got, tc.want)
			}
		})
	}
	c := engine.Compile(automation.Automation{}, from, to)
	var offered []string
	for _, f := range c.LookedUpBy() {
		offered = append(offered, f.Label)
	}
	if want := []string{"Email", "Phone", "External ID", "Number"}; !slices.Equal(offered, want) {
		t.Errorf("%v are offered, want %v", offered, want)
	}
}
