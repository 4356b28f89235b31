package app

import (
	"database/sql"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
)

// noID is for inputs that name nothing that belongs to anybody.
const noID = ""

// inputs are all form fields and query parameters that handlers read, with what they name: an object of ours, which another
// workspace's must not pass for, or nothing. Names ending in a star begin names that are made up of parts.
var inputs = map[string]string{
	// Objects of ours.
	"connection": "connection", "automation": "automation", "id": "run, change or plan", "run": "run", "workspace": "workspace",
	"position": "item of a plan", "after": "item of a plan", "before": "run, review, delivery, record's entry or audit entry, to page from",
	"answer": "record, among a question's candidates", "record": "record of the own account", "again": "record of the own account", "sample": "record of the own account",
	"arrival": "installation that waits", "user": "person's identity", "company": "person's identity", "location_id": "account", "project_id": "account", "oauth_project_id": "account",
	"open": "row of the own mapping", "turned": "row of the own mapping", "person": "email in the audit log", "number": "version of the own automation", "from": "version, or a day", "to": "version, or a day",
	"compare": "version of the own automation", "version": "version of the own automation", "of-workspace": "workspace",
	// Words, numbers and secrets that prove themselves.
	"current_password": noID, "email": noID, "next": noID, "password": noID, "password_again": noID, "setup_token": noID, "theme": noID, "kind": noID, "name": noID, "recipe": noID,
	"decision": noID, "code": noID, "key": noID, "draining": noID, "api_key": noID, "authorize_url": noID, "base_url": noID, "client_id": noID, "client_secret": noID,
	"oauth_base_url": noID, "region": noID, "scopes": noID, "token": noID, "token_url": noID, "q": noID, "verdict": noID, "confirm": noID, "context": noID,
	"create": noID, "create-source": noID, "first": noID, "unconfirmed": noID, "start": noID, "state": noID, "role": noID, "created": noID, "field": noID, "heal": noID,
	"drift": noID, "format": noID, "matching": noID, "outcome": noID, "result": noID, "back": noID, "deleted-on": noID, "deletes": noID, "mark-field": noID,
	"mark-source-field": noID, "mark-value": noID, "save-calls": noID, "update": noID, "together": noID, "now": noID, "all": noID, "tab": noID, "direction": noID, "fills": noID,
	"source": noID, "target": noID, "payload": noID, "send": noID, "do": noID, "event": noID, "moved": noID, "error": noID, "error_description": noID,
}

// computed are the places that read an input whose name is made up, and why no id comes in there.
var computed = map[string]string{
	"name":                        "one of person, kind, from, to, which are above",
	"in.Name":                     "a transform's or condition's input, described by the mapping",
	"l.name":                      "a limit, by its name",
	`l.name + "-none"`:            "a limit, by its name",
	"reviewui.AlwaysPrefix + key": "a field of the question", "reviewui.TakePrefix + key": "a field of the question", "reviewui.ValuePrefix + key": "a field of the question",
	"reviewui.AnswerName": "answer, above", "reviewui.NextName": "next, above", "reviewui.RunName": "run, above",
}

// TestEveryInputIsKnown finds whatever handlers read of forms and addresses: whoever adds one says whether it is an id.
func TestEveryInputIsKnown(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	sources, err := filepath.Glob("../server/*.go")
	check(t, err)
	seen := 0
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, 0)
		check(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			var of string
			var name ast.Expr
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, is := n.Fun.(*ast.SelectorExpr); is && len(n.Args) == 1 {
					of, name = f.Sel.Name, n.Args[0]
					if of == "Get" && !isForm(f.X) {
						return true
					}
				}
				if !slices.Contains([]string{"FormValue", "QueryParam", "PostFormValue", "Get"}, of) {
					return true
				}
			case *ast.IndexExpr:
				if !isForm(n.X) {
					return true
				}
				name = n.Index
			default:
				return true
			}
			seen++
			where := files.Position(n.Pos())
			if word, is := name.(*ast.BasicLit); is {
				text, err := strconv.Unquote(word.Value)
				check(t, err)
				if _, known := inputs[text]; !known {
					t.Errorf("%s reads the input %q: say in the table whether it is an id of ours, and try another workspace's below", where, text)
				}
				return true
			}
			if words := source(name); computed[words] == "" && !(words == "name" && of == "") {
				t.Errorf("%s reads an input by the name %s: say what names that can be", where, words)
			}
			return true
		})
	}
	if seen < 120 {
		t.Errorf("only %d inputs were found", seen)
	}
}

