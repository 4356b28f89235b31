// Package connectionui holds the pages about the two accounts: their health,
// and connecting them. Secrets typed into its forms are never shown again.
package connectionui

import "crosswalk/web/ui"

// State is a connection's health.
type State string

// The states a card can be in.
const (
	Missing        State = "missing"
	Active         State = "active"
	NeedsReconnect State = "needs-reconnect"
	Checking       State = "checking"
	Uninstalled    State = "uninstalled"
)

// Health is one account in short.
type Health struct {
	ID      string // empty while Missing
	Side    ui.Side
	State   State
	Account string // "Acme Dental, location ve9EPM428h8vShlRW1KT"
	Text    string // "Checked 2 minutes ago"
	// ConnectHref leads to the page that connects or reconnects.
	ConnectHref string
}

// key tells accounts of one page apart.
func (h Health) key() string {
	if h.ID == "" {
		return string(h.Side)
	}
	return h.ID
}

func (h Health) tone() ui.Tone {
	switch h.State {
	case Active:
		return ui.Good
	case NeedsReconnect, Uninstalled:
		return ui.Stop
	}
	return ui.Neutral
}

func (h Health) word() string {
	switch h.State {
	case Active:
		return "connected"
	case NeedsReconnect:
		return "needs reconnecting"
	case Uninstalled:
		return "uninstalled there"
	case Checking:
		return "checking"
	}
	return "not connected"
}

// Connection is a card with everything known. Forms: POST
// /connections/{ID}/check and POST /connections/{ID}/disconnect.
type Connection struct {
	Health
	Method  string // "OAuth", "API key", "Private integration token"
	Facts   []Fact // token age, expiry, last check, quota
	Scopes  []Scope
	Quota   *Quota
	Webhook *Webhook
	Problem *ui.Problem
	UsedBy  string // "2 automations use it", said before disconnecting
}

// Fact is one line of a card.
type Fact struct{ Name, Value string }

// Scope is a permission Crosswalk asks for, and why.
type Scope struct {
	Name, Why string
	Granted   bool
}

// Quota is what is left of a provider's daily or burst allowance.
type Quota struct {
	Label       string
	Used, Limit int
}

// Webhook says how to make the provider call us.
type Webhook struct {
	URL   string
	Steps []string
	Text  string // when the last delivery arrived
	// ChangeHref makes a new address, where it holds a secret; Old says how long the one before is taken.
	ChangeHref string
	Old        string
}

func (c Connection) missingScopes() int {
	n := 0
	for _, s := range c.Scopes {
		if !s.Granted {
			n++
		}
	}
	return n
}

// HighLevelForm is /connections/highlevel/new. Forms: POST
// /connections/highlevel/authorize, and POST /connections/highlevel with
// token and location_id.
type HighLevelForm struct {
	OAuthReady bool   // an app's client id and secret are configured
	OAuthHint  string // what to configure when not
	LocationID string
	Errors     map[string]string
	Problem    *ui.Problem
	Scopes     []Scope
}

func (f HighLevelForm) inputs() []ui.Input {
	return []ui.Input{
		{ID: "token", Name: "token", Label: "Private integration token", Type: "password", Required: true, Mono: true, Autocomplete: "off",
			Hint: "In HighLevel: Settings → Private Integrations. It is shown there only once.", Error: f.Errors["token"]},
		{ID: "location_id", Name: "location_id", Label: "Location ID", Type: "text", Value: f.LocationID, Required: true, Mono: true, Autocomplete: "off",
			Hint: "In HighLevel: Settings → Business Profile, or the part after /location/ in the address bar.", Error: f.Errors["location_id"]},
	}
}

// GleapForm is /connections/gleap/new. Form A posts region, base_url, api_key,
// project_id to /connections/gleap; form B posts authorize_url, token_url,
// client_id, client_secret, scopes, oauth_project_id, oauth_base_url to
// /connections/gleap/authorize.
type GleapForm struct {
	Region     string // "eu", "us", "custom"
	Regions    []ui.Option
	BaseURL    string
	ProjectID  string
	Errors     map[string]string
	Problem    *ui.Problem
	OAuth      GleapOAuth
	OAuthFirst bool // open form B, e.g. because it has errors
}

