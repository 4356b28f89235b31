package provider

import (
	"context"
	"iter"
	"time"

	"crosswalk/internal/record"
)

// ID names a provider, e.g. "gleap".
type ID string

// Client is one authorised account at one provider.
// It is safe for concurrent use; every method honours ctx; every error is an *Error.
type Client interface {
	// Describe lists standard and custom fields. It may be cached for a minute.
	Describe(ctx context.Context, t record.ObjectType) (record.Schema, error)
	// Get reads one record as it is now; a missing one is NotFound, WithParent where it went along with the record it
	// lived under.
	Get(ctx context.Context, ref record.Ref) (record.Record, error)
	// List yields pages and stops at the first error. Resuming from Page.Next
	// visits every record that existed throughout, at least once.
	List(ctx context.Context, q Query) iter.Seq2[Page, error]
	// Create writes a new record and returns it as the provider answered (read-back).
	// A duplicate refused by the provider is Duplicate with Error.Existing set.
	Create(ctx context.Context, w Write) (record.Record, error)
	// Update writes only the fields given and returns the record as the provider answered.
	Update(ctx context.Context, ref record.Ref, w Write) (record.Record, error)
}

// Finder is implemented where records can be looked up by a match key. Of a field that Object.Lookup calls Surely
// there is no index lag, so that "none" may be trusted enough to create.
type Finder interface {
	// Find returns every record whose field equals the value under the field kind's normalisation, each as it is now.
	// Unsupported: it cannot be told.
	Find(ctx context.Context, t record.ObjectType, field string, value record.Value) ([]record.Record, error)
}

// Deleter is implemented where the provider lets us delete.
type Deleter interface {
	Delete(ctx context.Context, ref record.Ref) error
}

// Children is implemented where records that live under another can be listed by their parent without index lag: it is
// how a create that was never answered is looked up before anything is repeated.
type Children interface {
	// Children lists every record of type t under parent, as it is now. A parent that is gone is NotFound.
	Children(ctx context.Context, t record.ObjectType, parent record.Ref) ([]record.Record, error)
}

// Carrier is implemented where a delivery may hold the record it tells of, as it was when it was sent.
type Carrier interface {
	// Carried reads a record out of a delivery's body. Whatever the body leaves out is missing, which does not say that
	// it is empty. !ok: the body does not hold the record.
	Carried(ctx context.Context, ref record.Ref, body []byte) (r record.Record, ok bool, err error)
}

// Checker proves that a credential works and tells whose account it is.
type Checker interface {
	Check(ctx context.Context) (Account, error)
}

// Prober is implemented where each permission of a credential can be tried out by a call that changes nothing.
type Prober interface {
	Probes() []Probe
}

// Probe tries one permission out.
type Probe struct {
	Scope string // the scope it proves; empty where the provider has none
	Does  string // what is tried, in words: "Read contacts"
	// Try answers nil when the permission is there, Forbidden when it is not; any other error tells nothing of it.
	Try func(ctx context.Context) error
}

// Account is who a credential speaks for. Zone is an IANA name, Country ISO 3166-1 alpha-2; both may be empty.
type Account struct {
	ID, Name, CompanyID, Zone, Country string
	// Host is where the account is, if that is no server of the provider's own: there anybody may call an account
	// anything, so the same ID somewhere else is another account.
	Host string
}

// Key tells the accounts of one provider apart.
func (a Account) Key() string {
	if a.Host == "" || a.ID == "" {
		return a.ID
	}
	return a.ID + "@" + a.Host
}

// Query asks for a listing.
type Query struct {
	Type record.ObjectType
	// ChangedSince limits to records changed at or after it, or whose time came since, where the provider can; a client
	// that cannot returns more. A record is changed by what it borrows, too, where that is wanted. Zero: all.
	ChangedSince time.Time
	// Search is free text for choosing a record by hand. Empty: no filter.
	Search string
	// Cursor resumes from an earlier Page.Next.
	Cursor string
	// PageSize is a wish; 0 leaves it to the client.
	PageSize int
}

// Page is one page of a listing. Next is empty on the last.
type Page struct {
	Records []record.Record
	Next    string
	Total   int // 0 = unknown
}

// Write is what to write. Fields are set; Add and Remove change sets by element and never overwrite them.
type Write struct {
	Type   record.ObjectType
	Parent record.Ref // zero unless the object lives under another
	Fields record.Fields
	Add    map[string][]string
	Remove map[string][]string
}

// IsEmpty reports that there is nothing to write.
func (w Write) IsEmpty() bool { return len(w.Fields) == 0 && len(w.Add) == 0 && len(w.Remove) == 0 }
