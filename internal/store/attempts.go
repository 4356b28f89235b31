package store

import (
	"context"
	"fmt"
	"slices"

	"crosswalk/internal/automation"
)

type attemptRow struct {
	RunID   string `gorm:"primaryKey"`
	Number  int    `gorm:"primaryKey;autoIncrement:false"`
	Version int
	State   string
	Outcome string
	Code    string
	Summary string
	LeftOut int
	Steps   string
}

func (attemptRow) TableName() string { return "attempts" }

func (r attemptRow) attempt() (automation.Attempt, error) {
	steps, err := automation.DecodeSteps([]byte(r.Steps))
	if err != nil {
		return automation.Attempt{}, fmt.Errorf("decode steps of attempt %d of %s: %w", r.Number, r.RunID, err)
	}
	return automation.Attempt{
		Number: r.Number, Version: r.Version, State: automation.RunState(r.State), Outcome: automation.Outcome(r.Outcome),
		Code: r.Code, Summary: r.Summary, LeftOut: r.LeftOut, Steps: steps,
	}, nil
}

// keepAttempt sets aside what a run holds of the attempt before the one that is about to be stored. One that is stored
// late, by a worker who lost the key, replaces what was set aside of it.
const keepAttempt = `INSERT INTO attempts (run_id, number, version, state, outcome, code, summary, left_out, steps)
SELECT id, attempts, version, state, outcome, code, summary, 0, steps FROM runs WHERE id = ? AND attempts < ?
ON CONFLICT (run_id, number) DO UPDATE SET version = excluded.version, state = excluded.state, outcome = excluded.outcome,
	code = excluded.code, summary = excluded.summary, steps = excluded.steps`

// keepAttempts sets the attempt before this one aside, and lets go of those in the middle. Most runs have one attempt,
// and cost nothing here.
func (u *unit) keepAttempts(r automation.Run) error {
	if r.Attempts <= 1 {
		return nil
	}
	res := u.Exec(keepAttempt, r.ID, r.Attempts)
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	var rows []attemptRow
	if err := u.Model(&attemptRow{}).Select("number, left_out").Where("run_id = ?", r.ID).Order("number").Find(&rows).Error; err != nil {
		return err
	}
	earlier := make([]automation.Attempt, len(rows))
	for i, row := range rows {
		earlier[i] = automation.Attempt{Number: row.Number, LeftOut: row.LeftOut}
	}
	kept := automation.KeepAttempts(earlier)
	if len(kept) == len(earlier) {
		return nil
	}
	numbers := make([]int, len(kept))
	for i, a := range kept {
		numbers[i] = a.Number
		if a.LeftOut == 0 {
			continue
		}
		if err := u.Exec("UPDATE attempts SET left_out = ? WHERE run_id = ? AND number = ?", a.LeftOut, r.ID, a.Number).Error; err != nil {
			return err
		}
	}
	return u.Exec("DELETE FROM attempts WHERE run_id = ? AND number NOT IN ?", r.ID, numbers).Error
}

func pointers(runs []automation.Run) []*automation.Run {
	out := make([]*automation.Run, len(runs))
	for i := range runs {
		out[i] = &runs[i]
	}
	return out
}

// attemptChunk keeps statements below both databases' limits of parameters.
const attemptChunk = 500

// withEarlier reads the earlier attempts of runs, for all of them at once.
func (s *Store) withEarlier(ctx context.Context, of ...*automation.Run) error {
	byID := map[string]*automation.Run{}
	ids := make([]string, 0, len(of))
	for _, r := range of {
		if r.Attempts > 1 {
			byID[r.ID] = r
			ids = append(ids, r.ID)
		}
	}
	for chunk := range slices.Chunk(ids, attemptChunk) {
		var rows []attemptRow
		if err := s.read(ctx).Where("run_id IN ?", chunk).Order("run_id, number").Find(&rows).Error; err != nil {
			return fmt.Errorf("read attempts of %d runs: %w", len(chunk), err)
		}
		for _, row := range rows {
			a, err := row.attempt()
			if err != nil {
				return err
			}
			// A worker who lost the key may have stored its attempt after the one that followed.
			if r := byID[row.RunID]; a.Number < r.Attempts {
				r.Earlier = append(r.Earlier, a)
			}
		}
	}
	return nil
}
