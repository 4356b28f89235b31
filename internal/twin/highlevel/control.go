package highlevel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// recentContacts is how many the page lists.
const recentContacts = 50

// newControl builds the part of the twin that HighLevel does not have.
func (t *Twin) newControl() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_twin", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/_twin/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /_twin/{$}", t.controlPage)
	mux.HandleFunc("GET /_twin/style.css", serveStyle)
	mux.HandleFunc("GET /_twin/stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, t.Stats()) })
	mux.HandleFunc("GET /_twin/calls", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, t.Calls()) })
	mux.HandleFunc("GET /_twin/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, t.Faults()) })
	mux.HandleFunc("PUT /_twin/faults", t.controlFaults)
	mux.HandleFunc("POST /_twin/faults", t.controlFaults)
	mux.HandleFunc("PUT /_twin/webhook", t.controlWebhook)
	mux.HandleFunc("POST /_twin/webhook", t.controlWebhook)
	mux.HandleFunc("POST /_twin/uninstall", func(w http.ResponseWriter, r *http.Request) {
		t.Uninstall()
		done(w, r, http.StatusOK, object{"uninstalled": true})
	})
	mux.HandleFunc("POST /_twin/uninstall-agency", func(w http.ResponseWriter, r *http.Request) {
		t.UninstallAgency()
		done(w, r, http.StatusOK, object{"uninstalled": true})
	})
	mux.HandleFunc("POST /_twin/locations", t.controlAddLocation)
	mux.HandleFunc("POST /_twin/contacts", t.controlCreate)
	mux.HandleFunc("GET /_twin/contacts/{id}", t.controlContact)
	mux.HandleFunc("POST /_twin/contacts/{id}", t.controlEdit)
	mux.HandleFunc("POST /_twin/contacts/{id}/delete", t.controlDelete)
	mux.HandleFunc("POST /_twin/contacts/{id}/appointments", t.controlBook)
	mux.HandleFunc("POST /_twin/appointments/{id}", t.controlAppointment)
	// There is no sign-in here, so at least no other site may press the buttons.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		guarded.ServeHTTP(w, r)
	})
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	css, err := fs.ReadFile(pageFiles, "pages/style.css")
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

// done answers a form with the page and JSON with JSON.
func done(w http.ResponseWriter, r *http.Request, status int, v any) {
	back(w, r, status, "/_twin/", v)
}

// back is done for the form of another page.
func back(w http.ResponseWriter, r *http.Request, status int, page string, v any) {
	if isForm(r) {
		http.Redirect(w, r, page, http.StatusSeeOther)
		return
	}
	writeJSON(w, status, v)
}

func (t *Twin) refuse(w http.ResponseWriter, r *http.Request, err error) {
	message := strings.TrimPrefix(err.Error(), "highlevel twin: ")
	if isForm(r) {
		pageHeaders(w, "'self'")
		w.WriteHeader(statusOf(err))
		t.renderPage(w, "problem.html", message)
		return
	}
	writeJSON(w, statusOf(err), object{"error": message})
}

// formFields are the inputs of the contact forms.
var formFields = []formField{
	{"firstName", "First name", "text"}, {"lastName", "Last name", "text"}, {"email", "Email", "email"},
	{"phone", "Phone", "tel"}, {"companyName", "Company", "text"}, {"city", "City", "text"}, {"tags", "Tags, separated by commas", "text"},
}

type formField struct{ Name, Label, Type string }

// contactFields reads a contact from a form or from JSON.
func contactFields(r *http.Request) (map[string]any, error) {
	out := map[string]any{}
	if !isForm(r) {
		if err := json.NewDecoder(r.Body).Decode(&out); err != nil {
			return nil, fmt.Errorf("highlevel twin: body is not a JSON object: %w", err)
		}
		return out, nil
	}
	if err := r.ParseMultipartForm(maxBody); err != nil && !strings.Contains(err.Error(), "isn't multipart") {
		return nil, fmt.Errorf("highlevel twin: form: %w", err)
	}
	for key, values := range r.PostForm {
		if len(values) == 0 {
			continue
		}
		if key == "tags" {
			tags := []string{}
			for tag := range strings.SplitSeq(values[0], ",") {
				if tag = strings.TrimSpace(tag); tag != "" {
					tags = append(tags, tag)
				}
			}
			out[key] = tags
			continue
		}
		out[key] = values[0]
	}
	return out, nil
}

