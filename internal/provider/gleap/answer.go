package gleap

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/record"
)

// document is one object as Gleap sent it. Every reader below answers "nothing" for a shape it does not expect, since
// the official file types almost every answer as "any".
type document map[string]any

// id is under "id" or "_id"; samples show both, live clients rely on the first (reference/gleap.md §2).
func (d document) id() string {
	for _, key := range []string{"id", "_id"} {
		if id := idOf(d[key]); id != "" {
			return id
		}
	}
	return ""
}

// idOf reads an id where Gleap sends either the id or the object it stands for. A blank one names nothing.
func idOf(raw any) string {
	switch x := raw.(type) {
	case string:
		if strings.TrimSpace(x) == "" {
			return ""
		}
		return x
	case map[string]any:
		for _, key := range []string{"$oid", "id", "_id"} {
			if id, ok := x[key].(string); ok && strings.TrimSpace(id) != "" {
				return id
			}
		}
	}
	return ""
}

func (d document) text(key string) string {
	s, _ := d[key].(string)
	return s
}

func (d document) object(key string) document {
	m, _ := d[key].(map[string]any)
	return m
}

func (d document) time(key string) time.Time {
	s, _ := d[key].(string)
	t, _ := parseTime(s)
	return t
}

func (d document) strings(key string) []string {
	items, _ := d[key].([]any)
	var out []string
	for _, item := range items {
		if s, ok := item.(string); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

// at walks a dotted path of keys.
func (d document) at(path string) any {
	head, rest, nested := strings.Cut(path, ".")
	if !nested {
		return d[head]
	}
	return d.object(head).at(rest)
}

func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// value reads a raw JSON value as kind wants it. A plain value of another shape is kept as what it is rather than lost.
func value(raw any, kind record.Kind) record.Value {
	v := record.FromJSON(raw)
	s, isText := v.AsText()
	switch kind {
	case record.Date, record.DateTime:
		if isText {
			if t, ok := parseTime(s); ok {
				return record.TimeOf(t)
			}
		}
	case record.Set:
		if isText {
			return record.ListOf([]string{s})
		}
	case record.Text, record.LongText, record.Email, record.Phone, record.URL, record.Choice:
		switch raw.(type) {
		case map[string]any, []any:
			// A standard field holding an object stands for its id. The rest of it may hold secrets, as an expanded
			// session does (reference/gleap.md §7).
			return record.TextOf(idOf(raw))
		}
		if b, is := v.AsBool(); is {
			return record.TextOf(strconv.FormatBool(b))
		}
		return record.TextOf(v.String())
	}
	return v
}

// isListing reports that an answer is a list, however short. An error page of a proxy is none.
func isListing(raw json.RawMessage) bool {
	var top any
	return json.Unmarshal(raw, &top) == nil && listOf(top) != nil
}

// documents reads a listing and how many items it held, readable or not. Lists are bare arrays except tickets and
// paginated messages (reference/gleap.md §4); the envelope's name is not worth failing over.
func documents(raw json.RawMessage) ([]document, int) {
	var top any
	if json.Unmarshal(raw, &top) != nil {
		return nil, 0
	}
	items := listOf(top)
	out := make([]document, 0, len(items))
	for _, item := range items {
		if m, ok := item.(map[string]any); ok && document(m).id() != "" {
			out = append(out, m)
		}
	}
	return out, len(items)
}

func listOf(top any) []any {
	switch x := top.(type) {
	case []any:
		return x
	case map[string]any:
		for _, key := range []string{"tickets", "sessions", "items", "messages", "users", "data", "hits", "results"} {
			if items, ok := x[key].([]any); ok {
				return items
			}
		}
	}
	return nil
}

// single reads one object, bare or wrapped in the name of its type.
func single(raw json.RawMessage) document {
	var d document
	if json.Unmarshal(raw, &d) != nil {
		return nil
	}
	if d.id() != "" {
		return d
	}
	for _, key := range []string{"session", "ticket", "message", "user", "data"} {
		if inner := d.object(key); inner.id() != "" {
			return inner
		}
	}
	return nil
}
