package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	carried = 1_000 // contacts carried over when an automation is switched on
	edited  = 200   // of them edited afterwards, one webhook each
)

// calls counts what carrying contacts over costs in calls of the two providers, as both twins see them: what is spent of
// the accounts' limits. The dry run of one contact, opening pages and what else people do is not in it.
func calls(line func(what, figure, goal string)) error {
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer w.close()
	w.hl.SeedContacts(carried)
	reads, writes, err := w.spent(func() error {
		if err := w.switchOn("highlevel-contact-to-gleap", url.Values{"start": {"all"}}); err != nil {
			return err
		}
		return until(func() bool { return w.gl.Stats().Sessions >= carried })
	})
	if err != nil {
		return fmt.Errorf("carry everyone over: %w", err)
	}
	line(fmt.Sprintf("%d contacts carried over: writes for each", carried), fmt.Sprintf("%.3f", writes/carried), "≤ 1.05")
	line("  reads for each", fmt.Sprintf("%.3f", reads/carried), "≤ 0.02")

	reads, writes, err = w.spent(func() error {
		before := w.gl.Stats().Writes
		for i, c := range w.hl.Contacts()[:edited] {
			who := fmt.Sprint(c["id"])
			if err := w.hl.PersonEditsContact(who, map[string]any{"companyName": fmt.Sprintf("Company %d", i)}); err != nil {
				return err
			}
			resp, err := w.http.Do(w.hook(who, i))
			if err != nil {
				return err
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("a webhook was answered %d", resp.StatusCode)
			}
		}
		return until(func() bool { return w.gl.Stats().Writes-before >= edited })
	})
	if err != nil {
		return fmt.Errorf("carry edits: %w", err)
	}
	line(fmt.Sprintf("%d contacts edited, one way: calls for each", edited), fmt.Sprintf("%.2f", (reads+writes)/edited), "≤ 2")
	return nil
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
	_, at, err := w.form("/automations", url.Values{"recipe": {recipe}})
	if err != nil {
		return err
	}
	id := strings.Split(strings.TrimPrefix(at, "/automations/"), "/")[0]
	page, err := w.page("/automations/" + id + "/live")
	if err != nil {
		return err
	}
	m := version.FindStringSubmatch(page)
	if m == nil {
		return errors.New("no version on the page")
	}
	form := url.Values{"state": {"on"}, "version": {m[1]}}
	for k, v := range more {
		form[k] = v
	}
	_, _, err = w.form("/automations/"+id+"/activation", form)
	return err
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
