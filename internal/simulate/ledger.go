package simulate

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// side is one of the two accounts.
type side int

const (
	gleapSide side = iota
	highLevelSide
)

func (s side) String() string { return [...]string{"Gleap", "HighLevel"}[s] }

func (s side) other() side { return 1 - s }

// recordKey names a contact of one side.
type recordKey struct {
	side side
	id   string
}

func (k recordKey) String() string { return k.side.String() + " " + k.id }

// fields are a contact's values as the auditor compares them: text as it is, labels in lower case, sorted and joined
// with labelSeparator.
type fields map[string]string

const labelSeparator = "|"

func labels(v string) []string {
	if v == "" {
		return nil
	}
	return strings.Split(v, labelSeparator)
}

func joinLabels(items []string) string {
	out := make([]string, 0, len(items))
	for _, e := range items {
		if e = strings.ToLower(strings.TrimSpace(e)); e != "" {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), labelSeparator)
}

// version is one state of a contact and who made it.
type version struct {
	moment int // of the world; strictly growing
	at     time.Time
	call   *call // nil: a person
	fields fields
	gone   bool
}

func (v version) byPerson() bool { return v.call == nil }

// history is everything that ever happened to one contact.
type history struct {
	key      recordKey
	versions []version
}

func (h *history) now() version { return h.versions[len(h.versions)-1] }

func (h *history) alive() bool { return !h.now().gone }

func (h *history) born() version { return h.versions[0] }

// held is the state just before a moment; !ok when there was none.
func (h *history) held(moment int) (version, bool) {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if h.versions[i].moment < moment {
			return h.versions[i], true
		}
	}
	return version{}, false
}

// readdressedBefore reports that a person gave a contact another address than it was made with, before a moment.
func (h *history) readdressedBefore(moment int) bool {
	return slices.ContainsFunc(h.versions, func(v version) bool {
		return v.byPerson() && v.moment < moment &&
			(emailKey(v.fields) != emailKey(h.born().fields) || phoneKey(v.fields) != phoneKey(h.born().fields))
	})
}

// task is what a process was busy with when it called: one attempt at one key.
type task struct {
	automation string
	source     recordKey
	began      int // moment
	claimedAt  time.Time
	process    string
	attempt    int
	plan       string // for everyone, of which it is a part
	undoes     bool   // it takes back what was written
}

// call is one request that reached a twin, or should have.
type call struct {
	moment   int
	sent, at time.Time // as it left us, and as it arrived
	side     side
	method   string
	path     string
	status   int  // what the twin answered
	reached  bool // the twin saw it
	answered bool // and we its answer
	task     *task
	settled  bool // its outcome is durable
	// change and run are the write in the journal, and shows that a plan is only shown.
	change, run string
	shows       bool
}

// mutates reports a request that may change something.
func (c *call) mutates() bool {
	return c.method != "GET" && !strings.HasSuffix(c.path, "/search") && !c.renews()
}

// ofChild reports a request about tickets, tasks or notes.
func (c *call) ofChild() bool {
	return slices.ContainsFunc([]string{"/tickets", "/messages", "/tasks", "/notes"}, func(part string) bool { return strings.Contains(c.path, part) })
}

// renews reports a request for a token.
func (c *call) renews() bool { return strings.HasPrefix(c.path, "/oauth/") }

// ledger keeps every version of every contact.
type ledger struct {
	contacts map[recordKey]*history
	order    []recordKey // as they were first seen
}

// note compares a contact with its last known version and keeps it when it differs; changed are the fields that do.
func (l *ledger) note(k recordKey, f fields, there bool, v version) (changed []string) {
	h := l.contacts[k]
	if h == nil {
		if !there {
			return nil
		}
		h = &history{key: k}
		l.contacts[k] = h
		l.order = append(l.order, k)
		v.fields = f
		h.versions = append(h.versions, v)
		return []string{"created"}
	}
	last := h.now()
	if !there {
		if last.gone {
			return nil
		}
		v.fields, v.gone = last.fields, true
		h.versions = append(h.versions, v)
		return []string{"deleted"}
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if f[name] != last.fields[name] {
			changed = append(changed, name)
		}
	}
	if len(changed) > 0 {
		v.fields = f
		h.versions = append(h.versions, v)
	}
	return changed
}

// living are the contacts of one side that exist now, in the order they were first seen.
func (l *ledger) living(s side) []*history {
	var out []*history
	for _, k := range l.order {
		if h := l.contacts[k]; k.side == s && h.alive() {
			out = append(out, h)
		}
	}
	return out
}