func (t *Twin) controlCreate(w http.ResponseWriter, r *http.Request) {
	fields, err := contactFields(r)
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	id, err := t.personCreates(fields)
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	done(w, r, http.StatusCreated, object{"id": id})
}

func (t *Twin) controlEdit(w http.ResponseWriter, r *http.Request) {
	fields, err := contactFields(r)
	if err == nil {
		err = t.PersonEditsContact(r.PathValue("id"), fields)
	}
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	done(w, r, http.StatusOK, object{"id": r.PathValue("id")})
}

func (t *Twin) controlDelete(w http.ResponseWriter, r *http.Request) {
	if err := t.PersonDeletesContact(r.PathValue("id")); err != nil {
		t.refuse(w, r, err)
		return
	}
	done(w, r, http.StatusOK, object{"id": r.PathValue("id")})
}

// controlBook takes a time in the location's own zone, as a form has it, or one with an offset.
func (t *Twin) controlBook(w http.ResponseWriter, r *http.Request) {
	fields, err := contactFields(r)
	if err == nil && isForm(r) {
		start, bad := time.ParseInLocation("2006-01-02T15:04", r.PostForm.Get("startTime"), t.zone())
		if bad != nil {
			err = errors.New("highlevel twin: an appointment needs a day and a time")
		}
		fields["startTime"] = start.Format(time.RFC3339)
	}
	id := ""
	if err == nil {
		if id = t.PersonBooksAppointment(r.PathValue("id"), fields); id == "" {
			err = errors.New("highlevel twin: the appointment was refused")
		}
	}
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	back(w, r, http.StatusCreated, "/_twin/contacts/"+r.PathValue("id"), object{"id": id})
}

// controlAppointment changes an appointment; a status of "deleted" deletes it.
func (t *Twin) controlAppointment(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	fields, err := contactFields(r)
	t.mu.Lock()
	x := t.db.appointments.get(id)
	t.mu.Unlock()
	switch {
	case err != nil:
	case fields["appointmentStatus"] == "deleted":
		err = t.PersonDeletesAppointment(id)
	default:
		err = t.PersonEditsAppointment(id, fields)
	}
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	back(w, r, http.StatusOK, "/_twin/contacts/"+x.ContactID, object{"id": id})
}

// controlFaults replaces all faults; those not named are off.
func (t *Twin) controlFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	if isForm(r) {
		if err := r.ParseForm(); err != nil {
			t.refuse(w, r, fmt.Errorf("highlevel twin: form: %w", err))
			return
		}
		f = faultsOfForm(r.PostForm)
	} else {
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.refuse(w, r, fmt.Errorf("highlevel twin: faults: %w", err))
			return
		}
	}
	t.SetFaults(f)
	done(w, r, http.StatusOK, t.Faults())
}

func faultsOfForm(in url.Values) Faults {
	number := func(name string) int {
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
		LatencyMs: number("latencyMs"), Next429: number("next429"), Next5xx: number("next5xx"), Rate5xx: rate,
		DropAfterCommit: number("dropAfterCommit"), RenewalsLost: number("renewalsLost"), RevokeTokens: in.Has("revokeTokens"), RevokeAccess: in.Has("revokeAccess"),
		LocationInactive: in.Has("locationInactive"), Reconnect: in.Has("reconnect"),
		WebhooksLost: number("webhooksLost"), WebhooksDoubled: number("webhooksDoubled"), WebhookDelayMs: number("webhookDelayMs"),
		SearchLagMs: number("searchLagMs"), MissingScopes: strings.Fields(in.Get("missingScopes")),
		Create422ButCommits: number("create422ButCommits"),
	}
}

