package highlevel

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// operation is one call of the API: its words for errors, and the scope it needs (§4, §5), so that a refusal can
// name what is missing, which HighLevel's answer does not.
type operation struct {
	words, method, scope string
}

const (
	readContacts     = "contacts.readonly"
	writeContacts    = "contacts.write"
	readLocation     = "locations.readonly"
	readCustomFields = "locations/customFields.readonly"
	readTags         = "locations/tags.readonly"
	readTasks        = "locations/tasks.readonly"
	readUsers        = "users.readonly"
	readCalendars    = "calendars.readonly"
	readAppointments = "calendars/events.readonly"
)

var (
	opGetContact    = operation{"read contact", http.MethodGet, readContacts}
	opSearch        = operation{"list contacts", http.MethodPost, readContacts}
	opDuplicate     = operation{"find contact", http.MethodGet, readContacts}
	opCreateContact = operation{"create contact", http.MethodPost, writeContacts}
	opUpdateContact = operation{"update contact", http.MethodPut, writeContacts}
	opUpsertContact = operation{"set the company of a contact", http.MethodPost, writeContacts}
	opDeleteContact = operation{"delete contact", http.MethodDelete, writeContacts}
	opAddTags       = operation{"add tags", http.MethodPost, writeContacts}
	opRemoveTags    = operation{"remove tags", http.MethodDelete, writeContacts}
	opCustomFields  = operation{"read custom fields", http.MethodGet, readCustomFields}
	opLocation      = operation{"read the sub-account", http.MethodGet, readLocation}
	opTags          = operation{"list tags", http.MethodGet, readTags}
	opUsers         = operation{"list users", http.MethodGet, readUsers}
	opGetUser       = operation{"read user", http.MethodGet, readUsers}
	opListTasks     = operation{"list tasks", http.MethodPost, readTasks}
	opTasksOf       = operation{"list tasks of a contact", http.MethodGet, readContacts}
	opGetTask       = operation{"read task", http.MethodGet, readContacts}
	opCreateTask    = operation{"create task", http.MethodPost, writeContacts}
	opUpdateTask    = operation{"update task", http.MethodPut, writeContacts}
	opDeleteTask    = operation{"delete task", http.MethodDelete, writeContacts}
	opNotesOf       = operation{"list notes of a contact", http.MethodGet, readContacts}
	opGetNote       = operation{"read note", http.MethodGet, readContacts}
	opCreateNote    = operation{"create note", http.MethodPost, writeContacts}
	opUpdateNote    = operation{"update note", http.MethodPut, writeContacts}
	opDeleteNote    = operation{"delete note", http.MethodDelete, writeContacts}

	opCalendars      = operation{"list calendars", http.MethodGet, readCalendars}
	opAppointments   = operation{"list appointments", http.MethodGet, readAppointments}
	opGetAppointment = operation{"read appointment", http.MethodGet, readAppointments}
	opAppointmentsOf = operation{"list appointments of a contact", http.MethodGet, readContacts}
)

// scopeOf finds the scope of an operation by its words.
var scopeOf = func() map[string]string {
	m := map[string]string{}
	for _, op := range []operation{
		opGetContact, opSearch, opDuplicate, opCreateContact, opUpdateContact, opUpsertContact, opDeleteContact,
		opAddTags, opRemoveTags, opCustomFields, opLocation, opTags, opUsers, opGetUser, opListTasks, opTasksOf, opGetTask, opCreateTask,
		opUpdateTask, opDeleteTask, opNotesOf, opGetNote, opCreateNote, opUpdateNote, opDeleteNote,
		opCalendars, opAppointments, opGetAppointment, opAppointmentsOf,
	} {
		m[op.words] = op.scope
	}
	return m
}()

