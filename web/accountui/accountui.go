// Package accountui holds the pages about the person: first set-up, sign-in
// and settings.
package accountui

import "crosswalk/web/ui"

// Setup is the page that creates the first account. POST /setup with
// setup_token, email, password, password_again.
type Setup struct {
	Token, Email string
	// Errors by control name; they stand beside the control they are about.
	Errors map[string]string
}

func (s Setup) inputs() []ui.Input {
	return []ui.Input{
		{ID: "setup_token", Name: "setup_token", Label: "Set-up token", Type: "text", Value: s.Token, Required: true, Mono: true, Autocomplete: "off",
			Hint: "Crosswalk printed it where it was started. It works once.", Error: s.Errors["setup_token"]},
		{ID: "email", Name: "email", Label: "Your email", Type: "email", Value: s.Email, Required: true, Autocomplete: "username", Error: s.Errors["email"]},
		{ID: "password", Name: "password", Label: "Password", Type: "password", Required: true, Autocomplete: "new-password",
			Hint: "At least 12 characters. A few words in a row are fine.", Error: s.Errors["password"]},
		{ID: "password_again", Name: "password_again", Label: "Password again", Type: "password", Required: true, Autocomplete: "new-password", Error: s.Errors["password_again"]},
	}
}

// SignIn posts email, password and next to /sign-in.
type SignIn struct {
	Email, Next string
	Problem     string // one sentence; never says which of the two was wrong
	Errors      map[string]string
}

func (s SignIn) inputs() []ui.Input {
	return []ui.Input{
		{ID: "email", Name: "email", Label: "Email", Type: "email", Value: s.Email, Required: true, Autocomplete: "username", Error: s.Errors["email"]},
		{ID: "password", Name: "password", Label: "Password", Type: "password", Required: true, Autocomplete: "current-password", Error: s.Errors["password"]},
	}
}

// Settings is the page /settings. Forms: POST /settings/theme (theme) and
// POST /settings/password (current_password, password, password_again).
type Settings struct {
	Email    string
	Errors   map[string]string // of the password form
	Webhooks []Webhook
	TwoStep  bool
	Browsers []Browser
	About    []Fact
	// Linkable is whether people may come in from inside HighLevel; Identities are who this person is there.
	Linkable   bool
	Identities []Identity
}

// Identity is a HighLevel user linked with the person. POST /settings/identities links one by its code, POST
// /settings/identities/remove with company and user unlinks it.
type Identity struct {
	Name, Email, CompanyID, UserID string
	Linked                         ui.Moment
}

func (s Settings) codeInput() ui.Input {
	return ui.Input{ID: "link-code", Name: "code", Label: "Code", Type: "text", Required: true, Mono: true, Autocomplete: "off", Placeholder: "ABCD-EFGH", Error: s.Errors["code"],
		Hint: "Open Crosswalk inside HighLevel; it shows a code."}
}

// Embedded is /embedded/highlevel, shown in a frame. The script in it asks the page around for who is there, and posts
// the answer back as context.
type Embedded struct {
	Hosts   string // who may be asked, parted by spaces
	Problem string
	Code    string // to be typed into the settings, when nobody is linked yet
	Who     string
	Minutes int
}

// Link asks whether a HighLevel user is the person. Form: POST /settings/identities with code and confirm=yes.
type Link struct {
	Code, Name, Email, UserID, You string
	Problem                        string // with the password
}

func (v Link) password() ui.Input {
	return ui.Input{ID: "current_password", Name: "current_password", Label: "Current password", Type: "password", Required: true, Autocomplete: "current-password", Error: v.Problem}
}

// Browser is one signed-in browser. POST /settings/sign-ins/ID/end signs it
// out, POST /settings/sign-ins/end-others all but the one in use.
type Browser struct {
	ID      string
	Device  string // "Firefox on Windows"
	Address string
	Began   ui.Moment
	Seen    ui.Moment
	Current bool
}

// Webhook is an address to paste into a provider's settings.
type Webhook struct {
	Side       ui.Side
	Label, URL string
	Hint       string
}

// Fact is one line of the about table, e.g. Version 1.2.0.
type Fact struct{ Name, Value string }

func (s Settings) inputs() []ui.Input {
	return []ui.Input{
		{ID: "current_password", Name: "current_password", Label: "Current password", Type: "password", Required: true, Autocomplete: "current-password", Error: s.Errors["current_password"]},
		{ID: "password", Name: "password", Label: "New password", Type: "password", Required: true, Autocomplete: "new-password",
			Hint: "At least 12 characters.", Error: s.Errors["password"]},
		{ID: "password_again", Name: "password_again", Label: "New password again", Type: "password", Required: true, Autocomplete: "new-password", Error: s.Errors["password_again"]},
	}
}