func isForm(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "form" || x.Name == "values"
	case *ast.CallExpr:
		f, is := x.Fun.(*ast.SelectorExpr)
		return is && (f.Sel.Name == "Query" || f.Sel.Name == "QueryParams")
	}
	return false
}

// source writes an expression of names, selections and sums as it stands.
func source(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.BasicLit:
		return x.Value
	case *ast.SelectorExpr:
		return source(x.X) + "." + x.Sel.Name
	case *ast.BinaryExpr:
		return source(x.X) + " " + x.Op.String() + " " + source(x.Y)
	}
	return fmt.Sprintf("%T", x)
}

// settledIn gives workspace B an automation with a past of its own, so that forms get as far as the ids in them.
func (p *peopledHouse) settledIn() {
	ctx, st := p.t.Context(), p.store
	for id, by := range map[record.ConnectionID]provider.ID{"own_gl": "gleap", "own_hl": "highlevel"} {
		c := connection.Connection{ID: id, Workspace: p.b, Provider: by, Name: "Ours", Account: provider.Account{ID: "ours " + string(by)}, Auth: connection.ByKey, State: connection.Active, HookSecret: "own-secret-" + string(by), CreatedAt: time.Now()}
		check(p.t, st.SaveConnection(ctx, c, []byte("not sealed by us")))
	}
	r, _ := recipe.Find("gleap-contact-to-highlevel")
	def := r.Definition
	def.Source.Connection, def.Target.Connection = "own_gl", "own_hl"
	check(p.t, st.CreateAutomation(ctx, automation.Automation{ID: "own_au", Workspace: p.b, Name: "Ours", State: automation.Draft, Definition: def}, "owner@b.io"))
	source := record.Ref{Connection: "own_gl", Type: record.Contact, ID: "o1"}
	target := record.Ref{Connection: "own_hl", Type: record.Contact, ID: "p1"}
	run := automation.Run{ID: "own_rn", Automation: "own_au", Version: 1, Source: source, Target: target, Title: "Ours", State: automation.Succeeded, Outcome: automation.Create, Attempts: 1, StartedAt: time.Now(), FinishedAt: time.Now()}
	run.Event = automation.Event{ID: "own_ev", Kind: automation.Webhook, Ref: source, Change: provider.Updated, ReceivedAt: time.Now()}
	change := automation.Change{ID: "own_ch", Run: "own_rn", Automation: "own_au", Source: source, Target: target, Op: automation.Create, State: automation.Done, Before: record.Fields{}, IntendedAt: time.Now()}
	plan := automation.Plan{Automation: "own_au", Source: source, Outcome: automation.Decide, Identity: automation.Identity{How: automation.Doubtful, Candidates: []automation.Candidate{{Ref: target, Title: "Ours"}}}}
	review := automation.Review{ID: "own_rv", Automation: "own_au", Source: source, Kind: automation.ReviewIdentity, State: automation.ReviewOpen, Title: "Ours", Plan: plan, Run: "own_rn", OpenedAt: time.Now()}
	check(p.t, st.Finish(ctx, engine.Finish{Run: run, Change: &change, Review: &review, Link: &automation.Link{ID: "own_ln", Source: source, Target: target, CreatedAt: time.Now()}}))
	for id, a := range map[string]automation.ID{"own_pl": "own_au", "pl_full": "au_a"} {
		of := source
		if a == "au_a" {
			of = record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g1"}
		}
		q := engine.Population{ID: id, Automation: a, Version: 1, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now(), Counts: map[automation.Outcome]int{automation.Create: 1}}
		check(p.t, st.CreatePopulation(ctx, q))
		q.State = engine.PopulationDone
		check(p.t, st.SavePopulation(ctx, q, []automation.Plan{{Automation: a, Source: of, SourceTitle: secretName, Outcome: automation.Create}}))
	}
}

