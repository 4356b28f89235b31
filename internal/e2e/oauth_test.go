package e2e_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var (
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
)

// TestGleapIsConnectedByOAuthToo goes through the second form: addresses typed, consent given at the twin, tested,
// saved and used.
func TestGleapIsConnectedByOAuthToo(t *testing.T) {
	t.Parallel()
	s, _, gl := newHouse(t)
	s.signUp()
	form := url.Values{
		"authorize_url": {gl.root() + "/oauth/authorize"}, "token_url": {gl.root() + "/oauth/token"}, "client_id": {gl.ClientID},
		"client_secret": {gl.ClientSecret}, "scopes": {"contacts"}, "oauth_base_url": {gl.URL}, "oauth_project_id": {gl.ProjectID},
	}
	missing := url.Values{}
	for k, v := range form {
		missing[k] = v
	}
	missing.Set("client_secret", "")
	missing.Set("token_url", "ftp://nowhere")
	if status, page, _ := s.post("/connections/gleap/authorize", missing); status != http.StatusUnprocessableEntity || !strings.Contains(text(page), "This is needed") {
		t.Errorf("a form with mistakes got %d", status)
	}
	consent, _ := s.mustPost("/connections/gleap/authorize", form)
	action := formAction.FindStringSubmatch(consent)
	if action == nil {
		t.Fatalf("no consent page:\n%s", tail(text(consent), 600))
	}
	decision := url.Values{"decision": {"approve"}}
	for _, m := range hiddenInput.FindAllStringSubmatch(consent, -1) {
		decision.Set(m[1], strings.ReplaceAll(m[2], "&amp;", "&"))
	}
	resp, err := s.client.PostForm(gl.root()+strings.ReplaceAll(action[1], "&amp;", "&"), decision)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || !strings.Contains(text(string(page)), "Gleap is connected") {
		t.Fatalf("%d at %s\n%s", resp.StatusCode, resp.Request.URL.Path, tail(text(string(page)), 800))
	}
	if strings.Contains(string(page), gl.ClientSecret) {
		t.Error("the page shows the client secret")
	}
}
