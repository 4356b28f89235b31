package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/automation"
)

// stream is a response whose parts can be read as they come.
type stream struct {
	header http.Header
	status int
	parts  chan string
}

func newStream() *stream { return &stream{header: http.Header{}, parts: make(chan string, 1000)} }

func (s *stream) Header() http.Header         { return s.header }
func (s *stream) WriteHeader(status int)      { s.status = status }
func (s *stream) Flush()                      {}
func (s *stream) Write(p []byte) (int, error) { s.parts <- string(p); return len(p), nil }

// all is what has arrived.
func (s *stream) all() string {
	var b strings.Builder
	for len(s.parts) > 0 {
		b.WriteString(<-s.parts)
	}
	return b.String()
}

func (d *door) finishes(runs ...automation.Run) {
	defer d.store.hold()()
	d.store.runs = append(d.store.runs, runs...)
}

func aRun(id string) automation.Run {
	return automation.Run{ID: id, Automation: "au_1", Title: "Jane\nDoe " + id, State: automation.Succeeded, Outcome: automation.Create, StartedAt: today}
}

// watch opens the live page; the returned func ends it as a browser does.
func (d *door) watch(t *testing.T) (s *stream, leave func(), ended <-chan struct{}) {
	t.Helper()
	s = newStream()
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/live", nil)
	r.AddCookie(&http.Cookie{Name: "crosswalk_session", Value: d.jar["crosswalk_session"]})
	done := make(chan struct{})
	go func() { defer close(done); d.ServeHTTP(s, r) }()
	synctest.Wait()
	return s, cancel, done
}

func TestARunThatIsStoredArrivesInOpenPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t).signsIn()
		d.finishes(aRun("rn_old"))
		one, leave, ended := d.watch(t)
		two, leaveToo, endedToo := d.watch(t)
		if got := one.all(); one.status != http.StatusOK || one.header.Get("Content-Type") != "text/event-stream" || got != ": open\n\n" {
			t.Errorf("%d %v %q", one.status, one.header, got)
		}
		two.all()
		// A worker of this process nudges: it arrives at once.
		d.finishes(aRun("rn_1"))
		d.Notify()
		synctest.Wait()
		for _, s := range []*stream{one, two} {
			got := s.all()
			event, data, _ := strings.Cut(strings.TrimSuffix(got, "\n\n"), "\ndata: ")
			if event != "event: run\nid: rn_1" || strings.Contains(data, "\n") || !strings.Contains(data, "rn_1") || strings.Contains(got, "rn_old") {
				t.Errorf("arrived: %q", got)
			}
		}
		// A worker of another process does not: it arrives within a second or so.
		d.finishes(aRun("rn_2"))
		time.Sleep(watchEvery + time.Millisecond)
		synctest.Wait()
		if got := one.all(); !strings.Contains(got, "id: rn_2\n") || strings.Contains(got, "rn_1") {
			t.Errorf("arrived: %q", got)
		}
		// A database that does not answer costs nothing but time.
		d.store.mu.Lock()
		d.store.down = errors.New("database is locked")
		d.store.runs = append(d.store.runs, aRun("rn_3"))
		d.store.mu.Unlock()
		time.Sleep(3 * watchEvery)
		d.store.mu.Lock()
		d.store.down = nil
		d.store.mu.Unlock()
		time.Sleep(watchEvery + time.Millisecond)
		synctest.Wait()
		if got := one.all(); strings.Count(got, "id: rn_3\n") != 1 {
			t.Errorf("arrived: %q", got)
		}
		// A quiet page is kept open by a sign of life.
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if got := one.all(); !strings.Contains(got, ": still here\n\n") {
			t.Errorf("a quiet page got %q", got)
		}
		leave()
		leaveToo()
		<-ended
		<-endedToo
		// Nobody watches: the reading ends, or this test never would.
	})
}

func TestWhoOpensThePageLaterSeesWhatComesLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t).signsIn()
		_, leave, ended := d.watch(t)
		leave()
		<-ended
		time.Sleep(2 * watchEvery) // the reading has ended
		d.finishes(aRun("rn_1"))
		s, leave, ended := d.watch(t)
		d.finishes(aRun("rn_2"))
		time.Sleep(watchEvery + time.Millisecond)
		synctest.Wait()
		if got := s.all(); !strings.Contains(got, "id: rn_2\n") || strings.Contains(got, "rn_1") {
			t.Errorf("arrived: %q", got)
		}
		leave()
		<-ended
	})
}

func TestOpenPagesDoNotHoldAShutdownUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t).signsIn()
		_, leave, ended := d.watch(t)
		defer leave()
		start := time.Now()
		d.Close()
		d.Close()
		<-ended
		if waited := time.Since(start); waited != 0 {
			t.Errorf("it took %v", waited)
		}
		d.Notify() // nobody reads any more, and it does not block
		d.Notify()
	})
}

func TestOnePersonHasSoManyPagesFedLive(t *testing.T) {
	t.Parallel()
	l := newLives(nil)
	var leave []func()
	for range mostStreams {
		out, ok := l.enter("us_jane")
		if !ok {
			t.Fatalf("refused after %d", len(leave))
		}
		leave = append(leave, out)
	}
	if _, ok := l.enter("us_jane"); ok {
		t.Error("there is no end to it")
	}
	if _, ok := l.enter("us_joe"); !ok {
		t.Error("another person has none")
	}
	leave[0]()
	if _, ok := l.enter("us_jane"); !ok {
		t.Error("a page that was closed still counts")
	}
}
