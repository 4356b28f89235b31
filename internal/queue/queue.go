package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"crosswalk/internal/engine"
)

// Config says how the queue works. Without Handlers it only inserts (a process that serves and does not work).
type Config struct {
	Handlers  *Handlers
	Workers   int           // reconciles at once; default 16
	PollEvery time.Duration // how often providers are polled; default a minute
	Log       *slog.Logger
}

// Queue inserts jobs and works them off. Start and Stop may be called once each.
type Queue struct {
	insertSQL func(ctx context.Context, tx *sql.Tx, jobs []river.InsertManyParams) error
	insertPGX func(ctx context.Context, tx pgx.Tx, jobs []river.InsertManyParams) error
	start     func(ctx context.Context) error
	stop      func(ctx context.Context) error
	works     bool
}

var errOtherDatabase = errors.New("queue: the transaction is of the other database")

// OpenSQLite builds the queue on the embedded database. The pool must be the single writer, so that jobs and
// rows share transactions.
func OpenSQLite(db *sql.DB, cfg Config) (*Queue, error) {
	rc := cfg.river()
	rc.PollOnly = true // SQLite has no notifications
	driver := newQuiet(db)
	client, err := river.NewClient(driver, rc)
	if err != nil {
		return nil, fmt.Errorf("open queue on the embedded database: %w", err)
	}
	return &Queue{
		insertSQL: func(ctx context.Context, tx *sql.Tx, jobs []river.InsertManyParams) error {
			_, err := client.InsertManyFastTx(ctx, tx, jobs)
			for _, j := range jobs {
				driver.watch.stir(j.InsertOpts.Queue)
			}
			return err
		},
		start: func(ctx context.Context) error {
			// Here is one process. Whoever leads, and lets the clock tick, was killed: its term need not be waited for.
			afterAll := time.Now().Add(24 * time.Hour)
			if _, err := driver.GetExecutor().LeaderDeleteExpired(ctx, &riverdriver.LeaderDeleteExpiredParams{Now: &afterAll}); err != nil {
				return fmt.Errorf("take over from a killed process: %w", err)
			}
			return client.Start(ctx)
		},
		stop: client.Stop, works: cfg.Handlers != nil,
	}, nil
}

// OpenPostgres builds the queue on PostgreSQL.
func OpenPostgres(pool *pgxpool.Pool, cfg Config) (*Queue, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), cfg.river())
	if err != nil {
		return nil, fmt.Errorf("open queue on PostgreSQL: %w", err)
	}
	return &Queue{
		insertPGX: func(ctx context.Context, tx pgx.Tx, jobs []river.InsertManyParams) error {
			_, err := client.InsertManyFastTx(ctx, tx, jobs)
			return err
		},
		start: client.Start, stop: client.Stop, works: cfg.Handlers != nil,
	}, nil
}

// InsertSQL enqueues jobs in a transaction of the embedded database.
func (q *Queue) InsertSQL(ctx context.Context, tx *sql.Tx, jobs []engine.Job) error {
	if q.insertSQL == nil {
		return errOtherDatabase
	}
	if len(jobs) == 0 {
		return nil
	}
	return q.insertSQL(ctx, tx, insertable(jobs))
}

// InsertPGX enqueues jobs in a transaction of PostgreSQL.
func (q *Queue) InsertPGX(ctx context.Context, tx pgx.Tx, jobs []engine.Job) error {
	if q.insertPGX == nil {
		return errOtherDatabase
	}
	if len(jobs) == 0 {
		return nil
	}
	return q.insertPGX(ctx, tx, insertable(jobs))
}

// Start begins to work jobs off; it does nothing in a process that only inserts.
func (q *Queue) Start(ctx context.Context) error {
	if !q.works {
		return nil
	}
	return q.start(ctx)
}

// Stop lets running jobs end until ctx does, and returns when they have. A job that is cut off is found again
// by its open intent.
func (q *Queue) Stop(ctx context.Context) error {
	if !q.works {
		return nil
	}
	return q.stop(ctx)
}

func (c Config) river() *river.Config {
	rc := &river.Config{
		Logger: c.Log,
		// Jobs are wake-ups, history is the run log: River's own rows need not be kept.
		CompletedJobRetentionPeriod: 2 * time.Minute,
		CancelledJobRetentionPeriod: time.Hour,
		DiscardedJobRetentionPeriod: time.Hour,
		MaxAttempts:                 5,
		RescueStuckJobsAfter:        7 * time.Hour, // above the longest timeout; keys are rescued by their lease long before
		Hooks:                       []rivertype.Hook{},
	}
	if c.Handlers == nil {
		return rc
	}
	live := 25 * time.Millisecond
	rc.Workers = c.Handlers.workers()
	rc.PeriodicJobs = periodic(max(c.PollEvery, time.Second))
	workers := c.Workers
	if workers <= 0 {
		workers = 16
	}
	rc.Queues = map[string]river.QueueConfig{
		queueLive:  {MaxWorkers: workers, FetchCooldown: live, FetchPollInterval: live},
		queueRoute: {MaxWorkers: 1, FetchCooldown: live, FetchPollInterval: live},
		queueBulk:  {MaxWorkers: 2, FetchCooldown: 250 * time.Millisecond, FetchPollInterval: 250 * time.Millisecond},
		queueClock: {MaxWorkers: 3, FetchCooldown: 250 * time.Millisecond, FetchPollInterval: 500 * time.Millisecond},
	}
	return rc
}
