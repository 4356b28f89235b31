package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// tell posts a JSON document to a twin's control page.
func tell(t *testing.T, method, address, document string) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 400 {
		t.Fatalf("%s %s answers %d", method, address, resp.StatusCode)
	}
}

func (b *browser) signIn() {
	b.t.Helper()
	b.open("/sign-in")
	b.fill("email", email)
	b.fill("password", password)
	b.press("Sign in")
	b.waitText("Overview")
}

// connectByConsent goes through HighLevel's consent page from a button that is on the page.
func (b *browser) connectByConsent(button string) {
	b.t.Helper()
	b.press(button)
	b.wait("the consent page", `document.querySelector("button[value=approve]")`)
	b.press("Approve")
}

// TestInstalledFromTheMarketplaceAndClaimed begins at the provider, with nobody signed in here.
func TestInstalledFromTheMarketplaceAndClaimed(t *testing.T) {
	t.Parallel()
	s, hl, _ := newHouse(t)
	s.signUp()
	b := openBrowser(t, s)
	b.open(hl.URL + "/v2/oauth/chooselocation?" + url.Values{
		"response_type": {"code"}, "client_id": {hl.ClientID}, "redirect_uri": {s.url("/connections/callback")},
		"scope": {"contacts.readonly contacts.write locations.readonly locations/customFields.readonly"},
	}.Encode())
	b.wait("the consent page", `document.querySelector("button[value=approve]")`)
	b.press("Approve")
	b.waitPath("/sign-in")
	b.accessible("marketplace-sign-in")
	if strings.Contains(b.eval("location.href"), "code=") {
		t.Error("the code is still in the address")
	}
	b.fill("email", email)
	b.fill("password", password)
	b.press("Sign in")
	b.waitText("Is this your account?")
	b.accessible("marketplace-claim")
	if strings.Contains(b.text(), "HighLevel is connected") {
		t.Error("it is connected before anybody claimed it")
	}
	b.click(`document.querySelector("button[value=claim]")`)
	b.waitText("HighLevel is connected")
	b.press("Health, permissions and calls")
	b.waitText("Working, and not used yet")
	b.waitText("locations/tasks.readonly") // was not asked for there
	b.accessible("connection-health")
	b.press("Test connection")
	b.waitText("did not work") // the three that were not granted
	b.accessible("connection-tested")
	b.quiet()
}

// TestUninstalledThereAndInstalledAgain goes on where it was, as the same connection.
func TestUninstalledThereAndInstalledAgain(t *testing.T) {
	t.Parallel()
	s, hl, gl := newHouse(t)
	b := connectedHouse(t, s, hl, gl)
	address := b.healthOf("HighLevel")

	tell(t, http.MethodPost, hl.root()+"/_twin/uninstall", `{}`)
	until(t, patience, "the connection knows", func() bool {
		_, page := s.get(address)
		return strings.Contains(text(page), "uninstalled in this account")
	})
	if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": "Dorothy Vaughan", "email": "dorothy@example.com"}); status >= 400 {
		t.Fatal(status, body)
	}
	until(t, patience, "Dorothy waits", func() bool {
		_, page := s.get(address)
		return strings.Contains(text(page), "1 record waits")
	})
	b.open("/runs")
	b.waitText("Crosswalk was uninstalled in HighLevel")
	b.accessible("uninstalled-banner")
	b.press("Reconnect")
	b.waitText("took its access back")
	b.waitText("1 record waits")
	b.accessible("uninstalled-reconnect")
	b.connectByConsent("Continue to HighLevel")
	b.waitText("HighLevel is connected again")
	until(t, patience, "Dorothy is in HighLevel", func() bool { return find(t, hl, "dorothy@example.com") != nil })
	if at := b.eval("location.pathname"); at != address {
		t.Errorf("it is another connection: %s, was %s", at, address)
	}
	b.open(address)
	b.waitText("Working. 1 automation uses it.")
	b.accessible("reconnected")
	b.quiet()
}

// TestRevokedThenGuidedBackAndHeldWorkFlows also tries the wrong way: consent denied.
func TestRevokedThenGuidedBackAndHeldWorkFlows(t *testing.T) {
	t.Parallel()
	s, hl, gl := newHouse(t)
	b := connectedHouse(t, s, hl, gl)
	address := b.healthOf("HighLevel")

	tell(t, http.MethodPut, hl.root()+"/_twin/faults", `{"revokeTokens":true}`)
	for _, who := range []string{"Mary Jackson", "Dorothy Vaughan", "Katherine Johnson"} {
		mail := strings.ToLower(strings.Fields(who)[0]) + "@example.com"
		if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": who, "email": mail}); status >= 400 {
			t.Fatal(status, body)
		}
	}
	until(t, patience, "three records wait", func() bool {
		_, page := s.get(address)
		return strings.Contains(text(page), "3 records wait")
	})
	b.open("/")
	b.waitText("has to be reconnected")
	b.accessible("revoked-banner")
	b.press("Reconnect")
	b.waitText("What happens next")
	b.accessible("revoked-reconnect")
	b.press("Continue to HighLevel")
	b.wait("the consent page", `document.querySelector("button[value=approve]")`)
	b.click(`document.querySelector("button[value=deny], button[value=cancel], button[name=decision]:not([value=approve])")`)
	b.waitText("The access was not granted")
	b.waitText("3 records wait")
	b.connectByConsent("Continue to HighLevel")
	b.waitText("HighLevel is connected again")
	for _, mail := range []string{"mary@example.com", "dorothy@example.com", "katherine@example.com"} {
		until(t, patience, mail+" is in HighLevel", func() bool { return find(t, hl, mail) != nil })
	}
	until(t, patience, "nothing waits", func() bool {
		_, page := s.get(address + "?draining=1")
		return strings.Contains(text(page), "Working. 1 automation uses it.") && !strings.Contains(text(page), "being worked on")
	})
	until(t, patience, "the refusals are remembered", func() bool {
		_, page := s.get(address)
		return strings.Contains(text(page), "The access was not accepted")
	})
	b.open(address)
	b.waitText("The access was not accepted")
	b.accessible("back-again")
	b.open("/runs")
	if strings.Contains(b.text(), "has to be reconnected") {
		t.Error("the banner stays")
	}
	b.quiet()
}