// GleapOAuth is the state of form B.
type GleapOAuth struct {
	BaseURL, AuthorizeURL, TokenURL, ClientID, Scopes, ProjectID string
	RedirectURL                                                  string // to be registered there
	Errors                                                       map[string]string
	Problem                                                      *ui.Problem
}

func (f GleapForm) inputs() []ui.Input {
	regions := f.Regions
	if len(regions) == 0 {
		regions = []ui.Option{{Value: "eu", Label: "Europe"}, {Value: "us", Label: "United States"}, {Value: "custom", Label: "Other address"}}
	}
	return []ui.Input{
		{ID: "region", Name: "region", Label: "Region", Type: "select", Value: f.Region, Options: regions, Error: f.Errors["region"],
			Hint: "Where your Gleap data lives."},
		{ID: "base_url", Name: "base_url", Label: "API address", Type: "url", Value: f.BaseURL, Mono: true, Autocomplete: "off",
			Hint: "Only for “Other address”.", Placeholder: "https://api.gleap.io/v3", Error: f.Errors["base_url"]},
		{ID: "api_key", Name: "api_key", Label: "API key", Type: "password", Required: true, Mono: true, Autocomplete: "off",
			Hint: "In Gleap: Project Settings → Security → API Key.", Error: f.Errors["api_key"]},
		{ID: "project_id", Name: "project_id", Label: "Project ID", Type: "text", Value: f.ProjectID, Required: true, Mono: true, Autocomplete: "off",
			Hint: "On the same page as the key.", Error: f.Errors["project_id"]},
	}
}

func (o GleapOAuth) inputs() []ui.Input {
	text := func(name, label, value, hint string) ui.Input {
		return ui.Input{ID: name, Name: name, Label: label, Type: "text", Value: value, Required: true, Mono: true, Autocomplete: "off", Hint: hint, Error: o.Errors[name]}
	}
	secret := text("client_secret", "Client secret", "", "")
	secret.Type = "password"
	scopes := text("scopes", "Scopes", o.Scopes, "Separated by spaces.")
	scopes.Required = false
	return []ui.Input{
		text("authorize_url", "Authorise URL", o.AuthorizeURL, "Where people are sent to agree."),
		text("token_url", "Token URL", o.TokenURL, "Where the answer is exchanged for a token."),
		text("client_id", "Client ID", o.ClientID, ""),
		secret,
		scopes,
		text("oauth_base_url", "API address", o.BaseURL, ""),
		text("oauth_project_id", "Project ID", o.ProjectID, ""),
	}
}

// Claim is /connections/claim: an installation that came from the provider's side and is nobody's yet. Form: POST there
// with arrival and decision, "claim" or "forget".
type Claim struct {
	ID           string
	Side         ui.Side
	Account      string // its name, when the provider told
	AccountID    string
	CompanyID    string
	WholeCompany bool
	Known        string // the connection that would be renewed, by name
	Arrived      string // "2 minutes ago"
	Until        string // "58 minutes"
	Scopes       []Scope
	Problem      *ui.Problem
	Gone         string // nothing waits: why
}

func (c Claim) title() string {
	switch {
	case c.Gone != "":
		return "Nothing to claim"
	case c.WholeCompany:
		return "Is this your agency?"
	}
	return "Is this your account?"
}

func (c Claim) missing() int { return Connection{Scopes: c.Scopes}.missingScopes() }

// Company is an agency that granted access to all of its accounts. Form: POST /connections/installed/{ID} for each that
// is not used yet; where Forget, POST /connections/companies/{ID}/forget.
type Company struct {
	ID        string
	Side      ui.Side
	Name      string // when it is known
	CompanyID string
	Text      string // "Access renewed 3 hours ago."
	Problem   *ui.Problem
	Unused    []Installed
	Forget    bool // the person may give its access up
}

// Installed is an account that has the app and is not connected.
type Installed struct {
	ID        string
	Name      string // when it is known
	AccountID string
	Since     string // "2 minutes ago"
}

func (i Installed) title() string {
	if i.Name == "" {
		return "Location " + i.AccountID
	}
	return i.Name
}