// itemOf is the position of the one item of a plan.
func (p *peopledHouse) itemOf(plan string) string {
	items, err := p.store.PlanItems(p.t.Context(), plan, engine.PlanFilter{Limit: 1})
	check(p.t, err)
	if len(items) != 1 {
		p.t.Fatalf("%s has %d items", plan, len(items))
	}
	return strconv.FormatInt(items[0].Position, 10)
}

// TestAnIDOfAnotherWorkspaceIsNotThereInAForm puts ids of workspace A into forms and addresses of workspace B.
func TestAnIDOfAnotherWorkspaceIsNotThereInAForm(t *testing.T) {
	t.Parallel()
	const who = "owner@b.io"
	p := newPeopledHouse(t)
	p.settledIn()
	file, err := sql.Open(sqlite.DriverName, filepath.Join(p.cfg.Data, "crosswalk.db")+"?_pragma=busy_timeout(10000)")
	check(t, err)
	t.Cleanup(func() { _ = file.Close() })
	r := &recordedHouse{peopledHouse: p, file: file}
	theirSignIn, err := p.store.SignIns(t.Context(), "us_owner")
	check(t, err)
	check(t, p.store.OfferIdentity(t.Context(), people.HashOfferCode("THEI-RSXX"), identityOf("theirs"), time.Now().Add(time.Hour)))
	_, err = p.store.LinkIdentity(t.Context(), people.HashOfferCode("THEI-RSXX"), "us_owner", time.Now())
	check(t, err)
	theirs, own := p.itemOf("pl_full"), p.itemOf("own_pl")
	entries, err := p.store.AuditEntries(t.Context(), p.a, people.AuditFilter{Limit: 1})
	check(t, err)

	const refused = 0
	tried := map[string]bool{}
	for _, c := range []struct {
		method, address string
		names           string // the inputs that are tried
		form            url.Values
		want            int // refused is any answer of 400 and more, or a way back with nothing done
	}{
		{http.MethodPost, "/undo", "id", url.Values{"kind": {"run"}, "id": {"rn_a"}}, http.StatusNotFound},
		{http.MethodPost, "/undo", "id", url.Values{"kind": {"change"}, "id": {"ch_a"}}, http.StatusNotFound},
		{http.MethodPost, "/undo", "id", url.Values{"kind": {"plan"}, "id": {"pl_full"}}, http.StatusNotFound},
		{http.MethodPost, "/reviews/own_rv", "run", url.Values{"answer": {"leave"}, "run": {"rn_a"}}, http.StatusConflict},
		{http.MethodPost, "/reviews/own_rv", "answer", url.Values{"answer": {"cn_hl/contact/h1"}, "run": {"own_rn"}}, refused},
		{http.MethodPost, "/reviews/own_rv", "answer", url.Values{"answer": {"h1"}, "run": {"own_rn"}}, refused},
		{http.MethodPost, "/reviews/own_rv", "answer", url.Values{"answer": {"candidate:cn_hl/contact/h1"}, "run": {"own_rn"}}, refused},
		{http.MethodPost, "/plans/own_pl/apply", "position", url.Values{"position": {theirs}, "outcome": {"create"}, "confirm": {"yes"}}, http.StatusNotFound},
		{http.MethodPost, "/plans/own_pl/apply", "position", url.Values{"position": {theirs, own}, "outcome": {"create"}, "confirm": {"yes"}}, http.StatusNotFound},
		{http.MethodPost, "/automations/own_au/plans", "record", url.Values{"record": {"cn_gl/contact/g1"}}, http.StatusOK}, // looked up in the own account, where it is not
		{http.MethodPost, "/automations/own_au/plans", "again", url.Values{"again": {"g1"}}, http.StatusOK},
		{http.MethodPost, "/automations/own_au/plans", "compare", url.Values{"compare": {"7"}}, http.StatusNotFound},
		{http.MethodPost, "/automations/own_au/versions", "number version", url.Values{"version": {"1"}, "number": {"9"}}, refused},
		{http.MethodPost, "/workspace", "workspace", url.Values{"workspace": {p.a}}, http.StatusNotFound},
		{http.MethodPost, "/automations/own_au/name", "of-workspace", url.Values{"name": {"Moved"}, "of-workspace": {p.a}}, refused},
		{http.MethodPost, "/automations/au_a/name", "of-workspace", url.Values{"name": {"Moved"}, "of-workspace": {p.a}}, refused},
		{http.MethodPost, "/connections/claim", "arrival", url.Values{"arrival": {"ar_theirs"}, "decision": {"claim"}}, refused},
		{http.MethodPost, "/connections/claim", "arrival", url.Values{"arrival": {"ar_theirs"}, "decision": {"forget"}}, refused},
		{http.MethodPost, "/connections/highlevel", "location_id", url.Values{"location_id": {"secret highlevel"}, "token": {"pit-of-somebody"}}, refused},
		{http.MethodPost, "/connections/gleap", "project_id", url.Values{"region": {"eu"}, "project_id": {"secret gleap"}, "api_key": {"a-key"}}, refused},
		{http.MethodPost, "/settings/identities/remove", "company user", url.Values{"company": {"co"}, "user": {"hl-theirs"}}, http.StatusNotFound},
		{http.MethodPost, "/settings/sign-ins/" + theirSignIn[0].ID + "/end", "", nil, http.StatusNotFound},
		{http.MethodPost, "/people/us_viewer/role", "", url.Values{"role": {"owner"}}, http.StatusNotFound},
		{http.MethodPost, "/people/us_owner/remove", "", nil, http.StatusNotFound},
		{http.MethodPost, "/pairs/ln_a", "", url.Values{"together": {"yes"}}, http.StatusNotFound},
		{http.MethodGet, "/deliveries?connection=cn_gl", "connection", nil, http.StatusOK},
		{http.MethodGet, "/deliveries?before=ev_a", "before", nil, http.StatusOK},
		{http.MethodGet, "/runs?automation=au_a", "automation", nil, http.StatusOK},
		{http.MethodGet, "/runs?before=rn_a", "before", nil, http.StatusOK},
		{http.MethodGet, "/reviews?automation=au_a", "automation", nil, http.StatusOK},
		{http.MethodGet, "/reviews?before=rv_a", "before", nil, http.StatusOK},
		{http.MethodGet, "/plans/own_pl?after=" + theirs, "after", nil, http.StatusOK},
		{http.MethodGet, "/records/own_gl/contact/o1?before=" + url.QueryEscape(strconv.FormatInt(time.Now().UnixMicro(), 10)+" rn_a"), "before", nil, http.StatusOK},
		{http.MethodGet, "/records/own_gl/contact/g1", "", nil, http.StatusOK},
		{http.MethodGet, "/automations/own_au/map?sample=g1&open=r1&turned=r1", "sample open turned", nil, http.StatusOK},
		{http.MethodGet, "/automations/own_au/test?sample=g1", "sample", nil, http.StatusOK},
		{http.MethodGet, "/automations/own_au/versions?from=1&to=9", "from to", nil, refused},
		{http.MethodGet, "/settings/audit?before=" + entries[0].ID + "&person=owner%40a.io", "before person", nil, http.StatusOK},
		{http.MethodGet, "/settings/audit.csv?before=" + entries[0].ID + "&person=owner%40a.io", "before person", nil, http.StatusOK},
	} {
		for _, name := range strings.Fields(c.names) {
			tried[name] = true
		}
		before := r.kept()
		w := p.send(who, c.method, c.address, c.form)
		about := fmt.Sprintf("%s %s %v", c.method, c.address, c.form)
		switch {
		case w.Code >= 500 && w.Code != http.StatusBadGateway:
			t.Errorf("%s answers %d: %s", about, w.Code, gist(w))
		case c.want != refused && w.Code != c.want:
			t.Errorf("%s answers %d to %q, want %d: %s", about, w.Code, w.Header().Get("Location"), c.want, gist(w))
		}
		if diff := cmp.Diff(before, r.kept()); diff != "" {
			t.Errorf("%s changed something (-before +after):\n%s", about, diff)
		}
		body := w.Body.String()
		if c.form == nil || c.want == http.StatusOK {
			for _, secret := range []string{secretName, "unguessable", "rn_a\"", "/records/cn_gl", "us_owner"} {
				if strings.Contains(body, secret) && !strings.Contains(c.address, "/plans/own_pl") {
					t.Errorf("%s shows %q: %s", about, secret, gist(w))
				}
			}
		}
	}
	// What was refused was refused for the id: with its own the form is carried out.
	for address, form := range map[string]url.Values{
		"/plans/own_pl/apply": {"position": {own}, "outcome": {"create"}, "confirm": {"yes"}},
		"/undo":               {"kind": {"run"}, "id": {"own_rn"}},
	} {
		before := r.kept()
		if w := p.send(who, http.MethodPost, address, form); w.Code != http.StatusSeeOther || cmp.Equal(before, r.kept()) {
			t.Errorf("POST %s %v answers %d, and changes nothing: %s", address, form, w.Code, gist(w))
		}
	}
	for name, of := range inputs {
		if of != noID && !tried[name] && name != "oauth_project_id" { // which is read like project_id, and redeemed at the provider
			t.Errorf("nobody tries %q (%s) of another workspace", name, of)
		}
	}
}

// anID looks like an id of ours.
var anID = regexp.MustCompile(`^(au|cn|pl|rn|rv|ch|us|iv|ln|ev|in|si|ws|ar)_[a-z0-9]+$`)

var (
	formInput  = regexp.MustCompile(`<(?:input|button)\b[^>]*>`)
	inputName  = regexp.MustCompile(`\bname="([^"]*)"`)
	inputValue = regexp.MustCompile(`\bvalue="([^"]*)"`)
	selectForm = regexp.MustCompile(`(?s)<select\b[^>]*\bname="([^"]*)"[^>]*>(.*?)</select>`)
)

// TestFormsHaveNoIDThatIsNotKnown looks at the forms of every page: an input that holds an id is one the table says is one.
func TestFormsHaveNoIDThatIsNotKnown(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	p.settledIn()
	found := map[string]string{}
	for _, route := range person(p.house) {
		if route.Method != http.MethodGet {
			continue
		}
		address, _ := addressOf(t, route)
		page := p.send("owner@a.io", http.MethodGet, address, nil).Body.String()
		for _, tag := range formInput.FindAllString(page, -1) {
			name, value := inputName.FindStringSubmatch(tag), inputValue.FindStringSubmatch(tag)
			if name != nil && value != nil && anID.MatchString(value[1]) {
				found[name[1]] = address
			}
		}
		for _, m := range selectForm.FindAllStringSubmatch(page, -1) {
			for _, value := range inputValue.FindAllStringSubmatch(m[2], -1) {
				if anID.MatchString(value[1]) {
					found[m[1]] = address
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if inputs[name] == noID {
			t.Errorf("%s has an id in its input %q, which the table does not say is one", found[name], name)
		}
	}
	if len(found) < 4 {
		t.Errorf("ids were found in %v only", found)
	}
}