// connectedHouse is signed up, connected to HighLevel by OAuth and to Gleap by key, with an automation on, and HighLevel
// knows where to send webhooks.
func connectedHouse(t *testing.T, s *site, hl, gl twinReady) *browser {
	t.Helper()
	s.signUp()
	tell(t, http.MethodPut, hl.root()+"/_twin/webhook", `{"url":"`+s.url("/hooks/highlevel")+`"}`)
	b := openBrowser(t, s)
	b.signIn()
	b.open("/connections/highlevel/new")
	b.waitPath("/connections/highlevel/new")
	b.connectByConsent("Continue")
	b.waitText("HighLevel is connected")
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	s.automationOn("gleap-contact-to-highlevel")
	return b
}

// healthOf opens the page of an account and answers its address.
func (b *browser) healthOf(side string) string {
	b.t.Helper()
	b.open("/connections")
	b.click(`document.querySelector('.account[data-side="` + strings.ToLower(side) + `"] a[href^="/connections/cn_"]')`)
	b.waitText("How changes are heard of")
	b.waitText("Working. 1 automation uses it.")
	return b.eval("location.pathname")
}

// TestInstalledFromOurSide begins here, signed in, and ends on the account's page with everything granted.
func TestInstalledFromOurSide(t *testing.T) {
	t.Parallel()
	s, _, _ := newHouse(t)
	s.signUp()
	b := openBrowser(t, s)
	b.signIn()
	b.open("/connections")
	b.click(`document.querySelector('.account[data-side="highlevel"] a[href="/connections/highlevel/new"]')`)
	b.waitPath("/connections/highlevel/new")
	b.accessible("our-side")
	b.connectByConsent("Continue")
	b.waitText("HighLevel is connected")
	b.accessible("our-side-connected")
	b.press("Health, permissions and calls")
	b.waitText("Working, and not used yet")
	b.press("Test connection")
	b.waitText("Tested just now: everything works")
	b.accessible("our-side-tested")
	b.quiet()
}

// TestAKeyIsRefusedAndReplacedAndHeldWorkFlows: the first call with it finds out, and no further one is made.
func TestAKeyIsRefusedAndReplacedAndHeldWorkFlows(t *testing.T) {
	t.Parallel()
	s, hl, gl := newHouse(t)
	b := connectedHouse(t, s, hl, gl)
	s.automationOn("highlevel-contact-to-gleap")
	b.open("/connections")
	b.click(`document.querySelector('.account[data-side="gleap"] a[href^="/connections/cn_"]')`)
	b.waitText("Working. 2 automations use it.")
	address := b.eval("location.pathname")

	tell(t, http.MethodPut, gl.root()+"/_twin/faults", `{"revokeTokens":true}`)
	people := []string{"mary@example.com", "dorothy@example.com"}
	for _, mail := range people {
		contact := map[string]any{"firstName": "Somebody", "email": mail, "locationId": hl.LocationID}
		if status, body := postJSON(t, hl.URL+"/contacts/", http.Header{"Authorization": {"Bearer " + hl.Token}, "Version": {"2021-07-28"}}, contact); status >= 400 {
			t.Fatal(status, body)
		}
	}
	until(t, patience, "two records wait", func() bool {
		_, page := s.get(address)
		return strings.Contains(text(page), "Needs you: Gleap refuses our key") && strings.Contains(text(page), "2 records wait")
	})
	b.open("/automations")
	b.waitText("has to be reconnected")
	b.press("Reconnect")
	b.waitText("2 records wait and go on by themselves")
	b.accessible("key-refused")
	b.fill("key", "not-the-key")
	b.press("Test and save")
	b.waitText("Gleap does not accept this key")
	b.accessible("key-wrong")
	tell(t, http.MethodPut, gl.root()+"/_twin/faults", `{}`)
	b.fill("key", gl.Token)
	b.press("Test and save")
	b.waitText("Gleap is connected again")
	if at := b.eval("location.pathname"); at != address {
		t.Errorf("it is another connection: %s, was %s", at, address)
	}
	for _, mail := range people {
		until(t, patience, mail+" is in Gleap", func() bool { return session(t, gl, mail) != nil })
	}
	b.open(address + "?draining=1")
	b.waitText("Working. 2 automations use it.")
	if strings.Contains(b.text(), "has to be reconnected") || strings.Contains(b.eval("document.documentElement.outerHTML"), gl.Token) {
		t.Error("the banner stays, or the page shows the key")
	}
	b.accessible("key-replaced")
	b.quiet()
}
