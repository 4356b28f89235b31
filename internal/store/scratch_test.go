package store_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"crosswalk/internal/store"
)

func TestWhatIsPutIntoAScratchIsReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.NewScratch(dir)
	if err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("others can see it: %v %v", files, err)
	}
	dice := rand.New(rand.NewPCG(1, 2))
	type kept struct {
		at    int64
		piece []byte
	}
	var all []kept
	for range 3000 {
		piece := make([]byte, dice.IntN(400))
		if dice.IntN(50) == 0 {
			piece = make([]byte, dice.IntN(200_000))
		}
		for i := range piece {
			piece[i] = byte(dice.Uint32())
		}
		at, err := s.Put(piece)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kept{at, piece})
		one := all[dice.IntN(len(all))]
		if got, err := s.Get(one.at); err != nil || !bytes.Equal(got, one.piece) {
			t.Fatalf("at %d: %d bytes, %v, want %d", one.at, len(got), err, len(one.piece))
		}
	}
	for _, at := range []int64{-1, 1 << 40} {
		if got, err := s.Get(at); err == nil {
			t.Errorf("at %d there is %d bytes", at, len(got))
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
