package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/internal/store/postgrestest"
)

// neighbours are two processes on one PostgreSQL. jobs are those the first has enqueued.
type neighbours struct {
	here, there *Store
	mu          sync.Mutex
	jobs        []engine.Job
}

func (n *neighbours) taken() []engine.Job {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.jobs)
}

func openNeighbours(t *testing.T) *neighbours {
	t.Helper()
	n := &neighbours{}
	url := postgrestest.URL(t)
	for _, s := range []**Store{&n.here, &n.there} {
		opened, err := Open(t.Context(), Config{PostgresURL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close() })
		*s = opened
	}
	if err := n.here.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.here.OnEnqueue(func(_ context.Context, _ Tx, jobs []engine.Job) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.jobs = append(n.jobs, jobs...)
		return nil
	})
	return n
}

// claims is the key that a process has claimed for an hour under a name.
func claims(t *testing.T, s *Store, id, owner string) engine.WorkID {
	t.Helper()
	key := engine.Key{Automation: "au", Source: record.Ref{Connection: "cn", Type: record.Contact, ID: id}}
	got, err := s.ClaimKeys(t.Context(), []engine.Key{key}, owner, time.Hour)
	if err != nil || len(got) != 1 {
		t.Fatalf("claimed %v, %v", got, err)
	}
	return got[key]
}

// rescued is how many keys a look after some time since the first frees.
func (n *neighbours) rescued(t *testing.T, at time.Time) int {
	t.Helper()
	freed, err := n.here.Rescue(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return freed
}

func TestWhatADeadProcessHadInHandIsFreeWithinAMinute(t *testing.T) {
	t.Parallel()
	n, now := openNeighbours(t), time.Now()
	work := claims(t, n.there, "1", "wk_there")
	ours := claims(t, n.here, "2", "wk_here")
	if _, ok, err := n.there.HoldPopulation(t.Context(), "pl_1"); err != nil || !ok {
		t.Fatalf("hold: %v, %v", ok, err)
	}
	release, ok, err := n.there.HoldPopulation(t.Context(), "pl_ended")
	if err != nil || !ok {
		t.Fatalf("hold: %v, %v", ok, err)
	}
	release()
	for _, after := range []time.Duration{0, time.Minute, 30 * time.Minute} {
		if freed := n.rescued(t, now.Add(after)); freed != 0 {
			t.Fatalf("after %v %d keys of the living are freed", after, freed)
		}
	}
	pid := n.locks()
	if err := n.there.Close(); err != nil { // as a killed process does, it releases nothing and its connections end
		t.Fatal(err)
	}
	n.ended(t, pid)
	if freed := n.rescued(t, now.Add(31*time.Minute)); freed != 0 {
		t.Fatal("a process is taken for dead at first sight: it may have lost its connection")
	}
	if freed := n.rescued(t, now.Add(31*time.Minute+absentFor)); freed != 1 {
		t.Fatalf("%d keys freed, want the one of the dead process", freed)
	}
	var want, got []engine.Job
	want = append(want, engine.Job{Kind: engine.JobReconcile, Work: work}, engine.Job{Kind: engine.JobDryRun, Plan: "pl_1"})
	for _, j := range n.taken() {
		if j.Kind != engine.JobRoute {
			got = append(got, j)
		}
	}
	slices.SortFunc(got, func(a, b engine.Job) int { return strings.Compare(string(b.Kind), string(a.Kind)) })
	if !slices.Equal(got, want) {
		t.Errorf("jobs %+v, want %+v", got, want)
	}
	if w, ok, err := n.here.Claim(t.Context(), work, "wk_here", time.Hour); err != nil || !ok || w.Attempt < 2 {
		t.Errorf("claimed again: %+v, %v, %v", w, ok, err)
	}
	if freed := n.rescued(t, now.Add(40*time.Minute)); freed != 0 {
		t.Errorf("%d keys freed of those who live", freed)
	}
	if err := n.here.Release(t.Context(), ours, "wk_here", time.Time{}, ""); err != nil {
		t.Errorf("our own key is ours no more: %v", err)
	}
}

func TestAProcessThatLostItsConnectionIsPresentAgain(t *testing.T) {
	t.Parallel()
	n, now := openNeighbours(t), time.Now()
	claims(t, n.there, "1", "wk_there")
	if _, ok, err := n.there.HoldPopulation(t.Context(), "pl_1"); err != nil || !ok {
		t.Fatalf("hold: %v, %v", ok, err)
	}
	n.cutOff(t)
	if freed := n.rescued(t, now); freed != 0 {
		t.Fatal("freed at first sight")
	}
	n.there.present.check(t.Context())
	for _, after := range []time.Duration{absentFor, time.Minute} {
		if freed := n.rescued(t, now.Add(after)); freed != 0 {
			t.Fatalf("%d keys of a living process are freed", freed)
		}
	}
	// Absence is counted anew each time.
	n.cutOff(t)
	if freed := n.rescued(t, now.Add(2*time.Minute)); freed != 0 {
		t.Fatal("two short absences count as a long one")
	}
}

// locks is the connection that shows the other process present.
func (n *neighbours) locks() int32 {
	n.there.present.mu.Lock()
	defer n.there.present.mu.Unlock()
	return int32(n.there.present.conn.PgConn().PID())
}

// ended returns when the database has given up the locks of a connection, which it does in a moment of its own.
func (n *neighbours) ended(t *testing.T, pid int32) {
	t.Helper()
	for held := true; held; {
		if err := n.here.pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pid = $1 AND locktype = 'advisory')", pid).Scan(&held); err != nil {
			t.Fatal(err)
		}
	}
}

// cutOff ends the connection that shows the other process present, as an outage of the network does.
func (n *neighbours) cutOff(t *testing.T) {
	t.Helper()
	pid := n.locks()
	if _, err := n.here.pool.Exec(t.Context(), "SELECT pg_terminate_backend($1)", pid); err != nil {
		t.Fatal(err)
	}
	n.ended(t, pid)
}

func TestWhoCannotBePresentClaimsNothing(t *testing.T) {
	t.Parallel()
	n := openNeighbours(t)
	full := errors.New("too many connections")
	var refused atomic.Bool
	connect := n.there.present.connect
	n.there.present.connect = func(ctx context.Context) (*pgx.Conn, error) {
		if refused.Load() {
			return nil, full
		}
		return connect(ctx)
	}
	refused.Store(true)
	key := engine.Key{Automation: "au", Source: record.Ref{Connection: "cn", Type: record.Contact, ID: "1"}}
	if got, err := n.there.ClaimKeys(t.Context(), []engine.Key{key}, "wk", time.Hour); !errors.Is(err, full) || len(got) > 0 {
		t.Errorf("claimed %v, %v", got, err)
	}
	refused.Store(false)
	claims(t, n.there, "1", "wk")
}
