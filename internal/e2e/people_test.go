package e2e_test

import (
	"net/url"
	"testing"
)

// TestAViewerIsInvitedAndLooks lets a second person in: by a link, with an account of their own, to look and no more.
func TestAViewerIsInvitedAndLooks(t *testing.T) {
	t.Parallel()
	hl := startTwin(t, "highlevel", "--instant")
	gl := startTwin(t, "gleap", "--instant")
	s := newSite(t, t.TempDir(), "CROSSWALK_HIGHLEVEL_BASE_URL="+hl.URL, "CROSSWALK_GLEAP_BASE_URL="+gl.URL)
	s.signUp()
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})

	owner := openBrowser(t, s)
	owner.open("/sign-in")
	owner.fill("email", email)
	owner.fill("password", password)
	owner.press("Sign in")
	owner.waitText("Automations")
	owner.open("/automations")
	owner.click(useRecipe("Keep contacts in sync"))
	owner.waitPath("/map")
	owner.open("/settings")
	owner.press("People")
	owner.waitPath("/settings/people")
	owner.accessible("people")
	owner.fill("invite-email", "viewer@example.com")
	owner.press("Make a link")
	owner.waitText("The link is ready")
	owner.accessible("people-link")
	link := owner.eval(`document.getElementById("invite-link").value`)

	viewer := openBrowser(t, s)
	viewer.open(link)
	viewer.waitPath("/invite")
	viewer.accessible("join")
	viewer.fill("email", "viewer@example.com")
	viewer.fill("password", "another correct horse")
	viewer.fill("password_again", "another correct horse")
	viewer.press("Create account and join")
	viewer.waitText("You are a viewer")
	for name, path := range map[string]string{"automations": "/automations", "connections": "/connections", "settings": "/settings"} {
		viewer.open(path)
		viewer.waitText("You are a viewer")
		viewer.accessible("viewer-" + name)
	}
	viewer.open("/automations")
	viewer.press("Keep contacts in sync")
	viewer.waitPath("/map")
	viewer.accessible("viewer-map")
	if n := viewer.eval(`[...document.querySelectorAll("#main form[method=post] button")].filter(b => !b.matches(":disabled")).length`); n != "0" {
		t.Errorf("a viewer may press %s buttons", n)
	}
	viewer.quiet()

	// A second workspace, and the way between the two.
	owner.open("/workspaces/new")
	owner.accessible("workspace-new")
	owner.fill("name", "Second customer")
	owner.press("Make the workspace")
	owner.waitText("is ready")
	owner.accessible("workspace-second")
	owner.open("/automations")
	if owner.eval(`document.querySelectorAll("main .cards li").length`) != "0" {
		t.Error("the new workspace has automations")
	}
	owner.choose(byID("workspace"), owner.eval(`[...document.querySelectorAll("#workspace option")].find(o => o.text !== "Second customer").value`))
	owner.press("Go")
	owner.waitPath("/")
	owner.waitText("Keep contacts in sync")
	owner.open("/settings/audit")
	owner.waitText("Invite accepted")
	owner.accessible("audit")
	owner.choose(byID("audit-kind"), "automation.create")
	owner.press("Filter")
	owner.wait("one act", `document.querySelectorAll("main tbody tr").length === 1`)
	owner.quiet()
}
