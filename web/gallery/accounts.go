package gallery

import (
	"crosswalk/web/accountui"
	"crosswalk/web/ui"
)

// whitePixel stands for the picture of a secret.
const whitePixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="

func accounts() []State {
	refused := accountui.Setup{Token: "wrong-token", Email: "maria@acme", Errors: map[string]string{
		"setup_token": "this token is not the one that was printed, or it was used already",
		"email":       "this does not look like an email address",
		"password":    "too short: it needs at least 12 characters",
	}}
	settings := accountui.Settings{
		Email: "maria@acme.io",
		Webhooks: []accountui.Webhook{
			{Side: ui.HighLevel, Label: "HighLevel webhook URL", URL: "https://crosswalk.acme.io/hooks/highlevel", Hint: "In your HighLevel app: Advanced settings → Webhooks."},
			{Side: ui.Gleap, Label: "Gleap webhook URL", URL: "https://crosswalk.acme.io/hooks/gleap/7hQ2vXo1fKp4sT9w", Hint: "In Gleap: Project Settings → Integrations → Webhooks."},
		},
		Browsers: []accountui.Browser{
			{ID: "si_1", Device: "Firefox on Windows", Address: "203.0.113.20", Began: ui.Moment{Machine: "2026-03-04T08:00:00Z", Text: "4 hours ago"}, Seen: ui.Moment{Machine: "2026-03-04T12:00:00Z", Text: "just now"}, Current: true},
			{ID: "si_2", Device: "Safari on iPhone", Address: "2001:db8:85a3::8a2e:370:7334", Began: ui.Moment{Machine: "2026-03-02T08:00:00Z", Text: "2 days ago"}, Seen: ui.Moment{Machine: "2026-03-04T07:00:00Z", Text: "5 hours ago"}},
			{ID: "si_3", Device: "Unknown browser", Address: "198.51.100.7", Began: ui.Moment{Machine: "2026-03-04T06:00:00Z", Text: "6 hours ago"}, Seen: ui.Moment{Machine: "2026-03-04T06:00:00Z", Text: "6 hours ago"}},
		},
		About: []accountui.Fact{{Name: "Version", Value: "1.0.0"}, {Name: "Database", Value: "SQLite, 14 MB"}, {Name: "Running since", Value: "today 08:00"}},
	}
	begun := accountui.TwoStep{Email: "maria@acme.io", Secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", Picture: whitePixel}
	unconfirmed := begun
	unconfirmed.Errors = map[string]string{"code": "This is not the code the app shows now. Look whether the clocks of your phone and this server agree."}
	wrong := settings
	wrong.Errors = map[string]string{"current_password": "this is not your current password"}
	linkable := settings
	linkable.Linkable, linkable.Errors = true, map[string]string{"code": "No such code is waiting. It lasts ten minutes, and is shown inside HighLevel."}
	linkable.Identities = []accountui.Identity{{Name: "Maria Keller", Email: "maria@agency.example", CompanyID: "5DP41231LkQsiKESj6rh", UserID: "usr0123456789abcdefg", Linked: ui.Moment{Machine: "2026-03-04T08:00:00Z", Text: "4 hours ago"}}}
	saved := shell(ui.Settings)
	saved.Flashes = []ui.Flash{{Tone: ui.Good, Title: "Password changed", Detail: "Other devices were signed out."}}
	return []State{
		{"embedded", "account", accountui.EmbeddedPage(ui.Shell{}, accountui.Embedded{Hosts: "https://app.gohighlevel.com"})},
		{"embedded-code", "account", accountui.EmbeddedPage(ui.Shell{}, accountui.Embedded{Code: "ABCD-EFGH", Who: "Maria Keller", Minutes: 10})},
		{"embedded-refused", "account", accountui.EmbeddedPage(ui.Shell{}, accountui.Embedded{Problem: "This location is not connected to Crosswalk. Connect it there first."})},
		{"identity-link", "account", accountui.LinkPage(shell(ui.Settings), accountui.Link{Code: "ABCD-EFGH", Name: "Maria Keller", Email: "maria@agency.example", UserID: "usr0123456789abcdefg", You: "maria@acme.io"})},
		{"identity-link-wrong-password", "account", accountui.LinkPage(shell(ui.Settings), accountui.Link{Code: "ABCD-EFGH", Name: "Maria Keller", Email: "maria@agency.example", UserID: "usr0123456789abcdefg", You: "maria@acme.io", Problem: "This is not your current password."})},
		{"settings-identities", "account", accountui.SettingsPage(shell(ui.Settings), linkable)},
		{"setup", "account", accountui.SetupPage(ui.Shell{}, accountui.Setup{})},
		{"setup-refused", "account", accountui.SetupPage(ui.Shell{}, refused)},
		{"sign-in", "account", accountui.SignInPage(ui.Shell{}, accountui.SignIn{Next: "/runs"})},
		{"sign-in-refused", "account", accountui.SignInPage(ui.Shell{}, accountui.SignIn{Email: "maria@acme.io", Problem: "That email and password do not fit together."})},
		{"sign-in-too-many", "account", accountui.SignInPage(ui.Shell{}, accountui.SignIn{Email: "maria@acme.io", Problem: "Too many tries in vain. Try again in 2 minutes."})},
		{"sign-in-code", "account", accountui.SignInCodePage(ui.Shell{}, accountui.SignInCode{})},
		{"sign-in-code-refused", "account", accountui.SignInCodePage(ui.Shell{}, accountui.SignInCode{Problem: "This code is not right, or was used already. Wait for the app to show the next one."})},
		{"reset", "account", accountui.ResetPage(ui.Shell{}, accountui.Reset{Action: "/reset/x", Email: "maria@acme.io"})},
		{"reset-refused", "account", accountui.ResetPage(ui.Shell{}, accountui.Reset{Action: "/reset/x", Email: "maria@acme.io", Errors: map[string]string{"password": "Use at least 12 characters."}})},
		{"two-step-off", "account", accountui.TwoStepPage(shell(ui.Settings), accountui.TwoStep{Email: "maria@acme.io"})},
		{"two-step-begun", "account", accountui.TwoStepPage(shell(ui.Settings), begun)},
		{"two-step-begun-refused", "account", accountui.TwoStepPage(shell(ui.Settings), unconfirmed)},
		{"two-step-on", "account", accountui.TwoStepPage(shell(ui.Settings), accountui.TwoStep{Email: "maria@acme.io", On: true, CodesLeft: 9})},
		{"two-step-on-refused", "account", accountui.TwoStepPage(shell(ui.Settings), accountui.TwoStep{Email: "maria@acme.io", On: true, CodesLeft: 2, Form: accountui.FormOff, Errors: map[string]string{"code": "This code is not right, or was used already."}})},
		{"recovery-codes", "account", accountui.RecoveryCodesPage(shell(ui.Settings), []string{"7kq2-m9xd-4wpr-tz3h", "a8nv-0cjd-52ye-gs6f", "k1rb-x7tm-9hq4-dw2p"})},
		{"settings", "account", accountui.SettingsPage(saved, settings)},
		{"settings-refused", "account", accountui.SettingsPage(shell(ui.Settings), wrong)},
	}
}
