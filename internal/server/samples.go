package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/ui"
)

const (
	samplesShown = 10
	// recallFor keeps a page quick while somebody clicks through it, and short enough to see a change.
	recallFor = 10 * time.Second
	// lateFor spares the next pages a wait for an account that just did not answer.
	lateFor = 5 * time.Second
	// recallMost bounds each memory; it is simply emptied when full.
	recallMost = 256
)

// recall remembers what providers said a moment ago, for pages only: nothing is decided by it.
type recall struct {
	mu       sync.Mutex
	schemas  map[string]record.Schema
	late     map[string]time.Time
	listings map[string]listing
	plans    map[string]sampledPlan
}

type listing struct {
	records []record.Record
	total   int
	until   time.Time
	unseen  error // why what they borrow of others is not in them
}

type sampledPlan struct {
	plan  automation.Plan
	until time.Time
}

func newRecall() *recall {
	return &recall{schemas: map[string]record.Schema{}, late: map[string]time.Time{}, listings: map[string]listing{}, plans: map[string]sampledPlan{}}
}

func keep[V any](r *recall, m map[string]V, key string, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(m) >= recallMost {
		clear(m)
	}
	m[key] = v
}

func kept[V any](r *recall, m map[string]V, key string) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := m[key]
	return v, ok
}

func (r *recall) keepSchema(key string, s record.Schema)  { keep(r, r.schemas, key, s) }
func (r *recall) schema(key string) (record.Schema, bool) { return kept(r, r.schemas, key) }
func (r *recall) noteLate(key string, now time.Time)      { keep(r, r.late, key, now) }
func (r *recall) wasLate(key string, now time.Time) bool {
	at, ok := kept(r, r.late, key)
	return ok && now.Sub(at) < lateFor
}

func interactive(ctx context.Context) context.Context {
	return provider.WithPriority(ctx, provider.Interactive)
}

// firstPage lists a few source records. Search narrows it.
func (s *scoped) firstPage(ctx context.Context, e end, search string) (listing, error) {
	key := string(e.Connection) + "/" + string(e.Object) + "/" + search
	if l, ok := kept(s.recall, s.recall.listings, key); ok && s.Now().Before(l.until) {
		return l, nil
	}
	ctx, cancel := context.WithTimeout(interactive(ctx), patience)
	defer cancel()
	client, err := s.Gateway.Client(ctx, e.Connection)
	if err != nil {
		return listing{}, err
	}
	out := listing{until: s.Now().Add(recallFor)}
	for page, err := range client.List(ctx, provider.Query{Type: e.Object, Search: search, PageSize: samplesShown}) {
		if err != nil {
			return listing{}, err
		}
		out.records, out.total = page.Records[:min(len(page.Records), samplesShown)], page.Total
		break
	}
	keep(s.recall, s.recall.listings, key, out)
	return out, nil
}

// sample is the source record a page shows values of.
type sample struct {
	options []ui.Option
	record  *record.Record
	why     string // there is none, in words
	unseen  error  // why what it borrows of other records is not in it
}

// sampleOf finds the sample a person chose, or the first there is. A provider that does not answer costs the
// samples and nothing else.
func (s *scoped) sampleOf(c echo.Context, d desk) sample {
	ctx := c.Request().Context()
	remembered := "sample " + string(d.a.ID)
	if id := c.QueryParam("sample"); id != "" && len(id) < 200 {
		s.sessions.Put(ctx, remembered, id)
	}
	name := s.providerName(d.source.Provider)
	if d.source.problem != nil {
		return sample{why: d.source.problem.Title + ", so there are no sample values. You can still map."}
	}
	recent, err := s.firstPage(ctx, d.source, "")
	if err != nil {
		why := name + " does not answer"
		if !late(err) {
			why = problemOf(err, d.source.schema.Label, d.source.side()).Title
		}
		return sample{why: why + ", so there are no sample values. You can still map."}
	}
	records := recent.records
	id := s.sessions.GetString(ctx, remembered)
	i := slices.IndexFunc(records, func(r record.Record) bool { return r.Ref.ID == id })
	if i < 0 && id != "" {
		if r, err := s.sampleByID(ctx, d.source, id); err == nil {
			records, i = append([]record.Record{r}, records...), 0
		}
	}
	if len(records) == 0 {
		return sample{why: "There is no " + d.source.schema.Label + " yet, so there are no sample values."}
	}
	chosen, unseen := s.withBorrowed(ctx, d.source, records[max(i, 0)])
	out := sample{record: &chosen, unseen: unseen}
	for _, r := range records {
		out.options = append(out.options, ui.Option{Value: r.Ref.ID, Label: cmp.Or(joined(titleOf(r), detailOf(r)), r.Ref.ID)})
	}
	return out
}

