package highlevel

import (
	"net/http"
	"slices"
	"strings"
)

// membershipRoutes put contacts into things: tags, followers, a business,
// campaigns and workflows (§4.5).
func membershipRoutes() []route {
	tagsBody := schema{"tags": needList()}
	followersBody := schema{"followers": needList()}
	workflowBody := schema{"eventStartTime": {kind: kindString, check: isTime}}
	w := writeContacts
	return []route{
		{method: "POST", pattern: "/contacts/{contactId}/tags", scope: w, writes: true, body: tagsBody, handle: (*Twin).addTags},
		{method: "DELETE", pattern: "/contacts/{contactId}/tags", scope: w, writes: true, body: tagsBody, handle: (*Twin).removeTags},
		// The bulk calls list no scope; contacts.write is assumed: §4.5.
		{method: "POST", pattern: "/contacts/bulk/tags/update/{type}", scope: w, writes: true, handle: (*Twin).bulkTags, body: schema{
			"contacts": needList(), "tags": needList(), "locationId": needText(), "removeAllTags": flag(),
		}},
		{method: "POST", pattern: "/contacts/bulk/business", scope: w, writes: true, handle: (*Twin).bulkBusiness, body: schema{
			"locationId": needText(), "ids": needList(), "businessId": {kind: kindString, required: true, null: true},
		}},
		{method: "POST", pattern: "/contacts/{contactId}/followers", scope: w, writes: true, body: followersBody, handle: (*Twin).addFollowers},
		{method: "DELETE", pattern: "/contacts/{contactId}/followers", scope: w, writes: true, body: followersBody, handle: (*Twin).removeFollowers},
		{method: "POST", pattern: "/contacts/{contactId}/campaigns/{campaignId}", scope: w, writes: true, handle: acknowledge(http.StatusCreated)},
		{method: "DELETE", pattern: "/contacts/{contactId}/campaigns/{campaignId}", scope: w, writes: true, handle: acknowledge(http.StatusOK)},
		{method: "DELETE", pattern: "/contacts/{contactId}/campaigns/removeAll", scope: w, writes: true, handle: acknowledge(http.StatusOK)},
		{method: "DELETE", pattern: "/contacts/{contactId}/campaigns/remove-all", scope: w, writes: true, v3: true, handle: acknowledge(http.StatusOK)},
		{method: "POST", pattern: "/contacts/{contactId}/workflow/{workflowId}", scope: w, writes: true, body: workflowBody, handle: acknowledge(http.StatusOK)},
		{method: "DELETE", pattern: "/contacts/{contactId}/workflow/{workflowId}", scope: w, writes: true, body: workflowBody, handle: acknowledge(http.StatusOK)},
		{method: "GET", pattern: "/campaigns", scope: "campaigns.readonly", handle: (*Twin).listCampaigns},
		{method: "GET", pattern: "/workflows", scope: "workflows.readonly", handle: (*Twin).listWorkflows},
	}
}

// acknowledge says yes for a contact that exists. Campaigns and workflows run
// inside HighLevel; nothing of them can be seen through the contact.
func acknowledge(status int) func(*Twin, *call) answer {
	return func(t *Twin, c *call) answer {
		if t.db.contacts[c.path["contactId"]] == nil {
			return contactNotFound(c.path["contactId"])
		}
		return answer{status, object{"succeded": true}}
	}
}

func (t *Twin) listCampaigns(c *call) answer {
	if c.query("locationId") == "" {
		return noLocation()
	}
	campaigns := []object{
		{"id": derivedID(t.cfg.Seed, "campaign", 1), "name": "Spring newsletter", "status": "published", "locationId": t.cfg.LocationID},
		{"id": derivedID(t.cfg.Seed, "campaign", 2), "name": "Win-back", "status": "draft", "locationId": t.cfg.LocationID},
	}
	if s := c.query("status"); s != "" {
		campaigns = slices.DeleteFunc(campaigns, func(o object) bool { return o["status"] != s })
	}
	return ok(object{"campaigns": campaigns})
}

func (t *Twin) listWorkflows(c *call) answer {
	if c.query("locationId") == "" {
		return noLocation()
	}
	workflow := func(n uint64, name, status string) object {
		return object{
			"id": derivedUUID(t.cfg.Seed, "workflow", n), "name": name, "status": status, "version": n,
			"createdAt": "2025-02-03T09:00:00.000Z", "updatedAt": "2025-06-12T14:30:00.000Z", "locationId": t.cfg.LocationID,
		}
	}
	return ok(object{"workflows": []object{workflow(1, "Welcome new leads", "published"), workflow(2, "Review request", "draft")}})
}

