package server

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// refusals counts refused deliveries in memory and stores the sums now and then: a flood of forgeries costs no write
// each. There is one count for each provider, connection, reason and hour, so it stays small whatever arrives.
type refusals struct {
	now func() time.Time

	mu     sync.Mutex
	counts map[refusalKey]automation.Refusal
}

type refusalKey struct {
	provider   provider.ID
	connection record.ConnectionID
	reason     automation.RefusalReason
	hour       int64
}

func (r *refusals) add(p provider.ID, c record.ConnectionID, why automation.RefusalReason) {
	now := r.now()
	hour := now.Truncate(time.Hour)
	r.mu.Lock()
	defer r.mu.Unlock()
	key := refusalKey{p, c, why, hour.Unix()}
	n := r.counts[key]
	n.Provider, n.Connection, n.Reason, n.Hour, n.LastAt = string(p), string(c), why, hour, now
	n.Count++
	if r.counts == nil {
		r.counts = map[refusalKey]automation.Refusal{}
	}
	r.counts[key] = n
}

// take hands out what was counted and begins anew.
func (r *refusals) take() []automation.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Collect(maps.Values(r.counts))
	clear(r.counts)
	return all
}

// giveBack counts what could not be stored again.
func (r *refusals) giveBack(all []automation.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range all {
		key := refusalKey{provider.ID(one.Provider), record.ConnectionID(one.Connection), one.Reason, one.Hour.Unix()}
		n, counted := r.counts[key]
		if !counted {
			n = automation.Refusal{Provider: one.Provider, Connection: one.Connection, Reason: one.Reason, Hour: one.Hour}
		}
		n.Count += one.Count
		if one.LastAt.After(n.LastAt) {
			n.LastAt = one.LastAt
		}
		if r.counts == nil {
			r.counts = map[refusalKey]automation.Refusal{}
		}
		r.counts[key] = n
	}
}

// StoreRefusals stores what was counted since the last time. Call it now and then, and at the end.
func (s *Server) StoreRefusals(ctx context.Context) error {
	all := s.refusals.take()
	if len(all) == 0 {
		return nil
	}
	if err := s.Store.AddRefusals(ctx, all...); err != nil {
		s.refusals.giveBack(all)
		return err
	}
	return nil
}
