package highlevel

import (
	"fmt"
	"slices"
)

// keptOrders bounds how many orders are kept: a client lists by one and asks for news by another.
const keptOrders = 4

// searchOrder keeps the contacts in an order that was asked for. A client that pages asks for the same order many times,
// and sorting a large location for every page would make the twin slower than what is measured against it. Only what
// was written since is put in its place anew.
type searchOrder struct {
	hits  []hit
	moved map[string]struct{} // ids that were written or dropped since
}

// moved remembers that a contact is not where it was in any order.
func (db *database) moved(id string) {
	for _, s := range db.orders {
		s.moved[id] = struct{}{}
	}
}

// inOrder lists all contacts as o has them. What it answers is good until the next search.
func (db *database) inOrder(o ordering) []hit {
	name := fmt.Sprint(o)
	s := db.orders[name]
	compare := func(a, b hit) int { return o.compare(a.keys, b.keys) }
	if s == nil || len(s.moved) > len(s.hits)/4 {
		if s == nil && len(db.orders) >= keptOrders {
			clear(db.orders)
		}
		s = &searchOrder{hits: make([]hit, 0, len(db.contacts)), moved: map[string]struct{}{}}
		for _, c := range db.contacts {
			s.hits = append(s.hits, hit{c, o.keys(c)})
		}
		slices.SortFunc(s.hits, compare)
		db.orders[name] = s
		return s.hits
	}
	if len(s.moved) == 0 {
		return s.hits
	}
	kept := slices.DeleteFunc(s.hits, func(h hit) bool { _, moved := s.moved[h.contact.ID]; return moved })
	var fresh []hit
	for id := range s.moved {
		if c := db.contacts[id]; c != nil {
			fresh = append(fresh, hit{c, o.keys(c)})
		}
	}
	slices.SortFunc(fresh, compare)
	// From the end, so that everything is moved once.
	from, to := len(kept)-1, len(kept)+len(fresh)-1
	s.hits = slices.Grow(kept, len(fresh))[:len(kept)+len(fresh)]
	for _, h := range slices.Backward(fresh) {
		for ; from >= 0 && compare(s.hits[from], h) > 0; from, to = from-1, to-1 {
			s.hits[to] = s.hits[from]
		}
		s.hits[to] = h
		to--
	}
	clear(s.moved)
	return s.hits
}
