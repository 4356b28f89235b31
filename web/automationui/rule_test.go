package automationui_test

import (
	"bytes"
	"net/url"
	"testing"

	"crosswalk/web/automationui"
	"crosswalk/web/ui"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

func condition(field, op, value string) automationui.Node {
	return automationui.Node{Condition: &automationui.Condition{Field: field, Op: op, Value: value}}
}

func group(anyOf bool, nodes ...automationui.Node) automationui.Node {
	return automationui.Node{Group: &automationui.Group{Any: anyOf, Nodes: nodes}}
}

var fresh = automationui.Node{Condition: &automationui.Condition{Op: "equals"}}

func TestPressingAButtonEditsTheTree(t *testing.T) {
	t.Parallel()
	plan, email := condition("plan", "not_equals", "free"), condition("email", "is_not_empty", "")
	start := automationui.Group{Nodes: []automationui.Node{plan, group(true, email, plan)}}
	cases := []struct {
		name, do string
		want     automationui.Group
		edit     bool
	}{
		{"add a condition to the root", "add-condition:rule", automationui.Group{Nodes: []automationui.Node{plan, group(true, email, plan), fresh}}, true},
		{"add a condition to the inner group", "add-condition:rule.1", automationui.Group{Nodes: []automationui.Node{plan, group(true, email, plan, fresh)}}, true},
		{"an added group joins the other way", "add-group:rule.1", automationui.Group{Nodes: []automationui.Node{plan, group(true, email, plan, group(false, fresh))}}, true},
		{"remove a nested condition", "remove:rule.1.0", automationui.Group{Nodes: []automationui.Node{plan, group(true, plan)}}, true},
		{"remove a whole group", "remove:rule.1", automationui.Group{Nodes: []automationui.Node{plan}}, true},
		{"a path that is gone changes nothing", "remove:rule.7.1", start, true},
		{"a condition has no children", "add-condition:rule.0", start, true},
		{"saving is no edit", "save", start, false},
		{"nonsense is no edit", "remove:rule.x", start, false},
		{"a negative index is harmless", "remove:rule.-1", start, true},
		{"an unknown verb is no edit", "explode:rule", start, false},
	}
	before := start.Nodes[1].Group.Nodes[0].Condition.Field
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, edit := start.Edit(c.do)
			if diff := cmp.Diff(c.want, got); diff != "" || edit != c.edit {
				t.Errorf("edit %v (want %v), -want +got:\n%s", edit, c.edit, diff)
			}
		})
	}
	if start.Nodes[1].Group.Nodes[0].Condition.Field != before || len(start.Nodes) != 2 {
		t.Error("the tree that was edited has changed itself")
	}
}

// formValues reads a form as a browser would send it.
func formValues(t *testing.T, form *goquery.Selection) url.Values {
	t.Helper()
	values := url.Values{}
	form.Find("input[name], select[name], textarea[name]").Each(func(_ int, s *goquery.Selection) {
		name := s.AttrOr("name", "")
		switch goquery.NodeName(s) {
		case "select":
			option := s.Find("option[selected]")
			if option.Length() == 0 {
				option = s.Find("option")
			}
			values.Add(name, option.First().AttrOr("value", ""))
		default:
			values.Add(name, s.AttrOr("value", ""))
		}
	})
	return values
}

func TestTheFormCarriesTheTreeThereAndBack(t *testing.T) {
	t.Parallel()
	want := automationui.Group{Any: true, Nodes: []automationui.Node{
		condition("plan", "not_equals", `"free" & <more>`),
		group(false, condition("email", "is_not_empty", "kept although not asked"), group(true, condition("seats", "greater", "10"))),
		condition("vip", "is_true", ""),
	}}
	view := automationui.WhenView{Rule: want, Fields: []ui.Option{{Value: "plan", Label: "Plan"}, {Value: "email", Label: "Email"}, {Value: "seats", Label: "Seats"}, {Value: "vip", Label: "VIP"}}}
	var page bytes.Buffer
	if err := automationui.WhenPage(ui.Shell{}, view).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(&page)
	if err != nil {
		t.Fatal(err)
	}
	form := doc.Find("form:has([name='rule.kind'])")
	if diff := cmp.Diff(want, automationui.ReadGroup(formValues(t, form))); diff != "" {
		t.Errorf("-sent +read:\n%s", diff)
	}
}

func TestAHostileFormCannotGrowTheTreeWithoutEnd(t *testing.T) {
	t.Parallel()
	form := url.Values{}
	path := "rule"
	for range 100 {
		path += ".0"
		form.Set(path+".kind", "group")
	}
	deep := 0
	for g := automationui.ReadGroup(form); len(g.Nodes) > 0; g = *g.Nodes[0].Group {
		deep++
	}
	if deep > 8 {
		t.Errorf("%d levels deep", deep)
	}
}
