package highlevel

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	tokenPath    = "/oauth/token"
	codeLife     = 10 * time.Minute       // not documented; the usual bound
	refreshLife  = 365 * 24 * time.Hour   // §2.4
	refreshGrace = 30 * time.Second       // §2.4
	locationMint = "/oauth/locationToken" // §2.5
	installedURL = "/oauth/installedLocations"
)

func oauthRoutes() []route {
	return []route{
		{method: "POST", pattern: tokenPath},
		{method: "POST", pattern: reconnectPath},
		{method: "POST", pattern: locationMint, scope: "oauth.write", reach: agencyToken, handle: (*Twin).mintLocationToken},
		{method: "GET", pattern: installedURL, scope: "oauth.readonly", reach: agencyToken, handle: (*Twin).installedLocations},
	}
}

// grant is what a token stands for.
type grant struct {
	LocationID string   `json:"locationId,omitempty"` // empty: a company token
	CompanyID  string   `json:"companyId"`
	UserID     string   `json:"userId"`
	Scopes     []string `json:"scopes"`
	Static     bool     `json:"static,omitempty"` // the private-integration token: all scopes
}

// resource names the budget a call is taken from: one per app and resource
// (§3). Private integrations are apart from the app.
func (g *grant) resource() string {
	if g.Static {
		return "private integration"
	}
	if g.LocationID != "" {
		return g.LocationID
	}
	return g.CompanyID
}

func (g *grant) userType() string {
	if g.LocationID != "" {
		return "Location"
	}
	return "Company"
}

type code struct {
	grant       grant
	redirectURI string
	expires     time.Time
}

type accessToken struct {
	Grant   *grant    `json:"grant"`
	Expires time.Time `json:"expires"`
}

// refreshToken works once; for a short grace the same answer is given again.
type refreshToken struct {
	Grant     *grant    `json:"grant"`
	Expires   time.Time `json:"expires"`
	Used      time.Time `json:"used,omitzero"`
	Successor object    `json:"successor,omitempty"`
}

func (db *database) revokeAccess() { clear(db.access) }

// revoke ends the tokens and codes of some grants.
func (db *database) revoke(of func(*grant) bool) {
	maps.DeleteFunc(db.access, func(_ string, k *accessToken) bool { return of(k.Grant) })
	maps.DeleteFunc(db.refresh, func(_ string, k *refreshToken) bool { return of(k.Grant) })
	maps.DeleteFunc(db.codes, func(_ string, k *code) bool { return of(&k.grant) })
}

func (db *database) revokeAll() {
	clear(db.access)
	clear(db.refresh)
	clear(db.codes)
}

// grantOf resolves a bearer token.
func (t *Twin) grantOf(token string) *grant {
	if token != "" && same(token, t.cfg.Token) {
		return &grant{LocationID: t.cfg.LocationID, CompanyID: t.cfg.CompanyID, Static: true}
	}
	a := t.db.access[token]
	if a == nil || !t.now().Before(a.Expires) {
		return nil
	}
	return a.Grant
}

func (t *Twin) allowed(g *grant, scope string) bool {
	if slices.Contains(t.faults.MissingScopes, scope) {
		return false
	}
	return g.Static || slices.Contains(g.Scopes, scope)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// form reads a form-encoded body; ok is false if the body is of another kind.
func form(r *http.Request) (values url.Values, refused answer, fine bool) {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, fail(http.StatusRequestEntityTooLarge, "request entity too large"), false
	}
	if err != nil {
		return nil, fail(http.StatusBadRequest, "request aborted"), false
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return url.Values{}, answer{}, true
	}
	values, err = url.ParseQuery(string(raw))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "Request body is not a valid form"), false
	}
	return values, answer{}, true
}

// exchange is POST /oauth/token, form-encoded only: §2.3. The messages are
// those of the documented 400 examples; which of 400, 401 and 422 goes with
// which mistake is our reading.
func (t *Twin) exchange(c *call) answer {
	if c.v3 {
		return t.exchangeV3(c)
	}
	in, refused, fine := form(c.r)
	if !fine {
		return refused
	}
	a := t.token(in)
	if a.status == http.StatusOK && in.Get("grant_type") == "refresh_token" && t.lostRenewal() {
		return answer{}
	}
	return a
}

// v3Names are the camelCase names of the token endpoint under v3: §2.3.
var v3Names = map[string]string{
	"client_id": "clientId", "client_secret": "clientSecret", "grant_type": "grantType", "refresh_token": "refreshToken",
	"user_type": "userType", "redirect_uri": "redirectUri",
	"access_token": "accessToken", "token_type": "tokenType", "expires_in": "expiresIn",
}

// exchangeV3 takes forms and JSON, with other names both ways: §2.3.
func (t *Twin) exchangeV3(c *call) answer {
	given, refused, fine := formOrJSON(c.r)
	if !fine {
		return refused
	}
	in := url.Values{}
	for _, name := range []string{"client_id", "client_secret", "grant_type", "code", "refresh_token", "user_type", "redirect_uri"} {
		if v, present := given[cmp.Or(v3Names[name], name)]; present {
			in[name] = v
		}
	}
	a := t.token(in)
	for old, now := range v3Names {
		if message, isText := a.body["message"].(string); isText && strings.HasSuffix(message, ": "+old) {
			a.body["message"] = strings.TrimSuffix(message, old) + now
		}
		if v, present := a.body[old]; present {
			delete(a.body, old)
			a.body[now] = v
		}
	}
	return a
}

