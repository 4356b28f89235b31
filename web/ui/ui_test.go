package ui_test

import (
	"strings"
	"testing"

	"crosswalk/web/ui"

	"github.com/a-h/templ"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var out strings.Builder
	if err := c.Render(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestASecretIsNeverSentBack(t *testing.T) {
	t.Parallel()
	html := render(t, ui.Field(ui.Input{ID: "k", Name: "k", Label: "Key", Type: "password", Value: "hunter2-secret"}))
	if strings.Contains(html, "hunter2") {
		t.Errorf("the page shows the secret: %s", html)
	}
}

func TestForeignTextIsOnlyText(t *testing.T) {
	t.Parallel()
	evil := `"><script>alert(1)</script>`
	for name, c := range map[string]templ.Component{
		"change":  ui.Change(ui.Diff{Before: evil, After: evil + "2"}),
		"problem": ui.ProblemBox(ui.Problem{Title: evil, Words: evil, Side: ui.Gleap}),
		"field":   ui.Field(ui.Input{ID: "a", Name: "a", Label: evil, Value: evil, Error: evil}),
		"flash":   ui.Flashes([]ui.Flash{{Title: evil}}),
		"link":    ui.ProblemBox(ui.Problem{Title: "x", Href: "/x", HrefLabel: evil}),
	} {
		if html := render(t, c); strings.Contains(html, "<script") {
			t.Errorf("%s: %s", name, html)
		}
	}
}

func TestNumbersReadWell(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12480: "12,480", 1234567: "1,234,567", -1500: "−1,500"} {
		if got := ui.Number(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if one, many := ui.Count(1, "run", "runs"), ui.Count(1204, "run", "runs"); one != "1 run" || many != "1,204 runs" {
		t.Errorf("%q, %q", one, many)
	}
}

func TestTheThemeIsSetBeforeTheFirstPaint(t *testing.T) {
	t.Parallel()
	for theme, want := range map[ui.Theme]string{ui.ThemeSystem: `data-theme="system"`, ui.ThemeLight: `data-theme="light"`, ui.ThemeDark: `data-theme="dark"`} {
		if html := render(t, ui.Page(ui.Shell{Theme: theme}, "X")); !strings.Contains(html, "<html lang=\"en\" "+want) {
			t.Errorf("theme %q is not on <html>", theme)
		}
	}
}
