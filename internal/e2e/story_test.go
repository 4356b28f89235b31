package e2e_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// house is a server with both twins, nothing connected yet.
func newHouse(t *testing.T) (s *site, hl, gl twinReady) {
	t.Helper()
	if os.Getenv("CROSSWALK_TEST_SHORT") != "" {
		t.Skip("CROSSWALK_TEST_SHORT is set: browser tests build and run the real binary")
	}
	hl = startTwin(t, "highlevel", "--contacts", "40")
	gl = startTwin(t, "gleap", "--contacts", "60")
	s = newSite(t, t.TempDir(),
		"CROSSWALK_HIGHLEVEL_BASE_URL="+hl.URL, "CROSSWALK_HIGHLEVEL_AUTHORIZE_URL="+hl.URL+"/v2/oauth/chooselocation",
		"CROSSWALK_HIGHLEVEL_CLIENT_ID="+hl.ClientID, "CROSSWALK_HIGHLEVEL_CLIENT_SECRET="+hl.ClientSecret,
		"CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY="+hl.WebhookPublicKey, "CROSSWALK_GLEAP_BASE_URL="+gl.URL, "CROSSWALK_POLL_EVERY=1s",
	)
	return s, hl, gl
}

// find asks HighLevel for the contact with an email, as any client would.
func find(t *testing.T, hl twinReady, email string) map[string]any {
	t.Helper()
	var out struct {
		Contact map[string]any `json:"contact"`
	}
	getJSON(t, hl.URL+"/contacts/search/duplicate?locationId="+hl.LocationID+"&email="+strings.ReplaceAll(email, "@", "%40"),
		http.Header{"Authorization": {"Bearer " + hl.Token}, "Version": {"2021-07-28"}}, &out)
	return out.Contact
}

func source(key string) string { return `document.querySelector('[data-source="` + key + `"]')` }
func target(key string) string { return `document.querySelector('[data-target="` + key + `"]')` }

