package store

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"crosswalk/internal/record"
)

// TestTimelinesUseAnIndex asks SQLite how it would read the page of a record.
func TestTimelinesUseAnIndex(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	refs := []record.Ref{{Connection: "c", Type: "contact", ID: "1"}, {Connection: "d", Type: "contact", ID: "2"}}
	p := page{before: math.MaxInt64, limit: 50}
	twice := append(refArgs(refs), refArgs(refs)...)
	between := append(refArgs(refs), 1, 2)
	for name, c := range map[string]struct {
		sql  string
		args []any
		want []string // what the plan must mention
	}{
		"links":          {linksAt(2), twice, []string{"links_source", "links_target"}},
		"events":         {timelineEvents(2), append(p.args(refs), p.limit), []string{"events_record"}},
		"runs":           {timelineRuns(2), append(append(p.args(refs), p.args(refs)...), p.limit), []string{"runs_record", "runs_target"}},
		"last runs":      {latestRuns(2), twice, []string{"runs_record", "runs_target"}},
		"led runs":       {ledRuns(2), append(append(between, between...), 500), []string{"runs_record", "runs_target"}},
		"reviews":        {timelineReviews(2), append(p.args(refs), p.limit), []string{"reviews_record"}},
		"due":            {dueWorks(2), refArgs(refs), []string{"works_"}},
		"runs by id":     {findRunsByID, []any{"r", "", "", 10}, []string{"runs_record"}},
		"runs by target": {findRunsByTarget, []any{"r", "", "", 10}, []string{"runs_target"}},
		"events by id":   {findEvents, []any{"r", "", "", 10}, []string{"events_record"}},
		"reviews by id":  {findReviews, []any{"r", "", "", 10}, []string{"reviews_record"}},
		"links by id":    {findLinks, []any{"r", "", "", "r", "", "", 10}, []string{"links_source_record", "links_target_record"}},
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
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not use %s:\n%s", name, want, text)
			}
		}
		if whole := regexp.MustCompile(`(?m)^SCAN (events|runs|reviews|links|works|changes|bases)`); whole.MatchString(text) {
			t.Errorf("%s reads a whole table:\n%s", name, text)
		}
	}
}
