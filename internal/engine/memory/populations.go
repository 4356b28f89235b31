package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var (
	_ engine.Populations = (*Store)(nil)
	_ engine.Pairs       = (*Store)(nil)
)

// population is a plan for everyone with its items, in the order of their positions.
type population struct {
	engine.Population
	items []planItem
	beat  time.Time // when whoever works on it said a word last
}

type planItem struct {
	engine.PlanItem
	// As it was shown, whatever it is planned to by now.
	matching automation.Matching
	drift    engine.Drift
	knownBy  string
}

func (s *Store) population(id string) (*population, error) {
	if p, ok := s.populations[id]; ok {
		return p, nil
	}
	return nil, engine.ErrNotFound
}

var errTaken = errors.New("the id is taken")

func dryRun(id string) []engine.Job { return []engine.Job{{Kind: engine.JobDryRun, Plan: id}} }

// CreatePopulation keeps a plan for everyone and wakes whoever works on it.
func (s *Store) CreatePopulation(_ context.Context, p engine.Population) error {
	return s.write(func() ([]engine.Job, error) {
		if _, taken := s.populations[p.ID]; taken {
			return nil, fmt.Errorf("create dry run %s: %w", p.ID, errTaken)
		}
		p.Mode = cmp.Or(p.Mode, engine.ModeShow)
		p.Counts, p.Tally = maps.Clone(p.Counts), tallied(p.Tally)
		s.populations[p.ID] = &population{Population: p}
		return dryRun(p.ID), nil
	})
}

func tallied(t engine.Tally) engine.Tally {
	t.Drift, t.Fields, t.Kept, t.Matching = maps.Clone(t.Drift), maps.Clone(t.Fields), maps.Clone(t.Kept), maps.Clone(t.Matching)
	t.Braked, t.Agreed = slices.Clone(t.Braked), slices.Clone(t.Agreed)
	return t
}

// Population reads a plan's progress and tally.
func (s *Store) Population(_ context.Context, id string) (engine.Population, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.population(id)
	if err != nil {
		return engine.Population{}, fmt.Errorf("read dry run %s: %w", id, err)
	}
	out := p.Population
	out.Counts, out.Tally = maps.Clone(out.Counts), tallied(out.Tally)
	return out, nil
}

// HoldPopulation takes the sole right to work on a plan.
func (s *Store) HoldPopulation(_ context.Context, id string) (release func(), ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[id] {
		return nil, false, nil
	}
	s.held[id] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.held, id)
	}, true, nil
}

// SavePopulation updates progress and appends items. A canceled or paused one answers engine.ErrConflict.
func (s *Store) SavePopulation(_ context.Context, p engine.Population, items []automation.Plan) error {
	return s.write(func() ([]engine.Job, error) {
		had, err := s.population(p.ID)
		if err == nil && had.stopped() {
			err = engine.ErrConflict
		}
		if err != nil {
			return nil, fmt.Errorf("save dry run %s: %w", p.ID, err)
		}
		had.progress(p, s.now())
		for _, plan := range items {
			s.addItem(had, engine.PlanItem{Plan: plan})
		}
		return nil, nil
	})
}

// stopped reports that a person has stopped it.
func (p *population) stopped() bool {
	return p.State == engine.PopulationCanceled || p.State == engine.PopulationPaused
}

// progress keeps what only people decide: whose it is, what is done with it and what it is of.
func (p *population) progress(now engine.Population, beat time.Time) {
	was := p.Population
	p.Population, p.beat = now, beat
	p.Counts, p.Tally = maps.Clone(now.Counts), tallied(now.Tally)
	p.Automation, p.Mode, p.Of, p.CreatedAt, p.StartedBy = was.Automation, was.Mode, was.Of, was.CreatedAt, was.StartedBy
}

func (s *Store) addItem(p *population, item engine.PlanItem) {
	s.positions++
	item.Position = s.positions
	p.items = append(p.items, planItem{item, item.Plan.Matching, item.Plan.Drift, strings.Join(item.Plan.KnownBy, "\n")})
}

