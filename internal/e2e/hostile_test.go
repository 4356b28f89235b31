package e2e_test

import (
	"net/http"
	"net/url"
	"testing"
)

// TestHostileNamesRunNoScript opens the pages that show the names of fields in a real browser, for accounts in which every
// field's name is a script.
func TestHostileNamesRunNoScript(t *testing.T) {
	t.Parallel()
	chromium(t)
	hl, gl := startTwin(t, "highlevel", "--contacts", "3", "--instant"), startTwin(t, "gleap", "--instant")
	names := []string{
		`"><script>window.hostile=1</script>`, `"><img src=x onerror="window.hostile=1">`, `' autofocus onfocus='window.hostile=1`, `" autofocus onfocus="window.hostile=1`,
		`</option></select></textarea></title><svg onload=window.hostile=1>`, "javascript:window.hostile=1",
	}
	custom := map[string]any{}
	for _, name := range names {
		custom[name] = name
		status, body := postJSON(t, hl.URL+"/locations/"+hl.LocationID+"/customFields", http.Header{"Authorization": {"Bearer " + hl.Token}, "Version": {"2021-07-28"}}, map[string]any{"name": name, "dataType": "TEXT", "model": "contact"})
		if status >= 300 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": names[0], "email": "hostile@example.com", "customData": custom}); status >= 300 {
		t.Fatalf("%d %s", status, body)
	}
	s := newSite(t, t.TempDir(), "CROSSWALK_HIGHLEVEL_BASE_URL="+hl.URL, "CROSSWALK_GLEAP_BASE_URL="+gl.URL)
	s.signUp()
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	_, at := s.mustPost("/automations", url.Values{"recipe": {"gleap-contact-to-highlevel"}})
	base := at[:len(at)-len("/map")]
	b := openBrowser(t, s)
	b.signIn()
	for _, page := range []string{"/map", "/when", "/test", "/live", "/versions"} {
		b.open(base + page)
		b.wait("the page", `document.querySelector("h1")`)
		if page == "/map" || page == "/when" {
			if b.eval(`String(document.body.innerHTML.includes("window.hostile=1"))`) != "true" {
				t.Errorf("%s shows no hostile name, so nothing is tried there", page)
			}
		}
		if ran := b.eval(`String(window.hostile)`); ran != "undefined" {
			t.Errorf("a script ran on %s: %s", page, ran)
		}
		if found := b.eval(`String(document.querySelectorAll("img[src=x], svg[onload], [onfocus], [onerror], script:not([src]):not([type])").length)`); found != "0" {
			t.Errorf("%s has %s elements that somebody wrote into a name", page, found)
		}
	}
	b.quiet() // a script that the policy stopped would be a complaint
}
