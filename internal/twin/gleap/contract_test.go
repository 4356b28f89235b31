package gleap

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// exemption is one place where a file and the wire disagree. Nothing else is
// excused: an operation of the curated file that is neither exercised nor
// listed here fails the test, and so does an exemption that is not needed.
type exemption struct {
	file   string // "curated" or "official"
	where  string
	reason string
	patch  func(*openapi3.T) int // how often it applied
}

var exemptions = []exemption{
	{"curated", "Ticket.processingUser", "Ticket inherits the write type (string) of TicketWrite, while the read is said to be expanded (gleap.md §8)",
		func(doc *openapi3.T) int {
			doc.Components.Schemas["TicketWrite"].Value.Properties["processingUser"].Value.Type = nil
			return 1
		}},
	{"curated", "Message.comment", "null on read (gleap.md §9), and an untyped schema does not allow null in OpenAPI 3.0",
		func(doc *openapi3.T) int {
			doc.Components.Schemas["Message"].Value.Properties["comment"].Value.Nullable = true
			return 1
		}},
	{"official", "8 operations without their path parameter", "SOURCES.md: the file does not validate as it is", declarePathParams},
	{"official", "repeated operationIds", "SOURCES.md: Create x3, Update, UpdateTeam and others", uniqueOperationIDs},
	{"official", "inline ObjectId objects", "SOURCES.md: ids print as Mongoose ObjectId objects and are 24-hex strings on the wire", plainIDs},
	{"official", "GET /messages limit example", "the example of a number is the text \"50\"",
		func(doc *openapi3.T) int {
			limit := doc.Paths.Value("/messages").Get.Parameters.GetByInAndName("query", "limit")
			if limit.Example != "50" {
				return 0
			}
			limit.Example = 50
			return 1
		}},
	{"official", "GET /messages nextBefore", "an untyped nextBefore does not allow null in OpenAPI 3.0; the first page has none (curated: nullable)",
		func(doc *openapi3.T) int {
			for _, either := range doc.Paths.Value("/messages").Get.Responses.Value("200").Value.Content["application/json"].Schema.Value.AnyOf {
				if p := either.Value.Properties["nextBefore"]; p != nil {
					p.Value.Nullable = true
					return 1
				}
			}
			return 0
		}},
	{"official", "GET /sessions/export", "declared as application/json of anything; a catalogue says it is a CSV download (curated: text/csv)",
		func(doc *openapi3.T) int {
			content := doc.Paths.Value("/sessions/export").Get.Responses.Value("200").Value.Content
			content["text/csv"] = &openapi3.MediaType{Schema: openapi3.NewStringSchema().NewRef()}
			return 1
		}},
}

func declarePathParams(doc *openapi3.T) int {
	n := 0
	for path, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			missing := false
			for _, segment := range split(path) {
				name, isParam := strings.CutPrefix(segment, "{")
				name = strings.TrimSuffix(name, "}")
				if isParam && op.Parameters.GetByInAndName("path", name) == nil && item.Parameters.GetByInAndName("path", name) == nil {
					p := openapi3.NewPathParameter(name).WithSchema(openapi3.NewStringSchema())
					op.Parameters = append(op.Parameters, &openapi3.ParameterRef{Value: p})
					missing = true
				}
			}
			if missing {
				n++
			}
		}
	}
	return n
}

func uniqueOperationIDs(doc *openapi3.T) int {
	n, seen := 0, map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if seen[op.OperationID] {
				op.OperationID += " " + method + " " + path
				n++
			}
			seen[op.OperationID] = true
		}
	}
	return n
}

func plainIDs(doc *openapi3.T) int {
	n, seen := 0, map[*openapi3.Schema]bool{}
	var walk func(*openapi3.SchemaRef)
	walk = func(ref *openapi3.SchemaRef) {
		if ref == nil || ref.Value == nil || seen[ref.Value] {
			return
		}
		s := ref.Value
		seen[s] = true
		if s.Properties["createFromHexString"] != nil {
			*s = *openapi3.NewStringSchema()
			n++
			return
		}
		for _, p := range s.Properties {
			walk(p)
		}
		for _, all := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
			for _, one := range all {
				walk(one)
			}
		}
		walk(s.Items)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, response := range op.Responses.Map() {
				for _, media := range response.Value.Content {
					walk(media.Schema)
				}
			}
		}
	}
	for _, s := range doc.Components.Schemas {
		walk(s)
	}
	return n
}

