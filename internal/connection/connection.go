package connection

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// AuthKind says how we prove ourselves to the provider.
type AuthKind string

// The kinds of credential.
const (
	ByOAuth AuthKind = "oauth"
	ByKey   AuthKind = "key" // an API key or a private integration token
)

// State says whether a connection works.
type State string

// The states.
const (
	Active         State = "active"
	NeedsReconnect State = "needs_reconnect"
	// Uninstalled is a connection whose app was taken out of the account there. Its credential is destroyed, its
	// history and links stay, its work waits: it goes on as the same connection when the app is installed again.
	Uninstalled State = "uninstalled"
	// Removed is a connection a person here has ended.
	Removed State = "removed"
)

// Connection is a person's working link to one provider account, without its secrets.
type Connection struct {
	ID          record.ConnectionID
	Workspace   string // whose it is; empty: nobody's, and no page shows it
	Provider    provider.ID
	Name        string
	Account     provider.Account
	Auth        AuthKind
	State       State
	Problem     string // a plain sentence, when it does not work
	ProblemCode string
	Scopes      []string
	BaseURL     string
	// HookSecret is the unguessable part of the webhook address of a provider that does not sign.
	HookSecret string
	// OldHookSecret is the one before, which is taken until OldHookUntil.
	OldHookSecret string
	OldHookUntil  time.Time
	// ClientID and Endpoint are the OAuth app of a connection made with one of its own.
	ClientID  string
	Endpoint  oauth2.Endpoint
	CreatedAt time.Time
	CheckedAt time.Time
	RotatedAt time.Time // when the credential was last made or renewed
	ExpiresAt time.Time // of the access token; zero when it does not expire
	// DownSince is when it began to need a person; zero while it works, and where that is not known.
	DownSince time.Time
}

// gone reports whether the credential was destroyed: nothing but a new one brings the connection back.
func (c Connection) gone() bool { return c.State == Uninstalled || c.State == Removed }

// Grant is the secret part of a connection.
type Grant struct {
	Token        oauth2.Token `json:"token,omitzero"`
	Key          string       `json:"key,omitempty"`
	ClientSecret string       `json:"clientSecret,omitempty"`
	// TokenURL is the only address the client secret and the refresh token are for. It is sealed with them, so that
	// whoever can write to the database cannot have them sent elsewhere. Empty in grants made before it was kept, until
	// they are renewed at a known address.
	TokenURL string `json:"tokenUrl,omitempty"`
	// BaseURL is the only API address the key and the tokens are for, sealed with them likewise. Empty in grants made before
	// it was kept: those go to a provider's own address only, see Grants.
	BaseURL string `json:"baseUrl,omitempty"`
	// Generation grows by one on every rotation; it is not part of the sealed bytes.
	Generation int64 `json:"-"`
	// Failures and RetryAt are as in SealedGrant; nor are they.
	Failures int       `json:"-"`
	RetryAt  time.Time `json:"-"`
}

// isFor reports whether the grant's secrets may be sent to a token address: the one they are bound to or, where they are
// bound to none, a known one.
func (g Grant) isFor(tokenURL string, known func(string) bool) bool {
	if g.TokenURL == "" {
		return known != nil && known(tokenURL)
	}
	return g.TokenURL == tokenURL
}

// SealedGrant is a grant as it is stored.
type SealedGrant struct {
	Sealed     []byte
	Generation int64
	LeaseOwner string
	LeaseUntil time.Time
	// Failures is how often in a row its renewal failed for a reason that may pass, and RetryAt when it is to be tried
	// again; zero when nothing is left undone.
	Failures int
	RetryAt  time.Time
}

// Retry is a renewal that was begun and has not ended well: it failed, or the process that began it fell silent.
type Retry struct {
	ID       record.ConnectionID // of a connection or an installation
	Failures int
	At       time.Time
}

// Pending is an authorisation that was begun and has not come back.
type Pending struct {
	StateHash   string // SHA-256 of the state, hex
	BindingHash string // SHA-256 of the browser's cookie, hex
	Provider    provider.ID
	Reconnect   record.ConnectionID // empty for a new connection
	BaseURL     string
	Account     string // the project a person named, where the provider's answer does not tell
	ClientID    string
	RedirectURL string
	Endpoint    oauth2.Endpoint
	Scopes      []string
	Sealed      []byte // client secret and PKCE verifier
	ExpiresAt   time.Time
}

// ErrNotFound is answered when there is no such connection, grant or pending authorisation.
var ErrNotFound = errors.New("no such connection")

// ErrMoved is answered when the grant was rotated by somebody else meanwhile.
var ErrMoved = errors.New("the credential was renewed meanwhile")

// ErrTaken is answered when the provider's account is connected already; one account lives in one workspace.
var ErrTaken = errors.New("the account is connected already")

