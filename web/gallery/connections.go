package gallery

import (
	"fmt"
	"slices"

	"crosswalk/web/connectionui"
	"crosswalk/web/ui"
)

func scopes(granted bool) []connectionui.Scope {
	return []connectionui.Scope{
		{Name: "contacts.readonly", Why: "To see contacts and find the one that belongs to a Gleap contact.", Granted: true},
		{Name: "contacts.write", Why: "To create and update contacts, and to add or remove tags.", Granted: true},
		{Name: "locations/customFields.readonly", Why: "To offer your custom fields on the mapping canvas.", Granted: granted},
		{Name: "users.readonly", Why: "To show owners by name.", Granted: true},
	}
}

func connections() []State {
	highlevel := connectionui.Connection{
		Health: connectionui.Health{ID: "c_hl", Side: ui.HighLevel, State: connectionui.Active, Account: "Acme Dental, Vienna", ConnectHref: "/connections/highlevel/new"},
		Method: "OAuth", Scopes: scopes(true), UsedBy: "2 automations will pause.",
		Facts:   []connectionui.Fact{{Name: "Location", Value: "ve9EPM428h8vShlRW1KT"}, {Name: "Token", Value: "3 hours old, renews itself in 20 hours"}, {Name: "Last check", Value: "2 minutes ago, answered in 140 ms"}},
		Quota:   &connectionui.Quota{Label: "Calls left today", Used: 4211, Limit: 200000},
		Webhook: &connectionui.Webhook{URL: "https://crosswalk.acme.io/hooks/highlevel", Text: "last delivery 2 minutes ago", Steps: []string{"Open your app at the HighLevel marketplace.", "Advanced settings → Webhooks: paste the URL.", "Switch on ContactCreate, ContactUpdate and ContactDelete."}},
	}
	gleap := connectionui.Connection{
		Health: connectionui.Health{ID: "c_gl", Side: ui.Gleap, State: connectionui.Active, Account: "Acme Support", ConnectHref: "/connections/gleap/new"},
		Method: "API key", UsedBy: "2 automations will pause.",
		Facts:   []connectionui.Fact{{Name: "Project", Value: "65f0c1a2b3d4e5f601234567"}, {Name: "Region", Value: "Europe"}, {Name: "Last check", Value: "2 minutes ago, answered in 95 ms"}},
		Webhook: &connectionui.Webhook{URL: "https://crosswalk.acme.io/hooks/gleap/7hQ2vXo1fKp4sT9w", Text: "no delivery yet", Steps: []string{"Open your project in Gleap.", "Project Settings → Integrations → Webhooks: paste the URL."}, ChangeHref: "/connections/cn_gl/hook", Old: "The address before this one is taken for 23 hours more."},
	}
	revoked := highlevel
	revoked.State, revoked.Scopes = connectionui.NeedsReconnect, scopes(false)
	revoked.Problem = &ui.Problem{Title: "HighLevel no longer accepts our token", Detail: "The app was removed from the location, or its permission was withdrawn. Runs wait until you reconnect; no event is lost.",
		Next: "Reconnect and choose the same location.", Side: ui.HighLevel, Words: "The token is not authorized for this scope.", Code: "connection_revoked"}
	none := []connectionui.Connection{
		{Health: connectionui.Health{Side: ui.HighLevel, State: connectionui.Missing, Text: "Choose one location. Crosswalk asks only for what it needs.", ConnectHref: "/connections/highlevel/new"}},
		{Health: connectionui.Health{Side: ui.Gleap, State: connectionui.Missing, Text: "One project, with its API key.", ConnectHref: "/connections/gleap/new"}},
	}
	claim := connectionui.Claim{ID: "ar_1", Side: ui.HighLevel, Account: "Harbor Street Dental", AccountID: "ve9EPM428h8vShlRW1KT", CompanyID: "5DP41231LkQsiKESj6rh", Arrived: "just now", Until: "59 minutes", Scopes: scopes(true)}
	knownClaim, agency := claim, claim
	knownClaim.Known, knownClaim.Scopes = "Harbor Street Dental", scopes(false)
	agency.Account, agency.AccountID, agency.WholeCompany = "", "", true
	company := connectionui.Company{ID: "in_1", Side: ui.HighLevel, CompanyID: "5DP41231LkQsiKESj6rh", Text: "Access renewed 3 hours ago.", Unused: []connectionui.Installed{
		{ID: "in_2", Name: "Harbor Street Dental", AccountID: "ve9EPM428h8vShlRW1KT", Since: "2 minutes ago"}, {ID: "in_3", AccountID: "kq82PMa28h8vShlRW1aa", Since: "just now"},
	}}
	ours := company
	ours.Forget = true
	lost := connectionui.Company{ID: "in_1", Side: ui.HighLevel, Name: "Lighthouse Marketing", CompanyID: "5DP41231LkQsiKESj6rh", Text: "Access renewed 3 days ago.", Problem: &ui.Problem{Tone: ui.Stop, Title: "The agency’s access needs you", Detail: "The provider no longer accepts our access; it was revoked, or replaced elsewhere.", Next: "Install Crosswalk for the agency again.", Side: ui.HighLevel, Code: "revoked", Href: "/connections/highlevel/new", HrefLabel: "Reconnect"}}
	uninstalled := revoked
	uninstalled.State = connectionui.Uninstalled
	uninstalled.Problem = &ui.Problem{Tone: ui.Stop, Title: "Crosswalk was uninstalled there", Detail: "Crosswalk was uninstalled in HighLevel. Its work waits and goes on once it is installed again.", Next: "History and links are kept. Install it again and work goes on where it was.", Side: ui.HighLevel, Code: "uninstalled", Href: "/connections/highlevel/new", HrefLabel: "Install again"}
	gleapForm := connectionui.GleapForm{Region: "eu", OAuth: connectionui.GleapOAuth{RedirectURL: "https://crosswalk.acme.io/oauth/gleap/callback"}}
	refused := gleapForm
	refused.ProjectID = "65f0c1a2"
	refused.Errors = map[string]string{"api_key": "Gleap did not accept this key", "project_id": "this key does not open the project 65f0c1a2"}
	refused.Problem = &ui.Problem{Title: "Gleap refused the key", Detail: "We asked for one contact to test it, and were not let in. Nothing was saved.", Next: "Copy the key again from Project Settings → Security, without spaces around it.", Side: ui.Gleap, Words: "Invalid API key", Code: "unauthorized"}
	oauth := gleapForm
	oauth.OAuthFirst = true
	oauth.OAuth.TokenURL, oauth.OAuth.ClientID = "https://auth.example.com/token", "crosswalk"
	oauth.OAuth.Errors = map[string]string{"token_url": "no server answers at this address"}
	standing := connectionui.HealthView{
		Connection: highlevel, Sentence: "Working. 2 automations use it.", Tone: ui.Good,
		Users: []connectionui.User{{Name: "Keep contacts in sync", Href: "/automations/au_1", State: "on"}, {Name: "Support ticket to task", Href: "/automations/au_2", State: "paused"}},
		Needs: []connectionui.Need{
			{Scope: scopes(true)[0], By: []string{"Keep contacts in sync", "Support ticket to task"}}, {Scope: scopes(true)[1], By: []string{"Keep contacts in sync"}},
			{Scope: scopes(true)[2], By: []string{"Keep contacts in sync"}}, {Scope: scopes(true)[3]},
		},
		Calls: &connectionui.Calls{
			Now: &connectionui.Quota{Label: "Calls in the last 10 seconds", Used: 12, Limit: 100}, Today: &connectionui.Quota{Label: "Calls today", Used: 4211, Limit: 200000},
			Forecast: "At the pace of the last hour the day comes to about 11,300 calls, 5 % of the limit.", Reserve: "20 % of the limit is left to other apps.",
		},
		Heard: []connectionui.Fact{{Name: "Last webhook", Value: "2 minutes ago, 1,204 deliveries are kept"}, {Name: "Last poll of tasks", Value: "just now"}},
	}
	for i := range 24 {
		standing.Calls.Hours = append(standing.Calls.Hours, connectionui.CallHour{Label: fmt.Sprintf("%02d:00", i), Calls: 40 + (i*37)%160})
	}
	lacking := standing
	lacking.Sentence, lacking.Tone, lacking.Missing, lacking.Consent = "Working, but without 1 permission that an automation needs.", ui.Warn, 1, true
	lacking.Needs = slices.Clone(standing.Needs)
	lacking.Needs[2].Granted = false
	lacking.Probes = []connectionui.Probe{
		{Does: "Read contacts", Scope: "contacts.readonly", Tone: ui.Good, Says: "Works", Took: "41 ms"},
		{Does: "Read custom fields", Scope: "locations/customFields.readonly", Tone: ui.Stop, Says: "Not granted", Took: "12 ms", TraceID: "0af7651916cd43dd8448eb211c80319c"},
	}
	lacking.Refused = 1
	busy := *standing.Calls
	busy.Warn, busy.Forecast = true, "At the pace of the last hour the day comes to about 260,000 calls, 130 % of the limit. They would run out in 6 hours; what can wait is slowed down before that."
	busy.Hours = slices.Clone(busy.Hours)
	busy.Hours[20].Refused = 12
	full := standing
	full.Calls, full.Sentence, full.Tone = &busy, "Working, but at this pace the day’s calls will run out.", ui.Warn
	full.Faults = []connectionui.Fault{
		{When: ui.Moment{Machine: "2026-11-02T09:41:00Z", Text: "2 minutes ago"}, Op: "update contact", What: "There were too many calls", Status: "status 429", Words: "Too Many Requests", TraceID: "0af7651916cd43dd8448eb211c80319c"},
		{When: ui.Moment{Machine: "2026-11-02T08:12:00Z", Text: "1 hour ago"}, Op: "read contact", What: "The provider was out of reach or out of order", Status: "no answer"},
	}
	full.Missed = "12 (Keep contacts in sync, compared 3 hours ago)"
	down := standing
	since := ui.Moment{Machine: "2026-11-02T09:39:00Z", Text: "2 Nov 2026, 09:39 UTC"}
	down.Connection, down.DownSince = revoked, since
	down.Sentence, down.Tone, down.Waiting = "Needs you: HighLevel refuses our access, as it told us 4 minutes ago. Reconnect the account. Nothing is lost: 214 records wait and go on by themselves then.", ui.Stop, 214
	gone := down
	gone.Connection = uninstalled
	gone.Sentence = "Needs you: Crosswalk was uninstalled in this account, so nothing is read or written until it is installed again. Nothing is lost: 3 records wait and go on by themselves then."
	draining := standing
	draining.Due, draining.Draining = 198, true
	byKey := connectionui.HealthView{Connection: gleap, Sentence: "Working. 1 automation uses it.", Tone: ui.Good, Users: standing.Users[:1], Heard: []connectionui.Fact{{Name: "Last webhook", Value: "none has arrived"}}}
	token := byKey
	token.Connection = highlevel
	token.Method, token.Untold = "Private integration token", true
	for _, n := range standing.Needs {
		n.Granted, n.Untold = false, true
		token.Needs = append(token.Needs, n)
	}
	unused := connectionui.HealthView{Connection: highlevel, Sentence: "Working, and not used yet: no automation reads or writes here.", Tone: ui.Good, Heard: byKey.Heard}
	for _, sc := range scopes(true) {
		unused.Needs = append(unused.Needs, connectionui.Need{Scope: sc})
	}
	again := connectionui.ReconnectView{
		Health: revoked.Health, Title: "Reconnect HighLevel", What: "HighLevel does not accept our access any more. It was revoked there.", Since: ui.Moment{Machine: "2026-11-02T09:39:00Z", Text: "4 minutes ago"}, DownSince: since, Held: "Nothing is lost: 214 records wait and go on by themselves once it is connected again.", Ready: true,
		Next: []string{"HighLevel asks you to agree, and sends you back here.", "Choose the same account, ve9EPM428h8vShlRW1KT; another one is refused, and nothing changes.", "What waited goes on by itself."},
	}
	other := again
	other.Problem = &ui.Problem{Tone: ui.Stop, Title: "Not connected, and nothing was saved", Detail: "You chose another account than the one to reconnect, so nothing was changed. Choose the same one, or connect the other as a new connection.", Side: ui.HighLevel, Code: "other_account"}
	newKey := again
	newKey.Health, newKey.Title, newKey.ByKey, newKey.Ready = gleap.Health, "Reconnect Gleap", true, false
	newKey.KeyHint, newKey.Errors = "For 65f0c1a2. In Gleap: Project Settings → Security → API Key.", map[string]string{"key": "Gleap does not accept this key. It is mistyped, was revoked, or belongs to something else."}
	noApp := again
	noApp.Ready, noApp.Hint = false, "The app it was connected with is no longer configured here. Set its client id and secret, or connect the account anew."
	banner := shell(ui.Connections)
	banner.Down = []ui.Down{{ID: "c_hl", Name: "HighLevel (Acme Dental)", Text: "What needs it waits; nothing is lost.", Href: "/connections/c_hl/reconnect", Does: "Reconnect", Since: since}, {ID: "c_gl", Name: "Gleap (Acme Support)", Text: "What needs it waits; nothing is lost.", Href: "/connections/c_gl/reconnect", Does: "Reconnect", Uninstalled: true}}
	return []State{
		{"connection-health", "connections", connectionui.HealthPage(shell(ui.Connections), standing)},
		{"connection-health-scopes-missing", "connections", connectionui.HealthPage(shell(ui.Connections), lacking)},
		{"connection-health-quota", "connections", connectionui.HealthPage(shell(ui.Connections), full)},
		{"connection-health-down", "connections", connectionui.HealthPage(shell(ui.Connections), down)},
		{"connection-health-uninstalled", "connections", connectionui.HealthPage(shell(ui.Connections), gone)},
		{"connection-health-draining", "connections", connectionui.HealthPage(shell(ui.Connections), draining)},
		{"connection-health-key", "connections", connectionui.HealthPage(shell(ui.Connections), byKey)},
		{"connection-health-token", "connections", connectionui.HealthPage(shell(ui.Connections), token)},
		{"connection-health-never-used", "connections", connectionui.HealthPage(shell(ui.Connections), unused)},
		{"connection-reconnect", "connections", connectionui.ReconnectPage(shell(ui.Connections), again)},
		{"connection-reconnect-other", "connections", connectionui.ReconnectPage(shell(ui.Connections), other)},
		{"connection-reconnect-key", "connections", connectionui.ReconnectPage(shell(ui.Connections), newKey)},
		{"connection-reconnect-no-app", "connections", connectionui.ReconnectPage(shell(ui.Connections), noApp)},
		{"connections-down-banner", "connections", connectionui.ListPage(banner, []connectionui.Connection{revoked, gleap}, nil)},
		{"connection-claim", "connections", connectionui.ClaimPage(shell(ui.Connections), claim)},
		{"connection-claim-known", "connections", connectionui.ClaimPage(shell(ui.Connections), knownClaim)},
		{"connection-claim-agency", "connections", connectionui.ClaimPage(shell(ui.Connections), agency)},
		{"connection-claim-gone", "connections", connectionui.ClaimPage(shell(ui.Connections), connectionui.Claim{Gone: "There is no installation waiting to be claimed in this browser. It may have been claimed already, or an hour has passed. Start it from Connections."})},
		{"connections-agency", "connections", connectionui.ListPage(shell(ui.Connections), []connectionui.Connection{highlevel, gleap}, []connectionui.Company{company})},
		{"connections-agency-owner", "connections", connectionui.ListPage(shell(ui.Connections), []connectionui.Connection{highlevel, gleap}, []connectionui.Company{ours})},
		{"connections-agency-revoked", "connections", connectionui.ListPage(shell(ui.Connections), []connectionui.Connection{uninstalled, gleap}, []connectionui.Company{lost})},
		{"connections-none", "connections", connectionui.ListPage(shell(ui.Connections), none, nil)},
		{"connections", "connections", connectionui.ListPage(shell(ui.Connections), []connectionui.Connection{highlevel, gleap}, nil)},
		{"connections-revoked", "connections", connectionui.ListPage(shell(ui.Connections), []connectionui.Connection{revoked, gleap}, nil)},
		{"connect-highlevel", "connections", connectionui.HighLevelPage(shell(ui.Connections), connectionui.HighLevelForm{OAuthReady: true, Scopes: scopes(true)})},
		{"connect-highlevel-no-app", "connections", connectionui.HighLevelPage(shell(ui.Connections), connectionui.HighLevelForm{
			OAuthHint:  "No HighLevel app is configured. Set CROSSWALK_HIGHLEVEL_CLIENT_ID and CROSSWALK_HIGHLEVEL_CLIENT_SECRET, then start again.",
			LocationID: "ve9EPM", Errors: map[string]string{"location_id": "HighLevel knows no location with this ID"}})},
		{"connect-gleap", "connections", connectionui.GleapPage(shell(ui.Connections), gleapForm)},
		{"connect-gleap-refused", "connections", connectionui.GleapPage(shell(ui.Connections), refused)},
		{"connect-gleap-oauth", "connections", connectionui.GleapPage(shell(ui.Connections), oauth)},
	}
}
