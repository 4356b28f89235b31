package e2e_test

import (
	"fmt"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// command runs the program beside a running server, on its data.
func (s *site) command(args ...string) (string, error) {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Args = append(cmd.Args, "--data", s.args[len(s.args)-1])
	cmd.Dir = s.t.TempDir()
	cmd.Env = append(cleanEnv(), s.env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var planID = regexp.MustCompile(`pl_[0-9a-v]+`)

// TestAPlanIsShownCarriedOutAndTakenBack does from the command line and from the pages what both promise: what is shown
// is what is written, and what was written goes back.
func TestAPlanIsShownCarriedOutAndTakenBack(t *testing.T) {
	t.Parallel()
	hl := startTwin(t, "highlevel", "--instant")
	gl := startTwin(t, "gleap", "--instant")
	s := newSite(t, t.TempDir(), "CROSSWALK_HIGHLEVEL_BASE_URL="+hl.URL, "CROSSWALK_GLEAP_BASE_URL="+gl.URL, "CROSSWALK_POLL_EVERY=1s")
	s.signUp()
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	_, at := s.mustPost("/automations", url.Values{"recipe": {"gleap-contact-to-highlevel"}})
	id := strings.Split(strings.TrimPrefix(at, "/automations/"), "/")[0]
	const people = 30
	for i := range people {
		if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": fmt.Sprintf("Person %d", i), "email": fmt.Sprintf("p%d@example.com", i)}); status >= 400 {
			t.Fatalf("the twin refused a contact: %d %s", status, body)
		}
	}
	count := func() int { return int(stats(t, hl)["contacts"]) }
	before := count()

	out, err := s.command("plan", id)
	if err != nil || !strings.Contains(out, fmt.Sprintf("create   %d", people)) || !strings.Contains(out, "Nothing has been written") {
		t.Fatalf("plan: %v\n%s", err, out)
	}
	if count() != before {
		t.Fatal("showing a plan wrote something")
	}
	first := planID.FindString(out)
	out, err = s.command("apply", first)
	if err != nil || !strings.Contains(out, fmt.Sprintf("%d written", people)) || count() != before+people {
		t.Fatalf("apply: %v, %d contacts\n%s", err, count(), out)
	}
	if out, err = s.command("plan", "gleap contact"); err != nil || !strings.Contains(out, fmt.Sprintf("%d of %d linked pairs agree", people, people)) {
		t.Fatalf("plan again: %v\n%s", err, out)
	}

	// From the pages: a dry run, its exports, and taking back what the first plan wrote.
	_, at = s.mustPost("/automations/"+id+"/plans", url.Values{"scope": {"all"}})
	done := func(path string, words string) string {
		t.Helper()
		page := ""
		until(t, patience, words, func() bool {
			_, page = s.get(path)
			return strings.Contains(text(page), words)
		})
		return page
	}
	done(at, "Nothing has been written.")
	if status, body := s.get(at + "?format=csv"); status != 200 || strings.Count(body, "\n") != people+before+1 {
		t.Errorf("CSV: %d\n%s", status, tail(body, 300))
	}
	if status, body := s.get(at + "?format=json"); status != 200 || strings.Count(body, `"outcome"`) != people+before {
		t.Errorf("JSON: %d\n%s", status, tail(body, 300))
	}
	_, drift := s.get("/drift")
	if !strings.Contains(text(drift), fmt.Sprintf("100 %% in sync: %d of %d", people, people)) {
		t.Errorf("drift: %s", tail(text(drift), 600))
	}
	_, runs := s.get("/runs")
	run := regexp.MustCompile(`/runs/(rn_[0-9a-v]+)`).FindStringSubmatch(runs)
	if run == nil {
		t.Fatalf("no run on the page: %s", tail(text(runs), 500))
	}
	_, at = s.mustPost("/undo", url.Values{"kind": {"run"}, "id": {run[1]}, "created": {"delete"}})
	done(at, "would be deleted")
	page, _ := s.mustPost(at+"/apply", url.Values{"outcome": {"delete"}})
	if !strings.Contains(text(page), "Tick the box") || count() != before+people {
		t.Errorf("deleted without being asked: %s", tail(text(page), 400))
	}
	s.mustPost(at+"/apply", url.Values{"outcome": {"delete"}, "confirm": {"yes"}})
	done(at, "1 record written")
	if got := count(); got != before+people-1 {
		t.Errorf("%d contacts, want %d", got, before+people-1)
	}

	// And from the command line: all that is left of the first plan goes back.
	if out, err = s.command("undo", "plan", first); err != nil || !strings.Contains(out, "Nothing has been written.") || count() != before+people-1 {
		t.Fatalf("undo, shown: %v, %d contacts\n%s", err, count(), out)
	}
	if out, err = s.command("undo", "plan", first, "--created", "delete", "--yes"); err != nil || !strings.Contains(out, fmt.Sprintf("%d taken back", people-1)) || count() != before {
		t.Fatalf("undo: %v, %d contacts, want %d\n%s", err, count(), before, out)
	}
}
