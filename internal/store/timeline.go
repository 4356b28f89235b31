package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var _ engine.History = (*Store)(nil)

const (
	// searchRuns and searchBases bound how far back a search reads.
	searchRuns  = 20_000
	searchBases = 200_000
	// searchRefs bounds how many records one search looks the counterparts up of.
	searchRefs = 300
	// ledMost bounds how many runs are read to tell what arrivals led to.
	ledMost = 500
	// clusterMost bounds the counterparts a timeline follows; a record has one or two.
	clusterMost = 50
)

// among is the condition that three columns name one of n records.
func among(columns string, n int) string {
	return "(" + columns + ") IN (VALUES " + tuples("(?,?,?)", n) + ")"
}

func refArgs(refs []record.Ref) []any {
	args := make([]any, 0, 3*len(refs))
	for _, r := range refs {
		args = append(args, clean(r.ID), string(r.Connection), string(r.Type))
	}
	return args
}

const (
	sourceColumns     = "record, connection, object"
	targetColumns     = "target_record, target_connection, target_object"
	linkSourceColumns = "source_record, source_connection, source_object"
)

// linksAt finds links by either end; each half uses its own index.
func linksAt(n int) string {
	return "SELECT * FROM links WHERE " + among(linkSourceColumns, n) + " UNION SELECT * FROM links WHERE " + among(targetColumns, n)
}

// LinksAt are the links a record is an end of, the way round they were made, oldest first.
func (s *Store) LinksAt(ctx context.Context, ref record.Ref) ([]automation.Link, error) {
	return s.linksAt(ctx, []record.Ref{ref})
}

