package highlevel

import (
	"slices"
	"strings"
	"time"
)

type task struct {
	ID         string    `json:"id"`
	Title      string    `json:"title"`
	Body       string    `json:"body,omitempty"`
	AssignedTo string    `json:"assignedTo,omitempty"`
	DueDate    string    `json:"dueDate"`
	Completed  bool      `json:"completed"`
	ContactID  string    `json:"contactId"`
	Added      time.Time `json:"dateAdded"`
	Updated    time.Time `json:"dateUpdated,omitzero"`

	by string // who wrote it last
}

var (
	taskDone       = field{kind: kindBool, required: true}
	createTaskBody = schema{
		"title": needText(), "dueDate": {kind: kindString, required: true, check: isTime}, "completed": taskDone,
		"body": text(), "assignedTo": text(),
	}
	updateTaskBody = schema{
		"title": text(), "dueDate": {kind: kindString, check: isTime}, "completed": flag(), "body": text(), "assignedTo": text(),
	}
)

func taskRoutes() []route {
	const one = "/contacts/{contactId}/tasks/{taskId}"
	return []route{
		{method: "GET", pattern: "/contacts/{contactId}/tasks", scope: readContacts, handle: (*Twin).listTasks},
		{method: "POST", pattern: "/contacts/{contactId}/tasks", scope: writeContacts, writes: true, handle: (*Twin).createTask, body: createTaskBody},
		{method: "GET", pattern: one, scope: readContacts, handle: (*Twin).getTask},
		{method: "PUT", pattern: one, scope: writeContacts, writes: true, handle: (*Twin).updateTask, body: updateTaskBody},
		{method: "PUT", pattern: one + "/completed", scope: writeContacts, writes: true, handle: (*Twin).updateTask, body: schema{"completed": taskDone}},
		{method: "DELETE", pattern: one, scope: writeContacts, writes: true, handle: (*Twin).deleteTask},
		{method: "POST", pattern: "/locations/{locationId}/tasks/search", scope: "locations/tasks.readonly", handle: (*Twin).searchTasks, body: schema{
			"contactId": list(), "completed": flag(), "assignedTo": list(), "query": text(),
			"limit": {kind: kindNumber, check: between(1, 1000)}, "skip": {kind: kindNumber, check: between(0, 1e6)}, "businessId": text(),
		}},
	}
}

// view leaves out the dates that the documented shape does not have: §4.5.
func (x *task) view() object {
	o := object{"id": x.ID, "title": x.Title, "dueDate": x.DueDate, "completed": x.Completed, "contactId": x.ContactID}
	if x.Body != "" {
		o["body"] = x.Body
	}
	if x.AssignedTo != "" {
		o["assignedTo"] = x.AssignedTo
	}
	return o
}

func (x *task) apply(in object) {
	if v, ok := in["title"].(string); ok {
		x.Title = v
	}
	if v, ok := in["body"].(string); ok {
		x.Body = v
	}
	if v, ok := in["assignedTo"].(string); ok {
		x.AssignedTo = v
	}
	if v, ok := in["completed"].(bool); ok {
		x.Completed = v
	}
	if v, ok := in["dueDate"].(string); ok {
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			x.DueDate = stamp(at)
		}
	}
}

func (t *Twin) tasksOf(contactID string) []*task {
	return t.db.tasks.list(func(x *task) bool { return x.ContactID == contactID })
}

func (t *Twin) listTasks(c *call) answer {
	id := c.path["contactId"]
	if t.db.contacts[id] == nil {
		return contactNotFound(id)
	}
	return ok(object{"tasks": taskViews(t.tasksOf(id))})
}

func taskViews(in []*task) []object {
	out := make([]object, len(in))
	for i, x := range in {
		out[i] = x.view()
	}
	return out
}

func (t *Twin) createTask(c *call) answer {
	id := c.path["contactId"]
	if t.db.contacts[id] == nil {
		return contactNotFound(id)
	}
	return created(object{"task": t.addTask(id, c.in).view()})
}

func (t *Twin) addTask(contactID string, in object) *task {
	x := &task{ID: t.newID("task"), ContactID: contactID, Added: t.now(), by: t.writer}
	x.Updated = x.Added
	x.apply(in)
	t.db.tasks.put(x.ID, x)
	t.fireTask("TaskCreate", x)
	if x.Completed {
		t.fireTask("TaskComplete", x)
	}
	return x
}

func (t *Twin) taskOf(c *call) (*task, answer) {
	id := c.path["contactId"]
	if t.db.contacts[id] == nil {
		return nil, contactNotFound(id)
	}
	x := t.db.tasks.get(c.path["taskId"])
	if x == nil || x.ContactID != id {
		return nil, entityNotFound("Task", c.path["taskId"])
	}
	return x, answer{}
}

func (t *Twin) getTask(c *call) answer {
	x, missing := t.taskOf(c)
	if x == nil {
		return missing
	}
	return ok(object{"task": x.view()})
}

func (t *Twin) updateTask(c *call) answer {
	old, missing := t.taskOf(c)
	if old == nil {
		return missing
	}
	return ok(object{"task": t.changeTask(old, c.in).view()})
}

// changeTask is silent but for a completion: there is no TaskUpdate event, and
// re-opening fires nothing (§7.1).
func (t *Twin) changeTask(old *task, in object) *task {
	n := *old
	n.apply(in)
	if n == *old {
		return old
	}
	n.Updated, n.by = t.now(), t.writer
	t.db.tasks.put(n.ID, &n)
	if n.Completed && !old.Completed {
		t.fireTask("TaskComplete", &n)
	}
	return &n
}

func (t *Twin) deleteTask(c *call) answer {
	x, missing := t.taskOf(c)
	if x == nil {
		return missing
	}
	t.removeTask(x)
	return ok(object{"succeded": true})
}

func (t *Twin) removeTask(x *task) {
	t.db.tasks.remove(x.ID)
	t.fireTask("TaskDelete", x)
}

// searchTasks is the only way to see tasks across contacts: §4.5.
func (t *Twin) searchTasks(c *call) answer {
	contacts, owners := stringsOf(c.in["contactId"]), stringsOf(c.in["assignedTo"])
	completed, byState := c.in["completed"].(bool)
	query, _ := c.in["query"].(string)
	business, _ := c.in["businessId"].(string)
	found := t.db.tasks.list(func(x *task) bool {
		owner := t.db.contacts[x.ContactID]
		return (len(contacts) == 0 || slices.Contains(contacts, x.ContactID)) &&
			(len(owners) == 0 || slices.Contains(owners, x.AssignedTo)) &&
			(!byState || x.Completed == completed) &&
			(business == "" || owner != nil && owner.BusinessID == business) &&
			strings.Contains(strings.ToLower(x.Title+" "+x.Body), strings.ToLower(query))
	})
	limit, skip := 25, 0
	if n, given := c.in["limit"].(float64); given {
		limit = int(n)
	}
	if n, given := c.in["skip"].(float64); given {
		skip = int(n)
	}
	found = found[min(skip, len(found)):]
	return ok(object{"tasks": taskViews(found[:min(limit, len(found))])})
}