func (t *Twin) controlWebhook(w http.ResponseWriter, r *http.Request) {
	var in struct {
		URL string `json:"url"`
	}
	if isForm(r) {
		in.URL = r.PostFormValue("url")
	} else if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		t.refuse(w, r, fmt.Errorf("highlevel twin: body is not a JSON object: %w", err))
		return
	}
	if u, err := url.Parse(in.URL); in.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		t.refuse(w, r, fmt.Errorf("highlevel twin: the webhook URL is not a web address"))
		return
	}
	t.SetWebhookURL(in.URL)
	done(w, r, http.StatusOK, in)
}

type controlView struct {
	Stats      Stats
	Faults     Faults
	Counts     []faultInput
	Scopes     string
	Installed  bool
	Agency     bool
	Places     []string
	WebhookURL string
	Location   string
	Fields     []formField
	Contacts   []contactView
	More       int
}

type faultInput struct {
	Name, Label string
	Value       int
}

func (t *Twin) controlPage(w http.ResponseWriter, _ *http.Request) {
	v := controlView{Stats: t.Stats(), Faults: t.Faults(), Location: locationName, Fields: formFields}
	f := v.Faults
	v.Scopes = strings.Join(f.MissingScopes, " ")
	v.Counts = []faultInput{
		{"latencyMs", "Slow answers (milliseconds)", f.LatencyMs},
		{"next429", "Next calls answered “too many requests”", f.Next429},
		{"next5xx", "Next calls answered with a server error", f.Next5xx},
		{"dropAfterCommit", "Next writes done, but left without an answer", f.DropAfterCommit},
		{"renewalsLost", "Next token renewals done, but left without an answer", f.RenewalsLost},
		{"create422ButCommits", "Next creations done, but answered as refused", f.Create422ButCommits},
		{"webhooksLost", "Next webhooks lost", f.WebhooksLost},
		{"webhooksDoubled", "Next webhooks sent twice", f.WebhooksDoubled},
		{"webhookDelayMs", "Late webhooks (milliseconds)", f.WebhookDelayMs},
		{"searchLagMs", "Search behind by (milliseconds)", f.SearchLagMs},
	}
	t.mu.Lock()
	v.Installed, v.Agency, v.WebhookURL = t.db.installed, t.db.agency, t.db.webhookURL
	for _, p := range t.db.places {
		v.Places = append(v.Places, p.Name)
	}
	sorted := t.db.sortedContacts()
	v.More = max(len(sorted)-recentContacts, 0)
	for _, c := range sorted[:min(recentContacts, len(sorted))] {
		v.Contacts = append(v.Contacts, t.view(c))
	}
	t.mu.Unlock()
	pageHeaders(w, "'self'")
	t.renderPage(w, "control.html", v)
}

func (t *Twin) controlContact(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	c := t.db.contacts[r.PathValue("id")]
	t.mu.Unlock()
	if c == nil {
		pageHeaders(w, "'self'")
		w.WriteHeader(http.StatusNotFound)
		t.renderPage(w, "problem.html", "This contact does not exist. It may have been deleted.")
		return
	}
	type filled struct {
		formField
		Value string
	}
	type booked struct{ ID, Title, Start, Status string }
	page := struct {
		ID, Name     string
		Fields       []filled
		Appointments []booked
		Statuses     []string
	}{ID: c.ID, Name: c.name(), Statuses: append(slices.Clone(appointmentStatuses), "deleted")}
	t.mu.Lock()
	for _, x := range t.db.appointments.list(func(x *appointment) bool { return x.ContactID == c.ID }) {
		page.Appointments = append(page.Appointments, booked{x.ID, x.Title, x.Start.In(t.zone()).Format("2 Jan 2006, 15:04"), x.Status})
	}
	t.mu.Unlock()
	values := map[string]string{"email": c.Email, "phone": c.Phone, "tags": strings.Join(c.Tags, ", ")}
	for _, f := range formFields {
		v := values[f.Name]
		if at := texts[f.Name]; at != nil {
			v = *at(c)
		}
		page.Fields = append(page.Fields, filled{f, v})
	}
	pageHeaders(w, "'self'")
	t.renderPage(w, "contact.html", page)
}

func (t *Twin) renderPage(w http.ResponseWriter, name string, data any) {
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		t.cfg.Logger.Warn("twin page", "page", name, "err", err)
	}
}
