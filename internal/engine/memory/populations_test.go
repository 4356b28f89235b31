package memory_test

import (
	"context"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// everyone is what both stores promise whoever plans for everyone, and the people who ask for it.
type everyone interface {
	engine.Populations
	engine.Pairs
	ApplyPopulation(ctx context.Context, id string, choice engine.Choice) error
	PausePopulation(ctx context.Context, id string) error
	ResumePopulation(ctx context.Context, id string) error
	CancelPopulation(ctx context.Context, id string) error
	ResultCounts(ctx context.Context, id string) (map[engine.ItemState]int, error)
}

// positions are the places of items among all that were seen, for their numbers: only the order is promised.
func (a *asked) positions(items []engine.PlanItem) []engine.PlanItem {
	for i := range items {
		if !slices.Contains(a.items, items[i].Position) {
			a.items = append(a.items, items[i].Position)
			slices.Sort(a.items)
		}
		items[i].Position = int64(slices.Index(a.items, items[i].Position) + 1)
	}
	return items
}

// position is the number of the item in a place; one that nobody has when there is none.
func (a *asked) position(place int) int64 {
	if place > len(a.items) {
		return 1 << 40
	}
	return a.items[place-1]
}

func (q *questions) plan(source record.Ref) automation.Plan {
	p := automation.Plan{
		Automation: "au_1", Version: 1, Source: source, SourceTitle: rapid.SampledFrom([]string{"Ana", "Ben", "Cleo 50%"}).Draw(q.rt, "title"),
		Outcome:  rapid.SampledFrom([]automation.Outcome{automation.Create, automation.Update, automation.Same}).Draw(q.rt, "outcome"),
		Matching: rapid.SampledFrom([]automation.Matching{automation.MatchSure, automation.MatchNone}).Draw(q.rt, "matching"),
		Drift:    rapid.SampledFrom([]engine.Drift{engine.InSync, engine.OnlyHere}).Draw(q.rt, "drift"),
		KnownBy:  rapid.SampledFrom([][]string{nil, {"ana@acme.io"}, {"ben@acme.io", "+41791234567"}}).Draw(q.rt, "known by"),
	}
	if p.Outcome != automation.Create {
		p.Target = q.ref("cn_2")
		p.Fields = []automation.FieldPlan{{Field: "email", Kind: record.Email, Action: automation.Set, Before: record.TextOf("a@b.c"), After: record.TextOf(q.id("mail"))}}
	}
	return p
}

func (q *questions) progress(id string) engine.Population {
	return engine.Population{
		ID: id, Automation: "au_1", Version: 1, Phase: q.id("phase"), Done: rapid.IntRange(0, 9).Draw(q.rt, "done"), Total: 9, Cursor: q.id("cursor"),
		State:  rapid.SampledFrom([]engine.PopulationState{engine.PopulationRunning, engine.PopulationRunning, engine.PopulationDone, engine.PopulationFailed}).Draw(q.rt, "state"),
		Counts: map[automation.Outcome]int{automation.Create: 1}, Tally: engine.Tally{Drift: map[engine.Drift]int{engine.InSync: 2}}, Written: 3, StartedAt: *q.now,
	}
}

// aboutEveryone asks what is asked about a plan for everyone.
func (q *questions) aboutEveryone() question {
	ctx := q.ctx
	id := fmt.Sprintf("pl_%d", q.count/200*3+rapid.IntRange(0, 2).Draw(q.rt, "population"))
	switch rapid.IntRange(0, 9).Draw(q.rt, "about everyone") {
	case 0:
		p := engine.Population{
			ID: id, Automation: q.automation(), Version: 1, State: engine.PopulationQueued, CreatedAt: *q.now, StartedBy: "somebody",
			Mode: rapid.SampledFrom([]engine.PopulationMode{"", engine.ModeShow, engine.ModeFill, engine.ModeUndo}).Draw(q.rt, "mode"), Of: "run:rn_1:unlink:",
		}
		return question{"create population", func(a *asked) []any { return []any{a.CreatePopulation(ctx, p)} }}
	case 1, 2:
		p, items := q.progress(id), []automation.Plan{q.plan(q.ref("cn_1")), q.plan(q.ref("cn_1"))}
		return question{"save population", func(a *asked) []any { return []any{a.SavePopulation(ctx, p, items)} }}
	case 3, 4:
		p, place := q.progress(id), rapid.IntRange(1, 8).Draw(q.rt, "place")
		run := rapid.SampledFrom([]string{"", "rn_1", "rn_2", "rn_3"}).Draw(q.rt, "run")
		r := engine.ItemResult{State: rapid.SampledFrom([]engine.ItemState{"", engine.ItemDone, engine.ItemMoved}).Draw(q.rt, "result"), Run: run}
		if rapid.Bool().Draw(q.rt, "anew") {
			again := q.plan(q.ref("cn_1"))
			r.Plan = &again
		}
		fresh := r.Plan != nil && rapid.Bool().Draw(q.rt, "not shown")
		return question{"save results", func(a *asked) []any {
			mine := r
			if !fresh {
				mine.Position = a.position(place)
			}
			return []any{a.SaveResults(ctx, p, []engine.ItemResult{mine})}
		}}
	case 5:
		var c engine.Choice
		switch rapid.IntRange(0, 5).Draw(q.rt, "choice") {
		case 0:
			c.Outcomes = []automation.Outcome{automation.Create}
		case 1:
			c.Matchings = []automation.Matching{automation.MatchSure}
		case 2:
			place := rapid.IntRange(1, 8).Draw(q.rt, "place")
			return question{"apply population", func(a *asked) []any {
				return []any{a.ApplyPopulation(ctx, id, engine.Choice{Positions: []int64{a.position(place)}})}
			}}
		case 3:
			c.Moved = true
		case 4:
			c.Moved, c.Outcomes = true, []automation.Outcome{automation.Create}
		}
		return question{"apply population", func(a *asked) []any { return []any{a.ApplyPopulation(ctx, id, c)} }}
	case 6:
		switch rapid.IntRange(0, 5).Draw(q.rt, "switch") {
		case 0, 1:
			return question{"pause population", func(a *asked) []any { return []any{a.PausePopulation(ctx, id)} }}
		case 2, 3:
			return question{"resume population", func(a *asked) []any { return []any{a.ResumePopulation(ctx, id)} }}
		case 4:
			return question{"cancel population", func(a *asked) []any { return []any{a.CancelPopulation(ctx, id)} }}
		}
		return question{"restart population", func(a *asked) []any { return []any{a.RestartPopulation(ctx, id)} }}
	case 7:
		f := engine.PlanFilter{Limit: rapid.IntRange(0, 3).Draw(q.rt, "limit")}
		after := 0
		switch rapid.IntRange(0, 5).Draw(q.rt, "filter") {
		case 0:
			f.Outcomes = []automation.Outcome{automation.Create, automation.Same}
		case 1:
			f.Matching = automation.MatchNone
		case 2:
			f.State = engine.ItemDone
		case 3:
			f.Search = rapid.SampledFrom([]string{"cleo 50%", "BEN@acme", "4179"}).Draw(q.rt, "search")
		case 4:
			after = rapid.IntRange(1, 8).Draw(q.rt, "after")
		case 5:
			f.Drift = engine.OnlyHere
		}
		return question{"list items", func(a *asked) []any {
			mine := f
			if after > 0 {
				mine.After = a.position(after)
			}
			items, err := a.PlanItems(ctx, id, mine)
			return []any{a.positions(items), err}
		}}
	case 8:
		of := rapid.SampledFrom([]string{"change:ch_0001", "run:rn_1", "run:rn_2", "plan:" + id, "mail:1"}).Draw(q.rt, "of")
		limit := rapid.IntRange(1, 3).Draw(q.rt, "limit")
		return question{"changes to undo", func(a *asked) []any {
			first, err := a.ChangesToUndo(ctx, of, "", limit)
			if err != nil || len(first) == 0 {
				return []any{first, err}
			}
			more, err := a.ChangesToUndo(ctx, of, first[len(first)-1].ID, limit)
			return []any{first, more, err}
		}}
	}
	refs := []record.Ref{q.ref("cn_1"), q.ref("cn_1")}
	return question{"look at a population", func(a *asked) []any {
		p, err := a.Population(ctx, id)
		p.CreatedAt = p.CreatedAt.UTC()
		items, itemsErr := a.ItemsOf(ctx, id, refs)
		var list []engine.PlanItem
		for _, r := range refs {
			list = append(list, items[r])
		}
		list = slices.DeleteFunc(list, func(i engine.PlanItem) bool { return i.Position == 0 })
		counts, countErr := a.ResultCounts(ctx, id)
		end := func(c record.ConnectionID) automation.Endpoint {
			return automation.Endpoint{Connection: c, Object: record.Contact}
		}
		pairs, pairErr := a.PairsOf(ctx, end("cn_1"), end("cn_2"), "", 2)
		more, moreErr := a.PairsOf(ctx, end("cn_2"), end("cn_1"), "ln_0003", 2)
		var links []string
		for _, l := range pairs {
			links = append(links, l.ID)
		}
		used, usedErr := a.UsedLinks(ctx, links, "au_1")
		return []any{p, err, a.positions(list), itemsErr, counts, countErr, pairs, pairErr, more, moreErr, used, usedErr}
	}}
}

// decide answers a question that may be settled by then, or asked anew.
func (q *questions) decide() question {
	id, run := q.id("rv"), fmt.Sprintf("rn_%d", rapid.IntRange(1, 4).Draw(q.rt, "run"))
	if len(q.reviews) > 0 && rapid.IntRange(0, 4).Draw(q.rt, "known") > 0 {
		id = rapid.SampledFrom(q.reviews[max(len(q.reviews)-6, 0):]).Draw(q.rt, "review")
	}
	d := automation.Decision{Ignore: true}
	if rapid.Bool().Draw(q.rt, "chosen") {
		d = automation.Decision{Counterpart: q.ref("cn_2")}
	}
	return question{"decide", func(a *asked) []any { return []any{a.decide(id, run, d)} }}
}
