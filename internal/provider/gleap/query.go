package gleap

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// query is a query string in the order it was built. Gleap writes range operators inside the key without an equals
// sign ("updatedAt>=2026-…"), which url.Values would turn into a failing cast (reference/gleap.md §4).
type query []string

func (q query) eq(key, value string) query {
	return append(q, url.QueryEscape(key)+"="+url.QueryEscape(value))
}

func (q query) num(key string, n int) query { return q.eq(key, strconv.Itoa(n)) }

func (q query) from(key string, t time.Time) query {
	return append(q, url.QueryEscape(key)+">="+url.QueryEscape(stamp(t)))
}

func (q query) String() string { return strings.Join(q, "&") }

// stamp is the only date form the documentation shows: ISO 8601, UTC, milliseconds (reference/gleap.md §4).
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