// specs finds the specifications beside the repository.
func specs(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CROSSWALK_SPECS")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			parent := filepath.Dir(root)
			if parent == root {
				t.Fatal("no go.mod above the test")
			}
			root = parent
		}
		dir = filepath.Join(root, "..", "shared", "specs")
	}
	if _, err := os.Stat(filepath.Join(dir, "gleap")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the specifications are not there: set CROSSWALK_SPECS")
		}
		t.Skip("the specifications are not there: set CROSSWALK_SPECS to the directory that holds gleap/")
	}
	return filepath.Join(dir, "gleap")
}

func loadSpec(t *testing.T, file, name string) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(specs(t), name))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range exemptions {
		if e.file == file && e.patch(doc) == 0 {
			t.Errorf("exemption %q of the %s file is not needed any more (%s)", e.where, e.file, e.reason)
		}
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("%s file: %v", file, err)
	}
	return doc
}

// contract checks answers against the files that declare their operation.
type contract struct {
	*client
	files map[string]*openapi3.T
	done  map[string]bool // "METHOD /path" of the files
}

// call sends a request and checks it and its answer. pattern is the path as
// the files write it, path the one sent.
func (c *contract) call(method, pattern, path string, body any, headers ...string) any {
	c.t.Helper()
	sent := path
	if strings.HasPrefix(pattern, "/admin/") {
		sent = "/" + path
	}
	r, err := c.send(method, sent, body, headers...)
	if err != nil {
		c.t.Fatal(err)
	}
	if r.status >= 300 {
		c.t.Fatalf("%s %s: %d %s", method, path, r.status, r.raw)
	}
	c.done[method+" "+pattern] = true
	var out any
	kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	if kind == "application/json" {
		if err := json.Unmarshal(r.raw, &out); err != nil {
			c.t.Fatal(err)
		}
	} else {
		out = string(r.raw)
	}
	declared := false
	for name, doc := range c.files {
		item := doc.Paths.Value(pattern)
		if item == nil || item.GetOperation(method) == nil {
			continue
		}
		declared = true
		op := item.GetOperation(method)
		if op.RequestBody != nil && body != nil {
			if media := op.RequestBody.Value.Content["application/json"]; media != nil && media.Schema != nil {
				if err := media.Schema.Value.VisitJSON(normal(body), openapi3.VisitAsRequest()); err != nil {
					c.t.Errorf("%s: %s %s: request: %v", name, method, path, err)
				}
			}
		}
		response := op.Responses.Status(r.status)
		if response == nil {
			c.t.Errorf("%s: %s %s: status %d is not declared", name, method, path, r.status)
			continue
		}
		if len(response.Value.Content) == 0 {
			continue
		}
		media := response.Value.Content[kind]
		switch {
		case media == nil:
			c.t.Errorf("%s: %s %s: content type %q is not declared", name, method, path, kind)
		case media.Schema != nil:
			if err := media.Schema.Value.VisitJSON(out, openapi3.VisitAsResponse()); err != nil {
				c.t.Errorf("%s: %s %s: answer: %v", name, method, path, err)
			}
		}
	}
	if !declared {
		c.t.Errorf("no file declares %s %s", method, pattern)
	}
	return out
}

