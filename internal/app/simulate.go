package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/simulate"
)

// simulateCommand runs made-up worlds with everything that goes wrong in them, and says what the auditor found.
func simulateCommand(ctx context.Context, c *call) error {
	seeds := c.flags.Int("seeds", 1000, "how many worlds")
	start := c.flags.Int("start", 0, "the first seed; with --seeds 1 its whole story is told")
	scenario := c.flags.String("scenario", "", "only this scenario")
	kept := c.flags.String("store", "", "keep their data in this store: "+stores(" or ")+"; without it the seed chooses, mostly memory")
	asJSON := c.flags.Bool("json", false, "one JSON object a world that found something, and one at the end")
	if err := c.parse(); err != nil {
		return err
	}
	if *seeds < 1 || *start < 0 {
		return errors.New("--seeds begins at 1, --start at 0")
	}
	if *kept != "" && !slices.Contains(simulate.Stores(), simulate.Store(*kept)) {
		return fmt.Errorf("--store is %s, not %q", stores(" or "), *kept)
	}
	o := simulate.Options{Start: *start, Seeds: *seeds, Scenario: *scenario, Store: simulate.Store(*kept)}
	enc := json.NewEncoder(c.Out)
	if *seeds == 1 {
		r := simulate.One(ctx, uint64(*start), o)
		if *asJSON {
			return errors.Join(enc.Encode(r), found(min(len(r.Findings), 1)))
		}
		for _, line := range r.Trace {
			fmt.Fprintln(c.Out, line)
		}
		return found(min(len(r.Findings), 1))
	}
	bad := 0
	sum, err := simulate.Run(ctx, o, func(r simulate.Result) {
		if len(r.Findings) == 0 {
			return
		}
		bad++
		if *asJSON {
			_ = enc.Encode(r)
			return
		}
		for _, f := range r.Findings {
			fmt.Fprintf(c.Out, "seed %d (%s): %s\n", r.Seed, r.Scenario, f)
		}
		fmt.Fprintf(c.Out, "  its whole story: crosswalk simulate --seeds 1 --start %d%s\n", r.Seed, same(o))
	})
	if err != nil {
		return err
	}
	if *asJSON {
		return errors.Join(enc.Encode(sum), found(bad))
	}
	fmt.Fprintf(c.Out, "%d worlds in %s: %d edits, %d writes, %d calls, %d crashes, %d webhooks of which %d were lost.\n",
		sum.Seeds, sum.Took.Round(time.Millisecond), sum.Edits, sum.Writes, sum.Calls, sum.Crashes, sum.Deliveries, sum.Lost)
	fmt.Fprintf(c.Out, "%d worlds went wrong.\n", bad)
	return found(bad)
}

func stores(between string) string {
	var names []string
	for _, s := range simulate.Stores() {
		names = append(names, string(s))
	}
	return strings.Join(names, between)
}

// same are the flags without which a seed would be another world.
func same(o simulate.Options) string {
	flags := ""
	if o.Scenario != "" {
		flags += fmt.Sprintf(" --scenario %q", o.Scenario)
	}
	if o.Store != "" {
		flags += " --store " + string(o.Store)
	}
	return flags
}

func found(bad int) error {
	if bad > 0 {
		return fmt.Errorf("the auditor found something in %d world(s)", bad)
	}
	return nil
}
