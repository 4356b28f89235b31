package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

var _ engine.Automations = (*Store)(nil)

// automationDoc is an automation with its current definition.
type automationDoc struct {
	Row            automationRow `gorm:"embedded"`
	Definition     string
	NextDefinition string
}

func (d automationDoc) automation() (automation.Automation, error) {
	a := automation.Automation{
		ID: automation.ID(d.Row.ID), Workspace: d.Row.WorkspaceID, Name: d.Row.Name, Recipe: d.Row.Recipe, State: automation.State(d.Row.State), Version: d.Row.Version,
		PausedWhy: d.Row.PausedWhy, CreatedAt: d.Row.CreatedAt.time(), UpdatedAt: d.Row.UpdatedAt.time(),
	}
	if err := decode("definition of "+d.Row.ID, d.Definition, &a.Definition); err != nil || d.Row.NextVersion == 0 {
		return a, err
	}
	a.Next = &automation.NextVersion{Number: d.Row.NextVersion}
	return a, decode("next version of "+d.Row.ID, d.NextDefinition, &a.Next.Definition)
}

const selectAutomations = `
SELECT a.id, a.name, a.recipe, a.state, a.version, a.paused_why, a.created_at, a.updated_at, a.workspace_id, a.next_version, v.definition,
  COALESCE(d.definition, '') AS next_definition
FROM automations a JOIN automation_versions v ON v.automation_id = a.id AND v.number = a.version
  LEFT JOIN automation_versions d ON d.automation_id = a.id AND d.number = a.next_version
WHERE a.deleted_at = 0`

// Automation reads one automation with its current definition.
func (s *Store) Automation(ctx context.Context, id automation.ID) (automation.Automation, error) {
	a, err := readAutomation(s.read(ctx), id)
	if err != nil {
		return a, fmt.Errorf("read automation %s: %w", id, err)
	}
	return a, nil
}

func readAutomation(db *gorm.DB, id automation.ID) (automation.Automation, error) {
	var docs []automationDoc
	if err := db.Raw(selectAutomations+" AND a.id = ?", string(id)).Scan(&docs).Error; err != nil {
		return automation.Automation{}, err
	}
	if len(docs) == 0 {
		return automation.Automation{}, engine.ErrNotFound
	}
	return docs[0].automation()
}

// Automations reads all of them, oldest first.
func (s *Store) Automations(ctx context.Context) ([]automation.Automation, error) {
	return s.automations(ctx, everywhere)
}

func (s *Store) automations(ctx context.Context, sc scope) ([]automation.Automation, error) {
	mine, args := sc.automation("a.id")
	var docs []automationDoc
	if err := s.read(ctx).Raw(selectAutomations+mine+" ORDER BY a.created_at, a.id", args...).Scan(&docs).Error; err != nil {
		return nil, fmt.Errorf("read automations: %w", err)
	}
	out := make([]automation.Automation, 0, len(docs))
	for _, d := range docs {
		a, err := d.automation()
		if err != nil {
			return nil, fmt.Errorf("read automations: %w", err)
		}
		out = append(out, a)
	}
	return out, nil
}

// ends are the accounts a definition uses.
func ends(d automation.Definition) []string {
	return []string{string(d.Source.Connection), string(d.Target.Connection)}
}

// CreateAutomation stores a new automation as version 1. It answers engine.ErrNotFound when the definition uses an
// account of another workspace.
func (s *Store) CreateAutomation(ctx context.Context, a automation.Automation, by string) error {
	doc, err := encode("definition", a.Definition)
	if err != nil {
		return fmt.Errorf("create automation %s: %w", a.ID, err)
	}
	err = s.write(ctx, func(u *unit) error {
		created := at(a.CreatedAt)
		if created == 0 {
			created = at(u.now)
		}
		row := automationRow{
			ID: string(a.ID), Name: clean(a.Name), Recipe: a.Recipe, State: string(a.State), Version: 1,
			PausedWhy: clean(a.PausedWhy), CreatedAt: created, UpdatedAt: created, WorkspaceID: clean(a.Workspace),
		}
		if err := u.sameWorkspace(row.WorkspaceID, ends(a.Definition)...); err != nil {
			return err
		}
		if err := u.Create(&row).Error; err != nil {
			return err
		}
		return u.Create(&versionRow{AutomationID: row.ID, Number: 1, Definition: doc, SavedBy: clean(by), SavedAt: created, Note: "created"}).Error
	})
	if err != nil {
		return fmt.Errorf("create automation %s: %w", a.ID, err)
	}
	return nil
}

// saving is what becomes of an automation when somebody saves: one version that is live, or steps that wait.
type saving struct {
	live  *automation.Version
	waits []automation.Version // in their order; the last is the next version
}

// SaveDefinition makes d the next version, live at once, and answers the automation as it then is. It answers
// engine.ErrConflict, and saves nothing, when from is not the current version any more or a next version waits, and
// engine.ErrNotFound when the definition uses an account of another workspace.
func (s *Store) SaveDefinition(ctx context.Context, id automation.ID, from int, d automation.Definition, by, note string) (automation.Automation, error) {
	return s.save(ctx, id, from, func(_ *unit, a automation.Automation, now automation.Version) (saving, error) {
		if a.Next != nil {
			return saving{}, engine.ErrConflict
		}
		now.Definition, now.SavedBy, now.Note = d, by, note
		return saving{live: &now}, nil
	})
}

