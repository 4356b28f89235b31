package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// tickets asks Gleap for every ticket, by title.
func tickets(t *testing.T, gl twinReady) map[string]map[string]any {
	t.Helper()
	var out struct {
		Tickets []map[string]any `json:"tickets"`
	}
	getJSON(t, gl.URL+"/tickets", http.Header{"Authorization": {"Bearer " + gl.Token}, "Project": {gl.ProjectID}}, &out)
	all := map[string]map[string]any{}
	for _, ticket := range out.Tickets {
		title := fmt.Sprint(ticket["title"])
		if all[title] != nil {
			t.Errorf("there are two tickets “%s”", title)
		}
		all[title] = ticket
	}
	return all
}

// TestAnAppointmentIsFollowedFromItsBookingToLongAfter switches the ready-made automation on in a browser, books somebody in
// as people in HighLevel do, and says months later what became of an appointment. The contact tells of the next one.
func TestAnAppointmentIsFollowedFromItsBookingToLongAfter(t *testing.T) {
	t.Parallel()
	hl := startTwin(t, "highlevel", "--instant")
	gl := startTwin(t, "gleap", "--instant")
	s := newSite(t, t.TempDir(), "CROSSWALK_HIGHLEVEL_BASE_URL="+hl.URL, "CROSSWALK_GLEAP_BASE_URL="+gl.URL, "CROSSWALK_POLL_EVERY=1s")
	s.signUp()
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	made := func(path string, fields map[string]any) string {
		t.Helper()
		status, body := postJSON(t, hl.root()+"/_twin/"+path, nil, fields)
		if status/100 != 2 {
			t.Fatalf("the twin answered %d %s", status, body)
		}
		var out struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
		return out.ID
	}
	jane := made("contacts", map[string]any{"firstName": "Jane", "lastName": "Roe", "email": "jane@example.com"})
	long := func(title string) string {
		t.Helper()
		return made("contacts/"+jane+"/appointments", map[string]any{"title": title, "startTime": time.Now().AddDate(0, 0, -75).Format(time.RFC3339)})
	}
	long("Consultation")
	_, at := s.mustPost("/automations", url.Values{"recipe": {"highlevel-contact-to-gleap"}})
	people := strings.Split(at, "/")[2]
	s.mustPost("/automations/"+people+"/rows", url.Values{"source": {"nextAppointment.title"}, "target": {"plan"}, "version": {s.version(people)}})
	s.mustPost("/automations/"+people+"/activation", url.Values{"state": {"on"}, "start": {"all"}, "version": {s.version(people)}})
	until(t, patience, "Jane is in Gleap", func() bool { return session(t, gl, "jane@example.com") != nil })

	b := openBrowser(t, s)
	b.open("/sign-in")
	b.fill("email", email)
	b.fill("password", password)
	b.press("Sign in")
	b.waitText("Automations")
	b.open("/automations")
	b.click(useRecipe("HighLevel appointment → Gleap ticket"))
	b.waitPath("/map")
	b.wait("the appointment's own values", `document.querySelector("[data-source=title] .map-value")?.innerText.includes("Consultation")`)
	b.accessible("appointments-map")
	id := strings.Split(b.eval("location.pathname"), "/")[2]

	b.open("/automations/" + id + "/test")
	b.press("Dry run everyone")
	b.wait("the dry run has ended", `location.pathname.startsWith("/plans/") && document.body.innerText.includes("Nothing has been written.")`)
	b.waitText("Consultation")
	b.accessible("appointments-plan")
	if n := len(tickets(t, gl)); n != 0 {
		t.Errorf("the dry run made %d tickets", n)
	}

	b.open("/automations/" + id + "/live")
	b.press("Switch on")
	b.waitText("It is on")

	// Booked on HighLevel's side, by a person. Somebody else writes down a visit of long ago.
	past := long("First visit")
	begins := time.Now().AddDate(0, 0, 9)
	b.open(hl.root() + "/_twin/contacts/" + jane)
	b.fill("book-title", "Treatment")
	b.eval(`document.getElementById("book-start").value = ` + quote(begins.Format("2006-01-02")+"T09:30"))
	b.press("Book appointment")
	b.waitText("Treatment")
	until(t, patience, "the treatment is a ticket", func() bool { return tickets(t, gl)["Treatment"] != nil })
	until(t, patience, "the first visit is an open ticket", func() bool { return tickets(t, gl)["First visit"]["status"] == "OPEN" })
	until(t, patience, "Gleap tells what Jane comes for next", func() bool { return session(t, gl, "jane@example.com")["plan"] == "Treatment" })
	b.open("/automations/" + people + "/map")
	b.wait("the contact's next appointment", source("nextAppointment.title")+`?.querySelector(".map-value")?.innerText.includes("Treatment")`)
	b.accessible("appointments-next")
	b.open("/runs")
	b.press("Treatment")
	b.waitText("Created the Gleap ticket")
	b.accessible("appointments-run")

	// Long after it began somebody says that the first visit never was.
	b.open(hl.root() + "/_twin/contacts/" + jane)
	b.choose(byID("status-"+past), "cancelled")
	b.click(`document.querySelector('form[action$="` + past + `"] button')`)
	until(t, patience, "the ticket of the first visit is done", func() bool { return tickets(t, gl)["First visit"]["status"] == "DONE" })
	if got := tickets(t, gl)["Treatment"]["status"]; got != "OPEN" {
		t.Errorf("the treatment to come is %v", got)
	}
	b.quiet()
}
