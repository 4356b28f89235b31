package simulate

import (
	"context"
	"slices"
	"strconv"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

const (
	// attendEvery is how often somebody looks how the plans for everyone are doing.
	attendEvery = 8 * time.Second
	// claimedAgain is how soon a queue gives a job again whose worker has failed or died.
	claimedAgain = 45 * time.Second
	// chunk is how many records a plan for everyone claims and writes together: few, so that much happens in between.
	chunk = 3
	// resumedMost is how often somebody lets a plan that failed go on.
	resumedMost = 20
)

// asks is what people ask for about everyone in a world.
type asks struct {
	// shows are dry runs of everyone, which may be carried out; undos take changes, runs and plans back.
	shows, undos bool
	// fill lets people be on both sides long before the automation is switched on, and carries them over then.
	fill bool
	// edits are changes of an automation that is on, which wait until they are put live or thrown away.
	edits bool
}

// purpose is what a plan for everyone is for.
type purpose int

const (
	toShow   purpose = iota // and perhaps to be carried out as shown
	toFill                  // everyone is carried over, unseen
	toUndo                  // what was written is taken back, once it was shown
	toLookUp                // the daily comparison
	toTry                   // what an edit, or a draft, would do
)

// request is a plan for everyone that somebody has asked for, and what they said about it since.
type request struct {
	id      string
	purpose purpose
	by      automation.ID
	undo    engine.Undo
	moment  int // at which it was asked for
	applied int // at which it was said to be carried out; 0 never
	shown   []engine.PlanItem
	// again is when what had moved was said to be carried out as it was shown by then; 0 never.
	again      int
	shownAgain []engine.PlanItem
	said       []saying
	resumed    int
}

// saying is a person who stops a plan, or lets it go on.
type saying struct {
	moment int
	what   string
}

const (
	saidPause  = "pause"
	saidResume = "resume"
	saidCancel = "cancel"
)

// carrying is what a process knows of the plan it is at; a crash throws it away.
type carrying struct {
	id      string
	writes  bool // what was shown is carried out, or everyone is
	undoes  bool
	looked  [2]time.Time // when each side was listed or read last
	claimed time.Time    // when the records at hand were
}

// seen is a time from which on nothing a person types is known to a plan that writes now: what is listed may be some
// seconds old, and a search index behind by more. An undo reads what it writes to right before.
func (c *carrying) seen(w *world) time.Time {
	if c.undoes {
		return c.claimed
	}
	at := c.looked[gleapSide]
	if c.looked[highLevelSide].Before(at) {
		at = c.looked[highLevelSide]
	}
	if fresh := c.claimed.Add(-staleAfter); fresh.After(at) {
		at = fresh
	}
	return at.Add(-time.Duration(w.highLevel.Faults().SearchLagMs) * time.Millisecond)
}

// staleAfter is how long what was listed may count as up to date.
const staleAfter = 5 * time.Second

// momentOf is the first moment at or after a time, as far as contacts changed.
func (w *world) momentOf(t time.Time) int {
	at := 0
	for _, h := range w.ledger.contacts {
		for _, v := range h.versions {
			if v.at.Before(t) {
				at = max(at, v.moment)
			}
		}
	}
	return at + 1
}

// everyone plans for everyone in a process.
func (w *world) everyone(p *process, reconciler *engine.Reconciler, store ports) *engine.PopulationRunner {
	return &engine.PopulationRunner{
		Reconciler: reconciler, Populations: w.broken.populations(p, store), Works: store, Pairs: store, Inbox: store, Versions: store,
		Owner: p.owner, Chunk: chunk, AtOnce: 1,
		Wait: func(_ context.Context, d time.Duration) error {
			w.pass(d)
			if p.dead {
				return errDead
			}
			return nil
		},
	}
}

// plan works on a plan for everyone, until it is done or stopped, or the process dies.
func (p *process) plan(ctx context.Context, id string) {
	w := p.world
	now, err := w.store.Population(ctx, id)
	if err != nil {
		w.tell("%s: plan %s: %v", p.name, id, err)
		return
	}
	p.busy, p.carrying = true, &carrying{id: id, writes: now.Mode.Applies(), undoes: now.Mode == engine.ModeTake}
	w.tell("%s takes up the plan %s to %s", p.name, id, now.Mode)
	err = p.plans.Run(ctx, id)
	p.busy, p.carrying, p.task = false, nil, nil
	if err != nil || p.dead {
		w.tell("%s: plan %s: %v", p.name, id, err)
		w.give(engine.Job{Kind: engine.JobDryRun, Plan: id}, w.between(time.Second, claimedAgain))
		return
	}
	if now, err = w.store.Population(ctx, id); err == nil {
		w.tell("%s leaves the plan %s: %s %s, %d written", p.name, id, now.State, now.Problem, now.Written)
	}
}

// writesFor makes a write of a plan one of a task, as live work's are.
func (p *process) writesFor(r automation.Run, source record.Ref) {
	c := p.carrying
	if c == nil {
		return
	}
	w := p.world
	p.task = &task{
		automation: string(r.Automation), source: keyOf(source), began: min(w.momentOf(c.seen(w)), w.moments), claimedAt: w.clock, process: p.name,
		attempt: 1, plan: c.id, undoes: c.undoes,
	}
}

// scheduleAsks plans what people will ask for about everyone.
func (w *world) scheduleAsks(busy time.Duration) {
	a := w.scenario.asks
	if a == (asks{}) {
		return
	}
	if a.fill {
		w.after(w.between(5*time.Second, 40*time.Second), w.switchOn)
	}
	if a.shows {
		for range 1 + w.dice.IntN(2) {
			w.after(w.between(busy/6, busy*9/10), func() { w.ask(toShow, engine.Undo{}) })
		}
	}
	if a.undos {
		for range 1 + w.dice.IntN(3) {
			w.after(w.between(busy/3, busy), w.askUndo)
		}
	}
	if a.edits {
		w.scheduleEdits(busy)
	}
	w.every(attendEvery, w.attend)
}

// grow lets people be entered on both sides long before anybody watches.
func (w *world) grow() {
	if !w.scenario.asks.fill {
		return
	}
	w.clock, w.unheard = beginning.Add(-48*time.Hour), true
	for i := range 4 + w.dice.IntN(6) {
		p := w.someone(100 + i)
		where := w.scenario.entered[w.dice.IntN(len(w.scenario.entered))]
		w.enter(p, where)
		if len(w.scenario.entered) > 1 && w.chance(40) {
			w.enter(p, where.other())
		}
		w.clock = w.clock.Add(time.Minute)
	}
	w.clock, w.unheard = beginning, false
	for _, a := range w.definitions {
		_ = w.store.SetState(w.ctx, a.ID, automation.Draft, "") // every automation of a world is there
	}
}

// switchOn is a person who switches the automation on and has everyone carried over.
func (w *world) switchOn() {
	w.on, w.onAt, w.lag = w.moment(), w.clock, time.Duration(w.highLevel.Faults().SearchLagMs)*time.Millisecond
	for _, s := range w.scenario.watched() {
		if err := w.store.SavePollCursor(w.ctx, engine.PollCursor{Connection: connectionOf(s.side), Object: s.object, Since: w.clock}); err != nil {
			w.tell("polling from now: %v", err)
		}
	}
	for _, a := range w.definitions {
		w.tell("a person switches %s on", a.ID)
		_ = w.store.SetState(w.ctx, a.ID, automation.On, "")
	}
	w.ask(toFill, engine.Undo{})
}

// ask is a person who asks for a plan for everyone.
func (w *world) ask(what purpose, undo engine.Undo) *request {
	if w.peopleGone && what != toLookUp {
		return nil
	}
	return w.askOf(w.definitions[0].ID, 1, what, undo)
}

// askOf asks for a plan of one version of an automation.
func (w *world) askOf(by automation.ID, version int, what purpose, undo engine.Undo) *request {
	r := &request{id: w.newID("pl"), purpose: what, by: by, undo: undo, moment: w.moment()}
	p := engine.Population{ID: r.id, Automation: by, Version: version, State: engine.PopulationQueued, CreatedAt: w.clock, StartedBy: "a person"}
	switch what {
	case toShow:
		p.Mode = engine.ModeShow
	case toFill:
		p.Mode = engine.ModeFill
	case toUndo:
		p.Mode, p.Of = engine.ModeUndo, undo.String()
	case toLookUp:
		p.Mode, p.Of = engine.ModeShow, engine.DailyComparison
	case toTry:
		if p.Mode = engine.ModeShow; version > 1 {
			p.Mode, p.Of = engine.ModeCompare, strconv.Itoa(version-1)
		}
	}
	w.tell("a plan for everyone is asked for: %s, %s %s", r.id, p.Mode, p.Of)
	if err := w.store.CreatePopulation(w.ctx, p); err != nil {
		w.tell("asking for %s: %v", r.id, err)
		return nil
	}
	w.result.Plans++
	w.requests = append(w.requests, r)
	return r
}

// askUndo is a person who wants a write to be taken back that they find in the history, or all of a run or a plan.
func (w *world) askUndo() {
	if w.peopleGone {
		return
	}
	u := engine.Undo{Kind: "change", Created: engine.CreatedUnlink}
	if w.chance(50) {
		u.Created = engine.CreatedDelete
	}
	var written []automation.Change
	changes, err := w.store.changes(w.ctx)
	_ = w.stored(err)
	for _, c := range changes {
		if c.State == automation.Done && c.Source.Type == record.Contact && c.Automation == w.definitions[0].ID {
			written = append(written, c)
		}
	}
	carried := slices.DeleteFunc(slices.Clone(w.requests), func(r *request) bool {
		return r.purpose == toUndo || r.purpose == toLookUp || r.purpose == toShow && r.applied == 0
	})
	switch {
	case len(carried) > 0 && w.chance(40):
		u.Kind, u.ID = "plan", carried[w.dice.IntN(len(carried))].id
	case len(written) == 0:
		return
	default:
		c := written[w.dice.IntN(len(written))]
		switch {
		case w.chance(50):
			u.Kind, u.ID = "run", c.Run
		case len(c.Fields) > 0 && w.chance(30) && c.Op == automation.Update:
			u.ID, u.Field = c.ID, c.Fields[w.dice.IntN(len(c.Fields))].Field
		default:
			u.ID = c.ID
		}
	}
	w.ask(toUndo, u)
}

// attend is a person who looks at the plans for everyone and says how they go on.
func (w *world) attend() {
	for _, r := range w.requests {
		p, err := w.store.Population(w.ctx, r.id)
		if err != nil {
			w.tell("looking at %s: %v", r.id, err)
			continue
		}
		switch p.State {
		case engine.PopulationDone:
			w.carryOutShown(r, p)
			w.carryOutMoved(r, p)
		case engine.PopulationQueued, engine.PopulationRunning:
			if !w.peopleGone && r.purpose != toLookUp {
				w.interrupt(r)
			}
		case engine.PopulationPaused:
			switch {
			case w.peopleGone, w.chance(50):
				w.say(r, saidResume)
			case w.chance(15):
				w.say(r, saidCancel)
			}
		case engine.PopulationFailed:
			if r.resumed < resumedMost && (w.peopleGone || w.chance(50)) {
				r.resumed++
				w.say(r, saidResume)
			}
		}
	}
}

// carryOutShown has what was shown carried out, all of it or a part; nobody does so with what they find too much.
func (w *world) carryOutShown(r *request, p engine.Population) {
	if r.applied > 0 || w.peopleGone || p.Mode != engine.ModeShow && p.Mode != engine.ModeUndo || r.purpose == toLookUp || r.purpose == toTry || !w.chance(40) {
		return
	}
	items, err := w.store.PlanItems(w.ctx, r.id, engine.PlanFilter{Limit: 500})
	if err != nil {
		w.tell("looking at %s: %v", r.id, err)
		return
	}
	var choice engine.Choice
	if w.chance(25) {
		choice.Outcomes = []automation.Outcome{automation.Update, automation.Linked, automation.Delete}
	}
	if err := w.store.ApplyPopulation(w.ctx, r.id, choice); err != nil {
		w.tell("applying %s: %v", r.id, err)
		return
	}
	r.applied, r.shown = w.moment(), items
	w.tell("a person has %s carried out: %d items, %v", r.id, len(items), choice.Outcomes)
}

// carryOutMoved has what had moved carried out as it is shown by now, once.
func (w *world) carryOutMoved(r *request, p engine.Population) {
	if r.applied == 0 || r.again > 0 || w.peopleGone || p.Mode != engine.ModeApply {
		return
	}
	items, err := w.store.PlanItems(w.ctx, r.id, engine.PlanFilter{Limit: 500})
	if err != nil {
		w.tell("looking at %s: %v", r.id, err)
		return
	}
	moved := func(it engine.PlanItem) bool {
		return it.State == engine.ItemMoved && slices.Contains(engine.Writable, it.Plan.Outcome)
	}
	if !slices.ContainsFunc(items, moved) {
		return
	}
	if err := w.store.ApplyPopulation(w.ctx, r.id, engine.Choice{Moved: true}); err != nil {
		w.tell("applying what moved in %s: %v", r.id, err)
		return
	}
	r.again, r.shownAgain = w.moment(), slices.DeleteFunc(items, func(it engine.PlanItem) bool { return !moved(it) })
	w.tell("a person has what moved in %s carried out: %d items", r.id, len(r.shownAgain))
}

// interrupt pauses a plan now and then, or cancels it.
func (w *world) interrupt(r *request) {
	switch n := w.dice.IntN(100); {
	case n < 12:
		w.say(r, saidPause)
	case n < 17:
		w.say(r, saidCancel)
	}
}

func (w *world) say(r *request, what string) {
	switched := map[string]func(context.Context, string) error{
		saidPause: w.store.PausePopulation, saidResume: w.store.ResumePopulation, saidCancel: w.store.CancelPopulation,
	}
	if err := switched[what](w.ctx, r.id); err != nil {
		w.tell("%s of %s: %v", what, r.id, err)
		return
	}
	w.tell("a person says %s to %s", what, r.id)
	r.said = append(r.said, saying{w.moment(), what})
}

// planned reports that no plan for everyone has anything left to do.
func (w *world) planned() bool {
	return !slices.ContainsFunc(w.requests, func(r *request) bool {
		p, err := w.store.Population(w.ctx, r.id)
		return err != nil || p.State == engine.PopulationQueued || p.State == engine.PopulationRunning || p.State == engine.PopulationPaused ||
			p.State == engine.PopulationFailed && r.resumed < resumedMost
	})
}

// compareEveryone is the daily comparison, which begins by itself.
func (w *world) compareEveryone() { w.ask(toLookUp, engine.Undo{}) }

// The store's part for plans, as one process sees it.

func (x ports) CreatePopulation(ctx context.Context, p engine.Population) error {
	return x.p.durable("the new plan", func() error { return x.s.CreatePopulation(ctx, p) })
}

func (x ports) Population(ctx context.Context, id string) (engine.Population, error) {
	return read(x.p, func() (engine.Population, error) { return x.s.Population(ctx, id) })
}

func (x ports) HoldPopulation(ctx context.Context, id string) (release func(), ok bool, err error) {
	if x.p.dead {
		return nil, false, errDead
	}
	return x.s.HoldPopulation(ctx, id) // what a dead process held is given up as it leaves the plan
}

func (x ports) SavePopulation(ctx context.Context, p engine.Population, items []automation.Plan) error {
	return x.p.durable("the plan", func() error { return x.s.SavePopulation(ctx, p, items) })
}

func (x ports) SaveResults(ctx context.Context, p engine.Population, results []engine.ItemResult) error {
	return x.p.durable("the plan's results", func() error { return x.s.SaveResults(ctx, p, results) })
}

func (x ports) ItemsOf(ctx context.Context, id string, sources []record.Ref) (map[record.Ref]engine.PlanItem, error) {
	return read(x.p, func() (map[record.Ref]engine.PlanItem, error) { return x.s.ItemsOf(ctx, id, sources) })
}

func (x ports) PlanItems(ctx context.Context, id string, f engine.PlanFilter) ([]engine.PlanItem, error) {
	return read(x.p, func() ([]engine.PlanItem, error) { return x.s.PlanItems(ctx, id, f) })
}

func (x ports) RestartPopulation(ctx context.Context, id string) error {
	return x.p.durable("the plan's new start", func() error { return x.s.RestartPopulation(ctx, id) })
}

func (x ports) ChangesToUndo(ctx context.Context, of, after string, limit int) ([]automation.Change, error) {
	return read(x.p, func() ([]automation.Change, error) { return x.s.ChangesToUndo(ctx, of, after, limit) })
}

func (x ports) UsedLinks(ctx context.Context, links []string, by automation.ID) (map[string]bool, error) {
	return read(x.p, func() (map[string]bool, error) { return x.s.UsedLinks(ctx, links, by) })
}

func (x ports) PairsOf(ctx context.Context, source, target automation.Endpoint, after string, limit int) ([]automation.Link, error) {
	return read(x.p, func() ([]automation.Link, error) { return x.s.PairsOf(ctx, source, target, after, limit) })
}

func (x ports) Version(ctx context.Context, id automation.ID, n int) (automation.Version, error) {
	return read(x.p, func() (automation.Version, error) { return x.s.Version(ctx, id, n) })
}

// planned is the plan for everyone a process is at; empty: none.
func (p *process) planned() string {
	if p.carrying == nil {
		return ""
	}
	return p.carrying.id
}

// calls tells a call what it is for.
func (p *process) calls(c *call) {
	if c.task != nil {
		c.change, c.run = p.intended.ID, p.intended.Run
	}
	if at := p.carrying; at != nil {
		c.shows = !at.writes
		if c.task == nil && !c.mutates() {
			at.looked[c.side] = p.world.clock
		}
	}
}

// asked is what the auditor is shown of the plans for everyone.
func (w *world) asked() []askedFor {
	var out []askedFor
	items := func(all []engine.PlanItem) []item {
		var out []item
		for _, it := range all {
			out = append(out, item{it.Position, it.Plan, string(it.State), it.Run})
		}
		return out
	}
	for _, r := range w.requests {
		p, err := w.store.Population(w.ctx, r.id)
		became, itemsErr := w.store.PlanItems(w.ctx, r.id, engine.PlanFilter{Limit: 500})
		if err != nil || itemsErr != nil {
			continue
		}
		out = append(out, askedFor{
			id: r.id, purpose: r.purpose, undoes: r.undo.Kind, of: r.undo.ID, field: r.undo.Field, deletes: r.undo.Created == engine.CreatedDelete,
			moment: r.moment, applied: r.applied, shown: items(r.shown), again: r.again, shownAgain: items(r.shownAgain), became: items(became), said: r.said, state: string(p.State),
		})
		for _, it := range became {
			if it.State == engine.ItemDone && r.purpose != toLookUp {
				w.result.Carried++
				if r.purpose == toUndo {
					w.result.Undone++
				}
			}
		}
	}
	return out
}
