package highlevel

import (
	"slices"
	"strings"
	"time"
)

// database is all state of one twin. The twin's mutex guards it. Entities
// behind pointers are never changed in place: a write stores a changed copy,
// so that an answer can be encoded and a snapshot saved without the lock.
type database struct {
	seq        uint64
	webhookURL string

	contacts map[string]*contact
	byEmail  map[string][]string // lower-cased email, additional ones too → contact ids
	byPhone  map[string][]string
	ghosts   []ghost // deleted, perhaps still in the search index
	orders   map[string]*searchOrder

	tasks        table[task]
	notes        table[note]
	appointments table[appointment]
	customFields table[customField]
	tags         table[locationTag]
	users        table[user]
	businesses   table[business]

	codes     map[string]*code
	access    map[string]*accessToken
	refresh   map[string]*refreshToken
	installed bool
	installAt time.Time
	agency    bool     // the app is installed for the whole company, and for locations made later
	places    []*place // the company's other locations
	scopes    []string // of the last installation
}

func newDatabase() *database {
	return &database{
		contacts: map[string]*contact{}, byEmail: map[string][]string{}, byPhone: map[string][]string{}, orders: map[string]*searchOrder{},
		codes: map[string]*code{}, access: map[string]*accessToken{}, refresh: map[string]*refreshToken{},
	}
}

// table is a small collection in the order of insertion.
type table[T any] struct {
	rows []*row[T]
	at   map[string]int // position by id
}

type row[T any] struct {
	id  string
	val *T // nil: deleted
}

func (tb *table[T]) get(id string) *T {
	if i, ok := tb.at[id]; ok {
		return tb.rows[i].val
	}
	return nil
}

func (tb *table[T]) put(id string, v *T) {
	if tb.at == nil {
		tb.at = map[string]int{}
	}
	if i, ok := tb.at[id]; ok {
		tb.rows[i].val = v
		return
	}
	tb.at[id] = len(tb.rows)
	tb.rows = append(tb.rows, &row[T]{id, v})
}

func (tb *table[T]) remove(id string) {
	i, ok := tb.at[id]
	if !ok {
		return
	}
	tb.rows[i].val = nil
	delete(tb.at, id)
	if len(tb.rows) > 32 && len(tb.at) < len(tb.rows)/2 {
		tb.rows = slices.DeleteFunc(tb.rows, func(r *row[T]) bool { return r.val == nil })
		for i, r := range tb.rows {
			tb.at[r.id] = i
		}
	}
}

// list returns the values keep accepts (all, when nil), oldest first.
func (tb *table[T]) list(keep func(*T) bool) []*T {
	out := []*T{}
	for _, r := range tb.rows {
		if r.val != nil && (keep == nil || keep(r.val)) {
			out = append(out, r.val)
		}
	}
	return out
}

// putContact stores c in place of its older self and keeps the indexes.
func (db *database) putContact(c *contact) {
	if old := db.contacts[c.ID]; old != nil {
		db.unindex(old)
	}
	db.contacts[c.ID] = c
	db.moved(c.ID)
	for _, e := range c.emails() {
		db.byEmail[e] = append(db.byEmail[e], c.ID)
	}
	if c.Phone != "" {
		db.byPhone[c.Phone] = append(db.byPhone[c.Phone], c.ID)
	}
}

func (db *database) dropContact(id string) {
	c := db.contacts[id]
	if c == nil {
		return
	}
	db.unindex(c)
	delete(db.contacts, id)
	db.moved(id)
	for _, x := range db.tasks.list(func(x *task) bool { return x.ContactID == id }) {
		db.tasks.remove(x.ID)
	}
	for _, x := range db.notes.list(func(x *note) bool { return x.ContactID == id }) {
		db.notes.remove(x.ID)
	}
	for _, x := range db.appointments.list(func(x *appointment) bool { return x.ContactID == id }) {
		db.appointments.remove(x.ID)
	}
}

func (db *database) unindex(c *contact) {
	drop := func(index map[string][]string, key string) {
		ids := slices.DeleteFunc(slices.Clone(index[key]), func(id string) bool { return id == c.ID })
		if len(ids) == 0 {
			delete(index, key)
			return
		}
		index[key] = ids
	}
	for _, e := range c.emails() {
		drop(db.byEmail, e)
	}
	if c.Phone != "" {
		drop(db.byPhone, c.Phone)
	}
}

// withEmail finds the oldest contact that has the address, as its primary or
// an additional one (§4.2, I#337), other than the one named.
func (db *database) withEmail(email, other string) *contact {
	return db.first(db.byEmail[strings.ToLower(email)], other)
}

func (db *database) withPhone(phone, other string) *contact {
	return db.first(db.byPhone[phone], other)
}

func (db *database) first(ids []string, other string) *contact {
	var found *contact
	for _, id := range ids {
		if c := db.contacts[id]; id != other && (found == nil || c.Order < found.Order) {
			found = c
		}
	}
	return found
}

// sortedContacts lists all contacts, newest first, as the lists of HighLevel
// do.
func (db *database) sortedContacts() []*contact {
	out := make([]*contact, 0, len(db.contacts))
	for _, c := range db.contacts {
		out = append(out, c)
	}
	slices.SortFunc(out, newestFirst)
	return out
}
