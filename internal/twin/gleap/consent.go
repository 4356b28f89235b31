package gleap

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

type consentPage struct {
	Problem string
	App     string
	Action  string
	Project string
	ID      string
	Hidden  []hiddenInput
}

type hiddenInput struct{ Name, Value string }

// serveConsent is the page on which an agent lets an app into the project.
// Nothing is sent to a redirect URI that is not registered.
func (t *Twin) serveConsent(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	problem := func(status int, message string) {
		t.renderPage(w, status, "'self'", "consent.html", consentPage{Problem: message})
	}
	if r.ParseForm() != nil {
		problem(http.StatusBadRequest, "The form could not be read. Go back and try again.")
		return
	}
	in := r.Form
	target, message := t.checkConsent(in)
	if message != "" {
		problem(http.StatusBadRequest, message)
		return
	}
	back := target.Query()
	if in.Has("state") {
		back.Set("state", in.Get("state"))
	}
	method := in.Get("code_challenge_method")
	switch {
	case in.Get("response_type") != "code":
		back.Set("error", "unsupported_response_type")
	case in.Has("code_challenge") && method != "" && method != "plain" && method != "S256":
		back.Set("error", "invalid_request")
	case r.Method != http.MethodPost:
		page := consentPage{App: t.cfg.ClientID, Action: authorizePath, Project: projectName, ID: t.cfg.ProjectID}
		for _, name := range []string{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"} {
			if in.Has(name) {
				page.Hidden = append(page.Hidden, hiddenInput{name, in.Get(name)})
			}
		}
		// The answer to the form is a redirect to the app, which form-action covers.
		t.renderPage(w, http.StatusOK, "'self' "+target.Scheme+"://"+target.Host, "consent.html", page)
		return
	default:
		if http.NewCrossOriginProtection().Check(r) != nil {
			problem(http.StatusForbidden, "This answer came from another site. Open the page again and answer there.")
			return
		}
		if in.Get("decision") == "approve" {
			back.Set("code", t.approve(in))
		} else {
			back.Set("error", "access_denied")
		}
	}
	target.RawQuery = back.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target.String(), http.StatusFound)
}

// checkConsent says, for a person, what forbids even a way back to the app.
func (t *Twin) checkConsent(in url.Values) (target *url.URL, problem string) {
	if in.Get("client_id") != t.cfg.ClientID {
		return nil, "No app has this client id. Check it in the settings of the product that sent you here."
	}
	raw := in.Get("redirect_uri")
	target, err := url.Parse(raw)
	if err != nil || target.Host == "" || target.Fragment != "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, "The redirect_uri is missing or is not a web address, so there is no way back to the app."
	}
	if len(t.cfg.RedirectURIs) == 0 && !loopback(target.Hostname()) || len(t.cfg.RedirectURIs) > 0 && !slices.Contains(t.cfg.RedirectURIs, raw) {
		return nil, "The redirect_uri is not one of those registered for this app. It must match exactly."
	}
	return target, ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func (t *Twin) approve(in url.Values) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	for k, v := range t.db.codes {
		if !now.Before(v.expires) {
			delete(t.db.codes, k)
		}
	}
	value := randomToken(20)
	t.db.codes[value] = &code{
		redirectURI: in.Get("redirect_uri"), scope: in.Get("scope"), expires: now.Add(codeLife),
		challenge: in.Get("code_challenge"), plain: in.Get("code_challenge_method") != "S256",
	}
	return value
}
