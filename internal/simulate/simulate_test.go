package simulate

import (
	"context"
	"go/parser"
	"go/token"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seeds is how many worlds TestSeeds looks at; CROSSWALK_SEEDS asks for more, from CROSSWALK_SEED on.
func seeds(t *testing.T) (start, n int) {
	t.Helper()
	n = 1000
	if testing.Short() || os.Getenv("CROSSWALK_TEST_SHORT") != "" {
		n = 100
	}
	for name, into := range map[string]*int{"CROSSWALK_SEEDS": &n, "CROSSWALK_SEED": &start} {
		if given := os.Getenv(name); given != "" {
			var err error
			if *into, err = strconv.Atoi(given); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return start, n
}

func TestSeeds(t *testing.T) {
	start, n := seeds(t)
	// A thousand small worlds make much garbage and keep little.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	sum, err := Run(t.Context(), Options{Start: start, Seeds: n}, func(r Result) {
		for _, f := range r.Findings {
			t.Errorf("seed %d (%s): %s", r.Seed, r.Scenario, f)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Seeds != n {
		t.Errorf("%d of %d seeds were looked at", sum.Seeds, n)
	}
	t.Logf("%d worlds in %s: %d edits, %d writes, %d calls, %d crashes, %d webhooks of which %d were lost, %s of their time",
		sum.Seeds, sum.Took.Round(1e6), sum.Edits, sum.Writes, sum.Calls, sum.Crashes, sum.Deliveries, sum.Lost, sum.VirtualTime.Round(1e9))
}

// A world in which little happens proves little.
func TestWorldsAreEventful(t *testing.T) {
	t.Parallel()
	scenariosSeen := map[string]bool{}
	plans, carried, undone, listed := 0, 0, 0, 0
	sum, err := Run(t.Context(), Options{Seeds: 120}, func(r Result) {
		scenariosSeen[r.Scenario] = true
		plans, carried, undone, listed = plans+r.Plans, carried+r.Carried, undone+r.Undone, listed+r.Listed
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, enough := range map[string]bool{
		"edits": sum.Edits > 120*15, "writes": sum.Writes > 120*5, "crashes": sum.Crashes > 60, "webhooks": sum.Deliveries > 120*5,
		"plans for everyone": plans > 30, "items of plans that are carried out": carried > 40, "writes that are taken back": undone > 8,
		"webhooks that are lost": sum.Lost > 60, "records taken from a listing": listed > 20, "scenarios": len(scenariosSeen) == len(scenarios)-7, // all that need not be asked for
	} {
		if !enough {
			t.Errorf("there are too few %s: %+v, %d plans, %d carried out, %d taken back, %d taken from a listing", what, sum, plans, carried, undone, listed)
		}
	}
}

func TestReplayIsExact(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios {
		for seed := range uint64(3) {
			one, other := One(t.Context(), seed, Options{Scenario: s.name}), One(t.Context(), seed, Options{Scenario: s.name})
			if diff := cmp.Diff(one.Trace, other.Trace); diff != "" {
				t.Fatalf("%s, seed %d, goes two ways:\n%s", s.name, seed, diff)
			}
			if len(one.Trace) < 40 {
				t.Errorf("%s, seed %d: only %d lines happened", s.name, seed, len(one.Trace))
			}
		}
	}
}

// Whoever asks for a story gets the same worlds, in the order of their seeds.
func TestWorkersChangeNothing(t *testing.T) {
	t.Parallel()
	tell := func(workers int) (story []string, order []uint64) {
		_, err := Run(t.Context(), Options{Start: 7, Seeds: 8, Workers: workers, Story: func(line string) { story = append(story, line) }}, func(r Result) { order = append(order, r.Seed) })
		if err != nil {
			t.Fatal(err)
		}
		return story, order
	}
	one, order := tell(1)
	many, again := tell(4)
	if diff := cmp.Diff(one, many); diff != "" {
		t.Errorf("four workers tell another story (-one +four):\n%s", diff)
	}
	if !slices.IsSorted(order) || !slices.Equal(order, again) {
		t.Errorf("seeds come in the order %v, and %v", order, again)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	sum, err := Run(ctx, Options{Seeds: 100_000, Workers: 2}, func(Result) {
		if seen++; seen == 3 {
			cancel()
		}
	})
	if err == nil || sum.Seeds != 3 {
		t.Errorf("%d seeds, %v", sum.Seeds, err)
	}
}

// searched is how many worlds a mutation may hide in.
const searched = 300

func TestAuditorNoticesEachMutation(t *testing.T) {
	t.Parallel()
	for _, m := range Mutations() {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var noticed *Result
			o := Options{Seeds: searched, Workers: 1, Broken: m}
			switch m { // what goes wrong here takes busy people, and a poll or a reservation makes up for most of it
			case ForgetNews:
				o.hurried, o.Scenario = true, "one way back"
			case HideCreates:
				o.Start, o.Scenario = 101_300, "two-way"
			case PullNoBrake:
				o.Scenario = Braked
			case HammerTokens, UseOldTokens, LateRemovals, DropHeld:
				o.Scenario, o.Seeds = Day, 30
			case TurnDecisions, AnyCounterpart, OverwriteRefused:
				o.Scenario = "two-way, decided"
			case EchoAsked: // it takes a provider that tidies
				o.Scenario = "one way, asking"
			case ForgetChildren, MissChildren, MuffleDeletes:
				o.Scenario = "children"
			case ShowWrites, ApplyUnseen, TakeEdits, TakeTheRun:
				o.Scenario = "everyone"
			case UseWaiting:
				o.Scenario = Edited
			case ForgetBegun, IgnoreStops, FeignDone:
				o.Scenario = "backfill"
			case StaleListings:
				o.Scenario = "one way"
			case ShareKeys:
				o.hurried, o.Scenario = true, "two-way, clearing"
			}
			_, err := Run(ctx, o, func(r Result) {
				if noticed == nil && len(r.Findings) > 0 {
					noticed = &r
					stop()
				}
			})
			if noticed == nil {
				t.Fatalf("nobody noticed within %d worlds (%v)", searched, err)
			}
			t.Logf("seed %d, %s: %s", noticed.Seed, noticed.Scenario, noticed.Findings[0])
			if whole := One(t.Context(), noticed.Seed, Options{hurried: o.hurried, Scenario: o.Scenario}); len(whole.Findings) > 0 {
				t.Errorf("seed %d finds something in the engine as it is, too: %s", noticed.Seed, whole.Findings[0])
			}
		})
	}
}

// The auditor must not share the engine's reckoning, or the two would err together.
func TestAuditorDoesNotKnowTheEngine(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"auditor.go", "values.go", "ledger.go", "planaudit.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); strings.HasPrefix(path, "crosswalk/internal/") && path != "crosswalk/internal/automation" && path != "crosswalk/internal/mapping" {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// TestDays plays 24 hours of tokens that run out, of renewals nobody hears of, of an inactive location, of an app that is
// uninstalled, and of people who connect and install again: all that was held flows afterwards.
func TestDays(t *testing.T) {
	t.Parallel()
	renewals, connects, uninstalls := 0, 0, 0
	sum, err := Run(t.Context(), Options{Seeds: 6, Scenario: Day}, func(r Result) {
		for _, f := range r.Findings {
			t.Errorf("seed %d: %s", r.Seed, f)
		}
		renewals += r.Renewals
		connects += r.Connects
		uninstalls += r.Uninstalls
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum.VirtualTime < 6*24*time.Hour || renewals < 6*6 || connects <= 6 || uninstalls < 6 {
		t.Errorf("%s, %d renewals, people connected %d times and uninstalled %d times", sum.VirtualTime, renewals, connects, uninstalls)
	}
	t.Logf("%s: %d edits, %d writes, %d renewals, people connected %d times and uninstalled %d times", sum.VirtualTime.Round(time.Hour), sum.Edits, sum.Writes, renewals, connects, uninstalls)
}

// TestBrakes lets brakes trip and people allow what waits, again and again: it is all carried in the end.
func TestBrakes(t *testing.T) {
	t.Parallel()
	pulled := 0
	_, err := Run(t.Context(), Options{Seeds: 20, Scenario: Braked}, func(r Result) {
		for _, f := range r.Findings {
			t.Errorf("seed %d: %s", r.Seed, f)
		}
		pulled += r.Brakes
	})
	if err != nil || pulled < 20 {
		t.Errorf("%d brakes were pulled, %v", pulled, err)
	}
}

// TestAppointments lets people book, move, cancel and delete appointments in HighLevel, and close and rewrite the tickets that
// are made of them.
func TestAppointments(t *testing.T) {
	t.Parallel()
	sum, err := Run(t.Context(), Options{Seeds: 30, Scenario: Booked}, func(r Result) {
		for _, f := range r.Findings {
			t.Errorf("seed %d: %s", r.Seed, f)
		}
	})
	if err != nil || sum.Writes < 30*5 {
		t.Errorf("%d writes, %v", sum.Writes, err)
	}
}

// TestEdits lets somebody take a row out of an automation that is on, ask what that would change for everyone, and put it
// live or throw it away, while others ask what a draft would do: until it is live everything goes on as it was.
func TestEdits(t *testing.T) {
	t.Parallel()
	asked := 0
	_, err := Run(t.Context(), Options{Seeds: 60, Scenario: Edited}, func(r Result) {
		for _, f := range r.Findings {
			t.Errorf("seed %d: %s", r.Seed, f)
		}
		asked += r.Plans
	})
	if err != nil || asked < 100 {
		t.Errorf("%d plans were asked for, %v", asked, err)
	}
}

// TestFurtherAddresses lets people have two addresses, and write to Gleap from either: it is the same person, and none of
// the two is made the first.
func TestFurtherAddresses(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{Further, FurtherOneWay} {
		_, err := Run(t.Context(), Options{Seeds: 40, Scenario: scenario}, func(r Result) {
			for _, f := range r.Findings {
				t.Errorf("seed %d (%s): %s", r.Seed, r.Scenario, f)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestCopies lets people delete originals and copies: the copy goes with its original, and no original with its copy.
func TestCopies(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Options{Seeds: 60, Scenario: Copied}, func(r Result) {
		for _, f := range r.Findings {
			t.Errorf("seed %d: %s", r.Seed, f)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNamedSeeds are worlds that once went wrong, in the engine or in the eyes of the auditor. They find nothing now.
func TestNamedSeeds(t *testing.T) {
	t.Parallel()
	for _, named := range []struct {
		seed     uint64
		scenario string
		showed   string
	}{
		{2, "two-way", "a name that is split on its way back comes back over a newer one"},
		{147, "two-way", "a surname typed after a conflict is undone with no edit on the other side"},
		{296, "a ring", "an intent under the target's key is never settled"},
		{132, "two-way", "an unclear change under the target's key is never settled"},
		{66, "two-way", "a tag added right after a create never arrives"},
		{837, "two-way, clearing", "a company typed right after a create never arrives"},
		{976, "one way", "a create whose answer was lost is made twice after the email changed"},
		{280, "one way", "a company typed after a lost answer is overwritten"},
		{258, "one way, target owns", "our own unanswered create is taken for the target's word"},
		{365, "two-way", "twelve attempts are used up by news and call limits"},
		{390, "two-way, clearing", "a contact that was linked with a deleted one is never matched again"},
		{434, "two-way", "a second contact with the same address is met, and its name is not the one that was written"},
		{798, "two-way", "a first name typed while the last name was written stays"},
		{597, "two-way, clearing", "a contact made by a write whose answer was lost is a question to a person"},
		{624, "two-way", "a name goes back from the counterpart of that time"},
		{666, "two-way, tidying", "what waits for a person's answer is not lost"},
		{1647, "a ring", "a company cannot be written to one of two namesakes, and the run says so"},
		{2308, "facing", "what was made from a namesake is a question to a person"},
		{2538, "two-way", "a counterpart whose address changed is a question to a person"},
		{2936, "one way, asking", "an email typed after a lost answer is a question to a person"},
		{3390, "a ring", "three automations ask about the same two contacts"},
		{3961, "two-way, twice", "two automations ask about the same two contacts"},
		{20023, "two-way, tidying", "a name goes back from a contact that was never written to"},
		{20291, "facing", "a create that was refused, and was made, gets another address"},
		{21116, "two-way, clearing", "the counterpart is entered by a person while it is made"},
		{21809, "two-way, clearing", "a tag taken away on a counterpart that is gone"},
		{70154, "two-way, tidying", "a tag that the counterpart had before it went on under another id"},
		{50096, "one way, only customers", "a create whose answer was lost is made twice after the phone number changed"},
		{854, "two-way", "what was made by a write without an answer is met by name only"},
		{200443, "one way, target owns", "a counterpart that was met without a write is gone"},
		{200776, "two-way, clearing", "a create without an answer outlives its record, on the target's side"},
		{202976, "two-way", "the same phone and another email hide what an unanswered write made"},
		{203395, "a ring", "a person enters who is just being made"},
		{204065, "one way", "a namesake may be what an unanswered write made"},
		{205981, "two-way", "what was made by a write without an answer has nothing of it any more"},
		{926, "two-way", "a create without an answer outlives its record"},
		{1324, "a ring", "a create without an answer outlives its record, in a ring"},
		{1833, "two-way, clearing", "what was made is found before its key can look"},
		{71949, "two-way, twice", "a contact deleted while it is written to comes back under another id"},
		{72752, "two-way, tidying", "what was made by a write without an answer is made into another one"},
		{72958, "one way, only customers", "a first name is typed twice"},
		{100465, "one way", "a create without an answer whose phone number changed on both sides"},
		{101391, "two-way", "what was just made is met before the answer is there"},
		{104494, "two-way, tidying", "what was made is not in the listing yet"},
		{174, "children", "a ticket is opened again while it is closed"},
		{189, "children", "a ticket of a contact whose counterpart is gone is tried again for ever"},
		{239, "children", "a read that failed after a write is taken for a write that failed"},
		{641, "children", "a contact is entered before it is known what an unanswered create made"},
		{2603, "a ring", "a person types into a contact an upsert made by mistake"},
		{44, "one way, decided", "a person chooses the older value"},
		{173, "one way, decided", "a tag that was written without an answer is taken away again"},
		{601736, "one way", "a phone number changes while the company is written"},
		{605395, "two-way, twice", "two automations make a counterpart each, since one has no answer yet"},
		{607388, "a ring", "two automations of a ring make a counterpart each"},
		{701813, "children", "a title typed after a write without an answer was settled is overwritten"},
		{1, "backfill", "what was entered while the automation was off is hidden by the search index"},
		{3, "backfill", "two workers are at one plan after it was paused"},
		{8, "backfill", "a counterpart is made for one that a dead worker still holds"},
		{14, "backfill", "what a plan wrote before a crash is not taken back"},
		{27, "backfill", "a record that was made is deleted though a number was taken from it"},
		{33, "backfill", "a tag given right after an undo never arrives"},
		{625, "backfill", "an item whose key a dead worker holds forgets which run took it back"},
		{4, "backfill", "a plan that is canceled goes on to the end of its chunk"},
		{7, "everyone, deleting", "a plan is carried out from a listing that is behind"},
		{28, "everyone", "a tag goes to both sides in one item"},
		{15, "backfill, one way", "what a plan was to make was made by a write without an answer"},
		{1016, "everyone", "a city is typed while a contact is made that is taken back"},
		{1070, "everyone", "an address that went back is only written otherwise"},
		{50881, "a ring", "a create that was refused, and was made, is made again after the email changed"},
		{21775, "two-way, decided", "whom a person turned down is taken for what a create without an answer has made"},
		{5861, "everyone", "a tag given right before an undo never arrives"},
		{5235, "everyone", "what a listing shows that is behind is carried back over our own write"},
		{20959, "one way back", "who was entered meanwhile becomes the counterpart, and what a create without an answer has made does not"},
		{20127, "two-way, tidying", "a create that was refused, and was made, gets another address before anybody looks"},
		{50284, "backfill", "what a create without an answer has made is linked while somebody makes it a counterpart"},
		{1021, Booked, "a ticket's text is written where nobody sees it, once a person has typed another one"},
		{5161, "children, deleting", "a ticket is deleted that has outlived its contact"},
		{5538, "backfill", "a person gives the tag that is just being given with a whole list, and the plan is taken back"},
		{7120, "everyone", "a person gives the tag that is just being given, and the write is taken back"},
		{21296, "backfill", "a tag is given by the second attempt at a write, and the first is taken back"},
		{21489, "everyone", "a plan meets a write of live work without an answer, and what it agreed on is forgotten"},
		{4, Booked, "an appointment is cancelled and confirmed again, and nobody has looked meanwhile"},
	} {
		t.Run(named.showed, func(t *testing.T) {
			t.Parallel()
			r := One(t.Context(), named.seed, Options{Scenario: named.scenario})
			for _, f := range r.Findings {
				t.Errorf("seed %d: %s", named.seed, f)
			}
		})
	}
}
