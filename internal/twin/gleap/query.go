package gleap

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listQuery is a parsed list request: reference §4.
type listQuery struct {
	conditions []condition
	sort       string
	keys       []sortKey
	limit      int
	skip       int
	flags      map[string]string // parameters that are no properties
}

type condition struct {
	name   string
	op     string // "", "!=", ">", ">=", "<" or "<="
	values []string
	date   bool
}

type sortKey struct {
	name string
	desc bool
}

// dates are the properties that the database casts to a date.
var dates = map[string]bool{
	"createdAt": true, "updatedAt": true, "firstActivity": true, "lastActivity": true, "lastHeardFrom": true,
	"lastFeedbackReport": true, "unsubscribedAt": true, "dueDate": true, "snoozedUntil": true, "archivedAt": true,
	"queuedAt": true, "firstAssignmentAt": true, "lastNotification": true, "lastResponse.contact": true, "lastResponse.admin": true,
}

// fragment splits a query fragment as the documented operators need: the
// operator stands inside the key, without another equals sign (§4).
var fragment = regexp.MustCompile(`^([^><!=]+)(>=|<=|!=|>|<|=|)(.*)$`)

// parseList reads a raw query. It works on the raw text because the first "="
// of createdAt>=2025-… belongs to the operator. The same rule explains the
// trap of §4: createdAt%3E%3D=2025-… reads as "createdAt>==2025-…", whose value
// "=2025-…" is no date.
func parseList(raw string, maxLimit int, flags ...string) (listQuery, answer, bool) {
	q := listQuery{limit: maxLimit, flags: map[string]string{}}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, has := strings.Cut(part, "=")
		key, err1 := url.QueryUnescape(key)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return q, plain(http.StatusBadRequest, "URI malformed"), false
		}
		joined := key
		if has {
			joined += "=" + value
		}
		m := fragment.FindStringSubmatch(joined)
		if m == nil {
			continue
		}
		name, op, value := strings.TrimSuffix(m[1], "[]"), m[2], m[3]
		switch {
		case name == "limit":
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				q.limit = min(n, maxLimit)
			}
		case name == "skip":
			if n, err := strconv.Atoi(value); err == nil {
				q.skip = max(n, 0)
			}
		case name == "sort":
			q.sort = value
			for field := range strings.SplitSeq(value, ",") {
				bare := strings.TrimPrefix(field, "-")
				q.keys = append(q.keys, sortKey{strings.TrimPrefix(bare, "+"), bare != field})
			}
		case name == "filter" || name == "fields" || name == "page":
			// The dashboard sends filter={} (§4); nothing is known to depend on it.
		case slices.Contains(flags, name):
			q.flags[name] = value
		default:
			c := condition{name: name, op: op, values: []string{value}, date: dates[name]}
			if op == "=" {
				c.op = ""
			}
			if c.op == "" || c.op == "!=" {
				c.values = strings.Split(value, ",") // a comma means OR: §4
			}
			if c.date {
				for i, v := range c.values {
					at, ok := castDate(v)
					if !ok {
						return q, plain(http.StatusBadRequest,
							fmt.Sprintf("Cast to date failed for value %q (type string) at path %q", v, name)), false
					}
					c.values[i] = at
				}
			}
			q.conditions = append(q.conditions, c)
		}
	}
	return q, answer{}, true
}

// castDate reads what JavaScript's Date reads of the usual spellings.
func castDate(s string) (string, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return stamp(at), true
		}
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return stamp(time.UnixMilli(ms)), true
	}
	return "", false
}

// drop forgets the conditions on a property.
func (q *listQuery) drop(name string) {
	q.conditions = slices.DeleteFunc(q.conditions, func(c condition) bool { return c.name == name })
}

func (q *listQuery) matches(doc object) bool {
	for i := range q.conditions {
		if !q.conditions[i].matches(doc) {
			return false
		}
	}
	return true
}

// matches compares text exactly, case included. That email filters do so too
// is our reading: §19.2.
func (c *condition) matches(doc object) bool {
	name := c.name
	if name == "id" {
		name = "_id"
	}
	v, has := lookup(doc, name)
	switch c.op {
	case "", "!=":
		hit := false
		for _, want := range c.values {
			hit = hit || has && equals(v, want)
		}
		return hit == (c.op == "")
	}
	if !has {
		return false
	}
	order, comparable := compareText(v, c.values[0])
	if !comparable {
		return false
	}
	switch c.op {
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	default:
		return order <= 0
	}
}

// equals compares a property with a query value; a list matches when one of
// its members does, as in Mongo.
func equals(v any, want string) bool {
	if l, ok := v.([]any); ok {
		return slices.ContainsFunc(l, func(m any) bool { return equals(m, want) })
	}
	order, ok := compareText(v, want)
	return ok && order == 0
}

func compareText(v any, want string) (order int, ok bool) {
	switch v := v.(type) {
	case string:
		return cmp.Compare(v, want), true
	case float64:
		f, err := strconv.ParseFloat(want, 64)
		return cmp.Compare(v, f), err == nil
	case bool:
		if want != "true" && want != "false" {
			return 0, false
		}
		if v == (want == "true") {
			return 0, true
		}
		return 1, true
	}
	return 0, false
}

