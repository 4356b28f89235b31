package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"crosswalk/internal/config"
	"crosswalk/internal/mapping"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// twin is what both simulators have in common for whoever starts them.
type twin interface {
	http.Handler
	SeedContacts(n int)
	SetWebhookURL(u string)
	Close() error
}

// listening is a twin on an address of its own.
type listening struct {
	twin
	url    string
	server *http.Server
	done   chan error
}

// listen serves a twin until stop. addr may end in :0 for any free port.
func listen(t twin, addr string) (*listening, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	out := &listening{
		twin: t, url: "http://" + l.Addr().String(), done: make(chan error, 1),
		server: &http.Server{Handler: t, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10},
	}
	go func() { out.done <- out.server.Serve(l) }()
	return out, nil
}

func (l *listening) stop(ctx context.Context) error {
	err := l.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, l.server.Close())
	}
	return errors.Join(err, l.Close())
}

// twinCommand runs one twin alone. It prints one JSON line on Out when ready; logs go to Err.
func twinCommand(ctx context.Context, c *call) error {
	if len(c.args) == 0 || (c.args[0] != "highlevel" && c.args[0] != "gleap") {
		fmt.Fprintln(c.Err, "crosswalk twin: say which one: crosswalk twin highlevel, or crosswalk twin gleap.")
		return errUsage
	}
	which := c.args[0]
	c.args = c.args[1:]
	addr := c.flags.String("addr", "127.0.0.1:0", "address to listen on")
	token := c.flags.String("token", "", "the token clients use; generated when empty")
	project := c.flags.String("project", "", "Gleap project id; generated when empty (gleap only)")
	location := c.flags.String("location", "", "HighLevel location id; generated when empty (highlevel only)")
	hook := c.flags.String("webhook", "", "where webhooks are delivered; none when empty")
	seed := c.flags.Uint64("seed", 1, "seed of everything made up; the same seed gives the same ids and keys")
	contacts := c.flags.Int("contacts", 0, "how many believable contacts to begin with")
	state := c.flags.String("state", "", "file to keep the data in; memory only when empty")
	duplicates := c.flags.Bool("allow-duplicates", false, "let the location hold several contacts with one email (highlevel only)")
	instant := c.flags.Bool("instant", false, "no rate limit and no call log, for benchmarks")
	if err := c.parse(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.Err, nil))
	var t twin
	var ready func(url string) any
	switch which {
	case "highlevel":
		h, err := twinhighlevel.New(twinhighlevel.Config{
			Token: *token, LocationID: *location, WebhookURL: *hook, Seed: *seed, StateFile: *state,
			AllowDuplicates: *duplicates, Instant: *instant, Logger: log,
		})
		if err != nil {
			return err
		}
		t, ready = h, func(url string) any { return h.Ready(url) }
	case "gleap":
		g, err := twingleap.New(twingleap.Config{
			Token: *token, ProjectID: *project, WebhookURL: *hook, Seed: *seed, StateFile: *state, Instant: *instant, Logger: log,
		})
		if err != nil {
			return err
		}
		t, ready = g, func(url string) any { return g.Ready(url) }
	}
	t.SeedContacts(*contacts)
	l, err := listen(t, *addr)
	if err != nil {
		return err
	}
	line, err := json.Marshal(ready(l.url))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.Out, "%s\n", line); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err := <-l.done:
		return err
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return l.stop(end)
}

// demoContacts is enough to scroll and filter, and little enough to read.
const demoContacts = 240

// demoState is where the demo's HighLevel keeps its data.
const demoState = "twin-highlevel.json"

// besideDemo are the addresses that a command may reach on this machine: those that are set, and the twins of the demo
// which runs, or ran, on the same data.
func besideDemo(cfg config.Config) []string {
	known := cfg.APIAddresses()
	if _, err := os.Stat(filepath.Join(cfg.Data, demoState)); err == nil {
		known = append(known, "http://"+demoHighLevelAddr, "http://"+demoGleapAddr)
	}
	return known
}

