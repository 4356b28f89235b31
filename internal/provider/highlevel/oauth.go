package highlevel

import (
	"cmp"
	"strings"

	"golang.org/x/oauth2"
)

const (
	// DefaultAuthorizeURL is where an administrator chooses a sub-account: §2.2. White-label agencies use another host.
	DefaultAuthorizeURL = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation"
	// TokenPath exchanges codes and refresh tokens: §2.3.
	TokenPath = "/oauth/token"
	// locationTokenPath makes a location's token from the company's, installedPath lists who has the app: §2.5.
	locationTokenPath = "/oauth/locationToken"
	installedPath     = "/oauth/installedLocations"
	// reconnectPath gives a new code for an installation whose tokens were lost, without its people: described in the help
	// centre (article 155000003717), not in the reference, and said in 2026 to be gone. Asking costs nothing when it is.
	reconnectPath = "/oauth/reconnect"
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