func TestAnswersKeepToTheSpecifications(t *testing.T) {
	t.Parallel()
	curated := loadSpec(t, "curated", "gleap.curated.openapi.yaml")
	official := loadSpec(t, "official", "gleap-rest-api-openapi.yml")
	c := &contract{client: start(t, Config{Seed: 3, Rate: Rate{-1, -1}}), files: map[string]*openapi3.T{"curated": curated, "official": official}, done: map[string]bool{}}
	c.twin.SeedContacts(12)
	id := func(v any) string { return text(v.(object), "id") }
	legacy := []string{"Api-Token", c.ready.Token, "Authorization", "", "Project", ""}

	s := id(c.call("POST", "/sessions", "/sessions", object{
		"userId": "u-1", "email": "ada@example.com", "name": "Ada Lovelace", "phone": "030 1234", "tags": []string{"vip"}, "value": 12.5,
		"customData": object{"seats": 3, "role": "owner", "trial": false}, "companyName": "Engines", "plan": "pro"}))
	c.call("GET", "/sessions", "/sessions?limit=20&sort=-updatedAt", nil)
	c.call("GET", "/sessions/{sessionId}", "/sessions/"+s, nil)
	c.call("PUT", "/sessions/{sessionId}", "/sessions/"+s, object{"name": "Ada King", "unsubscribed": false})
	c.call("GET", "/sessions/search", "/sessions/search?searchTerm=ada", nil)
	c.call("GET", "/sessions/by-user-id/{userId}", "/sessions/by-user-id/u-1", nil)
	c.call("GET", "/sessions/export", "/sessions/export", nil)
	c.call("POST", "/sessions/importer", "/sessions/importer", []object{{"email": "new@example.com"}})
	c.call("POST", "/sessions/unsubscribe", "/sessions/unsubscribe", object{"sessions": []object{{"userId": "u-1"}}, "reason": "asked"})
	c.call("GET", "/sessions/{sessionId}", "/sessions/"+s, nil)
	c.call("PUT", "/sessions/{sessionId}/resubscribe", "/sessions/"+s+"/resubscribe", object{})
	for _, part := range []string{"activities", "events", "identity-history", "checklists", "memory", "stripe", "chargebee", "lemonsqueezy", "shopify"} {
		c.call("GET", "/sessions/{sessionId}/"+part, "/sessions/"+s+"/"+part, nil)
	}
	c.call("POST", "/sessions/warmup", "/sessions/warmup", nil)

	k := id(c.call("POST", "/tickets", "/tickets", object{"title": "Login", "type": "BUG", "session": s, "priority": "HIGH",
		"formData": object{"description": "Unresponsive"}, "dueDate": "2026-04-01T00:00:00.000Z"}))
	other := id(c.call("POST", "/tickets/compose", "/tickets/compose", object{"type": "INQUIRY", "title": "Hello", "message": "Hi", "email": "ada@example.com"}))
	third := id(c.call("POST", "/tickets/tracker-tickets", "/tickets/tracker-tickets", object{"title": "Track", "type": "BUG", "linkedTicketIds": []string{k}}))
	c.call("PUT", "/tickets/{ticketId}", "/tickets/"+k, object{"processingUser": c.twin.agent()})
	c.call("GET", "/tickets", "/tickets?limit=5", nil)
	c.call("GET", "/tickets/{ticketId}", "/tickets/"+k, nil)
	c.call("GET", "/tickets/search", "/tickets/search?searchTerm=login", nil)
	c.call("GET", "/tickets/extendedsearch", "/tickets/extendedsearch?searchTerm=login", nil)
	c.call("GET", "/tickets/by-session-query", "/tickets/by-session-query?email=ada@example.com", nil)
	c.call("GET", "/tickets/ticketscount", "/tickets/ticketscount", nil)
	c.call("GET", "/tickets/export", "/tickets/export", nil)
	c.call("GET", "/tickets/export-fields", "/tickets/export-fields?type=BUG", nil)
	c.call("GET", "/tickets/tracker-tickets", "/tickets/tracker-tickets", nil)
	c.call("PUT", "/tickets/{ticketId}/link", "/tickets/"+k+"/link", object{"targetTicketId": other})
	c.call("PUT", "/tickets/{ticketId}/unlink", "/tickets/"+k+"/unlink", object{"targetTicketId": other})
	c.call("PUT", "/tickets/{ticketId}/archive", "/tickets/"+k+"/archive", nil)
	c.call("PUT", "/tickets/{ticketId}/unarchive", "/tickets/"+k+"/unarchive", nil)
	c.call("PUT", "/tickets/{ticketId}/snooze", "/tickets/"+k+"/snooze", object{"duration": 30})
	c.call("POST", "/tickets/{ticketId}/workflow", "/tickets/"+k+"/workflow", object{"workflowId": "w1"})
	c.call("POST", "/tickets/{ticketId}/vote", "/tickets/"+k+"/vote", object{"email": "ada@example.com", "action": "toggle"})
	c.call("POST", "/tickets/{ticketId}/send-to-integration", "/tickets/"+k+"/send-to-integration", object{"integrationType": "jira", "integrationId": "1"})
	c.call("POST", "/tickets/{ticketId}/typing", "/tickets/"+k+"/typing", object{"typing": true})
	c.call("POST", "/tickets/{ticketId}/viewing", "/tickets/"+k+"/viewing", object{"viewing": true})
	for _, part := range []string{"activity-logs", "console-logs", "network-logs"} {
		c.call("GET", "/tickets/{ticketId}/"+part, "/tickets/"+k+"/"+part, nil)
	}

	m := id(c.call("POST", "/messages", "/messages", object{"ticket": k, "isNote": true, "sendToChannel": false, "comment": "From the CRM"}))
	c.call("GET", "/messages", "/messages?ticket="+k, nil)
	c.call("GET", "/messages", "/messages?ticket="+k+"&paginated=true&limit=1", nil)
	c.call("GET", "/messages/search", "/messages/search?searchTerm=crm", nil)
	c.call("PUT", "/messages/{messageId}", "/messages/"+m, object{"comment": "Changed"})
	c.call("GET", "/tickets/{ticketId}", "/tickets/"+k, nil)
	c.call("DELETE", "/messages/{messageId}", "/messages/"+m, nil)

	c.call("PUT", "/tickets/merge", "/tickets/merge", object{"ticketsToMergeIds": []string{other}, "targetTicketId": k,
		"shouldCreateNewTicket": false, "shouldMergeTasks": false, "shouldMergeContacts": true})
	c.call("PUT", "/tickets/archive/all", "/tickets/archive/all", object{"type": "BUG", "status": "OPEN"})
	c.call("DELETE", "/tickets/{ticketId}", "/tickets/"+third, nil)

	c.call("GET", "/teams", "/teams", nil)
	team := id(c.call("POST", "/teams", "/teams", object{"name": "Night", "assignmentMethod": "random", "members": []string{}}))
	c.call("PUT", "/teams/{teamId}", "/teams/"+team, object{"name": "Late", "assignmentMethod": "manual", "members": []string{}})
	c.call("DELETE", "/teams/{teamId}", "/teams/"+team, nil)
	c.call("GET", "/projects/users", "/projects/users", nil)
	c.call("GET", "/projects", "/projects", nil)
	c.call("GET", "/projects/{projectId}", "/projects/"+c.ready.ProjectID, nil)
	c.call("GET", "/users/me", "/users/me", nil)
	c.call("GET", "/users/me/permissions", "/users/me/permissions", nil)
	c.call("GET", "/engagements/{engagementId}/recipients", "/engagements/507f1f77bcf86cd799439011/recipients", nil)
	c.call("GET", "/engagement/surveys/{surveyId}/responses", "/engagement/surveys/507f1f77bcf86cd799439011/responses", nil)
	c.call("GET", "/statistics/raw-data", "/statistics/raw-data?startDate=2020-01-01&endDate=2030-01-01", nil)
	c.call("POST", "/admin/identify", "/admin/identify", object{"userId": "u-2", "name": "Bea", "createdAt": "2024-01-01T00:00:00.000Z", "seats": 4}, legacy...)
	c.call("POST", "/admin/track", "/admin/track", object{"events": []object{{"name": "login", "userId": "u-2", "date": "2026-01-01T00:00:00.000Z"}}}, legacy...)
	c.call("GET", "/admin/auth", "/admin/auth", nil, legacy...)
	c.call("DELETE", "/admin/contacts/{userId}", "/admin/contacts/u-2", nil, legacy...)
	c.call("DELETE", "/sessions/{sessionId}", "/sessions/"+s, nil)

	for path, item := range curated.Paths.Map() {
		for method := range item.Operations() {
			if !c.done[method+" "+path] {
				t.Errorf("%s %s of the curated file was not exercised", method, path)
			}
		}
	}
	for _, routes := range c.twin.routes.bySize {
		for _, r := range routes {
			if !c.done[r.method+" "+r.pattern] {
				t.Errorf("route %s %s was not exercised", r.method, r.pattern)
			}
		}
	}
}
