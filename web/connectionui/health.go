package connectionui

import (
	"fmt"
	"slices"
	"strconv"

	"crosswalk/web/ui"
)

// HealthView is /connections/{ID}: everything known about one account. Forms: POST /connections/{ID}/test, and
// /connections/{ID}/disconnect.
type HealthView struct {
	Connection
	Sentence string // how it stands, in one
	Tone     ui.Tone
	// DownSince is when it began to need a person; the zero one while it works, and where that is not known.
	DownSince ui.Moment
	// Waiting is how many records' work waits for the account; Due how many are due or being worked on.
	Waiting, Due int
	// Draining lets the page follow the work that goes on after a reconnect.
	Draining bool
	Users    []User
	Needs    []Need
	// Missing lists the scopes some automation needs and nobody granted; with Consent they can be asked for again.
	Missing int
	Consent bool
	Untold  bool // the provider does not tell what was granted
	Calls   *Calls
	Heard   []Fact // last delivery, last poll of each object
	Missed  string // what no webhook told of; empty when nothing was missed, or nothing was compared
	Faults  []Fault
	Probes  []Probe // of a test that was just made
	Refused int     // how many of them were
}

// traced reports whether the provider gave any of the failed calls an id.
func (v HealthView) traced() bool {
	return slices.ContainsFunc(v.Faults, func(f Fault) bool { return f.TraceID != "" })
}

// User is an automation that uses the account.
type User struct{ Name, Href, State string }

// Need is a scope, whether it was granted, and who needs it.
type Need struct {
	Scope
	By     []string // automations, by name; empty: nobody yet
	Untold bool     // whether it was granted is not known
}

func (n Need) tone() ui.Tone {
	switch {
	case n.Granted:
		return ui.Good
	case len(n.By) > 0 && !n.Untold:
		return ui.Stop
	}
	return ui.Neutral
}

func (n Need) word() string {
	switch {
	case n.Granted:
		return "granted"
	case n.Untold:
		return "not told"
	}
	return "not granted"
}

// Calls is how the account's call limit is used.
type Calls struct {
	Now, Today *Quota // of the present interval, and of the day; nil where no limit is known
	Forecast   string // "At this pace about 12,400 calls today, 6 % of the limit."
	Warn       bool   // the forecast is above the limit
	Reserve    string // "20 % is left to other apps."
	Hours      []CallHour
}

// CallHour counts one hour's calls. Refused ones were answered with “too many”.
type CallHour struct {
	Label          string // "14:00"
	Calls, Refused int
}

// Fault is a call that failed.
type Fault struct {
	When    ui.Moment
	Op      string // "update contact"
	What    string // what it means, in words
	Status  string // "503", or "no answer"
	Words   string // the provider's own
	TraceID string
}

// Probe is what came of trying one permission out.
type Probe struct {
	Does, Scope string
	Tone        ui.Tone
	Says        string // "Works", "Not granted", …
	Took        string
	TraceID     string
}

// The chart's user space, as on the overview: each hour is a slot with a bar, refused calls on top.
const slotWidth, barWidth, chartHeight = 30, 20, 120

type callBar struct {
	kind                string // calls or refused
	x, y, width, height string
}

func callChart(hours []CallHour) []callBar {
	most := 1
	for _, h := range hours {
		most = max(most, h.Calls+h.Refused)
	}
	var bars []callBar
	for i, h := range hours {
		top := float64(chartHeight)
		for _, part := range []struct {
			kind string
			n    int
		}{{"calls", h.Calls}, {"refused", h.Refused}} {
			if part.n == 0 {
				continue
			}
			height := max(float64(part.n)*chartHeight/float64(most), 2)
			top -= height
			bars = append(bars, callBar{part.kind, strconv.Itoa(i*slotWidth + (slotWidth-barWidth)/2), fmt.Sprintf("%.1f", max(top, 0)), strconv.Itoa(barWidth), fmt.Sprintf("%.1f", height)})
		}
	}
	return bars
}

func callBox(hours []CallHour) string {
	return fmt.Sprintf("0 0 %d %d", len(hours)*slotWidth, chartHeight)
}

func (c Calls) spent() int {
	n := 0
	for _, h := range c.Hours {
		n += h.Calls
	}
	return n
}

func (c Calls) refused() int {
	n := 0
	for _, h := range c.Hours {
		n += h.Refused
	}
	return n
}

// ReconnectView is /connections/{ID}/reconnect. Form: POST there; with an OAuth grant it is empty, with a key it holds
// the new one.
type ReconnectView struct {
	Health
	Title string    // "Reconnect HighLevel"
	What  string    // what happened
	Since ui.Moment // when that was found out; zero: not known
	// DownSince is when it began; the zero one where that is not known.
	DownSince ui.Moment
	Held      string // what waits, in words
	Next      []string
	ByKey     bool
	KeyHint   string
	Ready     bool   // an OAuth app is configured
	Hint      string // what to configure when not
	Errors    map[string]string
	Problem   *ui.Problem
}

func (v ReconnectView) key() ui.Input {
	return ui.Input{ID: "key", Name: "key", Label: "New key", Type: "password", Required: true, Mono: true, Autocomplete: "off", Hint: v.KeyHint, Error: v.Errors["key"]}
}
