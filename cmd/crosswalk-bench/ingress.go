package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crosswalk/internal/store/postgrestest"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

const (
	offered = 5_000 // deliveries a second
	lasting = 8 * time.Second
	// senders is how many connections the sender has, as a provider of many customers does.
	senders = 192
	// late is the 99th percentile above which the server does not keep up, however many it takes.
	late = 500 * time.Millisecond
)

// ingress offers signed deliveries to the built binary at a steady rate, whatever it answers: first the goal, then more
// until it does not keep up. It and the sender share this machine.
func ingress(line func(what, figure, goal string)) error {
	for _, database := range []string{"embedded", "PostgreSQL"} {
		if err := ingressOn(database, line); err != nil {
			return fmt.Errorf("%s: %w", database, err)
		}
	}
	return nil
}

func ingressOn(database string, line func(what, figure, goal string)) error {
	p, err := startServed(database)
	if errors.Is(err, postgrestest.ErrNone) {
		line("deliveries on PostgreSQL", "not measured", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	defer p.stop()
	if _, err := p.offer(1000, 3*time.Second); err != nil { // warm
		return err
	}
	kept := 0
	for _, rate := range []int{2_500, offered, 6_000, 7_500, 10_000} {
		r, err := p.offer(rate, lasting)
		if err != nil {
			return err
		}
		goal := ""
		if rate == offered {
			goal = "≥ 5,000/s"
		}
		line(fmt.Sprintf("%s: signed and durable, of %d/s offered for %s", database, rate, lasting), fmt.Sprintf("%.0f/s", r.perSecond), goal)
		line("  p50, p99 (from when each was due)", fmt.Sprintf("%s, %s", short(r.p50), short(r.p99)), "")
		if r.cpu > 0 {
			line("  the server's own work for each", fmt.Sprintf("%d µs", r.cpu.Microseconds()), "")
		}
		if r.turnedAway > 0 {
			line("  asked to come again (429)", strconv.Itoa(r.turnedAway), "")
		}
		if r.perSecond >= 0.98*float64(rate) && r.p99 <= late && r.turnedAway == 0 {
			kept = rate
		} else if rate >= offered { // the goal is always measured
			break
		}
	}
	line(database+": keeps up with", fmt.Sprintf("%d/s", kept), "≥ 5,000/s")
	return nil
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// machine names what the figures are of.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	load := ""
	if now, err := os.ReadFile("/proc/loadavg"); err == nil {
		before, _, _ := strings.Cut(string(now), " ")
		load = "; load before: " + before
	}
	return fmt.Sprintf("%d cores of %s, %s; sender, server and database share them%s", runtime.NumCPU(), model, runtime.GOOS, load)
}

// served is the built binary with one connected location.
type served struct {
	base     string
	addr     string
	location string
	key      ed25519.PrivateKey
	sent     int
	pid      int
	stop     func()
}

func startServed(database string) (_ *served, err error) {
	p := &served{}
	var ends []func()
	p.stop = func() {
		for _, end := range slices.Backward(ends) {
			end()
		}
	}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	dir, err := os.MkdirTemp("", "crosswalk-bench-")
	if err != nil {
		return nil, err
	}
	ends = append(ends, func() { _ = os.RemoveAll(dir) })
	databaseURL := ""
	if database == "PostgreSQL" {
		url, stop, err := postgrestest.Durable()
		if err != nil {
			return nil, err
		}
		databaseURL, ends = url, append(ends, stop)
	}
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	p.key = key
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	twin, err := twinhighlevel.New(twinhighlevel.Config{Seed: 1, Instant: true})
	if err != nil {
		return nil, err
	}
	api, err := serve(twin)
	if err != nil {
		return nil, err
	}
	ready := twin.Ready(api)
	p.location = ready.LocationID
	if p.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	p.base = "http://" + p.addr
	env := append(os.Environ(),
		"CROSSWALK_ADDR="+p.addr, "CROSSWALK_DATA="+dir, "CROSSWALK_DATABASE_URL="+databaseURL, "CROSSWALK_SETUP_TOKEN=set-up-token-of-the-bench", "CROSSWALK_LOG_LEVEL=error",
		"CROSSWALK_HIGHLEVEL_BASE_URL="+api, "CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY="+base64.StdEncoding.EncodeToString(spki))
	binary := filepath.Join("bin", "crosswalk")
	if databaseURL != "" {
		migrate := exec.Command(binary, "migrate")
		migrate.Env = env
		if out, err := migrate.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("migrate: %w: %s", err, out)
		}
	}
	cmd := exec.Command(binary, "serve")
	cmd.Env, cmd.Stderr = env, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	ends = append(ends, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if err := awaitReady(p.base, 5*time.Millisecond); err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	w := &world{base: p.base, http: &http.Client{Jar: jar}}
	password := "a long enough password"
	if _, _, err := w.form("/setup", url.Values{"setup_token": {"set-up-token-of-the-bench"}, "email": {"bench@example.com"}, "password": {password}, "password_again": {password}}); err != nil {
		return nil, err
	}
	_, _, err = w.form("/connections/highlevel", url.Values{"token": {ready.Token}, "location_id": {ready.LocationID}})
	return p, err
}

// requests are deliveries as they go over the wire, each once: another id, another record, another signature.
func (p *served) requests(n int) [][]byte {
	out := make([][]byte, n)
	var signing sync.WaitGroup
	for part := range runtime.NumCPU() {
		signing.Go(func() {
			for i := part; i < n; i += runtime.NumCPU() {
				id := p.sent + i
				body := fmt.Appendf(nil, `{"type":"ContactUpdate","locationId":%q,"id":"person%d","email":"person%d@example.com","firstName":"Jane","lastName":"Doe","phone":"+14155550100","tags":["vip","beta"],"dateAdded":"2026-11-23T10:00:00.000Z","timestamp":"2026-11-23T10:00:00.000Z","webhookId":"wh-%d"}`, p.location, id%5000, id, id)
				signature := base64.StdEncoding.EncodeToString(ed25519.Sign(p.key, body))
				out[i] = fmt.Appendf(nil, "POST /hooks/highlevel HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nX-GHL-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", p.addr, signature, len(body), body)
			}
		})
	}
	signing.Wait()
	p.sent += n
	return out
}

// received is what became of what was offered.
type received struct {
	perSecond  float64
	turnedAway int
	p50, p99   time.Duration
	cpu        time.Duration // of the server, for each delivery; 0 where the system does not tell
}

// offer sends at a steady rate. Each delivery is due at its time, whether the one before was answered or not, and waits
// for its answer from then: a server that falls behind cannot hide it by slowing its sender down.
func (p *served) offer(rate int, lasts time.Duration) (received, error) {
	reqs := p.requests(int(float64(rate) * lasts.Seconds()))
	took := make([]time.Duration, len(reqs))
	var next, accepted, away atomic.Int64
	var failed atomic.Pointer[error]
	runtime.GC()
	worked := p.worked()
	begin := time.Now().Add(50 * time.Millisecond)
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			if err := p.send(reqs, took, begin, rate, &next, &accepted, &away, &failed); err != nil {
				failed.Store(&err)
			}
		})
	}
	all.Wait()
	total := time.Since(begin)
	if e := failed.Load(); e != nil {
		return received{}, *e
	}
	slices.Sort(took)
	return received{float64(accepted.Load()) / total.Seconds(), int(away.Load()), took[len(took)/2], took[len(took)*99/100], (p.worked() - worked) / time.Duration(len(reqs))}, nil
}

