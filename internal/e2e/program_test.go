package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"crosswalk/internal/store/postgrestest"
)

const (
	setupToken = "set-up-token-of-the-test"
	email      = "founder@example.com"
	password   = "a long enough password"
	// patience is how long a test waits for what must come. Only a failure takes that long: on a machine that does much
	// else besides, what is right must not look wrong.
	patience = 2 * time.Minute
	// atOnce is how many tests of this package run at the same time. Most of them wait for a server, a poll or a lease.
	atOnce = 8
)

// binary builds the program once for all tests of this package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "crosswalk-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "crosswalk")
	out, err := exec.Command("go", "build", "-o", path, "crosswalk/cmd/crosswalk").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	if given := flag.Lookup("test.parallel"); given.Value.String() == given.DefValue {
		_ = given.Value.Set(strconv.Itoa(atOnce))
	}
	code := postgrestest.Run(m)
	closeChromium()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// process is one running crosswalk.
type process struct {
	cmd *exec.Cmd
	out *bufio.Reader
	log *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{log: &safeBuffer{}}
	p.cmd = exec.Command(path, args...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append(cleanEnv(), env...)
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(stdout)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", args[0], tail(p.log.String(), 4000))
		}
	})
	return p
}

func cleanEnv() []string {
	var out []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "CROSSWALK_") {
			out = append(out, kv)
		}
	}
	return out
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// kill ends the process at once, as a power cut would; it is harmless when it has ended.
func (p *process) kill() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Signal(syscall.SIGKILL)
		_ = p.cmd.Wait()
	}
}

// twinReady is the JSON line a twin prints.
type twinReady struct {
	URL              string `json:"url"`
	Token            string `json:"token"`
	LocationID       string `json:"locationId"`
	ProjectID        string `json:"projectId"`
	ClientID         string `json:"clientId"`
	ClientSecret     string `json:"clientSecret"`
	WebhookPublicKey string `json:"webhookPublicKey"`
}

func (r twinReady) root() string { return strings.TrimSuffix(r.URL, "/v3") }

func startTwin(t *testing.T, args ...string) twinReady {
	t.Helper()
	p := start(t, nil, append([]string{"twin"}, args...)...)
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the twin said nothing: %v\n%s", err, p.log.String())
	}
	var r twinReady
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatalf("the twin's line is no JSON: %q", line)
	}
	go func() { _, _ = io.Copy(io.Discard, p.out) }()
	return r
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// site is a running server and a signed-in client of it.
type site struct {
	t      *testing.T
	addr   string
	env    []string
	args   []string
	proc   *process
	client *http.Client
}

func newSite(t *testing.T, data string, env ...string) *site {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, addr: freeAddr(t), client: &http.Client{Jar: jar, Timeout: patience}}
	s.env = append([]string{"CROSSWALK_SETUP_TOKEN=" + setupToken}, env...)
	s.args = []string{"serve", "--addr", s.addr, "--data", data}
	s.up()
	return s
}

// up starts the server and waits until it is ready.
func (s *site) up() {
	s.t.Helper()
	s.proc = start(s.t, s.env, s.args...)
	go func(p *process) { _, _ = io.Copy(io.Discard, p.out) }(s.proc)
	until(s.t, patience, "the server is ready", func() bool {
		resp, err := http.Get(s.url("/readyz"))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (s *site) url(path string) string { return "http://" + s.addr + path }

// until asks an oracle until a deadline, at first often and then less and less: some of them ask the provider, whose call
// limit the server under test has to live on too.
func until(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for pause := 25 * time.Millisecond; !ok(); pause = min(pause*5/4, 500*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", limit, what)
		}
		<-time.After(pause)
	}
}

func (s *site) get(path string) (int, string) {
	s.t.Helper()
	resp, err := s.client.Get(s.url(path))
	if err != nil {
		s.t.Fatalf("GET %s: %v", path, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// post sends a form and follows to the page it leads to; it answers that page's path too.
func (s *site) post(path string, form url.Values) (status int, page, at string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.url(path), strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("POST %s: %v", path, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), resp.Request.URL.Path
}

func (s *site) mustPost(path string, form url.Values) (page, at string) {
	s.t.Helper()
	status, page, at := s.post(path, form)
	if status != http.StatusOK {
		s.t.Fatalf("POST %s answered %d:\n%s", path, status, tail(text(page), 1500))
	}
	return page, at
}

var tags = regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>|<[^>]+>`)

func text(page string) string {
	return strings.Join(strings.Fields(tags.ReplaceAllString(page, " ")), " ")
}

// signUp creates the first account.
func (s *site) signUp() {
	s.t.Helper()
	s.mustPost("/setup", url.Values{"setup_token": {setupToken}, "email": {email}, "password": {password}, "password_again": {password}})
}

var versionInput = regexp.MustCompile(`name="version" value="(\d+)"`)

func (s *site) version(automation string) string {
	s.t.Helper()
	_, page := s.get("/automations/" + automation + "/live")
	m := versionInput.FindStringSubmatch(page)
	if m == nil {
		s.t.Fatalf("no version on the page:\n%s", tail(text(page), 800))
	}
	return m[1]
}

// automate connects both twins by key and switches the first ready-made automation on.
func (s *site) automate(hl, gl twinReady) (automation string) {
	s.t.Helper()
	s.mustPost("/connections/highlevel", url.Values{"token": {hl.Token}, "location_id": {hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {gl.URL}, "api_key": {gl.Token}, "project_id": {gl.ProjectID}})
	_, at := s.mustPost("/automations", url.Values{"recipe": {"gleap-contact-to-highlevel"}})
	automation = strings.Split(strings.TrimPrefix(at, "/automations/"), "/")[0]
	s.mustPost("/automations/"+automation+"/activation", url.Values{"state": {"on"}, "start": {"all"}, "version": {s.version(automation)}})
	return automation
}

func stats(t *testing.T, twin twinReady) map[string]float64 {
	t.Helper()
	var out map[string]float64
	getJSON(t, twin.root()+"/_twin/stats", nil, &out)
	return out
}

func getJSON(t *testing.T, address string, header http.Header, out any) {
	t.Helper()
	status, body := answered(t, http.MethodGet, address, header, nil)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", address, status, tail(body, 300))
	}
	if err := json.Unmarshal([]byte(body), out); err != nil {
		t.Fatalf("GET %s: %v in %s", address, err, tail(body, 300))
	}
}

func postJSON(t *testing.T, address string, header http.Header, in any) (int, string) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	return answered(t, http.MethodPost, address, header, body)
}

// answered sends a request. A provider that says it is asked too often is asked again, as any client would.
func answered(t *testing.T, method, address string, header http.Header, body []byte) (int, string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(time.Second) {
		req, err := http.NewRequest(method, address, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range header {
			req.Header[k] = v
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatalf("%s %s: %v", method, address, err)
		}
		if resp.StatusCode != http.StatusTooManyRequests || time.Now().After(deadline) {
			return resp.StatusCode, string(answer)
		}
	}
}

func decode(t *testing.T, body string, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), out); err != nil {
		t.Fatalf("%v in %s", err, tail(body, 300))
	}
}