func (s *Store) linksAt(ctx context.Context, refs []record.Ref) ([]automation.Link, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	var rows []linkRow
	args := refArgs(refs)
	if err := s.read(ctx).Raw(linksAt(len(refs)), append(args, args...)...).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read links of %d records: %w", len(refs), err)
	}
	out := make([]automation.Link, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.link())
	}
	slices.SortFunc(out, func(a, b automation.Link) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// cluster is a record with the other ends of its links.
func (s *Store) cluster(ctx context.Context, ref record.Ref) ([]record.Ref, []automation.Link, error) {
	links, err := s.LinksAt(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	refs := engine.Story{Record: ref, Links: links}.Refs()
	return refs[:min(len(refs), clusterMost)], links, nil
}

// olderBy is the condition that a row stands behind a mark of the timeline.
func olderBy(column string) string { return " AND (" + column + ", id) < (?, ?)" }

// page is where a page of a timeline begins, for each of the statements below.
type page struct {
	before int64
	id     string
	limit  int
}

func pageOf(f engine.TimelineFilter) page {
	p := page{before: math.MaxInt64, limit: limited(f.Limit)}
	if !f.Before.IsZero() {
		p.before, p.id = int64(at(f.Before.At)), clean(f.Before.ID)
	}
	return p
}

func (p page) args(refs []record.Ref) []any { return append(refArgs(refs), p.before, p.id) }

func timelineEvents(n int) string {
	return "SELECT * FROM events WHERE " + among(sourceColumns, n) + olderBy("received_at") + " ORDER BY received_at DESC, id DESC LIMIT ?"
}

// timelineRuns finds runs by either side; each half uses its own index.
func timelineRuns(n int) string {
	older := olderBy("started_at")
	return "SELECT " + listColumns + ", steps FROM runs WHERE id IN (SELECT id FROM (" +
		"SELECT id, started_at FROM runs WHERE " + among(sourceColumns, n) + older +
		" UNION SELECT id, started_at FROM runs WHERE target_record <> '' AND " + among(targetColumns, n) + older +
		") AS r ORDER BY started_at DESC, id DESC LIMIT ?)"
}

func timelineReviews(n int) string {
	return "SELECT * FROM reviews WHERE " + among(sourceColumns, n) + olderBy("opened_at") + " ORDER BY opened_at DESC, id DESC LIMIT ?"
}

func dueWorks(n int) string {
	return "SELECT * FROM works WHERE automation_id IN (SELECT id FROM automations WHERE deleted_at = 0) AND " + among(sourceColumns, n) + " AND state <> 'idle'"
}

// latestRuns finds the newest run of each automation; ids of runs sort by time.
func latestRuns(n int) string {
	return "SELECT " + listColumns + ", steps FROM runs WHERE id IN (SELECT MAX(id) FROM (" +
		"SELECT id, automation_id FROM runs WHERE " + among(sourceColumns, n) +
		" UNION SELECT id, automation_id FROM runs WHERE target_record <> '' AND " + among(targetColumns, n) +
		") AS r GROUP BY automation_id) ORDER BY id DESC"
}

// ledRuns finds what began while the events of a page arrived, or soon after.
func ledRuns(n int) string {
	const when = " AND started_at >= ? AND started_at < ?"
	return "SELECT " + listColumns + " FROM runs WHERE id IN (" +
		"SELECT id FROM runs WHERE " + among(sourceColumns, n) + when +
		" UNION SELECT id FROM runs WHERE target_record <> '' AND " + among(targetColumns, n) + when +
		") ORDER BY started_at, id LIMIT ?"
}

// LatestRuns are the last run of each automation about a record or its counterparts, with steps, newest first.
func (s *Store) LatestRuns(ctx context.Context, ref record.Ref) ([]automation.Run, error) {
	refs, _, err := s.cluster(ctx, ref)
	if err != nil {
		return nil, err
	}
	var rows []runRow
	if err := s.read(ctx).Raw(latestRuns(len(refs)), append(refArgs(refs), refArgs(refs)...)...).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the last runs about %s: %w", ref, err)
	}
	return runs(rows)
}

// Timeline is what happened to a record and its counterparts, newest first: what arrived with what it led to, runs
// with the steps of their attempts and changes, questions, links; and on the first page what is due. Each kind is one statement for
// a page, whatever its length.
func (s *Store) Timeline(ctx context.Context, ref record.Ref, f engine.TimelineFilter) ([]engine.TimelineEntry, error) {
	refs, links, err := s.cluster(ctx, ref)
	if err != nil {
		return nil, err
	}
	p := pageOf(f)
	var due, past []engine.TimelineEntry
	if f.Before.IsZero() {
		if due, err = s.dueEntries(ctx, refs); err != nil {
			return nil, fmt.Errorf("read what is due for %s: %w", ref, err)
		}
	}
	for _, read := range []func(context.Context, []record.Ref, page) ([]engine.TimelineEntry, error){s.arrivalEntries, s.runEntries, s.reviewEntries} {
		more, err := read(ctx, refs, p)
		if err != nil {
			return nil, fmt.Errorf("read the timeline of %s: %w", ref, err)
		}
		past = append(past, more...)
	}
	for _, l := range links {
		if when := int64(at(l.CreatedAt)); when < p.before || when == p.before && l.ID < p.id {
			past = append(past, engine.TimelineEntry{Kind: engine.EntryLink, At: l.CreatedAt, ID: l.ID, Link: &engine.LinkStory{Link: l}})
		}
	}
	engine.SortTimeline(past)
	past = past[:min(len(past), p.limit)]
	if err := s.fill(ctx, refs, past); err != nil {
		return nil, fmt.Errorf("read the timeline of %s: %w", ref, err)
	}
	return append(due, past...), nil
}

func (s *Store) dueEntries(ctx context.Context, refs []record.Ref) ([]engine.TimelineEntry, error) {
	var rows []workRow
	if err := s.read(ctx).Raw(dueWorks(len(refs)), refArgs(refs)...).Scan(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]engine.TimelineEntry, 0, len(rows))
	for _, r := range rows {
		w, err := r.work()
		if err != nil {
			return nil, err
		}
		out = append(out, engine.TimelineEntry{Kind: engine.EntryDue, At: r.DueAt.time(), ID: fmt.Sprint("wk_", r.ID), Due: &engine.DueWork{
			Key: engine.Key{Automation: w.Automation, Source: w.Source}, State: r.State, DueAt: r.DueAt.time(), Run: r.RunID, Event: w.Event,
		}})
	}
	engine.SortTimeline(out)
	return out, nil
}

