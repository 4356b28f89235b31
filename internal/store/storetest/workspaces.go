package storetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
)

// estate is one workspace with one of everything; all ids end in its name.
type estate struct {
	workspace, name  string
	automation       automation.ID
	gleap, highLevel record.ConnectionID
	def              automation.Definition
	source, target   record.Ref
}

func (b *bundle) furnish(t *testing.T, workspace, name string) estate {
	t.Helper()
	ctx := t.Context()
	e := estate{workspace: workspace, name: name, automation: automation.ID("au_" + name), gleap: record.ConnectionID("cn_gl_" + name), highLevel: record.ConnectionID("cn_hl_" + name)}
	for id, p := range map[record.ConnectionID]provider.ID{e.gleap: "gleap", e.highLevel: "highlevel"} {
		c := connection.Connection{ID: id, Workspace: workspace, Provider: p, Name: name, Account: provider.Account{ID: "account of " + name}, Auth: connection.ByKey, State: connection.Active, HookSecret: "hook-" + name + string(p), CreatedAt: b.now}
		ok(t, b.SaveConnection(ctx, c, []byte("sealed")))
	}
	a := draft(e.automation)
	a.Workspace = workspace
	a.Definition.Source.Connection, a.Definition.Target.Connection = e.gleap, e.highLevel
	e.def = a.Definition
	ok(t, b.CreateAutomation(ctx, a, ""))
	e.source = record.Ref{Connection: e.gleap, Type: record.Contact, ID: "gone-" + name}
	e.target = record.Ref{Connection: e.highLevel, Type: record.Contact, ID: "hone-" + name}
	event := b.event(e.source)
	event.ID = "ev_" + name
	_, err := b.Accept(ctx, automation.Delivery{Event: event, Body: []byte("{}")})
	ok(t, err)
	r := b.run("rn_"+name, e.source)
	r.Automation, r.State, r.Outcome, r.Target, r.Title = e.automation, automation.Succeeded, automation.Create, e.target, "Shared Name"
	c := b.change("ch_"+name, r)
	c.State, c.Target = automation.Done, e.target
	link := automation.Link{ID: "ln_" + name, Source: e.source, Target: e.target, CreatedAt: b.now}
	base := automation.Base{Link: link.ID, Automation: e.automation, Version: 1, AgreedAt: b.now, Fields: record.Fields{"email": record.TextOf("shared@example.com")}, Target: record.Fields{}}
	ok(t, b.Finish(ctx, engine.Finish{Run: r, Change: &c, Link: &link, Base: &base}))
	second := b.run("rn_2"+name, e.source)
	second.Automation, second.State, second.Outcome = e.automation, automation.Failed, automation.Decide
	ok(t, b.Finish(ctx, engine.Finish{Run: second, Review: &automation.Review{ID: "rv_" + name, Automation: e.automation, Source: e.source, Kind: automation.ReviewConflict, State: automation.ReviewOpen, Title: "Shared Name", Run: second.ID, OpenedAt: b.now}}))
	p := b.population("pl_" + name)
	p.Automation = e.automation
	ok(t, b.CreatePopulation(ctx, p))
	item := plan("dry-"+name, automation.Create)
	item.Automation, item.Source, item.SourceTitle = e.automation, record.Ref{Connection: e.gleap, Type: record.Contact, ID: "dry-" + name}, "Shared Dry"
	ok(t, b.SavePopulation(ctx, p, []automation.Plan{item}))
	ok(t, b.SavePollCursor(ctx, engine.PollCursor{Connection: e.gleap, Object: record.Contact, Since: b.now, PolledAt: b.now}))
	if name == "theirs" {
		ok(t, b.SaveInstallation(ctx, theirInstallation(workspace, b.now), []byte("sealed")))
	}
	return e
}

func theirInstallation(workspace string, now time.Time) connection.Installation {
	return connection.Installation{ID: "in_theirs", Workspace: workspace, Provider: "highlevel", Account: provider.Account{CompanyID: "their company"}, State: connection.Active, InstalledAt: now}
}

