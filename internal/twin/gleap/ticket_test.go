package gleap

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAChangeOfStatusClearsTheAssignee(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	agent := c.twin.agent()
	id := text(c.object(200, "POST", "/tickets", object{"title": "x"}), "id")
	assignee := func(doc object) string { return idOf(doc["processingUser"]) }

	if got := c.object(200, "PUT", "/tickets/"+id, object{"processingUser": agent}); assignee(got) != agent {
		t.Errorf("assigned: %v", got["processingUser"])
	}
	if got := c.object(200, "PUT", "/tickets/"+id, object{"status": "INPROGRESS", "processingUser": agent}); assignee(got) != "" {
		t.Errorf("a combined write: %v", got["processingUser"])
	}
	if got := c.object(200, "PUT", "/tickets/"+id, object{"processingUser": agent}); assignee(got) != agent || text(got, "status") != "INPROGRESS" {
		t.Errorf("the assignee last: %v", got)
	}
	if got := c.object(200, "PUT", "/tickets/"+id, object{"status": "INPROGRESS"}); assignee(got) != agent {
		t.Errorf("the same status again: %v", got["processingUser"])
	}
}

func TestTicketsReadWithTheirContactAndReplaceFormDataAndTags(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	s := text(c.object(200, "POST", "/sessions", object{"name": "Ada", "email": "ada@example.com"}), "id")
	doc := c.object(200, "POST", "/tickets", object{"title": "x", "type": "BUG", "session": s, "tags": []string{"a"},
		"formData": object{"description": "It broke", "severity": "2"}})
	id := text(doc, "id")
	if got := text(doc["session"].(object), "email"); got != "ada@example.com" {
		t.Errorf("session: %v", doc["session"])
	}
	if text(doc, "plainContent") != "It broke" || text(doc, "secretShareToken") == "" || doc["bugId"] != 1.0 {
		t.Errorf("got %v", doc)
	}
	doc = c.object(200, "PUT", "/tickets/"+id, object{"formData": object{"description": "Still"}, "tags": []string{"b"}})
	if diff := cmp.Diff([]any{object{"description": "Still"}, []any{"b"}}, []any{doc["formData"], doc["tags"]}); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"1", text(doc, "shareToken"), id} {
		if got := c.object(200, "GET", "/tickets/"+name, nil); text(got, "id") != id {
			t.Errorf("by %q: %v", name, got)
		}
	}
	c.do(400, "PUT", "/tickets/1", object{"title": "writes need the ObjectId"})
	if got := c.list("/tickets/by-session-query?email=ada@example.com"); len(got) != 1 {
		t.Errorf("by session: %v", got)
	}
	c.do(404, "POST", "/tickets", object{"title": "x", "session": derivedID(7, "none", 7)})
}

func TestMergedTicketsDisappearAndTheirMessagesMove(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	a := c.object(200, "POST", "/tickets/compose", object{"type": "BUG", "title": "a", "message": "one", "email": "a@example.com"})
	b := c.object(200, "POST", "/tickets/compose", object{"type": "BUG", "title": "b", "message": "two", "email": "b@example.com"})
	c.do(200, "PUT", "/tickets/merge", object{"ticketsToMergeIds": []any{b["id"]}, "targetTicketId": a["id"],
		"shouldCreateNewTicket": false, "shouldMergeTasks": false, "shouldMergeContacts": true})
	c.do(404, "GET", "/tickets/"+text(b, "id"), nil)
	if got := c.list("/messages?ticket=" + text(a, "id")); len(got) != 2 {
		t.Errorf("messages: %v", got)
	}
	if got := c.list("/sessions"); len(got) != 1 || text(got[0], "email") != "a@example.com" {
		t.Errorf("contacts: %v", got)
	}
}

func TestNotesReadBackAsTypeNoteWithTheTextInData(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	id := text(c.object(200, "POST", "/tickets", object{"title": "x"}), "id")
	paragraph := object{"type": "paragraph", "content": []any{object{"type": "text", "text": "A node"}}}
	for _, in := range []object{
		{"comment": "A text", "isNote": true, "sendToChannel": false},
		{"comment": paragraph, "isNote": true, "type": "NOTE", "bot": false},
		{"data": object{"content": "In data"}, "isNote": true},
		{"comment": "A reply"},
	} {
		c.clock.pass(time.Second)
		c.do(200, "POST", "/messages", with(in, object{"ticket": id}))
	}
	notes := c.list("/messages?ticket=" + id + "&type=NOTE&sort=-createdAt")
	var got []any
	for _, m := range notes {
		if m["isNote"] != nil || m["comment"] != nil || m["type"] != "NOTE" || text(m, "senderType") != "agent" {
			t.Errorf("got %v", m)
		}
		got = append(got, m["data"].(object)["content"])
	}
	if diff := cmp.Diff([]any{"A text", normal(paragraph), "In data"}, got); diff != "" {
		t.Error(diff)
	}
	ticket := c.object(200, "GET", "/tickets/"+id, nil)
	if got := ticket["latestComment"].(object)["data"].(object)["content"]; got != "A reply" {
		t.Errorf("latestComment: %v", got)
	}
	if text(ticket, "updatedAt") != "2026-03-02T09:00:04.000Z" {
		t.Errorf("updatedAt: %v", ticket["updatedAt"])
	}

	note := text(notes[0], "id")
	c.do(200, "PUT", "/messages/"+note, object{"comment": "Changed"})
	if hits := list(c.object(200, "GET", "/messages/search?searchTerm=changed", nil), "hits"); len(hits) != 1 {
		t.Errorf("hits: %v", hits)
	}
	c.do(204, "DELETE", "/messages/"+note, nil)
	c.do(404, "PUT", "/messages/"+note, object{"comment": "x"})

	var pages []int
	cursor := ""
	for {
		page := c.object(200, "GET", "/messages?ticket="+id+"&paginated=true&limit=2&before="+cursor, nil)
		pages = append(pages, len(list(page, "items")))
		if cursor = text(page, "nextBefore"); page["hasMore"] == false {
			break
		}
	}
	if diff := cmp.Diff([]int{2, 1}, pages); diff != "" {
		t.Error(diff)
	}
}
