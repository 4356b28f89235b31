package gleap

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// object is a JSON object. Once it is in a collection it is never changed, at
// any depth: a write puts a new version in its place. So answers and webhook
// bodies may be encoded without the lock.
type object = map[string]any

// normal gives a value the types that decoding JSON gives, and shares nothing
// with the original.
func normal(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

func normalObject(in map[string]any) object {
	out, ok := normal(in).(object)
	if !ok {
		return object{}
	}
	return out
}

// copied is a stored value that its receiver may change.
func copied(v any) any {
	switch v := v.(type) {
	case object:
		out := make(object, len(v))
		for k, m := range v {
			out[k] = copied(m)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, m := range v {
			out[i] = copied(m)
		}
		return out
	}
	return v
}

func copiedSession(doc object) object {
	out, _ := copied(sessionView(doc)).(object)
	return out
}

// text reads a string property; anything else reads as empty.
func text(doc object, key string) string {
	s, _ := doc[key].(string)
	return s
}

func truth(doc object, key string) bool {
	b, _ := doc[key].(bool)
	return b
}

func number(doc object, key string) float64 {
	f, _ := doc[key].(float64)
	return f
}

func list(doc object, key string) []any {
	l, _ := doc[key].([]any)
	return l
}

// with is a version of a document with some properties set; nil takes one away.
func with(doc, set object) object {
	out := make(object, len(doc)+len(set))
	maps.Copy(out, doc)
	for k, v := range set {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

func without(doc object, keys ...string) object {
	out := maps.Clone(doc)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

// lookup finds a property by its dotted name. A key that contains a dot itself
// wins, so that no name is out of reach.
func lookup(doc object, name string) (any, bool) {
	if v, ok := doc[name]; ok {
		return v, true
	}
	head, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return nil, false
	}
	inner, ok := doc[head].(object)
	if !ok {
		return nil, false
	}
	return lookup(inner, rest)
}

// collection keeps documents in the order of their creation.
type collection struct {
	byID    map[string]*entry
	order   []*entry
	dead    int                          // deleted entries still in order
	indexes map[string]map[string]keySet // property → value → ids

	sorted   []*entry // the last sort that was asked for
	sortedBy string
	moved    []*entry // written since then

	writer *string // who writes now; nil where nobody asks
}

type entry struct {
	doc  object
	pos  int
	gone bool

	moved bool // is in the collection's list of them

	by string // who wrote it last
}

type keySet map[string]struct{}

func newCollection(indexed ...string) *collection {
	c := &collection{byID: map[string]*entry{}, indexes: map[string]map[string]keySet{}}
	for _, name := range indexed {
		c.indexes[name] = map[string]keySet{}
	}
	return c
}

func (c *collection) len() int { return len(c.byID) }

func (c *collection) get(id string) object {
	if e := c.byID[id]; e != nil {
		return e.doc
	}
	return nil
}

// put adds a document or its new version.
func (c *collection) put(doc object) {
	id := text(doc, "_id")
	e := c.byID[id]
	if e == nil {
		e = &entry{pos: len(c.order)}
		c.byID[id] = e
		c.order = append(c.order, e)
	}
	for name, values := range c.indexes {
		was, is := text(e.doc, name), text(doc, name)
		if was == is {
			continue
		}
		unindex(values, was, id)
		if is != "" {
			if values[is] == nil {
				values[is] = keySet{}
			}
			values[is][id] = struct{}{}
		}
	}
	e.doc = doc
	if c.writer != nil {
		e.by = *c.writer
	}
	if c.sorted != nil && !e.moved {
		e.moved = true
		c.moved = append(c.moved, e)
	}
}

// touch puts a version that differs only in what Gleap counts by itself, which
// nobody wrote.
func (c *collection) touch(doc object) {
	e := c.byID[text(doc, "_id")]
	by := e.by
	c.put(doc)
	e.by = by
}

func unindex(values map[string]keySet, value, id string) {
	delete(values[value], id)
	if len(values[value]) == 0 {
		delete(values, value)
	}
}

func (c *collection) remove(id string) {
	e := c.byID[id]
	if e == nil {
		return
	}
	delete(c.byID, id)
	for name, values := range c.indexes {
		unindex(values, text(e.doc, name), id)
	}
	e.gone = true
	if c.dead++; c.dead > 64 && c.dead > len(c.order)/2 {
		c.order = slices.DeleteFunc(c.order, func(e *entry) bool { return e.gone })
		for i, e := range c.order {
			e.pos = i
		}
		c.dead = 0
	}
}

// all lists the documents, oldest first.
func (c *collection) all() []object {
	out := make([]object, 0, len(c.byID))
	for _, e := range c.order {
		if !e.gone {
			out = append(out, e.doc)
		}
	}
	return out
}

// by lists the documents in which an indexed property has a value.
func (c *collection) by(name, value string) []object {
	ids := c.indexes[name][value]
	entries := make([]*entry, 0, len(ids))
	for id := range ids {
		entries = append(entries, c.byID[id])
	}
	slices.SortFunc(entries, func(a, b *entry) int { return a.pos - b.pos })
	out := make([]object, len(entries))
	for i, e := range entries {
		out[i] = e.doc
	}
	return out
}

// one is the oldest document in which an indexed property has a value.
func (c *collection) one(name, value string) object {
	if value == "" {
		return nil
	}
	if found := c.by(name, value); len(found) > 0 {
		return found[0]
	}
	return nil
}
