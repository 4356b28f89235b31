package store

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

// pruneChunk keeps a pruning transaction short, so that live work passes between two.
const pruneChunk = 500

// keepQuotaUse is how long the use of call budgets is kept: a plot shows days, not seasons.
const keepQuotaUse = 14 * 24 * time.Hour

// keepSilences is how long a change waits to be judged whose webhook is overdue.
const keepSilences = 7 * 24 * time.Hour

// supersededItems are those of daily comparisons after which a newer one of the same automation has come to its end. Of a
// one-way automation each names everybody who is on the target only: kept for every day, they would outgrow all else. The
// counts stay. One that somebody has carried out is no comparison any more, and keeps its items.
const supersededItems = `DELETE FROM plan_items WHERE position IN (SELECT position FROM plan_items WHERE plan_id IN (
	SELECT p.id FROM plans p WHERE p.of_plan = ? AND p.mode = 'show' AND p.state IN ('done', 'failed', 'canceled')
		AND EXISTS (SELECT 1 FROM plans n WHERE n.automation_id = p.automation_id AND n.of_plan = ? AND n.state = 'done'
			AND (n.created_at > p.created_at OR n.created_at = p.created_at AND n.id > p.id))) LIMIT ?)`

// Prune deletes history older than before: finished runs with their changes, routed events, dry runs; deliveries and
// refusals older than logged; and sessions that have ended. Links, bases and open work stay: they are what the house
// knows. An event outlives its delivery, so that what comes again after weeks is still known.
func (s *Store) Prune(ctx context.Context, before, logged time.Time) error {
	b, l := int64(at(before)), int64(at(logged))
	const chunk = " LIMIT ?)"
	for _, p := range []struct {
		sql  string
		args []any
	}{
		// Changes first: their runs name them. An open intent keeps its run.
		{`DELETE FROM changes WHERE id IN (SELECT c.id FROM changes c JOIN runs r ON r.id = c.run_id
			WHERE r.started_at < ? AND r.state IN ('succeeded', 'failed') AND c.state NOT IN ('intended', 'unclear')` + chunk, []any{b}},
		// The newest row stays, for the numbers of RunsSince grow from it.
		{`DELETE FROM runs WHERE id IN (SELECT r.id FROM runs r WHERE r.started_at < ? AND r.state IN ('succeeded', 'failed')
			AND r.seq < (SELECT MAX(seq) FROM runs) AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.run_id = r.id)` + chunk, []any{b}},
		{`DELETE FROM deliveries WHERE event_id IN (SELECT d.event_id FROM deliveries d JOIN events e ON e.id = d.event_id
			WHERE d.received_at < ? AND e.routed_at > 0` + chunk, []any{max(b, l)}},
		{`DELETE FROM refusals WHERE (provider, connection, reason, hour) IN (SELECT x.provider, x.connection, x.reason, x.hour FROM refusals x WHERE x.hour < ?` + chunk, []any{l}},
		{`DELETE FROM quota_usage WHERE (connection, interval_start) IN (SELECT x.connection, x.interval_start FROM quota_usage x WHERE x.interval_start < ?` + chunk, []any{int64(at(s.now().Add(-keepQuotaUse)))}},
		{`DELETE FROM events WHERE seq IN (SELECT e.seq FROM events e WHERE e.received_at < ? AND e.routed_at > 0
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id)` + chunk, []any{b}},
		{`DELETE FROM plan_items WHERE position IN (SELECT i.position FROM plan_items i JOIN plans p ON p.id = i.plan_id
			WHERE p.finished_at > 0 AND p.finished_at < ?` + chunk, []any{b}},
		{supersededItems, []any{engine.DailyComparison, engine.DailyComparison}},
		{`DELETE FROM plans WHERE id IN (SELECT p.id FROM plans p WHERE p.finished_at > 0 AND p.finished_at < ?
			AND NOT EXISTS (SELECT 1 FROM plan_items i WHERE i.plan_id = p.id)` + chunk, []any{b}},
		// A record that is linked stays known: it may be asked about though nothing happened to it for long.
		{`DELETE FROM known_records WHERE (record, connection, object) IN (SELECT k.record, k.connection, k.object FROM known_records k WHERE k.seen_at < ?
			AND NOT EXISTS (SELECT 1 FROM links l WHERE l.source_record = k.record AND l.source_connection = k.connection AND l.source_object = k.object)
			AND NOT EXISTS (SELECT 1 FROM links l WHERE l.target_record = k.record AND l.target_connection = k.connection AND l.target_object = k.object)` + chunk, []any{b}},
		{`DELETE FROM reviews WHERE id IN (SELECT v.id FROM reviews v WHERE v.state = 'settled' AND v.opened_at < ?` + chunk, []any{b}},
		{`DELETE FROM reservations WHERE identity IN (SELECT x.identity FROM reservations x WHERE x.until < ?` + chunk, []any{int64(at(s.now()))}},
		{`DELETE FROM sessions WHERE token_hash IN (SELECT x.token_hash FROM sessions x WHERE x.expires_at < ?` + chunk, []any{int64(at(s.now()))}},
		{`DELETE FROM sign_ins WHERE id IN (SELECT x.id FROM sign_ins x WHERE x.seen_at < ? OR x.began_at < ?` + chunk, []any{int64(at(s.now().Add(-people.IdleAfter))), int64(at(s.now().Add(-people.Lifetime)))}},
		{`DELETE FROM vain_tries WHERE key_hash IN (SELECT x.key_hash FROM vain_tries x WHERE x.last_at < ?` + chunk, []any{int64(at(s.now().Add(-people.TriesForgottenAfter)))}},
		{`DELETE FROM password_resets WHERE token_hash IN (SELECT x.token_hash FROM password_resets x WHERE x.expires_at < ?` + chunk, []any{int64(at(s.now()))}},
		{`DELETE FROM identity_offers WHERE code_hash IN (SELECT x.code_hash FROM identity_offers x WHERE x.expires_at < ?` + chunk, []any{int64(at(s.now()))}},
		// Whoever judges them is not polling any more.
		{`DELETE FROM silences WHERE (connection, object, position) IN (SELECT x.connection, x.object, x.position FROM silences x WHERE x.due_at < ?` + chunk, []any{int64(at(s.now().Add(-keepSilences)))}},
		{`DELETE FROM arrivals WHERE id IN (SELECT x.id FROM arrivals x WHERE x.expires_at < ?` + chunk, []any{int64(at(s.now()))}},
		{`DELETE FROM pending_authorizations WHERE state_hash IN (SELECT x.state_hash FROM pending_authorizations x WHERE x.expires_at < ?` + chunk, []any{int64(at(s.now()))}},
	} {
		if err := s.pruneAll(ctx, p.sql, append(p.args, pruneChunk)); err != nil {
			return fmt.Errorf("prune: %w", err)
		}
	}
	return nil
}

func (s *Store) pruneAll(ctx context.Context, sql string, args []any) error {
	for {
		var n int64
		err := s.write(ctx, func(u *unit) error {
			res := u.Exec(sql, args...)
			n = res.RowsAffected
			return res.Error
		})
		if err != nil || n < pruneChunk {
			return err
		}
	}
}
