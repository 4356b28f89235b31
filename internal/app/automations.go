package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/people"
	"crosswalk/web/ui"
)

// commandLine is who did what a command did, where people are named.
const commandLine = "command line"

func automationsCommand(ctx context.Context, c *call) error {
	asJSON := c.flags.Bool("json", false, "one JSON object an automation, with its definition")
	words, err := c.upTo(1)
	if err != nil {
		return err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	all, err := h.automationsNamed(ctx, words)
	if err != nil {
		return err
	}
	if len(all) == 0 && !*asJSON {
		fmt.Fprintln(c.Out, "There is no automation yet.")
	}
	for _, a := range all {
		if *asJSON {
			if err := json.NewEncoder(c.Out).Encode(a); err != nil {
				return err
			}
			continue
		}
		waits := ""
		if a.Next != nil {
			waits = fmt.Sprintf("; version %d is not live yet", a.Next.Number)
		}
		fmt.Fprintf(c.Out, "%s  %s: %s, version %d%s\n", a.ID, a.Name, a.State, a.Version, waits)
		if a.PausedWhy != "" {
			fmt.Fprintf(c.Out, "    %s\n", a.PausedWhy)
		}
		if len(words) > 0 {
			for _, s := range h.mayDo(a.Definition) {
				fmt.Fprintf(c.Out, "    %s\n", s)
			}
			if err := h.showHeld(ctx, c, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// heldShown is how many records that a brake holds are named.
const heldShown = 10

// showHeld says what an automation that stopped by itself holds, what it would have written, and how to answer it.
func (h *house) showHeld(ctx context.Context, c *call, a automation.Automation) error {
	if a.State != automation.Paused || a.PausedWhy == "" {
		return nil
	}
	waiting, due, err := h.store.HeldWork(ctx, a.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "    %s for it\n", ui.Count(waiting+due, "record waits", "records wait"))
	works, err := h.store.HeldRecords(ctx, a.ID, heldShown)
	if err != nil {
		return err
	}
	for _, w := range works {
		fmt.Fprintf(c.Out, "      %s\n", w.Source)
		if w.RunID == "" {
			continue
		}
		run, err := h.store.Run(ctx, w.RunID)
		if errors.Is(err, engine.ErrNotFound) {
			continue // it was pruned
		}
		if err != nil {
			return err
		}
		for _, step := range run.Steps {
			if step.Plan == nil || !step.Plan.Writes() {
				continue
			}
			for _, f := range step.Plan.Fields {
				if f.Action == automation.Set || f.Action == automation.AddTo {
					fmt.Fprintf(c.Out, "        %s: “%s” → “%s” would be written\n", f.Label, f.Before, f.After)
				}
			}
		}
	}
	fmt.Fprintf(c.Out, "    to see what would be written to everyone: crosswalk plan %s\n"+
		"    to let it go on once: crosswalk switch %[1]s on\n"+
		"    with a higher limit: crosswalk set %[1]s --changes N (or another brake), then crosswalk switch %[1]s on\n", a.ID)
	return nil
}

// recognisedBy begins the sentence about match keys.
const recognisedBy = "recognised by: "

// mayDo says in sentences what a definition may do.
func (h *house) mayDo(d automation.Definition) []string {
	may := func(yes bool, what string) string {
		if yes {
			return what
		}
		return "no " + what
	}
	l := d.Limits.Effective()
	limit := func(n int) string {
		if n == 0 {
			return "any number of"
		}
		return strconv.Itoa(n)
	}
	out := []string{
		fmt.Sprintf("from %s %s to %s %s: %s, %s", d.Source.Provider, d.Source.Object, d.Target.Provider, d.Target.Object, may(d.Create, "creates"), may(d.Update, "updates")),
		recognisedBy + d.KeyWords(),
		"first meeting: " + cmp.Or(string(d.First), firstByRows),
		"deleted records: " + deletesWords(d),
		fmt.Sprintf("brakes: %s changes and %s deletes an hour, %s%% of everyone in one run (%s%% deleted), %s changes and %s deletes in one run",
			limit(l.ChangesPerHour), limit(l.DeletesPerHour), limit(l.Share), limit(l.DeleteShare), limit(l.ChangesPerRun), limit(l.DeletesPerRun)),
	}
	if d.TwoWay() {
		out = slices.Insert(out, 1, "and back: "+may(d.CreateSource, "creates"))
	}
	if d.SaveCalls {
		out = append(out, "saves calls")
	}
	return out
}

func deletesWords(d automation.Definition) string {
	del := d.Deletes
	words := cmp.Or(string(del.Policy), deletesNothing)
	if del.Policy != automation.DeleteMark && del.Policy != automation.DeleteDelete {
		return words
	}
	if del.Policy == automation.DeleteMark {
		words += fmt.Sprintf(" with “%s”", del.Value)
		if d.DeletionCounts(automation.SourceSide) {
			words += ", in the target in " + del.Field
		}
		if d.DeletionCounts(automation.TargetSide) && del.SourceField != "" {
			words += ", in the source in " + del.SourceField
		}
	}
	if on := d.DeletedOn(); on != automation.DeletedAnywhere {
		words += "; only deletions in the " + string(on) + " count"
	}
	return words
}

// The words for what a definition leaves empty.
const (
	firstByRows    = "rows"
	deletesNothing = "nothing"
	limitDefault   = "default"
	limitNone      = "none"
)

func switchCommand(ctx context.Context, c *call) error {
	h, a, words, err := c.onAutomation(ctx, "on or paused")
	if err != nil {
		return err
	}
	defer h.close()
	return h.switchTo(ctx, c, a, automation.State(words[0]))
}

func (h *house) switchTo(ctx context.Context, c *call, a automation.Automation, to automation.State) (err error) {
	act := h.act(ctx, a.Workspace, people.AuditAutomationState, string(a.ID), a.Name, string(a.State), string(to))
	switch {
	case to == automation.On && a.State == automation.Paused:
		if err := h.fit(ctx, a); err != nil {
			return fmt.Errorf("not switched on: %w", err)
		}
		err = h.store.ResumeAutomation(act, a.ID)
	case to == automation.Paused && a.State != automation.Draft:
		err = h.store.SetState(act, a.ID, automation.Paused, "")
	case to == a.State:
	case a.State == automation.Draft:
		return errors.New("it has never been on: switch it on from its page, where everything it needs is checked")
	default:
		return fmt.Errorf("%q is neither on nor paused", to)
	}
	if err != nil {
		return err
	}
	if to == automation.On {
		fmt.Fprintln(c.Out, "It is on. What was held is carried now, and its brakes count from here.")
		p, ok, err := h.store.PausedPopulation(ctx, a.ID)
		if err != nil || !ok {
			return err
		}
		why := "somebody paused it"
		switch {
		case p.Braked():
			why = "a brake stopped it"
		case p.Problem != "":
			why = "it was paused with the automation"
		}
		fmt.Fprintf(c.Out, "Plan %s still waits after %d of %d records: %s. To let it go on: crosswalk plans resume %s\n", p.ID, p.Done, max(p.Total, p.Done), why, p.ID)
	} else {
		fmt.Fprintln(c.Out, "It is paused. What is due waits, and nothing is lost.")
	}
	return nil
}

func setCommand(ctx context.Context, c *call) error {
	create := c.flags.String("create", "", "make records in the target where there is none: yes or no")
	update := c.flags.String("update", "", "change records that are there already: yes or no")
	first := c.flags.String("first", "", "when two records meet and differ: fill_empty, link_only, or rows (each row's owner decides)")
	createSource := c.flags.String("create-source", "", "make records in the source too, where rows lead back: yes or no")
	var deletes deletesOrders
	c.flags.StringVar(&deletes.policy, "deletes", "", "when a record was deleted: nothing, unlink, mark or delete")
	c.flags.StringVar(&deletes.on, "deleted-on", "", "of --deletes mark and delete, deletions on which side count: source, target or anywhere")
	c.flags.StringVar(&deletes.value, "mark", "", "of --deletes mark: what the other record is marked with")
	c.flags.StringVar(&deletes.field, "mark-in", "", "of --deletes mark: the field of the target it is marked in; crosswalk rows --fields lists them")
	c.flags.StringVar(&deletes.sourceField, "mark-source-in", "", "of --deletes mark: the field of the source")
	changes := c.flags.String("changes", "", "brake: changes an hour; a number, default or none")
	deletions := c.flags.String("deletions", "", "brake: deletes an hour; a number, default or none")
	share := c.flags.String("share", "", "brake: percent of everyone in one run; a number, default or none")
	deleteShare := c.flags.String("delete-share", "", "brake: percent of everyone deleted in one run, or in an hour; a number, default or none")
	runChanges := c.flags.String("run-changes", "", "brake: records changed or deleted in one run; a number, default or none")
	runDeletions := c.flags.String("run-deletions", "", "brake: records deleted in one run; a number, default or none")
	saveCalls := c.flags.String("save-calls", "", "write without looking at the target first (decision 0018): yes or no")
	h, a, _, err := c.onAutomation(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	works := a
	a = a.Edited()
	d := a.Definition
	yes := func(flag, given string, into *bool) error {
		switch given {
		case "":
		case "yes", "no":
			*into = given == "yes"
		default:
			return fmt.Errorf("--%s is yes or no, not %q", flag, given)
		}
		return nil
	}
	limit := func(flag, given string, most int, into *int) error {
		switch n, err := strconv.Atoi(given); {
		case given == "":
		case given == limitDefault:
			*into = 0
		case given == limitNone:
			*into = -1
		case err != nil || n < 1 || n > most:
			return fmt.Errorf("--%s is a whole number from 1 to %d, default or none, not %q", flag, most, given)
		default:
			*into = n
		}
		return nil
	}
	if *first != "" {
		d.First = automation.FirstMeeting(strings.TrimPrefix(*first, firstByRows))
	}
	d.Deletes = deletes.apply(d.Deletes)
	limits := func(l *automation.Limits) error {
		return errors.Join(
			limit("changes", *changes, 1_000_000, &l.ChangesPerHour), limit("deletions", *deletions, 1_000_000, &l.DeletesPerHour), limit("share", *share, 100, &l.Share),
			limit("delete-share", *deleteShare, 100, &l.DeleteShare), limit("run-changes", *runChanges, 1_000_000, &l.ChangesPerRun), limit("run-deletions", *runDeletions, 1_000_000, &l.DeletesPerRun),
		)
	}
	if err := errors.Join(
		yes("create", *create, &d.Create), yes("create-source", *createSource, &d.CreateSource), yes("update", *update, &d.Update), yes("save-calls", *saveCalls, &d.SaveCalls), limits(&d.Limits),
	); err != nil {
		return err
	}
	switch {
	case !d.First.Valid():
		return fmt.Errorf("--first is fill_empty, link_only or rows, not %q", *first)
	case !d.Deletes.Valid():
		return fmt.Errorf("--deletes is nothing, unlink, mark or delete, not %q", deletes.policy)
	case !d.Deletes.On.Valid():
		return fmt.Errorf("--deleted-on is source, target or anywhere, not %q", deletes.on)
	case deletes.marks() && d.Deletes.Policy != automation.DeleteMark:
		return errors.New("--mark, --mark-in and --mark-source-in say how records are marked: say --deletes mark too")
	case deletes.on != "" && d.Deletes.On == "":
		return errors.New("--deleted-on is for --deletes mark and delete: nothing else is done on one side only")
	case d.CreateSource && !d.TwoWay() && *createSource != "":
		return errors.New("--create-source is only for automations with a row that leads back")
	case d.SaveCalls && !d.LeadsOneWay():
		return errors.New("--save-calls is only for automations whose every row leads one way, with the source having the last word")
	case len(automation.Diff(a.Definition, d)) == 0:
		fmt.Fprintln(c.Out, "Nothing to change.")
		return nil
	}
	if a.Definition.Deletes != d.Deletes {
		if err := h.deletesFit(ctx, a, d); err != nil {
			return err
		}
	}
	if works.Next != nil && answersBrake(works, d) {
		raised := func(def automation.Definition) automation.Definition {
			_ = limits(&def.Limits) // what was given has been read once already
			return def
		}
		const note = "raised the limit"
		saved, err := h.store.SaveLive(h.act(ctx, a.Workspace, people.AuditAutomationSave, string(a.ID), a.Name, fmt.Sprint("version ", a.Version), note), a.ID, a.Version, raised, commandLine, note)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "Saved as version %d, which counts at once, and in the changes that are not live yet. To let it go on: crosswalk switch %s on\n", saved.Version, a.ID)
		return nil
	}
	if a, err = h.saveEdit(ctx, a, d, "changed what it may do"); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Saved as version %s\n", savedAs(a))
	for _, s := range h.mayDo(a.Edited().Definition) {
		fmt.Fprintf(c.Out, "    %s\n", s)
	}
	return nil
}

// deletesOrders are what is to become of the policy for deleted records.
type deletesOrders struct{ policy, on, value, field, sourceField string }

func (o deletesOrders) marks() bool { return o.value+o.field+o.sourceField != "" }

func (o deletesOrders) apply(d automation.Deletes) automation.Deletes {
	if o.policy != "" {
		d.Policy = automation.DeletePolicy(strings.TrimPrefix(o.policy, deletesNothing))
	}
	d.On = cmp.Or(automation.DeletedOn(o.on), d.On)
	if d.Policy == automation.DeleteNothing || d.Policy == automation.DeleteUnlink {
		d.On = "" // nothing that would count on one side only
	}
	d.Value, d.Field, d.SourceField = cmp.Or(o.value, d.Value), cmp.Or(o.field, d.Field), cmp.Or(o.sourceField, d.SourceField)
	return d
}

// deletesFit says what keeps a policy for deleted records from being carried out: what the page asks before it saves one.
func (h *house) deletesFit(ctx context.Context, a automation.Automation, d automation.Definition) error {
	if d.Deletes.Policy != automation.DeleteMark && d.Deletes.Policy != automation.DeleteDelete {
		return nil // no account has anything to do with it
	}
	a.Definition = d
	tried, err := h.definitions.Try(ctx, a)
	if err != nil {
		return unasked(err)
	}
	as := func(e automation.Endpoint, side engine.Side) engine.DeletesEnd {
		return engine.DeletesEnd{Side: side, Name: h.providers.descriptors()[e.Provider].Name}
	}
	source := as(d.Source, engine.Side{Schema: tried.Source, Object: tried.SourceObject})
	target := as(d.Target, engine.Side{Schema: tried.Target, Object: tried.TargetObject})
	flags := map[engine.DeletesPart]string{engine.PartMark: "--mark-in: ", engine.PartMarkSource: "--mark-source-in: ", engine.PartMarkValue: "--mark: "}
	var wrong []error
	for _, p := range engine.DeletesProblems(d, source, target) {
		wrong = append(wrong, errors.New(flags[p.Part]+p.Words))
	}
	return errors.Join(wrong...)
}

// saveEdit saves what a command made of the automation as it is edited, and says so in the audit log. What a paused one
// watches because of it counts from now on.
func (h *house) saveEdit(ctx context.Context, a automation.Automation, d automation.Definition, note string) (automation.Automation, error) {
	saved, err := h.store.SaveEdit(h.act(ctx, a.Workspace, people.AuditAutomationSave, string(a.ID), a.Name, fmt.Sprint("version ", a.Version), note), a.ID, a.Version, d, commandLine, note)
	switch {
	case errors.Is(err, engine.ErrConflict):
		return saved, fmt.Errorf("somebody saved it meanwhile, so nothing was changed; look at what is there now, and say it again if it is still wanted: %w", err)
	case err != nil || saved.Next != nil:
		return saved, err
	}
	return saved, engine.WatchSaved(ctx, h.store, h.providers.descriptors(), a.Definition, saved, time.Now())
}

// answersBrake reports that other brakes, and nothing else, are wanted for an automation that a brake holds: as on the page
// that does not wait with what else is edited.
func answersBrake(a automation.Automation, wanted automation.Definition) bool {
	differs := automation.Diff(a.Edited().Definition, wanted)
	return a.State == automation.Paused && a.PausedWhy != "" && len(differs) == 1 && differs[0].Area == automation.AreaLimits
}

// savedAs names the version that was just saved, and says what to do where it waits.
func savedAs(a automation.Automation) string {
	switch {
	case a.Next != nil:
	case a.State == automation.Paused:
		return strconv.Itoa(a.Version) + ", which counts once it goes on: crosswalk switch " + string(a.ID) + " on"
	default:
		return strconv.Itoa(a.Version) + "."
	}
	return fmt.Sprintf("%d, which is not live yet. crosswalk versions %s --try-next shows what it would do otherwise than now; --live makes it count, --discard throws it away.", a.Next.Number, a.ID)
}

func versionsCommand(ctx context.Context, c *call) error {
	diff := c.flags.String("diff", "", "what differs between two: 3,5")
	try := c.flags.Int("try", 0, "what the automation as it is now would do otherwise than this version, over everyone; writes nothing")
	back := c.flags.Int("back", 0, "go back to this version, which becomes a new one")
	tryNext := c.flags.Bool("try-next", false, "what the version that is not live yet would do otherwise than the one that is, over everyone; writes nothing")
	live := c.flags.Bool("live", false, "put the version live that is not yet")
	discard := c.flags.Bool("discard", false, "throw the version away that is not live yet")
	h, a, _, err := c.onAutomation(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	switch {
	case *diff != "":
		return h.showDiff(ctx, c, a, *diff)
	case *try > 0:
		if _, err := h.store.Version(ctx, a.ID, *try); err != nil {
			return err
		}
		return h.look(ctx, c, a, engine.Population{Mode: engine.ModeCompare, Of: strconv.Itoa(*try)})
	case (*tryNext || *live || *discard) && a.Next == nil:
		return errors.New("no version waits to be put live")
	case *tryNext:
		return h.look(ctx, c, a.Edited(), engine.Population{Mode: engine.ModeCompare, Of: strconv.Itoa(a.Version)})
	case *live:
		return h.putLive(ctx, c, a)
	case *discard:
		note := fmt.Sprintf("version %d: thrown away, and never was live", a.Next.Number)
		if _, err := h.store.DiscardNext(h.act(ctx, a.Workspace, people.AuditAutomationSave, string(a.ID), a.Name, fmt.Sprint("version ", a.Version), note), a.ID, a.Next.Number); err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "Thrown away. Version %d stays as it is.\n", a.Version)
		return nil
	case *back > 0:
		v, err := h.store.Version(ctx, a.ID, *back)
		if err != nil {
			return err
		}
		note := fmt.Sprintf("went back to version %d", *back)
		if a, err = h.saveEdit(ctx, a.Edited(), v.Definition, note); err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "As version %d was: saved as version %s\n", *back, savedAs(a))
		return nil
	}
	all, err := h.store.Versions(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, v := range all {
		now := ""
		switch {
		case v.Number == a.Version:
			now = "  (now)"
		case a.Next != nil && v.Number == a.Next.Number:
			now = "  (not live yet)"
		case v.Discarded:
			now = "  (thrown away)"
		}
		fmt.Fprintf(c.Out, "%4d  %s  %s: %s%s\n", v.Number, v.SavedAt.UTC().Format(time.RFC3339), v.SavedBy, v.Note, now)
	}
	return nil
}

// unasked says why the accounts did not tell which fields there are, and what to do about it.
func unasked(err error) error {
	words := engine.Explain(err, "account", func(field string) string { return field })
	return fmt.Errorf("ask the accounts which fields there are: %s. %s (%w)", words.Title, cmp.Or(words.Advice, words.Detail), err)
}

// fit says what keeps a definition from being worked by: what the page asks before it switches on or puts live.
func (h *house) fit(ctx context.Context, a automation.Automation) error {
	tried, err := h.definitions.Try(ctx, a)
	if err != nil {
		return unasked(err)
	}
	if why := tried.Unfit(); why != "" {
		return errors.New(why)
	}
	return nil
}

// putLive makes the version that waits count. What can never work is refused, as on the page.
func (h *house) putLive(ctx context.Context, c *call, a automation.Automation) error {
	if err := h.fit(ctx, a.Edited()); err != nil {
		return fmt.Errorf("version %d is not put live: %w", a.Next.Number, err)
	}
	note := fmt.Sprintf("version %d: put live", a.Next.Number)
	descriptors := h.providers.descriptors()
	if err := engine.WatchFromNow(ctx, h.store, descriptors, a.ID, engine.WatchedAnew(a.Definition, a.Next.Definition, descriptors), time.Now()); err != nil {
		return err
	}
	a, err := h.store.PutLive(h.act(ctx, a.Workspace, people.AuditAutomationSave, string(a.ID), a.Name, fmt.Sprint("version ", a.Version), note), a.ID, a.Next.Number)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Version %d is live, and counts from the next event.\n", a.Version)
	return nil
}

func (h *house) showDiff(ctx context.Context, c *call, a automation.Automation, pair string) error {
	from, to, _ := strings.Cut(pair, ",")
	var both [2]automation.Version
	for i, word := range []string{from, to} {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil {
			return fmt.Errorf("--diff takes two version numbers, as in 3,5, not %q", pair)
		}
		if both[i], err = h.store.Version(ctx, a.ID, n); err != nil {
			return err
		}
	}
	differences := automation.Diff(both[0].Definition, both[1].Definition)
	if len(differences) == 0 {
		fmt.Fprintln(c.Out, "They do the same.")
	}
	row := func(r mapping.Row) string { return strings.Join(r.Sources, " + ") + " → " + r.Target }
	for _, d := range differences {
		switch {
		case d.Area == automation.AreaMatch:
			fmt.Fprintf(c.Out, "~ %s: %s → %s\n", d.Area, both[0].Definition.KeyWords(), both[1].Definition.KeyWords())
		case d.Area != automation.AreaRow:
			fmt.Fprintf(c.Out, "~ %s\n", d.Area)
		case d.Before == nil:
			fmt.Fprintf(c.Out, "+ %s\n", row(*d.After))
		case d.After == nil:
			fmt.Fprintf(c.Out, "- %s\n", row(*d.Before))
		default:
			aspects := make([]string, len(d.Aspects))
			for i, aspect := range d.Aspects {
				aspects[i] = string(aspect)
			}
			fmt.Fprintf(c.Out, "~ %s: %s\n", row(*d.After), strings.Join(aspects, ", "))
		}
	}
	was, is := h.mayDo(both[0].Definition), h.mayDo(both[1].Definition)
	told := func(words string) bool { return strings.HasPrefix(words, recognisedBy) } // with the match keys, above
	for _, s := range was {
		if !told(s) && !slices.Contains(is, s) {
			fmt.Fprintf(c.Out, "    before: %s\n", s)
		}
	}
	for _, s := range is {
		if !told(s) && !slices.Contains(was, s) {
			fmt.Fprintf(c.Out, "    after:  %s\n", s)
		}
	}
	return nil
}