// SaveResults says what became of items. One that was not shown is added, so that it is not lost from sight. What became
// of them is kept even where somebody has stopped it, which is told by engine.ErrConflict.
func (s *Store) SaveResults(_ context.Context, p engine.Population, results []engine.ItemResult) error {
	return s.write(func() ([]engine.Job, error) {
		had, err := s.population(p.ID)
		if err != nil {
			return nil, fmt.Errorf("save results of plan %s: %w", p.ID, err)
		}
		for _, r := range results {
			s.result(had, r)
		}
		if had.stopped() {
			was := had.Population
			had.progress(p, s.now())
			had.Version, had.State, had.Phase, had.Problem = was.Version, was.State, was.Phase, was.Problem
			had.StartedAt, had.FinishedAt = was.StartedAt, was.FinishedAt
			return nil, fmt.Errorf("save results of plan %s: %w", p.ID, engine.ErrConflict)
		}
		had.progress(p, s.now())
		return nil, nil
	})
}

func (s *Store) result(p *population, r engine.ItemResult) {
	if r.Plan != nil && r.Position == 0 {
		s.addItem(p, engine.PlanItem{Plan: *r.Plan, State: r.State, Run: r.Run})
		return
	}
	i := slices.IndexFunc(p.items, func(item planItem) bool { return item.Position == r.Position })
	if i < 0 {
		return
	}
	p.items[i].State, p.items[i].Run = r.State, r.Run
	if r.Plan != nil {
		p.items[i].Plan = *r.Plan
	}
}

// ItemsOf are the items of some records, by their source.
func (s *Store) ItemsOf(_ context.Context, id string, sources []record.Ref) (map[record.Ref]engine.PlanItem, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[record.Ref]engine.PlanItem{}
	p, err := s.population(id)
	if err != nil {
		return out, nil
	}
	for _, item := range p.items {
		if slices.Contains(sources, item.Plan.Source) {
			out[item.Plan.Source] = item.PlanItem
		}
	}
	return out, nil
}

const (
	pageSize = 50
	maxPage  = 500
)

func limited(n int) int {
	if n <= 0 {
		return pageSize
	}
	return min(n, maxPage)
}

// PlanItems lists items in the order they were planned.
func (s *Store) PlanItems(_ context.Context, id string, f engine.PlanFilter) ([]engine.PlanItem, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []engine.PlanItem
	p, err := s.population(id)
	if err != nil {
		return out, nil
	}
	says := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(f.Search)) }
	for _, item := range p.items {
		switch {
		case item.Position <= f.After, len(out) == limited(f.Limit):
		case len(f.Outcomes) > 0 && !slices.Contains(f.Outcomes, item.Plan.Outcome):
		case f.Matching != "" && item.matching != f.Matching:
		case f.Drift != "" && item.drift != f.Drift:
		case f.State != "" && item.State != f.State:
		case f.Search != "" && !says(item.Plan.SourceTitle) && !says(item.Plan.Source.ID) && !says(item.Plan.TargetTitle) && !says(item.Plan.Target.ID) && !says(item.knownBy):
		default:
			out = append(out, item.PlanItem)
		}
	}
	return out, nil
}