// twoEstates is a store with two workspaces of one person.
func (b *bundle) twoEstates(t *testing.T) (ours, theirs estate) {
	t.Helper()
	ctx := t.Context()
	ok(t, b.CreateFirstUser(ctx, people.User{ID: "us_1", Email: "jane@example.com", PasswordHash: "h", CreatedAt: b.now}))
	all, err := b.MembershipsOf(ctx, "us_1")
	ok(t, err)
	if len(all) != 1 || all[0].Role != people.Owner || all[0].Workspace.ID == "" || all[0].User != "us_1" {
		t.Fatalf("the founder is in %+v", all)
	}
	ok(t, b.CreateWorkspace(ctx, people.Workspace{ID: "ws_theirs", Name: "Theirs", CreatedAt: b.now.Add(time.Hour)}, "us_1"))
	return b.furnish(t, all[0].Workspace.ID, "ours"), b.furnish(t, "ws_theirs", "theirs")
}

// testForeign asks one workspace for everything of another, method by method.
func testForeign(t *testing.T, b *bundle) {
	ctx := t.Context()
	ours, theirs := b.twoEstates(t)
	x := b.In(ours.workspace)
	f := theirs
	key := engine.Key{Automation: f.automation, Source: f.source}
	borrowed := ours.def
	borrowed.Target.Connection = f.highLevel
	stolen := connection.Connection{ID: f.gleap, Provider: "gleap", Account: provider.Account{ID: "mine now"}, State: connection.Active, CreatedAt: b.now}
	byID := map[string]error{
		"Automation":          second(x.Automation(ctx, f.automation)),
		"CreateAutomation":    x.CreateAutomation(ctx, automation.Automation{ID: "au_new", Name: "New", State: automation.Draft, Definition: borrowed}, ""),
		"SaveDefinition":      second(x.SaveDefinition(ctx, f.automation, 1, f.def, "", "")),
		"SaveDefinition, own": second(x.SaveDefinition(ctx, ours.automation, 1, borrowed, "", "")),
		"SaveLive":            second(x.SaveLive(ctx, f.automation, 1, func(d automation.Definition) automation.Definition { return d }, "", "")),
		"SaveEdit":            second(x.SaveEdit(ctx, f.automation, 1, f.def, "", "")),
		"SaveEdit, own":       second(x.SaveEdit(ctx, ours.automation, 1, borrowed, "", "")),
		"PutLive":             second(x.PutLive(ctx, f.automation, 2)),
		"DiscardNext":         second(x.DiscardNext(ctx, f.automation, 2)),
		"SetState":            x.SetState(ctx, f.automation, automation.On, ""),
		"ResumeAutomation":    x.ResumeAutomation(ctx, f.automation),
		"Rename":              x.Rename(ctx, f.automation, "Ours"),
		"DeleteAutomation":    x.DeleteAutomation(ctx, f.automation),
		"Versions":            second(x.Versions(ctx, f.automation)),
		"Version":             second(x.Version(ctx, f.automation, 1)),
		"Run":                 second(x.Run(ctx, "rn_theirs")),
		"RetryRun":            x.RetryRun(ctx, "rn_theirs"),
		"CreatePopulation":    x.CreatePopulation(ctx, engine.Population{ID: "pl_new", Automation: f.automation, State: engine.PopulationQueued}),
		"CreatePopulation, undo of theirs": x.CreatePopulation(ctx, engine.Population{
			ID: "pl_undo", Automation: ours.automation, Mode: engine.ModeUndo, Of: engine.Undo{Kind: "run", ID: "rn_theirs", Created: engine.CreatedUnlink}.String(), State: engine.PopulationQueued,
		}),
		"Population":           second(x.Population(ctx, "pl_theirs")),
		"LatestPopulation":     third(x.LatestPopulation(ctx, f.automation)),
		"PausedPopulation":     third(x.PausedPopulation(ctx, f.automation)),
		"PlanItems":            second(x.PlanItems(ctx, "pl_theirs", engine.PlanFilter{})),
		"MovedCounts":          second(x.MovedCounts(ctx, "pl_theirs")),
		"ResultCounts":         second(x.ResultCounts(ctx, "pl_theirs")),
		"ApplyPopulation":      x.ApplyPopulation(ctx, "pl_theirs", engine.Choice{}),
		"CancelPopulation":     x.CancelPopulation(ctx, "pl_theirs"),
		"PausePopulation":      x.PausePopulation(ctx, "pl_theirs"),
		"ResumePopulation":     x.ResumePopulation(ctx, "pl_theirs"),
		"Reviews":              second(x.Reviews(ctx, f.automation, f.source)),
		"Review":               second(x.Review(ctx, "rv_theirs")),
		"DecideReview":         x.DecideReview(ctx, "rv_theirs", "rn_2theirs", automation.Decision{}, "jane"),
		"Wake":                 x.Wake(ctx, key, b.event(f.source)),
		"Wake, our automation": x.Wake(ctx, engine.Key{Automation: ours.automation, Source: f.source}, b.event(f.source)),
		"RecordTitles":         second(x.RecordTitles(ctx, []record.Ref{f.source})),
		"Timeline":             second(x.Timeline(ctx, f.source, engine.TimelineFilter{})),
		"LatestRuns":           second(x.LatestRuns(ctx, f.source)),
		"LinksAt":              second(x.LinksAt(ctx, f.source)),
		"Link":                 second(x.Link(ctx, "ln_theirs")),
		"PartPair":             x.PartPair(ctx, "ln_theirs", true),
		"PersonalData":         second(x.PersonalData(ctx, f.source)),
		"ErasePersonalData":    second(x.ErasePersonalData(ctx, f.source, nil)),
		"Linked":               second(x.Linked(ctx, []record.Ref{f.source})),
		"KeptDeliveries":       second(x.KeptDeliveries(ctx, f.source, "", 10)),
		"DeliveryStats":        second(x.DeliveryStats(ctx, f.gleap)),
		"Delivery":             second(x.Delivery(ctx, "ev_theirs")),
		"Faults":               second(x.Faults(ctx, f.gleap, 10)),
		"QuotaUses":            second(x.QuotaUses(ctx, f.gleap, time.Time{})),
		"PollCursor":           third(x.PollCursor(ctx, f.gleap, record.Contact)),
		"SavePollCursor":       x.SavePollCursor(ctx, engine.PollCursor{Connection: f.gleap, Object: record.Contact}),
		"Connection":           second(x.Connection(ctx, f.gleap)),
		"SaveConnection":       x.SaveConnection(ctx, stolen, []byte("stolen")),
		"SaveHealth":           x.SaveHealth(ctx, stolen),
		"RemoveConnection":     x.RemoveConnection(ctx, f.gleap),
		"LoadGrant":            second(x.LoadGrant(ctx, f.gleap)),
		"LeaseGrant":           third(x.LeaseGrant(ctx, f.gleap, "w", b.now, b.now.Add(time.Minute))),
		"RotateGrant":          x.RotateGrant(ctx, f.gleap, 1, []byte("stolen"), b.now, b.now),
		"ReleaseGrant":         x.ReleaseGrant(ctx, f.gleap, "w"),
		"PostponeGrant":        x.PostponeGrant(ctx, f.gleap, "w", 1, b.now),
		"UninstallConnection":  x.UninstallConnection(ctx, f.gleap, "gone", b.now),
		"Installation":         second(x.Installation(ctx, "in_theirs")),
		"RemoveInstallation":   x.RemoveInstallation(ctx, "in_theirs", b.now),
	}
	if err := x.SaveInstallation(ctx, theirInstallation(f.workspace, b.now), []byte("stolen")); !errors.Is(err, connection.ErrTaken) {
		t.Errorf("SaveInstallation of another workspace answers %v", err)
	}
	if _, found, err := x.InstallationOf(ctx, "highlevel", "their company", ""); found || err != nil {
		t.Errorf("InstallationOf of another workspace answers %v, %v", found, err)
	}
	if all, err := x.Installations(ctx); len(all) > 0 || err != nil {
		t.Errorf("Installations of another workspace are %v, %v", all, err)
	}
	ok(t, b.Wake(ctx, key, b.event(f.source)))
	if _, due, err := b.HeldWork(ctx, f.automation); due == 0 || err != nil {
		t.Errorf("nothing of theirs is due: %v", err)
	}
	if waiting, due, err := x.HeldWork(ctx, f.automation); waiting+due > 0 || err != nil {
		t.Errorf("HeldWork of another workspace answers %d, %d, %v", waiting, due, err)
	}
	if held, err := b.HeldRecords(ctx, f.automation, 10); len(held) == 0 || err != nil {
		t.Errorf("none of their records is held: %v", err)
	}
	if held, err := x.HeldRecords(ctx, f.automation, 10); len(held) > 0 || err != nil {
		t.Errorf("HeldRecords of another workspace are %v, %v", held, err)
	}
	if all, err := x.LatestPopulations(ctx, f.automation); len(all) > 0 || err != nil {
		t.Errorf("LatestPopulations of another workspace are %v, %v", all, err)
	}
	for method, err := range byID {
		if !errors.Is(err, engine.ErrNotFound) && !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("%s of another workspace answers %v", method, err)
		}
	}
	// The others list, and are tried below; or store what no id is given for.
	lists := []string{"Automations", "Runs", "RunsSince", "RunCounts", "ChangesToUndo", "ReviewList", "ReviewCounts", "FindRecords", "Deliveries", "Refusals", "PollCursors", "HeldWork", "HeldRecords", "LatestPopulations", "Connections", "Retries", "ConnectionByAccount", "ConnectionByHook", "PutPending", "TakePending",
		"Installations", "InstallationOf", "SaveInstallation",
		"PutArrival", "Arrival", "TakeArrival"} // which the browser's secret opens, wherever it is
	for method := range reflect.TypeFor[*store.Scoped]().Methods() {
		if _, tried := byID[method.Name]; !tried && !slices.Contains(lists, method.Name) {
			t.Errorf("nobody tries %s of another workspace: add it here", method.Name)
		}
	}
	if after, err := b.Automation(ctx, theirs.automation); err != nil || after.Name != "Contacts" && after.Name == "Ours" || after.Version != 1 || after.State != automation.Draft {
		t.Errorf("their automation is %+v, %v", after, err)
	}
	if c, err := b.Connection(ctx, theirs.gleap); err != nil || c.Account.ID != "account of theirs" || c.Workspace != theirs.workspace {
		t.Errorf("their connection is %+v, %v", c, err)
	}
	if g, err := b.LoadGrant(ctx, theirs.gleap); err != nil || string(g.Sealed) != "sealed" {
		t.Errorf("their grant is %+v, %v", g, err)
	}
}

