package automation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
)

func TestFirstAndLastAttemptsAreKept(t *testing.T) {
	t.Parallel()
	var kept []automation.Attempt
	for n := 1; n <= 400; n++ {
		if n%7 == 6 {
			continue // one that was held while the automation was paused leaves nothing
		}
		kept = automation.KeepAttempts(append(kept, automation.Attempt{Number: n}))
	}
	var numbers []int
	left := 0
	for _, a := range kept {
		numbers = append(numbers, a.Number)
		left += a.LeftOut
	}
	if want := []int{1, 2, 3, 395, 396, 397, 399, 400}; !slices.Equal(numbers, want) {
		t.Errorf("kept %v, want %v", numbers, want)
	}
	if made := 400 - 57; left != made-len(kept) || kept[3].LeftOut != left {
		t.Errorf("%d are said to be left out, of %d", left, made-len(kept))
	}
	if few := kept[:8:8]; len(automation.KeepAttempts(few)) != 8 {
		t.Error("what is few enough is not left alone")
	}
}

func TestStoredStepsAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 128 << 10
	rapid.Check(t, func(rt *rapid.T) {
		text := func(what string) string {
			letters := rapid.SampledFrom([]string{"a", "ü", "<", "\x00", "{\"a\":1}"}).Draw(rt, "letters")
			return strings.Repeat(letters, rapid.IntRange(0, 4096/len(letters)).Draw(rt, what))
		}
		var steps []automation.Step
		for i := range rapid.IntRange(0, 60).Draw(rt, "steps") {
			s := automation.Step{Kind: automation.StepWrite, Title: fmt.Sprint("Step ", i), Detail: text("detail"), Words: text("words")}
			if rapid.Bool().Draw(rt, "plan") {
				s.Plan = &automation.Plan{Reason: text("reason")}
			}
			for range rapid.IntRange(0, 5).Draw(rt, "calls") {
				s.Calls = append(s.Calls, provider.Call{Method: "GET", Path: text("path"), Status: 200, Request: text("request"), Response: text("response"), TraceID: "trace"})
			}
			steps = append(steps, s)
		}
		before := fmt.Sprint(steps)
		doc, err := automation.EncodeSteps(steps)
		if err != nil || len(doc) > bound {
			rt.Fatalf("%d bytes of %d steps, %v", len(doc), len(steps), err)
		}
		if fmt.Sprint(steps) != before {
			rt.Fatal("the steps that were given have changed")
		}
		back, err := automation.DecodeSteps(doc)
		if err != nil || len(steps) > 0 && (back[0].Title != steps[0].Title || back[len(back)-1].Title != steps[len(steps)-1].Title) {
			rt.Fatalf("how it began and ended is lost: %v", err)
		}
	})
}

func TestWhatIsNotKeptIsSaid(t *testing.T) {
	t.Parallel()
	var steps []automation.Step
	for range 40 {
		steps = append(steps, automation.Step{Title: "Read", Calls: []provider.Call{{Method: "GET", Path: "/contacts/1", Status: 500, Response: strings.Repeat("x", 4<<10), TraceID: "trace-1"}}})
	}
	doc, err := automation.EncodeSteps(steps)
	if err != nil {
		t.Fatal(err)
	}
	back, err := automation.DecodeSteps(doc)
	if err != nil {
		t.Fatal(err)
	}
	if c := back[7].Calls[0]; len(back) != 40 || !strings.HasSuffix(c.Response, "…") || c.TraceID != "trace-1" || c.Status != 500 {
		t.Errorf("%d steps, the eighth is answered with %d bytes", len(back), len(c.Response))
	}
	small := []automation.Step{{Title: "Read", Calls: []provider.Call{{Response: strings.Repeat("x", 4<<10)}}}}
	if doc, err := automation.EncodeSteps(small); err != nil || !strings.Contains(string(doc), strings.Repeat("x", 4<<10)) {
		t.Errorf("an ordinary call is shortened: %v", err)
	}
}

func TestAnAttemptTellsItsTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	a := automation.Attempt{Steps: []automation.Step{{At: at, Took: time.Second}, {At: at.Add(time.Second), Took: 2 * time.Second}}}
	if !a.StartedAt().Equal(at) || a.Took() != 3*time.Second {
		t.Errorf("began %v, took %v", a.StartedAt(), a.Took())
	}
	if none := (automation.Attempt{}); !none.StartedAt().IsZero() || none.Took() != 0 {
		t.Error("of an erased attempt something is told")
	}
}
