package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

// The dialects.
const (
	dialectSQLite   = "sqlite"
	dialectPostgres = "postgres"
)

// Config says where the data lives: exactly one of SQLitePath and PostgresURL.
type Config struct {
	SQLitePath  string
	PostgresURL string
	// Brief: what is stored need not outlive the machine, and nobody waits for a disk. SQLite only, for made-up worlds.
	Brief  bool
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default: nothing is logged
}

// Tx is an open transaction of one of the two databases; exactly one field is set. River's drivers take it.
type Tx struct {
	SQL *sql.Tx
	PGX pgx.Tx
}

// EnqueueFunc stores jobs in an open transaction, so that they exist exactly when what they tell of does.
type EnqueueFunc func(ctx context.Context, tx Tx, jobs []engine.Job) error

// Store is the database. It is safe for concurrent use.
type Store struct {
	now     func() time.Time
	log     *slog.Logger
	dialect string
	// reader serves what happens outside transactions; on PostgreSQL it is the one pool.
	reader  *gorm.DB
	writer  *gorm.DB
	sqlDB   *sql.DB // the pool under writer
	readDB  *sql.DB // SQLite only
	pool    *pgxpool.Pool
	commits *committer // SQLite only
	enqueue EnqueueFunc

	arrivals *intake
	held     sync.Map  // SQLite only: the populations somebody works on; there is one process
	present  *presence // PostgreSQL only
}

// Open connects; it does not migrate.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{now: cfg.Now, log: cfg.Logger}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	switch {
	case cfg.SQLitePath != "" && cfg.PostgresURL != "":
		err = errors.New("open store: both an SQLite path and a PostgreSQL URL are given")
	case cfg.SQLitePath != "":
		err = s.openSQLite(ctx, cfg.SQLitePath, cfg.Brief)
	case cfg.PostgresURL != "":
		err = s.openPostgres(ctx, cfg.PostgresURL)
	default:
		err = errors.New("open store: neither an SQLite path nor a PostgreSQL URL is given")
	}
	if err != nil {
		return nil, err
	}
	s.arrivals = newIntake(s)
	return s, nil
}

// OnEnqueue sets what stores jobs. Call it before the first write; without it jobs are dropped.
func (s *Store) OnEnqueue(enqueue EnqueueFunc) { s.enqueue = enqueue }

// Dialect is "sqlite" or "postgres".
func (s *Store) Dialect() string { return s.dialect }

// SQLDB is the writing pool, for River on SQLite: it holds one connection, so that jobs and rows share it.
func (s *Store) SQLDB() *sql.DB { return s.sqlDB }

// PGXPool is the pool for River on PostgreSQL; nil on SQLite.
func (s *Store) PGXPool() *pgxpool.Pool { return s.pool }

// Ping proves that the database answers reads. It does not queue behind writes.
func (s *Store) Ping(ctx context.Context) error {
	db, err := s.reader.DB()
	if err == nil {
		err = db.PingContext(ctx)
	}
	if err != nil {
		return fmt.Errorf("ping %s: %w", s.dialect, err)
	}
	return nil
}

// Close lets writes in hand end and closes the database. Nothing may use the store afterwards.
func (s *Store) Close() error {
	var errs []error
	if s.arrivals != nil {
		s.arrivals.close()
	}
	if s.commits != nil {
		s.commits.close()
	}
	s.present.close()
	if s.readDB != nil {
		errs = append(errs, s.readDB.Close())
	}
	if s.sqlDB != nil {
		errs = append(errs, s.sqlDB.Close())
	}
	if s.pool != nil {
		s.pool.Close()
	}
	return errors.Join(errs...)
}

// unit is one write in an open transaction. Inside, only it may be used: on SQLite there is one connection.
type unit struct {
	*gorm.DB
	store *Store
	tx    Tx
	batch *batch
	now   time.Time // fixed once, so that what is written together carries one time
}

// batch is what the writes sharing one commit know of each other.
type batch struct {
	// routed: a route job is already enqueued, and one wakes the router for all of them.
	routed bool
}

// jobs enqueues jobs that become visible with the rest of the transaction.
func (u *unit) jobs(jobs ...engine.Job) error {
	if len(jobs) == 0 || u.store.enqueue == nil {
		return nil
	}
	if err := u.store.enqueue(u.Statement.Context, u.tx, jobs); err != nil {
		return fmt.Errorf("enqueue %d %s jobs: %w", len(jobs), jobs[0].Kind, err)
	}
	return nil
}

// wakeRouter enqueues one route job per commit.
func (u *unit) wakeRouter() error {
	if u.batch.routed {
		return nil
	}
	if err := u.jobs(engine.Job{Kind: engine.JobRoute}); err != nil {
		return err
	}
	u.batch.routed = true
	return nil
}

// write runs fn in a transaction. fn may run more than once, never at the same time, and keeps nothing of an
// earlier run; what it writes is all there when write answers nil, and none of it otherwise. Once fn has begun,
// write answers what became of it even when ctx ends meanwhile.
func (s *Store) write(ctx context.Context, fn func(*unit) error) error {
	if acts := people.TakeActs(ctx); len(acts) > 0 {
		act := fn
		fn = func(u *unit) error {
			if err := act(u); err != nil {
				return err
			}
			return u.recordActs(acts)
		}
	}
	if s.commits != nil {
		return s.commits.do(ctx, fn)
	}
	return s.writePostgres(ctx, fn)
}

// read is the database outside transactions.
func (s *Store) read(ctx context.Context) *gorm.DB { return s.reader.WithContext(ctx) }

func (s *Store) unit(ctx context.Context, tx *sql.Tx, b *batch) *unit {
	g := s.writer.Session(&gorm.Session{NewDB: true, Context: ctx, SkipDefaultTransaction: true})
	g.Statement.ConnPool = tx
	return &unit{DB: g, store: s, tx: Tx{SQL: tx}, batch: b, now: s.now().UTC()}
}

func gormConfig() *gorm.Config {
	return &gorm.Config{
		// Errors are returned, and statements hold people's data: neither belongs in gorm's log.
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		TranslateError:         false,
		DisableAutomaticPing:   true,
	}
}

// found turns gorm's word for no row into ours.
func found(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return engine.ErrNotFound
	}
	return err
}

// one is for statements that must touch a row: none means there is no such row.
func one(res *gorm.DB) error {
	if res.Error == nil && res.RowsAffected == 0 {
		return engine.ErrNotFound
	}
	return res.Error
}

// wakeToken marks the rows one statement woke, to tell them from rows that were due before.
func wakeToken() int64 { return rand.Int64() } // #nosec G404 -- spreads load; nothing is gained by guessing it
