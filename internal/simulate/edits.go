package simulate

import (
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
)

// edit is a row that a person takes out of an automation that is on. It goes on until the edit is put live.
type edit struct {
	automation automation.ID
	row        mapping.Row
	live       int // the moment at which it was put live; 0: it waits, or was thrown away
}

// scheduleEdits plans one edit of the first automation, what is asked about it and about the draft, and what becomes of it.
func (w *world) scheduleEdits(busy time.Duration) {
	w.after(w.between(busy/6, busy/2), func() {
		if w.peopleGone {
			return
		}
		a := w.definitions[0]
		rows := a.Definition.Mapping.Rows
		gone := rows[len(rows)-1-w.dice.IntN(2)]
		next := a.Definition
		next.Mapping.Rows = slices.DeleteFunc(slices.Clone(rows), func(r mapping.Row) bool { return r.ID == gone.ID })
		saved, err := w.store.edit(w.ctx, a.ID, a.Version, next)
		if w.stored(err) != nil {
			return
		}
		w.tell("a person takes the row of %s out of %s, as version %d", gone.Target, a.ID, saved.Next.Number)
		w.revision = &edit{automation: a.ID, row: gone}
		w.askOf(a.ID, saved.Next.Number, toTry, engine.Undo{})
		w.after(w.between(5*time.Second, busy/2), func() { w.settleEdit(saved.Next.Number, next) })
	})
	for range 1 + w.dice.IntN(2) {
		w.after(w.between(busy/6, busy*9/10), func() {
			if !w.peopleGone {
				w.askOf(w.definitions[1].ID, 1, toTry, engine.Undo{})
			}
		})
	}
}

// settleEdit puts the edit live, or throws it away.
func (w *world) settleEdit(next int, d automation.Definition) {
	live := w.chance(60)
	saved, err := w.store.settle(w.ctx, w.revision.automation, next, live)
	if w.stored(err) != nil {
		return
	}
	w.tell("a person settles version %d: live %v, and %s works by version %d", next, live, saved.ID, saved.Version)
	if live {
		w.revision.live, w.definitions[0].Version, w.definitions[0].Definition = w.moment(), saved.Version, d
	}
}
