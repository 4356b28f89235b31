package gleap

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
	Seq        uint64                   `json:"seq"`
	Bugs       float64                  `json:"bugs"`
	WebhookURL string                   `json:"webhookUrl,omitempty"`
	Sessions   []object                 `json:"sessions"`
	Tickets    []object                 `json:"tickets"`
	Messages   []object                 `json:"messages"`
	Teams      []object                 `json:"teams"`
	Users      []object                 `json:"users"`
	Events     []object                 `json:"events"`
	Tracked    []object                 `json:"tracked"`
	Access     map[string]*accessToken  `json:"access"`
	Refresh    map[string]*refreshToken `json:"refresh"`
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

// flush writes the state now. Documents never change once stored, so that only
// their lists are copied under the lock.
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
	s := t.snapshot()
	t.mu.Unlock()
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("gleap twin: encode state: %w", err)
	}
	return writeAtomically(t.cfg.StateFile, raw)
}

func (t *Twin) snapshot() state {
	db := t.db
	return state{
		Seq: db.seq, Bugs: db.bugs, WebhookURL: db.webhookURL,
		Sessions: db.sessions.all(), Tickets: db.tickets.all(), Messages: db.messages.all(),
		Teams: db.teams.all(), Users: db.users.all(), Events: slices.Clone(db.events), Tracked: slices.Clone(db.tracked),
		Access: maps.Clone(db.access), Refresh: maps.Clone(db.refresh),
	}
}

// writeAtomically leaves either the old or the new content. The file holds
// tokens, so that only its owner may read it.
func writeAtomically(path string, raw []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("gleap twin: save state: %w", err)
	}
	_, err = tmp.Write(raw)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("gleap twin: save state: %w", err)
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
	db.seq, db.bugs, db.webhookURL, db.events, db.tracked = s.Seq, s.Bugs, s.WebhookURL, s.Events, s.Tracked
	for _, f := range []struct {
		into *collection
		docs []object
	}{{db.sessions, s.Sessions}, {db.tickets, s.Tickets}, {db.messages, s.Messages}, {db.teams, s.Teams}, {db.users, s.Users}} {
		for _, doc := range f.docs {
			if id := text(doc, "_id"); id == "" {
				return false, errors.New("a document has no _id")
			}
			f.into.put(doc)
		}
	}
	maps.Copy(db.access, s.Access)
	maps.Copy(db.refresh, s.Refresh)
	return true, nil
}
