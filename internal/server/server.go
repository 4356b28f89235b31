package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Config is what the server is made of. Everything is required unless it says otherwise.
type Config struct {
	Store House
	// In answers the two stores as one workspace sees them. Pages get nothing else.
	In          func(workspace string) (Store, connection.Store)
	Sessions    scs.Store
	Connections *connection.Service
	Flow        *connection.Flow
	Gateway     engine.Gateway
	Definitions *engine.Definitions
	Trials      Trials
	Descriptors map[provider.ID]provider.Descriptor
	Webhooks    Hooks
	// KeepDeliveries is how long deliveries are kept, to be told.
	KeepDeliveries time.Duration
	// Vault seals the bodies of deliveries.
	Vault     Sealer
	Providers Providers
	Quota     QuotaLeft
	Metrics   http.Handler
	// SetupToken is what the first account must show; empty once there is one.
	SetupToken string
	PublicURL  string
	// Secure sets the Secure flag of cookies; on whenever PublicURL is https.
	Secure       bool
	MetricsToken string // empty: /metrics answers loopback only
	Demo         bool
	Version      string
	Database     string // "SQLite 3.53" for the settings page
	Now          func() time.Time
	NewID        func(prefix string) string
	Log          *slog.Logger
	// KeeperWake makes the keeper of credentials look at once; nil where none runs.
	KeeperWake func()
	// UserContext opens what HighLevel's page hands to ours; nil: the app has no shared secret, and nobody signs in so.
	UserContext func(sealed string) (UserContext, error)
	// TrustedProxies are those whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// FrameHosts are the sources that may show our pages in a frame, as in a content security policy.
	FrameHosts []string
	// Fresh answers a newly built client of a connection in whatever state, to check it with.
	Fresh func(ctx context.Context, id record.ConnectionID) (provider.Client, error)
}

// Server answers every HTTP request.
type Server struct {
	Config
	echo     *echo.Echo
	sessions *scs.SessionManager
	// embedded is sessions with a cookie that is sent inside a frame of the hosts above, and nowhere else.
	embedded *scs.SessionManager
	live     *lives
	setup    *setupGate
	recall   *recall
	// permissions are those of the routes, by method and path.
	permissions map[string]Permission
	directory   *directory
	refusals    *refusals
	hashing     *hashing
	heldBack    heldBack
	held        *held // bodies of deliveries that are not stored yet
}

// blankSessions is copied, not made anew: scs starts a cleaner with each, for a store we replace, and nobody
// can stop it.
var blankSessions = scs.New()

// New wires routes and middleware. Stop the live updates with Close.
func New(cfg Config) *Server {
	s := &Server{
		Config: cfg, live: newLives(cfg.In), setup: &setupGate{token: cfg.SetupToken}, recall: newRecall(),
		directory: &directory{list: cfg.Connections.List, now: cfg.Now}, refusals: &refusals{now: cfg.Now}, hashing: newHashing(), held: &held{},
	}
	sessions := *blankSessions
	s.sessions = &sessions
	s.sessions.Store = boundSessions{cfg.Sessions}
	s.sessions.Lifetime = people.Lifetime // how long a browser stays signed in is decided by its sign-in: signedIn
	s.sessions.HashTokenInStore = true
	s.sessions.Cookie.Name = s.cookieName("crosswalk_session")
	s.sessions.Cookie.HttpOnly = true
	s.sessions.Cookie.SameSite = http.SameSiteLaxMode // an OAuth consent page sends people back by a cross-site link
	s.sessions.Cookie.Secure = cfg.Secure
	s.sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		cfg.Log.ErrorContext(r.Context(), "session store failed", "err", err)
		http.Error(w, "The session could not be read. Try again in a moment.", http.StatusServiceUnavailable)
	}

	framed := sessions // shares what a session is; only the cookie differs
	framed.Cookie.Name = s.cookieName(embeddedCookie)
	framed.Cookie.SameSite, framed.Cookie.Secure, framed.Cookie.Partitioned = http.SameSiteNoneMode, true, true
	framed.Cookie.Persist = false
	s.embedded = &framed

	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = addressOf(cfg.TrustedProxies)
	s.echo = e
	s.routes()
	return s
}

// addressOf tells where a request comes from. X-Forwarded-For is believed from the operator's proxies only: anybody else
// could name a new address for every guess.
func addressOf(proxies []netip.Prefix) echo.IPExtractor {
	trusted := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trusted = append(trusted, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(trusted...)
}

// ServeHTTP makes the server a handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(headAsGet(w, r)) }

// Notify tells open pages that runs were stored; it never blocks.
func (s *Server) Notify() { s.live.wake() }

// Close ends live updates, so that open pages do not hold a shutdown up.
func (s *Server) Close() { s.live.close() }
