package store

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"crosswalk/migrations"
)

// migrateLock keeps two processes that start together from migrating PostgreSQL at once.
const migrateLock = 0x63726f737377616c // "crosswal"

// Migrate brings our tables and River's to this program's version. Doing it again does nothing.
func (s *Store) Migrate(ctx context.Context) (err error) {
	if s.pool != nil {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		// Closing the session ends the lock, whatever happened to ctx.
		defer func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }()
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock)); err != nil {
			return fmt.Errorf("migrate: wait for another process: %w", err)
		}
	}
	ours, err := s.goose()
	if err != nil {
		return err
	}
	done, err := ours.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, m := range done {
		s.log.InfoContext(ctx, "migrated", "version", m.Source.Version, "duration_ms", m.Duration.Milliseconds())
	}
	river, err := s.river()
	if err != nil {
		return err
	}
	res, err := river.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return fmt.Errorf("migrate River's schema: %w", err)
	}
	for _, v := range res.Versions {
		s.log.InfoContext(ctx, "migrated River", "version", v.Version, "duration_ms", v.Duration.Milliseconds())
	}
	return nil
}

// MigrationsPending reports whether Migrate would change anything.
func (s *Store) MigrationsPending(ctx context.Context) (bool, error) {
	ours, err := s.goose()
	if err != nil {
		return false, err
	}
	if pending, err := ours.HasPending(ctx); err != nil || pending {
		return pending, err
	}
	river, err := s.river()
	if err != nil {
		return false, err
	}
	res, err := river.Validate(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("check River's schema: %w", err)
	}
	return !res.OK, nil
}

// SchemaVersion is the number of the last migration of ours that was applied; 0 before the first.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) {
	ours, err := s.goose()
	if err != nil {
		return 0, err
	}
	n, err := ours.GetDBVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return n, nil
}

// riverMigrator is rivermigrate.Migrator whatever its transaction type.
type riverMigrator interface {
	Migrate(ctx context.Context, d rivermigrate.Direction, opts *rivermigrate.MigrateOpts) (*rivermigrate.MigrateResult, error)
	Validate(ctx context.Context, opts *rivermigrate.ValidateOpts) (*rivermigrate.ValidateResult, error)
}

func (s *Store) river() (m riverMigrator, err error) {
	cfg := &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}
	if s.pool != nil {
		m, err = rivermigrate.New(riverpgxv5.New(s.pool), cfg)
	} else {
		m, err = rivermigrate.New(riversqlite.New(s.sqlDB), cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare River's schema: %w", err)
	}
	return m, nil
}

func (s *Store) goose() (*goose.Provider, error) {
	files, err := migrations.FS(s.dialect)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	dialect := goose.DialectSQLite3
	if s.dialect == dialectPostgres {
		dialect = goose.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, s.sqlDB, files, goose.WithSlog(slog.New(slog.DiscardHandler)), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return p, nil
}
