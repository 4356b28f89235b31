package app_test

import (
	"os"
	"strings"
	"testing"

	"crosswalk/internal/config"
)

const (
	settingsBegin = "<!-- settings: checked by a test -->\n"
	settingsEnd   = "<!-- end of settings -->"
)

func TestTheREADMEListsEverySetting(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), settingsBegin)
	got, _, ok := strings.Cut(rest, settingsEnd)
	if !ok {
		t.Fatal("the README has no table of settings")
	}
	if got != config.Markdown() {
		t.Errorf("the README's table of settings is not the program's. It should be:\n%s", config.Markdown())
	}
}
