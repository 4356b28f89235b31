package queue

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// asks counts what the database is asked, and has some jobs.
type asks struct {
	riverdriver.Executor
	n    int
	jobs int
}

func (a *asks) JobGetAvailable(context.Context, *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	a.n++
	if a.jobs == 0 {
		return &riverdriver.JobGetAvailableResult{}, nil
	}
	a.jobs--
	return &riverdriver.JobGetAvailableResult{Jobs: []*rivertype.JobRow{{}}}, nil
}

func TestTheDatabaseIsAskedWhileThereMayBeJobs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	w := &watch{now: func() time.Time { return now }, asked: map[string]time.Time{}, stirred: map[string]time.Time{}}
	db := &asks{}
	e := quietExecutor{db, w}
	const beat = 25 * time.Millisecond
	beats := func(queue string, n int) (asked, found int) {
		before := db.n
		for range n {
			now = now.Add(beat)
			r, err := e.JobGetAvailable(t.Context(), &riverdriver.JobGetAvailableParams{Queue: queue})
			if err != nil {
				t.Fatal(err)
			}
			found += len(r.Jobs)
		}
		return db.n - before, found
	}
	if asked, _ := beats(queueLive, 400); asked < 10 || asked > 11 {
		t.Errorf("in ten idle seconds it was asked %d times", asked)
	}
	w.stir(queueLive)
	if asked, _ := beats(queueLive, 20); asked != 20 {
		t.Errorf("in half a second after a job came it was asked %d times of 20", asked)
	}
	// What nobody told of is found within a second, and what is behind it at once.
	beats(queueLive, 400)
	db.jobs = 3
	if _, found := beats(queueLive, 44); found != 3 {
		t.Errorf("%d of 3 jobs were found in little more than a second", found)
	}
	// Each queue for itself.
	beats(queueRoute, 400)
	w.stir(queueLive)
	if asked, _ := beats(queueRoute, 20); asked > 1 {
		t.Errorf("a queue nothing happened in was asked %d times", asked)
	}
}
