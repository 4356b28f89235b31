package simulate

import (
	"context"
	"errors"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// The ways of breaking plans for everyone.
const (
	ShowWrites  Mutation = "what is only to be shown is written"
	ApplyUnseen Mutation = "what has moved since it was shown is carried out as it is now"
	ForgetBegun Mutation = "a plan that goes on after a crash does not know what it has begun"
	IgnoreStops Mutation = "a plan goes on though somebody has stopped it"
	FeignDone   Mutation = "a plan says that it was carried out, and was not"
	TakeEdits   Mutation = "what somebody has edited since is taken back, too"
	TakeTheRun  Mutation = "all that was written with it is taken back, too"
)

func (m Mutation) populations(p *process, s ports) engine.Populations {
	switch m {
	case ShowWrites, ApplyUnseen, ForgetBegun, IgnoreStops, FeignDone, TakeEdits, TakeTheRun:
		return loosePopulations{s, p, m}
	}
	return s
}

type loosePopulations struct {
	ports
	p *process
	m Mutation
}

func (x loosePopulations) Population(ctx context.Context, id string) (engine.Population, error) {
	p, err := x.ports.Population(ctx, id)
	stopped := p.State == engine.PopulationPaused || p.State == engine.PopulationCanceled
	switch {
	case x.m == ShowWrites && p.Mode == engine.ModeShow && p.Of == "", x.m == ApplyUnseen && p.Mode == engine.ModeApply:
		p.Mode = engine.ModeFill
	case x.m == IgnoreStops && stopped:
		p.State = engine.PopulationRunning
	case x.m == TakeTheRun:
		p.Of = x.widened(p.Of)
	}
	return p, err
}

// widened is the undo of the run that a change is of, where one of a change was asked for.
func (x loosePopulations) widened(of string) string {
	u, err := engine.ParseUndo(of)
	all, _ := x.s.changes(context.Background())
	i := slices.IndexFunc(all, func(c automation.Change) bool { return c.ID == u.ID })
	if err != nil || u.Kind != "change" || i < 0 {
		return of
	}
	u.Kind, u.ID, u.Field = "run", all[i].Run, ""
	return u.String()
}

func (x loosePopulations) SavePopulation(ctx context.Context, p engine.Population, items []automation.Plan) error {
	return x.unstopped(x.ports.SavePopulation(ctx, p, items))
}

func (x loosePopulations) SaveResults(ctx context.Context, p engine.Population, results []engine.ItemResult) error {
	results = slices.Clone(results)
	for i, r := range results {
		switch {
		case x.m == ForgetBegun && r.State == "":
			results[i].Run = ""
		case x.m == FeignDone && (r.State == engine.ItemFailed || r.State == engine.ItemLive):
			results[i].State = engine.ItemDone
		}
	}
	return x.unstopped(x.ports.SaveResults(ctx, p, results))
}

func (x loosePopulations) unstopped(err error) error {
	if x.m == IgnoreStops && errors.Is(err, engine.ErrConflict) {
		return nil
	}
	return err
}

func (x loosePopulations) ItemsOf(ctx context.Context, id string, sources []record.Ref) (map[record.Ref]engine.PlanItem, error) {
	items, err := x.ports.ItemsOf(ctx, id, sources)
	if x.m == ApplyUnseen {
		clear(items)
	}
	return items, err
}

func (x loosePopulations) ChangesToUndo(ctx context.Context, of, after string, limit int) ([]automation.Change, error) {
	changes, err := x.ports.ChangesToUndo(ctx, of, after, limit)
	if x.m != TakeEdits {
		return changes, err
	}
	for i, c := range changes {
		now, there := x.p.world.look(keyOf(c.Target))
		if !there || c.State != automation.Done || c.Op != automation.Update {
			continue
		}
		for _, f := range c.Fields {
			if _, told := now[f.Field]; told && f.Action == automation.Set {
				changes[i].After[f.Field] = record.TextOf(now[f.Field])
			}
		}
	}
	return changes, err
}
