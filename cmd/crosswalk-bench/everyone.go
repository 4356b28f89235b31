package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// population is how many contacts a dry run of everyone goes through.
const population = 100_000

// planTwelve plans for a linked pair of twelve two-way rows, one of which differs.
func planTwelve(b *testing.B) {
	schema := record.Schema{Type: record.Contact, Label: "contact"}
	d := automation.Definition{Update: true, Region: "US"}
	source, target := record.Fields{}, record.Fields{}
	for i := range 12 {
		key, kind, v := fmt.Sprintf("f%d", i), record.Text, record.TextOf("some words of a usual length")
		switch i {
		case 8:
			kind, v = record.Email, record.TextOf("jane@acme.io")
		case 9:
			kind, v = record.Phone, record.TextOf("+14155550133")
		case 10:
			kind, v = record.Number, record.NumberOf(12)
		case 11:
			kind, v = record.Set, record.ListOf([]string{"vip", "beta", "gold"})
		}
		schema.Fields = append(schema.Fields, record.FieldSpec{Key: key, Label: key, Kind: kind})
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: key, Sources: []string{key}, Target: key, Direction: mapping.Both})
		source[key], target[key] = v, v
	}
	base := &automation.Base{Link: "ln", Version: 1, Fields: source.Clone(), Target: target.Clone()}
	target["f3"] = record.TextOf("edited by somebody")
	side := engine.Side{Schema: schema}
	c := engine.Compile(automation.Automation{ID: "au", Version: 1, Definition: d}, side, side)
	in := engine.Input{
		Source: record.Record{Ref: record.Ref{Connection: "a", ID: "1"}, Fields: source}, Target: &record.Record{Ref: record.Ref{Connection: "b", ID: "2"}, Fields: target},
		Link: &automation.Link{ID: "ln"}, Base: base, Identity: automation.Identity{How: automation.ByLink},
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Plan(in)
	}
}

// everyone measures a dry run of n contacts by the built binary, against instant twins in this process: how long it
// takes, and the most memory the server held.
func everyone(n int) (took time.Duration, peakMB float64, err error) {
	hl, err := twinhighlevel.New(twinhighlevel.Config{Seed: 1, Instant: true})
	if err != nil {
		return 0, 0, err
	}
	gl, err := twingleap.New(twingleap.Config{Seed: 1, Instant: true})
	if err != nil {
		return 0, 0, err
	}
	gl.SeedContacts(n)
	hl.SeedContacts(n / 10)
	hlURL, err := serve(hl)
	if err != nil {
		return 0, 0, err
	}
	glURL, err := serve(gl)
	if err != nil {
		return 0, 0, err
	}
	dir, err := os.MkdirTemp("", "crosswalk-bench-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	addr, err := freeAddr()
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.Command(filepath.Join("bin", "crosswalk"), "serve", "--addr", addr, "--data", dir)
	cmd.Env = append(os.Environ(), "CROSSWALK_SETUP_TOKEN=set-up-token-of-the-bench", "CROSSWALK_LOG_LEVEL=error", "CROSSWALK_HIGHLEVEL_BASE_URL="+hlURL)
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	base := "http://" + addr
	if err := awaitReady(base, 10*time.Millisecond); err != nil {
		return 0, 0, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return 0, 0, err
	}
	w := &world{base: base, http: &http.Client{Jar: jar}}
	password, hlReady, glReady := "a long enough password", hl.Ready(hlURL), gl.Ready(glURL)
	for _, f := range []struct {
		path string
		form url.Values
	}{
		{"/setup", url.Values{"setup_token": {"set-up-token-of-the-bench"}, "email": {"bench@example.com"}, "password": {password}, "password_again": {password}}},
		{"/connections/highlevel", url.Values{"token": {hlReady.Token}, "location_id": {hlReady.LocationID}}},
		{"/connections/gleap", url.Values{"region": {"custom"}, "base_url": {glReady.URL}, "api_key": {glReady.Token}, "project_id": {glReady.ProjectID}}},
	} {
		if _, _, err := w.form(f.path, f.form); err != nil {
			return 0, 0, err
		}
	}
	_, at, err := w.form("/automations", url.Values{"recipe": {"gleap-contact-to-highlevel"}})
	if err != nil {
		return 0, 0, err
	}
	id := strings.Split(strings.TrimPrefix(at, "/automations/"), "/")[0]
	begin := time.Now()
	if _, at, err = w.form("/automations/"+id+"/plans", url.Values{"scope": {"all"}}); err != nil {
		return 0, 0, err
	}
	for time.Since(begin) < 10*time.Minute {
		resp, err := w.http.Get(base + at)
		if err != nil {
			return 0, 0, err
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return 0, 0, err
		}
		switch {
		case strings.Contains(string(page), "It has ended."):
			return time.Since(begin), peakMemory(cmd.Process.Pid), nil
		case strings.Contains(string(page), "could not be finished"):
			return 0, 0, errors.New("the dry run failed")
		}
		<-time.After(100 * time.Millisecond)
	}
	return 0, 0, errors.New("the dry run did not end within ten minutes")
}

// peakMemory is the most a process ever held, in megabytes; 0 where the system does not tell.
func peakMemory(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		return 0
	}
	kb, _ := strconv.ParseFloat(string(m[1]), 64)
	return kb / 1024
}
