package connection

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// authoriseWithin is how long a person has on the provider's page.
const authoriseWithin = 10 * time.Minute

// Flow is the OAuth 2.0 authorisation code grant: begun here, decided at the provider, completed here.
type Flow struct {
	Store Store
	Vault Sealer
	HTTP  *http.Client
	Now   func() time.Time
}

// Intent is what an authorisation is begun for.
type Intent struct {
	Provider     provider.ID
	Reconnect    record.ConnectionID
	BaseURL      string
	Account      string
	ClientID     string
	ClientSecret string
	Endpoint     oauth2.Endpoint
	Scopes       []string
	RedirectURL  string
	PKCE         bool
}

type pendingSecret struct {
	ClientSecret string `json:"clientSecret"`
	Verifier     string `json:"verifier,omitempty"`
}

// Begin remembers the intent and answers where to send the browser, and what to bind the browser with. Both
// the state and the binding are kept as hashes: a stolen database lets nobody complete an authorisation.
func (f *Flow) Begin(ctx context.Context, in Intent) (authoriseURL, binding string, err error) {
	state, binding := random(), random()
	secret := pendingSecret{ClientSecret: in.ClientSecret}
	opts := []oauth2.AuthCodeOption{}
	if in.PKCE {
		secret.Verifier = oauth2.GenerateVerifier()
		opts = append(opts, oauth2.S256ChallengeOption(secret.Verifier))
	}
	plain, err := json.Marshal(secret)
	if err != nil {
		return "", "", fmt.Errorf("begin authorisation: %w", err)
	}
	p := Pending{
		StateHash: hash(state), BindingHash: hash(binding), Provider: in.Provider, Reconnect: in.Reconnect, BaseURL: in.BaseURL,
		Account: in.Account, ClientID: in.ClientID, RedirectURL: in.RedirectURL, Endpoint: in.Endpoint, Scopes: in.Scopes,
		ExpiresAt: f.Now().Add(authoriseWithin),
	}
	if p.Sealed, err = f.Vault.Seal(plain, "pending/"+p.StateHash); err != nil {
		return "", "", fmt.Errorf("begin authorisation: %w", err)
	}
	if err := f.Store.PutPending(ctx, p); err != nil {
		return "", "", fmt.Errorf("begin authorisation: %w", err)
	}
	app := oauth2.Config{ClientID: in.ClientID, Endpoint: in.Endpoint, RedirectURL: in.RedirectURL, Scopes: in.Scopes}
	return app.AuthCodeURL(state, opts...), binding, nil
}

// Authorised is a completed authorisation.
type Authorised struct {
	Pending      Pending
	ClientSecret string
	Token        *oauth2.Token // Extra tells what else the provider answered
}

// Complete exchanges the code the provider sent the browser back with. Errors are *Problem. A provider may not
// echo the state (reference/highlevel.md §2.2 is silent on it): then the browser's binding alone decides.
func (f *Flow) Complete(ctx context.Context, back url.Values, binding string) (Authorised, error) {
	if code := back.Get("error"); code != "" {
		words := back.Get("error_description")
		if code == "access_denied" {
			return Authorised{}, &Problem{Code: "denied", Sentence: "The access was not granted, so nothing was connected.", Words: words}
		}
		return Authorised{}, &Problem{Code: "refused", Sentence: "The provider refused the authorisation.", Words: clip(code + " " + words)}
	}
	if back.Get("code") == "" {
		return Authorised{}, &Problem{Code: "no_code", Sentence: "The provider sent you back without a code, so nothing was connected. Start again from Connections."}
	}
	if binding == "" {
		return Authorised{}, &Problem{Code: "no_start", Sentence: "This installation was not started here, or in another browser. Start it from Connections, so that it is known to be yours."}
	}
	stateHash := ""
	if s := back.Get("state"); s != "" {
		stateHash = hash(s)
	}
	p, err := f.Store.TakePending(ctx, stateHash, hash(binding), f.Now())
	if errors.Is(err, ErrNotFound) {
		return Authorised{}, &Problem{Code: "expired", Sentence: "This authorisation took longer than ten minutes, or was completed already. Start again from Connections."}
	}
	if err != nil {
		return Authorised{}, err
	}
	if p.BindingHash != hash(binding) {
		return Authorised{}, &Problem{Code: "other_browser", Sentence: "This authorisation was started in another browser. Start it from Connections here."}
	}
	plain, err := f.Vault.Open(p.Sealed, "pending/"+p.StateHash)
	if err != nil {
		return Authorised{}, fmt.Errorf("complete authorisation: %w", err)
	}
	var secret pendingSecret
	if err := json.Unmarshal(plain, &secret); err != nil {
		return Authorised{}, errors.New("complete authorisation: unreadable")
	}
	app := oauth2.Config{ClientID: p.ClientID, ClientSecret: secret.ClientSecret, Endpoint: p.Endpoint, RedirectURL: p.RedirectURL, Scopes: p.Scopes}
	opts := []oauth2.AuthCodeOption{}
	if secret.Verifier != "" {
		opts = append(opts, oauth2.VerifierOption(secret.Verifier))
	}
	token, err := app.Exchange(context.WithValue(ctx, oauth2.HTTPClient, f.HTTP), back.Get("code"), opts...)
	if err != nil {
		return Authorised{Pending: p}, exchangeProblem(err)
	}
	return Authorised{Pending: p, ClientSecret: secret.ClientSecret, Token: token}, nil
}

// exchangeProblem says why a code could not be exchanged, without the request, which holds the secret.
func exchangeProblem(err error) *Problem {
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || e.Response == nil {
		return &Problem{Field: "token_url", Code: "unreachable", Sentence: "The token address could not be reached, so nothing was connected. Check the address and try again."}
	}
	words := e.ErrorCode
	if e.ErrorDescription != "" {
		words += " " + e.ErrorDescription
	}
	if words == "" {
		var said struct {
			Message any `json:"message"`
		}
		if json.Unmarshal(e.Body, &said) == nil && said.Message != nil {
			words = fmt.Sprint(said.Message)
		}
	}
	switch e.Response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &Problem{Field: "client_secret", Code: "client", Sentence: "The provider does not accept the client ID and secret.", Words: clip(words)}
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return &Problem{Code: "exchange", Sentence: "The provider did not accept the code it had just given. Check that the redirect address is registered exactly, then start again.", Words: clip(words)}
	}
	return &Problem{Code: "exchange", Sentence: fmt.Sprintf("The token address answered with status %d, so nothing was connected.", e.Response.StatusCode), Words: clip(words)}
}

func clip(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails; the program ends instead
	return base64.RawURLEncoding.EncodeToString(b)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
