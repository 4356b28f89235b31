package server

import (
	"maps"
	"sync"
	"time"

	"crosswalk/internal/people"
)

const (
	// heldBackEvery is how often it is written down that an address is held back: each try would be a line that costs whoever
	// sends it nothing.
	heldBackEvery = 15 * time.Minute
	// heldBackMost bounds how many addresses are remembered; those beyond it are held back unwritten.
	heldBackMost = 10_000
)

// heldBack remembers of which addresses it was written down lately that they are held back.
type heldBack struct {
	mu   sync.Mutex
	told map[string]time.Time
}

// news reports whether it is time to write it down of an address.
func (h *heldBack) news(address string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	network := people.Network(address)
	if at, told := h.told[network]; told && now.Sub(at) < heldBackEvery {
		return false
	}
	if len(h.told) >= heldBackMost {
		maps.DeleteFunc(h.told, func(_ string, at time.Time) bool { return now.Sub(at) >= heldBackEvery })
	}
	if len(h.told) >= heldBackMost {
		return false
	}
	if h.told == nil {
		h.told = map[string]time.Time{}
	}
	h.told[network] = now
	return true
}
