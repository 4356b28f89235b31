package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var _ engine.Populations = (*Store)(nil)

func populationRow(p engine.Population) (planRow, error) {
	counts, err := encode("counts of plan "+p.ID, p.Counts)
	if err != nil {
		return planRow{}, err
	}
	tally, err := encode("tally of plan "+p.ID, p.Tally)
	return planRow{
		ID: p.ID, AutomationID: string(p.Automation), Version: p.Version, State: string(p.State), Phase: clean(p.Phase),
		Done: p.Done, Total: p.Total, Counts: counts, Reads: p.Reads, Writes: p.Writes, Problem: clean(p.Problem),
		CreatedAt: at(p.CreatedAt), FinishedAt: at(p.FinishedAt), StartedBy: clean(p.StartedBy),
		Mode: string(cmp.Or(p.Mode, engine.ModeShow)), OfPlan: clean(p.Of), Written: p.Written, Missed: p.Missed, Tally: tally, Cursor: clean(p.Cursor), StartedAt: at(p.StartedAt), WentOnAt: at(p.WentOnAt), WentOnDone: p.WentOnDone,
	}, err
}

func (r planRow) population() (engine.Population, error) {
	p := engine.Population{
		ID: r.ID, Automation: automation.ID(r.AutomationID), Version: r.Version, State: engine.PopulationState(r.State), Phase: r.Phase,
		Done: r.Done, Total: r.Total, Reads: r.Reads, Writes: r.Writes, Problem: r.Problem,
		CreatedAt: r.CreatedAt.time(), FinishedAt: r.FinishedAt.time(), StartedBy: r.StartedBy,
		Mode: engine.PopulationMode(r.Mode), Of: r.OfPlan, Written: r.Written, Missed: r.Missed, Cursor: r.Cursor, StartedAt: r.StartedAt.time(), WentOnAt: r.WentOnAt.time(), WentOnDone: r.WentOnDone,
	}
	if err := decode("counts of plan "+r.ID, r.Counts, &p.Counts); err != nil {
		return p, err
	}
	err := decode("tally of plan "+r.ID, r.Tally, &p.Tally)
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

// HoldPopulation takes the sole right to work on a dry run. It ends with release, and with the process.
func (s *Store) HoldPopulation(ctx context.Context, id string) (release func(), ok bool, err error) {
	if s.dialect == dialectPostgres {
		release, ok, err = s.holdPlan(ctx, id)
	} else if _, taken := s.held.LoadOrStore(id, true); !taken {
		release, ok = func() { s.held.Delete(id) }, true
	}
	if err != nil {
		return nil, false, fmt.Errorf("hold dry run %s: %w", id, err)
	}
	return release, ok, nil
}

// LatestPopulation is the newest dry run of an automation, carried out or not; undoing something is none.
func (s *Store) LatestPopulation(ctx context.Context, a automation.ID) (engine.Population, bool, error) {
	return s.newestPlan(ctx, a, "mode IN ('show', 'apply', 'fill')", "created_at DESC, id DESC")
}

// PausedPopulation is the plan of an automation that was stopped while it wrote and can go on: one a brake holds before one
// that a person paused, the newest of several. What was only looked at since does not hide it.
func (s *Store) PausedPopulation(ctx context.Context, a automation.ID) (engine.Population, bool, error) {
	return s.newestPlan(ctx, a, "mode IN ('apply', 'fill', 'take_back') AND state = 'paused'", "CASE WHEN problem <> '' THEN 0 ELSE 1 END, created_at DESC, id DESC")
}

func (s *Store) newestPlan(ctx context.Context, a automation.ID, which, order string) (engine.Population, bool, error) {
	var row planRow
	err := s.read(ctx).Where("automation_id = ? AND "+which, string(a)).Order(order).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return engine.Population{}, false, nil
	}
	if err != nil {
		return engine.Population{}, false, fmt.Errorf("read the newest plan of %s: %w", a, err)
	}
	p, err := row.population()
	return p, err == nil, err
}

