package highlevel

import (
	"context"
	"strconv"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// tasksTold are TaskCreate, TaskComplete and TaskDelete: an edit and a re-opening are silent (§7.1).
var tasksTold = provider.Told{Created: true, Turning: "completed", Deleted: true}

// taskObject: tasks live under a contact and can be listed for the whole location. No event tells of an edit (§7.1),
// so they are polled besides; a task carries no time of change (§4.5), so every look is at all of them.
func taskObject() object {
	return object{
		Object: provider.Object{Type: record.Task, Label: "task", Plural: "tasks", Read: true, Write: true, Webhook: true, Poll: true, Tells: tasksTold, Delete: true, Parent: record.Contact, ParentRequired: true, ReadScopes: []string{readContacts, readTasks}, WriteScopes: []string{writeContacts}},
		describe: func(context.Context, *Client) (record.Schema, error) {
			return record.Schema{Type: record.Task, Label: "HighLevel task", Fields: []record.FieldSpec{
				{Key: "title", Label: "Title", Kind: record.Text, Required: true},
				{Key: "body", Label: "Description", Kind: record.LongText},
				{Key: "dueDate", Label: "Due", Kind: record.DateTime, Required: true},
				{Key: "completed", Label: "Done", Kind: record.Bool},
				{Key: "assignedTo", Label: "Owner", Kind: record.Text, Help: "The id of a HighLevel user."},
			}}, nil
		},
		get:  getTask,
		page: tasksPage,
		create: func(ctx context.Context, c *Client, w provider.Write) (record.Record, error) {
			if w.Parent.ID == "" || w.Parent.Type != record.Contact {
				return record.Record{}, invalid(opCreateTask, "contact", "a task needs a contact")
			}
			b, err := c.childBody(opCreateTask, w, taskKinds, false)
			if err != nil {
				return record.Record{}, err
			}
			for _, key := range []string{"title", "dueDate"} {
				if b[key] == nil {
					return record.Record{}, invalid(opCreateTask, key, "HighLevel needs it for a task")
				}
			}
			if b["completed"] == nil {
				b["completed"] = false // required: §4.5
			}
			return c.taskCall(ctx, opCreateTask, w.Parent.ID, path("contacts", w.Parent.ID, "tasks"), b)
		},
		update: func(ctx context.Context, c *Client, id string, w provider.Write) (record.Record, error) {
			contact, own, err := splitChild(opUpdateTask, id)
			if err != nil {
				return record.Record{}, err
			}
			b, err := c.childBody(opUpdateTask, w, taskKinds, true)
			if err != nil {
				return record.Record{}, err
			}
			for _, key := range []string{"title", "dueDate"} {
				if b[key] == "" {
					return record.Record{}, invalid(opUpdateTask, key, "HighLevel needs it for a task")
				}
			}
			return c.taskCall(ctx, opUpdateTask, contact, path("contacts", contact, "tasks", own), b)
		},
		delete: func(ctx context.Context, c *Client, id string) error {
			contact, own, err := splitChild(opDeleteTask, id)
			if err != nil {
				return err
			}
			return c.do(ctx, opDeleteTask, path("contacts", contact, "tasks", own), nil, nil, nil)
		},
		children: func(ctx context.Context, c *Client, contact string) ([]record.Record, error) {
			return c.childrenCall(ctx, opTasksOf, contact, "tasks", c.task)
		},
	}
}

var taskKinds = map[string]record.Kind{
	"title": record.Text, "body": record.LongText, "dueDate": record.DateTime, "completed": record.Bool, "assignedTo": record.Text,
}

// getTask also takes a task's bare id, which is all that a live TaskCreate tells (§7.1, I#332): it then looks through
// the location's tasks for the contact.
func getTask(ctx context.Context, c *Client, id string) (record.Record, error) {
	contact, own, err := splitChild(opGetTask, id)
	if err == nil {
		return c.taskCall(ctx, opGetTask, contact, path("contacts", contact, "tasks", own), nil)
	}
	for page, err := range c.List(ctx, provider.Query{Type: record.Task}) {
		if err != nil {
			return record.Record{}, err
		}
		for _, r := range page.Records {
			if r.Ref.ID == joinChild(r.Parent.ID, id) {
				return r, nil
			}
		}
	}
	return record.Record{}, &provider.Error{Provider: ID, Op: opGetTask.words, Kind: provider.NotFound, Detail: "no contact has this task"}
}

func (c *Client) taskCall(ctx context.Context, op operation, contact, path string, b body) (record.Record, error) {
	var out raw
	var send any
	if b != nil {
		send = b
	}
	if err := c.do(ctx, op, path, nil, send, &out); err != nil {
		return record.Record{}, err
	}
	r := out.object("task")
	if r.text("id") == "" {
		return record.Record{}, unexpected(op)
	}
	return c.task(r, contact), nil
}

// task reads a task. Its documented shape has no times (§4.5); what an answer tells all the same is taken.
func (c *Client) task(r raw, contact string) record.Record {
	f := record.Fields{}
	for _, key := range []string{"title", "body", "assignedTo"} {
		put(f, key, record.TextOf(r.text(key)))
	}
	put(f, "dueDate", record.TimeOf(r.time("dueDate")))
	put(f, "completed", r.flag("completed"))
	return record.Record{
		Ref: c.ref(record.Task, joinChild(contact, r.text("id"))), Parent: c.ref(record.Contact, contact), Fields: f, Title: r.text("title"),
		CreatedAt: r.time("dateAdded"), UpdatedAt: r.time("dateUpdated"),
	}
}

// tasksPage uses the location-wide search; its cursor is a number of tasks to skip (§4.4).
func tasksPage(ctx context.Context, c *Client, q provider.Query) (provider.Page, error) {
	skip := 0
	if q.Cursor != "" {
		n, err := strconv.Atoi(q.Cursor)
		if err != nil || n < 0 {
			return provider.Page{}, badCursor(opListTasks)
		}
		skip = n
	}
	limit := clamp(q.PageSize, 100, 100)
	b := body{"limit": limit, "skip": skip}
	if q.Search != "" {
		b["query"] = q.Search
	}
	var out raw
	if err := c.do(ctx, opListTasks, path("locations", c.cfg.LocationID, "tasks", "search"), nil, b, &out); err != nil {
		return provider.Page{}, err
	}
	tasks, ok := out["tasks"].([]any)
	if !ok {
		return provider.Page{}, unexpected(opListTasks) // must not pass for "there are none"
	}
	page := provider.Page{}
	for _, r := range out.objects("tasks") {
		// Without its contact a task cannot be reached again.
		if contact := r.text("contactId"); contact != "" && r.text("id") != "" {
			page.Records = append(page.Records, c.task(r, contact))
		}
	}
	// The next page overlaps this one by a task: a task deleted meanwhile moves the rest forward by one, and reading
	// one twice is cheaper than missing one.
	if len(tasks) >= limit {
		page.Next = strconv.Itoa(skip + max(len(tasks)-1, 1))
	}
	return page, nil
}
