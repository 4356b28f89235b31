package highlevel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// saveDelay gathers changes into one save.
const saveDelay = 150 * time.Millisecond

// saver remembers that a save is due; the twin's mutex guards pending.
type saver struct {
	pending bool
	timer   *time.Timer
	file    sync.Mutex // one writer of the file at a time
}

// state is the file's content.
type state struct {
	Seq          uint64                   `json:"seq"`
	WebhookURL   string                   `json:"webhookUrl,omitempty"`
	Contacts     []*contact               `json:"contacts"`
	Tasks        []*task                  `json:"tasks"`
	Notes        []*note                  `json:"notes"`
	Appointments []*appointment           `json:"appointments"`
	CustomFields []*customField           `json:"customFields"`
	Tags         []*locationTag           `json:"tags"`
	Users        []*user                  `json:"users"`
	Businesses   []*business              `json:"businesses"`
	Access       map[string]*accessToken  `json:"access"`
	Refresh      map[string]*refreshToken `json:"refresh"`
	Installed    bool                     `json:"installed"`
	InstallAt    time.Time                `json:"installedAt,omitzero"`
	Agency       bool                     `json:"agency,omitempty"`
	Places       []*place                 `json:"places,omitempty"`
}

// changed notes that the state file is behind. The caller holds the mutex.
func (t *Twin) changed() {
	if t.cfg.StateFile == "" || t.saver.pending || t.closed {
		return
	}
	t.saver.pending = true
	t.saver.timer = time.AfterFunc(saveDelay, func() {
		if err := t.flush(); err != nil {
			t.cfg.Logger.Error("state not saved", "err", err)
		}
	})
}

// flush writes the state now.
func (t *Twin) flush() error {
	if t.cfg.StateFile == "" {
		return nil
	}
	t.saver.file.Lock()
	defer t.saver.file.Unlock()
	t.mu.Lock()
	if t.saver.timer != nil {
		t.saver.timer.Stop()
	}
	t.saver.pending = false
	s := t.state()
	t.mu.Unlock()
	raw, err := json.Marshal(s) // entities are never changed in place
	if err != nil {
		return fmt.Errorf("highlevel twin: encode state: %w", err)
	}
	return writeAtomically(t.cfg.StateFile, raw)
}

// state is what the file is to hold. The caller holds the mutex.
func (t *Twin) state() state {
	db := t.db
	s := state{
		Seq: db.seq, WebhookURL: db.webhookURL, Contacts: db.sortedContacts(),
		Tasks: db.tasks.list(nil), Notes: db.notes.list(nil), Appointments: db.appointments.list(nil),
		CustomFields: db.customFields.list(nil), Tags: db.tags.list(nil), Users: db.users.list(nil),
		Businesses: db.businesses.list(nil), Access: maps.Clone(db.access), Refresh: maps.Clone(db.refresh),
		Installed: db.installed, InstallAt: db.installAt, Agency: db.agency, Places: slices.Clone(db.places),
	}
	slices.Reverse(s.Contacts)
	return s
}

// writeAtomically leaves either the old or the new content. The file holds
// tokens, so that only its owner may read it.
func writeAtomically(path string, raw []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("highlevel twin: save state: %w", err)
	}
	_, err = tmp.Write(raw)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("highlevel twin: save state: %w", err)
	}
	return nil
}

// load fills the database from the state file; without one it reports false.
func (t *Twin) load() (bool, error) {
	if t.cfg.StateFile == "" {
		return false, nil
	}
	raw, err := os.ReadFile(t.cfg.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return false, err
	}
	db := t.db
	db.seq, db.installed, db.installAt, db.agency, db.places = s.Seq, s.Installed, s.InstallAt, s.Agency, s.Places
	if t.cfg.WebhookURL == "" {
		db.webhookURL = s.WebhookURL
	}
	for _, c := range s.Contacts {
		for i := range c.Custom {
			c.Custom[i].Value = listValue(c.Custom[i].Value)
		}
		db.putContact(c)
	}
	fill(&db.tasks, s.Tasks, func(x *task) string { return x.ID })
	fill(&db.notes, s.Notes, func(x *note) string { return x.ID })
	fill(&db.appointments, s.Appointments, func(x *appointment) string { return x.ID })
	fill(&db.customFields, s.CustomFields, func(x *customField) string { return x.ID })
	fill(&db.tags, s.Tags, func(x *locationTag) string { return x.ID })
	fill(&db.users, s.Users, func(x *user) string { return x.ID })
	fill(&db.businesses, s.Businesses, func(x *business) string { return x.ID })
	for k, v := range s.Access {
		db.access[k] = v
	}
	for k, v := range s.Refresh {
		db.refresh[k] = v
	}
	return true, nil
}

func fill[T any](tb *table[T], rows []*T, id func(*T) string) {
	for _, x := range rows {
		tb.put(id(x), x)
	}
}

// listValue restores what JSON made of a []string.
func listValue(v any) any {
	members, isList := v.([]any)
	if !isList {
		return v
	}
	out := make([]string, 0, len(members))
	for _, m := range members {
		if s, isText := m.(string); isText {
			out = append(out, s)
		}
	}
	return out
}