// TestTheWholeStoryByMouse is what a person does on the first day: connect, map, dry-run, switch on, look.
func TestTheWholeStoryByMouse(t *testing.T) {
	t.Parallel()
	s, hl, gl := newHouse(t)
	b := openBrowser(t, s)

	// The first account.
	b.open("/")
	b.waitPath("/setup")
	b.accessible("setup")
	b.fill("setup_token", "not the token at all")
	b.fill("email", email)
	b.fill("password", password)
	b.fill("password_again", password)
	b.press("Create")
	b.waitText("not the token the server printed")
	b.fill("setup_token", setupToken)
	b.fill("password", password)
	b.fill("password_again", password)
	b.press("Create")
	b.waitText("Connect HighLevel")
	b.accessible("first-run")

	// HighLevel, through its consent page.
	b.press("Connect HighLevel")
	b.waitPath("/connections/highlevel/new")
	b.accessible("connect-highlevel")
	b.press("Continue")
	b.wait("the consent page", `document.querySelector("button[value=approve]")`)
	b.picture("consent")
	b.press("Approve")
	b.waitText("HighLevel is connected")
	b.accessible("connections")

	// Gleap, first with a wrong key.
	b.open("/connections/gleap/new")
	b.waitPath("/connections/gleap/new")
	b.fill("api_key", "wrong-key")
	b.fill("project_id", gl.ProjectID)
	b.press("Test and save")
	b.waitText("does not accept this key")
	b.accessible("wrong-key")
	b.fill("api_key", gl.Token)
	b.press("Test and save")
	b.waitText("Gleap is connected")

	// A ready-made automation.
	b.open("/automations")
	b.waitText("New Gleap contact")
	b.accessible("automations")
	b.click(useRecipe("New Gleap contact"))
	b.waitPath("/map")
	b.wait("sample values", `document.querySelector("[data-source=email] .map-value") && !document.querySelector("[data-source=email] .map-value").innerText.endsWith("empty")`)
	b.accessible("map")
	before := b.eval(`document.querySelectorAll("[data-row]").length`)

	// Drag a field onto another.
	b.drag(source("plan"), target("city"))
	b.wait("the plan is connected", target("city")+`?.dataset.sources === "plan"`)
	if after := b.eval(`document.querySelectorAll("[data-row]").length`); after == before {
		t.Errorf("dragging made no row: %s rows before and after", before)
	}
	// The same by the select.
	b.choose(target("state")+`.querySelector("select")`, "lang")
	b.wait("the language is connected", target("state")+`?.dataset.sources === "lang"`)
	// And undone.
	b.press("Undo")
	b.wait("the last step is undone", `!`+target("state")+`?.dataset.row`)

	// A transform on the wire.
	b.click(target("city") + `.querySelector("[data-chip]")`)
	editor := `document.querySelector("row-editor:popover-open")`
	// An answer for the sample that comes just then shows the editor anew, and the click goes nowhere: it is made again.
	table := editor + `.querySelector("textarea")`
	for there, tries := false, 0; !there && tries < 4; tries++ {
		b.choose(editor+`.querySelector("select[name=add]")`, "lookup")
		b.click(editor + `.querySelector("button[value=add]")`)
		there = b.soon(table)
	}
	b.wait("the look-up's table", table)
	b.click(editor + `.querySelector("textarea")`)
	b.do(insert("free = Free plan\npro = Paying"))
	b.accessible("row-editor")
	b.click(editor + `.querySelector("button.button[value=save]")`)
	b.wait("the row shows its look-up", target("city")+`.querySelector("[data-chip]")?.innerText.includes("look-up")`)

	// A rule.
	b.press("When")
	b.waitPath("/when")
	b.press("Add condition")
	b.choose(`document.getElementById("rule.0.field")`, "plan")
	b.choose(`document.getElementById("rule.0.op")`, "not_equals")
	b.fill("rule.0.value", "enterprise")
	b.click(`[...document.querySelectorAll(".save-bar button")].find(e => e.value === "save")`)
	b.waitText("Saved")
	b.accessible("when")

	// Dry runs.
	writes := stats(t, hl)["writes"] + stats(t, gl)["writes"]
	b.press("Test")
	b.waitPath("/test")
	b.accessible("test")
	b.fill("contact-search", "a")
	b.press("Search")
	b.wait("somebody is found", `document.querySelector(".results button")`)
	b.click(`document.querySelector(".results button")`)
	b.waitText("Nothing has been written")
	b.accessible("plan-one")
	b.eval("history.back()")
	b.waitPath("/test")
	b.press("Dry run everyone")
	b.wait("the dry run has ended", `location.pathname.startsWith("/plans/") && document.body.innerText.includes("Nothing has been written.")`)
	b.accessible("plan-all")
	if got := stats(t, hl)["writes"] + stats(t, gl)["writes"]; got != writes {
		t.Errorf("the dry runs wrote %v times", got-writes)
	}

	// A test payload, shown and then sent.
	b.eval("history.back()")
	b.waitPath("/test")
	b.click(byID("payload"))
	b.do(chromedp.KeyEvent("a", chromedp.KeyModifiers(kb.ModifierCtrl)), insert(`{"name": "Test Person", "email": "test.person@example.com"}`))
	b.press("Show what would be sent")
	b.waitText("Nothing was written")
	b.press("Send it to HighLevel for real")
	b.wait("the request and the answer", `document.querySelector("[data-sent=true] .exchange")`)
	b.accessible("test-sent")
	if find(t, hl, "test.person@example.com") == nil {
		t.Error("the test payload did not arrive")
	}

	// Live.
	b.press("Go live")
	b.waitPath("/live")
	b.accessible("live")
	b.press("Switch on")
	b.waitText("It is on")
	b.open("/runs")
	b.wait("the list is live", `document.querySelector("[data-live-state=open]")`)
	if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": "Ada Lovelace", "email": "Ada@Example.com", "plan": "pro"}); status >= 400 {
		t.Fatalf("%d %s", status, body)
	}
	b.waitText("Ada Lovelace")
	b.accessible("runs")
	until(t, patience, "Ada is in HighLevel", func() bool { return find(t, hl, "ada@example.com") != nil })
	if c := find(t, hl, "ada@example.com"); c["firstName"] != "Ada" || c["lastName"] != "Lovelace" || c["city"] != "Paying" {
		t.Errorf("Ada arrived as %v", c)
	}
	b.press("Ada Lovelace")
	b.waitText("Created the HighLevel contact")
	b.accessible("run")
	if strings.Contains(b.text(), hl.Token) || strings.Contains(b.text(), gl.Token) {
		t.Error("the run shows a token")
	}
	b.open("/")
	b.waitText("Ada Lovelace")
	b.accessible("overview")
	b.open("/settings")
	b.accessible("settings")
	b.quiet()
}

