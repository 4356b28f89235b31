package main

import (
	"context"
	"fmt"
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
	"crosswalk/internal/store"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// population is how many contacts a dry run of everyone goes through.
const population = 100_000

const (
	ms = time.Millisecond
	// hours is how long a plan for everyone may take: what takes longer has stopped.
	hours = 6 * time.Hour
)

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

// everyone shows how a dry run of everyone grows with everyone. Memory is to be flat: twice as many people take hardly more.
func everyone(line func(what, figure, goal string)) error {
	peaks := map[int]float64{}
	for _, n := range []int{population / 4, population / 2, population, 2 * population} {
		took, peak, err := dryRunOf(n)
		if err != nil {
			return err
		}
		peaks[n] = peak
		time, memory := "", ""
		if n == population {
			time, memory = "≤ 1m", "≤ 150 MB"
		}
		line(fmt.Sprintf("dry run of %d contacts (built binary)", n), took.Round(ms).String(), time)
		line("  peak resident memory", fmt.Sprintf("%.0f MB", peak), memory)
	}
	line("  memory at twice the population", fmt.Sprintf("%.2f times", peaks[2*population]/peaks[population]), "")
	return nil
}

// dryRunOf measures a dry run of n contacts by the built binary, against instant twins in this process: how long it takes,
// and the most memory the server held.
func dryRunOf(n int) (took time.Duration, peakMB float64, err error) {
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
	s, err := serveTwins(hl, gl, exec.Command(filepath.Join("bin", "crosswalk"), "serve"))
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	id, err := s.automate("gleap-contact-to-highlevel")
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if _, err := s.dryRun(id); err != nil {
		return 0, 0, err
	}
	return time.Since(begin), peakMemory(s.cmd.Process.Pid), nil
}

// separate are both twins in this process and the server in one of its own, so that its memory can be told.
type separate struct {
	*world
	cmd   *exec.Cmd
	store *store.Store // of the running server, to look how far it is
}

func serveTwins(hl *twinhighlevel.Twin, gl *twingleap.Twin, cmd *exec.Cmd) (_ *separate, err error) {
	s := &separate{world: &world{hl: hl, gl: gl}, cmd: cmd}
	hlURL, err := serve(hl)
	if err != nil {
		return nil, err
	}
	glURL, err := serve(gl)
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "crosswalk-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	cmd.Env = append(os.Environ(), "CROSSWALK_ADDR="+addr, "CROSSWALK_DATA="+s.dir, "CROSSWALK_SETUP_TOKEN=set-up-token-of-the-bench", "CROSSWALK_LOG_LEVEL=error", "CROSSWALK_HIGHLEVEL_BASE_URL="+hlURL, "CROSSWALK_GLEAP_BASE_URL="+gl.Ready(glURL).URL)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.base = "http://" + addr
	if err := awaitReady(s.base, 10*ms); err != nil {
		return nil, err
	}
	if s.store, err = store.Open(context.Background(), store.Config{SQLitePath: filepath.Join(s.dir, "crosswalk.db")}); err != nil {
		return nil, err
	}
	s.hlReady, s.glReady = hl.Ready(hlURL), gl.Ready(glURL)
	return s, s.connect()
}

func (s *separate) close() {
	if s.store != nil {
		_ = s.store.Close()
	}
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

// automate makes a recipe's automation.
func (w *world) automate(recipe string) (id string, err error) {
	_, at, err := w.form("/automations", url.Values{"recipe": {recipe}})
	return strings.Split(strings.TrimPrefix(at, "/automations/"), "/")[0], err
}

// dryRun plans for everyone, and answers the plan.
func (s *separate) dryRun(automation string) (engine.Population, error) {
	_, at, err := s.form("/automations/"+automation+"/plans", url.Values{"scope": {"all"}})
	if err != nil {
		return engine.Population{}, err
	}
	return s.ended(strings.TrimPrefix(at, "/plans/"))
}

// ended waits until a plan was shown, or carried out.
func (s *separate) ended(id string) (engine.Population, error) {
	for {
		p, err := s.store.Population(context.Background(), id)
		switch {
		case err != nil:
			return p, err
		case p.State == engine.PopulationDone:
			return p, nil
		case p.State != engine.PopulationQueued && p.State != engine.PopulationRunning:
			return p, fmt.Errorf("the plan is %s: %s", p.State, p.Problem)
		case !p.StartedAt.IsZero() && time.Since(p.StartedAt) > hours:
			return p, fmt.Errorf("after %s it is at %d of %d", hours, p.Done, p.Total)
		}
		<-time.After(100 * ms)
	}
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
