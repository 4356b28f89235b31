package gleap

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"iter"
	"maps"
	"net/http"
	"slices"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

const (
	pageSize  = 100
	leastPage = 10
	maxPage   = 1000
	// A page shorter than this and shorter than asked for is the last: no server caps pages that low. A longer one may
	// only mean that Gleap caps its pages below what we asked, which is not documented (reference/gleap.md §4).
	surelyShort = 20
	cursorForm  = 1
)

// listing is a paged endpoint.
type listing struct {
	op, path string
	unsorted bool                // known to ignore the order
	query    query               // fixed part
	keep     func(document) bool // nil keeps all
	record   func(document) record.Record
}

// position is where a walk stands; a cursor is its JSON. Times are Unix milliseconds, 0 for none.
//
// A walk goes forward through windows: everything changed at or after From, oldest change first. A record changed
// meanwhile moves behind us and is met again, so nothing is missed, which offset paging cannot promise
// (reference/gleap.md §4). Skip is only used among records of the very same instant.
//
// When an answer shows that the filter or the order was ignored, the walk starts over as a Scan: by offset, in order of
// creation, with some overlap against deletions, and what is too old is dropped here.
type position struct {
	Form  int   `json:"v"` // cursorForm, so that other JSON is no cursor
	Since int64 `json:"s,omitempty"`
	From  int64 `json:"f,omitempty"`
	Skip  int   `json:"k,omitempty"`
	Scan  bool  `json:"n,omitempty"`
}

func (p position) cursor() string {
	p.Form = cursorForm
	b, _ := json.Marshal(p) // numbers and a bool always marshal
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string) (position, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return position{}, false
	}
	var p position
	if json.Unmarshal(b, &p) != nil || p.Form != cursorForm || p.Skip < 0 {
		return position{}, false
	}
	return p, true
}

type walker struct {
	listing
	position
	limit int
	tried bool             // the order has been put to the test
	seen  map[string]int64 // records given out, and as of which change
	stale int              // answers in a row that held nothing new
	last  []string         // ids of the answer before
}

// walk lists records, each at least once, and ends whatever the server does with filter, order, limit and skip.
func (c *Client) walk(ctx context.Context, l listing, q provider.Query) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) {
		w := &walker{listing: l, limit: pageSize, seen: map[string]int64{}}
		if q.PageSize > 0 {
			w.limit = min(q.PageSize, maxPage)
		}
		w.Since = millis(q.ChangedSince)
		w.From, w.Scan = w.Since, l.unsorted
		if q.Cursor != "" {
			p, ok := parseCursor(q.Cursor)
			if !ok {
				yield(provider.Page{}, c.fail(provider.Invalid, l.op, "the cursor is not one of ours"))
				return
			}
			w.position, w.tried = p, p.From > p.Since // nobody got beyond the first page untried
		}
		for {
			page, err := w.next(ctx, c)
			if err != nil {
				yield(provider.Page{}, err)
				return
			}
			if !yield(page, nil) || page.Next == "" {
				return
			}
		}
	}
}

// next reads one page and moves on.
func (w *walker) next(ctx context.Context, c *Client) (provider.Page, error) {
	ds, count, err := w.fetch(ctx, c)
	if err != nil {
		return provider.Page{}, err
	}
	if !w.Scan && w.distrust(ds) {
		w.scan()
		if ds, count, err = w.fetch(ctx, c); err != nil {
			return provider.Page{}, err
		}
	}
	var page provider.Page
	news := 0
	for _, d := range ds {
		at := millis(d.time("updatedAt"))
		if was, met := w.seen[d.id()]; met && was == at {
			continue
		}
		w.seen[d.id()] = at
		news++
		if at != 0 && at < w.Since || w.keep != nil && !w.keep(d) {
			continue
		}
		page.Records = append(page.Records, w.record(d))
	}
	if news > 0 {
		w.stale = 0
	} else {
		w.stale++
	}
	ids := make([]string, len(ds))
	for i, d := range ds {
		ids[i] = d.id()
	}
	same := slices.Equal(ids, w.last) // in a scan: the offset is ignored
	w.last = ids
	switch {
	case count == 0, count < min(w.limit, surelyShort), w.Scan && same, !w.Scan && w.stale > 1:
		return page, nil
	}
	if ordered, err := w.ordered(ctx, c, ds); err != nil {
		return provider.Page{}, err
	} else if !ordered {
		w.scan()
	} else {
		w.advance(ds, count)
	}
	page.Next = w.cursor()
	return page, nil
}

// ordered tests, before a walk leaves its first window, that the order is really obeyed: a page may be in order by
// accident, as imported contacts are, and then the next window would pass over everybody changed earlier. Asked for the
// opposite order, an obedient server must name somebody changed later than the first of the page.
func (w *walker) ordered(ctx context.Context, c *Client, ds []document) (bool, error) {
	if w.Scan || w.tried || len(ds) == 0 {
		return true, nil
	}
	w.tried = true
	latest, err := c.many(ctx, call{op: w.op, method: http.MethodGet, path: w.path, query: w.window(w.From, "-updatedAt", 1, 0)})
	if err != nil || len(latest) == 0 {
		return false, err
	}
	at := func(d document) int64 { return millis(d.time("updatedAt")) }
	return at(latest[0]) > at(ds[0]) && at(latest[0]) >= at(ds[len(ds)-1]), nil
}

// scan starts over without trust.
func (w *walker) scan() {
	w.position = position{Since: w.Since, Scan: true}
	w.last = nil
}

func (w *walker) advance(ds []document, count int) {
	if w.Scan {
		w.Skip += max(count-max(count/10, 1), 1)
		return
	}
	if len(ds) == 0 {
		w.Skip += count
		return
	}
	last := millis(ds[len(ds)-1].time("updatedAt"))
	if last <= w.From {
		w.Skip += count
		return
	}
	// What changed before the window is not met again, unless it changes once more: then it is news. The window after this
	// one has yet to be trusted.
	maps.DeleteFunc(w.seen, func(_ string, at int64) bool { return at != 0 && at < w.From })
	w.From, w.Skip = last, 0
}

// distrust reports that an answer breaks what was asked: older than the window, or not in order of change.
func (w *walker) distrust(ds []document) bool {
	at := func(d document) int64 { return millis(d.time("updatedAt")) }
	return slices.ContainsFunc(ds, func(d document) bool { return at(d) != 0 && at(d) < w.From }) ||
		!slices.IsSortedFunc(ds, func(a, b document) int { return int(min(max(at(a)-at(b), -1), 1)) })
}

func (w *walker) fetch(ctx context.Context, c *Client) ([]document, int, error) {
	for {
		raw, err := c.do(ctx, call{op: w.op, method: http.MethodGet, path: w.path, query: w.request()})
		if err == nil && !isListing(raw) {
			return nil, 0, c.fail(provider.Unavailable, w.op, "the answer is no list") // and no end of one
		}
		if err == nil {
			ds, count := documents(raw)
			return ds, count, nil
		}
		if !tooSlow(err) || w.limit/4 < leastPage {
			return nil, 0, err
		}
		w.limit /= 4
	}
}

func (w *walker) request() query {
	if w.Scan {
		return w.window(w.Since, "createdAt", w.limit, w.Skip)
	}
	return w.window(w.From, "updatedAt", w.limit, w.Skip)
}

func (w *walker) window(from int64, order string, limit, skip int) query {
	q := slices.Clone(w.query)
	if from != 0 {
		q = q.from("updatedAt", time.UnixMilli(from))
	}
	return q.eq("sort", order).num("limit", limit).num("skip", skip)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
