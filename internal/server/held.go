package server

import (
	"errors"
	"io"
	"sync"
)

const (
	// maxHeld bounds the bodies of deliveries that are held at once, addressShare what of it one address may hold, and
	// leastHeld is what each counts for, so that neither many small nor a few large ones use up the memory.
	maxHeld, addressShare, leastHeld = 64 << 20, maxHeld / 4, 16 << 10
)

// errNoRoom is that no more can be held at the moment.
var errNoRoom = errors.New("too much is held already")

// held is the room for bodies that are not stored yet. What a sender says it will send takes none: only what came does, or
// whoever opens connections and then says nothing could shut everybody else out.
type held struct {
	mu        sync.Mutex
	all       int64
	byAddress map[string]int64
}

// heldBody is the room one body takes.
type heldBody struct {
	held    *held
	address string
	weight  int64
}

func (h *held) of(address string) *heldBody { return &heldBody{held: h, address: address} }

// grow takes the room a body of this size needs.
func (b *heldBody) grow(size int) error {
	weight := max(int64(size), leastHeld)
	if weight <= b.weight {
		return nil
	}
	more := weight - b.weight
	b.held.mu.Lock()
	defer b.held.mu.Unlock()
	if b.held.all+more > maxHeld || b.held.byAddress[b.address]+more > addressShare {
		return errNoRoom
	}
	if b.held.byAddress == nil {
		b.held.byAddress = map[string]int64{}
	}
	b.held.all += more
	b.held.byAddress[b.address] += more
	b.weight = weight
	return nil
}

// release gives the room back.
func (b *heldBody) release() {
	b.held.mu.Lock()
	defer b.held.mu.Unlock()
	b.held.all -= b.weight
	if b.held.byAddress[b.address] -= b.weight; b.held.byAddress[b.address] <= 0 {
		delete(b.held.byAddress, b.address)
	}
	b.weight = 0
}

// read reads a body to its end, or to the size its sender said (below 0: nothing was said), and takes room as it comes.
func (b *heldBody) read(from io.Reader, size int64) ([]byte, error) {
	body := make([]byte, 0, 512)
	for size < 0 || int64(len(body)) < size {
		if len(body) == cap(body) {
			next := 4 * cap(body)
			if size >= 0 {
				next = min(next, int(size)) // the last piece fits
			}
			body = append(make([]byte, 0, next), body...)
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if n > 0 {
			if err := b.grow(len(body)); err != nil {
				return nil, err
			}
		}
		switch {
		case err == io.EOF && size >= 0 && int64(len(body)) < size:
			return nil, io.ErrUnexpectedEOF
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, err
		}
	}
	return body, nil
}
