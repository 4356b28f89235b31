package gallery_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"crosswalk/web/gallery"

	"github.com/PuerkitoBio/goquery"
)

func page(t *testing.T, s gallery.State) *goquery.Document {
	t.Helper()
	var out bytes.Buffer
	if err := s.Component.Render(t.Context(), &out); err != nil {
		t.Fatalf("render: %v", err)
	}
	doc, err := goquery.NewDocumentFromReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func where(s *goquery.Selection) string {
	html, _ := goquery.OuterHtml(s)
	return html[:min(len(html), 160)]
}

func TestStateNamesAreUniqueAndFitForFiles(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range gallery.States() {
		if seen[s.Name] || s.Family == "" || !regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(s.Name) {
			t.Errorf("state %q of family %q", s.Name, s.Family)
		}
		seen[s.Name] = true
	}
}

func TestEveryStateKeepsTheRules(t *testing.T) {
	t.Parallel()
	rules := map[string]func(*testing.T, *goquery.Document){
		"one heading and the landmarks":              landmarks,
		"headings skip no level":                     headings,
		"nothing inline that the policy would block": nothingInline,
		"ids are unique and references resolve":      references,
		"every control has a label":                  labels,
		"every button and link has a name":           names,
		"errors are tied to their controls":          errors,
		"tables have headers":                        tables,
		"pictures are named or hidden":               pictures,
		"forms work without script":                  forms,
		"at most one dark button in the page body":   onePrimary,
	}
	for _, s := range gallery.States() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			doc := page(t, s)
			for name, rule := range rules {
				t.Run(name, func(t *testing.T) { rule(t, doc) })
			}
		})
	}
}

func landmarks(t *testing.T, doc *goquery.Document) {
	for selector, want := range map[string]int{"h1": 1, "main#main": 1, "html[lang]": 1, "head > title": 1, "a.skip[href='#main']": 1, "#announce[aria-live]": 1} {
		if got := doc.Find(selector).Length(); got != want {
			t.Errorf("%s: %d, want %d", selector, got, want)
		}
	}
	if strings.HasPrefix(doc.Find("title").Text(), " ") {
		t.Errorf("title %q has no name", doc.Find("title").Text())
	}
}

func headings(t *testing.T, doc *goquery.Document) {
	last := 0
	doc.Find("main").Find("h1, h2, h3, h4, h5, h6").Each(func(_ int, h *goquery.Selection) {
		level := int(goquery.NodeName(h)[1] - '0')
		if level > last+1 {
			t.Errorf("h%d follows h%d: %s", level, last, where(h))
		}
		last = level
		if strings.TrimSpace(h.Text()) == "" {
			t.Errorf("empty heading: %s", where(h))
		}
	})
}

func nothingInline(t *testing.T, doc *goquery.Document) {
	doc.Find("style, script:not([src]), [style], iframe, base").Each(func(_ int, s *goquery.Selection) {
		t.Errorf("inline: %s", where(s))
	})
	doc.Find("*").Each(func(_ int, s *goquery.Selection) {
		for _, a := range s.Nodes[0].Attr {
			key := strings.ToLower(a.Key)
			if strings.HasPrefix(key, "on") || strings.HasPrefix(key, "hx-on") || strings.HasPrefix(a.Val, "js:") || strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
				t.Errorf("script in an attribute: %s", where(s))
			}
			if (key == "src" || key == "href") && strings.Contains(a.Val, "//") {
				t.Errorf("points to another host: %s", where(s))
			}
		}
	})
}

func references(t *testing.T, doc *goquery.Document) {
	ids := map[string]bool{}
	doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		id := s.AttrOr("id", "")
		if id == "" || ids[id] || strings.ContainsAny(id, " \n") {
			t.Errorf("id %q is empty, spaced or used twice", id)
		}
		ids[id] = true
	})
	for _, attr := range []string{"for", "aria-describedby", "aria-labelledby", "popovertarget"} {
		doc.Find("[" + attr + "]").Each(func(_ int, s *goquery.Selection) {
			for id := range strings.FieldsSeq(s.AttrOr(attr, "")) {
				if !ids[id] {
					t.Errorf("%s points to no element: %s", attr, where(s))
				}
			}
		})
	}
	doc.Find("a[href^='#']").Each(func(_ int, s *goquery.Selection) {
		if id := strings.TrimPrefix(s.AttrOr("href", ""), "#"); !ids[id] {
			t.Errorf("link to no element: %s", where(s))
		}
	})
}

func labels(t *testing.T, doc *goquery.Document) {
	labelled := map[string]bool{}
	doc.Find("label[for]").Each(func(_ int, s *goquery.Selection) {
		labelled[s.AttrOr("for", "")] = strings.TrimSpace(s.Text()) != ""
	})
	doc.Find("input:not([type=hidden], [hidden]), select, textarea, progress, meter").Each(func(_ int, s *goquery.Selection) {
		if !labelled[s.AttrOr("id", "")] && s.AttrOr("aria-label", "") == "" {
			t.Errorf("no label: %s", where(s))
		}
	})
	doc.Find("[role=dialog], nav, [role=region], section, fieldset").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("aria-label", "") == "" && s.AttrOr("aria-labelledby", "") == "" && s.ChildrenFiltered("legend").Length() == 0 {
			t.Errorf("no name: %s", where(s))
		}
	})
}

func names(t *testing.T, doc *goquery.Document) {
	doc.Find("button, a, summary").Each(func(_ int, s *goquery.Selection) {
		if strings.TrimSpace(s.Text()) == "" && s.AttrOr("aria-label", "") == "" {
			t.Errorf("no name: %s", where(s))
		}
		if goquery.NodeName(s) == "button" && s.AttrOr("type", "") == "" {
			t.Errorf("a button without type submits by accident: %s", where(s))
		}
	})
}

func errors(t *testing.T, doc *goquery.Document) {
	doc.Find("[aria-invalid]").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("aria-describedby", "") == "" {
			t.Errorf("an error nobody is told: %s", where(s))
		}
	})
}

func tables(t *testing.T, doc *goquery.Document) {
	doc.Find("table").Each(func(_ int, s *goquery.Selection) {
		if s.Find("thead th[scope=col]").Length() == 0 || s.Find("th:not([scope])").Length() > 0 {
			t.Errorf("headers missing or without scope: %s", where(s))
		}
	})
}

func pictures(t *testing.T, doc *goquery.Document) {
	doc.Find("svg, img").Each(func(_ int, s *goquery.Selection) {
		hidden := s.AttrOr("aria-hidden", "") == "true"
		named := s.AttrOr("role", "") == "img" && s.AttrOr("aria-label", "") != "" || s.Is("img") && s.AttrOr("alt", "") != ""
		if hidden == named {
			t.Errorf("neither named nor hidden: %s", where(s))
		}
	})
}

func forms(t *testing.T, doc *goquery.Document) {
	doc.Find("form").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("action", "") == "" || s.AttrOr("method", "") == "" || s.Find("button[type=submit]").Length() == 0 {
			t.Errorf("needs the script: %s", where(s))
		}
	})
	if doc.Find("form form").Length() > 0 {
		t.Error("a form inside a form")
	}
}

func onePrimary(t *testing.T, doc *goquery.Document) {
	// Editors lie over the page when open, so they count for themselves.
	if n := doc.Find("main .button[data-kind=primary]").Not("[popover] .button").Length(); n > 1 {
		t.Errorf("%d dark buttons; one says what to do next", n)
	}
}