// SaveLive makes a change that counts at once, in what is live and in every step of what waits to be: so putting that live
// does not take the change back, and each step can still be undone by itself. The steps keep who made them, and when.
func (s *Store) SaveLive(ctx context.Context, id automation.ID, from int, change func(automation.Definition) automation.Definition, by, note string) (automation.Automation, error) {
	return s.save(ctx, id, from, func(u *unit, a automation.Automation, now automation.Version) (saving, error) {
		now.Definition, now.SavedBy, now.Note = change(a.Definition), by, note
		out := saving{live: &now}
		if a.Next == nil {
			return out, nil
		}
		var waiting []versionRow
		if err := u.Where("automation_id = ? AND number > ? AND discarded = ?", string(id), a.Version, false).Order("number").Find(&waiting).Error; err != nil {
			return out, err
		}
		for _, row := range waiting {
			v, err := row.version()
			if err != nil {
				return out, err
			}
			v.Definition = change(v.Definition)
			out.waits = append(out.waits, v)
		}
		return out, u.discard(a) // its steps all follow anew
	})
}

// SaveEdit makes d the newest version. Where edits wait (automation.Automation.EditsWait) it is not live before PutLive.
func (s *Store) SaveEdit(ctx context.Context, id automation.ID, from int, d automation.Definition, by, note string) (automation.Automation, error) {
	return s.save(ctx, id, from, func(_ *unit, a automation.Automation, now automation.Version) (saving, error) {
		now.Definition, now.SavedBy, now.Note = d, by, note
		if a.EditsWait() {
			return saving{waits: []automation.Version{now}}, nil
		}
		return saving{live: &now}, nil
	})
}

// save stores what a save comes to, which is asked for with the automation as it is and a version of this moment.
func (s *Store) save(ctx context.Context, id automation.ID, from int, what func(*unit, automation.Automation, automation.Version) (saving, error)) (automation.Automation, error) {
	var saved automation.Automation
	err := s.write(ctx, func(u *unit) error {
		a, err := readAutomation(u.DB, id)
		if err != nil {
			return err
		}
		if a.Edited().Version != from {
			return engine.ErrConflict
		}
		// Whoever changes the row first wins; what was read of it holds for the rest of the transaction.
		if err := u.still(a, map[string]any{"updated_at": at(u.now)}); err != nil {
			return err
		}
		choice, err := what(u, a, automation.Version{SavedAt: u.now})
		if err != nil {
			return err
		}
		var number int
		if err := u.Raw("SELECT MAX(number) FROM automation_versions WHERE automation_id = ?", string(id)).Scan(&number).Error; err != nil {
			return err
		}
		columns := map[string]any{}
		add := func(column string, v automation.Version) error {
			number++
			doc, err := encode("definition", v.Definition)
			if err != nil {
				return err
			}
			columns[column] = number
			return u.Create(&versionRow{AutomationID: string(id), Number: number, Definition: doc, SavedBy: clean(v.SavedBy), SavedAt: at(v.SavedAt), Note: clean(v.Note)}).Error
		}
		if choice.live != nil {
			if err := add("version", *choice.live); err != nil {
				return err
			}
		}
		for _, v := range choice.waits {
			if err := add("next_version", v); err != nil {
				return err
			}
		}
		if err := u.Model(&automationRow{}).Where("id = ?", string(id)).Updates(columns).Error; err != nil {
			return err
		}
		if saved, err = readAutomation(u.DB, id); err != nil {
			return err
		}
		return u.sameWorkspace(saved.Workspace, append(ends(saved.Definition), ends(saved.Edited().Definition)...)...)
	})
	if err != nil {
		return automation.Automation{}, fmt.Errorf("save automation %s: %w", id, err)
	}
	return saved, nil
}

// still changes the row of an automation if it is as it was read, and answers engine.ErrConflict where it is not.
func (u *unit) still(a automation.Automation, columns map[string]any) error {
	next := 0
	if a.Next != nil {
		next = a.Next.Number
	}
	res := u.Model(&automationRow{}).Where("id = ? AND version = ? AND next_version = ? AND state = ? AND deleted_at = 0", string(a.ID), a.Version, next, string(a.State)).Updates(columns)
	if res.Error == nil && res.RowsAffected == 0 {
		return engine.ErrConflict
	}
	return res.Error
}

// discard marks the versions that were never live.
func (u *unit) discard(a automation.Automation) error {
	return u.Model(&versionRow{}).Where("automation_id = ? AND number > ?", string(a.ID), a.Version).Updates(map[string]any{"discarded": true}).Error
}

// PutLive makes the next version what the automation works by. It answers engine.ErrConflict when next is not the one that
// waits.
func (s *Store) PutLive(ctx context.Context, id automation.ID, next int) (automation.Automation, error) {
	return s.settleNext(ctx, "put live", id, next, func(u *unit, a automation.Automation) error {
		return u.still(a, map[string]any{"version": next, "next_version": 0, "updated_at": at(u.now)})
	})
}

