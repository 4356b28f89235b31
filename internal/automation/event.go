package automation

import (
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// EventKind says how we came to look.
type EventKind string

// The kinds of event.
const (
	Webhook  EventKind = "webhook"
	Poll     EventKind = "poll"
	Manual   EventKind = "manual"
	TestSend EventKind = "test"
	Backfill EventKind = "backfill"
	Undo     EventKind = "undo"
	Heal     EventKind = "heal"     // a drift audit found that the sides do not agree
	Decided  EventKind = "decided"  // a person answered a review
	Neighbor EventKind = "neighbor" // the other side of the link told of a change
	Replay   EventKind = "replay"   // somebody had a delivery looked at again
	Below    EventKind = "below"    // what the record borrows changed: another that lives under it did, or its time came
)

// Event is one durable, de-duplicated fact: a record may have changed. It carries no content on purpose:
// the engine reads the record as it is now.
type Event struct {
	ID         string // "ev_…"
	Kind       EventKind
	Ref        record.Ref
	Change     provider.Change
	Name       string // the provider's event name, or empty
	DedupeKey  string // unique within the connection
	ReceivedAt time.Time
	OccurredAt time.Time // the provider's, zero when unknown
}