// ApplyPopulation lets a plan that was shown be carried out: all of it, or the items chosen. It answers
// engine.ErrConflict when it is not one that was shown and is at rest.
func (s *Store) ApplyPopulation(_ context.Context, id string, choice engine.Choice) error {
	return s.write(func() ([]engine.Job, error) {
		p, err := s.population(id)
		if err == nil && choice.Moved {
			return s.applyMoved(p, choice)
		}
		pruned := err == nil && p.Done > 0 && len(p.items) == 0 // what was shown is there no more
		if err == nil && (p.State != engine.PopulationDone || p.Mode != engine.ModeShow && p.Mode != engine.ModeUndo || pruned) {
			err = engine.ErrConflict
		}
		if err != nil {
			return nil, fmt.Errorf("apply plan %s: %w", id, err)
		}
		for _, chosen := range choice.Positions {
			if !slices.ContainsFunc(p.items, func(item planItem) bool { return item.Position == chosen }) {
				return nil, fmt.Errorf("apply plan %s: %w", id, engine.ErrNotFound)
			}
		}
		if p.Mode == engine.ModeUndo {
			p.Mode = engine.ModeTake
		} else {
			p.Mode = engine.ModeApply
		}
		p.State, p.Done, p.Written, p.Cursor, p.Phase = engine.PopulationQueued, 0, 0, "", ""
		p.StartedAt, p.FinishedAt = s.now(), time.Time{}
		for i := range p.items {
			item := &p.items[i]
			if len(choice.Outcomes) > 0 && !slices.Contains(choice.Outcomes, item.Plan.Outcome) ||
				len(choice.Matchings) > 0 && !slices.Contains(choice.Matchings, item.matching) ||
				len(choice.Positions) > 0 && !slices.Contains(choice.Positions, item.Position) {
				item.State = engine.ItemLeft
			}
		}
		return dryRun(id), nil
	})
}

// applyMoved lets a plan that was carried out go on with what had changed since it was shown, as it is shown by now.
func (s *Store) applyMoved(p *population, choice engine.Choice) ([]engine.Job, error) {
	outcomes := choice.Outcomes
	if len(outcomes) == 0 {
		outcomes = engine.Writable
	}
	var moved []*planItem
	for i := range p.items {
		it := &p.items[i]
		if it.State == engine.ItemMoved && slices.Contains(outcomes, it.Plan.Outcome) && (len(choice.Positions) == 0 || slices.Contains(choice.Positions, it.Position)) {
			moved = append(moved, it)
		}
	}
	if p.State != engine.PopulationDone || !p.Mode.Applies() || len(moved) == 0 {
		return nil, fmt.Errorf("apply what moved of plan %s: %w", p.ID, engine.ErrConflict)
	}
	for _, it := range moved {
		it.State = ""
	}
	if p.Mode == engine.ModeFill {
		p.Mode = engine.ModeApply
	}
	p.State, p.Done, p.Cursor, p.Phase = engine.PopulationQueued, 0, "", ""
	p.StartedAt, p.FinishedAt = s.now(), time.Time{}
	return dryRun(p.ID), nil
}

// PausePopulation stops one that has not ended, to go on later; whoever works on it sees it before the next write.
func (s *Store) PausePopulation(_ context.Context, id string) error {
	return s.switchPopulation(id, "pause", engine.PopulationPaused, nil, engine.PopulationQueued, engine.PopulationRunning)
}

// ResumePopulation lets a paused or failed one go on.
func (s *Store) ResumePopulation(_ context.Context, id string) error {
	return s.switchPopulation(id, "resume", engine.PopulationQueued, dryRun(id), engine.PopulationPaused, engine.PopulationFailed)
}

// CancelPopulation stops one that has not ended, for good.
func (s *Store) CancelPopulation(_ context.Context, id string) error {
	return s.switchPopulation(id, "cancel", engine.PopulationCanceled, nil, engine.PopulationQueued, engine.PopulationRunning, engine.PopulationPaused)
}

func (s *Store) switchPopulation(id, verb string, to engine.PopulationState, jobs []engine.Job, from ...engine.PopulationState) error {
	return s.write(func() ([]engine.Job, error) {
		p, err := s.population(id)
		if err == nil && !slices.Contains(from, p.State) {
			err = engine.ErrConflict
		}
		if err != nil {
			return nil, fmt.Errorf("%s plan %s: %w", verb, id, err)
		}
		p.State, p.Phase = to, ""
		if to == engine.PopulationCanceled {
			p.FinishedAt = s.now()
		} else {
			p.Problem = ""
		}
		return jobs, nil
	})
}