func (s *scoped) sampleByID(ctx context.Context, e end, id string) (record.Record, error) {
	ctx, cancel := context.WithTimeout(interactive(ctx), patience)
	defer cancel()
	client, err := s.Gateway.Client(ctx, e.Connection)
	if err != nil {
		return record.Record{}, err
	}
	return client.Get(ctx, record.Ref{Connection: e.Connection, Type: e.Object, ID: id})
}

// withBorrowed reads a sample once more with the fields a listing is spared. An account that does not answer, or does not
// let us see them, costs those values and nothing else: then the record is answered without them, with the reason.
func (s *scoped) withBorrowed(ctx context.Context, e end, r record.Record) (record.Record, error) {
	fields := e.object.BorrowedFields()
	if len(fields) == 0 {
		return r, nil
	}
	key := "with borrowed " + r.Ref.String()
	if l, ok := kept(s.recall, s.recall.listings, key); ok && s.Now().Before(l.until) {
		return l.records[0], l.unseen
	}
	read, err := s.sampleByID(provider.WithWanted(ctx, e.Connection, e.Object, fields), e, r.Ref.ID)
	if err == nil {
		r = read
	}
	keep(s.recall, s.recall.listings, key, listing{records: []record.Record{r}, until: s.Now().Add(recallFor), unseen: err})
	return r, err
}

// unseenProblem says of some fields that they could not be read and why; nil where all of them could be.
func (s *scoped) unseenProblem(e end, unseen error, fields []string) *ui.Problem {
	var labels []string
	for _, key := range fields {
		if label := e.label(key); slices.Contains(e.object.BorrowedFields(), key) && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	if unseen == nil || len(labels) == 0 {
		return nil
	}
	name, what := s.providerName(e.Provider), strings.Join(labels, ", ")
	p := &ui.Problem{Tone: ui.Warn, Title: what + " could not be read in " + name + " just now", Detail: "It is not known to be empty: the sample is shown without it.", Next: "Reload the page in a moment.", Code: "unseen"}
	if refused, ok := errors.AsType[*provider.Error](unseen); ok && refused.Kind == provider.Forbidden {
		p.Title = name + " does not let Crosswalk read " + what + ": a permission is not granted"
		if refused.Scope != "" {
			p.Title = name + " does not let Crosswalk read " + what + ": the permission “" + refused.Scope + "” is not granted"
		}
		p.Detail, p.Next = "It is not known to be empty. An automation that uses it waits until the permission is there.", "Reconnect the account with all permissions."
	}
	p.Href, p.HrefLabel = healthHref(e.Connection), "Look at the connection"
	return p
}

// unseenWord is what is shown in the place of a value that could not be read.
func unseenWord(unseen error) string {
	if provider.IsKind(unseen, provider.Forbidden) {
		return "not granted"
	}
	return "not read"
}

func titleOf(r record.Record) string { return cmp.Or(r.Title, r.Ref.ID) }

// detailOf tells people of one name apart.
func detailOf(r record.Record) string {
	for _, key := range []string{"email", "phone"} {
		if s := r.Fields[key].String(); s != "" && s != r.Title {
			return s
		}
	}
	return ""
}

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + ", " + b
}

// planOf is what would be written for the sample, from memory while nobody changed anything.
func (s *scoped) planOf(ctx context.Context, d desk, r record.Record) (automation.Plan, error) {
	key := string(d.a.ID) + "/" + strconv.Itoa(d.a.Version) + "/" + r.Ref.String()
	if p, ok := kept(s.recall, s.recall.plans, key); ok && s.Now().Before(p.until) {
		return p.plan, nil
	}
	ctx, cancel := context.WithTimeout(interactive(ctx), patience)
	defer cancel()
	plan, err := s.Trials.PreviewRecord(ctx, d.compiled, r)
	if err == nil {
		keep(s.recall, s.recall.plans, key, sampledPlan{plan, s.Now().Add(recallFor)})
	}
	return plan, err
}