// find walks over the matching documents in the order that was asked for.
func (c *collection) find(q *listQuery) iter.Seq[object] {
	return func(yield func(object) bool) {
		for _, cond := range q.conditions {
			if cond.op != "" || len(cond.values) != 1 || c.indexes[cond.name] == nil || cond.values[0] == "" {
				continue
			}
			found := c.by(cond.name, cond.values[0])
			slices.SortStableFunc(found, func(a, b object) int { return compareBy(q.keys, a, b) })
			for _, doc := range found {
				if q.matches(doc) && !yield(doc) {
					return
				}
			}
			return
		}
		entries := c.ordered(q)
		if cond := q.from(); cond != nil {
			// A client that pages by when things changed begins further on every time.
			n, _ := slices.BinarySearchFunc(entries, true, func(e *entry, _ bool) int {
				if cond.matches(e.doc) {
					return 0
				}
				return -1
			})
			entries = entries[n:]
		}
		for _, e := range entries {
			if !e.gone && q.matches(e.doc) && !yield(e.doc) {
				return
			}
		}
	}
}

// from is the condition that says where in the order the answer begins; nil: at the beginning.
func (q *listQuery) from() *condition {
	if len(q.keys) == 0 || q.keys[0].desc {
		return nil
	}
	for i, c := range q.conditions {
		if c.name == q.keys[0].name && c.date && (c.op == ">=" || c.op == ">") {
			return &q.conditions[i]
		}
	}
	return nil
}

// resortAbove is how many changed documents make a fresh sort the cheaper way.
const resortAbove = 1000

// ordered keeps the last sort, since a client that pages or polls asks for the
// same one many times, and moves only what has changed since.
func (c *collection) ordered(q *listQuery) []*entry {
	if len(q.keys) == 0 {
		return c.order
	}
	if c.sorted == nil || c.sortedBy != q.sort || len(c.moved) > resortAbove {
		c.sorted, c.sortedBy = sortEntries(c.order, q.keys), q.sort
	} else if len(c.moved) > 0 {
		c.sorted = resort(c.sorted, c.moved, q.keys)
	}
	for _, e := range c.moved {
		e.moved = false
	}
	c.moved = nil
	return c.sorted
}

func resort(sorted, moved []*entry, keys []sortKey) []*entry {
	order := func(a, b *entry) int { return cmp.Or(compareBy(keys, a.doc, b.doc), cmp.Compare(a.pos, b.pos)) }
	kept := slices.DeleteFunc(sorted, func(e *entry) bool { return e.moved || e.gone })
	moved = slices.DeleteFunc(slices.Clone(moved), func(e *entry) bool { return e.gone })
	slices.SortFunc(moved, order)
	out := make([]*entry, 0, len(kept)+len(moved))
	for _, e := range moved {
		i, _ := slices.BinarySearchFunc(kept, e, order)
		out = append(append(out, kept[:i]...), e)
		kept = kept[i:]
	}
	return append(out, kept...)
}

// sortEntries looks every key up once, which is what a sort costs most.
func sortEntries(entries []*entry, keys []sortKey) []*entry {
	type keyed struct {
		e      *entry
		values []any
	}
	rows := make([]keyed, 0, len(entries))
	for _, e := range entries {
		if e.gone {
			continue
		}
		values := make([]any, len(keys))
		for i, k := range keys {
			values[i], _ = lookup(e.doc, k.name)
		}
		rows = append(rows, keyed{e, values})
	}
	slices.SortStableFunc(rows, func(a, b keyed) int {
		for i, k := range keys {
			if order := compareValues(a.values[i], b.values[i]); order != 0 {
				if k.desc {
					return -order
				}
				return order
			}
		}
		return 0
	})
	out := make([]*entry, len(rows))
	for i, row := range rows {
		out[i] = row.e
	}
	return out
}

func compareBy(keys []sortKey, a, b object) int {
	for _, k := range keys {
		x, _ := lookup(a, k.name)
		y, _ := lookup(b, k.name)
		order := compareValues(x, y)
		if k.desc {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// compareValues puts what is missing first, then numbers, then text, as Mongo.
func compareValues(a, b any) int {
	if r := cmp.Compare(rank(a), rank(b)); r != 0 {
		return r
	}
	switch x := a.(type) {
	case float64:
		return cmp.Compare(x, b.(float64))
	case string:
		return cmp.Compare(x, b.(string))
	case bool:
		switch {
		case x == b.(bool):
			return 0
		case x:
			return 1
		}
		return -1
	}
	return 0
}

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case float64:
		return 1
	case string:
		return 2
	case bool:
		return 4
	}
	return 3
}

// window is the page of the matching documents.
func (c *collection) window(q *listQuery) []object {
	out := make([]object, 0, min(q.limit, 64))
	skipped := 0
	for doc := range c.find(q) {
		if skipped < q.skip {
			skipped++
			continue
		}
		if len(out) == q.limit {
			break
		}
		out = append(out, doc)
	}
	return out
}
