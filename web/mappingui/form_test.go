package mappingui_test

import (
	"bytes"
	"net/url"
	"testing"

	"crosswalk/web/gallery"
	"crosswalk/web/mappingui"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

func transforms(names ...string) []mappingui.TransformForm {
	var list []mappingui.TransformForm
	for _, n := range names {
		list = append(list, mappingui.TransformForm{Name: n, Params: map[string]string{}})
	}
	return list
}

func TestButtonsOfTheRowEditorChangeTheTransforms(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, do, add string
		want          []mappingui.TransformForm
	}{
		{"save keeps them", "save", "", transforms("trim", "case")},
		{"add puts one at the end", "add", "phone", transforms("trim", "case", "phone")},
		{"add without a choice keeps them", "add", "", transforms("trim", "case")},
		{"remove takes one out", "remove:0", "", transforms("case")},
		{"up swaps with the one before", "up:1", "", transforms("case", "trim")},
		{"up on the first keeps them", "up:0", "", transforms("trim", "case")},
		{"a number out of range keeps them", "remove:9", "", transforms("trim", "case")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := mappingui.ReadRow(url.Values{"version": {"4"}, "do": {c.do}, "add": {c.add},
				"source": {"name", "", "email"}, "transform.0.name": {"trim"}, "transform.1.name": {"case"}})
			if diff := cmp.Diff(c.want, got.Transforms); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff([]string{"name", "email"}, got.Sources); diff != "" || got.Version != 4 {
				t.Errorf("version %d, sources -want +got:\n%s", got.Version, diff)
			}
		})
	}
}

func TestButtonsOfTheWayBackChangeItsTransformsOnly(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, own, do string
		want, back    []mappingui.TransformForm
	}{
		{"save keeps them", "own", "save", transforms("trim", "case"), transforms("shorten", "phone")},
		{"add puts one at the end of the way back", "own", "add-back", transforms("trim", "case"), transforms("shorten", "phone", "date")},
		{"add puts one at the end of the way there", "own", "add", transforms("trim", "case", "round"), transforms("shorten", "phone")},
		{"remove takes one out", "own", "remove-back:0", transforms("trim", "case"), transforms("phone")},
		{"up swaps with the one before", "own", "up-back:1", transforms("trim", "case"), transforms("phone", "shorten")},
		{"remove there leaves the way back", "own", "remove:0", transforms("case"), transforms("shorten", "phone")},
		{"without a way of its own there are none", "", "save", transforms("trim", "case"), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := mappingui.ReadRow(url.Values{"back": {c.own}, "do": {c.do}, "add": {"round"}, "addback": {"date"}, "direction": {"both"}, "clear": {"true"},
				"transform.0.name": {"trim"}, "transform.1.name": {"case"}, "back.0.name": {"shorten"}, "back.1.name": {"phone"}})
			if diff := cmp.Diff(c.want, got.Transforms); diff != "" {
				t.Errorf("there: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.back, got.Back); diff != "" {
				t.Errorf("back: -want +got:\n%s", diff)
			}
			if got.Direction != mappingui.Both || !got.Clear || got.OwnBack != (c.own == "own") {
				t.Errorf("read as %+v", got)
			}
		})
	}
}

func TestParametersTravelWithTheirTransform(t *testing.T) {
	t.Parallel()
	got := mappingui.ReadRow(url.Values{"transform.0.name": {"lookup"}, "transform.0.param.pairs": {"a = b"}, "transform.0.param.keep": {"true"}})
	want := []mappingui.TransformForm{{Name: "lookup", Params: map[string]string{"pairs": "a = b", "keep": "true"}}}
	if diff := cmp.Diff(want, got.Transforms); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestATableIsReadLineByLine(t *testing.T) {
	t.Parallel()
	pairs, bad := mappingui.ReadTable("pro = Customer\r\n\n nonsense\nx=y=z\n= none")
	if diff := cmp.Diff([][2]string{{"pro", "Customer"}, {"x", "y=z"}, {"", "none"}}, pairs); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]int{3}, bad); diff != "" {
		t.Errorf("bad lines -want +got:\n%s", diff)
	}
}

func TestEveryTargetCanBeConnectedWithoutScript(t *testing.T) {
	t.Parallel()
	for _, state := range gallery.States() {
		if state.Name != "map" {
			continue
		}
		var page bytes.Buffer
		if err := state.Component.Render(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
		doc, err := goquery.NewDocumentFromReader(&page)
		if err != nil {
			t.Fatal(err)
		}
		targets := doc.Find("[data-target]")
		targets.Each(func(_ int, target *goquery.Selection) {
			form := target.Find("form[data-connect]")
			if form.AttrOr("action", "") != "/automations/at_1/rows" || form.Find("input[name=target]").AttrOr("value", "") != target.AttrOr("data-target", "") || form.Find("input[name=version]").AttrOr("value", "") != "4" {
				t.Errorf("%s: form does not name its row", target.AttrOr("data-target", ""))
			}
			chosen := form.Find("option[selected]").AttrOr("value", "")
			if chosen != target.AttrOr("data-sources", "") {
				t.Errorf("%s: select shows %q, wire comes from %q", target.AttrOr("data-target", ""), chosen, target.AttrOr("data-sources", ""))
			}
		})
		if targets.Length() != 8 {
			t.Errorf("%d targets", targets.Length())
		}
	}
}
