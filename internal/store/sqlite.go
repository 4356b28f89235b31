package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
)

// minSQLite is where jsonb appeared, which River's tables need. glebarez's driver takes whatever
// modernc.org/sqlite go.mod pins, so a lowered pin must be noticed at start and not in a migration.
const minSQLite = "3.45.0"

func (s *Store) openSQLite(ctx context.Context, path string, brief bool) error {
	s.dialect = dialectSQLite
	synchronous := "synchronous(full)"
	if brief {
		synchronous = "synchronous(off)"
	}
	var err error
	// One writing connection: SQLite has one writer anyway, and waiting in Go is fair and free of SQLITE_BUSY.
	// synchronous=FULL: an accepted webhook survives power loss. immediate: a transaction that will write says so
	// at once, or two programs on one file could deadlock. secure_delete: what is forgotten is overwritten too.
	s.sqlDB, err = sql.Open(sqlite.DriverName, dsn(path, synchronous, "foreign_keys(1)", "secure_delete(1)")+"&_txlock=immediate")
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	s.sqlDB.SetMaxOpenConns(1)
	if err := s.startSQLite(ctx, path); err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", path, err), s.Close())
	}
	return nil
}

func (s *Store) startSQLite(ctx context.Context, path string) error {
	var version string
	if err := s.sqlDB.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	if err := checkSQLite(version); err != nil {
		return err
	}
	var err error
	if s.writer, err = gorm.Open(&sqlite.Dialector{Conn: s.sqlDB}, gormConfig()); err != nil {
		return err
	}
	// Pages read beside the writer: with a write-ahead log neither waits for the other.
	if s.readDB, err = sql.Open(sqlite.DriverName, dsn(path, "query_only(1)")); err != nil {
		return err
	}
	s.readDB.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	s.readDB.SetMaxIdleConns(2)
	s.readDB.SetConnMaxIdleTime(5 * time.Minute)
	if s.reader, err = gorm.Open(&sqlite.Dialector{Conn: s.readDB}, gormConfig()); err != nil {
		return err
	}
	s.commits = newCommitter(s)
	return nil
}

// overwriteLog brings what was written into the file and empties the write-ahead log, which still has what was there before.
// While somebody reads it may have to be left to the next time the log is begun anew.
func (s *Store) overwriteLog(ctx context.Context) {
	if s.dialect != dialectSQLite {
		return
	}
	if _, err := s.sqlDB.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		s.log.WarnContext(ctx, "write-ahead log not emptied", "err", err)
	}
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{}
	// temp_store: the savepoints of a shared commit would otherwise be files.
	for _, p := range append([]string{"journal_mode(wal)", "busy_timeout(10000)", "temp_store(memory)"}, pragmas...) {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func checkSQLite(version string) error {
	have, err := parseVersion(version)
	if err != nil {
		return err
	}
	want, err := parseVersion(minSQLite)
	if err != nil {
		return err
	}
	for i := range want {
		if have[i] != want[i] {
			if have[i] > want[i] {
				return nil
			}
			return fmt.Errorf("SQLite is %s and must be %s or later: raise modernc.org/sqlite in go.mod", version, minSQLite)
		}
	}
	return nil
}

func parseVersion(v string) (out [3]int, err error) {
	parts := strings.Split(v, ".")
	for i := range min(len(parts), len(out)) {
		if out[i], err = strconv.Atoi(parts[i]); err != nil {
			return out, fmt.Errorf("read SQLite version %q: %w", v, err)
		}
	}
	return out, nil
}
