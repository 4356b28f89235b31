package app

import (
	"regexp"
	"sync"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// faultLog gathers calls that failed until they are stored. An outage makes thousands: of each connection the newest
// are kept.
type faultLog struct {
	mu     sync.Mutex
	faults map[record.ConnectionID][]engine.Fault
}

// of notes the failures of one connection.
func (l *faultLog) of(id record.ConnectionID, now func() time.Time) func(*provider.Error) {
	return func(e *provider.Error) {
		if ordinary(e) {
			return
		}
		f := engine.Fault{Connection: id, At: now(), Op: e.Op, Kind: e.Kind.String(), Status: e.Status, Detail: nameless(e.Detail), TraceID: e.TraceID}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.faults == nil {
			l.faults = map[record.ConnectionID][]engine.Fault{}
		}
		have := append(l.faults[id], f)
		l.faults[id] = have[max(0, len(have)-engine.FaultsKept):]
	}
}

// ordinary are answers that say something of a record rather than of the connection, and calls we ended ourselves.
func ordinary(e *provider.Error) bool {
	switch e.Kind {
	case provider.NotFound, provider.Duplicate, provider.Unsupported:
		return true
	}
	return provider.Stopped(e)
}

func (l *faultLog) take() []engine.Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []engine.Fault
	for _, fs := range l.faults {
		out = append(out, fs...)
	}
	l.faults = nil
	return out
}

// giveBack keeps for the next time what could not be stored.
func (l *faultLog) giveBack(faults []engine.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.faults == nil {
		l.faults = map[record.ConnectionID][]engine.Fault{}
	}
	for _, f := range faults {
		have := append(l.faults[f.Connection], f)
		l.faults[f.Connection] = have[max(0, len(have)-engine.FaultsKept):]
	}
}

const faultDetail = 300 // runes

var (
	anEmail  = regexp.MustCompile(`[^\s"'<>(),;:]+@[^\s"'<>(),;:]+`)
	aNumber  = regexp.MustCompile(`\+?\d[\d .()/-]{5,}\d`)
	inQuotes = regexp.MustCompile(`"[^"]*"|“[^”]*”|'[^']*'`)
)

// nameless leaves out of the provider's words what could name a person: these are kept apart from the records they
// spoke of, where nobody would look for them when a person is to be forgotten.
func nameless(words string) string {
	words = inQuotes.ReplaceAllString(words, "“…”")
	words = anEmail.ReplaceAllString(words, "…")
	words = aNumber.ReplaceAllString(words, "…")
	if r := []rune(words); len(r) > faultDetail {
		words = string(r[:faultDetail]) + "…"
	}
	return words
}
