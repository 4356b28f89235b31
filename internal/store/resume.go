package store

import (
	"context"
	"fmt"

	"crosswalk/internal/engine"
)

// ResumePopulations wakes dry runs that were running when the process ended; each begins again. Only for a
// database with a single process, at its start. It returns how many there were.
func (s *Store) ResumePopulations(ctx context.Context) (int, error) {
	var ids []string
	err := s.write(ctx, func(u *unit) error {
		ids = ids[:0]
		if err := u.Model(&planRow{}).Where("state = ?", string(engine.PopulationRunning)).Pluck("id", &ids).Error; err != nil {
			return err
		}
		jobs := make([]engine.Job, 0, len(ids))
		for _, id := range ids {
			jobs = append(jobs, engine.Job{Kind: engine.JobDryRun, Plan: id})
		}
		return u.jobs(jobs...)
	})
	if err != nil {
		return 0, fmt.Errorf("resume dry runs: %w", err)
	}
	return len(ids), nil
}
