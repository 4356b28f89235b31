package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"crosswalk/internal/engine"
)

// presence tells the processes on one PostgreSQL which of them live. Each holds a lock for every name it works under, on a
// connection of its own, and the database gives those up with the connection. So what a killed process had in hand is
// taken up within a minute, and not when its lease ends; a lease still ends what hangs. On SQLite there is one process,
// and it frees everything as it starts.
type presence struct {
	connect func(ctx context.Context) (*pgx.Conn, error)
	self    string // the name plans are held under

	mu     sync.Mutex
	conn   *pgx.Conn
	names  map[string]bool // true: its lock is held on conn
	stop   context.CancelFunc
	done   chan struct{}
	absent map[string]time.Time // since when others are seen to hold no lock
}

const (
	// presentEvery is how often a process makes sure that its locks are held.
	presentEvery = 3 * time.Second
	// absentFor is how long a name must be without its lock to count as dead: a process that lost its connection has
	// taken the lock again by then. Its writes under way are looked up before they are repeated, as after any crash.
	absentFor = 12 * time.Second

	holdName  = "SELECT pg_advisory_lock_shared(hashtextextended('present ' || $1::text, 0))"
	countHeld = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
	// tryName succeeds when nobody holds the name, and keeps it from being taken until the transaction ends.
	tryName = "SELECT pg_try_advisory_xact_lock(hashtextextended('present ' || ?::text, 0))"

	rescueAbandoned = `UPDATE works SET state = 'queued', dirty = FALSE, lease_owner = '', due_at = ?, attempts = attempts + 1
WHERE state <> 'idle' AND state = 'running' AND lease_owner = ? RETURNING id`
)

func newPresence(connect func(ctx context.Context) (*pgx.Conn, error)) *presence {
	return &presence{connect: connect, self: "st_" + rand.Text(), names: map[string]bool{}, absent: map[string]time.Time{}}
}

// attend makes a name present until the process ends. Whoever is not present must not take a lease: others would end it.
func (p *presence) attend(ctx context.Context, name string) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names[name] {
		return nil
	}
	p.names[name] = false
	if p.stop == nil {
		keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
		p.stop, p.done = stop, make(chan struct{})
		go p.keep(keeping)
	}
	return p.hold(ctx)
}

// hold takes the locks that are not held; p.mu is held.
func (p *presence) hold(ctx context.Context) error {
	if p.conn == nil {
		conn, err := p.connect(ctx)
		if err != nil {
			return fmt.Errorf("be present: %w", err)
		}
		p.conn = conn
	}
	for name, held := range p.names {
		if held {
			continue
		}
		if _, err := p.conn.Exec(ctx, holdName, name); err != nil {
			p.drop()
			return fmt.Errorf("be present: %w", err)
		}
		p.names[name] = true
	}
	return nil
}

// drop gives the connection up, and all locks with it; p.mu is held.
func (p *presence) drop() {
	if p.conn != nil {
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.conn.Close(closing)
		p.conn = nil
	}
	for name := range p.names {
		p.names[name] = false
	}
}

func (p *presence) keep(ctx context.Context) {
	defer close(p.done)
	tick := time.NewTicker(presentEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.check(ctx)
		}
	}
}

// check takes the locks again when their connection is lost. What fails is tried at the next tick, and by whoever works.
func (p *presence) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, presentEvery)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		// A pooler between us and the database may have given us another connection of its own.
		var held int
		if err := p.conn.QueryRow(ctx, countHeld).Scan(&held); err != nil || held < len(p.names) {
			p.drop()
		}
	}
	_ = p.hold(ctx)
}

func (p *presence) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	stop, done := p.stop, p.done
	p.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

// long reports whether a name has been absent for so long that it is dead, and remembers since when it is.
func (p *presence) long(name string, absent bool, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !absent {
		delete(p.absent, name)
		return false
	}
	since, known := p.absent[name]
	if !known {
		p.absent[name], since = now, now
	}
	return now.Sub(since) >= absentFor
}

// forget keeps nothing of those who have nothing in hand any more.
func (p *presence) forget(except []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.absent, func(name string, _ time.Time) bool { return !slices.Contains(except, name) })
}

// rescueOfDead makes the keys due again that a dead process had claimed, and gives its plans to another.
func (s *Store) rescueOfDead(ctx context.Context, now time.Time) (int, error) {
	if s.present == nil {
		return 0, nil
	}
	var names []string
	if err := s.read(ctx).Raw(`SELECT DISTINCT lease_owner FROM works WHERE state <> 'idle' AND state = 'running'
UNION SELECT holder FROM plan_holds ORDER BY 1`).Scan(&names).Error; err != nil {
		return 0, fmt.Errorf("look for keys of dead processes: %w", err)
	}
	s.present.forget(names)
	freed := 0
	var errs []error
	for _, name := range names {
		n, err := s.rescueOf(ctx, name, now)
		freed += n
		errs = append(errs, err)
	}
	return freed, errors.Join(errs...)
}

func (s *Store) rescueOf(ctx context.Context, name string, now time.Time) (int, error) {
	var ids []int64
	err := s.write(ctx, func(u *unit) error {
		ids = nil
		var absent bool
		if err := u.Raw(tryName, name).Scan(&absent).Error; err != nil {
			return err
		}
		if !s.present.long(name, absent, now) {
			return nil
		}
		if err := u.Raw(rescueAbandoned, int64(at(now)), name).Scan(&ids).Error; err != nil {
			return err
		}
		var plans []string
		if err := u.Raw("DELETE FROM plan_holds WHERE holder = ? RETURNING plan_id", name).Scan(&plans).Error; err != nil {
			return err
		}
		jobs := reconciles(ids)
		for _, id := range plans {
			jobs = append(jobs, engine.Job{Kind: engine.JobDryRun, Plan: id})
		}
		return u.jobs(jobs...)
	})
	if err != nil {
		return 0, fmt.Errorf("rescue what %s had in hand: %w", name, err)
	}
	return len(ids), nil
}

// holdPlan takes the sole right to work on a plan, and notes who has it for when this process dies.
func (s *Store) holdPlan(ctx context.Context, id string) (release func(), ok bool, err error) {
	if err := s.present.attend(ctx, s.present.self); err != nil {
		return nil, false, err
	}
	unlock, ok, err := s.lockAside(ctx, "plan "+id)
	if err != nil || !ok {
		return nil, false, err
	}
	note := func(ctx context.Context, sql string) error {
		return s.write(ctx, func(u *unit) error { return u.Exec(sql, id, s.present.self).Error })
	}
	if err := note(ctx, "INSERT INTO plan_holds (plan_id, holder) VALUES (?, ?) ON CONFLICT (plan_id) DO UPDATE SET holder = excluded.holder"); err != nil {
		unlock()
		return nil, false, err
	}
	return func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// A note that stays behind wakes the plan once more after this process has ended, and finds nothing to do.
		if err := note(ending, "DELETE FROM plan_holds WHERE plan_id = ? AND holder = ?"); err != nil {
			s.log.WarnContext(ctx, "the note of who works on a plan stays behind", "plan_id", id, "err", err)
		}
		unlock()
	}, true, nil
}
