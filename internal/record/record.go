package record

import (
	"slices"
	"time"
)

// ObjectType names what a record is, in the words people use. The set is open: an adapter may offer more.
type ObjectType string

// The object types the ready-made automations know.
const (
	Contact     ObjectType = "contact"
	Ticket      ObjectType = "ticket"
	Note        ObjectType = "note"
	Task        ObjectType = "task"
	Appointment ObjectType = "appointment"
	Business    ObjectType = "business"
	User        ObjectType = "user"
)

// ConnectionID identifies a connection: a person's working link to one provider account.
type ConnectionID string

// Ref points at one record in one connection. Provider ids are opaque; never parse them.
type Ref struct {
	Connection ConnectionID `json:"connection"`
	Type       ObjectType   `json:"type"`
	ID         string       `json:"id"`
}

// IsZero reports whether the reference points at nothing.
func (r Ref) IsZero() bool { return r.ID == "" }

// String is stable and unique per reference; it is the coalescing key of a record.
func (r Ref) String() string { return string(r.Connection) + "/" + string(r.Type) + "/" + r.ID }

// Fields holds values by field key. A key that is missing means the provider did not say, or said empty:
// providers omit empty values (reference/highlevel.md §9.11), so the two cannot be told apart.
type Fields map[string]Value

// Clone copies the map; values are immutable and shared.
func (f Fields) Clone() Fields {
	out := make(Fields, len(f))
	for k, v := range f {
		out[k] = v
	}
	return out
}

// Record is one object of one connection, as last read.
type Record struct {
	Ref       Ref
	Fields    Fields
	Parent    Ref       // zero unless the object lives under another (a note under a contact)
	CreatedAt time.Time // the provider's own; zero when it does not say
	UpdatedAt time.Time // likewise
	Title     string    // how a person would call it in a list
	// TurnsAt is when what the record above borrows of it changes although nobody changes anything: when an appointment
	// begins. Zero: never.
	TurnsAt time.Time
}

// FieldSpec describes one field of an object type.
type FieldSpec struct {
	Key      string   `json:"key"`
	Label    string   `json:"label"`
	Kind     Kind     `json:"kind"`
	Custom   bool     `json:"custom,omitempty"`   // defined by the account, not by the provider
	Required bool     `json:"required,omitempty"` // the provider refuses a create without it
	ReadOnly bool     `json:"readOnly,omitempty"`
	MaxLen   int      `json:"maxLen,omitempty"` // runes; 0 = no known limit
	Options  []string `json:"options,omitempty"`
	Help     string   `json:"help,omitempty"`
	// Further is the field with the other values of this kind the record answers to: further email addresses.
	Further string `json:"further,omitempty"`
}

// Schema describes an object type of a connection: standard and custom fields, in display order.
type Schema struct {
	Type   ObjectType  `json:"type"`
	Label  string      `json:"label"` // "HighLevel contact"
	Fields []FieldSpec `json:"fields"`
}

// Field finds a field by key.
func (s Schema) Field(key string) (FieldSpec, bool) {
	i := slices.IndexFunc(s.Fields, func(f FieldSpec) bool { return f.Key == key })
	if i < 0 {
		return FieldSpec{}, false
	}
	return s.Fields[i], true
}

// LabelOf is what people call a field; its key where it has no name, or is gone.
func (s Schema) LabelOf(key string) string {
	if f, ok := s.Field(key); ok && f.Label != "" {
		return f.Label
	}
	return key
}
