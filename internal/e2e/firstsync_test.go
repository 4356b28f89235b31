package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestTheFirstSyncStepByStep brings two full accounts together: look, read who matches whom, carry out a part, switch on.
func TestTheFirstSyncStepByStep(t *testing.T) {
	t.Parallel()
	hl := startTwin(t, "highlevel", "--instant")
	gl := startTwin(t, "gleap", "--instant")
	s := newSite(t, t.TempDir(), "CROSSWALK_HIGHLEVEL_BASE_URL="+hl.URL, "CROSSWALK_GLEAP_BASE_URL="+gl.URL, "CROSSWALK_POLL_EVERY=1s")
	s.signUp()
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	api := http.Header{"Authorization": {"Bearer " + hl.Token}, "Version": {"2021-07-28"}}
	crm := func(first, email, phone string) {
		t.Helper()
		if status, body := postJSON(t, hl.URL+"/contacts/", api, map[string]any{"locationId": hl.LocationID, "firstName": first, "lastName": "Roe", "email": email, "phone": phone}); status/100 != 2 {
			t.Fatalf("the twin answered %d %s", status, body)
		}
	}
	guest := func(name, email, phone string) {
		t.Helper()
		if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": name, "email": email, "phone": phone}); status/100 != 2 {
			t.Fatalf("the twin answered %d %s", status, body)
		}
	}
	crm("Jane", "jane@example.com", "")
	guest("Jane Roe", "jane@example.com", "+14155550133") // the same, and knows more
	crm("Omar", "omar@example.com", "")                   // only in HighLevel
	guest("Lee", "lee@example.com", "")                   // only in Gleap
	crm("Kim", "kim@example.com", "+14155550144")         // email says one, phone another
	guest("Kim", "kim@example.com", "")
	guest("Not Kim", "other@example.com", "+14155550144")

	b := openBrowser(t, s)
	b.open("/sign-in")
	b.fill("email", email)
	b.fill("password", password)
	b.press("Sign in")
	b.waitText("Automations")
	b.open("/automations")
	b.click(useRecipe("Keep contacts in sync"))
	b.waitPath("/map")
	b.accessible("two-way-map")
	b.choose(`document.getElementById("key-source")`, b.eval(`[...document.querySelectorAll("#key-source option")].find(o => o.text == "Support ID").value`))
	b.choose(`document.getElementById("key-target")`, "userId")
	b.press("Recognise by these too")
	b.waitText("Compared letter by letter")
	id := strings.Split(b.eval("location.pathname"), "/")[2]
	b.open("/automations/" + id + "/live")
	b.press("First sync")
	b.waitPath("/first-sync")
	if b.eval(`document.getElementById("first-fill_empty").checked`) != "true" {
		t.Error("filling only what is empty is not what is proposed")
	}
	b.accessible("first-sync")
	b.press("Show who matches whom")
	b.waitText("Link 1 sure pair, and fill what is empty")
	for _, words := range []string{"only in HighLevel", "only in Gleap", "doubtful", "Put 1 doubtful record to a person", "Create 1 in Gleap", "Create 1 in HighLevel"} {
		if !strings.Contains(b.text(), words) {
			t.Errorf("the preview does not say %q:\n%s", words, b.text())
		}
	}
	b.accessible("first-sync-looked")
	if people := stats(t, gl)["sessions"]; people != 4 {
		t.Fatalf("looking wrote something: %v people in Gleap", people)
	}

	// The sure pair and the doubtful one, but nobody is created.
	b.click(byID("carry-none"))
	b.click(byID("carry-only_target"))
	b.press("Carry it out")
	b.waitText("waits for a person's decision")
	b.accessible("first-sync-carried")
	if jane := find(t, hl, "jane@example.com"); jane["phone"] != "+14155550133" {
		t.Errorf("Jane's empty phone was not filled: %v", jane)
	}
	if contacts := contacts(t, hl); len(contacts) != 3 {
		t.Errorf("somebody was created: %v", contacts)
	}
	b.press("Check and switch on")
	b.waitPath("/live")
	b.press("Switch on")
	b.waitText("It is on")

	// What is edited from now on waits: it is tried over everyone, and then put live.
	b.open("/automations/" + id + "/map")
	b.press("Later")
	b.waitText("Changes that are not live yet")
	b.accessible("not-live-yet")
	b.pictures("not-live-yet")
	b.press("Try against everyone")
	b.waitText("Version 3 against 2")
	b.waitText("Nothing has been written.")
	b.open("/automations/" + id + "/live")
	b.press("Put live")
	b.waitText("counts from the next event")
	if strings.Contains(b.text(), "Changes that are not live yet") {
		t.Error("what was put live still waits")
	}
	b.open("/reviews")
	b.waitText("Kim")
	b.quiet()
}
