package highlevel

import (
	"embed"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"minute": func(s string) string { return strings.Replace(s[:len("2026-01-02T15:04")], "T", " ", 1) + " UTC" },
}).ParseFS(pageFiles, "pages/*.html"))

// consentPaths: the /v2/ path is the newer one, and the SDK still builds the
// other (§2.2).
var consentPaths = map[string]bool{"/v2/oauth/chooselocation": true, "/oauth/chooselocation": true}

// scopeWords says in plain words what a scope allows.
var scopeWords = map[string]string{
	"contacts.readonly":               "See contacts, their notes, tasks, tags and appointments",
	"contacts.write":                  "Create, change and delete contacts, notes, tasks and tags",
	"locations.readonly":              "See this location's name, time zone and settings",
	"locations/customFields.readonly": "See which custom fields exist",
	"locations/customFields.write":    "Create, change and delete custom fields",
	"locations/tags.readonly":         "See the list of tags",
	"locations/tags.write":            "Create, rename and delete tags",
	"locations/tasks.readonly":        "See tasks of all contacts",
	"users.readonly":                  "See the people of your team",
	"businesses.readonly":             "See companies",
	"businesses.write":                "Create, change and delete companies",
	"calendars.readonly":              "See calendars",
	"calendars/events.readonly":       "See appointments",
	"calendars/events.write":          "Create, change and delete appointments",
	"workflows.readonly":              "See the list of workflows",
	"campaigns.readonly":              "See the list of campaigns",
	"oauth.readonly":                  "See in which locations this app is installed",
	"oauth.write":                     "Work in the locations you have approved",
}

type consentPage struct {
	Problem             string
	App                 string
	Action              string
	Location            object
	Agency, WholeAgency string
	Scopes              []consentScope
	Hidden              []hiddenInput
}

type consentScope struct{ Name, Words string }

type hiddenInput struct{ Name, Value string }

// serveConsent is the page on which a person chooses the location and agrees:
// §2.2. Nothing is sent to a redirect URI that is not registered.
func (t *Twin) serveConsent(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		t.renderConsent(w, http.StatusBadRequest, "", consentPage{Problem: "The form could not be read. Go back and try again."})
		return
	}
	in := r.Form
	target, problem := t.checkConsent(in)
	if problem != "" {
		t.renderConsent(w, http.StatusBadRequest, "", consentPage{Problem: problem})
		return
	}
	origin := target.Scheme + "://" + target.Host
	if r.Method != http.MethodPost {
		page := consentPage{
			App: t.cfg.AppID, Action: r.URL.Path,
			Agency: companyName, WholeAgency: wholeAgency, Location: object{"ID": t.cfg.LocationID, "Name": locationName, "Address": locationStreet + ", " + locationCity},
		}
		for _, s := range askedScopes(in) {
			words := scopeWords[s]
			if words == "" {
				words = "Use " + s
			}
			page.Scopes = append(page.Scopes, consentScope{s, words})
		}
		for _, name := range []string{"response_type", "client_id", "redirect_uri", "scope", "state"} {
			if in.Has(name) {
				page.Hidden = append(page.Hidden, hiddenInput{name, in.Get(name)})
			}
		}
		t.renderConsent(w, http.StatusOK, origin, page)
		return
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		t.renderConsent(w, http.StatusForbidden, "", consentPage{Problem: "This answer came from another site. Open the page again and answer there."})
		return
	}
	back := target.Query()
	if in.Get("decision") == "approve" {
		if l := in.Get("location"); l != t.cfg.LocationID && l != wholeAgency {
			t.renderConsent(w, http.StatusBadRequest, "", consentPage{Problem: "Choose a location before you approve. Go back and choose one."})
			return
		}
		back.Set("code", t.approve(in))
	} else {
		// What cancelling sends is not documented; this is OAuth's own answer.
		back.Set("error", "access_denied")
	}
	// Whether state comes back is unconfirmed (§2.2); the twin echoes it.
	if in.Has("state") {
		back.Set("state", in.Get("state"))
	}
	target.RawQuery = back.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target.String(), http.StatusFound)
}

func askedScopes(in url.Values) []string {
	var out []string
	for s := range strings.FieldsSeq(in.Get("scope")) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// checkConsent says, for a person, what is wrong with an authorisation request.
func (t *Twin) checkConsent(in url.Values) (target *url.URL, problem string) {
	if in.Get("client_id") == "" {
		return nil, "The link has no client_id. Check the app's client id in the settings of the product that sent you here."
	}
	if in.Get("client_id") != t.cfg.ClientID {
		return nil, "No app has this client_id. Check the client id in the settings of the product that sent you here."
	}
	if in.Get("response_type") != "code" {
		return nil, "The link must ask for response_type=code."
	}
	raw := in.Get("redirect_uri")
	if raw == "" {
		return nil, "The link has no redirect_uri, so there is no way back to the app."
	}
	target, err := url.Parse(raw)
	if err != nil || target.Host == "" || target.Fragment != "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, "The redirect_uri is not a web address."
	}
	if len(t.cfg.RedirectURIs) == 0 && !loopback(target.Hostname()) || len(t.cfg.RedirectURIs) > 0 && !slices.Contains(t.cfg.RedirectURIs, raw) {
		return nil, "The redirect_uri is not one of those registered for this app. It must match exactly."
	}
	if len(askedScopes(in)) == 0 {
		return nil, "The link asks for no scope, so the app could do nothing."
	}
	return target, ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// approve installs the app and hands out a code.
func (t *Twin) approve(in url.Values) string {
	t.begin(byPerson)
	defer t.end()
	value := randomToken(20)
	now := t.now()
	given := grant{LocationID: t.cfg.LocationID, CompanyID: t.cfg.CompanyID, UserID: t.adminID(), Scopes: askedScopes(in)}
	if in.Get("location") == wholeAgency {
		given.LocationID = ""
		t.installAgency(now)
	} else {
		t.db.installed, t.db.installAt = true, now
		t.fireInstall(t.cfg.LocationID, "Location")
	}
	t.db.codes[value] = &code{grant: given, redirectURI: in.Get("redirect_uri"), expires: now.Add(codeLife)}
	t.changed()
	return value
}

func (t *Twin) renderConsent(w http.ResponseWriter, status int, origin string, page consentPage) {
	// Browsers apply form-action to redirects after a post as well, so the way
	// back to the app must be named.
	pageHeaders(w, strings.TrimSpace("'self' "+origin))
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, "consent.html", page); err != nil {
		t.cfg.Logger.Warn("consent page", "err", err)
	}
}

func pageHeaders(w http.ResponseWriter, formAction string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action "+formAction+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
}
