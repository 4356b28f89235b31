package engine

import (
	"slices"
	"sync"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// agreeing is how many reads in a row must have shown what was told of a field before it is believed without one.
const agreeing = 3

// witness knows what reads have shown of one way in which records are told of without being read, field by field: a
// spelling of its own could go back and forth, and what it never holds would look empty. It is safe for concurrent use.
type witness struct {
	mu     sync.Mutex
	agreed map[testimony]int  // reads in a row that showed what was told
	silent map[testimony]bool // a read has shown something, and nothing was told
}

type testimony struct {
	connection record.ConnectionID
	object     record.ObjectType
	field      string
}

func about(r record.Record, field string) testimony {
	return testimony{r.Ref.Connection, r.Ref.Type, field}
}

// believes reports whether that has been shown often enough of each field the automation reads. An empty one needs it too
// where nobody can say that it would be told of were it filled.
func (w *witness) believes(c *Compiled, told record.Record, enough int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range c.reads() {
		at := about(told, key)
		empty := told.Fields[key].IsEmpty() && slices.Contains(c.SourceObject.Shown, key) && !w.silent[at]
		if w.agreed[at] < enough && !empty {
			return false
		}
	}
	return true
}

// compare learns from a read. A record that was changed since it was told of tells nothing, and that both are empty proves
// nothing.
func (w *witness) compare(c *Compiled, told, read record.Record) {
	if told.Ref != read.Ref || read.UpdatedAt.After(told.UpdatedAt) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.agreed == nil {
		w.agreed, w.silent = map[testimony]int{}, map[testimony]bool{}
	}
	for _, key := range c.reads() {
		at := about(told, key)
		switch a, b := told.Fields[key], read.Fields[key]; {
		case a.IsEmpty() && b.IsEmpty():
		case a.Equal(b):
			w.agreed[at]++
		default:
			w.agreed[at], w.silent[at] = 0, w.silent[at] || a.IsEmpty()
		}
	}
}

// reads are the source fields that values, conditions or match keys are taken from.
func (c *Compiled) reads() []string {
	keys := append(c.program.Reads(), c.Def.Reads(automation.SourceSide)...)
	slices.Sort(keys)
	return slices.Compact(keys)
}
