package gallery

import (
	"crosswalk/web/accountui"
	"crosswalk/web/ui"
)

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
	wrong := settings
	wrong.Errors = map[string]string{"current_password": "this is not your current password"}
	saved := shell(ui.Settings)
	saved.Flashes = []ui.Flash{{Tone: ui.Good, Title: "Password changed", Detail: "Other devices were signed out."}}
	return []State{
		{"setup", "account", accountui.SetupPage(ui.Shell{}, accountui.Setup{})},
		{"setup-refused", "account", accountui.SetupPage(ui.Shell{}, refused)},
		{"sign-in", "account", accountui.SignInPage(ui.Shell{}, accountui.SignIn{Next: "/runs"})},
		{"sign-in-refused", "account", accountui.SignInPage(ui.Shell{}, accountui.SignIn{Email: "maria@acme.io", Problem: "That email and password do not fit together."})},
		{"sign-in-too-many", "account", accountui.SignInPage(ui.Shell{}, accountui.SignIn{Email: "maria@acme.io", Problem: "Too many tries in vain. Try again in 2 minutes."})},
		{"settings", "account", accountui.SettingsPage(saved, settings)},
		{"settings-refused", "account", accountui.SettingsPage(shell(ui.Settings), wrong)},
	}
}