func (s *Store) arrivalEntries(ctx context.Context, refs []record.Ref, p page) ([]engine.TimelineEntry, error) {
	var rows []eventRow
	if err := s.read(ctx).Raw(timelineEvents(len(refs)), append(p.args(refs), p.limit)...).Scan(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]engine.TimelineEntry, 0, len(rows))
	for _, r := range rows {
		e := r.event()
		out = append(out, engine.TimelineEntry{Kind: engine.EntryArrival, At: e.ReceivedAt, ID: e.ID, Arrival: &engine.Arrival{Event: e, RoutedAt: r.RoutedAt.time()}})
	}
	return out, nil
}

func (s *Store) runEntries(ctx context.Context, refs []record.Ref, p page) ([]engine.TimelineEntry, error) {
	var rows []runRow
	if err := s.read(ctx).Raw(timelineRuns(len(refs)), append(append(p.args(refs), p.args(refs)...), p.limit)...).Scan(&rows).Error; err != nil {
		return nil, err
	}
	all, err := runs(rows)
	if err != nil {
		return nil, err
	}
	out := make([]engine.TimelineEntry, 0, len(all))
	for _, r := range all {
		out = append(out, engine.TimelineEntry{Kind: engine.EntryRun, At: r.StartedAt, ID: r.ID, Run: &engine.RunStory{Run: r}})
	}
	return out, nil
}

func (s *Store) reviewEntries(ctx context.Context, refs []record.Ref, p page) ([]engine.TimelineEntry, error) {
	var rows []reviewRow
	if err := s.read(ctx).Raw(timelineReviews(len(refs)), append(p.args(refs), p.limit)...).Scan(&rows).Error; err != nil {
		return nil, err
	}
	all, err := reviewsOf(rows)
	if err != nil {
		return nil, err
	}
	out := make([]engine.TimelineEntry, 0, len(all))
	for _, r := range all {
		out = append(out, engine.TimelineEntry{Kind: engine.EntryReview, At: r.OpenedAt, ID: r.ID, Review: &r})
	}
	return out, nil
}

// fill adds to the entries of a page what belongs to them.
func (s *Store) fill(ctx context.Context, refs []record.Ref, entries []engine.TimelineEntry) error {
	arrivals, told, links := map[string]*engine.Arrival{}, map[string]*engine.RunStory{}, map[string]*engine.LinkStory{}
	for _, e := range entries {
		switch e.Kind {
		case engine.EntryArrival:
			arrivals[e.ID] = e.Arrival
		case engine.EntryRun:
			told[e.ID] = e.Run
		case engine.EntryLink:
			links[e.ID] = e.Link
		}
	}
	if err := s.fillChanges(ctx, told); err != nil {
		return err
	}
	tried := make([]*automation.Run, 0, len(told))
	for _, story := range told {
		tried = append(tried, &story.Run)
	}
	if err := s.withEarlier(ctx, tried...); err != nil {
		return err
	}
	if err := s.fillBases(ctx, links); err != nil {
		return err
	}
	if err := s.fillKept(ctx, arrivals); err != nil {
		return err
	}
	return s.fillLed(ctx, refs, arrivals)
}

func (s *Store) fillChanges(ctx context.Context, told map[string]*engine.RunStory) error {
	if len(told) == 0 {
		return nil
	}
	var rows []changeRow
	if err := s.read(ctx).Where("run_id IN ?", slices.Collect(maps.Keys(told))).Order("intended_at, id").Find(&rows).Error; err != nil {
		return err
	}
	all, err := changes(rows)
	for _, c := range all {
		told[c.Run].Changes = append(told[c.Run].Changes, c)
	}
	return err
}

