package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	carried = 1_000 // contacts carried over when an automation is switched on
	edited  = 200   // of them edited afterwards, one webhook each
)

// calls counts what carrying contacts over costs in calls of the two providers, as both twins see them: what is spent of
// the accounts' limits. The dry run of one contact, opening pages and what else people do is not in it.
func calls(line func(what, figure, goal string)) error {
	bare := func(w *world) func(string, int) []byte {
		return func(who string, n int) (body []byte) { body, _ = w.delivery(who, n); return body }
	}
	err := withEveryone(false, func(w *world, reads, writes float64) error {
		line(fmt.Sprintf("%d contacts carried over: writes for each", carried), fmt.Sprintf("%.3f", writes), "≤ 1.05")
		line("  reads for each", fmt.Sprintf("%.3f", reads), "≤ 0.02")
		perEdit, err := w.edits(0, edited, bare(w))
		line(fmt.Sprintf("%d contacts edited, one way, webhooks tell: calls for each", edited), fmt.Sprintf("%.2f", perEdit), "")
		return err
	})
	if err != nil {
		return err
	}
	for _, saving := range []bool{false, true} {
		perEdit, err := polledEdits(saving)
		if err != nil {
			return err
		}
		goal := map[bool]string{false: "≤ 2 and the polls", true: "≤ 1 and the polls"}[saving]
		line("  polls tell"+map[bool]string{true: ", and it saves calls"}[saving], fmt.Sprintf("%.2f", perEdit), goal)
	}
	return withEveryone(true, func(w *world, _, _ float64) error {
		perEdit, err := w.edits(0, edited, bare(w))
		if err != nil {
			return err
		}
		line("  webhooks tell, and it saves calls (decision 0018)", fmt.Sprintf("%.2f", perEdit), "≤ 2")
		if _, err := w.edits(edited, provingEdits, w.whole); err != nil {
			return err
		}
		perEdit, err = w.edits(2*edited, edited, w.whole)
		line("    and they hold the contact", fmt.Sprintf("%.2f", perEdit), "≤ 1")
		return err
	})
}

// polledEdits is how many calls an edit in Gleap takes, of which polls tell: their own are in it.
func polledEdits(saving bool) (perEdit float64, err error) {
	w, err := newWorld("CROSSWALK_POLL_EVERY=1s")
	if err != nil {
		return 0, err
	}
	defer w.close()
	everyone := make([]string, provingEdits+edited)
	for i := range everyone {
		everyone[i] = w.gl.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("Person Of%d", i), "email": fmt.Sprintf("person%d@example.com", i), "phone": fmt.Sprintf("+1415555%04d", i), "companyName": "Acme"})
	}
	if err := w.make("gleap-contact-to-highlevel"); err != nil {
		return 0, err
	}
	if saving {
		if err := w.saveCalls(); err != nil {
			return 0, fmt.Errorf("save calls: %w", err)
		}
	}
	if err := w.activate(url.Values{"start": {"all"}}); err != nil {
		return 0, err
	}
	if err := until(func() bool { return w.hl.Stats().Writes >= int64(len(everyone)) }); err != nil {
		return 0, fmt.Errorf("carry everyone over: %w", err)
	}
	if err := w.rest(); err != nil { // polls have found everyone as well
		return 0, err
	}
	edit := func(some []string) func() error {
		return func() error {
			before := w.hl.Stats().Writes
			for i, id := range some {
				if err := w.gl.PersonEditsContact(id, map[string]any{"name": fmt.Sprintf("Person Number%d", i)}); err != nil {
					return err
				}
			}
			return until(func() bool { return w.hl.Stats().Writes-before >= int64(len(some)) })
		}
	}
	if err := errors.Join(edit(everyone[:provingEdits])(), w.rest()); err != nil {
		return 0, err
	}
	reads, writes, err := w.spent(edit(everyone[provingEdits:]))
	return (reads + writes) / edited, err
}

// rest waits until HighLevel was left alone for a while.
func (w *world) rest() error {
	calls, since := w.hl.Stats().Calls, time.Now()
	return until(func() bool {
		if now := w.hl.Stats().Calls; now != calls {
			calls, since = now, time.Now()
		}
		return time.Since(since) > 3*time.Second
	})
}

