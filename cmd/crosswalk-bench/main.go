// Command crosswalk-bench measures what the README promises and prints one table. Everything runs on this machine:
// the server and instant twins in this process over loopback, and the built binary for start and memory.
package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/app"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

const (
	clients  = 64
	accepts  = 20_000
	contacts = 4_000
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) > 1 && os.Args[1] == serving {
		return serveUnlimited()
	}
	fmt.Printf("this machine: %s\n", machine())
	fmt.Printf("%-66s %16s   %s\n", "what", "figure", "goal")
	line := func(what, figure, goal string) { fmt.Printf("%-66s %16s   %s\n", what, figure, goal) }
	if len(os.Args) > 1 {
		parts := map[string]func(func(what, figure, goal string)) error{"calls": calls, "everyone": everyone, "field": field, "ingress": ingress, "storm": storm}
		part, ok := parts[os.Args[1]]
		if !ok {
			return fmt.Errorf("there is no part %q: %s, or nothing for all", os.Args[1], strings.Join(slices.Sorted(maps.Keys(parts)), ", "))
		}
		return part(line)
	}

	for _, phone := range []bool{false, true} {
		name := "map 12 rows"
		if phone {
			name += ", one of them a national phone number"
		}
		b := testing.Benchmark(func(b *testing.B) { mapTwelve(b, phone) })
		line(name, fmt.Sprintf("%d ns", b.NsPerOp()), "≤ 1,500 ns")
		line("  allocations", strconv.FormatInt(b.AllocsPerOp(), 10), "")
	}

	ready, rss, err := startAndIdle()
	if err != nil {
		return err
	}
	line("start to ready (built binary, second start)", ready.Round(time.Millisecond).String(), "≤ 300ms")
	line("idle resident memory", fmt.Sprintf("%.0f MB", rss), "≤ 40 MB")

	w, err := newWorld()
	if err != nil {
		return err
	}
	defer w.close()
	bareRate, bareP99, err := w.bare()
	if err != nil {
		return err
	}
	rate, p99, err := w.accept()
	if err != nil {
		return err
	}
	line("bare echo handler, one fsync per group of requests", fmt.Sprintf("%.0f/s", bareRate), "")
	line("  p99", bareP99.Round(100*time.Microsecond).String(), "")
	line("webhook accepted: verified and durable", fmt.Sprintf("%.0f/s", rate), "≥ 5,000/s")
	line("  p99", p99.Round(100*time.Microsecond).String(), "")
	line("  of the bare handler", fmt.Sprintf("%.0f %%", 100*rate/bareRate), "")
	flow, err := w.endToEnd()
	if err != nil {
		return err
	}
	line("end to end: webhook → contact written and answered", fmt.Sprintf("%.0f/s", flow), "≥ 1,600/s")
	b := testing.Benchmark(planTwelve)
	line("plan one contact with 12 two-way rows", fmt.Sprintf("%d ns", b.NsPerOp()), "≤ 10,000 ns")
	return errors.Join(everyone(line), firstSync(line, fieldRecords/10), calls(line), storm(line), ingress(line))
}

func mapTwelve(b *testing.B, phone bool) {
	text := func(keys ...string) (s record.Schema) {
		for _, k := range keys {
			s.Fields = append(s.Fields, record.FieldSpec{Key: k, Label: k, Kind: record.Text})
		}
		return s
	}
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}
	source, target := text("name", "email", "phone", "company", "plan", "lang", "city", "country", "street"), text(keys...)
	steps := map[string][]mapping.Step{
		"a": {{Use: "split_name", With: map[string]string{"part": "first"}}}, "b": {{Use: "split_name", With: map[string]string{"part": "last"}}},
		"c": {{Use: "trim"}, {Use: "text_case"}}, "e": {{Use: "lookup", With: map[string]string{"table": "free = Lead\npro = Customer"}}}, "f": {{Use: "default", With: map[string]string{"value": "none"}}},
	}
	if phone {
		steps["d"] = []mapping.Step{{Use: "phone", With: map[string]string{"region": "US"}}}
	}
	from := []string{"name", "name", "email", "phone", "plan", "lang", "company", "city", "country", "street", "lang", "city"}
	var m mapping.Mapping
	for i, k := range keys {
		m.Rows = append(m.Rows, mapping.Row{ID: k, Sources: []string{from[i]}, Target: k, Steps: steps[k]})
	}
	p, _ := m.Compile(source, target, record.Locale{Region: "US"})
	in := record.Fields{
		"name": record.TextOf("Jane Doe"), "email": record.TextOf("Jane@Acme.io"), "phone": record.TextOf("(415) 555-0133"), "company": record.TextOf("Acme"),
		"plan": record.TextOf("pro"), "lang": record.TextOf("en"), "city": record.TextOf("Berlin"), "country": record.TextOf("DE"), "street": record.TextOf("1 Main St"),
	}
	dst := make([]mapping.RowResult, 0, p.Len())
	b.ReportAllocs()
	for b.Loop() {
		dst = p.ApplyInto(dst, in, nil)
	}
}

