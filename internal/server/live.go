package server

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/web/runui"
)

// live reads new runs from the store while somebody watches, and hands them to every open page. Reading the
// store, rather than listening to this process, makes it work with workers elsewhere too.
type live struct {
	runs  Runs
	nudge chan struct{}
	ended <-chan struct{}

	mu       sync.Mutex
	watchers map[chan automation.Run]struct{}
	running  bool
}

// watchEvery is how often the store is asked when no worker of this process nudges.
const watchEvery = time.Second

func newLive(runs Runs, ended <-chan struct{}) *live {
	return &live{runs: runs, nudge: make(chan struct{}, 1), ended: ended, watchers: map[chan automation.Run]struct{}{}}
}

func (l *live) wake() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// watch begins at now; the returned func ends it.
func (l *live) watch(ctx context.Context) (<-chan automation.Run, func(), error) {
	_, seq, err := l.runs.RunsSince(ctx, -1, 0)
	if err != nil {
		return nil, nil, err
	}
	ch := make(chan automation.Run, 256)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers[ch] = struct{}{}
	if !l.running {
		l.running = true
		go l.follow(seq) // #nosec G118 -- serves every watcher, and outlives the request that started it
	}
	return ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, ch)
	}, nil
}

// follow runs while there are watchers.
func (l *live) follow(seq int64) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.ended:
			return
		case <-tick.C:
		case <-l.nudge:
		}
		if l.idle() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		runs, newest, err := l.runs.RunsSince(ctx, seq, 200)
		cancel()
		if err != nil {
			continue // the next tick asks again; the page shows what it has
		}
		seq = newest
		l.mu.Lock()
		for _, r := range runs {
			for ch := range l.watchers {
				select {
				case ch <- r:
				default: // a page that does not keep up misses rows and has them on reload
				}
			}
		}
		l.mu.Unlock()
	}
}

func (l *live) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.watchers) == 0 {
		l.running = false
		return true
	}
	return false
}

// lives keeps one live for each workspace somebody watches.
type lives struct {
	begin func(workspace string) *live
	ended chan struct{}
	once  sync.Once

	mu   sync.Mutex
	all  map[string]*live
	open map[string]int // pages each person has open
}

// mostStreams is how many pages one person may have fed at once; each holds a connection.
const mostStreams = 20

// enter counts one more open page of a person; false when there are too many.
func (l *lives) enter(person string) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[person] >= mostStreams {
		return nil, false
	}
	l.open[person]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.open[person]--; l.open[person] == 0 {
			delete(l.open, person)
		}
	}, true
}

func newLives(in func(workspace string) (Store, connection.Store)) *lives {
	l := &lives{ended: make(chan struct{}), all: map[string]*live{}, open: map[string]int{}}
	l.begin = func(workspace string) *live {
		runs, _ := in(workspace)
		return newLive(runs, l.ended)
	}
	return l
}

// of answers the live of a workspace.
func (l *lives) of(workspace string) *live {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all[workspace] == nil {
		l.all[workspace] = l.begin(workspace)
	}
	return l.all[workspace]
}

func (l *lives) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.all {
		one.wake()
	}
}

func (l *lives) close() { l.once.Do(func() { close(l.ended) }) }

// liveStream sends each new or changed run as a rendered row.
func (s *scoped) liveStream(c echo.Context) error {
	ctx := c.Request().Context()
	leave, ok := s.live.enter(user(c).ID)
	if !ok {
		return echo.NewHTTPError(tooMany(c, time.Minute), "Too many pages of yours are fed live already. Close some.")
	}
	defer leave()
	names, err := s.automationNames(ctx)
	if err != nil {
		return err
	}
	runs, stop, err := s.live.of(s.member.Workspace.ID).watch(ctx)
	if err != nil {
		return err
	}
	defer stop()
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	flush, out := http.NewResponseController(c.Response()), patient(c)
	beat := time.NewTicker(20 * time.Second)
	defer beat.Stop()
	if _, err := fmt.Fprint(out, ": open\n\n"); err != nil {
		return nil
	}
	_ = flush.Flush()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.live.ended:
			return nil
		case <-beat.C:
			if !s.stillIn(ctx) {
				return nil
			}
			if _, err := fmt.Fprint(out, ": still here\n\n"); err != nil {
				return nil
			}
		case r := <-runs:
			if !s.stillIn(ctx) {
				return nil // who was removed sees nothing more, though the page is still open
			}
			if _, known := names[r.Automation]; !known {
				if names, err = s.automationNames(ctx); err != nil {
					return nil
				}
			}
			var row bytes.Buffer
			if err := runui.Row(s.runItem(r, names)).Render(ctx, &row); err != nil {
				s.Log.ErrorContext(ctx, "live row failed", "run_id", r.ID, "err", err)
				continue
			}
			line := strings.ReplaceAll(strings.ReplaceAll(row.String(), "\r", ""), "\n", " ")
			if _, err := fmt.Fprintf(out, "event: run\nid: %s\ndata: %s\n\n", r.ID, line); err != nil {
				return nil
			}
		}
		_ = flush.Flush()
	}
}