// Store keeps connections. Secrets reach it sealed.
type Store interface {
	// Connections lists those not removed, oldest first.
	Connections(ctx context.Context) ([]Connection, error)
	Connection(ctx context.Context, id record.ConnectionID) (Connection, error)
	// ConnectionByAccount finds one that is not removed, by the key of its account.
	ConnectionByAccount(ctx context.Context, p provider.ID, key string) (Connection, bool, error)
	ConnectionByHook(ctx context.Context, p provider.ID, secret string) (Connection, bool, error)
	// SaveConnection creates or replaces a connection; a non-nil sealed grant replaces the old one and takes
	// the next generation, in the same transaction. ErrTaken: another connection has the account.
	SaveConnection(ctx context.Context, c Connection, sealed []byte) error
	// SaveHealth updates state, problem, account, scopes and when it was checked; not when the credential was renewed, for
	// that may have happened meanwhile. ErrNotFound when it is removed or uninstalled: whatever was found out meanwhile
	// does not bring it back. DownSince is the store's to keep: the CheckedAt of the first that needs a person, until one
	// works again.
	SaveHealth(ctx context.Context, c Connection) error
	// RemoveConnection marks it removed and destroys its grant.
	RemoveConnection(ctx context.Context, id record.ConnectionID) error
	// UninstallConnection marks it uninstalled and destroys its grant; one that is removed stays so. DownSince is when,
	// unless it was down before.
	UninstallConnection(ctx context.Context, id record.ConnectionID, why string, when time.Time) error

	// Installations lists what is installed, oldest first.
	Installations(ctx context.Context) ([]Installation, error)
	Installation(ctx context.Context, id record.ConnectionID) (Installation, error)
	// InstallationOf finds the one of a company (account empty) or of one of its accounts, installed or not any more.
	InstallationOf(ctx context.Context, p provider.ID, company, account string) (Installation, bool, error)
	// SaveInstallation creates or replaces one; sealed is as for SaveConnection. ErrTaken: it is another workspace's.
	SaveInstallation(ctx context.Context, i Installation, sealed []byte) error
	// RemoveInstallation marks it uninstalled and destroys its grant.
	RemoveInstallation(ctx context.Context, id record.ConnectionID, at time.Time) error

	// The grants of connections and of installations are kept in the same way; an id names either.

	LoadGrant(ctx context.Context, id record.ConnectionID) (SealedGrant, error)
	// LeaseGrant takes the sole right to renew until the deadline and returns the grant as it is now; !ok when
	// somebody else has a lease that has not ended at now. Should nothing more be heard of it, the renewal is to be tried
	// again when the lease ends.
	LeaseGrant(ctx context.Context, id record.ConnectionID, owner string, now, until time.Time) (SealedGrant, bool, error)
	// RotateGrant stores the next grant if the generation is still from (else ErrMoved) and ends the lease. Nothing is left
	// undone then; nor after any new grant.
	RotateGrant(ctx context.Context, id record.ConnectionID, from int64, sealed []byte, rotatedAt, expiresAt time.Time) error
	// ReleaseGrant ends a lease without rotating; nothing is left undone.
	ReleaseGrant(ctx context.Context, id record.ConnectionID, owner string) error
	// PostponeGrant ends a lease after so many failures in a row, until the renewal is tried again.
	PostponeGrant(ctx context.Context, id record.ConnectionID, owner string, failures int, retryAt time.Time) error
	// Retries are the renewals of active connections and installations that are to be tried again, due or not.
	Retries(ctx context.Context) ([]Retry, error)

	PutPending(ctx context.Context, p Pending) error
	// TakePending removes and returns the pending authorisation whose state and binding hash match, the state only where
	// it is not empty; ErrNotFound when there is none, or it expired before now. One of this state that another browser
	// began is returned and stays: who has it bound can still complete it.
	TakePending(ctx context.Context, stateHash, bindingHash string, now time.Time) (Pending, error)

	// PutArrival keeps an installation until it is claimed.
	PutArrival(ctx context.Context, a Arrival) error
	// Arrival is the youngest a browser brought; ErrNotFound when there is none, or it expired before now.
	Arrival(ctx context.Context, bindingHash string, now time.Time) (Arrival, error)
	// TakeArrival removes and returns one, if this browser brought it and it has not expired; else ErrNotFound.
	TakeArrival(ctx context.Context, id, bindingHash string, now time.Time) (Arrival, error)
}

// Problem says what is wrong with a try to connect, tied to the form field that causes it.
type Problem struct {
	Field    string // form field: "key", "account", "base_url", … ; empty when none is at fault
	Sentence string
	Code     string
	Words    string // the provider's own
}

func (p *Problem) Error() string { return p.Code + ": " + p.Sentence }
