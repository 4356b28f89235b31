package engine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// Scratch keeps pieces out of memory for as long as a walk over everyone takes. It is used by one walk at a time.
type Scratch interface {
	// Put keeps a piece and answers where it is.
	Put(piece []byte) (at int64, err error)
	// Get reads what was put there.
	Get(at int64) ([]byte, error)
	io.Closer
}

// heap is a scratch in memory, for where there is no other.
type heap struct{ b []byte }

var errNotThere = errors.New("nothing was put there")

func (h *heap) Put(piece []byte) (int64, error) {
	at := len(h.b)
	h.b = append(binary.AppendUvarint(h.b, uint64(len(piece))), piece...)
	return int64(at), nil
}

func (h *heap) Get(at int64) ([]byte, error) {
	if at < 0 || at >= int64(len(h.b)) {
		return nil, errNotThere
	}
	n, skip := binary.Uvarint(h.b[at:])
	rest := h.b[at:][max(skip, 0):]
	if skip <= 0 || n > uint64(len(rest)) {
		return nil, errNotThere
	}
	return rest[:n:n], nil
}

func (h *heap) Close() error { return nil }

// posting says that a value is under a key, which is the hash of a detail.
type posting struct {
	key   uint64
	value int64
}

func inOrder(a, b posting) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value))
}

// postings find values by key in sixteen bytes each: a whole population's details are held at once, and a map of texts
// took ten times as much. New ones are put in order among few, which are merged into all of them now and then.
type postings struct{ all, late []posting }

// lateMost bounds the few, in which every new one is moved into its place.
const lateMost = 4096

func (p *postings) add(key uint64, value int64) {
	x := posting{key, value}
	i, has := slices.BinarySearchFunc(p.late, x, inOrder)
	if has {
		return
	}
	p.late = slices.Insert(p.late, i, x)
	if len(p.late) < lateMost {
		return
	}
	// From the end, so that everything is moved once.
	from, to := len(p.all)-1, len(p.all)+len(p.late)-1
	p.all = slices.Grow(p.all, len(p.late))[:to+1]
	for _, x := range slices.Backward(p.late) {
		for ; from >= 0 && inOrder(p.all[from], x) > 0; from, to = from-1, to-1 {
			p.all[to] = p.all[from]
		}
		p.all[to] = x
		to--
	}
	p.late = p.late[:0]
}

func (p *postings) remove(key uint64, value int64) {
	for _, list := range []*[]posting{&p.late, &p.all} {
		if i, has := slices.BinarySearchFunc(*list, posting{key, value}, inOrder); has {
			*list = slices.Delete(*list, i, i+1)
		}
	}
}

// find answers the first few values under a key, and how many there are.
func (p *postings) find(key uint64, most int) (values []int64, n int) {
	for _, list := range [][]posting{p.all, p.late} {
		under := under(list, key)
		n += len(under)
		for _, x := range under[:min(len(under), most-len(values))] {
			values = append(values, x.value)
		}
	}
	return values, n
}

// has reports whether there is anything under a key.
func (p *postings) has(key uint64) bool {
	return len(under(p.all, key)) > 0 || len(under(p.late, key)) > 0
}

func under(list []posting, key uint64) []posting {
	from, _ := slices.BinarySearchFunc(list, key, func(x posting, key uint64) int { return cmp.Compare(x.key, key) })
	n, _ := slices.BinarySearchFunc(list[from:], key, func(x posting, key uint64) int {
		if x.key == key {
			return -1
		}
		return 1
	})
	return list[from : from+n]
}
