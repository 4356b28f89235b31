package gleap

import (
	"slices"
	"sync"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// proofs is how many reads must have confirmed what writes answered about a field before such an answer is believed.
const proofs = 3

// witness remembers how far the answers to writes have told the truth. What a write answers is documented as "any"
// (reference/gleap.md §7): it may be the record as it was, only what was sent, or what is kept. So a written record is
// read again until the answers have proven themselves, for each field apart, in this process.
type witness struct {
	mu        sync.Mutex
	confirmed map[string]int
}

// claims are what an answer has to say about a write, by claim: true where it says that what was asked was taken.
func claims(w provider.Write, answered record.Record, kind func(key string) record.Kind) map[string]bool {
	out := make(map[string]bool, len(w.Fields)+len(w.Add)+len(w.Remove))
	for key, asked := range w.Fields {
		v := answered.Fields[key]
		if asked.IsEmpty() {
			out[key+" cleared"] = v.IsEmpty()
			continue
		}
		out[key] = !v.IsEmpty() && record.Same(kind(key), v, asked, record.Locale{})
	}
	labels := func(claim string, of map[string][]string, held bool) {
		for key, wanted := range of {
			has, _ := answered.Fields[key].AsList()
			out[key+claim] = !slices.ContainsFunc(wanted, func(l string) bool { return slices.Contains(has, l) != held })
		}
	}
	if w.Parent.ID != "" {
		out["parent"] = answered.Parent == w.Parent
	}
	labels(" gained", w.Add, true)
	labels(" lost", w.Remove, false)
	return out
}

// believes reports whether a write's answer can stand for reading the record again: it is a whole record, says of every
// field that what was asked was taken, and such answers have been true so far.
func (t *witness) believes(d document, said map[string]bool) bool {
	if d.id() == "" || d.time("createdAt").IsZero() || d.time("updatedAt").IsZero() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for claim, taken := range said {
		if !taken || t.confirmed[claim] < proofs {
			return false
		}
	}
	return true
}

// compare learns from a read that followed a write: what the answer claimed was true, or the claim begins anew.
func (t *witness) compare(said, read map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.confirmed == nil {
		t.confirmed = map[string]int{}
	}
	for claim, taken := range said {
		switch {
		case taken && read[claim]:
			t.confirmed[claim]++
		case taken:
			t.confirmed[claim] = 0
		}
	}
}
