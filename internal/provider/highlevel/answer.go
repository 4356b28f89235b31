package highlevel

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/record"
)

// raw is a JSON object of HighLevel's. It is read leniently, field by field: types differ between endpoints and
// versions (§4.1, §4.3), and one odd field must not cost the whole record.
type raw map[string]any

func (r raw) text(key string) string {
	switch x := r[key].(type) {
	case string:
		return x
	case float64:
		return record.NumberOf(x).String()
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}

func (r raw) object(key string) raw {
	m, _ := r[key].(map[string]any)
	return m
}

func (r raw) objects(key string) []raw {
	list, _ := r[key].([]any)
	out := make([]raw, 0, len(list))
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// texts reads a list of strings; members that are objects count by the given key.
func (r raw) texts(key, member string) []string {
	list, _ := r[key].([]any)
	var out []string
	for _, e := range list {
		s, ok := e.(string)
		if m, isObject := e.(map[string]any); isObject {
			s, ok = m[member].(string)
		}
		if ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (r raw) flag(key string) record.Value {
	switch x := r[key].(type) {
	case bool:
		return record.BoolOf(x)
	case string:
		if b, err := strconv.ParseBool(x); err == nil {
			return record.BoolOf(b)
		}
	}
	return record.Value{}
}

func (r raw) time(key string) time.Time { return instant(r[key]) }

// instant reads a time as text with or without a zone, or as epoch milliseconds; zero when it is neither.
func instant(v any) time.Time {
	switch x := v.(type) {
	case float64:
		if x != 0 && math.Abs(x) < 1e15 {
			return time.UnixMilli(int64(x)).UTC()
		}
	case string:
		x = strings.TrimSpace(x)
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
			if t, err := time.Parse(layout, x); err == nil {
				return t.UTC()
			}
		}
		if ms, err := strconv.ParseInt(x, 10, 64); err == nil && len(x) >= 11 {
			return instant(float64(ms))
		}
	}
	return time.Time{}
}

// day reads a calendar day, which HighLevel gives as text, full timestamp or epoch (§4.1, §4.3, §4.7).
func day(v any) record.Value {
	if t := instant(v); !t.IsZero() {
		return record.TextOf(t.Format(time.DateOnly))
	}
	s, _ := v.(string)
	return record.TextOf(s)
}

// decode reads one object; anything else is an empty one.
func decode(b json.RawMessage) raw {
	var r raw
	if json.Unmarshal(b, &r) != nil {
		return nil
	}
	return r
}
