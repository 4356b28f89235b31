// Package postgrestest gives tests a PostgreSQL of their own: the server named by CROSSWALK_TEST_DATABASE_URL, or
// a throw-away cluster started from the machine's PostgreSQL. One cluster serves a test binary; every test gets
// a fresh database. Where there is neither, tests are skipped with the reason, and fail when CI=true.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const envURL = "CROSSWALK_TEST_DATABASE_URL"

var (
	start     = sync.OnceValues(startServer)
	stop      func()
	databases atomic.Int64
)

// ErrNone tells that this machine has no PostgreSQL; any other error is a failure.
var ErrNone = errors.New("no PostgreSQL: set " + envURL + " or install PostgreSQL (Debian: apt-get install postgresql)")

// Run runs a test binary's tests and stops the cluster. Call it in TestMain: os.Exit(postgrestest.Run(m)).
func Run(m *testing.M) int {
	defer func() {
		if template.name != "" {
			dropTemplate()
		}
		if stop != nil {
			stop()
		}
	}()
	return m.Run()
}

// URL makes an empty database that lives as long as the test.
func URL(t testing.TB) string {
	t.Helper()
	return database(t, serverFor(t), "")
}

// Copy makes a database like the one prepare made, which it does once for a test binary: copying takes a fraction of what
// creating everything takes. Whoever prepares must have closed its connections.
func Copy(t testing.TB, prepare func(url string) error) string {
	t.Helper()
	server := serverFor(t)
	template.Do(func() {
		name := fmt.Sprintf("crosswalk_template_%d", os.Getpid())
		if template.err = exec1(server, "CREATE DATABASE "+name); template.err != nil {
			return
		}
		template.name = name
		var address string
		if address, template.err = addressOf(server, name); template.err == nil {
			template.err = prepare(address)
		}
	})
	if template.err != nil {
		t.Fatalf("make the template database: %v", template.err)
	}
	return database(t, server, " TEMPLATE "+template.name)
}

var template struct {
	sync.Once
	name string
	err  error
}

// dropTemplate leaves nothing behind on a server that was there before us.
func dropTemplate() {
	if server, err := start(); err == nil {
		_ = exec1(server, "DROP DATABASE "+template.name+" WITH (FORCE)")
	}
}

func serverFor(t testing.TB) string {
	t.Helper()
	server, err := start()
	if errors.Is(err, ErrNone) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func database(t testing.TB, server, like string) string {
	t.Helper()
	name := fmt.Sprintf("crosswalk_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := exec1(server, "CREATE DATABASE "+name+like); err != nil {
		t.Fatalf("create test database: %v", err)
	}
	t.Cleanup(func() {
		if err := exec1(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	address, err := addressOf(server, name)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func addressOf(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", errors.New("the database URL cannot be read")
	}
	u.Path = "/" + name
	return u.String(), nil
}

func exec1(server, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

func startServer() (string, error) {
	if given := os.Getenv(envURL); given != "" {
		return given, nil
	}
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return "", err
	}
	// Nothing has to survive: durability is off, so that tests are quick.
	server, end, err := startCluster(bin, dir, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB")
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	stop = end
	return server, nil
}

// Durable starts a cluster of its own that loses nothing it said it stored, for measuring; stop ends and deletes it. The
// error is ErrNone where the machine has no PostgreSQL.
func Durable() (server string, stop func(), err error) {
	bin, err := binaries()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "pgbench")
	if err != nil {
		return "", nil, err
	}
	if server, stop, err = startCluster(bin, dir, "-c", "shared_buffers=256MB"); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return server, stop, nil
}

// binaries finds the folder of initdb and postgres; Debian keeps it out of the path.
func binaries() (string, error) {
	if at, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(at), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", ErrNone
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

func startCluster(bin, dir string, settings ...string) (server string, stop func(), err error) {
	attr, err := unprivileged(dir)
	if err != nil {
		return "", nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	postgres := exec.Command(filepath.Join(bin, "postgres"), append([]string{"-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=200"}, settings...)...)
	var log strings.Builder
	postgres.SysProcAttr, postgres.Dir, postgres.Stderr = attr, dir, &log
	if err := postgres.Start(); err != nil {
		return "", nil, fmt.Errorf("start postgres: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = postgres.Wait()
		close(ended)
	}()
	stop = func() {
		_ = postgres.Process.Signal(os.Interrupt) // "fast": clients are cut off
		<-ended
		_ = os.RemoveAll(dir)
	}
	server = "postgres://postgres@/postgres?host=" + url.QueryEscape(dir)
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := exec1(server, "SELECT 1")
		if err == nil {
			return server, stop, nil
		}
		select {
		case <-ended:
			return "", nil, fmt.Errorf("postgres ended: %s", log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			stop()
			return "", nil, fmt.Errorf("postgres does not answer: %w", err)
		}
	}
}
