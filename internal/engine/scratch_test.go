package engine

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Postings find what a map of sorted lists would.
func TestPostingsFindWhatWasAdded(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(3, 4))
	p, want := &postings{}, map[uint64][]int64{}
	for range 40_000 {
		key, value := dice.Uint64N(3000), dice.Int64N(20_000)
		i, has := slices.BinarySearch(want[key], value)
		switch {
		case has:
			p.remove(key, value)
			want[key] = slices.Delete(want[key], i, i+1)
		default:
			p.add(key, value)
			want[key] = slices.Insert(want[key], i, value)
		}
		key = dice.Uint64N(3001)
		got, n := p.find(key, 5)
		if n != len(want[key]) || len(got) != min(n, 5) || p.has(key) != (n > 0) {
			t.Fatalf("%d: found %d and %v, want %v", key, n, got, want[key])
		}
		for _, v := range got {
			if !slices.Contains(want[key], v) {
				t.Fatalf("%d: found %v, want %v", key, got, want[key])
			}
		}
	}
}