// useRecipe finds the button of a ready-made automation.
func useRecipe(name string) string {
	return `[...document.querySelectorAll(".recipe")].find(e => e.querySelector("h3").innerText.startsWith(` + quote(name) + `))?.querySelector("button")`
}

// TestTheStoryByKeyboardAlone does the same without touching a mouse.
func TestTheStoryByKeyboardAlone(t *testing.T) {
	t.Parallel()
	s, hl, gl := newHouse(t)
	b := openBrowser(t, s)
	enter := func() { b.do(chromedp.KeyEvent(kb.Enter)) }

	b.open("/setup")
	b.typeAt("setup_token", setupToken)
	b.typeAt("email", email)
	b.typeAt("password", password)
	b.typeAt("password_again", password)
	enter()
	b.waitText("Connect HighLevel")
	b.enterAt("Connect HighLevel")
	b.waitPath("/connections/highlevel/new")
	b.enterAt("Continue")
	b.wait("the consent page", `document.querySelector("button[value=approve]")`)
	b.enterAt("Approve")
	b.waitText("HighLevel is connected")
	b.open("/connections/gleap/new")
	b.typeAt("api_key", gl.Token)
	b.typeAt("project_id", gl.ProjectID)
	enter()
	b.waitText("Gleap is connected")
	b.open("/automations")
	b.tabTo(useRecipe("New Gleap contact"))
	enter()
	b.waitPath("/map")

	// Pick a field up with Enter, walk to its target with the arrows, drop it with Enter.
	b.tabTo(source("plan") + `?.querySelector("[data-pick]")`)
	enter()
	b.wait("the field is picked up", `document.querySelector("[data-pick][aria-pressed=true]")`)
	order := `[...document.querySelectorAll("[data-target]:not([data-filtered])")].filter(t => !t.querySelector("select")?.disabled)`
	goal := order + `.findIndex(t => t.dataset.target === "city")`
	for range 200 {
		at := b.eval(order + `.findIndex(t => t.hasAttribute("data-candidate"))`)
		if at == b.eval(goal) {
			break
		}
		b.do(chromedp.KeyEvent(kb.ArrowDown))
	}
	enter()
	b.wait("the plan is connected", target("city")+`?.dataset.sources === "plan"`)

	b.enterAt("When")
	b.waitPath("/when")
	b.enterAt("Add condition")
	b.wait("a condition", byID("rule.0.field"))
	b.tabTo(byID("rule.0.field"))
	b.do(chromedp.KeyEvent("Plan"))
	b.tabTo(byID("rule.0.op"))
	b.do(chromedp.KeyEvent("is not"))
	b.typeAt("rule.0.value", "enterprise")
	enter()
	b.waitText("Saved")
	b.enterAt("Test")
	b.waitPath("/test")
	b.enterAt("Dry run everyone")
	b.wait("the dry run has ended", `location.pathname.startsWith("/plans/") && document.body.innerText.includes("Nothing has been written.")`)
	b.enterAt("Go live")
	b.waitPath("/live")
	b.enterAt("Switch on")
	b.waitText("It is on")

	// The twin's own page, by keyboard too.
	b.open(gl.root() + "/_twin/")
	b.typeAt("new-name", "Grace Hopper")
	b.typeAt("new-email", "grace@example.com")
	enter()
	until(t, patience, "Grace is in HighLevel", func() bool { return find(t, hl, "grace@example.com") != nil })
	b.open("/runs")
	b.waitText("Grace Hopper")
	b.enterAt("Grace Hopper")
	b.waitText("Created the HighLevel contact")
	b.quiet()
}
