// Package gleap is a twin of Gleap's public REST API v3: a plain http.Handler
// that behaves, as far as its public documentation and the reports of its
// users tell, like the real service for one project. It serves the demo, a
// person's sandbox and tests.
//
// Behaviour that looks odd is copied on purpose; comments name the section of
// reference/gleap.md that describes it. Where the reference calls a fact
// unconfirmed, the twin picks one reading, the stricter one for a client, and
// says so.
//
// Everything below /_twin/ is a control plane that Gleap does not have: a page
// for a person "working in the dashboard", counters and fault switches. The
// OAuth server below /oauth/ has no documented original either (§3.3).
package gleap

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config says what a twin is. The zero value is a working, memory-only twin.
type Config struct {
	ProjectID    string // empty: derived from Seed, as the next three
	Token        string // the project API key, a JWT whose payload names the project
	ClientID     string
	ClientSecret string

	RedirectURIs   []string          // registered redirect URIs; empty: any loopback one
	WebhookURL     string            // empty: no deliveries until SetWebhookURL
	WebhookHeaders map[string]string // custom headers of every delivery: §12

	Now       func() time.Time // default time.Now
	Seed      uint64
	StateFile string // empty: memory only

	Client *http.Client // for webhook deliveries
	// Tap, when set, is handed every webhook instead of the network, whatever
	// the webhook URL: one at a time, in the order of what they tell, with the
	// headers they would be sent with, and before the call that caused them
	// returns. It may call the twin; what that causes is handed over after it has
	// returned. Webhooks are lost and doubled on demand here too, but never late.
	Tap    func(body []byte, header http.Header)
	Logger *slog.Logger

	Rate            Rate
	AccessTokenLife time.Duration // default 1h
	Instant         bool          // for benchmarks: no rate limit, no call log
}

// Ready is what a client needs to be pointed at a twin.
type Ready struct {
	URL              string `json:"url"`
	Token            string `json:"token"`
	ProjectID        string `json:"projectId"`
	ClientID         string `json:"clientId"`
	ClientSecret     string `json:"clientSecret"`
	WebhookPublicKey string `json:"webhookPublicKey"` // always empty: webhooks are unsigned (§12)
	AuthorizeURL     string `json:"authorizeUrl"`
	TokenURL         string `json:"tokenUrl"`
}

// Stats are the counters of a twin since its start.
type Stats struct {
	Writes       int64 `json:"writes"` // mutations by API clients that took effect
	Calls        int64 `json:"calls"`
	WebhooksSent int64 `json:"webhooksSent"`
	WebhooksLost int64 `json:"webhooksLost"` // by fault, overflow or after the last retry
	Sessions     int   `json:"sessions"`
	Tickets      int   `json:"tickets"`
	Notes        int   `json:"notes"`
}

// Call is one line of the bounded call log.
type Call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`   // with the query, as it was sent
	Status int       `json:"status"` // 0: the connection was closed without an answer
}

// keptCalls bounds the call log.
const keptCalls = 1000

// Twin is one running simulation. Make it with New.
type Twin struct {
	cfg     Config
	org     string
	routes  *router
	control http.Handler
	hooks   *deliverer
	limits  *limiter

	mu       sync.Mutex // guards everything below
	db       *database
	faults   Faults
	dice     *rand.Rand
	stats    Stats
	calls    []Call // a ring once full
	next     int    // where the ring's next entry goes
	saver    saver
	closed   bool
	restored bool // the state file held sessions

	silent  bool     // what happens is told to no webhook
	tapped  [][]byte // webhooks that Tap is still to be handed
	tapping bool     // Tap is running
}

// New makes a twin. It fails only on an unusable state file.
func New(cfg Config) (*Twin, error) {
	or := func(s *string, fallback string) {
		if *s == "" {
			*s = fallback
		}
	}
	or(&cfg.ProjectID, derivedID(cfg.Seed, "project", 0))
	or(&cfg.Token, derivedKey(cfg.Seed, cfg.ProjectID))
	or(&cfg.ClientID, "gleap-"+derivedHex(cfg.Seed, "client", 0, 8))
	or(&cfg.ClientSecret, derivedHex(cfg.Seed, "secret", 0, 24))
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.AccessTokenLife <= 0 {
		cfg.AccessTokenLife = time.Hour
	}
	t := &Twin{
		cfg:    cfg,
		org:    derivedID(cfg.Seed, "organisation", 0),
		limits: newLimiter(cfg.Rate, cfg.Instant),
		dice:   rand.New(rand.NewPCG(cfg.Seed, 0x61ea9)),
		db:     newDatabase(),
	}
	loaded, err := t.load()
	if err != nil {
		return nil, fmt.Errorf("gleap twin: state file: %w", err)
	}
	if cfg.WebhookURL != "" {
		t.db.webhookURL = cfg.WebhookURL
	}
	t.restored = t.db.sessions.len() > 0
	if !loaded {
		t.furnish()
	}
	t.routes = newRouter()
	t.control = t.newControl()
	t.hooks = newDeliverer(t)
	return t, nil
}

// Ready describes the twin to a client that reaches it at baseURL.
func (t *Twin) Ready(baseURL string) Ready {
	base := strings.TrimSuffix(baseURL, "/")
	return Ready{
		URL: base + "/v3", Token: t.cfg.Token, ProjectID: t.cfg.ProjectID,
		ClientID: t.cfg.ClientID, ClientSecret: t.cfg.ClientSecret,
		AuthorizeURL: base + authorizePath, TokenURL: base + tokenPath,
	}
}

// SetWebhookURL says where ticket events go from now on; empty stops them.
func (t *Twin) SetWebhookURL(u string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.db.webhookURL = u
	t.changed()
}

// Stats returns the counters.
func (t *Twin) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Sessions, s.Tickets = t.db.sessions.len(), t.db.tickets.len()
	for _, doc := range t.db.messages.all() {
		if text(doc, "type") == noteType {
			s.Notes++
		}
	}
	s.WebhooksSent, s.WebhooksLost = t.hooks.sent.Load(), t.hooks.lost.Load()
	return s
}

// Calls returns the most recent API calls, oldest first.
func (t *Twin) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Call, 0, len(t.calls))
	out = append(out, t.calls[t.next:]...)
	return append(out, t.calls[:t.next]...)
}

func (t *Twin) logCall(c Call) {
	if len(t.calls) < keptCalls {
		t.calls = append(t.calls, c)
		return
	}
	t.calls[t.next] = c
	t.next = (t.next + 1) % keptCalls
}

// Close waits, for a bounded time, for webhooks under way and writes the
// state file.
func (t *Twin) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	t.mu.Unlock()
	t.hooks.close()
	return t.flush()
}

func (t *Twin) now() string { return stamp(t.cfg.Now()) }

// stampLayout orders as text just as it does in time.
const stampLayout = "2006-01-02T15:04:05.000Z"

// stamp renders a time as Gleap does: ISO 8601 in UTC with milliseconds (§4).
func stamp(at time.Time) string { return at.UTC().Format(stampLayout) }
