package app_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// rooms says which rooms of the house a room may know. It is the whole architecture in one table: a new arrow
// is one line here, for a reviewer to see. Tests may know more (twins, test kits), programs may not.
var rooms = map[string][]string{
	// Level 0: vocabulary and ground.
	"internal/record":  {},
	"internal/vault":   {},
	"internal/config":  {},
	"internal/people":  {},
	"internal/alert":   {},
	"migrations":       {},
	"static":           {},
	"web/ui":           {"static"},
	"web/accountui":    {"web/ui"},
	"web/connectionui": {"web/ui"},
	"web/automationui": {"web/ui"},
	"web/mappingui":    {"web/ui", "web/automationui"},
	"web/planui":       {"web/ui"},
	"web/runui":        {"web/ui", "web/automationui"},
	"web/reviewui":     {"web/ui"},
	"web/recordui":     {"web/ui", "web/automationui", "web/runui"},
	"web/driftui":      {"web/ui"},
	"web/deliveryui":   {"web/ui"},
	"web/peopleui":     {"web/ui"},
	"web/overviewui":   {"web/ui", "web/automationui", "web/connectionui", "web/runui"},
	"web/gallery":      {"web/ui", "web/accountui", "web/connectionui", "web/automationui", "web/mappingui", "web/planui", "web/runui", "web/reviewui", "web/recordui", "web/driftui", "web/deliveryui", "web/peopleui", "web/overviewui"},
	// Level 1: what is decided, and what is spoken.
	"internal/provider":   {"internal/record"},
	"internal/mapping":    {"internal/record"},
	"internal/rule":       {"internal/record"},
	"internal/automation": {"internal/record", "internal/mapping", "internal/rule", "internal/provider"},
	"internal/apiclient":  {"internal/provider"},
	"internal/connection": {"internal/record", "internal/provider", "internal/vault"},
	// Level 2: plan, then apply.
	"internal/engine": {"internal/record", "internal/mapping", "internal/rule", "internal/automation", "internal/provider"},
	"internal/recipe": {"internal/record", "internal/mapping", "internal/rule", "internal/automation", "internal/provider"},
	// Level 3: adapters. They never know each other.
	"internal/provider/highlevel": {"internal/record", "internal/provider", "internal/apiclient", "internal/connection"},
	"internal/provider/gleap":     {"internal/record", "internal/provider", "internal/apiclient", "internal/connection"},
	"internal/store":              {"internal/record", "internal/automation", "internal/engine", "internal/connection", "internal/people", "internal/provider", "internal/rule", "internal/mapping", "internal/alert", "migrations"},
	"internal/queue":              {"internal/engine", "internal/provider"},
	"internal/server": {
		"internal/record", "internal/mapping", "internal/rule", "internal/automation", "internal/provider", "internal/connection", "internal/engine", "internal/people", "internal/recipe",
		"static", "web/ui", "web/accountui", "web/connectionui", "web/automationui", "web/mappingui", "web/planui", "web/runui", "web/reviewui", "web/recordui", "web/driftui", "web/deliveryui", "web/peopleui", "web/overviewui",
	},
	// Twins know nothing of ours: a shared mistake would agree with itself.
	"internal/twin/highlevel": {},
	"internal/twin/gleap":     {},
	// Test kits.
	"internal/provider/providertest":     {"internal/record", "internal/provider"},
	"internal/connection/connectiontest": {"internal/record", "internal/provider", "internal/connection"},
	"internal/store/storetest":           {"*"},
	"internal/store/postgrestest":        {},
	"internal/engine/enginetest":         {"*"},
	"internal/engine/memory":             {"internal/record", "internal/automation", "internal/provider", "internal/engine"},
	"internal/simulate":                  {"*"},
	"internal/e2e":                       {"*"},
	// Level 4 and 5: the composition root knows everybody, and only programs know it.
	"internal/app":        {"*"},
	"cmd/crosswalk":       {"internal/app"},
	"cmd/crosswalk-bench": {"*"},
}

// pure rooms decide; they may not reach the network, a database or the clock's friends.
var pure = []string{"internal/record", "internal/mapping", "internal/rule", "internal/automation"}

var impure = []string{"net/http", "database/sql", "os", "gorm.io/gorm", "github.com/labstack/echo/v4", "github.com/riverqueue/river"}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestRoomsKnowOnlyWhomTheyMay(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, "crosswalk/")
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s is not in the table: say which rooms it may know", room)
			continue
		}
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, "crosswalk/")
			if ours && !slices.Contains(allowed, to) && !slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s, which it may not know", room, to)
			}
			if slices.Contains(pure, room) && slices.Contains(impure, imported) {
				t.Errorf("%s imports %s, and it is a pure room", room, imported)
			}
		}
	}
}

func TestEveryRoomOfTheTableExists(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, p := range packages(t) {
		there[strings.TrimPrefix(p.ImportPath, "crosswalk/")] = true
	}
	for room := range rooms {
		if !there[room] {
			t.Errorf("the table names %s, which does not exist", room)
		}
	}
}

func TestNoRoomIsABucket(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, word := range []string{"util", "utils", "common", "helper", "helpers", "manager", "models", "types", "misc"} {
			if path.Base(p.ImportPath) == word {
				t.Errorf("%s says nothing about what it is for", p.ImportPath)
			}
		}
	}
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "crosswalk/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
