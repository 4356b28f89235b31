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
	"strings"
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
	TokenURL     string `json:"tokenUrl,omitempty"` // the only address they are for
	BaseURL      string `json:"baseUrl,omitempty"`  // the only one the tokens will be for
}

// Begin remembers the intent and answers where to send the browser, and what to bind the browser with. Both
// the state and the binding are kept as hashes: a stolen database lets nobody complete an authorisation.
func (f *Flow) Begin(ctx context.Context, in Intent) (authoriseURL, binding string, err error) {
	state, binding := random(), random()
	secret := pendingSecret{ClientSecret: in.ClientSecret, TokenURL: in.Endpoint.TokenURL, BaseURL: in.BaseURL}
	opts := []oauth2.AuthCodeOption{}
	if in.PKCE {
		secret.Verifier = oauth2.GenerateVerifier()
		opts = append(opts, oauth2.S256ChallengeOption(secret.Verifier))
	}
	plain, err := json.Marshal(secret) // #nosec G117 -- sealed before it is stored
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
	Pending Pending
	// Proven says that our own state came back. Without it only the browser is known to be the right one, and
	// somebody else's code may have been slipped into it: a person must agree first (Hold).
	Proven       bool
	ClientSecret string
	Token        *oauth2.Token // Extra tells what else the provider answered
	// Over says that what was begun in the browser has ended, well or not. A call that was no answer to it ends nothing.
	Over bool
}

// Complete exchanges the code the provider sent the browser back with. Errors are *Problem. A provider may not
// echo the state (reference/highlevel.md §2.2 is silent on it): then the browser's binding alone decides.
func (f *Flow) Complete(ctx context.Context, back url.Values, binding string) (Authorised, error) {
	if code := back.Get("error"); code != "" {
		words := back.Get("error_description")
		// Anybody can lead a browser here. Only who knows the state is the provider, and only what the provider says is
		// shown; without it nothing is over either.
		if back.Get("state") == "" || binding == "" {
			return Authorised{}, &Problem{Code: "refused", Sentence: "The provider sent you back without access, so nothing was connected. Start again from Connections."}
		}
		p, err := f.take(ctx, back.Get("state"), binding)
		if err != nil {
			return Authorised{}, err
		}
		// It is over; what it was for tells which page to go on from.
		if code == "access_denied" {
			return Authorised{Pending: p, Over: true}, &Problem{Code: "denied", Sentence: "The access was not granted, so nothing was connected.", Words: clip(words)}
		}
		return Authorised{Pending: p, Over: true}, &Problem{Code: "refused", Sentence: "The provider refused the authorisation.", Words: clip(code + " " + words)}
	}
	if back.Get("code") == "" {
		return Authorised{}, &Problem{Code: "no_code", Sentence: "The provider sent you back without a code, so nothing was connected. Start again from Connections."}
	}
	if binding == "" {
		return Authorised{}, &Problem{Code: "no_start", Sentence: "This installation was not started here, or in another browser. Start it from Connections, so that it is known to be yours."}
	}
	p, err := f.take(ctx, back.Get("state"), binding)
	if err != nil {
		return Authorised{}, err
	}
	plain, err := f.Vault.Open(p.Sealed, "pending/"+p.StateHash)
	if err != nil {
		return Authorised{}, fmt.Errorf("complete authorisation: %w", err)
	}
	var secret pendingSecret
	if err := json.Unmarshal(plain, &secret); err != nil {
		return Authorised{}, errors.New("complete authorisation: unreadable")
	}
	if secret.TokenURL != p.Endpoint.TokenURL {
		return Authorised{}, errors.New("complete authorisation: its token address is not the one it was begun for")
	}
	if secret.BaseURL != p.BaseURL {
		return Authorised{}, &Problem{Code: "address_changed", Sentence: elsewhere}
	}
	app := oauth2.Config{ClientID: p.ClientID, ClientSecret: secret.ClientSecret, Endpoint: p.Endpoint, RedirectURL: p.RedirectURL, Scopes: p.Scopes}
	opts := []oauth2.AuthCodeOption{}
	if secret.Verifier != "" {
		opts = append(opts, oauth2.VerifierOption(secret.Verifier))
	}
	token, style, err := exchange(context.WithValue(ctx, oauth2.HTTPClient, direct(f.HTTP)), app, back.Get("code"), opts)
	if err != nil {
		done := Authorised{Pending: p, Over: true}
		if back.Get("state") == "" { // it may not have been the provider's code; the one that is waited for may still come
			done.Over = false
			err = errors.Join(err, f.Store.PutPending(ctx, p))
		}
		return done, exchangeProblem(err, back.Get("code"), secret.ClientSecret, secret.Verifier)
	}
	p.Endpoint.AuthStyle = style
	return Authorised{Pending: p, Over: true, Proven: back.Get("state") != "", ClientSecret: secret.ClientSecret, Token: dated(token, f.Now())}, nil
}

