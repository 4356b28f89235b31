package highlevel

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
)

const (
	// DefaultAuthorizeURL is where an administrator chooses a sub-account: §2.2. White-label agencies use another host.
	DefaultAuthorizeURL = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation"
	// TokenPath exchanges codes and refresh tokens: §2.3.
	TokenPath = "/oauth/token"
	// locationTokenPath makes a location's token from the company's: §2.5.
	locationTokenPath = "/oauth/locationToken"
)

// Who a token speaks for: §2.1.
const (
	UserTypeLocation = "Location"
	UserTypeCompany  = "Company"
)

// Endpoint is the OAuth endpoint below baseURL; empty arguments mean HighLevel itself. Client id and secret travel
// in the form, as §2.3 documents.
func Endpoint(baseURL, authorizeURL string) oauth2.Endpoint {
	return oauth2.Endpoint{
		AuthURL:   cmp.Or(authorizeURL, DefaultAuthorizeURL),
		TokenURL:  strings.TrimSuffix(cmp.Or(baseURL, DefaultBaseURL), "/") + TokenPath,
		AuthStyle: oauth2.AuthStyleInParams,
	}
}

// AppID is the part of a client id before the first dash: §2.2. Deliveries name the app they are meant for by it.
func AppID(clientID string) string {
	id, _, _ := strings.Cut(clientID, "-")
	return id
}

// Grant is what a token answer tells beside the tokens: §2.3.
type Grant struct {
	LocationID string // empty for a company's token
	CompanyID  string
	UserType   string // UserTypeLocation or UserTypeCompany
	UserID     string // who installed
	Scope      []string
}

// Allows reports whether the grant holds a scope; one that lists none is taken to hold all.
func (g Grant) Allows(scope string) bool {
	for _, s := range g.Scope {
		if s == scope {
			return true
		}
	}
	return len(g.Scope) == 0
}

// ReadGrant reads the grant from the answer's members, under the older or the v3 names (§2.3). What was asked for
// does not count: the answer decides (§2.3). Pass (*oauth2.Token).Extra, or a lookup in decoded JSON.
func ReadGrant(member func(string) any) Grant {
	text := func(names ...string) string {
		for _, name := range names {
			if s, ok := member(name).(string); ok && s != "" {
				return s
			}
		}
		return ""
	}
	g := Grant{
		LocationID: text("locationId", "location_id"), CompanyID: text("companyId", "company_id"),
		UserType: text("userType", "user_type"), UserID: text("userId", "user_id"), Scope: strings.Fields(text("scope")),
	}
	if g.UserType == "" { // the exchange of a company's token names no type: §2.5
		g.UserType = UserTypeCompany
		if g.LocationID != "" {
			g.UserType = UserTypeLocation
		}
	}
	return g
}

// LocationExchange asks for a location's token with the token of its company.
type LocationExchange struct {
	BaseURL      string
	Transport    http.RoundTripper
	CompanyToken string
	CompanyID    string
	LocationID   string
	Now          func() time.Time
}

// ExchangeLocation makes a location's token from a company's: §2.5.
func ExchangeLocation(ctx context.Context, x LocationExchange) (*oauth2.Token, Grant, error) {
	if x.Now == nil {
		x.Now = time.Now
	}
	const op = "get access to the sub-account"
	shell := &Client{cfg: Config{LocationID: x.LocationID}}
	api := apiclient.New(apiclient.Config{
		Provider: ID, BaseURL: cmp.Or(x.BaseURL, DefaultBaseURL), Transport: x.Transport, Classify: shell.classify, Now: x.Now,
		Authorize: func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+x.CompanyToken)
			r.Header.Set("Version", version)
			return nil
		},
	})
	var out raw
	// Asking twice makes two tokens, of which one is simply not used: not a write that must be looked after.
	_, err := api.Do(ctx, apiclient.Request{
		Op: op, Method: http.MethodPost, Path: locationTokenPath,
		Form: url.Values{"companyId": {x.CompanyID}, "locationId": {x.LocationID}},
	}, &out)
	if err != nil {
		return nil, Grant{}, err
	}
	token := &oauth2.Token{AccessToken: out.text("access_token"), RefreshToken: out.text("refresh_token"), TokenType: cmp.Or(out.text("token_type"), "Bearer")}
	if token.AccessToken == "" {
		return nil, Grant{}, &provider.Error{Provider: ID, Op: op, Kind: provider.Unavailable, Detail: "the answer holds no token"}
	}
	if n, ok := out["expires_in"].(float64); ok && n > 0 && n < 1e9 {
		token.ExpiresIn = int64(n)
		token.Expiry = x.Now().Add(time.Duration(n) * time.Second)
	}
	g := ReadGrant(func(name string) any { return out[name] })
	if g.LocationID != "" && g.LocationID != x.LocationID {
		return nil, Grant{}, &provider.Error{Provider: ID, Op: op, Kind: provider.Invalid, Detail: "the token is for another sub-account"}
	}
	g.LocationID, g.CompanyID = x.LocationID, cmp.Or(g.CompanyID, x.CompanyID)
	return token, g, nil
}