// worked is how much processor time the server has had: what others do on the machine meanwhile does not change it much.
func (p *served) worked() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // Linux counts hundredths of a second here, always
}

func (p *served) send(reqs [][]byte, took []time.Duration, begin time.Time, rate int, next, accepted, away *atomic.Int64, failed *atomic.Pointer[error]) error {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 4<<10)
	for failed.Load() == nil {
		i := int(next.Add(1)) - 1
		if i >= len(reqs) {
			return nil
		}
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		if _, err := conn.Write(reqs[i]); err != nil {
			return err
		}
		status, err := answered(in)
		if err != nil {
			return err
		}
		took[i] = time.Since(due)
		switch status {
		case http.StatusOK:
			accepted.Add(1)
		case http.StatusTooManyRequests:
			away.Add(1)
		default:
			return fmt.Errorf("answered %d", status)
		}
	}
	return nil
}

// answered reads one answer and tells its status. It knows no more of HTTP than the server here speaks, so that most of
// the machine is the server's.
func answered(in *bufio.Reader) (status int, err error) {
	first, err := in.ReadSlice('\n')
	if err != nil || len(first) < len("HTTP/1.1 200") {
		return 0, errors.Join(errors.New("no answer"), err)
	}
	if status, err = strconv.Atoi(string(first[9:12])); err != nil {
		return 0, err
	}
	length := 0
	for {
		header, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if header = bytes.TrimSpace(header); len(header) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(header, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		}
	}
	_, err = in.Discard(length)
	return status, err
}
