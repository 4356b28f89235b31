package highlevel

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
)

// The words of a company's calls.
const (
	opMint      = "get access to the sub-account"
	opInstalled = "list where the app is installed"
	opReconnect = "get lost access back"
)

// installedPage is how many locations one call lists, and installedMost how many are listed at all.
const (
	installedPage = 100
	installedMost = 20_000
)

// CompanyConfig is one company's grant: §2.1.
type CompanyConfig struct {
	BaseURL   string // default DefaultBaseURL
	CompanyID string
	AppID     string
	// Token is the company's access token to use now; Refresh gets a new one after it was refused, or is nil.
	Token     func(ctx context.Context) (string, error)
	Refresh   func(ctx context.Context) error
	Budget    *apiclient.Budget
	Transport http.RoundTripper
	Now       func() time.Time
}

// Company is what the grant of a whole company can do: §2.5.
type Company struct {
	cfg CompanyConfig
	api *apiclient.Client
}

// NewCompany makes it.
func NewCompany(cfg CompanyConfig) *Company {
	cfg.BaseURL = cmp.Or(cfg.BaseURL, DefaultBaseURL)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	shell := &Client{}
	return &Company{cfg: cfg, api: apiclient.New(apiclient.Config{
		Provider: ID, BaseURL: cfg.BaseURL, Transport: cfg.Transport, Budget: cfg.Budget, Refresh: cfg.Refresh, Classify: shell.classify, Now: cfg.Now,
		Authorize: func(ctx context.Context, r *http.Request) error {
			token, err := cfg.Token(ctx)
			if err != nil {
				return err
			}
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Version", version)
			return nil
		},
	})}
}

// Accounts lists the locations that have the app.
func (c *Company) Accounts(ctx context.Context) ([]provider.Account, error) {
	var found []provider.Account
	seen := map[string]bool{}
	for skip := 0; skip < installedMost; skip += installedPage {
		q := url.Values{
			"companyId": {c.cfg.CompanyID}, "appId": {c.cfg.AppID}, "isInstalled": {"true"}, "skip": {strconv.Itoa(skip)}, "limit": {strconv.Itoa(installedPage)},
		}
		var out raw
		_, err := c.api.Do(ctx, apiclient.Request{Op: opInstalled, Method: http.MethodGet, Path: installedPath, RawQuery: q.Encode()}, &out)
		if err != nil {
			return nil, err
		}
		page, _ := out["locations"].([]any)
		fresh := 0
		for _, one := range page {
			l, _ := one.(map[string]any)
			id := cmp.Or(raw(l).text("_id"), raw(l).text("id"))
			if id == "" || seen[id] || l["isInstalled"] == false { // whether the filter is honoured is not documented
				continue
			}
			seen[id] = true
			fresh++
			found = append(found, provider.Account{ID: id, Name: raw(l).text("name"), CompanyID: c.cfg.CompanyID})
		}
		if len(page) < installedPage || fresh == 0 {
			return found, nil
		}
	}
	return found, nil
}

// Mint makes a location's token from the company's.
func (c *Company) Mint(ctx context.Context, locationID string) (*oauth2.Token, []string, error) {
	var out raw
	// Asking twice makes two tokens, of which one is simply not used: not a write that must be looked after.
	_, err := c.api.Do(ctx, apiclient.Request{
		Op: opMint, Method: http.MethodPost, Path: locationTokenPath,
		Form: url.Values{"companyId": {c.cfg.CompanyID}, "locationId": {locationID}},
	}, &out)
	if err != nil {
		return nil, nil, err
	}
	token := &oauth2.Token{AccessToken: out.text("access_token"), RefreshToken: out.text("refresh_token"), TokenType: cmp.Or(out.text("token_type"), "Bearer")}
	if token.AccessToken == "" {
		return nil, nil, &provider.Error{Provider: ID, Op: opMint, Kind: provider.Unavailable, Detail: "the answer holds no token"}
	}
	if n, ok := out["expires_in"].(float64); ok && n > 0 && n < 1e9 {
		token.ExpiresIn = int64(n)
		token.Expiry = c.cfg.Now().Add(time.Duration(n) * time.Second)
	}
	g := ReadGrant(func(name string) any { return out[name] })
	if g.LocationID != "" && g.LocationID != locationID {
		return nil, nil, &provider.Error{Provider: ID, Op: opMint, Kind: provider.Invalid, Detail: "the token is for another sub-account"}
	}
	return token, g.Scope, nil
}

// Lost is an installation whose tokens were lost.
type Lost struct {
	BaseURL                string
	Transport              http.RoundTripper
	ClientID, ClientSecret string
	LocationID, CompanyID  string // one of them; the location counts
}

// Reconnect asks for a new authorisation code. Whatever goes wrong, a person can still connect again.
func Reconnect(ctx context.Context, l Lost) (code string, err error) {
	shell := &Client{}
	api := apiclient.New(apiclient.Config{Provider: ID, BaseURL: cmp.Or(l.BaseURL, DefaultBaseURL), Transport: l.Transport, Classify: shell.classify})
	body := map[string]string{"clientKey": l.ClientID, "clientSecret": l.ClientSecret}
	if l.LocationID != "" {
		body["locationId"] = l.LocationID
	} else {
		body["companyId"] = l.CompanyID
	}
	var out raw
	// Nobody records this call: its body is the app's secret.
	_, err = api.Do(provider.WithRecorder(ctx, nil), apiclient.Request{Op: opReconnect, Method: http.MethodPost, Path: reconnectPath, Body: body}, &out)
	if err != nil {
		return "", err
	}
	if code = out.text("authorizationCode"); code == "" {
		return "", &provider.Error{Provider: ID, Op: opReconnect, Kind: provider.Unsupported, Detail: "the answer holds no code"}
	}
	return code, nil
}
