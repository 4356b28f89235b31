// Package deliveryui shows the webhooks that arrived: what they told of, what became of them, and what was sent.
package deliveryui

import "crosswalk/web/ui"

// List is /deliveries. Filters are GET connection, verdict, q, before.
type List struct {
	Items       []Item
	Connections []ui.Option
	Verdicts    []ui.Option
	Connection  string
	Verdict     string
	Query       string
	Refused     []Refused
	KeptFor     string // "30 days"
	Pages       ui.Pages
}

func (l List) filtered() bool { return l.Connection != "" || l.Verdict != "" || l.Query != "" }

// Item is one delivery.
type Item struct {
	ID, Href   string
	At         ui.Moment
	Side       ui.Side
	Account    string
	Type       string // the provider's own name of the event
	Record     string // the record's id, or empty
	RecordHref string
	Verdict    Verdict
	Repeats    string // "came 2 more times"
}

// Verdict is what became of a delivery, as a tag and in words.
type Verdict struct {
	Tone       ui.Tone
	Word, Text string
}

// Refused counts what was turned away for one reason.
type Refused struct {
	Side    ui.Side
	Account string // empty when it could not be told
	Reason  string // "The signature does not fit"
	Next    string // what to do about it
	Count   int
	At      ui.Moment
}

// View is /deliveries/:id. Replaying is POST /deliveries/:id/replay.
type View struct {
	Item
	Facts      []Fact
	CanReplay  bool
	ReplayNote string // what replaying does, or why it cannot be done
	Body       string // pretty-printed; empty with BodyNote saying why
	BodyNote   string
}

// Fact is one line about a delivery.
type Fact struct{ Name, Value string }
