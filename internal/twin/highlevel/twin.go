// Package highlevel is a twin of HighLevel's public API v2: a plain
// http.Handler that behaves, as far as its public documentation and the
// reports of its users tell, like the real service for one company with one
// location. It serves the demo, a person's sandbox and tests.
//
// Behaviour that looks odd is copied on purpose; comments name the section of
// reference/highlevel.md that describes it. Where the reference calls a fact
// unconfirmed, the twin picks one reading and says so.
//
// Everything below /_twin/ is a control plane that HighLevel does not have:
// a page for a person "working in the CRM", counters and fault switches.
package highlevel

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what a twin is. The zero value is a working, memory-only twin.
type Config struct {
	LocationID   string // empty: derived from Seed, as the next four
	CompanyID    string
	Token        string // a static private-integration token of the location
	ClientID     string
	ClientSecret string

	RedirectURIs []string // registered redirect URIs; empty: any loopback one
	WebhookURL   string   // empty: no deliveries until SetWebhookURL
	AppID        string   // default: the part of ClientID before "-"

	Now             func() time.Time // default time.Now
	Seed            uint64
	AllowDuplicates bool   // the location's allowDuplicateContact setting
	StateFile       string // empty: memory only

	Client *http.Client // for webhook deliveries
	// Tap, when set, is handed every webhook instead of the network, whatever
	// the webhook URL: one at a time, in the order of what they tell, signed as
	// they would be sent, and before the call that caused them returns. It may
	// call the twin; what that causes is handed over after it has returned.
	// Webhooks are lost and doubled on demand here too, but never late.
	Tap    func(body []byte, header http.Header)
	Logger *slog.Logger

	Rate            Rate
	AccessTokenLife time.Duration // default 86399s
	Instant         bool          // for benchmarks: no rate limit, no call log
}

// Ready is what a client needs to be pointed at a twin.
type Ready struct {
	URL              string `json:"url"`
	Token            string `json:"token"`
	LocationID       string `json:"locationId"`
	CompanyID        string `json:"companyId"`
	ClientID         string `json:"clientId"`
	ClientSecret     string `json:"clientSecret"`
	WebhookPublicKey string `json:"webhookPublicKey"` // SPKI, base64, Ed25519
}

// Stats are the counters of a twin since its start.
type Stats struct {
	Writes       int64 `json:"writes"` // mutations by API clients that were answered with success
	Calls        int64 `json:"calls"`
	WebhooksSent int64 `json:"webhooksSent"`
	WebhooksLost int64 `json:"webhooksLost"` // by fault, overflow or after the last retry
	Contacts     int   `json:"contacts"`
	Tasks        int   `json:"tasks"`
	Notes        int   `json:"notes"`
}

// Call is one line of the bounded call log.
type Call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"` // 0: the connection was closed without an answer
}

// keptCalls bounds the call log.
const keptCalls = 1000

// Twin is one running simulation. Make it with New.
type Twin struct {
	cfg     Config
	signKey ed25519.PrivateKey
	planID  string
	routes  *router
	control http.Handler
	hooks   *deliverer
	limits  *limiter
	traces  atomic.Uint64 // numbers the answers

	mu       sync.Mutex // guards everything below
	writer   string     // whose work is being done: byAPI or byPerson
	tapped   [][]byte   // webhooks that Tap is still to be handed
	tapping  bool       // Tap is running
	db       *database
	faults   Faults
	dice     *rand.Rand
	stats    Stats
	calls    []Call // a ring once full
	next     int    // where the ring's next entry goes
	saver    saver
	closed   bool
	restored bool // the state file held contacts
}

// New makes a twin. It fails only on an unusable state file.
func New(cfg Config) (*Twin, error) {
	or := func(s *string, fallback string) {
		if *s == "" {
			*s = fallback
		}
	}
	or(&cfg.LocationID, derivedID(cfg.Seed, "location", 0))
	or(&cfg.CompanyID, derivedID(cfg.Seed, "company", 0))
	or(&cfg.Token, "pit-"+derivedUUID(cfg.Seed, "token", 0))
	or(&cfg.ClientID, derivedHex(cfg.Seed, "app", 0)+"-"+strings.ToLower(derivedID(cfg.Seed, "client", 0)[:8]))
	or(&cfg.ClientSecret, derivedUUID(cfg.Seed, "secret", 0))
	// The app's id is the part of the client id before the first dash: §2.2.
	app, _, _ := strings.Cut(cfg.ClientID, "-")
	or(&cfg.AppID, app)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.AccessTokenLife <= 0 {
		cfg.AccessTokenLife = 86399 * time.Second
	}
	seed := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("webhook key"), cfg.Seed))
	t := &Twin{
		cfg:     cfg,
		signKey: ed25519.NewKeyFromSeed(seed[:]),
		planID:  derivedHex(cfg.Seed, "plan", 0),
		limits:  newLimiter(cfg.Rate, cfg.Instant),
		dice:    rand.New(rand.NewPCG(cfg.Seed, 0x51ed)),
		db:      newDatabase(),
	}
	t.db.webhookURL = cfg.WebhookURL
	loaded, err := t.load()
	if err != nil {
		return nil, fmt.Errorf("highlevel twin: state file: %w", err)
	}
	t.restored = len(t.db.contacts) > 0
	if !loaded {
		t.furnish()
	}
	t.routes = t.newRouter()
	t.control = t.newControl()
	t.hooks = newDeliverer(t)
	return t, nil
}

// Ready describes the twin to a client that reaches it at baseURL.
func (t *Twin) Ready(baseURL string) Ready {
	spki, err := x509.MarshalPKIXPublicKey(t.signKey.Public())
	if err != nil { // cannot happen: the key is always Ed25519
		spki = nil
	}
	return Ready{
		URL: strings.TrimSuffix(baseURL, "/"), Token: t.cfg.Token,
		LocationID: t.cfg.LocationID, CompanyID: t.cfg.CompanyID,
		ClientID: t.cfg.ClientID, ClientSecret: t.cfg.ClientSecret,
		WebhookPublicKey: base64.StdEncoding.EncodeToString(spki),
	}
}

// SetWebhookURL says where events go from now on; empty stops them.
func (t *Twin) SetWebhookURL(u string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.db.webhookURL = u
}

// Stats returns the counters.
func (t *Twin) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Contacts, s.Tasks, s.Notes = len(t.db.contacts), len(t.db.tasks.at), len(t.db.notes.at)
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

func (t *Twin) now() time.Time { return t.cfg.Now().UTC() }

// stamp renders a time as HighLevel does: RFC 3339 with milliseconds in UTC.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