// testOwnLists holds the lists of two workspaces against each other.
func testOwnLists(t *testing.T, b *bundle) {
	ctx := t.Context()
	ours, theirs := b.twoEstates(t)
	b.news(t, 0, func(ids []string) bool { return len(ids) == 4 })
	for i, c := range []record.ConnectionID{"", ours.gleap, theirs.gleap} {
		ok(t, b.AddRefusals(ctx, automation.Refusal{Provider: "gleap", Connection: string(c), Reason: automation.Malformed, Hour: b.now.Truncate(time.Hour), Count: 1, LastAt: b.now.Add(-time.Duration(i) * time.Second)}))
	}
	for _, e := range []estate{ours, theirs} {
		x := b.In(e.workspace)
		got := map[string][]string{}
		see := func(list, id string) { got[list] = append(got[list], id) }
		automations, err := x.Automations(ctx)
		ok(t, err)
		for _, a := range automations {
			see("automations", string(a.ID)+" of "+a.Workspace)
		}
		runs, err := x.Runs(ctx, engine.RunFilter{})
		ok(t, err)
		for _, r := range runs {
			see("runs", r.ID)
		}
		asked, err := x.Runs(ctx, engine.RunFilter{Search: "shared", Outcomes: []automation.Outcome{automation.Create}})
		ok(t, err)
		for _, r := range asked {
			see("runs found", r.ID)
		}
		news, newest, err := x.RunsSince(ctx, 0, 50)
		ok(t, err)
		for _, r := range news {
			see("news", r.ID)
		}
		if again, last, err := x.RunsSince(ctx, newest, 50); err != nil || len(again) > 0 || last != newest {
			t.Errorf("%s: after the news come %v, %d, %v", e.name, again, last, err)
		}
		if _, all, err := b.RunsSince(ctx, 0, 0); err != nil || newest != all {
			t.Errorf("%s reads on from %d, and the newest is %d: %v", e.name, newest, all, err)
		}
		if _, had, err := b.LeaseGrant(ctx, e.gleap, "w", b.now, b.now.Add(time.Minute)); err != nil || !had {
			t.Errorf("lease of %s: %v, %v", e.gleap, had, err)
		}
		retries, err := x.Retries(ctx)
		ok(t, err)
		if len(retries) != 1 || retries[0].ID != e.gleap {
			t.Errorf("%s sees the renewals of %v", e.name, retries)
		}
		counts, err := x.RunCounts(ctx, b.now.Add(-time.Hour))
		ok(t, err)
		n := 0
		for _, c := range counts {
			n += c.N
		}
		if n != 2 {
			t.Errorf("%s counts %d runs", e.name, n)
		}
		reviews, err := x.ReviewList(ctx, engine.ReviewFilter{})
		ok(t, err)
		for _, r := range reviews {
			see("reviews", r.ID)
		}
		if open, err := x.ReviewCounts(ctx); err != nil || open[automation.ReviewConflict] != 1 {
			t.Errorf("%s has %v open questions, %v", e.name, open, err)
		}
		for _, of := range []string{"run:rn_ours", "change:ch_theirs", "plan:pl_ours"} {
			changes, err := x.ChangesToUndo(ctx, of, "", 10)
			ok(t, err)
			for _, c := range changes {
				see("changes", c.ID)
			}
		}
		for _, f := range []engine.DeliveryFilter{{Limit: 50}, {Limit: 50, Connections: []record.ConnectionID{ours.gleap, theirs.gleap}}} {
			arrived, err := x.Deliveries(ctx, f)
			ok(t, err)
			for _, d := range arrived {
				see("deliveries", d.Event.ID)
			}
		}
		refused, err := x.Refusals(ctx, b.now.Add(-time.Hour))
		ok(t, err)
		for _, r := range refused {
			see("refusals", r.Connection)
		}
		cursors, err := x.PollCursors(ctx)
		ok(t, err)
		for _, c := range cursors {
			see("cursors", string(c.Connection))
		}
		accounts, err := x.Connections(ctx)
		ok(t, err)
		for _, c := range accounts {
			see("accounts", string(c.ID))
		}
		slices.Sort(got["accounts"])
		for _, other := range []estate{ours, theirs} {
			_, account, err := x.ConnectionByAccount(ctx, "gleap", "account of "+other.name)
			ok(t, err)
			_, hook, err := x.ConnectionByHook(ctx, "gleap", "hook-"+other.name+"gleap")
			ok(t, err)
			if own := other.name == e.name; account != own || hook != own {
				t.Errorf("%s finds the account of %s: %v, %v", e.name, other.name, account, hook)
			}
		}
		for _, q := range []string{"Shared Name", "shared name", "shared@example.com", "Shared Dry", "jane@example.com", "gone-ours", "gone-theirs", "hone-theirs", "hone-ours", "rn_ours", "rn_theirs", "cn_gl_ours/contact/gone-ours", "cn_gl_theirs/contact/gone-theirs"} {
			hits, err := x.FindRecords(ctx, q, 10)
			ok(t, err)
			for _, h := range hits {
				for _, ref := range append([]record.Ref{h.Record}, h.Counterparts...) {
					if ref.Connection != e.gleap && ref.Connection != e.highLevel {
						t.Errorf("%s looks for %q and finds %s", e.name, q, ref)
					}
				}
			}
			if foreign := q == "gone-"+e.other() || q == "hone-"+e.other() || q == "rn_"+e.other() || q == "cn_gl_"+e.other()+"/contact/gone-"+e.other(); foreign == (len(hits) > 0) {
				t.Errorf("%s looks for %q and finds %d", e.name, q, len(hits))
			}
		}
		want := map[string][]string{
			"automations": {"au_" + e.name + " of " + e.workspace}, "runs": {"rn_" + e.name, "rn_2" + e.name}, "runs found": {"rn_" + e.name}, "news": {"rn_" + e.name, "rn_2" + e.name},
			"reviews": {"rv_" + e.name}, "changes": {"ch_" + e.name}, "cursors": {"cn_gl_" + e.name}, "accounts": {"cn_gl_" + e.name, "cn_hl_" + e.name},
			"deliveries": {"ev_" + e.name, "ev_" + e.name}, "refusals": {"", "cn_gl_" + e.name},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.name, diff)
		}
		if entries, err := x.Timeline(ctx, e.source, engine.TimelineFilter{}); err != nil || len(entries) < 4 {
			t.Errorf("%s has a timeline of %d, %v", e.name, len(entries), err)
		}
	}
	nobody := b.In("")
	if all, err := nobody.Automations(ctx); err != nil || len(all) > 0 {
		t.Errorf("no workspace sees %v, %v", all, err)
	}
	if all, err := nobody.Connections(ctx); err != nil || len(all) > 0 {
		t.Errorf("no workspace sees %v, %v", all, err)
	}
	if hits, err := nobody.FindRecords(ctx, "gone-ours", 10); err != nil || len(hits) > 0 {
		t.Errorf("no workspace finds %v, %v", hits, err)
	}
}

