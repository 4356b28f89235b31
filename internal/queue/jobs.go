package queue

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"crosswalk/internal/engine"
)

// The queues. Routing is one at a time and quick; bulk work and the clock never take a live worker.
const (
	queueLive  = river.QueueDefault
	queueRoute = "route"
	queueBulk  = "bulk"
	queueClock = "clock"
)

type routeArgs struct{}

func (routeArgs) Kind() string { return "route" }

type reconcileArgs struct {
	Work engine.WorkID `json:"work"`
}

func (reconcileArgs) Kind() string { return "reconcile" }

type dryRunArgs struct {
	Plan string `json:"plan"`
}

func (dryRunArgs) Kind() string { return "dry_run" }

type pollArgs struct{}

func (pollArgs) Kind() string { return "poll" }

type rescueArgs struct{}

func (rescueArgs) Kind() string { return "rescue" }

type pruneArgs struct{}

func (pruneArgs) Kind() string { return "prune" }

// insertable translates the engine's jobs into River's.
func insertable(jobs []engine.Job) []river.InsertManyParams {
	out := make([]river.InsertManyParams, 0, len(jobs))
	for _, j := range jobs {
		p := river.InsertManyParams{InsertOpts: &river.InsertOpts{ScheduledAt: j.RunAt}}
		switch j.Kind {
		case engine.JobRoute:
			p.Args, p.InsertOpts.Queue = routeArgs{}, queueRoute
		case engine.JobReconcile:
			p.Args, p.InsertOpts.Queue = reconcileArgs{j.Work}, queueLive
		case engine.JobDryRun:
			p.Args, p.InsertOpts.Queue = dryRunArgs{j.Plan}, queueBulk
		}
		out = append(out, p)
	}
	return out
}

// worker runs one function for a kind of job.
type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	timeout time.Duration
	work    func(ctx context.Context, args T) error
}

func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.timeout }

func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	return outcome(w.work(ctx, job.Args))
}

// Handlers is what the jobs wake.
type Handlers struct {
	Route     func(ctx context.Context) error
	Reconcile func(ctx context.Context, id engine.WorkID) error
	DryRun    func(ctx context.Context, id string) error
	Poll      func(ctx context.Context) error
	Rescue    func(ctx context.Context) error
	Prune     func(ctx context.Context) error
}

func (h Handlers) workers() *river.Workers {
	ws := river.NewWorkers()
	river.AddWorker(ws, &worker[routeArgs]{timeout: time.Minute, work: func(ctx context.Context, _ routeArgs) error { return h.Route(ctx) }})
	river.AddWorker(ws, &worker[reconcileArgs]{timeout: engine.Lease, work: func(ctx context.Context, a reconcileArgs) error { return h.Reconcile(ctx, a.Work) }})
	river.AddWorker(ws, &worker[dryRunArgs]{timeout: 6 * time.Hour, work: func(ctx context.Context, a dryRunArgs) error { return h.DryRun(ctx, a.Plan) }})
	river.AddWorker(ws, &worker[pollArgs]{timeout: 10 * time.Minute, work: func(ctx context.Context, _ pollArgs) error { return h.Poll(ctx) }})
	river.AddWorker(ws, &worker[rescueArgs]{timeout: time.Minute, work: func(ctx context.Context, _ rescueArgs) error { return h.Rescue(ctx) }})
	river.AddWorker(ws, &worker[pruneArgs]{timeout: 10 * time.Minute, work: func(ctx context.Context, _ pruneArgs) error { return h.Prune(ctx) }})
	return ws
}

func periodic(pollEvery time.Duration) []*river.PeriodicJob {
	every := func(d time.Duration, args river.JobArgs, first bool) *river.PeriodicJob {
		return river.NewPeriodicJob(river.PeriodicInterval(d), func() (river.JobArgs, *river.InsertOpts) {
			// Not unique: the job of a killed process stays marked as running for hours, and a unique one would keep
			// all its successors out. Handlers leave at once when their predecessor is still at it.
			return args, &river.InsertOpts{Queue: queueClock, MaxAttempts: 1}
		}, &river.PeriodicJobOpts{RunOnStart: first})
	}
	return []*river.PeriodicJob{
		every(pollEvery, pollArgs{}, true),
		every(15*time.Second, rescueArgs{}, true),
		every(time.Hour, pruneArgs{}, false),
	}
}
