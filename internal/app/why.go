package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

const (
	whyHits    = 20
	whyEntries = 30
)

// whyCommand tells a record's story as its page does. Several records of a name are listed, for one to be chosen.
func whyCommand(ctx context.Context, c *call) error {
	asJSON := c.flags.Bool("json", false, "one JSON object: the record, the answer, the timeline")
	var words []string
	for len(c.args) > 0 && !strings.HasPrefix(c.args[0], "-") {
		words, c.args = append(words, c.args[0]), c.args[1:]
	}
	q := strings.Join(words, " ")
	if strings.TrimSpace(q) == "" {
		fmt.Fprintf(c.Err, "crosswalk %s: say which record, by name, email or id.\n", c.flags.Name())
		return errUsage
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	hits, err := h.store.FindRecords(ctx, q, whyHits)
	if err != nil {
		return err
	}
	switch len(hits) {
	case 0:
		return fmt.Errorf("nothing is known of %q: no webhook, poll, run or plan has named it of late", q)
	case 1:
		return h.why(ctx, c.Out, hits[0], *asJSON)
	}
	for _, hit := range hits {
		fmt.Fprintf(c.Err, "  %s  %s  (%s)\n", hit.Record, hit.Title, stamped(hit.SeenAt))
	}
	return fmt.Errorf("%q is the name of %d records; say which one as it stands above", q, len(hits))
}

func (h *house) why(ctx context.Context, out io.Writer, hit engine.RecordHit, asJSON bool) error {
	story, err := engine.Tell(ctx, h.store, h.store, hit.Record, engine.TimelineMark{}, whyEntries)
	if err != nil {
		return err
	}
	answer := engine.Why(story)
	if asJSON {
		return json.NewEncoder(out).Encode(whyDocument(hit, story, answer))
	}
	fmt.Fprintf(out, "%s  %s\n", hit.Title, hit.Record)
	for _, other := range hit.Counterparts {
		fmt.Fprintf(out, "  linked with %s\n", other)
	}
	fmt.Fprintf(out, "%s\n", answer.Sentence)
	if len(answer.Reasons) > 1 {
		for _, r := range answer.Reasons {
			fmt.Fprintf(out, "  %s: %s (%s)\n", r.Name, r.Sentence, strings.TrimSpace(r.Code+" "+r.Run))
		}
	}
	for _, e := range story.Entries {
		when := "now"
		if !e.At.IsZero() && e.Kind != engine.EntryDue {
			when = stamped(e.At)
		}
		fmt.Fprintf(out, "%-23s  %s\n", when, entryWords(e, story.Automations))
		for _, line := range entryDetails(e, story.Automations) {
			fmt.Fprintf(out, "%23s    %s\n", "", line)
		}
	}
	if story.More {
		fmt.Fprintln(out, "There is more: its page shows all of it.")
	}
	return nil
}

// stamped is a moment told by the clock.
func stamped(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

func nameOf(id automation.ID, all []automation.Automation) string {
	for _, a := range all {
		if a.ID == id {
			return a.Name
		}
	}
	return string(id)
}

// entryWords is an entry in one line.
func entryWords(e engine.TimelineEntry, all []automation.Automation) string {
	switch {
	case e.Arrival != nil:
		a := e.Arrival.Event
		return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", a.Kind, a.Ref, a.Change, a.Name))
	case e.Run != nil:
		return fmt.Sprintf("“%s”: %s (%s %s)", nameOf(e.Run.Automation, all), engine.Sentence(e.Run.Run), e.Run.Code, e.ID)
	case e.Review != nil:
		return fmt.Sprintf("%s question of “%s”: %s (%s)", e.Review.State, nameOf(e.Review.Automation, all), e.Review.Plan.Reason, e.ID)
	case e.Link != nil:
		return fmt.Sprintf("linked: %s and %s. %s", e.Link.Source, e.Link.Target, e.Link.Evidence)
	case e.Due != nil:
		return fmt.Sprintf("%s for “%s”", e.Due.State, nameOf(e.Due.Key.Automation, all))
	}
	return string(e.Kind)
}

// entryDetails is what an arrival came to, and what a run wrote.
func entryDetails(e engine.TimelineEntry, all []automation.Automation) []string {
	var lines []string
	switch {
	case e.Arrival != nil:
		fates := engine.Fates(*e.Arrival, all)
		for _, f := range fates {
			lines = append(lines, fmt.Sprintf("%s: %s (%s)", f.Name, f.Sentence, f.Code))
		}
		if len(fates) == 0 {
			lines = append(lines, "No automation watches this. ("+engine.WhyUnwatched+")")
		}
	case e.Run != nil:
		lines = append(attemptLines(e.Run.Run), stepLines(e.Run.Steps, len(e.Run.Changes) > 0)...)
		for _, ch := range e.Run.Changes {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", ch.Op, ch.Target, ch.State, ch.Error)))
			for _, f := range ch.Fields {
				line := fmt.Sprintf("  %s: “%s” → “%s”", f.Label, f.Before, f.After)
				if held, read := ch.After[f.Field]; read && ch.State == automation.Done && ch.Op != automation.Delete && held.String() != f.After.String() {
					line += fmt.Sprintf(", read back as “%s”", held)
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// stepLines are what a run did and decided, with the value each condition saw, what the mapping gave for each field, and
// the calls with their answers. What was written is told by the changes, where there are any.
func stepLines(steps []automation.Step, wrote bool) []string {
	var lines []string
	for _, st := range steps {
		mark := "✓"
		if !st.OK {
			mark = "✗"
		}
		if st.Title != "" {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s. %s", mark, strings.TrimSuffix(st.Title, "."), st.Detail)))
		}
		if st.Advice != "" {
			lines = append(lines, "    "+st.Advice)
		}
		if st.Plan != nil {
			lines = append(lines, checkLines(st.Plan.Verdict.Root)...)
			if st.Kind == automation.StepPlan {
				lines = append(lines, fieldLines(st.Plan.Fields, wrote)...)
			}
		}
		for _, call := range st.Calls {
			lines = append(lines, "    "+callWords(call))
		}
	}
	return lines
}

// checkLines are the conditions of a rule, each with what it saw.
func checkLines(check rule.Check) []string {
	var lines []string
	for _, inner := range check.Checks {
		lines = append(lines, checkLines(inner)...)
	}
	if len(check.Checks) > 0 || check.Label == "" {
		return lines
	}
	words := "holds"
	switch {
	case check.Broken != "":
		words = "can never hold: " + check.Broken
	case !check.Passed:
		words = "does not hold"
	}
	saw := "it is empty"
	if check.Got != "" {
		saw = "it is “" + check.Got + "”"
	}
	return append(lines, fmt.Sprintf("    %s: %s (%s)", check.Label, words, saw))
}

// fieldLines are the fields that a plan looked at and that were not written; what was is told by the change.
func fieldLines(fields []automation.FieldPlan, wrote bool) []string {
	var lines []string
	for _, f := range fields {
		if f.Action == automation.Set || f.Action == automation.AddTo {
			if !wrote {
				lines = append(lines, fmt.Sprintf("    %s: “%s” → “%s” would be written.", f.Label, f.Before, f.After))
			}
			continue
		}
		if f.Reason == "" {
			continue
		}
		line := fmt.Sprintf("    %s: %s", f.Label, f.Reason)
		if !f.Before.IsEmpty() {
			line += fmt.Sprintf(" It holds “%s”.", f.Before)
		}
		if !f.Offered.IsEmpty() {
			line += fmt.Sprintf(" The other side gives “%s”.", f.Offered)
		}
		lines = append(lines, line)
	}
	return lines
}

// callWords is a call with its answer in one line.
func callWords(call provider.Call) string {
	answer := "no answer"
	if call.Status != 0 {
		answer = strconv.Itoa(call.Status)
	}
	words := fmt.Sprintf("%s %s: %s", call.Method, call.Path, answer)
	if call.TraceID != "" {
		words += " (trace id " + call.TraceID + ")"
	}
	return words
}

// attemptLines tell the attempts of a run that was tried more than once.
func attemptLines(r automation.Run) []string {
	if len(r.Earlier) == 0 {
		return nil
	}
	var lines []string
	line := func(a automation.Attempt, sentence string) {
		if a.LeftOut > 0 {
			lines = append(lines, fmt.Sprintf("… %d in between are not kept", a.LeftOut))
		}
		words := fmt.Sprintf("attempt %d, %s: %s", a.Number, stamped(a.StartedAt()), sentence)
		for _, st := range a.Steps {
			for _, call := range st.Calls {
				if call.Status < 200 || call.Status >= 300 {
					words += " " + callWords(call)
				}
			}
		}
		lines = append(lines, words)
	}
	for _, a := range r.Earlier {
		line(a, engine.AttemptSentence(a))
	}
	line(r.Attempt(), engine.Sentence(r))
	return lines
}

// document is the answer for programs.
type document struct {
	Record       record.Ref      `json:"record"`
	Counterparts []record.Ref    `json:"counterparts"`
	Title        string          `json:"title"`
	Answer       engine.Answer   `json:"answer"`
	Timeline     []documentEntry `json:"timeline"`
}

type documentEntry struct {
	Kind     engine.TimelineKind `json:"kind"`
	ID       string              `json:"id"`
	At       time.Time           `json:"at"`
	Sentence string              `json:"sentence"`
	Event    *documentEvent      `json:"event,omitempty"`
	Fates    []engine.Fate       `json:"fates,omitempty"`
	Run      *documentRun        `json:"run,omitempty"`
	Review   *documentReview     `json:"review,omitempty"`
	Link     *documentLink       `json:"link,omitempty"`
}

type documentEvent struct {
	Kind   automation.EventKind `json:"kind"`
	Record record.Ref           `json:"record"`
	Change provider.Change      `json:"change"`
	Name   string               `json:"name,omitempty"`
}

type documentRun struct {
	Automation automation.ID       `json:"automation"`
	Version    int                 `json:"version"`
	State      automation.RunState `json:"state"`
	Outcome    automation.Outcome  `json:"outcome,omitempty"`
	Code       string              `json:"code,omitempty"`
	Attempts   int                 `json:"attempts"`
	Steps      []automation.Step   `json:"steps"`             // of the newest attempt
	Earlier    []documentAttempt   `json:"earlier,omitempty"` // attempts before it, oldest first
	Changes    []documentChange    `json:"changes"`
}

type documentAttempt struct {
	automation.Attempt
	At       time.Time `json:"at"`
	Sentence string    `json:"sentence"`
}

type documentChange struct {
	ID     string                 `json:"id"`
	Target record.Ref             `json:"target"`
	Op     automation.Outcome     `json:"op"`
	State  automation.ChangeState `json:"state"`
	Error  string                 `json:"error,omitempty"`
	Fields []automation.FieldPlan `json:"fields"`
	After  record.Fields          `json:"after,omitempty"`
}

type documentReview struct {
	Automation automation.ID          `json:"automation"`
	Kind       automation.ReviewKind  `json:"kind"`
	State      automation.ReviewState `json:"state"`
	Decision   *automation.Decision   `json:"decision,omitempty"`
	DecidedBy  string                 `json:"decidedBy,omitempty"`
}

type documentLink struct {
	Source   record.Ref `json:"source"`
	Target   record.Ref `json:"target"`
	Evidence string     `json:"evidence"`
	Severed  bool       `json:"severed,omitempty"`
}

func whyDocument(hit engine.RecordHit, story engine.Story, answer engine.Answer) document {
	d := document{Record: hit.Record, Counterparts: append([]record.Ref{}, hit.Counterparts...), Title: hit.Title, Answer: answer, Timeline: []documentEntry{}}
	for _, e := range story.Entries {
		out := documentEntry{Kind: e.Kind, ID: e.ID, At: e.At, Sentence: entryWords(e, story.Automations)}
		switch {
		case e.Arrival != nil:
			ev := e.Arrival.Event
			out.Event, out.Fates = &documentEvent{ev.Kind, ev.Ref, ev.Change, ev.Name}, engine.Fates(*e.Arrival, story.Automations)
		case e.Run != nil:
			out.Sentence = engine.Sentence(e.Run.Run)
			run := documentRun{e.Run.Automation, e.Run.Version, e.Run.State, e.Run.Outcome, e.Run.Code, e.Run.Attempts, e.Run.Steps, nil, []documentChange{}}
			for _, a := range e.Run.Earlier {
				run.Earlier = append(run.Earlier, documentAttempt{a, a.StartedAt(), engine.AttemptSentence(a)})
			}
			for _, ch := range e.Run.Changes {
				run.Changes = append(run.Changes, documentChange{ch.ID, ch.Target, ch.Op, ch.State, ch.Error, ch.Fields, ch.After})
			}
			out.Run = &run
		case e.Review != nil:
			q := documentReview{Automation: e.Review.Automation, Kind: e.Review.Kind, State: e.Review.State, DecidedBy: e.Review.DecidedBy}
			if q.DecidedBy != "" {
				q.Decision = &e.Review.Decision
			}
			out.Review = &q
		case e.Link != nil:
			out.Link = &documentLink{e.Link.Source, e.Link.Target, e.Link.Evidence, e.Link.Severed}
		}
		d.Timeline = append(d.Timeline, out)
	}
	return d
}
