package highlevel

import (
	"net/http"
	"slices"
	"strings"
)

type locationTag struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	LocationID string `json:"locationId"`
}

func tagRoutes() []route {
	body := schema{"name": needText()}
	const all, one = "/locations/{locationId}/tags", "/locations/{locationId}/tags/{tagId}"
	const read, write = "locations/tags.readonly", "locations/tags.write"
	return []route{
		{method: "GET", pattern: all, scope: read, handle: (*Twin).listTags},
		{method: "POST", pattern: all, scope: write, writes: true, body: body, handle: (*Twin).createTag},
		{method: "GET", pattern: one, scope: read, handle: (*Twin).getTag},
		{method: "PUT", pattern: one, scope: write, writes: true, body: body, handle: (*Twin).renameTag},
		{method: "DELETE", pattern: one, scope: write, writes: true, handle: (*Twin).deleteTag},
	}
}

// useTags creates on the fly the tags that do not exist yet: §4.5.
func (t *Twin) useTags(names []string) []string {
	for _, name := range names {
		if t.tagNamed(name) == nil {
			t.addTag(name)
		}
	}
	return names
}

func (t *Twin) tagNamed(name string) *locationTag {
	for _, r := range t.db.tags.rows {
		if r.val != nil && r.val.Name == name {
			return r.val
		}
	}
	return nil
}

func (t *Twin) addTag(name string) *locationTag {
	tag := &locationTag{ID: t.newID("tag"), Name: name, LocationID: t.cfg.LocationID}
	t.db.tags.put(tag.ID, tag)
	return tag
}

func (t *Twin) listTags(*call) answer { return ok(object{"tags": t.db.tags.list(nil)}) }

// createTag answers 200, not 201: §9 no. 10.
func (t *Twin) createTag(c *call) answer {
	name := strings.ToLower(strings.TrimSpace(c.in["name"].(string)))
	if name == "" {
		return unprocessable("name should not be empty")
	}
	if t.tagNamed(name) != nil {
		return fail(http.StatusBadRequest, "The tag name is already exist.")
	}
	return ok(object{"tag": t.addTag(name)})
}

func (t *Twin) getTag(c *call) answer {
	tag := t.db.tags.get(c.path["tagId"])
	if tag == nil {
		return entityNotFound("Tag", c.path["tagId"])
	}
	return ok(object{"tag": tag})
}

func (t *Twin) renameTag(c *call) answer {
	old := t.db.tags.get(c.path["tagId"])
	if old == nil {
		return entityNotFound("Tag", c.path["tagId"])
	}
	n := *old
	n.Name = strings.ToLower(strings.TrimSpace(c.in["name"].(string)))
	t.db.tags.put(n.ID, &n)
	t.retag(old.Name, n.Name)
	return ok(object{"tag": &n})
}

func (t *Twin) deleteTag(c *call) answer {
	tag := t.db.tags.get(c.path["tagId"])
	if tag == nil {
		return entityNotFound("Tag", c.path["tagId"])
	}
	t.db.tags.remove(tag.ID)
	t.retag(tag.Name, "")
	return ok(object{"succeded": true})
}

// retag follows a rename or removal on the contacts that carry the tag.
func (t *Twin) retag(from, to string) {
	for _, old := range t.db.sortedContacts() {
		if !slices.Contains(old.Tags, from) {
			continue
		}
		n := old.clone()
		n.Tags, _ = minus(old.Tags, []string{from})
		if to != "" {
			n.Tags, _ = union(n.Tags, []string{to})
		}
		t.replaceContact(old, n)
	}
}