// startAndIdle starts the built binary twice on one data folder and measures the second.
func startAndIdle() (ready time.Duration, rssMB float64, err error) {
	dir, err := os.MkdirTemp("", "crosswalk-bench-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	for range 2 {
		if ready, rssMB, err = startOnce(dir); err != nil {
			return 0, 0, err
		}
	}
	return ready, rssMB, nil
}

func startOnce(dir string) (ready time.Duration, rssMB float64, err error) {
	addr, err := freeAddr()
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.Command(filepath.Join("bin", "crosswalk"), "serve", "--addr", addr, "--data", dir)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := awaitReady("http://"+addr, time.Millisecond); err != nil {
		return 0, 0, err
	}
	ready = time.Since(begin)
	<-time.After(3 * time.Second)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		return ready, 0, nil // not Linux
	}
	if m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status); m != nil {
		kb, _ := strconv.ParseFloat(string(m[1]), 64)
		rssMB = kb / 1024
	}
	return ready, rssMB, nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func awaitReady(base string, every time.Duration) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(every) {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("the server did not become ready")
}

// world is a server and both twins, instant, in this process.
type world struct {
	dir        string
	base       string
	automation string // the path of what was switched on last
	key        ed25519.PrivateKey
	hl         *twinhighlevel.Twin
	gl         *twingleap.Twin
	hlReady    twinhighlevel.Ready
	glReady    twingleap.Ready
	http       *http.Client
	stop       context.CancelFunc
	done       chan error
}

func newWorld(more ...string) (*world, error) {
	w := &world{done: make(chan error, 1)}
	var err error
	if w.dir, err = os.MkdirTemp("", "crosswalk-bench-"); err != nil {
		return nil, err
	}
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	w.key = key
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	if w.hl, err = twinhighlevel.New(twinhighlevel.Config{Seed: 1, Instant: true}); err != nil {
		return nil, err
	}
	// A poll comes some seconds after what it tells of; those here come every second.
	before := func() time.Time { return time.Now().Add(-2 * time.Second) }
	if w.gl, err = twingleap.New(twingleap.Config{Seed: 1, Instant: true, Now: before}); err != nil {
		return nil, err
	}
	hlURL, err := serve(w.hl)
	if err != nil {
		return nil, err
	}
	glURL, err := serve(w.gl)
	if err != nil {
		return nil, err
	}
	w.hlReady, w.glReady = w.hl.Ready(hlURL), w.gl.Ready(glURL)
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	w.base = "http://" + addr
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	env := []string{
		"CROSSWALK_ADDR=" + addr, "CROSSWALK_DATA=" + w.dir, "CROSSWALK_SETUP_TOKEN=set-up-token-of-the-bench", "CROSSWALK_LOG_LEVEL=error", "CROSSWALK_WORKERS=32",
		"CROSSWALK_HIGHLEVEL_BASE_URL=" + hlURL, "CROSSWALK_GLEAP_BASE_URL=" + w.glReady.URL, "CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY=" + base64.StdEncoding.EncodeToString(spki),
	}
	env = append(env, more...)
	go func() { w.done <- app.ServeUnlimited(ctx, env, app.Streams{Out: io.Discard, Err: os.Stderr}) }()
	if err := awaitReady(w.base, 10*time.Millisecond); err != nil {
		return nil, err
	}
	return w, w.connect()
}

// connect makes the first account and connects both twins.
func (w *world) connect() error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	w.http = &http.Client{Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: clients * 2}}
	password := "a long enough password"
	for _, f := range []struct {
		path string
		form url.Values
	}{
		{"/setup", url.Values{"setup_token": {"set-up-token-of-the-bench"}, "email": {"bench@example.com"}, "password": {password}, "password_again": {password}}},
		{"/connections/highlevel", url.Values{"token": {w.hlReady.Token}, "location_id": {w.hlReady.LocationID}}},
		{"/connections/gleap", url.Values{"region": {"custom"}, "base_url": {w.glReady.URL}, "api_key": {w.glReady.Token}, "project_id": {w.glReady.ProjectID}}},
	} {
		if _, _, err := w.form(f.path, f.form); err != nil {
			return err
		}
	}
	return nil
}

func serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = http.Serve(l, h) }()
	return "http://" + l.Addr().String(), nil
}

func (w *world) close() {
	w.stop()
	<-w.done
	_ = os.RemoveAll(w.dir)
}

func (w *world) form(path string, form url.Values) (page, at string, err error) {
	resp, err := w.http.PostForm(w.base+path, form)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("POST %s: %d %v", path, resp.StatusCode, err)
	}
	return string(b), resp.Request.URL.Path, nil
}