// RestartPopulation drops items so that an interrupted one begins again.
func (s *Store) RestartPopulation(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, err := s.population(id); err == nil {
		p.items = nil
	}
	return nil
}

// populationSilent is when a population's worker is taken for dead: it says a word with every page.
const populationSilent = 15 * time.Minute

// rescuePopulations are jobs for those whose worker has not said a word for long.
func (s *Store) rescuePopulations(now time.Time) (jobs []engine.Job) {
	for _, id := range slices.Sorted(maps.Keys(s.populations)) {
		if p := s.populations[id]; p.State == engine.PopulationRunning && !p.beat.IsZero() && p.beat.Before(now.Add(-populationSilent)) {
			p.beat = now
			jobs = append(jobs, dryRun(id)...)
		}
	}
	return jobs
}

// ResultCounts counts what became of a plan's items; what was only shown is not among them.
func (s *Store) ResultCounts(_ context.Context, id string) (map[engine.ItemState]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[engine.ItemState]int{}
	if p, err := s.population(id); err == nil {
		for _, item := range p.items {
			if item.State != "" {
				out[item.State]++
			}
		}
	}
	return out, nil
}

// ChangesToUndo pages through the writes an undo takes back, newest first: "change:ch_…", "run:rn_…" or "plan:pl_…".
func (s *Store) ChangesToUndo(_ context.Context, of, after string, limit int) ([]automation.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, id, _ := strings.Cut(of, ":")
	var asked func(automation.Change) bool
	switch kind {
	case "change":
		asked = func(c automation.Change) bool { return c.ID == id }
	case "run":
		asked = func(c automation.Change) bool { return c.Run == id }
	case "plan":
		runs := map[string]bool{}
		if p, err := s.population(id); err == nil {
			for _, item := range p.items {
				runs[item.Run] = item.Run != ""
			}
		}
		asked = func(c automation.Change) bool { return runs[c.Run] }
	default:
		return nil, fmt.Errorf("read changes of %q: %w", of, engine.ErrNotFound)
	}
	var out []automation.Change
	for _, c := range s.changes {
		if asked(c) && (after == "" || c.ID < after) {
			c.Before, c.After = cloned(c.Before), cloned(c.After)
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b automation.Change) int { return cmp.Compare(b.ID, a.ID) })
	return out[:min(len(out), limited(limit))], nil
}

// PairsOf pages through the links between two ends, as the source sees them; after is the last link seen.
func (s *Store) PairsOf(_ context.Context, source, target automation.Endpoint, after string, limit int) ([]automation.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := func(r record.Ref, e automation.Endpoint) bool {
		return r.Connection == e.Connection && r.Type == e.Object
	}
	var out []automation.Link
	for _, l := range s.links {
		if l.ID <= after {
			continue
		}
		if at(l.Target, source) && at(l.Source, target) {
			l.Source, l.Target = l.Target, l.Source
		}
		if at(l.Source, source) && at(l.Target, target) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b automation.Link) int { return cmp.Compare(a.ID, b.ID) })
	return out[:min(len(out), limited(limit))], nil
}

// UsedLinks are those of some links across which something was written since they were made, or on which an automation
// besides this one rests.
func (s *Store) UsedLinks(_ context.Context, links []string, by automation.ID) (map[string]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]bool{}
	for _, l := range s.links {
		if !slices.Contains(links, l.ID) {
			continue
		}
		ends := []record.Ref{l.Source, l.Target}
		for _, c := range s.changes {
			out[l.ID] = out[l.ID] || c.State != automation.Refused && !c.IntendedAt.Before(l.CreatedAt) && slices.Contains(ends, c.Target) && slices.Contains(ends, c.Source)
		}
		for k := range s.bases {
			out[l.ID] = out[l.ID] || k.link == l.ID && k.automation != by
		}
		if !out[l.ID] {
			delete(out, l.ID)
		}
	}
	return out, nil
}
