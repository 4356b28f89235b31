package store

import (
	"strings"
	"testing"
)

// TestHotStatementsUseAnIndex asks SQLite how it would carry the statements out that run per event or per page.
func TestHotStatementsUseAnIndex(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	for name, c := range map[string]struct {
		sql  string
		args []any
		want string // what the plan must mention
	}{
		"open changes":        {openChanges, []any{"a", "c", "o", "r"}, "changes_open"},
		"unanswered creates":  {unansweredCreates, []any{"c", "o"}, "changes_"},
		"unrouted events":     {"SELECT * FROM events WHERE routed_at = 0 ORDER BY seq LIMIT ?", []any{10}, "events_unrouted"},
		"links":               {strings.ReplaceAll(linksOf, " IN ?", " IN (?)"), []any{"a", "c", "o", "r", "c", "o", "a", "c", "o", "r", "c", "o"}, "links_target"},
		"heard of":            {heardOf(2), []any{"r", "c", "o", "r", "c", "o"}, "events_record"},
		"note run":            {noteRun, []any{"r", "a", "c", "o", "r"}, "works_key"},
		"claim":               {claimWork, []any{"w", 1, 1, 1}, "INTEGER PRIMARY KEY"},
		"wake awaiting":       {awaiting, []any{1, "r", "c", "o", "r", "c", "o"}, "awaits_record"},
		"rescue expired":      {rescueExpired, []any{1, 1, 1, 1}, "works_due"},
		"rescue jobless":      {rescueJobless, []any{1, 1, 1, 1}, "works_due"},
		"page of runs":        {"SELECT " + listColumns + " FROM runs WHERE automation_id = ? AND id < ? ORDER BY id DESC LIMIT 50", []any{"a", "r"}, "runs_automation"},
		"failed runs":         {"SELECT " + listColumns + " FROM runs WHERE state = ? ORDER BY id DESC LIMIT 50", []any{"failed"}, "runs_state"},
		"news of runs":        {"SELECT " + listColumns + " FROM runs WHERE seq > ? ORDER BY seq LIMIT ?", []any{1, 1}, "runs_seq"},
		"newest run":          {"SELECT COALESCE(MAX(seq), 0) + 1 FROM runs", nil, "runs_seq"},
		"run counts":          {"SELECT started_at / 1, outcome, COUNT(*) FROM runs WHERE started_at >= ? GROUP BY 1, 2", []any{1}, "runs_started"},
		"plan items":          {"SELECT * FROM plan_items WHERE plan_id = ? AND position > ? ORDER BY position LIMIT 50", []any{"p", 1}, "plan_items_plan"},
		"plan items by drift": {"SELECT * FROM plan_items WHERE plan_id = ? AND drift = ? AND position > ? ORDER BY position LIMIT 50", []any{"p", "d", 1}, "plan_items_drift"},
		"a known record":      {knownRecord, []any{"r", "c", "o"}, "known_records"},
		"find a word":         {findWord + " AND EXISTS (SELECT 1" + wordsOf, []any{"a", "b", "a", "b"}, "record_words_word"},
		"delivery stats":      {"SELECT COUNT(*), MAX(received_at) FROM deliveries WHERE connection = ?", []any{"c"}, "deliveries_connection"},
	} {
		rows, err := s.readDB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+c.sql, c.args...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text := strings.Join(plan, "\n")
		if !strings.Contains(text, c.want) {
			t.Errorf("%s does not use %s:\n%s", name, c.want, text)
		}
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "INDEX") && !strings.Contains(step, "VALUES CLAUSE") {
				t.Errorf("%s reads a whole table:\n%s", name, text)
			}
		}
	}
}