func (t *Twin) token(in url.Values) answer {
	if len(in) == 0 {
		return unprocessable("client_id must be a string", "client_secret must be a string",
			"grant_type must be one of the following values: authorization_code, refresh_token, client_credentials")
	}
	for _, name := range []string{"client_id", "client_secret", "grant_type"} {
		if in.Get(name) == "" {
			return fail(http.StatusBadRequest, "Missing parameter: "+name)
		}
	}
	if u := in.Get("user_type"); u != "" && u != "Company" && u != "Location" {
		return unprocessable("user_type must be one of the following values: Company, Location")
	}
	if !same(in.Get("client_id"), t.cfg.ClientID) || !same(in.Get("client_secret"), t.cfg.ClientSecret) {
		return fail(http.StatusUnauthorized, "Invalid client: client credentials are invalid")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch in.Get("grant_type") {
	case "authorization_code":
		return t.redeem(in)
	case "refresh_token":
		return t.rotate(in)
	case "client_credentials":
		return fail(http.StatusBadRequest, "Unauthorized client: grant type is not allowed for this client")
	}
	return fail(http.StatusBadRequest, "Invalid parameter: grant_type")
}

func (t *Twin) redeem(in url.Values) answer {
	given := in.Get("code")
	if given == "" {
		return fail(http.StatusBadRequest, "Missing parameter: code")
	}
	k := t.db.codes[given]
	delete(t.db.codes, given) // single use, whatever comes of it
	if k == nil || !t.now().Before(k.expires) {
		return fail(http.StatusBadRequest, "Invalid grant: authorization code is invalid")
	}
	if u := in.Get("redirect_uri"); u != "" && u != k.redirectURI {
		return fail(http.StatusBadRequest, "Invalid grant: redirect_uri is invalid")
	}
	g := k.grant
	t.db.scopes = g.Scopes
	if in.Get("user_type") == "Company" { // §2.3
		g.LocationID = ""
	}
	return ok(t.issue(&g))
}

// rotate spends a refresh token. Used again within the grace it gives the same
// new pair: §2.4.
func (t *Twin) rotate(in url.Values) answer {
	given := in.Get("refresh_token")
	if given == "" {
		return fail(http.StatusBadRequest, "Missing parameter: refresh_token")
	}
	now := t.now()
	k := t.db.refresh[given]
	if t.faults.LocationInactive && k != nil && k.Grant.LocationID != "" {
		return fail(http.StatusBadRequest, "Location is not active") // §2.3
	}
	switch {
	case k == nil || !now.Before(k.Expires):
	case k.Used.IsZero():
		spent := &refreshToken{Grant: k.Grant, Expires: k.Expires, Used: now, Successor: t.issue(k.Grant)}
		t.db.refresh[given] = spent
		return ok(copied(spent.Successor))
	case now.Sub(k.Used) <= refreshGrace:
		return ok(copied(k.Successor))
	}
	return fail(http.StatusBadRequest, "Invalid grant: refresh token is invalid")
}

func copied(in object) object {
	out := make(object, len(in)+1)
	for k, v := range in {
		out[k] = v
	}
	return out
}

// issue makes a new pair of tokens and the answer that hands it over: §2.3.
func (t *Twin) issue(g *grant) object {
	now := t.now()
	t.sweepTokens(now)
	access, refresh := randomToken(48), randomToken(32)
	t.db.access[access] = &accessToken{Grant: g, Expires: now.Add(t.cfg.AccessTokenLife)}
	t.db.refresh[refresh] = &refreshToken{Grant: g, Expires: now.Add(refreshLife)}
	t.changed()
	out := object{
		"access_token": access, "token_type": "Bearer", "expires_in": int(t.cfg.AccessTokenLife / time.Second),
		"refresh_token": refresh, "scope": strings.Join(g.Scopes, " "), "userType": g.userType(),
		"companyId": t.cfg.CompanyID, "userId": g.UserID, "planId": t.planID, "isBulkInstallation": false,
	}
	if g.LocationID != "" {
		out["locationId"] = g.LocationID
	} else {
		out["approvedLocations"] = t.approved()
		out["approveAllLocations"], out["installToFutureLocations"], out["isBulkInstallation"] = t.db.agency, t.db.agency, t.db.agency
	}
	return out
}

// sweepTokens forgets what can no longer be used.
func (t *Twin) sweepTokens(now time.Time) {
	for k, v := range t.db.access {
		if !now.Before(v.Expires) {
			delete(t.db.access, k)
		}
	}
	for k, v := range t.db.refresh {
		if !now.Before(v.Expires) || !v.Used.IsZero() && now.Sub(v.Used) > refreshGrace {
			delete(t.db.refresh, k)
		}
	}
	for k, v := range t.db.codes {
		if !now.Before(v.expires) {
			delete(t.db.codes, k)
		}
	}
}

// formOrJSON reads the texts of a flat body of either kind.
func formOrJSON(r *http.Request) (url.Values, answer, bool) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return form(r)
	}
	c := &call{r: r}
	if a, bad := c.decode(); bad {
		return nil, a, false
	}
	out := url.Values{}
	for k, v := range c.in {
		if s, isText := v.(string); isText {
			out.Set(k, s)
		}
	}
	return out, answer{}, true
}