func wantedTags(c *call) []string { return lowered(c.in["tags"].([]any)) }

// addTags answers with all tags of the contact, in lower case; the added ones
// beside them are seen in live answers but unconfirmed: §4.5.
func (t *Twin) addTags(c *call) answer {
	old := t.db.contacts[c.path["contactId"]]
	if old == nil {
		return contactNotFound(c.path["contactId"])
	}
	tags, added := union(old.Tags, wantedTags(c))
	n := old.clone()
	n.Tags = tags
	t.replaceContact(old, n)
	return created(object{"tags": some(tags), "tagsAdded": some(added)})
}

func (t *Twin) removeTags(c *call) answer {
	old := t.db.contacts[c.path["contactId"]]
	if old == nil {
		return contactNotFound(c.path["contactId"])
	}
	tags, removed := minus(old.Tags, wantedTags(c))
	n := old.clone()
	n.Tags = tags
	t.replaceContact(old, n)
	return ok(object{"tags": some(tags), "tagsRemoved": some(removed)})
}

func union(have, more []string) (all, added []string) {
	all = slices.Clone(have)
	for _, s := range more {
		if !slices.Contains(all, s) {
			all, added = append(all, s), append(added, s)
		}
	}
	return all, added
}

func minus(have, less []string) (rest, removed []string) {
	for _, s := range have {
		if slices.Contains(less, s) {
			removed = append(removed, s)
		} else {
			rest = append(rest, s)
		}
	}
	return rest, removed
}

// bulkTags reports errors per contact inside a 201: §4.5.
func (t *Twin) bulkTags(c *call) answer {
	kind := c.path["type"]
	if kind != "add" && kind != "remove" {
		return unprocessable("type must be one of the following values: add, remove")
	}
	wanted := wantedTags(c)
	all, _ := c.in["removeAllTags"].(bool)
	responses, failed := []object{}, 0
	for _, id := range stringsOf(c.in["contacts"]) {
		old := t.db.contacts[id]
		if old == nil {
			failed++
			responses = append(responses, object{"contactId": id, "message": "Contact with id " + id + " not found", "type": "error",
				"oldTags": []string{}, "tagsAdded": []string{}, "tagsRemoved": []string{}})
			continue
		}
		n := old.clone()
		var added, removed []string
		switch {
		case kind == "add":
			n.Tags, added = union(old.Tags, wanted)
		case all:
			n.Tags, removed = nil, old.Tags
		default:
			n.Tags, removed = minus(old.Tags, wanted)
		}
		t.replaceContact(old, n)
		responses = append(responses, object{"contactId": id, "message": "Tags updated", "type": "success",
			"oldTags": some(old.Tags), "tagsAdded": some(added), "tagsRemoved": some(removed)})
	}
	return created(object{"succeded": failed == 0, "errorCount": failed, "responses": responses})
}

// bulkBusiness sets the one business of contacts; null detaches: §4.5.
func (t *Twin) bulkBusiness(c *call) answer {
	ids := stringsOf(c.in["ids"])
	for _, id := range ids {
		if len(id) > 50 {
			return unprocessable("each value in ids must be shorter than or equal to 50 characters")
		}
	}
	business, _ := c.in["businessId"].(string)
	if business != "" && t.db.businesses.get(business) == nil {
		return entityNotFound("Business", business)
	}
	done := []string{}
	for _, id := range ids {
		old := t.db.contacts[id]
		if old == nil {
			continue
		}
		n := old.clone()
		n.BusinessID = business
		t.replaceContact(old, n)
		done = append(done, id)
	}
	return ok(object{"success": true, "ids": done})
}

func stringsOf(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, m := range list {
		if s, isText := m.(string); isText {
			out = append(out, strings.TrimSpace(s))
		}
	}
	return out
}

func (t *Twin) addFollowers(c *call) answer {
	old := t.db.contacts[c.path["contactId"]]
	if old == nil {
		return contactNotFound(c.path["contactId"])
	}
	n := old.clone()
	var added []string
	n.Followers, added = union(old.Followers, stringsOf(c.in["followers"]))
	t.replaceContact(old, n)
	return created(object{"followers": some(n.Followers), "followersAdded": some(added)})
}

func (t *Twin) removeFollowers(c *call) answer {
	old := t.db.contacts[c.path["contactId"]]
	if old == nil {
		return contactNotFound(c.path["contactId"])
	}
	n := old.clone()
	var removed []string
	n.Followers, removed = minus(old.Followers, stringsOf(c.in["followers"]))
	t.replaceContact(old, n)
	return ok(object{"followers": some(n.Followers), "followersRemoved": some(removed)})
}
