package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestContactsAreKeptInSyncBothWays switches the two-way automation on with everyone, edits both sides, and asks why.
func TestContactsAreKeptInSyncBothWays(t *testing.T) {
	t.Parallel()
	hl := startTwin(t, "highlevel", "--instant")
	gl := startTwin(t, "gleap", "--instant")
	s := newSite(t, t.TempDir(), "CROSSWALK_HIGHLEVEL_BASE_URL="+hl.URL, "CROSSWALK_GLEAP_BASE_URL="+gl.URL, "CROSSWALK_POLL_EVERY=1s")
	s.signUp()
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	must := func(status int, body string) {
		t.Helper()
		if status/100 != 2 {
			t.Fatalf("the twin answered %d %s", status, body)
		}
	}
	api := http.Header{"Authorization": {"Bearer " + hl.Token}, "Version": {"2021-07-28"}}
	must(postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": "Jane Roe", "email": "jane@example.com", "phone": "+14155550133"}))
	must(postJSON(t, hl.URL+"/contacts/", api, map[string]any{"locationId": hl.LocationID, "firstName": "Omar", "lastName": "Haddad", "email": "omar@example.com"}))

	_, at := s.mustPost("/automations", url.Values{"recipe": {"contacts-in-sync"}})
	id := strings.Split(strings.TrimPrefix(at, "/automations/"), "/")[0]
	s.mustPost("/automations/"+id+"/activation", url.Values{"state": {"on"}, "start": {"all"}, "version": {s.version(id)}})
	jane := func() map[string]any {
		for _, c := range contacts(t, hl) {
			if strings.EqualFold(fmt.Sprint(c["email"]), "jane@example.com") {
				return c
			}
		}
		return nil
	}
	until(t, patience, "Jane is in HighLevel", func() bool { return jane() != nil })
	until(t, patience, "Omar is in Gleap", func() bool { return stats(t, gl)["sessions"] >= 2 })

	// A label in HighLevel reaches Gleap, and nothing comes back of it.
	must(postJSON(t, hl.URL+"/contacts/"+fmt.Sprint(jane()["id"])+"/tags", api, map[string]any{"tags": []string{"met at fair"}}))
	until(t, patience, "the run that carried the label", func() bool {
		_, page := s.get("/records?q=jane%40example.com")
		return strings.Contains(text(page), "Jane Roe")
	})
	until(t, patience, "both sides agree", func() bool {
		out, err := s.command("plan", id)
		return err == nil && strings.Contains(out, "2 of 2 linked pairs agree in every mapped field")
	})
	out, err := s.command("why", "jane@example.com")
	if err != nil || !strings.Contains(out, "Jane") {
		t.Errorf("why: %v\n%s", err, out)
	}
	_, drift := s.get("/drift")
	if !strings.Contains(text(drift), "100 % in sync") {
		t.Errorf("drift: %s", tail(text(drift), 500))
	}
}