// take finds what was begun by this browser and ends it: no answer counts twice. What another browser began stays.
func (f *Flow) take(ctx context.Context, state, binding string) (Pending, error) {
	stateHash := ""
	if state != "" {
		stateHash = hash(state)
	}
	p, err := f.Store.TakePending(ctx, stateHash, hash(binding), f.Now())
	if errors.Is(err, ErrNotFound) {
		return Pending{}, &Problem{Code: "expired", Sentence: "This authorisation was not started here, took longer than ten minutes, or was completed already. Start again from Connections."}
	}
	if err != nil {
		return Pending{}, err
	}
	if p.BindingHash != hash(binding) {
		return Pending{}, &Problem{Code: "other_browser", Sentence: "This authorisation was started in another browser. Start it from Connections here."}
	}
	return p, nil
}

// exchange redeems the code. Where it is not known how a provider takes the client's secret both ways are
// tried, and the one that worked is answered, to be kept: trying at every renewal could spend a refresh token
// twice.
func exchange(ctx context.Context, app oauth2.Config, code string, opts []oauth2.AuthCodeOption) (*oauth2.Token, oauth2.AuthStyle, error) {
	styles := []oauth2.AuthStyle{app.Endpoint.AuthStyle}
	if app.Endpoint.AuthStyle == oauth2.AuthStyleAutoDetect {
		styles = []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams}
	}
	var err error
	for _, style := range styles {
		app.Endpoint.AuthStyle = style
		var token *oauth2.Token
		if token, err = app.Exchange(ctx, code, opts...); err == nil {
			return token, style, nil
		}
		if e, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || e.Response == nil || e.Response.StatusCode >= http.StatusInternalServerError {
			break
		}
	}
	return nil, 0, err
}

// exchangeProblem says why a code could not be exchanged, without the request, which holds the secret.
func exchangeProblem(err error, secrets ...string) *Problem {
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || e.Response == nil {
		p := &Problem{Field: "token_url", Code: "unreachable", Sentence: "The token address could not be reached, so nothing was connected. Check the address and try again."}
		if _, blocked := errors.AsType[*BlockedAddressError](err); blocked {
			p.Sentence = "The token address leads into a private network, which is not allowed here."
		} else if _, network := errors.AsType[*url.Error](err); !network {
			p.Code, p.Sentence = "not_a_token", "The token address answered, but not with a token, so nothing was connected. Check the address."
		}
		return p
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
	for _, s := range secrets {
		if s != "" {
			words = strings.ReplaceAll(words, s, "…") // some repeat what they were sent
		}
	}
	words = clip(words)
	switch e.Response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &Problem{Field: "client_secret", Code: "client", Sentence: "The provider does not accept the client ID and secret.", Words: words}
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return &Problem{Code: "exchange", Sentence: "The provider did not accept the code it had just given. Check that the redirect address is registered exactly, then start again.", Words: words}
	}
	return &Problem{Code: "exchange", Sentence: fmt.Sprintf("The token address answered with status %d, so nothing was connected.", e.Response.StatusCode), Words: words}
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