// DiscardNext throws the next version away; it stays readable. It answers engine.ErrConflict when next is not the one that
// waits.
func (s *Store) DiscardNext(ctx context.Context, id automation.ID, next int) (automation.Automation, error) {
	return s.settleNext(ctx, "discard the next version of", id, next, func(u *unit, a automation.Automation) error {
		if err := u.still(a, map[string]any{"next_version": 0, "updated_at": at(u.now)}); err != nil {
			return err
		}
		return u.discard(a)
	})
}

func (s *Store) settleNext(ctx context.Context, verb string, id automation.ID, next int, settle func(*unit, automation.Automation) error) (saved automation.Automation, err error) {
	err = s.write(ctx, func(u *unit) error {
		a, err := readAutomation(u.DB, id)
		if err != nil {
			return err
		}
		if a.Next == nil || a.Next.Number != next {
			return engine.ErrConflict
		}
		if err := settle(u, a); err != nil {
			return err
		}
		saved, err = readAutomation(u.DB, id)
		return err
	})
	if err != nil {
		return automation.Automation{}, fmt.Errorf("%s automation %s: %w", verb, id, err)
	}
	return saved, nil
}

// SetState switches an automation; why is kept while it is paused.
func (s *Store) SetState(ctx context.Context, id automation.ID, state automation.State, why string) error {
	return s.changeAutomation(ctx, "switch", id, map[string]any{"state": string(state), "paused_why": clean(why)})
}

// ResumeAutomation lets a paused automation, or one that was off, go on: its brakes count from now, and what waits for
// it is due.
func (s *Store) ResumeAutomation(ctx context.Context, id automation.ID) error {
	err := s.write(ctx, func(u *unit) error {
		return one(u.Model(&automationRow{}).Where("id = ? AND deleted_at = 0", string(id)).
			Updates(map[string]any{"state": string(automation.On), "paused_why": "", "brakes_since": at(u.now), "updated_at": at(u.now)}))
	})
	if err != nil {
		return fmt.Errorf("resume automation %s: %w", id, err)
	}
	_, err = s.WakeWaiting(ctx, id)
	return err
}

// Rename changes the name; definitions keep their version.
func (s *Store) Rename(ctx context.Context, id automation.ID, name string) error {
	return s.changeAutomation(ctx, "rename", id, map[string]any{"name": clean(name)})
}

// DeleteAutomation hides an automation and forgets what was due for it. Its runs, versions and links stay.
func (s *Store) DeleteAutomation(ctx context.Context, id automation.ID) error {
	err := s.write(ctx, func(u *unit) error {
		err := one(u.Model(&automationRow{}).Where("id = ? AND deleted_at = 0", string(id)).
			Updates(map[string]any{"deleted_at": at(u.now), "updated_at": at(u.now), "state": string(automation.Draft)}))
		if err != nil {
			return err
		}
		// Nobody needs an answer to what it asked.
		if err := u.Exec("UPDATE reviews SET state = 'settled' WHERE automation_id = ? AND state <> 'settled'", string(id)).Error; err != nil {
			return err
		}
		return u.Exec("DELETE FROM works WHERE automation_id = ? AND state <> 'running'", string(id)).Error
	})
	if err != nil {
		return fmt.Errorf("delete automation %s: %w", id, err)
	}
	return nil
}

func (s *Store) changeAutomation(ctx context.Context, verb string, id automation.ID, columns map[string]any) error {
	err := s.write(ctx, func(u *unit) error {
		columns["updated_at"] = at(u.now)
		return one(u.Model(&automationRow{}).Where("id = ? AND deleted_at = 0", string(id)).Updates(columns))
	})
	if err != nil {
		return fmt.Errorf("%s automation %s: %w", verb, id, err)
	}
	return nil
}

// Versions are the saved definitions, newest first.
func (s *Store) Versions(ctx context.Context, id automation.ID) ([]automation.Version, error) {
	var rows []versionRow
	if err := s.read(ctx).Where("automation_id = ?", string(id)).Order("number DESC").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read versions of %s: %w", id, err)
	}
	out := make([]automation.Version, 0, len(rows))
	for _, r := range rows {
		v, err := r.version()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Version reads one saved definition.
func (s *Store) Version(ctx context.Context, id automation.ID, n int) (automation.Version, error) {
	var row versionRow
	if err := s.read(ctx).Where("automation_id = ? AND number = ?", string(id), n).Take(&row).Error; err != nil {
		return automation.Version{}, fmt.Errorf("read version %d of %s: %w", n, id, found(err))
	}
	return row.version()
}

func (r versionRow) version() (automation.Version, error) {
	v := automation.Version{Automation: automation.ID(r.AutomationID), Number: r.Number, SavedBy: r.SavedBy, SavedAt: r.SavedAt.time(), Note: r.Note, Discarded: r.Discarded}
	err := decode(fmt.Sprintf("version %d of %s", r.Number, r.AutomationID), r.Definition, &v.Definition)
	return v, err
}
