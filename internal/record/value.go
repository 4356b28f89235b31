package record

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// Kind is what a field holds; it decides how values are normalised, compared and coerced.
type Kind string

// The kinds. Unknown provider types are Text.
const (
	Text     Kind = "text"
	LongText Kind = "long_text"
	Email    Kind = "email"
	Phone    Kind = "phone"
	Number   Kind = "number"
	Bool     Kind = "bool"
	Date     Kind = "date"      // a calendar day, no zone
	DateTime Kind = "date_time" // an instant
	Set      Kind = "set"       // unordered labels, e.g. tags: added and removed, never overwritten
	Choice   Kind = "choice"    // one of Options
	URL      Kind = "url"
)

type form uint8

const (
	empty form = iota
	text
	number
	boolean
	instant
	list
)

// Value is one immutable field value: empty, text, number, yes/no, instant or list of texts.
// The zero Value is empty.
//
// Whole populations of them are held in memory and every plan copies them, so one takes three words: bits is the length
// of a text, the number itself, 0 or 1, or Unix milliseconds, and what points to the bytes of the text or to the list.
type Value struct {
	_    [0]func() // not comparable with ==: two lists would not be the same
	what unsafe.Pointer
	bits uint64
	form form
}

func (v Value) num() float64 { return math.Float64frombits(v.bits) }

func (v Value) text() string {
	if v.form != text {
		return ""
	}
	return unsafe.String((*byte)(v.what), int(v.bits)) // #nosec G103 G115 -- made by TextOf of a string of that length
}

func (v Value) labels() []string {
	if v.form != list {
		return nil
	}
	return *(*[]string)(v.what)
}

func withNumber(f form, n float64) Value { return Value{form: f, bits: math.Float64bits(n)} }

// TextOf makes a text; the empty string is the empty value, since providers do not tell them apart.
func TextOf(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{form: text, what: unsafe.Pointer(unsafe.StringData(s)), bits: uint64(len(s))} // #nosec G103 -- strings never change
}

// NumberOf makes a number. Not-a-number and infinities become empty: no provider can carry them.
func NumberOf(n float64) Value {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return Value{}
	}
	return withNumber(number, n)
}

// BoolOf makes a yes/no.
func BoolOf(b bool) Value {
	if b {
		return withNumber(boolean, 1)
	}
	return Value{form: boolean}
}

// TimeOf makes an instant, kept to the millisecond as both providers do. A time before year 1 or after 9999
// becomes empty: no provider can carry it.
func TimeOf(t time.Time) Value {
	if !carried(t.UTC()) {
		return Value{}
	}
	return withNumber(instant, float64(t.UnixMilli()))
}

// ListOf makes a list; an empty list is the empty value. The slice is not copied.
func ListOf(items []string) Value {
	if len(items) == 0 {
		return Value{}
	}
	return Value{form: list, what: unsafe.Pointer(&items)} // #nosec G103 -- read back as what it is by labels
}

// IsEmpty reports whether there is no value.
func (v Value) IsEmpty() bool { return v.form == empty }

// AsText is the text, when it is one.
func (v Value) AsText() (string, bool) { return v.text(), v.form == text }

// AsNumber is the number, when it is one.
func (v Value) AsNumber() (float64, bool) { return v.num(), v.form == number }

// AsBool is the yes/no, when it is one.
func (v Value) AsBool() (bool, bool) { return v.num() != 0, v.form == boolean }

// AsTime is the instant in UTC, when it is one.
func (v Value) AsTime() (time.Time, bool) {
	return time.UnixMilli(int64(v.num())).UTC(), v.form == instant
}

// AsList is the list, when it is one. Do not change it.
func (v Value) AsList() ([]string, bool) { return v.labels(), v.form == list }

// String shows the value to a person; empty for the empty value.
func (v Value) String() string {
	switch v.form {
	case text:
		return v.text()
	case number:
		return strconv.FormatFloat(v.num(), 'f', -1, 64)
	case boolean:
		if v.num() != 0 {
			return "yes"
		}
		return "no"
	case instant:
		return time.UnixMilli(int64(v.num())).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	case list:
		return strings.Join(v.labels(), ", ")
	}
	return ""
}

// Equal reports whether two values are exactly the same, as cmp and tests want it.
// To compare what a person means, use Same with the field's kind.
func (v Value) Equal(o Value) bool {
	if v.form != o.form {
		return false
	}
	switch v.form {
	case text:
		return v.text() == o.text()
	case list:
		return slices.Equal(v.labels(), o.labels())
	}
	return v.num() == o.num()
}

type wire struct {
	Time *time.Time `json:"time,omitempty"`
}

// MarshalJSON writes text, number, bool, array or null; an instant as {"time": …} so that it reads back as one.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.form {
	case text:
		return json.Marshal(v.text())
	case number:
		return json.Marshal(v.num())
	case boolean:
		return json.Marshal(v.num() != 0)
	case instant:
		t := time.UnixMilli(int64(v.num())).UTC()
		return json.Marshal(wire{Time: &t})
	case list:
		return json.Marshal(v.labels())
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(b []byte) error {
	var raw any
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if m, ok := raw.(map[string]any); ok {
		var w wire
		if err := json.Unmarshal(b, &w); err != nil {
			return err
		}
		if w.Time == nil {
			return fmt.Errorf("decode value: an object with keys %v is not a value", keysOf(m))
		}
		*v = TimeOf(*w.Time)
		return nil
	}
	*v = FromJSON(raw)
	return nil
}

// FromJSON turns decoded JSON of a provider into a value; nested objects become their JSON text,
// so that nothing a provider sends is lost or panics.
func FromJSON(raw any) Value {
	switch x := raw.(type) {
	case nil:
		return Value{}
	case string:
		return TextOf(x)
	case float64:
		return NumberOf(x)
	case json.Number:
		if f, err := x.Float64(); err == nil {
			return NumberOf(f)
		}
		return TextOf(x.String())
	case bool:
		return BoolOf(x)
	case []any:
		items := make([]string, 0, len(x))
		for _, e := range x {
			if s := FromJSON(e).String(); s != "" {
				items = append(items, s)
			}
		}
		return ListOf(items)
	}
	b, err := json.Marshal(raw)
	if err != nil {
		return Value{}
	}
	return TextOf(string(b))
}

func keysOf(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