// LatestPopulations are the newest dry runs of some automations; of those that have one.
func (s *Store) LatestPopulations(ctx context.Context, automations ...automation.ID) ([]engine.Population, error) {
	return s.latestPopulations(ctx, everywhere, automations)
}

func (s *Store) latestPopulations(ctx context.Context, sc scope, automations []automation.ID) ([]engine.Population, error) {
	if len(automations) == 0 {
		return nil, nil
	}
	ours, args := sc.automation("plans.automation_id")
	newest := `SELECT * FROM plans WHERE id IN (SELECT id FROM
	(SELECT id, ROW_NUMBER() OVER (PARTITION BY automation_id ORDER BY created_at DESC, id DESC) AS nth FROM plans
	WHERE automation_id IN ? AND mode IN ('show', 'apply', 'fill')` + ours + `) AS ranked WHERE nth = 1) ORDER BY automation_id`
	var rows []planRow
	if err := s.read(ctx).Raw(newest, append([]any{automations}, args...)...).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the latest dry runs of %d automations: %w", len(automations), err)
	}
	out := make([]engine.Population, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = r.population(); err != nil {
			return nil, err
		}
	}
	return out, nil
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
		if rows[i], err = itemRow(p.ID, plan); err != nil {
			return err
		}
	}
	err = s.write(ctx, func(u *unit) error {
		if err := u.progress(&row); err != nil {
			return err
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

// sofar is how far a population has come, whatever people say about it.
var sofar = []string{"done", "total", "counts", "reads", "writes", "written", "missed", "tally", "cursor", "went_on_at", "went_on_done", "beat_at"}

// progress updates a population that nobody has stopped.
func (u *unit) progress(row *planRow) error {
	row.BeatAt = at(u.now)
	stopped := []string{string(engine.PopulationCanceled), string(engine.PopulationPaused)}
	res := u.Model(&planRow{}).Where("id = ? AND state NOT IN ?", row.ID, stopped).
		Select(append([]string{"version", "state", "phase", "problem", "started_at", "finished_at"}, sofar...)).Updates(row)
	if res.Error != nil {
		return res.Error
	}
	if res.RowsAffected == 0 {
		return u.canceled(row.ID)
	}
	return nil
}

// SaveResults says what became of items. One that was not shown is added, so that it is not lost from sight. What became
// of them is kept even where somebody has stopped it, which is told by engine.ErrConflict.
func (s *Store) SaveResults(ctx context.Context, p engine.Population, results []engine.ItemResult) error {
	row, err := populationRow(p)
	if err != nil {
		return err
	}
	stopped := false
	err = s.write(ctx, func(u *unit) error {
		err := u.progress(&row)
		if stopped = errors.Is(err, engine.ErrConflict); stopped {
			err = u.Model(&planRow{}).Where("id = ?", row.ID).Select(sofar).Updates(&row).Error
		}
		if err != nil {
			return err
		}
		for _, r := range results {
			if err := u.result(p.ID, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && stopped {
		err = engine.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("save results of plan %s: %w", p.ID, err)
	}
	return nil
}

func (u *unit) result(id string, r engine.ItemResult) error {
	if r.Plan == nil {
		return u.Exec("UPDATE plan_items SET result = ?, run_id = ? WHERE plan_id = ? AND position = ?", string(r.State), r.Run, id, r.Position).Error
	}
	row, err := itemRow(id, *r.Plan)
	if err != nil {
		return err
	}
	row.Result, row.RunID = string(r.State), r.Run
	if r.Position == 0 {
		return u.Create(&row).Error
	}
	return u.Exec("UPDATE plan_items SET result = ?, run_id = ?, outcome = ?, target_record = ?, target_title = ?, plan = ? WHERE plan_id = ? AND position = ?",
		row.Result, row.RunID, row.Outcome, row.TargetRecord, row.TargetTitle, row.Plan, id, r.Position).Error
}

func itemRow(id string, plan automation.Plan) (planItemRow, error) {
	doc, err := encode("plan of "+plan.Source.String(), plan)
	return planItemRow{
		PlanID: id, Outcome: string(plan.Outcome), Record: clean(plan.Source.ID), Title: clean(plan.SourceTitle),
		TargetRecord: clean(plan.Target.ID), TargetTitle: clean(plan.TargetTitle), Plan: doc,
		Matching: string(plan.Matching), Drift: string(plan.Drift), KnownBy: clean(strings.Join(plan.KnownBy, "\n")),
	}, err
}

// ItemsOf are the items of some records, by their source.
func (s *Store) ItemsOf(ctx context.Context, id string, sources []record.Ref) (map[record.Ref]engine.PlanItem, error) {
	out := make(map[record.Ref]engine.PlanItem, len(sources))
	asked := make(map[string][]record.Ref, len(sources))
	ids := make([]string, 0, len(sources))
	for _, r := range sources {
		stored := clean(r.ID)
		asked[stored] = append(asked[stored], r)
		ids = append(ids, stored)
	}
	for chunk := range slices.Chunk(ids, 500) {
		var rows []planItemRow
		if err := s.read(ctx).Where("plan_id = ? AND record IN ?", id, chunk).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read items of plan %s: %w", id, err)
		}
		for _, row := range rows {
			item, err := row.item()
			if err != nil {
				return nil, err
			}
			for _, r := range asked[row.Record] {
				if item.Plan.Source.Connection == r.Connection && item.Plan.Source.Type == r.Type {
					out[r] = item
				}
			}
		}
	}
	return out, nil
}

// ApplyPopulation lets a plan that was shown be carried out: all of it, or the items chosen. It answers
// engine.ErrConflict when it is not one that was shown and is at rest, or when its records were pruned: none of them would
// be known for one that was shown.
func (s *Store) ApplyPopulation(ctx context.Context, id string, choice engine.Choice) error {
	if choice.Moved {
		return s.applyMoved(ctx, id, choice)
	}
	err := s.write(ctx, func(u *unit) error {
		res := u.Exec(`UPDATE plans SET mode = CASE WHEN mode = 'undo' THEN 'take_back' ELSE 'apply' END, state = 'queued', done = 0, written = 0, cursor = '',
started_at = ?, finished_at = 0, phase = '' WHERE id = ? AND state = 'done' AND mode IN ('show', 'undo')
	AND (done = 0 OR EXISTS (SELECT 1 FROM plan_items i WHERE i.plan_id = plans.id))`, int64(at(u.now)), clean(id))
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return u.canceled(clean(id))
		}
		if len(choice.Outcomes) > 0 {
			if err := u.Exec("UPDATE plan_items SET result = 'left' WHERE plan_id = ? AND outcome NOT IN ?", id, choice.Outcomes).Error; err != nil {
				return err
			}
		}
		if len(choice.Matchings) > 0 {
			if err := u.Exec("UPDATE plan_items SET result = 'left' WHERE plan_id = ? AND matching NOT IN ?", id, choice.Matchings).Error; err != nil {
				return err
			}
		}
		if chosen := slices.Compact(slices.Sorted(slices.Values(choice.Positions))); len(chosen) > 0 {
			var there int64
			if err := u.Model(&planItemRow{}).Where("plan_id = ? AND position IN ?", clean(id), chosen).Count(&there).Error; err != nil {
				return err
			}
			if int(there) != len(chosen) { // of another plan, or pruned: then what was chosen is not what would be done
				return engine.ErrNotFound
			}
			if err := u.Exec("UPDATE plan_items SET result = 'left' WHERE plan_id = ? AND position NOT IN ?", id, choice.Positions).Error; err != nil {
				return err
			}
		}
		return u.jobs(engine.Job{Kind: engine.JobDryRun, Plan: id})
	})
	if err != nil {
		return fmt.Errorf("apply plan %s: %w", id, err)
	}
	return nil
}

// applyMoved lets a plan that was carried out go on with what had changed since it was shown, as it is shown by now. It
// answers engine.ErrConflict when there is nothing of that kind.
func (s *Store) applyMoved(ctx context.Context, id string, choice engine.Choice) error {
	err := s.write(ctx, func(u *unit) error {
		res := u.Exec(`UPDATE plans SET mode = CASE WHEN mode = 'fill' THEN 'apply' ELSE mode END, state = 'queued', done = 0, cursor = '',
started_at = ?, finished_at = 0, phase = '' WHERE id = ? AND state = 'done' AND mode IN ('apply', 'fill', 'take_back')`, int64(at(u.now)), clean(id))
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return u.canceled(clean(id))
		}
		outcomes := choice.Outcomes
		if len(outcomes) == 0 {
			outcomes = engine.Writable
		}
		q := u.Model(&planItemRow{}).Where("plan_id = ? AND result = 'moved' AND outcome IN ?", clean(id), outcomes)
		if len(choice.Positions) > 0 {
			q = q.Where("position IN ?", choice.Positions)
		}
		if res = q.Update("result", ""); res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return engine.ErrConflict
		}
		return u.jobs(engine.Job{Kind: engine.JobDryRun, Plan: id})
	})
	if err != nil {
		return fmt.Errorf("apply what moved of plan %s: %w", id, err)
	}
	return nil
}

// PausePopulation stops one that has not ended, to go on later; its worker sees it at the next page.
func (s *Store) PausePopulation(ctx context.Context, id string) error {
	return s.switchPopulation(ctx, id, "pause", engine.PopulationPaused, false, engine.PopulationQueued, engine.PopulationRunning)
}

// ResumePopulation lets a paused or failed one go on, with a job.
func (s *Store) ResumePopulation(ctx context.Context, id string) error {
	return s.switchPopulation(ctx, id, "resume", engine.PopulationQueued, true, engine.PopulationPaused, engine.PopulationFailed)
}

func (s *Store) switchPopulation(ctx context.Context, id, verb string, to engine.PopulationState, job bool, from ...engine.PopulationState) error {
	err := s.write(ctx, func(u *unit) error {
		res := u.Model(&planRow{}).Where("id = ? AND state IN ?", clean(id), from).Updates(map[string]any{"state": string(to), "phase": "", "problem": ""})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return u.canceled(clean(id))
		}
		if job {
			return u.jobs(engine.Job{Kind: engine.JobDryRun, Plan: id})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s plan %s: %w", verb, id, err)
	}
	return nil
}

// ResultCounts counts what became of a plan's items; what was only shown is not among them.
func (s *Store) ResultCounts(ctx context.Context, id string) (map[engine.ItemState]int, error) {
	var rows []struct {
		Result string
		N      int
	}
	if err := s.read(ctx).Raw("SELECT result, COUNT(*) AS n FROM plan_items WHERE plan_id = ? AND result <> '' GROUP BY result", clean(id)).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("count results of plan %s: %w", id, err)
	}
	out := map[engine.ItemState]int{}
	for _, r := range rows {
		out[engine.ItemState(r.Result)] = r.N
	}
	return out, nil
}

// MovedCounts counts what had changed since a plan was shown, by what it comes to by now.
func (s *Store) MovedCounts(ctx context.Context, id string) (map[automation.Outcome]int, error) {
	var rows []struct {
		Outcome string
		N       int
	}
	if err := s.read(ctx).Raw("SELECT outcome, COUNT(*) AS n FROM plan_items WHERE plan_id = ? AND result = 'moved' GROUP BY outcome", clean(id)).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("count what moved of plan %s: %w", id, err)
	}
	out := map[automation.Outcome]int{}
	for _, r := range rows {
		out[automation.Outcome(r.Outcome)] = r.N
	}
	return out, nil
}

// ChangesToUndo pages through the writes an undo takes back, newest first: "change:ch_…", "run:rn_…" or "plan:pl_…".
func (s *Store) ChangesToUndo(ctx context.Context, of, after string, limit int) ([]automation.Change, error) {
	return s.changesToUndo(ctx, everywhere, of, after, limit)
}

func (s *Store) changesToUndo(ctx context.Context, sc scope, of, after string, limit int) ([]automation.Change, error) {
	kind, id, _ := strings.Cut(of, ":")
	q := sc.ofAutomation(s.read(ctx).Model(&changeRow{})).Order("id DESC").Limit(limited(limit))
	switch kind {
	case "change":
		q = q.Where("id = ?", clean(id))
	case "run":
		q = q.Where("run_id = ?", clean(id))
	case "plan":
		q = q.Where("run_id IN (SELECT run_id FROM plan_items WHERE plan_id = ? AND run_id <> '')", clean(id))
	default:
		return nil, fmt.Errorf("read changes of %q: %w", of, engine.ErrNotFound)
	}
	if after != "" {
		q = q.Where("id < ?", clean(after))
	}
	var rows []changeRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read changes of %s: %w", of, err)
	}
	return changes(rows)
}

// LastTold is when the last webhook about each record came, for those that had one.
func (s *Store) LastTold(ctx context.Context, refs []record.Ref) (map[record.Ref]time.Time, error) {
	type side struct{ connection, object string }
	ids := map[side][]string{}
	for _, r := range refs {
		k := side{string(r.Connection), string(r.Type)}
		ids[k] = append(ids[k], clean(r.ID))
	}
	out := make(map[record.Ref]time.Time, len(refs))
	for k, all := range ids {
		for chunk := range slices.Chunk(all, 500) {
			var rows []struct {
				Record string
				At     stamp
			}
			err := s.read(ctx).Raw(`SELECT record, MAX(received_at) AS at FROM events WHERE connection = ? AND object = ? AND record IN ? AND kind = 'webhook' GROUP BY record`,
				k.connection, k.object, chunk).Scan(&rows).Error
			if err != nil {
				return nil, fmt.Errorf("read when webhooks told of %d records: %w", len(refs), err)
			}
			for _, r := range rows {
				out[ref(k.connection, k.object, r.Record)] = r.At.time()
			}
		}
	}
	return out, nil
}

// Wrote are our writes to records since then that may have been carried out.
func (s *Store) Wrote(ctx context.Context, refs []record.Ref, since time.Time) (map[record.Ref][]engine.Wrote, error) {
	type side struct{ connection, object string }
	ids := map[side][]string{}
	for _, r := range refs {
		k := side{string(r.Connection), string(r.Type)}
		ids[k] = append(ids[k], clean(r.ID))
	}
	out := map[record.Ref][]engine.Wrote{}
	for k, all := range ids {
		for chunk := range slices.Chunk(all, 500) {
			var rows []changeRow
			err := s.read(ctx).Select("target_record", "intended_at", "answered_at").
				Where("target_connection = ? AND target_object = ? AND target_record IN ? AND state <> ? AND (intended_at >= ? OR answered_at >= ?)",
					k.connection, k.object, chunk, string(automation.Refused), int64(at(since)), int64(at(since))).
				Order("intended_at").Find(&rows).Error
			if err != nil {
				return nil, fmt.Errorf("read our writes to %d records: %w", len(refs), err)
			}
			for _, r := range rows {
				at := ref(k.connection, k.object, r.TargetRecord)
				out[at] = append(out[at], engine.Wrote{From: r.IntendedAt.time(), To: max(r.IntendedAt, r.AnsweredAt).time()})
			}
		}
	}
	return out, nil
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
		res := u.Model(&planRow{}).Where("id = ? AND state IN ?", clean(id), []string{string(engine.PopulationQueued), string(engine.PopulationRunning), string(engine.PopulationPaused)}).
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
	if f.Matching != "" {
		q = q.Where("matching = ?", string(f.Matching))
	}
	if f.Drift != "" {
		q = q.Where("drift = ?", string(f.Drift))
	}
	if f.State != "" {
		q = q.Where("result = ?", string(f.State))
	}
	if f.Search != "" {
		text := contains(f.Search)
		q = q.Where("(LOWER(title) LIKE ? ESCAPE '!' OR LOWER(record) LIKE ? ESCAPE '!' OR LOWER(target_title) LIKE ? ESCAPE '!' OR LOWER(target_record) LIKE ? ESCAPE '!' OR LOWER(known_by) LIKE ? ESCAPE '!')", text, text, text, text, text)
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
	item := engine.PlanItem{Position: r.Position, State: engine.ItemState(r.Result), Run: r.RunID}
	err := decode(fmt.Sprintf("item %d of dry run %s", r.Position, r.PlanID), r.Plan, &item.Plan)
	return item, err
}
