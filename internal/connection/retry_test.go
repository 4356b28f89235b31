package connection_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/provider"
)

// grace is how long HighLevel answers a spent refresh token once more (reference/highlevel.md §2.4).
const grace = 30 * time.Second

// graceful is a token address with that grace, for many at once. The first answer to each refresh token is lost: it was
// heard, and nobody hears of it.
type graceful struct {
	takes time.Duration // until a request is heard
	hangs chan struct{} // when set, nobody who lost an answer goes on before it is closed: they were killed

	mu          sync.Mutex
	spent       map[string]time.Time
	again, late int // asked again within the grace, and after it
	now, most   int // asked at once
}

func (g *graceful) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.now++
	g.most = max(g.most, g.now)
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.now--
	}()
	if err := connection.Sleep(r.Context(), g.takes); err != nil {
		return nil, err
	}
	token := form.Get("refresh_token")
	g.mu.Lock()
	at, known := g.spent[token]
	if !known {
		g.spent[token] = time.Now()
		g.mu.Unlock()
		if g.hangs != nil {
			<-g.hangs
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	defer g.mu.Unlock()
	if time.Since(at) >= grace {
		g.late++
		return answer(http.StatusBadRequest, `{"error":"invalid_grant"}`), nil
	}
	g.again++
	return answer(http.StatusOK, fmt.Sprintf(`{"access_token":"again","refresh_token":"after-%s","expires_in":86399}`, token)), nil
}

// counts are taken under the lock: a clock that stands still is no order between goroutines.
func (g *graceful) counts() (spent, again, late, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.spent), g.again, g.late, g.most
}

// runs keeps credentials in the background until it is stopped.
func (h *house) runs(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { h.keeper.Run(ctx) })
	return func() {
		cancel()
		done.Wait()
	}
}

// A token is refused though it has long to live, so no sweep would renew it: only what is stored tells of the renewal that
// was begun.
func TestARenewalIsTakenOverWithinTheGraceFromAProcessThatIsGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		killed bool          // while it waits for the answer; else right after it has none
		heir   time.Duration // when its heir begins, before (negative) or after the renewal is asked for
	}{
		"killed while it asks, its heir there":              {killed: true, heir: -7 * time.Second},
		"killed while it asks, and started anew":            {killed: true, heir: 20 * time.Second},
		"gone after it heard nothing, its heir there":       {heir: -13 * time.Second},
		"gone after it heard nothing, and at once anew":     {heir: 16 * time.Second},
		"gone after it heard nothing, and anew in a moment": {heir: 22 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := &graceful{spent: map[string]time.Time{}}
				if c.killed {
					g.hangs = make(chan struct{})
				}
				st := connectiontest.NewStore()
				dying, heir := newHouseOn(t, st), newHouseOn(t, st)
				dying.wire, heir.wire = g, g
				cn, err := dying.ConnectOAuth(t.Context(), dying.granted("own", "co", 24*time.Hour))
				must(t, err)
				stop := func() {}
				if c.heir < 0 {
					stop = heir.runs(t)
					time.Sleep(-c.heir)
				}
				tokens := dying.gateway.Tokens(cn)
				_, err = tokens.Token(t.Context())
				must(t, err)
				var last sync.WaitGroup
				last.Go(func() {
					if err := tokens.Refresh(t.Context()); !provider.IsKind(err, provider.Unavailable) {
						t.Errorf("the answer was not lost: %v", err)
					}
				})
				if c.heir > 0 {
					time.Sleep(c.heir)
					stop = heir.runs(t)
				}
				time.Sleep(time.Minute)
				if _, again, late, _ := g.counts(); again != 1 || late != 0 {
					t.Errorf("asked again %d times within the grace, %d times after it", again, late)
				}
				heir.is(cn.ID, connection.Active)
				if got, err := heir.token(cn); got != "again" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
				if c.killed {
					close(g.hangs)
				}
				last.Wait()
				stop()
				if left, err := st.Retries(t.Context()); err != nil || len(left) != 0 {
					t.Errorf("left undone: %v, %v", left, err)
				}
			})
		})
	}
}

func TestManySlowRenewalsMakeNoneMissTheGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const many = 200
		g := &graceful{spent: map[string]time.Time{}, takes: 4 * time.Second}
		h := newHouse(t)
		h.wire = g
		for i := range many {
			in := h.granted(fmt.Sprint("own-", i), "co", 24*time.Hour)
			in.Authorised.Token.RefreshToken = fmt.Sprint("refresh-", i)
			_, err := h.ConnectOAuth(t.Context(), in)
			must(t, err)
		}
		time.Sleep(23*time.Hour + 35*time.Minute) // all are due
		stop := h.runs(t)
		time.Sleep(15 * time.Minute)
		stop()
		spent, again, late, most := g.counts()
		if spent != many || again != many || late != 0 {
			t.Errorf("of %d, %d were asked for, %d again within the grace and %d after it", many, spent, again, late)
		}
		if most > 16+64 {
			t.Errorf("%d were asked for at once", most)
		}
		all, err := h.List(t.Context())
		must(t, err)
		for _, c := range all {
			if got, err := h.token(c); got != "again" || err != nil {
				t.Errorf("%s: %q, %v", c.ID, got, err)
			}
		}
		if n := len(h.changed); n != 2*many { // connected, and again: what waited for it is due
			t.Errorf("%d changes were told of", n)
		}
	})
}

// An account that fails for hours costs little, also when everything is started anew every few minutes.
func TestARestartDoesNotForgetHowOftenARenewalFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := connectiontest.NewStore()
		first := newHouseOn(t, st)
		cn, err := first.ConnectOAuth(t.Context(), first.granted("own", "co", time.Hour))
		must(t, err)
		time.Sleep(time.Hour)
		tries := 0
		for range 36 {
			h := newHouseOn(t, st)
			h.server.before = func(*http.Request, url.Values) (*http.Response, error) {
				return answer(http.StatusBadRequest, `{"statusCode":400,"message":"Location is not active"}`), nil
			}
			stop := h.runs(t)
			time.Sleep(5 * time.Minute)
			stop()
			tries += h.server.count()
		}
		if tries < 12 || tries > 25 {
			t.Errorf("%d tries in three hours", tries)
		}
		first.is(cn.ID, connection.Active)
	})
}
