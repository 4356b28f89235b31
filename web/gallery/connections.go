package gallery

import (
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
		Webhook: &connectionui.Webhook{URL: "https://crosswalk.acme.io/hooks/gleap/7hQ2vXo1fKp4sT9w", Text: "no delivery yet", Steps: []string{"Open your project in Gleap.", "Project Settings → Integrations → Webhooks: paste the URL."}},
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
	return []State{
		{"connection-claim", "connections", connectionui.ClaimPage(shell(ui.Connections), claim)},
		{"connection-claim-known", "connections", connectionui.ClaimPage(shell(ui.Connections), knownClaim)},
		{"connection-claim-agency", "connections", connectionui.ClaimPage(shell(ui.Connections), agency)},
		{"connection-claim-gone", "connections", connectionui.ClaimPage(shell(ui.Connections), connectionui.Claim{Gone: "There is no installation waiting to be claimed in this browser. It may have been claimed already, or an hour has passed. Start it from Connections."})},
		{"connections-agency", "connections", connectionui.ListPage(shell(ui.Connections), []connectionui.Connection{highlevel, gleap}, []connectionui.Company{company})},
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
