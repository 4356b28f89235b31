package app_test

import (
	"bytes"
	"strings"
	"testing"

	"crosswalk/internal/app"
)

func command(t *testing.T, env []string, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = app.Main(t.Context(), args, env, app.Streams{Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestCommandsAndTheirMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args     string
		env      []string
		code     int
		out, err string
	}{
		{"", nil, 2, "", "Usage"},
		{"help", nil, 0, "", "serve"},
		{"version", nil, 0, "crosswalk development", ""},
		{"version extra", nil, 2, "", "not expected"},
		{"sreve", nil, 2, "", `no command "sreve"`},
		{"serve --nonsense", nil, 2, "", "nonsense"},
		{"serve", []string{"CROSSWALK_WORKERS=none", "CROSSWALK_ADRR=x"}, 2, "", "CROSSWALK_ADDR"},
		{"work", nil, 1, "", "CROSSWALK_DATABASE_URL"},
		{"simulate --seeds 3", nil, 0, "3 worlds in", ""},
		{"simulate --seeds 1 --start 7", nil, 0, "seed 7", ""},
		{"simulate --seeds 1 --start 7 --store sqlite", nil, 0, "seed 7", ""},
		{"simulate --store floppy", nil, 1, "", "--store is memory or sqlite"},
		{"simulate --seeds 0", nil, 1, "", "--seeds begins at 1"},
		{"plan", nil, 2, "", "which automation"},
		{"rows --help", nil, 0, "", "which field fills which"},
		{"undo change", nil, 2, "", "its id"},
		{"twin", nil, 2, "", "say which one"},
		{"twin pipedrive", nil, 2, "", "say which one"},
		{"twin gleap --addr nowhere", nil, 1, "", "nowhere"},
	} {
		code, out, err := command(t, c.env, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) {
			t.Errorf("crosswalk %s: %d\n%s%s", c.args, code, out, err)
		}
	}
}

func TestADatabaseIsMigratedOnceAndTheDoctorFindsItWell(t *testing.T) {
	t.Parallel()
	env := []string{"CROSSWALK_DATA=" + t.TempDir()}
	if code, out, _ := command(t, env, "doctor"); code != 1 || !strings.Contains(out, "BAD  schema") {
		t.Errorf("before: %d\n%s", code, out)
	}
	if code, out, err := command(t, env, "migrate"); code != 0 || !strings.Contains(out, "Migrated") {
		t.Errorf("migrate: %d %s%s", code, out, err)
	}
	if code, out, _ := command(t, env, "migrate"); code != 0 || !strings.Contains(out, "Nothing to do") {
		t.Errorf("again: %d %s", code, out)
	}
	if code, out, err := command(t, env, "doctor"); code != 0 || strings.Contains(out, "BAD") {
		t.Errorf("after: %d\n%s%s", code, out, err)
	}
}
