package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"crosswalk/internal/engine"
)

const (
	// scratchBuffer is how much is written at once.
	scratchBuffer = 64 << 10
	// scratchGuess is how much is read at first: most pieces are shorter.
	scratchGuess = 1 << 10
)

// scratch keeps pieces in a file that nobody else can open: it has no name any more once it is there, so that a process
// that dies leaves nothing behind.
type scratch struct {
	f       *os.File
	name    string // where the system does not let go of the name of an open file
	written int64
	pending []byte
}

var _ engine.Scratch = (*scratch)(nil)

// NewScratch makes one in a folder.
func NewScratch(dir string) (engine.Scratch, error) {
	f, err := os.CreateTemp(dir, "scratch-")
	if err != nil {
		return nil, fmt.Errorf("make a scratch file: %w", err)
	}
	s := &scratch{f: f}
	if os.Remove(f.Name()) != nil {
		s.name = f.Name()
	}
	return s, nil
}

// Put implements engine.Scratch.
func (s *scratch) Put(piece []byte) (int64, error) {
	at := s.written + int64(len(s.pending))
	s.pending = append(binary.AppendUvarint(s.pending, uint64(len(piece))), piece...)
	if len(s.pending) < scratchBuffer {
		return at, nil
	}
	n, err := s.f.Write(s.pending)
	if err != nil {
		return 0, fmt.Errorf("write a scratch file: %w", err)
	}
	s.written += int64(n)
	s.pending = s.pending[:0]
	return at, nil
}

var errNotInScratch = errors.New("read a scratch file: there is nothing")

// Get implements engine.Scratch.
func (s *scratch) Get(at int64) ([]byte, error) {
	if at < 0 {
		return nil, errNotInScratch
	}
	if in := at - s.written; in >= 0 {
		return piece(s.pending[min(in, int64(len(s.pending))):], func(int) ([]byte, error) { return nil, errNotInScratch })
	}
	read := func(n int) ([]byte, error) {
		b := make([]byte, min(int64(n), s.written-at))
		_, err := s.f.ReadAt(b, at)
		return b, err
	}
	b, err := read(scratchGuess)
	if err != nil {
		return nil, fmt.Errorf("read a scratch file: %w", err)
	}
	return piece(b, read)
}

// piece is what b begins with; more reads again, that many bytes.
func piece(b []byte, more func(n int) ([]byte, error)) ([]byte, error) {
	n, head := binary.Uvarint(b)
	if head <= 0 {
		return nil, errNotInScratch
	}
	end := head + int(n)
	if end > len(b) {
		var err error
		if b, err = more(end); err != nil || end > len(b) {
			return nil, errors.Join(errNotInScratch, err)
		}
	}
	return append([]byte(nil), b[head:end]...), nil
}

// Close implements engine.Scratch.
func (s *scratch) Close() error {
	err := s.f.Close()
	if s.name != "" {
		err = errors.Join(err, os.Remove(s.name))
	}
	return err
}
