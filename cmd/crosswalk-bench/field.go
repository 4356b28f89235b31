package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"crosswalk/internal/app"
	"crosswalk/internal/automation"
	"crosswalk/internal/engine/enginetest"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

const (
	// fieldRecords is how many records both accounts hold together before their first sync.
	fieldRecords = 280_000
	// serving is the part that is the server of another part, in a process of its own.
	serving = "serve"
)

// serveUnlimited is the server alone, without the providers' call limits, so that its memory can be measured.
func serveUnlimited() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return app.ServeUnlimited(ctx, os.Environ(), app.Streams{Out: io.Discard, Err: os.Stderr})
}

// field is the first sync as the field has it; `crosswalk-bench field 3000` takes fewer records. All of the bench takes a
// tenth of them.
func field(line func(what, figure, goal string)) error {
	records := fieldRecords
	if len(os.Args) > 2 {
		var err error
		if records, err = strconv.Atoi(os.Args[2]); err != nil {
			return fmt.Errorf("how many records: %w", err)
		}
	}
	return firstSync(line, records)
}

// firstSync brings two accounts together whose records have poor keys: looked at, carried out, and looked at again. What
// became of everybody is read from the twins' stores, which know nothing of the engine.
func firstSync(line func(what, figure, goal string), records int) error {
	// Both accounts were filled long ago: what was imported two minutes before is news, which is read once more.
	var filled atomic.Bool
	now := func() time.Time {
		if filled.Load() {
			return time.Now()
		}
		return time.Now().Add(-24 * time.Hour)
	}
	hl, err := twinhighlevel.New(twinhighlevel.Config{Seed: 1, Instant: true, AllowDuplicates: true, Now: now})
	if err != nil {
		return err
	}
	gl, err := twingleap.New(twingleap.Config{Seed: 1, Instant: true, Now: now})
	if err != nil {
		return err
	}
	inHL, inGL, people, n := enginetest.Crowd{}, enginetest.Crowd{}, 0, 0
	for ; n < records; people++ {
		there, here := enginetest.PoorlyKeyed(people)
		for _, who := range there {
			gl.PersonCreatesContact(who)
		}
		for _, who := range here {
			if hl.PersonCreatesContact(who) == "" {
				return fmt.Errorf("the twin refused %v", who)
			}
		}
		inGL[people], inHL[people] = len(there), len(here)
		n += len(there) + len(here)
	}
	filled.Store(true)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s, err := serveTwins(hl, gl, exec.Command(self, serving))
	if err != nil {
		return err
	}
	defer s.close()
	id, err := s.automate("contacts-in-sync")
	if err != nil {
		return err
	}
	begin := time.Now()
	shown, err := s.dryRun(id)
	if err != nil {
		return fmt.Errorf("look: %w", err)
	}
	line(fmt.Sprintf("first sync of %d records with poor keys: the look", n), time.Since(begin).Round(time.Second).String(), "")
	line("  would be created, linked, filled, put to a person", fmt.Sprintf("%d, %d, %d, %d", shown.Counts[automation.Create], shown.Counts[automation.Linked], shown.Counts[automation.Update], shown.Counts[automation.Decide]), "")
	line("  peak resident memory of the server", fmt.Sprintf("%.0f MB", peakMemory(s.cmd.Process.Pid)), "")
	begin, wrote := time.Now(), float64(shown.Counts[automation.Create]+shown.Counts[automation.Update])
	reads, writes, err := s.spent(func() error {
		_, _, err := s.form("/plans/"+shown.ID+"/apply", url.Values{"matching": {"sure none only_target doubtful double_source double_target"}, "confirm": {"yes"}})
		if err != nil {
			return err
		}
		_, err = s.ended(shown.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("carry out: %w", err)
	}
	line("  carried out", time.Since(begin).Round(time.Second).String(), "")
	line("  records written, for each of them writes and reads", fmt.Sprintf("%.0f, %.3f, %.3f", wrote, writes/wrote, reads/wrote), "≤ 1.05, ≤ 0.02")
	again, err := s.dryRun(id)
	if err != nil {
		return fmt.Errorf("look again: %w", err)
	}
	line("  would still be created", fmt.Sprint(again.Counts[automation.Create]), "0")
	line("  peak resident memory of the server in all", fmt.Sprintf("%.0f MB", peakMemory(s.cmd.Process.Pid)), "≤ 150 MB")

	nowHL, nowGL := enginetest.Crowd{}, enginetest.Crowd{}
	for _, c := range hl.Snapshot().Contacts {
		nowHL.Count(strings.TrimSpace(c.FirstName + " " + c.LastName))
	}
	for _, s := range gl.Sessions() {
		nowGL.Count(fmt.Sprint(s["name"]))
	}
	known := func(i int) bool { return i >= 0 && i < people }
	doublesHL, lostHL := nowHL.Against(inHL, known)
	doublesGL, lostGL := nowGL.Against(inGL, known)
	missing := 0
	for i := range people {
		if enginetest.SureToArrive(i) && nowHL[i] == 0 {
			missing++
		}
	}
	line("  doubles made", fmt.Sprint(doublesHL+doublesGL), "0")
	line("  records lost", fmt.Sprint(lostHL+lostGL), "0")
	line("  unmistakable people who did not arrive", fmt.Sprint(missing), "0")
	if doublesHL+doublesGL+lostHL+lostGL+missing+again.Counts[automation.Create] > 0 {
		return errors.New("the first sync made doubles or lost somebody")
	}
	return nil
}