func (s *Store) fillBases(ctx context.Context, links map[string]*engine.LinkStory) error {
	if len(links) == 0 {
		return nil
	}
	var rows []baseRow
	if err := s.read(ctx).Where("link_id IN ?", slices.Collect(maps.Keys(links))).Order("agreed_at DESC, automation_id").Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		b := automation.Base{Link: r.LinkID, Automation: automation.ID(r.AutomationID), Version: r.Version, AgreedAt: r.AgreedAt.time(), SourceAt: r.SourceAt.time()}
		if err := decode("base of link "+r.LinkID, r.Fields, &b.Fields); err != nil {
			return err
		}
		if err := decode("base of link "+r.LinkID, r.Target, &b.Target); err != nil {
			return err
		}
		links[r.LinkID].Bases = append(links[r.LinkID].Bases, b)
	}
	return nil
}

// fillKept tells which arrivals have a delivery in the log still.
func (s *Store) fillKept(ctx context.Context, arrivals map[string]*engine.Arrival) error {
	if len(arrivals) == 0 {
		return nil
	}
	var ids []string
	err := s.read(ctx).Raw("SELECT event_id FROM deliveries WHERE event_id IN ?", slices.Collect(maps.Keys(arrivals))).Scan(&ids).Error
	for _, id := range ids {
		arrivals[id].Kept = true
	}
	return err
}

// fillLed tells which runs an arrival led to: those that began with it, and of an automation that has none such the
// first to begin after it, into which it was taken up with later news.
func (s *Store) fillLed(ctx context.Context, refs []record.Ref, arrivals map[string]*engine.Arrival) error {
	if len(arrivals) == 0 {
		return nil
	}
	first, last := stamp(math.MaxInt64), stamp(0)
	for _, a := range arrivals {
		first, last = min(first, at(a.Event.ReceivedAt)), max(last, at(a.Event.ReceivedAt))
	}
	last += stamp(24 * time.Hour / time.Microsecond)
	// An attempt that waits goes on when there is news: its run began before what it took up.
	first -= stamp(24 * time.Hour / time.Microsecond)
	half := append(refArgs(refs), int64(first), int64(last))
	var rows []runRow
	if err := s.read(ctx).Raw(ledRuns(len(refs)), append(append(half, half...), ledMost)...).Scan(&rows).Error; err != nil {
		return err
	}
	all, err := runs(rows)
	if err != nil {
		return err
	}
	for id, a := range arrivals {
		named, after := map[automation.ID]automation.Run{}, map[automation.ID]automation.Run{}
		for _, r := range all {
			if r.Event.ID == id {
				named[r.Automation] = r
			} else if _, had := after[r.Automation]; !had && !r.StartedAt.Before(a.Event.ReceivedAt) && a.Event.Kind != automation.TestSend {
				after[r.Automation] = r
			}
		}
		maps.Copy(after, named)
		for _, by := range slices.Sorted(maps.Keys(after)) {
			a.Led = append(a.Led, after[by])
		}
	}
	return nil
}

// seen is a record as one of the tables names it, with a counterpart where it names one.
type seen struct {
	Connection, Object, Record                   string
	TargetConnection, TargetObject, TargetRecord string
	Title                                        string
	At                                           stamp
}

