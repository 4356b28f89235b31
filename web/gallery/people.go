package gallery

import (
	"crosswalk/web/peopleui"
	"crosswalk/web/ui"
)

func people() []State {
	several := shell(ui.Settings)
	several.Workspaces = []ui.Option{{Value: "ws_1", Label: "Acme Dental"}, {Value: "ws_2", Label: "Brooklyn Bakery and Catering Company"}}
	several.WorkspaceID = "ws_1"
	ago := ui.Moment{Machine: "2026-03-01T09:00:00Z", Text: "3 days ago"}
	who := peopleui.People{
		Role: "viewer",
		Members: []peopleui.Member{
			{ID: "us_1", Email: "maria@acme.io", Role: "owner", Since: ago, You: true, Last: true},
			{ID: "us_2", Email: "a.person.with.a.very.long.address@customer-support.acme-dental-group.example", Role: "editor", Since: ago},
		},
		Invites: []peopleui.Invite{
			{ID: "iv_1", Email: "omar@acme.io", Role: "viewer", MadeBy: "maria@acme.io", State: "Open, runs out in 6 days", Open: true},
			{ID: "iv_2", Role: "editor", MadeBy: "maria@acme.io", State: "Accepted by zoe@acme.io 2 days ago"},
		},
	}
	made := who
	made.NewLink, made.NewFor = "https://crosswalk.acme.io/invite/7hQ2vXo1fKp4sT9w7hQ2vXo1fKp4sT9w7hQ2vXo1fKp", "omar@acme.io"
	refused := who
	refused.Email, refused.Errors = "omar@", map[string]string{"email": "This does not look like an email address."}
	joining := peopleui.Joining{Workspace: "Acme Dental", Role: "editor", MadeBy: "maria@acme.io"}
	known, bound, wrong := joining, joining, joining
	known.SignedIn = "omar@acme.io"
	bound.SignedIn, bound.Bound, bound.Errors = "zoe@acme.io", "omar@acme.io", map[string]string{"bound": "It was made out to omar@acme.io, and you are signed in as zoe@acme.io."}
	wrong.Email, wrong.Bound, wrong.Errors = "zoe@acme.io", "omar@acme.io", map[string]string{"email": "The invite is for omar@acme.io.", "password_again": "The two passwords differ."}
	log := peopleui.Audit{
		People: []ui.Option{{Label: "Everybody"}, {Value: "maria@acme.io", Label: "maria@acme.io"}}, Kinds: []ui.Option{{Label: "Everything"}, {Value: "sign_in", Label: "Signed in"}},
		ExportHref: "/settings/audit.csv", Pages: ui.Pages{Text: "3 entries", NextHref: "/settings/audit?before=ad_1"},
		Entries: []peopleui.Act{
			{At: ui.Moment{Machine: "2026-03-04T12:00:00Z", Text: "4 Mar 2026 12:00:00 UTC"}, Who: "maria@acme.io", Address: "192.0.2.7", What: "Automation renamed", Subject: "Contacts both ways", Object: "au_06h0j6n0f5son57qt9mtpcm7hc", Before: "Contacts", After: "Contacts both ways"},
			{At: ui.Moment{Machine: "2026-03-04T11:00:00Z", Text: "4 Mar 2026 11:00:00 UTC"}, Who: "maria@acme.io", Address: "2001:db8:85a3::8a2e:370:7334", What: "Signed in"},
			{At: ui.Moment{Machine: "2026-03-04T10:00:00Z", Text: "4 Mar 2026 10:00:00 UTC"}, Who: "command line (operator)", What: "Plan carried out", Subject: "Contacts", Object: "pl_06h0j6n0f5son57qt9mtpcm7hc", After: "carried out"},
		},
	}
	empty := log
	empty.Entries, empty.Pages, empty.Person = nil, ui.Pages{}, "maria@acme.io"
	return []State{
		{"no-workspace", "people", peopleui.NoWorkspacePage(ui.Shell{}, "omar@acme.io")},
		{"audit", "people", peopleui.AuditPage(shell(ui.Settings), log)},
		{"audit-empty", "people", peopleui.AuditPage(shell(ui.Settings), empty)},
		{"people", "people", peopleui.PeoplePage(shell(ui.Settings), who)},
		{"people-link", "people", peopleui.PeoplePage(shell(ui.Settings), made)},
		{"people-refused", "people", peopleui.PeoplePage(shell(ui.Settings), refused)},
		{"join", "people", peopleui.JoinPage(ui.Shell{}, joining)},
		{"join-signed-in", "people", peopleui.JoinPage(ui.Shell{}, known)},
		{"join-somebody-else", "people", peopleui.JoinPage(ui.Shell{}, bound)},
		{"join-refused", "people", peopleui.JoinPage(ui.Shell{}, wrong)},
		{"workspace-new", "people", peopleui.NewWorkspacePage(several, peopleui.NewWorkspace{})},
		{"workspace-new-refused", "people", peopleui.NewWorkspacePage(several, peopleui.NewWorkspace{Error: "A workspace needs a name."})},
	}
}
