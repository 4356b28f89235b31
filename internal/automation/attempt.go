package automation

import (
	"encoding/json"
	"slices"
	"time"

	"crosswalk/internal/provider"
)

// Attempt is one try of a run. A run holds the steps of its newest; the earlier ones are kept beside it.
type Attempt struct {
	Number  int      `json:"number"`
	Version int      `json:"version"` // of the automation: it may have been changed between two attempts
	State   RunState `json:"state"`   // Running: it never came to its end
	Outcome Outcome  `json:"outcome,omitempty"`
	Code    string   `json:"code,omitempty"`
	Summary string   `json:"summary,omitempty"`
	LeftOut int      `json:"leftOut,omitempty"` // attempts right before this one that are not kept
	Steps   []Step   `json:"steps"`
}

// StartedAt is when the attempt began; zero when nothing of it is kept.
func (a Attempt) StartedAt() time.Time {
	if len(a.Steps) == 0 {
		return time.Time{}
	}
	return a.Steps[0].At
}

// Took is how long it took.
func (a Attempt) Took() time.Duration {
	if len(a.Steps) == 0 {
		return 0
	}
	last := a.Steps[len(a.Steps)-1]
	return last.At.Add(last.Took).Sub(a.StartedAt())
}

const (
	// A run may be tried for weeks. How it began says why, how it went last says how it stands; what lies between is
	// mostly the same again.
	firstAttempts = 3
	lastAttempts  = 5
)

// Attempt is what the run holds of its newest attempt.
func (r Run) Attempt() Attempt {
	return Attempt{Number: r.Attempts, Version: r.Version, State: r.State, Outcome: r.Outcome, Code: r.Code, Summary: r.Summary, Steps: r.Steps}
}

// KeepAttempts leaves of the earlier attempts the first and the last ones; the one after a gap counts what is left out.
func KeepAttempts(earlier []Attempt) []Attempt {
	if len(earlier) <= firstAttempts+lastAttempts {
		return earlier
	}
	from := len(earlier) - lastAttempts
	left := 0
	for _, a := range earlier[firstAttempts:from] {
		left += 1 + a.LeftOut
	}
	kept := slices.Concat(earlier[:firstAttempts], earlier[from:])
	kept[firstAttempts].LeftOut += left
	return kept
}

// maxSteps bounds the stored form of an attempt's steps, in bytes. An ordinary attempt takes a few thousand.
const maxSteps = 128 << 10

// EncodeSteps and DecodeSteps are the stored form of a run's steps. What is too large loses its largest parts, and says so.
func EncodeSteps(steps []Step) ([]byte, error) {
	doc, err := json.Marshal(steps)
	for _, lighten := range []func([]Step) []Step{shortBodies, noBodies, noPlans, fewSteps} {
		if err != nil || len(doc) <= maxSteps {
			break
		}
		steps = lighten(steps)
		doc, err = json.Marshal(steps)
	}
	return doc, err
}

// DecodeSteps reads what EncodeSteps wrote; empty input is no steps.
func DecodeSteps(b []byte) ([]Step, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var steps []Step
	err := json.Unmarshal(b, &steps)
	return steps, err
}

const (
	bodyNotKept = "(not kept: this attempt made too many large calls)"
	planNotKept = "The plan was too large to keep."
	// Of steps without bodies and plans this many are below the bound, whatever is in their words.
	mostSteps = 20
	mostWords = 256
)

func withBodies(steps []Step, edit func(string) string) []Step {
	steps = slices.Clone(steps)
	for i := range steps {
		calls := slices.Clone(steps[i].Calls)
		for j := range calls {
			calls[j].Request, calls[j].Response = edit(calls[j].Request), edit(calls[j].Response)
		}
		steps[i].Calls = calls
	}
	return steps
}

func shortBodies(steps []Step) []Step {
	return withBodies(steps, func(body string) string { return shortened(body, 256) })
}

func noBodies(steps []Step) []Step {
	return withBodies(steps, func(body string) string {
		if body == "" {
			return ""
		}
		return bodyNotKept
	})
}

func noPlans(steps []Step) []Step {
	steps = slices.Clone(steps)
	for i := range steps {
		if steps[i].Plan != nil {
			steps[i].Plan = nil
			if steps[i].Detail != "" {
				steps[i].Detail += " "
			}
			steps[i].Detail += planNotKept
		}
	}
	return steps
}

// fewSteps keeps how the attempt began and how it ended.
func fewSteps(steps []Step) []Step {
	if gap := len(steps) - mostSteps; gap > 0 {
		middle := Step{Kind: StepEvent, At: steps[mostSteps/2].At, OK: true, Title: "More steps than are kept", Detail: "What lies between was too much to keep."}
		steps = slices.Concat(steps[:mostSteps/2], []Step{middle}, steps[len(steps)-mostSteps/2:])
	}
	steps = slices.Clone(steps)
	for i := range steps {
		s := &steps[i]
		s.Title, s.Detail, s.Words = shortened(s.Title, mostWords), shortened(s.Detail, mostWords), shortened(s.Words, mostWords)
		if len(s.Calls) > 2 {
			s.Calls = []provider.Call{s.Calls[0], s.Calls[len(s.Calls)-1]}
		}
		calls := slices.Clone(s.Calls)
		for j := range calls {
			calls[j].Path, calls[j].Error = shortened(calls[j].Path, mostWords/2), shortened(calls[j].Error, mostWords/2)
		}
		s.Calls = calls
	}
	return steps
}

// shortened cuts a text to about n bytes, between two characters.
func shortened(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