// do calls op. Search is a POST that changes nothing.
func (c *Client) do(ctx context.Context, op operation, path string, query url.Values, body any, out any) error {
	_, err := c.api.Do(ctx, apiclient.Request{
		Op: op.words, Method: op.method, Path: path, RawQuery: query.Encode(), Body: body,
		Write: op.scope == writeContacts,
	}, out)
	return err
}

// path joins segments, escaping each: ids are opaque (§1).
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		s = url.PathEscape(s)
		if s == "." || s == ".." { // would climb to another operation
			s = strings.ReplaceAll(s, ".", "%2E")
		}
		b.WriteString("/" + s)
	}
	return b.String()
}

var (
	notFoundWords = regexp.MustCompile(`(?i)\bwith id\b.*\bnot found\b|\bnot found\b.*\bid\b|^[a-z ]*\bnot found\b`)
	aboutProperty = regexp.MustCompile(`^property (\S+) should not exist$`)
	leadingName   = regexp.MustCompile(`^([A-Za-z_][\w.]*) `)
)

// classify reads HighLevel's refusals: §6. What it leaves Unknown goes by the status.
func (c *Client) classify(op string, resp *apiclient.Response) *provider.Error {
	body := decode(resp.Body)
	messages := complaints(body)
	text := strings.Join(messages, "; ")
	lower := strings.ToLower(text)
	e := &provider.Error{Detail: text, TraceID: body.text("traceId")}
	switch {
	case strings.Contains(lower, "location is not active"):
		// Not a dead credential: it works again when the location does (§2.3).
		e.Kind, e.RetryAfter = provider.Unavailable, 15*time.Minute
	case resp.Status == http.StatusUnauthorized && strings.Contains(lower, "not authorized for this scope"):
		e.Kind, e.Scope = provider.Forbidden, scopeOf[op]
	case resp.Status == http.StatusUnauthorized && strings.Contains(lower, "version header"):
		// Nothing is wrong with the credential, nor with what was asked: something on the way took the header, or a version
		// was retired (§1). What cannot be done now waits.
		e.Kind = provider.Unavailable
	case strings.Contains(lower, "does not allow duplicated"):
		e.Kind = provider.Duplicate
		if id := body.object("meta").text("contactId"); id != "" {
			e.Existing = c.ref(record.Contact, id)
		}
	case resp.Status == http.StatusBadRequest && notFoundWords.MatchString(text):
		// An unknown contact is a 400 (§6).
		e.Kind = provider.NotFound
	case resp.Status == http.StatusNotFound && strings.HasPrefix(lower, "cannot "):
		// What a path of another version answers (§1): the operation is missing, not the record.
		e.Kind = provider.Unsupported
	case resp.Status == http.StatusUnprocessableEntity:
		e.Kind, e.Fields = provider.Invalid, byField(messages)
	}
	return e
}

// complaints reads message, then error, then detail, each a string, a list or an object with a message: §6.
func complaints(body raw) []string {
	for _, key := range []string{"message", "error", "detail", "error_description"} {
		switch x := body[key].(type) {
		case string:
			if x != "" {
				return []string{x}
			}
		case []any:
			if list := body.texts(key, "message"); len(list) > 0 {
				return list
			}
		case map[string]any:
			if list := complaints(x); len(list) > 0 {
				return list
			}
		}
	}
	return nil
}

// byField sorts the validator's sentences under the fields they speak of.
func byField(messages []string) map[string]string {
	var out map[string]string
	for _, m := range messages {
		name := ""
		if found := aboutProperty.FindStringSubmatch(m); found != nil {
			name = found[1]
		} else if found := leadingName.FindStringSubmatch(m); found != nil {
			name = found[1]
		}
		if _, ok := contactFieldByWrite(name); !ok && !strings.HasPrefix(name, "customFields.") {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		if old := out[name]; old != "" {
			m = old + "; " + m
		}
		out[name] = m
	}
	return out
}

// rawList decodes a listing without minding its members.
type rawList struct {
	Contacts []json.RawMessage `json:"contacts"`
	Total    any               `json:"total"`
}