// delivery is a signed ContactUpdate.
func (w *world) delivery(contact string, n int) (body []byte, signature string) {
	body, _ = json.Marshal(map[string]any{
		"type": "ContactUpdate", "locationId": w.hlReady.LocationID, "id": contact, "email": "person@example.com", "webhookId": fmt.Sprintf("wh-%s-%d", contact, n),
		"timestamp": "2026-11-23T10:00:00.000Z",
	})
	return body, base64.StdEncoding.EncodeToString(ed25519.Sign(w.key, body))
}

// load sends n requests from many clients at once and answers the rate and the 99th percentile.
func load(client *http.Client, n int, request func(i int) *http.Request) (perSecond float64, p99 time.Duration, err error) {
	took := make([]time.Duration, n)
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	begin := time.Now()
	for range clients {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || failed.Load() != nil {
					return
				}
				req := request(i)
				at := time.Now()
				resp, err := client.Do(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						err = fmt.Errorf("answered %d", resp.StatusCode)
					}
				}
				if err != nil {
					failed.Store(&err)
					return
				}
				took[i] = time.Since(at)
			}
		})
	}
	wg.Wait()
	if e := failed.Load(); e != nil {
		return 0, 0, *e
	}
	total := time.Since(begin)
	slices.Sort(took)
	return float64(n) / total.Seconds(), took[n*99/100], nil
}

func (w *world) hook(contact string, n int) *http.Request {
	body, signature := w.delivery(contact, n)
	req, _ := http.NewRequest(http.MethodPost, w.base+"/hooks/highlevel", bytes.NewReader(body))
	req.Header.Set("X-GHL-Signature", signature)
	return req
}

// accept measures deliveries no automation cares for: verified, stored, answered.
func (w *world) accept() (float64, time.Duration, error) {
	reqs := make([]*http.Request, accepts)
	for i := range reqs {
		reqs[i] = w.hook("nobody", i)
	}
	return load(w.http, accepts, func(i int) *http.Request { return reqs[i] })
}

// bare is what the same machine does at best: an echo handler that appends the body to a file and shares an
// fsync with whoever waits.
func (w *world) bare() (float64, time.Duration, error) {
	f, err := os.Create(filepath.Join(w.dir, "bare"))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	type item struct {
		body []byte
		done chan error
	}
	queue := make(chan item, clients)
	go func() {
		for first := range queue {
			group := []item{first}
			for len(queue) > 0 {
				group = append(group, <-queue)
			}
			var err error
			for _, it := range group {
				_, werr := f.Write(it.body)
				err = errors.Join(err, werr)
			}
			err = errors.Join(err, f.Sync())
			for _, it := range group {
				it.done <- err
			}
		}
	}()
	e := echo.New()
	e.POST("/", func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		it := item{body, make(chan error, 1)}
		queue <- it
		if err := <-it.done; err != nil {
			return err
		}
		return c.NoContent(http.StatusOK)
	})
	base, err := serve(e)
	if err != nil {
		return 0, 0, err
	}
	reqs := make([]*http.Request, accepts)
	for i := range reqs {
		body, _ := w.delivery("nobody", i)
		reqs[i], _ = http.NewRequest(http.MethodPost, base+"/", bytes.NewReader(body))
	}
	return load(w.http, accepts, func(i int) *http.Request { return reqs[i] })
}

var version = regexp.MustCompile(`name="version" value="(\d+)"`)

// endToEnd measures from the first delivery to the last contact written in the other twin.
func (w *world) endToEnd() (float64, error) {
	if err := w.switchOn("highlevel-contact-to-gleap", nil); err != nil {
		return 0, err
	}
	reqs := make([]*http.Request, contacts)
	for i := range reqs {
		who := w.hl.PersonCreatesContact(map[string]any{"firstName": "Person", "lastName": strconv.Itoa(i), "email": fmt.Sprintf("person%d@example.com", i), "phone": fmt.Sprintf("+1415555%04d", i)})
		if who == "" {
			return 0, errors.New("the twin refused a contact")
		}
		reqs[i] = w.hook(who, i)
	}
	runtime.GC()
	before, begin := w.gl.Stats().Writes, time.Now()
	sent := make(chan error, 1)
	go func() {
		_, _, err := load(w.http, contacts, func(i int) *http.Request { return reqs[i] })
		sent <- err
	}()
	for w.gl.Stats().Writes-before < contacts {
		if time.Since(begin) > 2*time.Minute {
			return 0, fmt.Errorf("only %d of %d arrived within two minutes", w.gl.Stats().Writes-before, contacts)
		}
		<-time.After(2 * time.Millisecond)
	}
	took := time.Since(begin)
	return contacts / took.Seconds(), <-sent
}
