package e2e_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/store/postgrestest"
)

// session asks Gleap for the contact with an email, as any client would.
func session(t *testing.T, gl twinReady, email string) map[string]any {
	t.Helper()
	var out []map[string]any
	getJSON(t, gl.URL+"/sessions?email="+url.QueryEscape(email), http.Header{"Authorization": {"Bearer " + gl.Token}, "Project": {gl.ProjectID}}, &out)
	if len(out) == 0 {
		return nil
	}
	return out[0]
}

func (s *site) automationOn(recipe string) string {
	s.t.Helper()
	_, at := s.mustPost("/automations", url.Values{"recipe": {recipe}})
	id := strings.Split(strings.TrimPrefix(at, "/automations/"), "/")[0]
	s.mustPost("/automations/"+id+"/activation", url.Values{"state": {"on"}, "version": {s.version(id)}})
	return id
}

// TestTwoAutomationsFacingEachOtherComeToRest carries changes both ways, by webhook and by polling, and sees that
// our own writes coming back lead to nothing.
func TestTwoAutomationsFacingEachOtherComeToRest(t *testing.T) {
	t.Parallel()
	s, hl, gl := newHouse(t)
	s.signUp()
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	s.automationOn("highlevel-contact-to-gleap")
	s.automationOn("gleap-contact-to-highlevel")
	req, err := http.NewRequest(http.MethodPut, hl.root()+"/_twin/webhook", strings.NewReader(`{"url":"`+s.url("/hooks/highlevel")+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode >= 400 {
		t.Fatalf("set the webhook: %v %v", resp, err)
	}

	// From HighLevel, told by a signed webhook.
	if status, body := postJSON(t, hl.root()+"/_twin/contacts", nil, map[string]any{"firstName": "Mary", "lastName": "Jackson", "email": "mary@example.com"}); status >= 400 {
		t.Fatal(status, body)
	}
	until(t, patience, "Mary is in Gleap", func() bool { return session(t, gl, "mary@example.com") != nil })
	if got := session(t, gl, "mary@example.com")["name"]; got != "Mary Jackson" {
		t.Errorf("her name is %v", got)
	}
	// From Gleap, found by polling.
	if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": "Dorothy Vaughan", "email": "dorothy@example.com"}); status >= 400 {
		t.Fatal(status, body)
	}
	until(t, patience, "Dorothy is in HighLevel", func() bool { return find(t, hl, "dorothy@example.com") != nil })

	// At rest: three polls on, nobody has written anything more.
	writes := func() float64 { return stats(t, hl)["writes"] + stats(t, gl)["writes"] }
	calm, last := time.Now(), writes()
	until(t, patience, "both sides come to rest", func() bool {
		if now := writes(); now != last {
			calm, last = time.Now(), now
		}
		return time.Since(calm) > 4*time.Second
	})
	if last > 4 {
		t.Errorf("two new contacts took %v writes", last)
	}
	if _, page := s.get("/runs?q=Mary"); !strings.Contains(text(page), "Mary Jackson") {
		t.Error("the runs do not show Mary")
	}
}

func TestTwoTabsDoNotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	s, hl, gl := newHouse(t)
	s.signUp()
	id := s.automate(hl, gl)
	seen := s.version(id)
	connect := func(source, target, version string) (int, string) {
		status, page, _ := s.post("/automations/"+id+"/rows", url.Values{"source": {source}, "target": {target}, "version": {version}})
		return status, text(page)
	}
	if status, page := connect("lang", "city", seen); status != http.StatusOK {
		t.Fatalf("%d %s", status, tail(page, 500))
	}
	status, page := connect("plan", "state", seen)
	if status != http.StatusConflict || !strings.Contains(page, "Your change is not saved yet") || !strings.Contains(page, "Save mine over it") {
		t.Errorf("the second tab got %d\n%s", status, tail(page, 1000))
	}
	if s.version(id) == seen {
		t.Error("the first tab's change is lost")
	}
}

func TestTheServerTellsMachinesHowItIs(t *testing.T) {
	t.Parallel()
	s, _, _ := newHouse(t)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "go_goroutines"} {
		resp, err := http.Get(s.url(path))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, tail(string(body), 200))
		}
	}
	for _, path := range []string{"/", "/runs", "/connections", "/automations", "/settings", "/live", "/plans/x", "/automations/x/map"} {
		stranger := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := stranger.Get(s.url(path))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("a stranger gets %d at %s", resp.StatusCode, path)
		}
	}
}

// TestAWorkerOfItsOwnGoesOnWhenTheServerIsGone runs both roles on one PostgreSQL.
func TestAWorkerOfItsOwnGoesOnWhenTheServerIsGone(t *testing.T) {
	t.Parallel()
	if os.Getenv("CROSSWALK_TEST_SHORT") != "" {
		t.Skip("CROSSWALK_TEST_SHORT is set: this builds and runs the real binary")
	}
	hl, gl := startTwin(t, "highlevel", "--instant"), startTwin(t, "gleap", "--instant")
	data := t.TempDir()
	env := []string{"CROSSWALK_HIGHLEVEL_BASE_URL=" + hl.URL, "CROSSWALK_GLEAP_BASE_URL=" + gl.URL, "CROSSWALK_POLL_EVERY=1s", "CROSSWALK_DATABASE_URL=" + postgrestest.URL(t)}
	if p := start(t, env, "work", "--data", data); p.cmd.Wait() == nil || !strings.Contains(p.log.String(), "crosswalk migrate") {
		t.Errorf("a worker without a schema said %s", p.log.String())
	}
	if p := start(t, env, "migrate", "--data", data); p.cmd.Wait() != nil {
		t.Fatalf("migrate: %s", p.log.String())
	}
	s := newSite(t, data, env...)
	s.signUp()
	s.automate(hl, gl)
	start(t, env, "work", "--data", data) // the same folder, since it holds the key
	s.proc.kill()
	if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": "Annie Easley", "email": "annie@example.com"}); status >= 400 {
		t.Fatal(status, body)
	}
	// The worker polls once it leads, which it does when the dead server's claim to lead has run out.
	until(t, 2*patience, "the worker carries Annie across", func() bool { return find(t, hl, "annie@example.com") != nil })
	if got := stats(t, hl)["contacts"]; got != 1 {
		t.Errorf("HighLevel holds %v contacts", got)
	}
}
