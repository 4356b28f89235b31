package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

func (s *Store) openPostgres(ctx context.Context, url string) error {
	s.dialect = dialectPostgres
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx's text may quote the URL, and with it the password.
		return errors.New("open PostgreSQL: the URL cannot be read")
	}
	cfg.MaxConnIdleTime = 5 * time.Minute
	if s.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return fmt.Errorf("open PostgreSQL: %w", err)
	}
	if err := s.startPostgres(ctx); err != nil {
		return errors.Join(fmt.Errorf("open PostgreSQL: %w", err), s.Close())
	}
	return nil
}

func (s *Store) startPostgres(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return err
	}
	s.sqlDB = stdlib.OpenDBFromPool(s.pool)
	// The pgxpool underneath does the keeping.
	s.sqlDB.SetMaxIdleConns(0)
	var err error
	if s.writer, err = gorm.Open(postgres.New(postgres.Config{Conn: s.sqlDB}), gormConfig()); err != nil {
		return err
	}
	s.reader = s.writer
	s.present = newPresence(s.connectAside)
	return nil
}

// maxTries bounds repeats of a transaction that PostgreSQL ended to break a deadlock.
const maxTries = 4

func (s *Store) writePostgres(ctx context.Context, fn func(*unit) error) error {
	for try := 1; ; try++ {
		err := s.tryPostgres(ctx, fn)
		var pg *pgconn.PgError
		if try < maxTries && errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001") && ctx.Err() == nil {
			continue
		}
		return err
	}
}

func (s *Store) tryPostgres(ctx context.Context, fn func(*unit) error) error {
	conn, err := s.sqlDB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }()
	var raw *pgx.Conn
	err = conn.Raw(func(dc any) error {
		c, ok := dc.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", dc)
		}
		// It leaves this function on purpose: it is used only while conn is ours, never beside it.
		raw = c.Conn()
		return nil
	})
	if err != nil {
		return err
	}
	outlasting, end := outlast(ctx)
	defer end()
	tx, err := conn.BeginTx(outlasting, &sql.TxOptions{})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	u := s.unit(ctx, tx, &batch{})
	u.tx = Tx{PGX: &joinedTx{conn: raw}}
	if err := fn(u); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// outlast is a context for a transaction whose statements end with ctx. When a transaction's own context ends,
// database/sql rolls back beside whoever is using the connection, and knows nothing of those who use it directly. So
// it ends a little later, when nobody can be: it bounds only a commit that gets no answer.
func outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, has := ctx.Deadline()
	if ctx = context.WithoutCancel(ctx); !has {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(10*time.Second))
}

// joinedTx shows a pgx.Tx over a connection whose transaction database/sql began and will end, so that River
// joins it. It cannot end the transaction; a Begin inside is a savepoint.
type joinedTx struct {
	conn *pgx.Conn
	// name of the savepoint; empty for the joined transaction itself.
	name   string
	depth  int
	closed bool
}

var errJoined = errors.New("store: a joined transaction is ended by who began it")

func (t *joinedTx) Begin(ctx context.Context) (pgx.Tx, error) {
	if t.closed {
		return nil, pgx.ErrTxClosed
	}
	name := fmt.Sprintf("joined_%d", t.depth+1)
	if _, err := t.conn.Exec(ctx, "SAVEPOINT "+name); err != nil {
		return nil, err
	}
	return &joinedTx{conn: t.conn, name: name, depth: t.depth + 1}, nil
}

func (t *joinedTx) Commit(ctx context.Context) error { return t.end(ctx, "RELEASE SAVEPOINT ") }

func (t *joinedTx) Rollback(ctx context.Context) error { return t.end(ctx, "ROLLBACK TO SAVEPOINT ") }

func (t *joinedTx) end(ctx context.Context, how string) error {
	if t.name == "" {
		return errJoined
	}
	if t.closed {
		return pgx.ErrTxClosed
	}
	t.closed = true
	_, err := t.conn.Exec(ctx, how+t.name)
	return err
}

func (t *joinedTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	if t.closed {
		return 0, pgx.ErrTxClosed
	}
	return t.conn.CopyFrom(ctx, table, columns, rows)
}

func (t *joinedTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.conn.SendBatch(ctx, b)
}

// LargeObjects is part of the interface; pgx offers no way to make one over a foreign transaction.
func (t *joinedTx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }

func (t *joinedTx) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	if t.closed {
		return nil, pgx.ErrTxClosed
	}
	return t.conn.Prepare(ctx, name, sql)
}

func (t *joinedTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if t.closed {
		return pgconn.CommandTag{}, pgx.ErrTxClosed
	}
	return t.conn.Exec(ctx, sql, args...)
}

func (t *joinedTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.closed {
		return nil, pgx.ErrTxClosed
	}
	return t.conn.Query(ctx, sql, args...)
}

func (t *joinedTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.conn.QueryRow(ctx, sql, args...)
}

func (t *joinedTx) Conn() *pgx.Conn { return t.conn }

// connectAside opens a connection beside the pool.
func (s *Store) connectAside(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig.Copy())
}

// lockAside takes a lock by name, on a connection of its own: whoever holds it for hours takes none from the pool. The
// database gives it up with that connection, so it ends with the process too.
func (s *Store) lockAside(ctx context.Context, name string) (release func(), ok bool, err error) {
	conn, err := s.connectAside(ctx)
	if err != nil {
		return nil, false, err
	}
	release = func() { _ = conn.Close(context.WithoutCancel(ctx)) }
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name).Scan(&ok); err != nil || !ok {
		release()
		return nil, false, err
	}
	return release, true, nil
}
