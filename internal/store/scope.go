package store

import "gorm.io/gorm"

// scope narrows statements to one workspace. Automations and connections name theirs; all else hangs from one of them.
type scope string

const (
	// everywhere narrows nothing: for the engine, webhooks and the command line.
	everywhere scope = ""
	// nowhere is no workspace's id, so that nothing is found.
	nowhere scope = "-"
)

// The conditions look an id up row by row: lists walk in their own order and stop at the end of a page, however many
// rows a workspace has.
const (
	byAutomation = "EXISTS (SELECT 1 FROM automations AS mine WHERE mine.workspace_id = ? AND mine.id = "
	// byConnection takes the workspace twice, and narrows nothing when it is everywhere.
	byConnection = "(? = '' OR EXISTS (SELECT 1 FROM connections AS mine WHERE mine.workspace_id = ? AND mine.id = "
)

// automation is a further condition on a column that names an automation.
func (sc scope) automation(column string) (condition string, args []any) {
	if sc == everywhere {
		return "", nil
	}
	return " AND " + byAutomation + column + ")", []any{string(sc)}
}

// twice is what byConnection takes.
func (sc scope) twice() []any { return []any{string(sc), string(sc)} }

// ofAutomation narrows a table that names an automation.
func (sc scope) ofAutomation(q *gorm.DB) *gorm.DB {
	if sc == everywhere {
		return q
	}
	return q.Where(byAutomation+"automation_id)", string(sc))
}

// ofConnection narrows a table that names a connection.
func (sc scope) ofConnection(q *gorm.DB) *gorm.DB {
	if sc == everywhere {
		return q
	}
	return q.Where(byConnection+"connection))", sc.twice()...)
}

// inWorkspace narrows automations or connections themselves.
func (sc scope) inWorkspace(q *gorm.DB) *gorm.DB {
	if sc == everywhere {
		return q
	}
	return q.Where("workspace_id = ?", string(sc))
}
