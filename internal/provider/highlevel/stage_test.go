package highlevel_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

// stage is a client on a twin behind a real socket; every request is held against the official files.
type stage struct {
	*highlevel.Client
	t     *testing.T
	twin  *twin.Twin
	ready twin.Ready
	token *atomic.Value // the token the client sends
	clock *clock
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

// Now moves on by a millisecond with every look, so that no two changes share a time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Millisecond)
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

const connection record.ConnectionID = "conn-1"

func newStage(t *testing.T, adjust ...func(*twin.Config, *highlevel.Config)) *stage {
	t.Helper()
	s := &stage{t: t, clock: &clock{at: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}, token: &atomic.Value{}}
	tc := twin.Config{Seed: 11, Now: s.clock.Now, Rate: twin.Rate{Burst: -1}}
	hc := highlevel.Config{
		Connection: connection, DefaultRegion: "US", Now: s.clock.Now,
		Token: func(context.Context) (string, error) { return s.token.Load().(string), nil },
	}
	// Both halves are adjusted before the twin is made; the address is known only afterwards.
	for _, f := range adjust {
		f(&tc, &hc)
	}
	var err error
	if s.twin, err = twin.New(tc); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.twin)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		if err := s.twin.Close(); err != nil {
			t.Error(err)
		}
	})
	s.ready = s.twin.Ready(server.URL)
	s.token.Store(s.ready.Token)
	hc.BaseURL, hc.LocationID, hc.Transport = s.ready.URL, s.ready.LocationID, held(t, transport)
	s.Client = highlevel.New(hc)
	return s
}

func (s *stage) ref(id string) record.Ref {
	return record.Ref{Connection: connection, Type: record.Contact, ID: id}
}

func (s *stage) create(fields record.Fields) record.Record {
	s.t.Helper()
	r, err := s.Create(s.t.Context(), provider.Write{Type: record.Contact, Fields: fields})
	if err != nil {
		s.t.Fatalf("create: %v", err)
	}
	return r
}

func (s *stage) update(ref record.Ref, fields record.Fields) record.Record {
	s.t.Helper()
	r, err := s.Update(s.t.Context(), ref, provider.Write{Type: ref.Type, Fields: fields})
	if err != nil {
		s.t.Fatalf("update: %v", err)
	}
	return r
}

// custom finds the key of a custom field by its label.
func (s *stage) custom(label string) string {
	s.t.Helper()
	schema, err := s.Describe(s.t.Context(), record.Contact)
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(schema.Fields, func(f record.FieldSpec) bool { return f.Label == label && f.Custom })
	if i < 0 {
		s.t.Fatalf("no custom field %q", label)
	}
	return schema.Fields[i].Key
}

// called lists the operations sent so far, without the location's own.
func (s *stage) called() []string {
	var out []string
	for _, c := range s.twin.Calls() {
		out = append(out, c.Method+" "+c.Path)
	}
	return out
}

func text(s string) record.Value { return record.TextOf(s) }
