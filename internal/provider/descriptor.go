package provider

import (
	"net/http"
	"slices"
	"time"

	"crosswalk/internal/record"
)

// Descriptor is what the rest of the house may know of a provider without calling it.
type Descriptor struct {
	ID      ID
	Name    string // "HighLevel"
	Objects []Object
	Scopes  []Scope
}

// Object is an object type a provider offers, and how changes to it are noticed.
type Object struct {
	Type    record.ObjectType
	Label   string // "contact"
	Plural  string // "contacts"
	Read    bool
	Write   bool
	Webhook bool // deliveries tell of changes
	Tells   Told // of which
	Poll    bool // must be polled: no webhook is known for it
	Delete  bool // the provider lets us delete it
	// Parent is the object type a record lives under, empty when it stands alone; ParentRequired says that a create
	// without one is refused.
	Parent         record.ObjectType
	ParentRequired bool
	// ByParent: it is listed by its parent only, through Children. A listing of all of them is Unsupported.
	ByParent bool
	// CreateNeedsOneOf lists fields of which a create needs at least one.
	CreateNeedsOneOf []string
	// MatchFields are the fields a Finder can look up without index lag, best first.
	MatchFields []string
	// MatchCustom: a Finder looks up custom fields that hold a text or a number, too, but in an index that lags.
	MatchCustom bool
	// Shown are fields that listings and deliveries hold whenever they are filled. That another is missing there says nothing.
	Shown []string
	// Borrowed are fields it has of records that live under it.
	Borrowed []Borrowed
	// ReadScopes and WriteScopes name the scopes that reading and writing it take; empty where there are none.
	ReadScopes, WriteScopes []string
}

// Lookup says what a Finder's answer about a field is worth.
type Lookup uint8

// The lookups. Whom a Finder names has the value, either way; that it names nobody proves there is nobody only Surely.
const (
	NoLookup Lookup = iota
	Likely
	Surely
)

// Lookup tells how far records can be looked up by a field.
func (o Object) Lookup(f record.FieldSpec) Lookup {
	switch {
	case slices.Contains(o.MatchFields, f.Key):
		return Surely
	case o.MatchCustom && f.Custom && !f.ReadOnly && f.Kind.Identifies():
		return Likely
	}
	return NoLookup
}

// Told says which changes of an object deliveries tell of: the others may happen without one.
type Told struct {
	Created, Updated, Deleted bool
	// Turning is the field whose turning true is the only update that is told of; empty where Updated says it all.
	Turning string
	// ByHand: deliveries are set up by a person at the provider, for a key as well; else they are the app's.
	ByHand bool
}

// Borrowed are read-only fields of an object that tell of records of another type, which live under the one that has the
// fields. Reading them takes calls of its own, so they are read only where somebody wants them (WithWanted), and they
// change when one of those records does, or when its time comes (record.Record.TurnsAt).
type Borrowed struct {
	From   record.ObjectType
	Fields []string
}

// Borrows are the object types that some of its fields are borrowed from.
func (o Object) Borrows(fields []string) []record.ObjectType {
	var from []record.ObjectType
	for _, b := range o.Borrowed {
		if !slices.Contains(from, b.From) && slices.ContainsFunc(b.Fields, func(f string) bool { return slices.Contains(fields, f) }) {
			from = append(from, b.From)
		}
	}
	return from
}

// BorrowedFields are all of its fields that are borrowed.
func (o Object) BorrowedFields() []string {
	var all []string
	for _, b := range o.Borrowed {
		all = append(all, b.Fields...)
	}
	return all
}

// Scope is a permission we ask for, and why, in words for the person who grants it.
type Scope struct {
	Name, Why string
}

// Object finds an object by type.
func (d Descriptor) Object(t record.ObjectType) (Object, bool) {
	for _, o := range d.Objects {
		if o.Type == t {
			return o, true
		}
	}
	return Object{}, false
}

// Change says what a notice tells of a record.
type Change string

// The changes.
const (
	Created   Change = "created"
	Updated   Change = "updated"
	Deleted   Change = "deleted"
	Installed Change = "installed" // our app was granted access
	Removed   Change = "removed"   // the grant ended
	Touched   Change = "touched"   // what it borrows changed: a record that lives under it did, or its time came
	Ignored   Change = "ignored"   // a delivery about something we do not carry
)

// Notice is what a delivery says, provider's shape removed: a hint that a record may have changed.
type Notice struct {
	Account    string // the provider's account id: location or project
	Company    string
	AppID      string // the app a delivery was meant for, when it says
	Type       record.ObjectType
	ID         string
	Parent     string // the id of the record it lives under, where the delivery tells
	Change     Change
	Name       string // the provider's own event name
	DedupeKey  string // same delivery, same key
	OccurredAt time.Time
}

// Webhooks verifies and reads deliveries of one provider.
type Webhooks interface {
	// Verify proves the sender over the raw body; nil only when proven. Errors are Unauthorized.
	Verify(h http.Header, body []byte) error
	// Read understands the body; a malformed one is Invalid. An unknown event is Ignored, not an error.
	Read(body []byte) (Notice, error)
	// Keep is the body as it may be stored: without the secrets the provider put into it.
	Keep(body []byte) []byte
}
