package provider

import (
	"net/http"
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
	// MatchFields are the fields a Finder can look up, best first.
	MatchFields []string
	// ReadScopes and WriteScopes name the scopes that reading and writing it take; empty where there are none.
	ReadScopes, WriteScopes []string
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
	Ignored   Change = "ignored"   // a delivery about something we do not carry
)

// Notice is what a delivery says, provider's shape removed: a hint that a record may have changed.
type Notice struct {
	Account    string // the provider's account id: location or project
	Company    string
	AppID      string // the app a delivery was meant for, when it says
	Type       record.ObjectType
	ID         string
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
