package gleap

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestASecondCreateWithTheSameUserIDGivesTheSameContactUnchanged(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	first := c.object(200, "POST", "/sessions", object{"userId": "u1", "name": "Ada"})
	again := c.object(200, "POST", "/sessions", object{"userId": "u1", "name": "Somebody"})
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	if got := c.twin.Stats().Writes; got != 1 {
		t.Errorf("%d writes, want 1", got)
	}
	for range 2 { // an email is not unique
		c.do(200, "POST", "/sessions", object{"email": "same@example.com"})
	}
	if got := len(c.list("/sessions?email=same@example.com")); got != 2 {
		t.Errorf("%d contacts with the email, want 2", got)
	}
}

func TestUpdatesReplaceTagsAndCustomDataAndTouchUpdatedAt(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	id := text(c.object(200, "POST", "/sessions", object{"name": "Ada", "phone": "1", "tags": []string{"a", "b"}, "customData": object{"x": 1, "y": 2}}), "id")
	c.clock.pass(1500 * time.Millisecond)
	got := c.object(200, "PUT", "/sessions/"+id, object{"tags": []string{"c"}, "customData": object{"y": 3}, "phone": nil})
	for name, want := range map[string]any{
		"name": "Ada", "tags": []any{"c"}, "customData": object{"y": 3.0}, "phone": nil,
		"createdAt": "2026-03-02T09:00:00.000Z", "updatedAt": "2026-03-02T09:00:01.500Z", "_id": id,
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if text(got, "gleapHash") == "" || text(got, "gleapId") == "" || text(got, "project") != c.ready.ProjectID {
		t.Errorf("the session pair or the project is missing: %v", got)
	}
	if _, shown := got["identityHistory"]; shown {
		t.Error("identityHistory has its own endpoint")
	}
}

func TestIdentityHistoryKeepsWhatTheContactWasCalled(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	id := text(c.object(200, "POST", "/sessions", object{"name": "Ada"}), "id")
	c.do(200, "PUT", "/sessions/"+id, object{"name": "Ada King", "email": "ada@example.com", "plan": "pro"})
	c.do(200, "PUT", "/sessions/"+id, object{"plan": "free"})
	history := list(c.object(200, "GET", "/sessions/"+id+"/identity-history", nil), "history")
	if len(history) != 1 {
		t.Fatalf("got %v", history)
	}
	want := object{"name": object{"from": "Ada", "to": "Ada King"}, "email": object{"from": "", "to": "ada@example.com"}}
	if diff := cmp.Diff(want, history[0].(object)["changes"]); diff != "" {
		t.Error(diff)
	}
}

func TestRefusalsHaveTheShapesSeenLive(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	id := text(c.object(200, "POST", "/sessions", object{"name": "Ada"}), "id")
	gone := derivedID(9, "gone", 9)
	for _, tt := range []struct {
		name, method, path string
		body               any
		headers            []string
		status             int
		want               string
	}{
		{"no key", "GET", "/sessions", nil, []string{"Authorization", ""}, 401, `{"error":{"message":"Unauthorized."}}`},
		{"a wrong key", "GET", "/sessions", nil, []string{"Authorization", "Bearer x"}, 401, `{"error":{"message":"Invalid token."}}`},
		{"no project", "GET", "/sessions", nil, []string{"Project", ""}, 400, `Project header is required`},
		{"a wrong project", "GET", "/sessions", nil, []string{"Project", gone}, 403, `{"error":{"message":"You do not have access to this project."}}`},
		{"an unknown contact", "GET", "/sessions/" + gone, nil, nil, 404, `{"error":{"message":"Session not found."}}`},
		{"an unknown user id", "GET", "/sessions/by-user-id/nobody", nil, nil, 404, `{"error":{"message":"Session not found."}}`},
		{"an id that is none", "GET", "/sessions/12", nil, nil, 400, `Cast to ObjectId failed for value "12" (type string) at path "_id"`},
		{"createdAt is not in the DTO", "POST", "/sessions", object{"createdAt": "2026-01-01"}, nil, 400,
			`{"fields":{"requestBody.createdAt":{"message":"\"createdAt\" is an excess property and therefore is not allowed","value":"createdAt"}}}`},
		{"a number for a text", "PUT", "/sessions/" + id, object{"name": 1}, nil, 400,
			`{"fields":{"requestBody.name":{"message":"invalid string value","value":1}}}`},
		{"a missing field", "POST", "/tickets/compose", object{"type": "BUG"}, nil, 400,
			`{"fields":{"requestBody.title":{"message":"'title' is required"}}}`},
		{"a priority that is none", "POST", "/tickets", object{"priority": "URGENT"}, nil, 400,
			`{"fields":{"requestBody.priority":{"message":"should be one of the following; ['LOW','MEDIUM','HIGH']","value":"URGENT"}}}`},
		{"there is no PATCH", "PATCH", "/sessions/" + id, object{"name": "x"}, nil, 404, `Cannot PATCH /v3/sessions/` + id},
		{"a legacy call without its token", "POST", "//admin/identify", object{"userId": "u"}, nil, 401, `{"error":{"message":"Api token is invalid."}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := *c
			c.t = t
			r := c.do(tt.status, tt.method, tt.path, tt.body, tt.headers...)
			if diff := cmp.Diff(tt.want, string(r.raw)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheKeyNamesTheProjectAndMeNeedsNoProjectHeader(t *testing.T) {
	t.Parallel()
	c := start(t, Config{Seed: 4})
	me := c.object(200, "GET", "/users/me", nil, "Project", "")
	if text(me, "userType") != "service_account" {
		t.Errorf("got %v", me)
	}
	other, err := New(Config{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := c.twin.Ready("http://x"), other.Ready("http://x"); a != b {
		t.Errorf("the same seed gives %v and %v", a, b)
	}
}

func TestIdentifyCreatesThenMergesAndSetsCreatedAt(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	token := []string{"Api-Token", c.ready.Token}
	c.do(200, "POST", "//admin/identify", object{"userId": "a/b c", "name": "Ada", "createdAt": "2020-05-06T07:08:09.000Z", "seats": 3}, token...)
	c.do(200, "POST", "//admin/identify", object{"userId": "a/b c", "email": "ada@example.com", "role": "owner"}, token...)
	got := c.object(200, "GET", "/sessions/by-user-id/a%2Fb%20c", nil)
	for name, want := range map[string]any{
		"name": "Ada", "email": "ada@example.com", "createdAt": "2020-05-06T07:08:09.000Z", "customData": object{"seats": 3.0, "role": "owner"},
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	c.do(200, "POST", "//admin/track", object{"events": []object{{"name": "paid", "userId": "a/b c"}}}, token...)
	events := c.list("/sessions/" + text(got, "id") + "/events")
	if len(events) != 1 || text(events[0], "name") != "paid" {
		t.Errorf("events: %v", events)
	}
	c.do(200, "DELETE", "//admin/contacts/a%2Fb%20c", nil, token...)
	c.do(404, "GET", "/sessions/by-user-id/a%2Fb%20c", nil)
}

func TestADeletedContactIsGoneAndItsTicketStays(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	id := text(c.object(200, "POST", "/sessions", object{"name": "Ada"}), "id")
	ticket := text(c.object(200, "POST", "/tickets", object{"title": "x", "session": id}), "id")
	if r := c.do(204, "DELETE", "/sessions/"+id, nil); len(r.raw) != 0 {
		t.Errorf("a 204 with %q", r.raw)
	}
	c.do(404, "DELETE", "/sessions/"+id, nil)
	if got := c.object(200, "GET", "/tickets/"+ticket, nil); got["session"] != nil {
		t.Errorf("session: %v", got["session"])
	}
}
