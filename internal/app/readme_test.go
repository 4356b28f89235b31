package app

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"crosswalk/internal/config"
)

const (
	settingsBegin = "<!-- settings: checked by a test -->\n"
	settingsEnd   = "<!-- end of settings -->"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheREADMEListsEverySetting(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(readme(t), settingsBegin)
	got, _, ok := strings.Cut(rest, settingsEnd)
	if !ok {
		t.Fatal("the README has no table of settings")
	}
	if got != config.Markdown() {
		t.Errorf("the README's table of settings is not the program's. It should be:\n%s", config.Markdown())
	}
}

func TestTheREADMENamesEveryCommand(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(readme(t), "## Running it\n")
	listed, _, _ := strings.Cut(rest, "These work beside a running server")
	for _, c := range commands() {
		if !regexp.MustCompile(`crosswalk [a-z, ]*\b` + c.name + `\b`).MatchString(listed) {
			t.Errorf("the README does not say what crosswalk %s is for", c.name)
		}
	}
}
