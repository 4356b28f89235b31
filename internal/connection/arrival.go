package connection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// claimWithin is how long an arrival waits to be claimed: time to set up an account and to sign in.
const claimWithin = time.Hour

// Arrival is an installation that was begun at the provider, or whose state did not come back: its code is redeemed,
// and it belongs to nobody until a signed-in person says in the same browser that it is theirs.
type Arrival struct {
	ID          string
	BindingHash string // SHA-256 of the browser's cookie, hex
	Provider    provider.ID
	Reconnect   record.ConnectionID // what it was begun for, if it was begun here
	Account     provider.Account    // without an id: the whole company's
	Scopes      []string
	BaseURL     string
	ClientID    string
	Endpoint    oauth2.Endpoint
	Sealed      []byte // a Grant
	ArrivedAt   time.Time
	ExpiresAt   time.Time
}

// WholeCompany reports that access was granted to a company and not to one account.
func (a Arrival) WholeCompany() bool { return a.Account.ID == "" && a.Account.CompanyID != "" }

func arrivalPlace(id string) string { return "arrival/" + id }

// ErrUnclaimed is answered when there is no arrival of this browser, or it ran out.
var ErrUnclaimed = &Problem{Code: "arrival_gone", Sentence: "There is no installation waiting to be claimed in this browser. It may have been claimed already, or an hour has passed. Start it from Connections."}

// Redeem exchanges a code that nobody here asked for: the installation was begun at the provider. What it is good for
// is for a person to say (Hold, Claim). Errors are *Problem.
func (f *Flow) Redeem(ctx context.Context, code string, in Intent) (Authorised, error) {
	p := Pending{
		Provider: in.Provider, BaseURL: in.BaseURL, Account: in.Account, ClientID: in.ClientID, RedirectURL: in.RedirectURL,
		Endpoint: in.Endpoint, Scopes: in.Scopes,
	}
	app := oauth2.Config{ClientID: in.ClientID, ClientSecret: in.ClientSecret, Endpoint: in.Endpoint, RedirectURL: in.RedirectURL}
	token, style, err := exchange(context.WithValue(ctx, oauth2.HTTPClient, direct(f.HTTP)), app, code, nil)
	if err != nil {
		return Authorised{Pending: p}, exchangeProblem(err, code, in.ClientSecret)
	}
	p.Endpoint.AuthStyle = style
	return Authorised{Pending: p, ClientSecret: in.ClientSecret, Token: dated(token, f.Now())}, nil
}

// Hold keeps an authorisation until somebody claims it, and answers what to bind the browser with. Like a state, the
// binding is kept as a hash only.
func (f *Flow) Hold(ctx context.Context, in OAuthInput) (binding string, err error) {
	p := in.Authorised.Pending
	a := Arrival{
		ID: "ar_" + random(), Provider: p.Provider, Reconnect: p.Reconnect, Scopes: in.Scopes, BaseURL: p.BaseURL, ClientID: p.ClientID, Endpoint: p.Endpoint,
		Account: provider.Account{ID: in.Account, CompanyID: in.CompanyID}, ArrivedAt: f.Now(), ExpiresAt: f.Now().Add(claimWithin),
	}
	if a.Account.ID == "" && a.Account.CompanyID == "" {
		return "", noAccount()
	}
	plain, err := json.Marshal(Grant{Token: *bare(in.Authorised.Token), ClientSecret: in.Authorised.ClientSecret, TokenURL: a.Endpoint.TokenURL, BaseURL: a.BaseURL}) // #nosec G117 -- sealed before it is stored
	if err != nil {
		return "", errors.New("hold an installation: the grant cannot be written")
	}
	if a.Sealed, err = f.Vault.Seal(plain, arrivalPlace(a.ID)); err != nil {
		return "", fmt.Errorf("hold an installation: %w", err)
	}
	binding = random()
	a.BindingHash = hash(binding)
	if err := f.Store.PutArrival(ctx, a); err != nil {
		return "", fmt.Errorf("hold an installation: %w", err)
	}
	return binding, nil
}

// Held is the arrival this browser brought, to be shown before it is claimed. ErrUnclaimed when there is none.
func (f *Flow) Held(ctx context.Context, binding string) (Arrival, OAuthInput, error) {
	if binding == "" {
		return Arrival{}, OAuthInput{}, ErrUnclaimed
	}
	a, err := f.Store.Arrival(ctx, hash(binding), f.Now())
	return f.opened(a, err)
}

// Claim takes an arrival, once. The id is that of the page on which a person agreed: another arrival that took its
// place in the browser meanwhile is not what they saw.
func (f *Flow) Claim(ctx context.Context, id, binding string) (Arrival, OAuthInput, error) {
	if id == "" || binding == "" {
		return Arrival{}, OAuthInput{}, ErrUnclaimed
	}
	a, err := f.Store.TakeArrival(ctx, id, hash(binding), f.Now())
	return f.opened(a, err)
}

// PutBack keeps an arrival that was taken and could not be connected, so that it can be tried again.
func (f *Flow) PutBack(ctx context.Context, a Arrival) error { return f.Store.PutArrival(ctx, a) }

func (f *Flow) opened(a Arrival, err error) (Arrival, OAuthInput, error) {
	if errors.Is(err, ErrNotFound) {
		return Arrival{}, OAuthInput{}, ErrUnclaimed
	}
	if err != nil {
		return Arrival{}, OAuthInput{}, err
	}
	plain, err := f.Vault.Open(a.Sealed, arrivalPlace(a.ID))
	if err != nil {
		return Arrival{}, OAuthInput{}, fmt.Errorf("open an arrival: %w", err)
	}
	var grant Grant
	if err := json.Unmarshal(plain, &grant); err != nil {
		return Arrival{}, OAuthInput{}, errors.New("open an arrival: unreadable") // err would quote the secret
	}
	if !grant.isFor(a.Endpoint.TokenURL, nil) {
		return Arrival{}, OAuthInput{}, errors.New("open an arrival: its token address is not the one it came from")
	}
	if grant.BaseURL != a.BaseURL {
		return Arrival{}, OAuthInput{}, &Problem{Code: "address_changed", Sentence: elsewhere}
	}
	return a, OAuthInput{
		Authorised: Authorised{
			Pending: Pending{
				Provider: a.Provider, Reconnect: a.Reconnect, BaseURL: a.BaseURL, ClientID: a.ClientID, Endpoint: a.Endpoint, Scopes: a.Scopes,
			},
			ClientSecret: grant.ClientSecret, Token: &grant.Token,
		},
		Account: a.Account.ID, CompanyID: a.Account.CompanyID, Scopes: a.Scopes,
	}, nil
}

// Look asks the provider whose account a held grant is, so that a person knows what they claim. Nothing is saved.
func (s *Service) Look(ctx context.Context, in OAuthInput) (provider.Account, error) {
	return s.try(ctx, in.connection(), func(context.Context) (string, error) { return in.Authorised.Token.AccessToken, nil })
}

// bare is a token without what else the provider answered.
func bare(t *oauth2.Token) *oauth2.Token {
	return &oauth2.Token{AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, TokenType: t.TokenType, Expiry: t.Expiry}
}

func noAccount() *Problem {
	return &Problem{Field: "account", Code: "no_account", Sentence: "The provider did not say which account it granted access to. Choose one account, not the whole agency, and try again."}
}