// withEveryone carries everyone over by a new automation, and tells what that took for each.
func withEveryone(saving bool, then func(w *world, reads, writes float64) error) error {
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer w.close()
	w.hl.SeedContacts(carried)
	if err := w.make("highlevel-contact-to-gleap"); err != nil {
		return err
	}
	if saving {
		if err := w.saveCalls(); err != nil {
			return fmt.Errorf("save calls: %w", err)
		}
	}
	reads, writes, err := w.spent(func() error {
		if err := w.activate(url.Values{"start": {"all"}}); err != nil {
			return err
		}
		return until(func() bool { return w.gl.Stats().Sessions >= carried })
	})
	if err != nil {
		return fmt.Errorf("carry everyone over: %w", err)
	}
	if err := w.rest(); err != nil {
		return err
	}
	return then(w, reads/carried, writes/carried)
}

// provingEdits are enough for what webhooks hold to be believed.
const provingEdits = 30

// edits edits some contacts, has a webhook tell of each, and answers the calls each takes until all are carried.
func (w *world) edits(from, n int, body func(who string, n int) []byte) (perEdit float64, err error) {
	reads, writes, err := w.spent(func() error {
		before := w.gl.Stats().Writes
		for i, c := range w.hl.Contacts()[from : from+n] {
			who := fmt.Sprint(c["id"])
			if err := w.hl.PersonEditsContact(who, map[string]any{"companyName": fmt.Sprintf("Company %d", i)}); err != nil {
				return err
			}
			b := body(who, i)
			req, err := http.NewRequest(http.MethodPost, w.base+"/hooks/highlevel", bytes.NewReader(b))
			if err != nil {
				return err
			}
			req.Header.Set("X-GHL-Signature", base64.StdEncoding.EncodeToString(ed25519.Sign(w.key, b)))
			resp, err := w.http.Do(req)
			if err != nil {
				return err
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("a webhook was answered %d", resp.StatusCode)
			}
		}
		return until(func() bool { return w.gl.Stats().Writes-before >= int64(n) })
	})
	return (reads + writes) / float64(n), err
}

// whole is a ContactUpdate with the contact in it, as HighLevel sends them.
func (w *world) whole(who string, n int) []byte {
	c, _ := w.hl.Contact(who)
	c["type"], c["locationId"], c["webhookId"] = "ContactUpdate", w.hlReady.LocationID, fmt.Sprintf("whole-%s-%d", who, n)
	c["timestamp"] = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	body, _ := json.Marshal(c)
	return body
}

// saveCalls tells the automation that was made last to save calls.
func (w *world) saveCalls() error {
	v, err := w.version()
	if err != nil {
		return err
	}
	_, _, err = w.form(w.automation+"/policies", url.Values{"version": {v}, "create": {"true"}, "update": {"true"}, "first": {"fill_empty"}, "deletes": {""}, "save-calls": {"true"}})
	return err
}

// spent is how many calls do cost, those that changed something apart.
func (w *world) spent(do func() error) (reads, writes float64, err error) {
	count := func() (calls, writes int64) {
		hl, gl := w.hl.Stats(), w.gl.Stats()
		return hl.Calls + gl.Calls, hl.Writes + gl.Writes
	}
	calls, wrote := count()
	if err := do(); err != nil {
		return 0, 0, err
	}
	after, now := count()
	return float64(after - calls - (now - wrote)), float64(now - wrote), nil
}

// switchOn makes a recipe's automation and switches it on.
func (w *world) switchOn(recipe string, more url.Values) error {
	if err := w.make(recipe); err != nil {
		return err
	}
	return w.activate(more)
}

// make makes a recipe's automation.
func (w *world) make(recipe string) error {
	id, err := w.automate(recipe)
	w.automation = "/automations/" + id
	return err
}

// activate switches the automation that was made last on.
func (w *world) activate(more url.Values) error {
	v, err := w.version()
	if err != nil {
		return err
	}
	form := url.Values{"state": {"on"}, "version": {v}}
	for k, v := range more {
		form[k] = v
	}
	_, _, err = w.form(w.automation+"/activation", form)
	return err
}

// version is the version of the automation that was made last.
func (w *world) version() (string, error) {
	page, err := w.page(w.automation + "/live")
	if err != nil {
		return "", err
	}
	m := version.FindStringSubmatch(page)
	if m == nil {
		return "", errors.New("no version on the page")
	}
	return m[1], nil
}

func (w *world) page(at string) (string, error) {
	resp, err := w.http.Get(w.base + at)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// until waits up to five minutes for what is to come true.
func until(holds func() bool) error {
	for begin := time.Now(); !holds(); {
		if time.Since(begin) > 5*time.Minute {
			return errors.New("it did not come about within five minutes")
		}
		<-time.After(20 * time.Millisecond)
	}
	return nil
}