// demoTwins are both twins, seeded, on loopback, with their data beside the database so that a restart finds
// the same records.
type demoTwins struct {
	highlevel, gleap *listening
	hl               *twinhighlevel.Twin
	gl               *twingleap.Twin
}

func startDemoTwins(data string, log *slog.Logger) (*demoTwins, error) {
	// The twins keep their state there, and may be slower to start than to save.
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	hl, err := twinhighlevel.New(twinhighlevel.Config{Seed: 1, StateFile: filepath.Join(data, demoState), Logger: log.With("twin", "highlevel")})
	if err != nil {
		return nil, err
	}
	gl, err := twingleap.New(twingleap.Config{Seed: 1, StateFile: filepath.Join(data, "twin-gleap.json"), Logger: log.With("twin", "gleap")})
	if err != nil {
		return nil, errors.Join(err, hl.Close())
	}
	fresh := hl.Stats().Contacts == 0
	hl.SeedContacts(demoContacts)
	gl.SeedContacts(demoContacts)
	if fresh {
		acquaint(hl, gl)
	}
	// Fixed ports, so that a saved connection still finds its twin after a restart.
	d := &demoTwins{hl: hl, gl: gl}
	if d.highlevel, err = listen(hl, demoHighLevelAddr); err != nil {
		return nil, errors.Join(err, hl.Close(), gl.Close())
	}
	if d.gleap, err = listen(gl, demoGleapAddr); err != nil {
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return nil, errors.Join(err, d.highlevel.stop(end), gl.Close())
	}
	return d, nil
}

const (
	demoHighLevelAddr = "127.0.0.1:8091"
	demoGleapAddr     = "127.0.0.1:8092"
)

// acquaint makes some of Gleap's people known to HighLevel already, a little out of date, so that a first dry
// run has something to find, to update and to leave alone.
func acquaint(hl *twinhighlevel.Twin, gl *twingleap.Twin) {
	known := 0
	for i, s := range gl.Sessions() {
		email, _ := s["email"].(string)
		name, _ := s["name"].(string)
		if email == "" || i%3 != 0 {
			continue
		}
		first, last := mapping.SplitName(name)
		fields := map[string]any{"email": email, "firstName": first, "lastName": last}
		switch known % 3 {
		case 0:
			fields["lastName"] = ""
		case 1:
			fields["phone"], fields["companyName"] = s["phone"], s["companyName"]
		}
		if hl.PersonCreatesContact(fields) != "" {
			known++
		}
	}
}

// configure points the settings at the twins, unless they were set to something else by hand.
func (d *demoTwins) configure(cfg config.Config) config.Config {
	h, g := d.hl.Ready(d.highlevel.url), d.gl.Ready(d.gleap.url)
	cfg.HighLevel = config.HighLevel{
		BaseURL: h.URL, AuthorizeURL: h.URL + "/v2/oauth/chooselocation", ClientID: h.ClientID, ClientSecret: config.Secret(h.ClientSecret), WebhookPublicKeys: []string{h.WebhookPublicKey}, Agency: true,
	}
	cfg.Gleap = config.Gleap{BaseURL: g.URL, AuthorizeURL: g.AuthorizeURL, TokenURL: g.TokenURL, ClientID: g.ClientID, ClientSecret: config.Secret(g.ClientSecret)}
	// A person who tries the demo does not want to wait for the next poll.
	cfg.PollEvery = min(cfg.PollEvery, demoPollEvery)
	return cfg
}

const demoPollEvery = 2 * time.Second

// greet says how to reach the twins and what to type into the connect form.
func (d *demoTwins) greet(out io.Writer) {
	g := d.gl.Ready(d.gleap.url)
	fmt.Fprintf(out, `
  Demo: both accounts are twins on this machine. Work in them at
      HighLevel  %s/_twin/
      Gleap      %s/_twin/
  To connect Gleap:
      API key    %s
      Project    %s
`, d.highlevel.url, d.gleap.url, g.Token, g.ProjectID)
}

func (d *demoTwins) stop(ctx context.Context) error {
	return errors.Join(d.highlevel.stop(ctx), d.gleap.stop(ctx))
}
