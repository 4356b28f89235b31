package gleap

import (
	"net/http"
	"slices"
	"strings"
)

// recent is how many contacts and tickets the page lists.
const recent = 40

type field struct{ Name, Label, Type, Value string }

// contactInputs are the inputs of the contact forms, filled from a contact.
func contactInputs(doc object) []field {
	var tags []string
	for _, tag := range list(doc, "tags") {
		if s, isText := tag.(string); isText {
			tags = append(tags, s)
		}
	}
	return []field{
		{"name", "Name", "text", text(doc, "name")}, {"email", "Email", "email", text(doc, "email")},
		{"phone", "Phone", "tel", text(doc, "phone")}, {"plan", "Plan", "text", text(doc, "plan")},
		{"company", "Company", "text", text(doc, "companyName")},
		{"tags", "Tags, separated by commas", "text", strings.Join(tags, ", ")},
	}
}

type contactRow struct {
	ID, Name, Email, Phone, Plan, Company, Updated string
	Tags                                           []any
}

// short is a stamp for a person's eye.
func (r contactRow) When() string { return short(r.Updated) }
func (r ticketRow) When() string  { return short(r.Updated) }

func short(at string) string { return strings.Replace(at[:min(16, len(at))], "T", " ", 1) }

type ticketRow struct{ ID, Title, Type, Status, Contact, Updated string }

type controlView struct {
	Said       string
	Project    string
	Stats      Stats
	Faults     Faults
	Counts     []countInput
	Switches   []switchInput
	WebhookURL string
	Fields     []field
	Types      []string
	Contacts   []contactRow
	More       int
	Tickets    []ticketRow
}

type countInput struct {
	Name, Label string
	Value       int
}

type switchInput struct {
	Name, Label string
	On          bool
}

func nameOf(doc object) string {
	for _, name := range []string{"name", "email"} {
		if s := text(doc, name); s != "" {
			return s
		}
	}
	return "Guest"
}

func typeNames() []string {
	names := make([]string, len(ticketTypes))
	for i, typ := range ticketTypes {
		names[i] = typ.name
	}
	return names
}

func (t *Twin) controlPage(w http.ResponseWriter, r *http.Request) {
	v := controlView{Said: confirmations[r.URL.Query().Get("done")], Project: projectName, Stats: t.Stats(), Faults: t.Faults(),
		Fields: contactInputs(nil), Types: typeNames()}
	f := v.Faults
	v.Counts = []countInput{
		{"latencyMs", "Slow answers (milliseconds)", f.LatencyMs},
		{"next429", "Next calls answered “too many requests”", f.Next429},
		{"next5xx", "Next calls answered with a server error", f.Next5xx},
		{"next409", "Next calls answered with a database time-out", f.Next409},
		{"dropAfterCommit", "Next writes done, but left without an answer", f.DropAfterCommit},
		{"emptyList", "Next lists answered empty", f.EmptyList},
		{"webhooksLost", "Next webhooks lost", f.WebhooksLost},
		{"webhooksDoubled", "Next webhooks sent twice", f.WebhooksDoubled},
		{"webhookDelayMs", "Late webhooks (milliseconds)", f.WebhookDelayMs},
	}
	v.Switches = []switchInput{
		{"ignoreUpdatedAtFilter", "Lists ignore the filter on the time of change", f.IgnoreUpdatedAtFilter},
		{"revokeAccess", "Access tokens given so far are revoked", f.RevokeAccess},
		{"revokeTokens", "The API key and all tokens given so far are revoked", f.RevokeTokens},
	}
	t.mu.Lock()
	v.WebhookURL = t.db.webhookURL
	contacts, tickets := t.db.sessions.all(), t.db.tickets.all()
	slices.Reverse(contacts)
	slices.Reverse(tickets)
	v.More = max(len(contacts)-recent, 0)
	for _, doc := range contacts[:min(recent, len(contacts))] {
		v.Contacts = append(v.Contacts, contactRow{text(doc, "_id"), nameOf(doc), text(doc, "email"), text(doc, "phone"),
			text(doc, "plan"), text(doc, "companyName"), text(doc, "updatedAt"), list(doc, "tags")})
	}
	for _, doc := range tickets[:min(recent, len(tickets))] {
		row := ticketRow{ID: text(doc, "_id"), Title: text(doc, "title"), Type: text(doc, "type"), Status: text(doc, "status"), Updated: text(doc, "updatedAt")}
		if s := t.db.sessions.get(text(doc, "session")); s != nil {
			row.Contact = nameOf(s)
		}
		v.Tickets = append(v.Tickets, row)
	}
	t.mu.Unlock()
	t.renderPage(w, http.StatusOK, "'self'", "control.html", v)
}

func (t *Twin) contactPage(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	doc := t.db.sessions.get(r.PathValue("id"))
	t.mu.Unlock()
	if doc == nil {
		t.renderPage(w, http.StatusNotFound, "'self'", "problem.html", "This contact does not exist. It may have been deleted.")
		return
	}
	t.renderPage(w, http.StatusOK, "'self'", "contact.html", struct {
		ID, Name string
		Fields   []field
		Types    []string
	}{text(doc, "_id"), nameOf(doc), contactInputs(doc), typeNames()})
}

func (t *Twin) ticketPage(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	doc := t.db.tickets.get(r.PathValue("id"))
	var messages []field
	if doc != nil {
		for _, m := range t.db.messages.by("ticket", text(doc, "_id")) {
			messages = append(messages, field{Name: text(m, "type"), Label: text(m, "createdAt"), Value: plainText(m["data"])})
		}
	}
	t.mu.Unlock()
	if doc == nil {
		t.renderPage(w, http.StatusNotFound, "'self'", "problem.html", "This ticket does not exist. It may have been deleted or merged.")
		return
	}
	t.renderPage(w, http.StatusOK, "'self'", "ticket.html", struct {
		ID, Title, Priority string
		Fields              []field
		Priorities          []string
		Messages            []field
	}{
		text(doc, "_id"), text(doc, "title"), text(doc, "priority"),
		[]field{
			{"title", "Title", "text", text(doc, "title")}, {"type", "Type", "text", text(doc, "type")},
			{"status", "Status", "text", text(doc, "status")},
		}, priorities, messages,
	})
}
