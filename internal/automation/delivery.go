package automation

import "time"

// Delivery is a verified webhook as it arrived, kept for the log and replays.
type Delivery struct {
	Event Event
	// Body is what the sender sent, without the secrets it put into it; sealed wherever it is stored.
	Body []byte
	Size int // of the body as it arrived, in bytes
	// Verdict is what became of it.
	Verdict Verdict
	// Repeats is how often the same delivery came again, and RepeatedAt when it last did.
	Repeats    int
	RepeatedAt time.Time
}

// DeliveryPlace is what the sealed body of a delivery is bound to, so that it opens in its own row only.
func DeliveryPlace(event string) string { return "delivery/" + event }

// Verdict says what became of a delivery.
type Verdict string

// The verdicts. A delivery that comes again keeps its own and is counted; one that is refused is no Delivery but a
// Refusal, for nobody has proven whose it is.
const (
	Accepted  Verdict = "accepted"  // a record may have changed
	Unknown   Verdict = "unknown"   // a type of event nobody here carries
	Unwatched Verdict = "unwatched" // no automation cares about it
)

// Refusal counts deliveries that were refused within an hour for one reason.
type Refusal struct {
	Provider   string
	Connection string // empty when it could not be told whose it was
	Reason     RefusalReason
	Hour       time.Time
	Count      int
	LastAt     time.Time
}

// RefusalReason says why a delivery was refused. There are few, so that counting them is bounded whatever arrives.
type RefusalReason string

// The reasons.
const (
	BadSignature RefusalReason = "signature"
	BadSecret    RefusalReason = "secret"
	TooLarge     RefusalReason = "too_large"
	Encoded      RefusalReason = "encoded" // compressed, which no provider does
	CutOff       RefusalReason = "cut_off" // the body ended early
	Malformed    RefusalReason = "malformed"
	NotInstalled RefusalReason = "not_installed" // about an account that is not connected
	OtherApp     RefusalReason = "other_app"
	OtherAccount RefusalReason = "other_account"
	TooBusy      RefusalReason = "busy"       // more arrived at once than is taken in
	NotStored    RefusalReason = "not_stored" // the database did not take it
	NotLookedUp  RefusalReason = "not_looked_up"
)