func (e estate) other() string {
	if e.name == "ours" {
		return "theirs"
	}
	return "ours"
}

// testOneAccountOneWorkspace tries to connect an account twice.
func testOneAccountOneWorkspace(t *testing.T, b *bundle) {
	ctx := t.Context()
	ours, theirs := b.twoEstates(t)
	c := connection.Connection{ID: "cn_again", Provider: "gleap", Name: "Again", Account: provider.Account{ID: "account of theirs"}, Auth: connection.ByKey, State: connection.Active, CreatedAt: b.now}
	x := b.In(ours.workspace)
	if err := x.SaveConnection(ctx, c, []byte("sealed")); !errors.Is(err, connection.ErrTaken) {
		t.Errorf("an account connected elsewhere is answered %v", err)
	}
	ok(t, b.In(theirs.workspace).RemoveConnection(ctx, theirs.gleap))
	ok(t, x.SaveConnection(ctx, c, []byte("sealed")))
	if got, err := b.Connection(ctx, "cn_again"); err != nil || got.Workspace != ours.workspace {
		t.Errorf("it is %+v, %v", got, err)
	}
	// An authorisation comes back to where it was begun.
	p := connection.Pending{StateHash: "s", BindingHash: "b", Provider: "gleap", ExpiresAt: b.now.Add(time.Minute), Sealed: []byte("x")}
	ok(t, x.PutPending(ctx, p))
	for name, from := range map[string]interface {
		connection.Store
	}{"another workspace": b.In(theirs.workspace), "no workspace": b.Store} {
		for _, state := range []string{"s", ""} {
			if _, err := from.TakePending(ctx, state, "b", b.now); !errors.Is(err, connection.ErrNotFound) {
				t.Errorf("%s takes it: %v", name, err)
			}
		}
	}
	if got, err := x.TakePending(ctx, "", "b", b.now); err != nil || got.StateHash != "s" {
		t.Errorf("taken %+v, %v", got, err)
	}
}