const (
	seenRuns = `SELECT connection, object, record, target_connection, target_object, target_record, MAX(title) AS title, MAX(started_at) AS at FROM `
	seenBy   = ` GROUP BY connection, object, record, target_connection, target_object, target_record ORDER BY at DESC LIMIT ?`

	findRunsByID = seenRuns + `runs WHERE record = ? AND ` + byConnection + `connection))` + seenBy
	// The first condition is the index's own.
	findRunsByTarget = seenRuns + `runs WHERE target_record <> '' AND target_record = ? AND ` + byConnection + `connection))` + seenBy
	findRun          = seenRuns + `runs WHERE id = ? AND ` + byConnection + `connection))` + seenBy
	findEvents       = `SELECT connection, object, record, MAX(received_at) AS at FROM events WHERE record = ? AND ` + byConnection + `connection)) GROUP BY connection, object, record ORDER BY at DESC LIMIT ?`
	findReviews      = `SELECT connection, object, record, MAX(title) AS title, MAX(opened_at) AS at FROM reviews WHERE record = ? AND ` + byConnection + `connection)) GROUP BY connection, object, record ORDER BY at DESC LIMIT ?`
	linkEnds         = `SELECT source_connection AS connection, source_object AS object, source_record AS record, target_connection, target_object, target_record, created_at AS at FROM links `
	findLinks        = linkEnds + `WHERE source_record = ? AND ` + byConnection + `source_connection)) UNION ALL ` +
		linkEnds + `WHERE target_record = ? AND ` + byConnection + `target_connection)) LIMIT ?`

	findTitles = seenRuns + `(SELECT * FROM (SELECT connection, object, record, target_connection, target_object, target_record, title, started_at FROM runs WHERE ` + byConnection + `connection)) ORDER BY id DESC LIMIT ?) AS n
WHERE LOWER(title) LIKE ? ESCAPE '!' OR LOWER(record) LIKE ? ESCAPE '!' OR LOWER(target_record) LIKE ? ESCAPE '!') AS r` + seenBy
	findReviewTitles = `SELECT connection, object, record, MAX(title) AS title, MAX(opened_at) AS at FROM (SELECT * FROM reviews WHERE ` + byConnection + `connection)) ORDER BY id DESC LIMIT ?) AS n
WHERE LOWER(title) LIKE ? ESCAPE '!' GROUP BY connection, object, record ORDER BY at DESC LIMIT ?`
	findItems = `SELECT plan, at FROM (SELECT i.position, i.title, i.target_title, i.plan, p.created_at AS at FROM plan_items i JOIN plans p ON p.id = i.plan_id
WHERE (? = '' OR ` + byAutomation + `p.automation_id)) ORDER BY i.position DESC LIMIT ?) AS n
WHERE (LOWER(title) LIKE ? ESCAPE '!' OR LOWER(target_title) LIKE ? ESCAPE '!'`
	findItemValues = ` OR LOWER(plan) LIKE ? ESCAPE '!'`

	findChanges = `SELECT connection, object, record, target_connection, target_object, target_record, MAX(intended_at) AS at FROM
(SELECT * FROM changes WHERE ` + byConnection + `connection)) ORDER BY id DESC LIMIT ?) AS n
WHERE LOWER(fields) LIKE ? ESCAPE '!' OR LOWER(before) LIKE ? ESCAPE '!' OR LOWER(after) LIKE ? ESCAPE '!'` + seenBy
	findBases = `SELECT l.source_connection AS connection, l.source_object AS object, l.source_record AS record, l.target_connection, l.target_object, l.target_record, b.agreed_at AS at
FROM (SELECT link_id, agreed_at, fields, target FROM bases WHERE (? = '' OR ` + byAutomation + `automation_id)) ORDER BY link_id DESC LIMIT ?) AS b JOIN links l ON l.id = b.link_id
WHERE LOWER(b.fields) LIKE ? ESCAPE '!' OR LOWER(b.target) LIKE ? ESCAPE '!' ORDER BY at DESC LIMIT ?`
)

// FindRecords finds records by name, email, other value or id, and joins those that are linked: one hit for each
// pair, the one dealt with last first.
//
// An id that is typed in full, alone or as connection/type/id, and the id of a run are found however old, by index; so
// are records that had a run, by the beginnings of the words of their name, email and phone number, whatever their case
// and accents. What stands within a word, other values, and records only a plan has named are looked for in what is
// recent: titles and ids in the last 20,000 runs, titles in as many questions and items of plans; and, unless it is one
// bare word (which would find the names of fields), values in as many changes and items of plans and in what the last
// 200,000 links agreed.
func (s *Store) FindRecords(ctx context.Context, q string, limit int) ([]engine.RecordHit, error) {
	return s.findRecords(ctx, everywhere, q, limit)
}

