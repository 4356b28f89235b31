package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

var _ engine.Populations = (*Store)(nil)

func populationRow(p engine.Population) (planRow, error) {
	counts, err := encode("counts of plan "+p.ID, p.Counts)
	return planRow{
		ID: p.ID, AutomationID: string(p.Automation), Version: p.Version, State: string(p.State), Phase: clean(p.Phase),
		Done: p.Done, Total: p.Total, Counts: counts, Reads: p.Reads, Writes: p.Writes, Problem: clean(p.Problem),
		CreatedAt: at(p.CreatedAt), FinishedAt: at(p.FinishedAt), StartedBy: clean(p.StartedBy),
	}, err
}

func (r planRow) population() (engine.Population, error) {
	p := engine.Population{
		ID: r.ID, Automation: automation.ID(r.AutomationID), Version: r.Version, State: engine.PopulationState(r.State), Phase: r.Phase,
		Done: r.Done, Total: r.Total, Reads: r.Reads, Writes: r.Writes, Problem: r.Problem,
		CreatedAt: r.CreatedAt.time(), FinishedAt: r.FinishedAt.time(), StartedBy: r.StartedBy,
	}
	err := decode("counts of plan "+r.ID, r.Counts, &p.Counts)
	return p, err
}

// CreatePopulation stores a dry run and enqueues its job in the same transaction.
func (s *Store) CreatePopulation(ctx context.Context, p engine.Population) error {
	row, err := populationRow(p)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(u *unit) error {
		if err := u.Create(&row).Error; err != nil {
			return err
		}
		return u.jobs(engine.Job{Kind: engine.JobDryRun, Plan: p.ID})
	})
	if err != nil {
		return fmt.Errorf("create dry run %s: %w", p.ID, err)
	}
	return nil
}

// Population reads a dry run's progress and tally.
func (s *Store) Population(ctx context.Context, id string) (engine.Population, error) {
	var row planRow
	if err := s.read(ctx).Where("id = ?", clean(id)).Take(&row).Error; err != nil {
		return engine.Population{}, fmt.Errorf("read dry run %s: %w", id, found(err))
	}
	return row.population()
}

// LatestPopulation is the newest dry run of an automation.
func (s *Store) LatestPopulation(ctx context.Context, a automation.ID) (engine.Population, bool, error) {
	var row planRow
	err := s.read(ctx).Where("automation_id = ?", string(a)).Order("created_at DESC, id DESC").Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return engine.Population{}, false, nil
	}
	if err != nil {
		return engine.Population{}, false, fmt.Errorf("read the latest dry run of %s: %w", a, err)
	}
	p, err := row.population()
	return p, err == nil, err
}

// itemChunk keeps a statement of plans small: each may hold many fields.
const itemChunk = 200

// SavePopulation updates progress and appends items in one transaction. A canceled one answers ErrConflict.
func (s *Store) SavePopulation(ctx context.Context, p engine.Population, items []automation.Plan) error {
	row, err := populationRow(p)
	if err != nil {
		return err
	}
	rows := make([]planItemRow, len(items))
	for i, plan := range items {
		doc, err := encode("plan of "+plan.Source.String(), plan)
		if err != nil {
			return err
		}
		rows[i] = planItemRow{
			PlanID: p.ID, Outcome: string(plan.Outcome), Record: clean(plan.Source.ID), Title: clean(plan.SourceTitle),
			TargetRecord: clean(plan.Target.ID), TargetTitle: clean(plan.TargetTitle), Plan: doc,
		}
	}
	err = s.write(ctx, func(u *unit) error {
		res := u.Model(&planRow{}).Where("id = ? AND state <> ?", p.ID, string(engine.PopulationCanceled)).
			Select("version", "state", "phase", "done", "total", "counts", "reads", "writes", "problem", "finished_at").Updates(&row)
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return u.canceled(p.ID)
		}
		for i := range rows {
			rows[i].Position = 0 // an earlier try may have filled it in
		}
		return u.CreateInBatches(rows, itemChunk).Error
	})
	if err != nil {
		return fmt.Errorf("save dry run %s: %w", p.ID, err)
	}
	return nil
}

// canceled tells a dry run that was canceled from one that is not there.
func (u *unit) canceled(id string) error {
	var row planRow
	if err := u.Where("id = ?", id).Take(&row).Error; err != nil {
		return found(err)
	}
	return engine.ErrConflict
}

// RestartPopulation drops stored items so that an interrupted dry run begins again.
func (s *Store) RestartPopulation(ctx context.Context, id string) error {
	err := s.write(ctx, func(u *unit) error {
		return u.Exec("DELETE FROM plan_items WHERE plan_id = ?", id).Error
	})
	if err != nil {
		return fmt.Errorf("restart dry run %s: %w", id, err)
	}
	return nil
}

// CancelPopulation stops a dry run that has not ended; its worker sees it at the next page. One that has ended
// answers ErrConflict.
func (s *Store) CancelPopulation(ctx context.Context, id string) error {
	err := s.write(ctx, func(u *unit) error {
		res := u.Model(&planRow{}).Where("id = ? AND state IN ?", clean(id), []string{string(engine.PopulationQueued), string(engine.PopulationRunning)}).
			Updates(map[string]any{"state": string(engine.PopulationCanceled), "finished_at": at(u.now), "phase": ""})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return u.canceled(clean(id))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cancel dry run %s: %w", id, err)
	}
	return nil
}

// PlanItems lists what a dry run came to, in the order it was planned.
func (s *Store) PlanItems(ctx context.Context, id string, f engine.PlanFilter) ([]engine.PlanItem, error) {
	q := s.read(ctx).Where("plan_id = ? AND position > ?", clean(id), f.After).Order("position").Limit(limited(f.Limit))
	if len(f.Outcomes) > 0 {
		q = q.Where("outcome IN ?", f.Outcomes)
	}
	if f.Search != "" {
		text := contains(f.Search)
		q = q.Where("(LOWER(title) LIKE ? ESCAPE '!' OR LOWER(record) LIKE ? ESCAPE '!' OR LOWER(target_title) LIKE ? ESCAPE '!' OR LOWER(target_record) LIKE ? ESCAPE '!')", text, text, text, text)
	}
	var rows []planItemRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list items of dry run %s: %w", id, err)
	}
	out := make([]engine.PlanItem, 0, len(rows))
	for _, r := range rows {
		item, err := r.item()
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

// PlanItem reads one of them.
func (s *Store) PlanItem(ctx context.Context, id string, position int64) (engine.PlanItem, error) {
	var row planItemRow
	if err := s.read(ctx).Where("plan_id = ? AND position = ?", clean(id), position).Take(&row).Error; err != nil {
		return engine.PlanItem{}, fmt.Errorf("read item %d of dry run %s: %w", position, id, found(err))
	}
	return row.item()
}

func (r planItemRow) item() (engine.PlanItem, error) {
	item := engine.PlanItem{Position: r.Position}
	err := decode(fmt.Sprintf("item %d of dry run %s", r.Position, r.PlanID), r.Plan, &item.Plan)
	return item, err
}
