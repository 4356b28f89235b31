package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// canaries are secrets by name, which nothing that comes out may hold, in whatever spelling.
type canaries struct {
	mu      sync.Mutex
	secrets map[string]string
}

func (c *canaries) plant(name, secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets[name] = secret
}

// spellings are the ways a secret travels.
func spellings(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	return map[string]string{
		"as it is": secret, "in JSON": strings.Trim(string(quoted), `"`), "in an address": url.QueryEscape(secret), "in a path": url.PathEscape(secret), "in hex": hex.EncodeToString([]byte(secret)),
		"in base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="), "in base64 for addresses": base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
}

// sing tells which secrets an output holds.
func (c *canaries) sing(output []byte) (found []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lower := bytes.ToLower(output)
	for name, secret := range c.secrets {
		for how, s := range spellings(secret) {
			if bytes.Contains(output, []byte(s)) || how == "in hex" && bytes.Contains(lower, []byte(s)) {
				found = append(found, name+" "+how)
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestCanariesSing(t *testing.T) {
	t.Parallel()
	c := &canaries{secrets: map[string]string{"token": `s3cret/"token"+`}}
	for how, s := range spellings(`s3cret/"token"+`) {
		if len(c.sing([]byte("before "+s+" after"))) == 0 {
			t.Errorf("a secret %s is not found", how)
		}
	}
	if found := c.sing([]byte("nothing to see, s3cret though it is")); len(found) > 0 {
		t.Errorf("it finds %v where nothing is", found)
	}
}

// between passes calls on to a twin, notes what secrets go either way, and now and then has the provider repeat them in
// a refusal.
func between(t *testing.T, twin string, c *canaries, name string, blabs *atomic.Bool) string {
	t.Helper()
	to, err := url.Parse(twin)
	if err != nil {
		t.Fatal(err)
	}
	n := atomic.Int64{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ModifyResponse: func(resp *http.Response) error {
			if !strings.Contains(resp.Request.URL.Path, "oauth/token") {
				return nil
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			var out map[string]any
			if json.Unmarshal(body, &out) == nil {
				for _, key := range []string{"access_token", "refresh_token"} {
					if s, _ := out[key].(string); s != "" {
						c.plant(fmt.Sprintf("%s %s %d", name, key, n.Add(1)), s)
					}
				}
			}
			resp.Body = io.NopCloser(bytes.NewReader(body))
			return nil
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if auth := r.Header.Get("Authorization"); blabs.Load() && auth != "" {
			token := strings.TrimPrefix(auth, "Bearer ")
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Echo", token)
			w.WriteHeader(http.StatusUnprocessableEntity)
			_ = json.NewEncoder(w).Encode(map[string]any{"message": []string{"the bearer " + token + " may not do this"}, "error": auth, "traceId": "trace-1", "request": map[string]string{"authorization": auth}})
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// listener keeps everything a client is answered.
type listener struct {
	mu    sync.Mutex
	heard map[string][]byte // by address

	canaries *canaries
	planted  atomic.Int64
}

// meant are the outputs in which a secret is shown on purpose, by the beginnings of their names: once to whoever made it, or
// to those who have to copy it somewhere. Anywhere else it is a leak.
var meant = map[string][]string{
	"TOTP secret":             {"GET /settings/two-step", "POST /settings/two-step"}, // until the first code was typed
	"recovery code":           {"POST /settings/two-step/confirm"},
	"invite token":            {"POST /invites"},
	"cookie crosswalk_invite": {"POST /invites"},                                        // which holds the token
	"reset token":             {"crosswalk users reset", "GET /reset/", "POST /reset/"}, // a form leads to its own address
	"identity code":           {"POST /embedded/highlevel", "POST /settings/identities"},
	"Gleap's hook secret":     {"GET /settings", "GET /connections", "POST /connections/", "the file crosswalk.db"},
}

func isMeant(found, from string) bool {
	for secret, places := range meant {
		if strings.HasPrefix(found, secret) && slices.ContainsFunc(places, func(place string) bool { return strings.HasPrefix(from, place) }) {
			return true
		}
	}
	return false
}

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	// A cookie is how a session comes out, and the only way.
	for _, cookie := range resp.Cookies() {
		if name := cookie.Name; cookie.Value != "" && (strings.Contains(name, "session") || strings.Contains(name, "embedded") || strings.Contains(name, "invite")) {
			l.canaries.plant(fmt.Sprintf("cookie %s %d", name, l.planted.Add(1)), cookie.Value)
		}
	}
	rest := resp.Header.Clone()
	rest.Del("Set-Cookie")
	var head bytes.Buffer
	_ = rest.Write(&head)
	l.mu.Lock()
	defer l.mu.Unlock()
	at := r.Method + " " + r.URL.Path
	l.heard[at] = append(append(l.heard[at], head.Bytes()...), body...)
	return resp, nil
}

var linkTo = regexp.MustCompile(`(?:href|action)="(/[^"#]*)"`)

// planted takes a secret off a page, which shows it to whoever made it.
func (s *site) planted(c *canaries, name, page, pattern string) string {
	s.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		s.t.Fatalf("there is no %s on the page:\n%s", name, tail(text(page), 600))
	}
	c.plant(name, m[1])
	return m[1]
}

// usesItsSecrets makes every secret that people and providers are given, and uses each, rightly and wrongly.
func (s *site) usesItsSecrets(c *canaries, hl twinReady, shared string) {
	s.t.Helper()
	_, list := s.get("/connections")
	for _, m := range regexp.MustCompile(`href="(/connections/cn_[a-z0-9]+)"`).FindAllStringSubmatch(list, -1) {
		if _, page := s.get(m[1]); strings.Contains(page, "/hooks/gleap/") {
			hook := s.planted(c, "Gleap's hook secret", page, `/hooks/gleap/([A-Za-z0-9_-]{16,})`)
			for _, body := range []map[string]any{{"event": "contact.sneezed", "data": map[string]any{"id": "nobody"}}, {"event": 1}, {"project": map[string]any{"id": "another"}, "event": "ticket.created"}} {
				postJSON(s.t, s.url("/hooks/gleap/"+hook), nil, body)
				postJSON(s.t, s.url("/hooks/gleap"), http.Header{"Authorization": {"Bearer " + hook}}, body)
			}
		}
	}
	page, _ := s.mustPost("/invites", url.Values{"role": {"viewer"}})
	invite := s.planted(c, "invite token", page, `/invite/([A-Za-z0-9_-]{16,})`)
	stranger := &http.Client{Transport: s.client.Transport}
	for _, path := range []string{"/invite/" + invite, "/invite/x" + invite} {
		resp, err := stranger.Get(s.url(path))
		if err != nil {
			s.t.Fatal(err)
		}
		resp.Body.Close()
	}

	// Coming in from inside HighLevel: a code first, then straight in.
	comes := func() (page string) {
		s.t.Helper()
		var place struct {
			Location struct {
				CompanyID string `json:"companyId"`
			} `json:"location"`
		}
		getJSON(s.t, hl.URL+"/locations/"+hl.LocationID, http.Header{"Authorization": {"Bearer " + hl.Token}, "Version": {"2021-07-28"}}, &place)
		context := sealContext(shared, map[string]string{
			"userId": "usr0123456789abcdefg", "companyId": place.Location.CompanyID, "role": "admin", "type": "location", "userName": "Jane Doe", "email": "somebody@else.example", "activeLocation": hl.LocationID,
		})
		req, err := http.NewRequest(http.MethodPost, s.url("/embedded/highlevel"), strings.NewReader(url.Values{"context": {context}}.Encode()))
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		resp, err := (&http.Client{Transport: s.client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if len(resp.Cookies()) == 0 && resp.StatusCode >= 300 {
			s.t.Fatalf("coming in answers %d: %s", resp.StatusCode, tail(text(string(body)), 400))
		}
		return string(body)
	}
	code := s.planted(c, "identity code", comes(), `offer-code[^>]*>\s*(?:<[a-z]+[^>]*>\s*)*([A-Z0-9-]{8,})`)
	s.mustPost("/settings/identities", url.Values{"code": {code}, "confirm": {"yes"}, "current_password": {password}})
	comes()

	// Two-step sign-in, with a code that is wrong first, and in again with a recovery code.
	page, _ = s.mustPost("/settings/two-step", url.Values{"current_password": {password}})
	secret := s.planted(c, "TOTP secret", page, `id="secret"[^>]*value="([A-Z2-7]{16,})"`)
	s.post("/settings/two-step/confirm", url.Values{"code": {"000000"}})
	now, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	page, _ = s.mustPost("/settings/two-step/confirm", url.Values{"code": {now}})
	codes := regexp.MustCompile(`<code>([a-zA-Z0-9-]{10,})</code>`).FindAllStringSubmatch(page, -1)
	if len(codes) < 10 {
		s.t.Fatalf("%d recovery codes are shown: %s", len(codes), tail(text(page), 600))
	}
	for i, m := range codes {
		c.plant(fmt.Sprintf("recovery code %d", i+1), m[1])
	}
	s.mustPost("/sign-out", nil)
	s.post("/sign-in", url.Values{"email": {password}, "password": {password}}) // as it happens
	s.mustPost("/sign-in", url.Values{"email": {email}, "password": {password}})
	s.post("/sign-in/code", url.Values{"code": {codes[1][1] + "x"}})
	s.mustPost("/sign-in/code", url.Values{"code": {codes[0][1]}})
}

// TestNoSecretComesOut runs the product with secrets that are known, through refusals in which the provider repeats them, looks at
// every page, file and command there is, at the log in full detail, and at the bytes on the disk.
func TestNoSecretComesOut(t *testing.T) {
	t.Parallel()
	if os.Getenv("CROSSWALK_TEST_SHORT") != "" {
		t.Skip("CROSSWALK_TEST_SHORT is set: this builds and runs the real binary")
	}
	hl, gl := startTwin(t, "highlevel", "--contacts", "5"), startTwin(t, "gleap", "--contacts", "5")
	const shared, mail = "canary-of-the-shared-secret", "canary-of-the-mail-password"
	const key, metrics = "Y2FuYXJ5LWtleS1jYW5hcnkta2V5LWNhbmFyeS1rZSE=", "canary-of-the-metrics-token"
	c := &canaries{secrets: map[string]string{
		"password": password, "set-up token": setupToken, "HighLevel's client secret": hl.ClientSecret, "private token": hl.Token, "API key": gl.Token,
		"key of the vault": key, "metrics token": metrics, "HighLevel's shared secret": shared, "mail password": mail, "Gleap's client secret": gl.ClientSecret,
	}}
	var blabs, gleapBlabs atomic.Bool
	hlURL, glURL := between(t, hl.URL, c, "HighLevel", &blabs), between(t, gl.root(), c, "Gleap", &gleapBlabs)
	data := t.TempDir()
	env := []string{
		"CROSSWALK_HIGHLEVEL_BASE_URL=" + hlURL, "CROSSWALK_HIGHLEVEL_AUTHORIZE_URL=" + hl.URL + "/v2/oauth/chooselocation",
		"CROSSWALK_HIGHLEVEL_CLIENT_ID=" + hl.ClientID, "CROSSWALK_HIGHLEVEL_CLIENT_SECRET=" + hl.ClientSecret,
		"CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY=" + hl.WebhookPublicKey, "CROSSWALK_GLEAP_BASE_URL=" + glURL + "/v3", "CROSSWALK_POLL_EVERY=1s",
		"CROSSWALK_KEY=" + key, "CROSSWALK_METRICS_TOKEN=" + metrics, "CROSSWALK_LOG_LEVEL=debug",
		"CROSSWALK_HIGHLEVEL_SHARED_SECRET=" + shared, "CROSSWALK_MAIL_SERVER=smtp://postman:" + mail + "@127.0.0.1:1",
	}
	s := newSite(t, data, env...)
	ear := &listener{heard: map[string][]byte{}, canaries: c}
	s.client.Transport = ear
	s.signUp()

	// Both ways in, each also refused.
	s.post("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {glURL + "/v3"}, "api_key": {gl.Token}, "project_id": {"nonsense"}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {glURL + "/v3"}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	blabs.Store(true)
	s.post("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	blabs.Store(false)
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	consent, _ := s.mustPost("/connections/highlevel/authorize", url.Values{})
	decision := url.Values{"decision": {"approve"}, "location": {hl.LocationID}}
	for _, m := range hiddenInput.FindAllStringSubmatch(consent, -1) {
		decision.Set(m[1], strings.ReplaceAll(m[2], "&amp;", "&"))
	}
	resp, err := s.client.PostForm(hl.URL+"/v2/oauth/chooselocation", decision)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(text(string(page)), "HighLevel is connected") {
		t.Fatalf("%d at %s: %s", resp.StatusCode, resp.Request.URL.Path, tail(text(string(page)), 600))
	}
	s.usesItsSecrets(c, hl, shared)

	// Work that succeeds, and work whose refusal repeats the credential.
	id := s.automationOn("gleap-contact-to-highlevel")
	add := func(name string) {
		t.Helper()
		if status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{"name": name, "email": strings.ToLower(strings.Fields(name)[0]) + "@example.com"}); status >= 400 {
			t.Fatal(status, body)
		}
	}
	add("Mary Jackson")
	until(t, patience, "Mary is in HighLevel", func() bool { return find(t, hl, "mary@example.com") != nil })
	add("Dorothy Vaughan")
	blabs.Store(true)
	until(t, patience, "a refusal is told", func() bool {
		_, p := s.get("/runs")
		return strings.Contains(text(p), "refused as it was sent")
	})
	gleapBlabs.Store(true)
	_, list := s.get("/connections")
	for _, m := range regexp.MustCompile(`href="(/connections/cn_[a-z0-9]+)"`).FindAllStringSubmatch(list, -1) {
		s.post(m[1]+"/test", nil)
		s.post(m[1]+"/check", nil)
	}
	until(t, patience, "the refusals are remembered", func() bool {
		_, p := s.get(regexp.MustCompile(`/connections/cn_[a-z0-9]+`).FindString(list))
		return strings.Contains(text(p), "The request was refused")
	})
	gleapBlabs.Store(false)
	s.mustPost("/automations/"+id+"/plans", url.Values{"scope": {"all"}})
	blabs.Store(false)
	for _, hook := range []string{"/hooks/gleap/wrong-" + gl.Token, "/hooks/highlevel"} {
		postJSON(t, s.url(hook), http.Header{"Authorization": {"Bearer " + gl.Token}}, map[string]any{"type": "ContactCreate", "secretShareToken": gl.ClientSecret})
	}

	// Every page and file that a link or form leads to.
	seen, queue := map[string]bool{}, []string{"/", "/settings", "/settings/people", "/settings/audit", "/settings/audit.csv", "/deliveries", "/drift", "/records?q=mary", "/reviews", "/runs", "/connections"}
	for len(queue) > 0 && len(seen) < 250 {
		at := queue[0]
		queue = queue[1:]
		if seen[at] || strings.HasPrefix(at, "/static/") || at == "/live" {
			continue
		}
		seen[at] = true
		_, p := s.get(strings.ReplaceAll(at, "&amp;", "&"))
		for _, m := range linkTo.FindAllStringSubmatch(p, -1) {
			queue = append(queue, m[1])
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d pages were looked at", len(seen))
	}
	req, _ := http.NewRequest(http.MethodGet, s.url("/metrics"), nil)
	req.Header.Set("Authorization", "Bearer "+metrics)
	if resp, err := s.client.Do(req); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("metrics: %v %v", resp, err)
	}

	// Commands, beside the running server.
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"secrets", "status", "--json"}, {"secrets", "rotate"}, {"users", "--json"}, {"users", "reset", email}, {"person", "export", "mary@example.com"}, {"doctor"}, {"doctor", "--data", data}, {"version"}} {
		cmd := exec.Command(path, args...)
		cmd.Env = append(cleanEnv(), append(env, "CROSSWALK_DATA="+data)...)
		out, _ := cmd.CombinedOutput() // one that fails must keep secrets too
		if m := regexp.MustCompile(`/reset/(\S+)`).FindSubmatch(out); m != nil {
			c.plant("reset token", string(m[1]))
			s.get("/reset/" + string(m[1]))
			s.post("/reset/"+string(m[1]), url.Values{"password": {"short"}, "password_again": {"shorter"}})
		}
		ear.heard["crosswalk "+strings.Join(args, " ")] = out
	}
	s.proc.kill()
	ear.heard["the log"] = []byte(s.proc.log.String())
	err = filepath.WalkDir(data, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		ear.heard["the file "+filepath.Base(p)] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	sent := 0
	for from, output := range ear.heard {
		sent += len(output)
		for _, found := range c.sing(output) {
			if isMeant(found, from) {
				continue
			}
			t.Errorf("%s holds the %s", from, found)
		}
	}
	for _, name := range []string{"TOTP secret", "recovery code 1", "invite token", "reset token", "Gleap's hook secret", "identity code", "cookie crosswalk_session", "cookie crosswalk_embedded"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(c.secrets)), func(planted string) bool { return strings.HasPrefix(planted, name) }) {
			t.Errorf("no %s was planted", name)
		}
	}
	if len(c.secrets) < 30 || sent < 1<<20 {
		t.Errorf("%d secrets were looked for in %d bytes of %d outputs", len(c.secrets), sent, len(ear.heard))
	}
	t.Logf("%d secrets, %d pages, %d outputs, %d bytes", len(c.secrets), len(seen), len(ear.heard), sent)
}
