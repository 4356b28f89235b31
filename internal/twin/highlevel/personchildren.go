package highlevel

// What a person does with the tasks and notes of a contact. Tasks and notes are
// named by their own id.

// personTaskBody leaves open whether a new task is done, which the API asks.
var personTaskBody = schema{
	"title": needText(), "dueDate": {kind: kindString, required: true, check: isTime}, "completed": flag(), "body": text(), "assignedTo": text(),
}

// PersonCreatesTask is a person giving a contact a task, which needs a title and
// a dueDate. It returns the new task's id, or nothing if the form would refuse.
func (t *Twin) PersonCreatesTask(contactID string, fields map[string]any) string {
	return t.personGives(contactID, "task", personTaskBody, fields, func(in object) string { return t.addTask(contactID, in).ID })
}

// PersonCreatesNote is a person writing a note about a contact, which needs a
// body. It returns the new note's id, or nothing if the form would refuse.
func (t *Twin) PersonCreatesNote(contactID string, fields map[string]any) string {
	return t.personGives(contactID, "note", noteBody(needText()), fields, func(in object) string { return t.addNote(contactID, in).ID })
}

func (t *Twin) personGives(contactID, what string, form schema, fields map[string]any, add func(object) string) string {
	in, err := filledIn(form, fields)
	t.begin(byPerson)
	defer t.end()
	if err == nil && t.db.contacts[contactID] == nil {
		err = errNoContact
	}
	if err != nil {
		t.cfg.Logger.Warn("a person's "+what+" was refused", "err", err)
		return ""
	}
	id := add(in)
	t.changed()
	return id
}

// PersonEditsTask is a person changing a task. Unless it completes the task, no
// event tells of it.
func (t *Twin) PersonEditsTask(id string, fields map[string]any) error {
	in, err := filledIn(updateTaskBody, fields)
	if err != nil {
		return err
	}
	return t.withTask(id, func(x *task) { t.changeTask(x, in) })
}

// PersonCompletesTask is a person ticking a task off; PersonEditsTask with
// completed false opens it again.
func (t *Twin) PersonCompletesTask(id string) error {
	return t.PersonEditsTask(id, map[string]any{"completed": true})
}

// PersonDeletesTask is a person deleting a task.
func (t *Twin) PersonDeletesTask(id string) error { return t.withTask(id, t.removeTask) }

func (t *Twin) withTask(id string, do func(*task)) error {
	t.begin(byPerson)
	defer t.end()
	x := t.db.tasks.get(id)
	if x == nil {
		return errNoTask
	}
	do(x)
	t.changed()
	return nil
}

// PersonEditsNote is a person changing a note.
func (t *Twin) PersonEditsNote(id string, fields map[string]any) error {
	in, err := filledIn(noteBody(text()), fields)
	if err != nil {
		return err
	}
	return t.withNote(id, func(x *note) { t.changeNote(x, in) })
}

// PersonDeletesNote is a person deleting a note.
func (t *Twin) PersonDeletesNote(id string) error { return t.withNote(id, t.removeNote) }

func (t *Twin) withNote(id string, do func(*note)) error {
	t.begin(byPerson)
	defer t.end()
	x := t.db.notes.get(id)
	if x == nil {
		return errNoNote
	}
	do(x)
	t.changed()
	return nil
}