func (s *Store) findRecords(ctx context.Context, sc scope, q string, limit int) ([]engine.RecordHit, error) {
	q = clean(strings.TrimSpace(q))
	if q == "" {
		return nil, nil
	}
	limit = limited(limit)
	found, err := s.findExact(ctx, sc, q, limit)
	if err == nil && len(found) == 0 {
		if found, err = s.findText(ctx, sc, q, limit); err == nil {
			var known []seen
			known, err = s.findWords(ctx, sc, q, limit)
			found = append(found, known...)
		}
	}
	if err == nil {
		var hits []engine.RecordHit
		if hits, err = s.hits(ctx, found); err == nil {
			return hits[:min(len(hits), limit)], nil
		}
	}
	return nil, fmt.Errorf("find records: %w", err)
}

func (s *Store) findExact(ctx context.Context, sc scope, q string, limit int) ([]seen, error) {
	var only record.Ref
	id := q
	if parts := strings.SplitN(q, "/", 3); len(parts) == 3 && strings.HasPrefix(parts[0], "cn_") {
		only, id = ref(parts[0], parts[1], parts[2]), parts[2]
	}
	var out []seen
	mine := string(sc)
	byID := []any{id, mine, mine}
	for _, x := range []struct {
		sql  string
		args []any
	}{
		{findRunsByID, byID}, {findRunsByTarget, byID}, {findEvents, byID}, {findReviews, byID}, {findLinks, slices.Concat(byID, byID)}, {findRun, []any{q, mine, mine}},
	} {
		var rows []seen
		if err := s.read(ctx).Raw(x.sql, slices.Concat(x.args, []any{limit})...).Scan(&rows).Error; err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	if only.IsZero() {
		return out, nil
	}
	return slices.DeleteFunc(out, func(r seen) bool { return r.source() != only && r.target() != only }), nil
}

func (r seen) source() record.Ref { return ref(r.Connection, r.Object, r.Record) }
func (r seen) target() record.Ref { return ref(r.TargetConnection, r.TargetObject, r.TargetRecord) }

func (s *Store) findText(ctx context.Context, sc scope, q string, limit int) ([]seen, error) {
	text := contains(q)
	value, hasValue := inDocument(q)
	type query struct {
		sql  string
		args []any
	}
	queries := []query{
		{findTitles, slices.Concat(sc.twice(), []any{searchRuns, text, text, text, limit})},
		{findReviewTitles, slices.Concat(sc.twice(), []any{searchRuns, text, limit})},
	}
	items := query{findItems, slices.Concat(sc.twice(), []any{searchRuns, text, text})}
	if hasValue {
		queries = append(queries, query{findBases, slices.Concat(sc.twice(), []any{searchBases, value, value, limit})}, query{findChanges, slices.Concat(sc.twice(), []any{searchRuns, value, value, value, limit})})
		items = query{findItems + findItemValues, append(items.args, value)}
	}
	var out []seen
	for _, x := range queries {
		var rows []seen
		if err := s.read(ctx).Raw(x.sql, x.args...).Scan(&rows).Error; err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	var rows []struct {
		Plan string
		At   stamp
	}
	if err := s.read(ctx).Raw(items.sql+") ORDER BY position DESC LIMIT ?", append(items.args, limit)...).Scan(&rows).Error; err != nil {
		return nil, err
	}
	for _, r := range rows {
		var p automation.Plan
		if err := decode("item of a plan", r.Plan, &p); err != nil {
			return nil, err
		}
		title := p.SourceTitle
		if title == "" {
			title = p.TargetTitle
		}
		out = append(out, seen{
			Connection: string(p.Source.Connection), Object: string(p.Source.Type), Record: p.Source.ID,
			TargetConnection: string(p.Target.Connection), TargetObject: string(p.Target.Type), TargetRecord: p.Target.ID, Title: title, At: r.At,
		})
	}
	return out, nil
}

// inDocument is the pattern of a value within our documents; !ok: one bare word finds the names of fields.
func inDocument(q string) (pattern string, ok bool) {
	if strings.Trim(strings.ToLower(q), "abcdefghijklmnopqrstuvwxyz_") == "" {
		return "", false
	}
	b, err := json.Marshal(q)
	if err != nil {
		return "", false
	}
	return contains(string(b[1 : len(b)-1])), true
}

// hits joins what was found, record by record and link by link.
func (s *Store) hits(ctx context.Context, found []seen) ([]engine.RecordHit, error) {
	slices.SortStableFunc(found, func(a, b seen) int { return cmp.Compare(b.At, a.At) })
	var refs []record.Ref
	known := map[record.Ref]bool{}
	add := func(r record.Ref) {
		if !r.IsZero() && !known[r] && len(refs) < searchRefs {
			known[r] = true
			refs = append(refs, r)
		}
	}
	for _, f := range found {
		add(f.source())
		add(f.target())
	}
	links, err := s.linksAt(ctx, refs)
	if err != nil {
		return nil, err
	}
	sets := disjoint{}
	for _, f := range found {
		if known[f.source()] && known[f.target()] {
			sets.join(f.source(), f.target())
		}
	}
	for _, l := range links {
		add(l.Source)
		add(l.Target)
		sets.join(l.Source, l.Target)
	}
	titles, err := s.titles(ctx, refs)
	if err != nil {
		return nil, err
	}
	var hits []engine.RecordHit
	at := map[record.Ref]int{}
	for _, f := range found {
		r := f.source()
		if !known[r] {
			continue
		}
		root := sets.root(r)
		i, had := at[root]
		if !had {
			i = len(hits)
			at[root] = i
			hits = append(hits, engine.RecordHit{Record: r, SeenAt: f.At.time()})
		}
		if h := &hits[i]; h.Title == "" && f.Title != r.ID {
			h.Title = f.Title
		}
	}
	for _, r := range refs {
		i, ok := at[sets.root(r)]
		if !ok {
			continue
		}
		h := &hits[i]
		if r != h.Record {
			h.Counterparts = append(h.Counterparts, r)
		}
		if h.Title == "" {
			h.Title = titles[r]
		}
	}
	for i := range hits {
		h := &hits[i]
		h.Title = cmp.Or(h.Title, h.Record.ID)
		slices.SortFunc(h.Counterparts, func(a, b record.Ref) int { return strings.Compare(a.String(), b.String()) })
	}
	return hits, nil
}

// RecordTitles is how records are called, as far as that is known.
func (s *Store) RecordTitles(ctx context.Context, refs []record.Ref) (map[record.Ref]string, error) {
	titles, err := s.titles(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("read titles of %d records: %w", len(refs), err)
	}
	return titles, nil
}

// titles is how records are called.
func (s *Store) titles(ctx context.Context, refs []record.Ref) (map[record.Ref]string, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	var rows []knownRecordRow
	err := s.read(ctx).Raw("SELECT record, connection, object, title FROM known_records WHERE title <> '' AND "+among(sourceColumns, len(refs)), refArgs(refs)...).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	out := make(map[record.Ref]string, len(rows))
	for _, r := range rows {
		out[ref(r.Connection, r.Object, r.Record)] = r.Title
	}
	return out, nil
}

// disjoint keeps records that belong together under one of them.
type disjoint map[record.Ref]record.Ref

func (d disjoint) root(r record.Ref) record.Ref {
	for {
		up, ok := d[r]
		if !ok || up == r {
			return r
		}
		r = up
	}
}

func (d disjoint) join(a, b record.Ref) {
	if a, b = d.root(a), d.root(b); a != b {
		d[b] = a
	}
}