// testFounderTakesOver founds a house in which something stands already.
func testFounderTakesOver(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.SaveConnection(ctx, b.connection(), []byte("sealed")))
	ok(t, b.CreateAutomation(ctx, draft("au_1"), ""))
	ok(t, b.CreateFirstUser(ctx, people.User{ID: "us_1", Email: "jane@example.com", PasswordHash: "h", CreatedAt: b.now}))
	all, err := b.MembershipsOf(ctx, "us_1")
	ok(t, err)
	if len(all) != 1 {
		t.Fatalf("the founder is in %+v", all)
	}
	x := b.In(all[0].Workspace.ID)
	if a, err := x.Automation(ctx, "au_1"); err != nil || a.Workspace != all[0].Workspace.ID {
		t.Errorf("automation %+v, %v", a, err)
	}
	if _, err := x.Connection(ctx, "cn_1"); err != nil {
		t.Error(err)
	}
	ok(t, b.RenameWorkspace(ctx, all[0].Workspace.ID, " Acme "))
	if every, err := b.Workspaces(ctx); err != nil || len(every) != 1 || every[0].Name != "Acme" {
		t.Errorf("workspaces %+v, %v", every, err)
	}
	if err := b.RenameWorkspace(ctx, "ws_none", "x"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("renaming nothing: %v", err)
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }
