package app

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"crosswalk/internal/automation"
	"crosswalk/internal/config"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// hostileNames are what somebody in either account may call a field, an option, a tag or themselves. Each tries another way
// out of where it is written.
var hostileNames = []string{
	`HOSTILE"><x-broken data-broken="1">`,
	`HOSTILE' data-broken='1' onmouseover='alert(1)`,
	`HOSTILE" data-broken="1" autofocus onfocus="alert(1)`,
	`HOSTILE</textarea></select></title></option><script>alert(1)</script>`,
	`HOSTILE--><img src=x onerror=alert(1)>`,
	"javascript:alert('HOSTILE')",
	"=HYPERLINK(\"http://evil.example\",\"HOSTILE\")",
	"@SUM(HOSTILE)", "\tHOSTILE", "+HOSTILE", "-HOSTILE",
	`HOSTILE{{7*7}}${alert(1)}`,
	"HOSTILE\u2028\u202e</script>",
}

// namedBy are the keys under which providers' answers have names, and lists of them; bags are what has free keys.
var (
	namedBy = []string{"name", "label", "title", "fieldKey", "firstName", "lastName", "contactName", "companyName", "city", "displayName", "calendarName", "timezone", "description", "body"}
	listed  = []string{"picklistOptions", "options", "tags"}
	bags    = []string{"customData", "formData"}
)

// poisoner makes every name in a provider's answer hostile, each in turn.
type poisoner struct{ n int }

func (p *poisoner) next() string {
	p.n++
	return hostileNames[p.n%len(hostileNames)]
}

func (p *poisoner) poison(v any, key string) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) { // in one order, so that a name stays what it was
			v[k] = p.poison(v[k], k)
		}
		for _, bag := range bags {
			if _, is := v[bag]; is || bag == "customData" && v["email"] != nil {
				all := map[string]any{}
				if was, is := v[bag].(map[string]any); is {
					all = was
				}
				for _, name := range hostileNames {
					all[name] = name
				}
				v[bag] = all
			}
		}
	case []any:
		for i := range v {
			v[i] = p.poison(v[i], key)
		}
		if slices.Contains(listed, key) && (len(v) == 0 || isText(v[0])) {
			for _, name := range hostileNames {
				v = append(v, name)
			}
		}
		return v
	case string:
		if slices.Contains(namedBy, key) {
			return p.next()
		}
	}
	return v
}

func isText(v any) bool { _, is := v.(string); return is }

// poisoned stands before a twin, and answers as an account would that somebody hostile has worked in.
func poisoned(t *testing.T, twin string) string {
	t.Helper()
	to, err := url.Parse(twin)
	check(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(resp *http.Response) error {
			if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Type"), "json") || strings.Contains(resp.Request.URL.Path, "oauth") {
				return nil
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber()
			var doc any
			if d.Decode(&doc) == nil {
				if body, err = json.Marshal((&poisoner{}).poison(doc, "")); err != nil {
					return err
				}
			}
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// plainName is what an attribute or element of ours is called.
var plainName = regexp.MustCompile(`^[a-z][a-z0-9:_-]*$`)

// harms are what came to be in a page, as a browser reads it, by what somebody wrote into a name.
func harms(t *testing.T, page string) (found []string) {
	t.Helper()
	harm := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	check(t, err)
	doc.Find("*").Each(func(_ int, s *goquery.Selection) {
		node := s.Get(0)
		if !plainName.MatchString(strings.ToLower(node.Data)) || node.Data == "x-broken" {
			harm("there is an element <%s>", node.Data)
		}
		src, _ := s.Attr("src")
		switch node.Data {
		case "script":
			// A script of ours has an address of ours; what is inside one is data.
			if kind, _ := s.Attr("type"); src == "" && kind != "importmap" && kind != "application/json" || src != "" && !strings.HasPrefix(src, "/static/") {
				harm("there is a script %q: %s", src, s.Text())
			}
			if strings.Contains(s.Text(), "alert(1)") {
				harm("a script holds %s", s.Text())
			}
		case "img", "iframe", "object", "embed", "link":
			if src == "x" {
				harm("there is a foreign <%s>", node.Data)
			}
		}
		for _, a := range node.Attr {
			switch name := strings.ToLower(a.Key); {
			case !plainName.MatchString(name), name == "data-broken", strings.HasPrefix(name, "on"), name == "style", name == "srcdoc":
				harm("<%s> has the attribute %s=%q", node.Data, a.Key, a.Val)
			case slices.Contains([]string{"href", "src", "action", "formaction", "hx-get", "hx-post"}, name):
				if to, err := url.Parse(strings.TrimSpace(a.Val)); err == nil && to.Scheme != "" && !slices.Contains([]string{"http", "https", "data", "mailto"}, to.Scheme) {
					harm("<%s> leads to %s=%q", node.Data, a.Key, a.Val)
				}
			}
		}
	})
	return found
}

// harmless holds that a page has none, and reports whether anything hostile is shown on it.
func harmless(t *testing.T, about, page string) (shown bool) {
	t.Helper()
	for _, harm := range harms(t, page) {
		t.Errorf("%s: %s", about, harm)
	}
	return strings.Contains(page, "HOSTILE")
}

func TestHarmIsSeen(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames[:5] {
		for where, page := range map[string]string{
			"in a text": "<p>" + name + "</p>", "in double quotes": `<input value="` + name + `">`, "in single quotes": `<input value='` + name + `'>`, "in a comment": "<!--" + name + "-->", "in a title": "<title>" + name + "</title>",
		} {
			escaped := strings.ReplaceAll(page, name, html.EscapeString(name))
			if found := harms(t, escaped); len(found) > 0 {
				t.Errorf("%s %s, written as it should be: %v", name, where, found)
			}
		}
	}
	for _, page := range []string{
		"<p>" + hostileNames[0], `<input value="` + hostileNames[0] + `">`, `<input value='` + hostileNames[1] + `'>`, `<input value="` + hostileNames[2] + `">`, "<select><option>" + hostileNames[3], "<!--" + hostileNames[4], `<a href="` + hostileNames[5] + `">`,
	} {
		if len(harms(t, page)) == 0 {
			t.Errorf("no harm is seen in %s", page)
		}
	}
}

// harmlessSheet looks at a file as a spreadsheet does: no cell begins a formula.
func harmlessSheet(t *testing.T, about, file string) (shown bool) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	check(t, err)
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) && strings.Contains(cell, "HOSTILE") {
				t.Errorf("%s has the cell %q", about, cell)
			}
			shown = shown || strings.Contains(cell, "HOSTILE")
		}
	}
	return shown
}

// TestHostileSchemasAreShownAsText connects two accounts in which every name is hostile, and opens whatever shows names.
func TestHostileSchemasAreShownAsText(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	hl, err := twinhighlevel.New(twinhighlevel.Config{Seed: 1, Logger: quiet, Instant: true})
	check(t, err)
	hl.SeedContacts(4)
	gl, err := twingleap.New(twingleap.Config{Seed: 1, Logger: quiet, Instant: true})
	check(t, err)
	gl.SeedContacts(4)
	for _, c := range gl.Contacts() {
		if gl.PersonCreatesTicket(c.ID, map[string]any{"title": "A ticket", "type": "BUG", "formData": map[string]any{"description": "It does not work"}}) == "" {
			t.Fatal("no ticket was made")
		}
	}
	twins := &demoTwins{hl: hl, gl: gl}
	twins.highlevel, err = listen(hl, "127.0.0.1:0")
	check(t, err)
	twins.gleap, err = listen(gl, "127.0.0.1:0")
	check(t, err)
	hlReady, glReady := hl.Ready(twins.highlevel.url), gl.Ready(twins.gleap.url)
	root, err := url.Parse(glReady.URL)
	check(t, err)
	hlURL, glURL := poisoned(t, hlReady.URL), poisoned(t, root.Scheme+"://"+root.Host)+root.Path
	p := newPeopledHouse(t, func(c *config.Config) {
		*c = twins.configure(*c)
		c.HighLevel.BaseURL, c.Gleap.BaseURL, c.AllowPrivateHosts = hlURL, glURL, true
	})
	t.Cleanup(func() { _ = twins.stop(t.Context()) })
	const who = "owner@a.io"
	for _, id := range []record.ConnectionID{"cn_hl", "cn_gl"} { // so that new automations use the others
		check(t, p.store.RemoveConnection(t.Context(), id))
	}
	does := func(address string, form url.Values) string {
		t.Helper()
		w := p.send(who, http.MethodPost, address, form)
		if w.Code != http.StatusSeeOther {
			t.Fatalf("POST %s answers %d: %s", address, w.Code, gist(w))
		}
		return w.Header().Get("Location")
	}
	does("/connections/highlevel", url.Values{"location_id": {hlReady.LocationID}, "token": {hlReady.Token}})
	does("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {glURL}, "project_id": {glReady.ProjectID}, "api_key": {glReady.Token}})

	pages := []string{"/", "/connections", "/automations", "/drift", "/reviews", "/reviews?tab=decided", "/runs", "/records?q=HOSTILE", "/deliveries", "/settings/audit"}
	connections, err := p.store.In(p.a).Connections(t.Context())
	check(t, err)
	for _, c := range connections {
		pages = append(pages, "/connections/"+string(c.ID))
	}
	shownOn := map[string]bool{} // by what the page is for
	for _, recipe := range []string{"gleap-contact-to-highlevel", "highlevel-contact-to-gleap", "contacts-in-sync", "gleap-ticket-to-highlevel-task", "highlevel-appointment-to-gleap-ticket"} {
		at := does("/automations", url.Values{"recipe": {recipe}})
		id := automation.ID(strings.Split(at, "/")[2])
		base := "/automations/" + string(id)
		p.mapHostile(t, who, base)
		p.condition(t, id)
		for _, page := range []string{"/when", "/map", "/test", "/live", "/first-sync", "/versions", "/versions?from=1&to=2", "/versions?from=2&to=3"} {
			pages = append(pages, base+page)
		}
		a, err := p.store.Automation(t.Context(), id)
		check(t, err)
		plan := "/plans/" + p.plansFor(t, a)
		pages = append(pages, plan)
		file := p.send(who, http.MethodGet, plan+"?format=csv", nil)
		if harmlessSheet(t, plan+" as a file", file.Body.String()) {
			shownOn["csv"] = true
		}
		items, err := p.store.PlanItems(t.Context(), strings.TrimPrefix(plan, "/plans/"), engine.PlanFilter{Limit: 2})
		check(t, err)
		for i, item := range items {
			// A person is asked about two of them: which value, and which record.
			kind := []automation.ReviewKind{automation.ReviewConflict, automation.ReviewIdentity}[i]
			asked := item.Plan
			for j := range asked.Fields {
				asked.Fields[j].Code = automation.CodeConflict
				asked.Fields[j].Offered = record.TextOf(hostileNames[j%len(hostileNames)])
			}
			asked.Identity.Candidates = []automation.Candidate{{Ref: record.Ref{Connection: a.Definition.Target.Connection, Type: a.Definition.Target.Object, ID: "nobody"}, Title: hostileNames[i], Why: hostileNames[i+1]}}
			run := automation.Run{ID: automation.NewID("rn"), Automation: id, Version: a.Version, Source: asked.Source, Title: asked.SourceTitle, State: automation.Succeeded, Outcome: automation.Decide, Attempts: 1, StartedAt: time.Now(), FinishedAt: time.Now(), Steps: []automation.Step{{Kind: automation.StepPlan, Plan: &asked}}}
			run.Event = automation.Event{ID: automation.NewID("ev"), Kind: automation.Manual, Ref: asked.Source, ReceivedAt: time.Now()}
			review := automation.Review{ID: automation.NewID("rv"), Automation: id, Source: asked.Source, Kind: kind, State: automation.ReviewOpen, Title: asked.SourceTitle, Plan: asked, Run: run.ID, OpenedAt: time.Now()}
			check(t, p.store.Finish(t.Context(), engine.Finish{Run: run, Review: &review}))
			pages = append(pages, "/reviews/"+review.ID, "/runs/"+run.ID, recordAddress(asked.Source), recordAddress(asked.Source)+"?now=1")
		}
	}
	// The last comparison found fields apart, under the names they have.
	all, err := p.store.In(p.a).Automations(t.Context())
	check(t, err)
	compared := all[len(all)-1]
	check(t, p.store.SetState(t.Context(), compared.ID, automation.On, ""))
	q := engine.Population{ID: "pl_drift", Automation: compared.ID, Version: compared.Version, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now()}
	check(t, p.store.CreatePopulation(t.Context(), q))
	q.State, q.FinishedAt, q.Done, q.Total = engine.PopulationDone, time.Now(), 9, 9
	q.Tally = engine.Tally{Fields: map[string]int{}, Kept: map[string]int{}, Drift: map[engine.Drift]int{engine.Differs: 2, engine.InSync: 7}}
	for _, name := range hostileNames {
		q.Tally.Fields[name], q.Tally.Kept[name] = 2, 1
	}
	check(t, p.store.SavePopulation(t.Context(), q, nil))
	for _, address := range pages {
		w := p.send(who, http.MethodGet, address, nil)
		if w.Code != http.StatusOK {
			t.Errorf("GET %s answers %d: %s", address, w.Code, gist(w))
			continue
		}
		if harmless(t, "GET "+address, w.Body.String()) {
			parts := strings.Split(strings.Split(address, "?")[0], "/")
			shownOn[parts[1]+" "+parts[len(parts)-1]] = true
			shownOn[parts[1]] = true
		}
	}
	for _, page := range []string{"connections", "automations map", "automations when", "automations test", "automations live", "automations versions", "plans", "reviews", "runs", "records", "drift", "csv"} {
		if !shownOn[page] {
			t.Errorf("nothing hostile is shown on %s, so nothing is tried there", page)
		}
	}
}

func recordAddress(r record.Ref) string {
	return fmt.Sprintf("/records/%s/%s/%s", r.Connection, r.Type, url.PathEscape(r.ID))
}

// mapHostile connects two fields with hostile names, as the map's own form does.
func (p *peopledHouse) mapHostile(t *testing.T, who, base string) {
	t.Helper()
	w := p.send(who, http.MethodGet, base+"/map", nil)
	doc, err := goquery.NewDocumentFromReader(w.Body)
	check(t, err)
	version, _ := doc.Find(`input[name="version"]`).First().Attr("value")
	var source, target string
	take := func(into *string, name string) {
		doc.Find(`select[name="` + name + `"] option`).Each(func(_ int, s *goquery.Selection) {
			if value, _ := s.Attr("value"); *into == "" && value != "" && strings.Contains(s.Text(), "HOSTILE") {
				*into = value
			}
		})
		doc.Find(`input[name="` + name + `"]`).Each(func(_ int, s *goquery.Selection) {
			if value, _ := s.Attr("value"); *into == "" && strings.Contains(value, "HOSTILE") {
				*into = value
			}
		})
	}
	take(&source, "source")
	take(&target, "target")
	if source == "" && target == "" {
		t.Errorf("%s offers no field with a hostile name", base)
	}
	form := url.Values{"version": {version}, "source": {source}, "target": {target}}
	for name, or := range map[string]string{"source": "email", "target": "city"} {
		if form.Get(name) == "" {
			form.Set(name, or)
		}
	}
	if w := p.send(who, http.MethodPost, base+"/rows", form); w.Code >= 500 {
		t.Errorf("connecting %v answers %d: %s", form, w.Code, gist(w))
	} else {
		harmless(t, "POST "+base+"/rows", w.Body.String())
	}
}

// condition makes the automation ask for a hostile field to have a hostile value.
func (p *peopledHouse) condition(t *testing.T, id automation.ID) {
	t.Helper()
	a, err := p.store.Automation(t.Context(), id)
	check(t, err)
	for _, name := range hostileNames[:2] {
		def := a.Definition
		def.Rule = rule.Rule{Root: rule.Node{Op: rule.Or, Nodes: []rule.Node{{Field: "customData." + name, Operator: "is", Value: name}, {Field: "email", Operator: "is_not_empty"}}}}.Numbered()
		a, err = p.store.SaveDefinition(t.Context(), id, a.Version, def, "owner@a.io", name)
		check(t, err)
	}
}

// plansFor makes a dry run of everyone, as a worker does.
func (p *peopledHouse) plansFor(t *testing.T, a automation.Automation) string {
	t.Helper()
	q := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now(), StartedBy: "owner@a.io"}
	check(t, p.store.CreatePopulation(t.Context(), q))
	check(t, p.populations.Run(t.Context(), q.ID))
	return q.ID
}
