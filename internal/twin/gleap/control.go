package gleap

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// newControl builds the part of the twin that Gleap does not have.
func (t *Twin) newControl() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_twin", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/_twin/", http.StatusSeeOther) })
	mux.HandleFunc("GET /_twin/{$}", t.controlPage)
	mux.HandleFunc("GET /_twin/style.css", serveStyle)
	mux.HandleFunc("GET /_twin/stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, t.Stats()) })
	mux.HandleFunc("GET /_twin/calls", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, t.Calls()) })
	mux.HandleFunc("GET /_twin/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, t.Faults()) })
	mux.HandleFunc("PUT /_twin/faults", t.controlFaults)
	mux.HandleFunc("POST /_twin/faults", t.controlFaults)
	mux.HandleFunc("PUT /_twin/webhook", t.controlWebhook)
	mux.HandleFunc("POST /_twin/webhook", t.controlWebhook)
	mux.HandleFunc("POST /_twin/contacts", t.controlCreate)
	mux.HandleFunc("GET /_twin/contacts/{id}", t.contactPage)
	mux.HandleFunc("POST /_twin/contacts/{id}", t.controlEdit)
	mux.HandleFunc("POST /_twin/contacts/{id}/delete", t.controlDelete)
	mux.HandleFunc("POST /_twin/tickets", t.controlCreateTicket)
	mux.HandleFunc("GET /_twin/tickets/{id}", t.ticketPage)
	mux.HandleFunc("POST /_twin/tickets/{id}", t.controlEditTicket)
	// There is no sign-in here, so at least no other site may press the buttons.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		guarded.ServeHTTP(w, r)
	})
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	css, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		http.Error(w, "no style", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(css)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func isForm(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data"
}

// confirmations are what the page says after a form. The address carries only
// the key, so that nobody can put words on the page.
var confirmations = map[string]string{
	"contact-created": "The contact was added.", "contact-changed": "The contact was changed.",
	"contact-deleted": "The contact was deleted.", "ticket-created": "The ticket was opened.",
	"ticket-changed": "The ticket was changed.", "faults": "The faults were set.", "webhook": "The webhook address was saved.",
}

// done answers a form with the page and JSON with JSON.
func done(w http.ResponseWriter, r *http.Request, status int, said string, v any) {
	if isForm(r) {
		http.Redirect(w, r, "/_twin/?done="+url.QueryEscape(said), http.StatusSeeOther)
		return
	}
	writeJSON(w, status, v)
}

func (t *Twin) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadRequest
	if errors.Is(err, errGone) {
		status = http.StatusNotFound
	}
	message := strings.TrimPrefix(err.Error(), "gleap twin: ")
	if isForm(r) {
		t.renderPage(w, status, "'self'", "problem.html", message)
		return
	}
	writeJSON(w, status, object{"error": message})
}

// given reads fields from a form or from JSON.
func given(r *http.Request) (map[string]any, error) {
	out := map[string]any{}
	if !isForm(r) {
		if err := json.NewDecoder(r.Body).Decode(&out); err != nil || out == nil {
			return nil, errors.New("gleap twin: the body is not a JSON object")
		}
		return out, nil
	}
	if err := r.ParseMultipartForm(maxBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return nil, errors.New("gleap twin: the form could not be read")
	}
	for key, values := range r.PostForm {
		if len(values) > 0 {
			out[key] = values[0]
		}
	}
	return out, nil
}

func (t *Twin) controlCreate(w http.ResponseWriter, r *http.Request) {
	fields, err := given(r)
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	done(w, r, http.StatusCreated, "contact-created", object{"id": t.PersonCreatesContact(fields)})
}

func (t *Twin) controlEdit(w http.ResponseWriter, r *http.Request) {
	fields, err := given(r)
	if err == nil {
		err = t.PersonEditsContact(r.PathValue("id"), fields)
	}
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	done(w, r, http.StatusOK, "contact-changed", object{"id": r.PathValue("id")})
}

func (t *Twin) controlDelete(w http.ResponseWriter, r *http.Request) {
	if err := t.PersonDeletesContact(r.PathValue("id")); err != nil {
		t.refuse(w, r, err)
		return
	}
	done(w, r, http.StatusOK, "contact-deleted", object{"id": r.PathValue("id")})
}

func (t *Twin) controlCreateTicket(w http.ResponseWriter, r *http.Request) {
	fields, err := given(r)
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	session := idOf(fields["session"])
	delete(fields, "session")
	id := t.PersonCreatesTicket(session, fields)
	if id == "" {
		t.refuse(w, r, errors.New("gleap twin: the contact does not exist, or a field is wrong"))
		return
	}
	done(w, r, http.StatusCreated, "ticket-created", object{"id": id})
}

func (t *Twin) controlEditTicket(w http.ResponseWriter, r *http.Request) {
	fields, err := given(r)
	if err == nil {
		err = t.PersonEditsTicket(r.PathValue("id"), fields)
	}
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	done(w, r, http.StatusOK, "ticket-changed", object{"id": r.PathValue("id")})
}

// controlFaults replaces all faults; those not named are off.
func (t *Twin) controlFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	if isForm(r) {
		if err := r.ParseForm(); err != nil {
			t.refuse(w, r, errors.New("gleap twin: the form could not be read"))
			return
		}
		f = faultsOfForm(r.PostForm)
	} else {
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.refuse(w, r, fmt.Errorf("gleap twin: faults: %w", err))
			return
		}
	}
	t.SetFaults(f)
	done(w, r, http.StatusOK, "faults", t.Faults())
}

func faultsOfForm(in url.Values) Faults {
	n := func(name string) int {
		n, err := strconv.Atoi(in.Get(name))
		if err != nil {
			return 0
		}
		return max(n, 0)
	}
	rate, err := strconv.ParseFloat(in.Get("rate5xx"), 64)
	if err != nil {
		rate = 0
	}
	return Faults{
		LatencyMs: n("latencyMs"), Next429: n("next429"), Next5xx: n("next5xx"), Rate5xx: rate, DropAfterCommit: n("dropAfterCommit"),
		RevokeTokens: in.Has("revokeTokens"), RevokeAccess: in.Has("revokeAccess"), WebhooksLost: n("webhooksLost"),
		WebhooksDoubled: n("webhooksDoubled"), WebhookDelayMs: n("webhookDelayMs"), Next409: n("next409"), EmptyList: n("emptyList"),
		IgnoreUpdatedAtFilter: in.Has("ignoreUpdatedAtFilter"),
	}
}

func (t *Twin) controlWebhook(w http.ResponseWriter, r *http.Request) {
	fields, err := given(r)
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	to, _ := fields["url"].(string)
	if u, err := url.Parse(to); to != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		t.refuse(w, r, errors.New("gleap twin: the webhook address is not a web address"))
		return
	}
	t.SetWebhookURL(to)
	done(w, r, http.StatusOK, "webhook", object{"url": to})
}

// renderPage writes a page that may load nothing but the one style sheet.
func (t *Twin) renderPage(w http.ResponseWriter, status int, formAction, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		t.cfg.Logger.Warn("twin page", "page", name, "err", err)
		http.Error(w, "The page could not be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action "+formAction+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
