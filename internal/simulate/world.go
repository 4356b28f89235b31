package simulate

import (
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// beginning is when every world begins.
var beginning = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

const (
	// restless is how long a world may go on by itself before it counts as one that never comes to rest.
	restless = 4 * time.Hour
	// pollEvery and rescueEvery are the program's own rhythms.
	pollEvery = time.Minute
	// dayPollEvery is how often a day's sides are polled: a rhythm people may choose, too.
	dayPollEvery = 5 * time.Minute
	rescueEvery  = 30 * time.Second
	// decideEvery is how often somebody looks at what people are asked.
	decideEvery = 40 * time.Second
	// front is the process that takes webhooks, routes, polls and rescues.
	front = "front"
)

// happening is something that will be done at its time.
type happening struct {
	at  time.Time
	seq int
	do  func()
}

type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	*a = (*a)[:last]
	return x
}

// delivery is a webhook on its way.
type delivery struct {
	side         side
	body         []byte
	header       http.Header
	tries        int
	dedupe       string
	acknowledged bool
}

// world is one seed's world. Everything in it happens on one goroutine: what happens while a request is under way
// is done by the request itself, before it goes on.
type world struct {
	ctx      context.Context
	seed     uint64
	dice     *rand.Rand
	scenario scenario
	broken   Mutation
	clock    time.Time
	moments  int
	ids      int
	agenda   agenda
	telling  bool
	story    []string

	gleap          *twingleap.Twin
	highLevel      *twinhighlevel.Twin
	gleapReady     twingleap.Ready
	highLevelReady twinhighlevel.Ready
	budgets        map[side]*apiclient.Budget
	limits         map[side]limit
	families       []*family
	duplicates     bool // HighLevel allows several contacts with one address
	store          backing
	storeFailed    error // what no store may answer
	definitions    []automation.Automation
	revision       *edit // of the first of them; nil: none
	hooks          map[side]provider.Webhooks
	processes      map[string]*process
	generation     int
	listed         *engine.Listed

	crashes    crashPlan
	faults     faults
	hookFaults struct{ lost, doubled, late int } // out of a hundred
	revoked    map[side]bool
	access     access
	hurried    bool
	peopleGone bool
	realTime   bool // something depends on the clock on the wall
	cast       []persona
	typed      int // makes what people type unique

	ledger       ledger
	calls, wrote []*call
	intents      []intent
	outcomes     []outcome
	deliveries   []*delivery
	decisions    []decision
	requests     []*request
	on           int // the moment at which what was off was switched on
	onAt         time.Time
	lag          time.Duration // of HighLevel's search index by then
	unheard      bool          // what people do is told to nobody
	underWay     int           // deliveries and jobs that are still to be done
	polled       []polled
	quiet        map[polled]int
	result       Result
}

// polled is what the program lists now and then.
type polled struct {
	side   side
	object record.ObjectType
}

// limit is how often a twin may be called.
type limit struct {
	calls int
	in    time.Duration
}

func newWorld(ctx context.Context, seed uint64, o Options, tell bool) (*world, error) {
	w := &world{
		ctx: provider.WithoutTimeouts(ctx), seed: seed, dice: rand.New(rand.NewPCG(seed, 0xc705)), broken: o.Broken, clock: beginning, telling: tell,
		ledger: ledger{contacts: map[recordKey]*history{}}, processes: map[string]*process{}, revoked: map[side]bool{}, quiet: map[polled]int{},
		result: Result{Seed: seed},
	}
	var err error
	if w.scenario, err = pick(o.Scenario, w.dice); err != nil {
		return nil, err
	}
	w.result.Scenario, w.hurried = w.scenario.name, o.hurried
	now := func() time.Time { return w.clock }
	w.limits = map[side]limit{gleapSide: {1000, time.Minute}, highLevelSide: {100, 10 * time.Second}}
	if w.dice.IntN(4) == 0 {
		w.limits[highLevelSide] = limit{15 + w.dice.IntN(20), 10 * time.Second}
	}
	w.duplicates = w.dice.IntN(2) == 0
	w.definitions = w.scenario.automations()
	w.families = familiesOf(w.definitions)
	var taps [2]func([]byte, http.Header)
	if len(w.families) > 0 {
		taps = [2]func([]byte, http.Header){w.tapped(gleapSide), w.tapped(highLevelSide)}
	}
	if w.gleap, err = twingleap.New(twingleap.Config{Seed: seed, Now: now, Tap: taps[gleapSide], Rate: twingleap.Rate{PerMinute: w.limits[gleapSide].calls}}); err != nil {
		return nil, err
	}
	if w.highLevel, err = twinhighlevel.New(twinhighlevel.Config{Seed: seed, Now: now, Tap: taps[highLevelSide], AllowDuplicates: w.duplicates, AccessTokenLife: w.tokenLife(), Rate: twinhighlevel.Rate{Burst: w.limits[highLevelSide].calls, Interval: w.limits[highLevelSide].in}}); err != nil {
		return nil, err
	}
	w.gleapReady, w.highLevelReady = w.gleap.Ready("http://gleap.twin"), w.highLevel.Ready("http://highlevel.twin")
	key, err := highlevel.NewWebhooks(highlevel.WebhookConfig{PublicKeys: []string{w.highLevelReady.WebhookPublicKey}})
	if err != nil {
		return nil, err
	}
	w.hooks = map[side]provider.Webhooks{gleapSide: gleap.NewWebhooks(), highLevelSide: unsigned{key}}
	w.budgets = map[side]*apiclient.Budget{}
	for s, l := range w.limits {
		if w.broken == SpendFreely {
			continue
		}
		// A wait would be a real one: what does not fit is refused at once and tried again in the world's own time.
		w.budgets[s] = apiclient.NewBudget(apiclient.BudgetConfig{Burst: l.calls, Interval: l.in, MaxWait: 1, Patience: 1, Now: now})
	}
	w.result.Store = o.Store.of(seed, o.Broken)
	if w.store, err = newBacking(ctx, w.result.Store, now, w.enqueued); err != nil {
		return nil, err
	}
	for _, a := range w.definitions {
		if err := w.store.create(ctx, a); err != nil {
			return nil, err
		}
	}
	for _, s := range w.scenario.watched() {
		if err := w.store.SavePollCursor(ctx, engine.PollCursor{Connection: connectionOf(s.side), Object: s.object, Since: beginning.Add(-time.Hour)}); err != nil {
			return nil, err
		}
	}
	w.tell("seed %d: %s, duplicates allowed: %v", seed, w.scenario.name, w.duplicates)
	for _, name := range []string{front, "worker 1", "worker 2"} {
		w.restart(name)
	}
	if w.scenario.lasts > 0 {
		if err := w.connect(); err != nil {
			return nil, err
		}
	}
	w.grow()
	return w, nil
}

// tokenLife is how long an access to HighLevel lasts.
func (w *world) tokenLife() time.Duration {
	if w.scenario.lasts == 0 {
		return 0 // the twin's own
	}
	return w.between(time.Hour, 4*time.Hour)
}

func (w *world) close() {
	if w.store != nil {
		_ = w.store.close()
	}
	_ = w.gleap.Close()
	_ = w.highLevel.Close()
}

func (w *world) twin(s side) http.Handler {
	if s == gleapSide {
		return w.gleap
	}
	return w.highLevel
}

func (w *world) restart(name string) {
	w.generation++
	p := w.start(name, w.generation)
	p.hooks = w.hooks
	w.processes[name] = p
	if w.generation > 3 {
		w.tell("%s starts again", name)
	}
}

// newID is a name that is as good as the program's own, and the same in every replay.
func (w *world) newID(prefix string) string {
	w.ids++
	return fmt.Sprintf("%s_%06d", prefix, w.ids)
}

// moment numbers what happens, since many things happen at one time.
func (w *world) moment() int {
	w.moments++
	return w.moments
}

func (w *world) tell(format string, args ...any) {
	if w.telling {
		w.story = append(w.story, fmt.Sprintf("seed %d %s ", w.seed, w.clock.Format("15:04:05.000"))+fmt.Sprintf(format, args...))
	}
}

func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.dice.Int64N(int64(most-least)+1)).Truncate(time.Millisecond)
}

func (w *world) chance(outOfHundred int) bool { return w.dice.IntN(100) < outOfHundred }

func (w *world) after(d time.Duration, do func()) {
	w.moments++
	heap.Push(&w.agenda, happening{w.clock.Add(d), w.moments, do})
}

// pass lets time pass, and everything happen that is due meanwhile.
func (w *world) pass(d time.Duration) {
	until := w.clock.Add(d)
	for len(w.agenda) > 0 && !w.agenda[0].at.After(until) {
		w.step()
	}
	if w.clock.Before(until) {
		w.clock = until
	}
}

// step lets the next thing happen.
func (w *world) step() {
	next := heap.Pop(&w.agenda).(happening)
	if next.at.After(w.clock) {
		w.clock = next.at
	}
	next.do()
}

// live runs the world until it rests, and reports whether it did.
func (w *world) live() bool {
	busy, rhythm := w.between(4*time.Minute, 12*time.Minute), pollEvery
	if w.scenario.lasts > 0 {
		busy, rhythm = w.scenario.lasts, dayPollEvery
		w.scheduleLosses(busy)
		w.every(keepEvery, w.keepAccess)
	}
	w.schedulePeople(busy)
	if len(w.families) > 0 {
		w.scheduleChildren(busy)
	}
	w.scheduleAsks(busy)
	w.scheduleTroubles(busy)
	w.every(rescueEvery, w.rescue)
	// Where no webhook is ever lost, nobody needs to poll a side that sends them, and the program does not. While the app is
	// uninstalled there are none.
	for _, s := range w.scenario.watched() {
		if s.side == gleapSide || s.object == record.Task || w.hookFaults.lost > 0 || w.scenario.lasts > 0 || w.scenario.asks.fill {
			w.polled = append(w.polled, s)
		}
	}
	for _, s := range w.polled {
		w.every(rhythm, func() { w.poll(s) })
	}
	if w.scenario.decided {
		w.every(decideEvery, w.decide)
	}
	for end := beginning.Add(busy); len(w.agenda) > 0 && w.clock.Before(end) && w.ctx.Err() == nil; {
		w.step()
	}
	w.calm()
	compared := len(w.families) == 0 && !w.scenario.leave && w.scenario.asks == (asks{})
	for end := w.clock.Add(restless); w.clock.Before(end) && w.ctx.Err() == nil; {
		if w.atRest() && !compared {
			w.tell("everything is compared")
			w.compared()
			compared = true
			clear(w.quiet)
		}
		if w.atRest() {
			w.tell("at rest")
			return true
		}
		w.step()
	}
	return w.ctx.Err() != nil // stopped from outside is not the world's fault
}

// every repeats something, a little out of step.
func (w *world) every(d time.Duration, do func()) {
	w.after(w.between(d/2, d), func() {
		do()
		w.every(d, do)
	})
}

// calm ends everything that disturbs: people go home, networks and providers recover, nothing crashes any more.
func (w *world) calm() {
	w.tell("people and troubles stop")
	w.peopleGone = true
	w.faults = faults{}
	w.crashes = crashPlan{}
	w.hookFaults.lost, w.hookFaults.doubled, w.hookFaults.late = 0, 0, 0
	clear(w.revoked)
	w.highLevel.SetFaults(twinhighlevel.Faults{})
	clear(w.quiet)
}

func (w *world) atRest() bool {
	for _, s := range w.polled {
		if w.quiet[s] < 2 {
			return false
		}
	}
	if w.underWay > 0 {
		return false
	}
	busy, err := w.store.busy(w.ctx, func(r automation.Run) bool { return r.Code == "no_parent" })
	return w.stored(err) == nil && !busy && !w.unanswered() && w.planned()
}

// The front's own work. When the front is down, or busy, it is done later or left to the next time.

func (w *world) rescue() {
	p := w.processes[front]
	if p.dead || p.busy {
		return
	}
	if _, err := p.runner.Works.Rescue(w.ctx, w.clock); err != nil && !p.dead {
		w.tell("rescue: %v", err)
	}
}

func (w *world) poll(s polled) {
	p := w.processes[front]
	if p.dead || p.busy {
		return
	}
	p.busy = true
	found, err := p.poller.Poll(w.ctx, engine.Watch{Connection: connectionOf(s.side), Object: s.object})
	p.busy = false
	fresh := found.Fresh
	switch {
	case err == nil && fresh == 0:
		w.quiet[s]++
	default:
		w.quiet[s] = 0
	}
	if fresh > 0 {
		w.tell("polling the %ss of %s finds %d changes", s.object, s.side, fresh)
	}
}

// enqueued takes the store's jobs. A queue gives a job at least once, and now and then twice.
func (w *world) enqueued(jobs []engine.Job) {
	for _, j := range jobs {
		wait := max(j.RunAt.Sub(w.clock), 0) + w.between(time.Millisecond, 80*time.Millisecond)
		w.give(j, wait)
		if j.Kind == engine.JobReconcile && w.chance(3) {
			w.give(j, wait+w.between(0, time.Second))
		}
	}
}

func (w *world) give(j engine.Job, wait time.Duration) {
	counts := 0
	if j.Kind == engine.JobRoute || j.Kind == engine.JobDryRun {
		counts = 1 // whether a key has something to do is told by the key
	}
	w.underWay += counts
	w.after(wait, func() {
		w.underWay -= counts
		p := w.free(j.Kind)
		if p == nil {
			w.give(j, w.between(20*time.Millisecond, 300*time.Millisecond))
			return
		}
		switch j.Kind {
		case engine.JobReconcile:
			p.work(w.ctx, j.Work)
			return
		case engine.JobDryRun:
			p.plan(w.ctx, j.Plan)
			return
		}
		p.busy = true
		_, err := p.router.Route(w.ctx)
		p.busy = false
		if err != nil && !p.dead {
			w.tell("routing: %v", err)
		}
	})
}

// free is a process that can take a job now; nil when all are busy or down.
func (w *world) free(kind engine.JobKind) *process {
	names := []string{front}
	if kind != engine.JobRoute {
		names = []string{"worker 1", "worker 2"}
		w.dice.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	}
	for _, name := range names {
		if p := w.processes[name]; !p.dead && !p.busy {
			return p
		}
	}
	return nil
}

// redraw replaces a wait that was drawn from dice we cannot seed, by the engine's own rule: half to one and a half of a
// power of two seconds, at most five minutes.
func (w *world) redraw(at time.Time, attempt int) time.Time {
	switch wait := at.Sub(w.clock); wait {
	case time.Second, 5 * time.Second, 5 * time.Minute, time.Hour:
		return at // not drawn
	}
	base := min(time.Second<<min(attempt, 9), 5*time.Minute)
	return w.clock.Add(w.between(base/2, base+base/2))
}

// posted is a webhook leaving a twin.
func (w *world) posted(s side, body []byte, header http.Header) {
	if w.unheard {
		return
	}
	d := &delivery{side: s, body: body, header: header}
	w.result.Deliveries++
	if w.chance(w.hookFaults.lost) && (len(w.families) == 0 || w.retold(d)) {
		w.result.Lost++
		w.tell("a webhook of %s is lost", s)
		return
	}
	w.deliveries = append(w.deliveries, d)
	wait := w.between(5*time.Millisecond, 400*time.Millisecond)
	if w.chance(w.hookFaults.late) {
		wait = w.between(2*time.Second, 2*time.Minute)
	}
	w.deliver(d, wait)
	if w.chance(w.hookFaults.doubled) {
		w.deliver(d, wait+w.between(0, 5*time.Second))
	}
}

// maxTries is how often a sender tries before it gives up, where something else will find what it told of.
const maxTries = 8

func (w *world) deliver(d *delivery, wait time.Duration) {
	w.underWay++
	w.after(wait, func() {
		w.underWay--
		p := w.processes[front]
		status := http.StatusBadGateway
		if !p.dead {
			status = p.receive(w.ctx, d)
		}
		// A crash while it was stored answers nobody, unless the answer had already gone out.
		if status < 300 && !p.dead || d.acknowledged {
			d.acknowledged = true
			return
		}
		if d.tries++; d.tries >= maxTries && w.retold(d) {
			w.result.Lost++
			return
		}
		w.deliver(d, w.between(2*time.Second, 30*time.Second))
	})
}

// observe looks at a contact, or at all of one side, after something happened there, and writes down what changed.
func (w *world) observe(s side, id string, by *call) (changed bool) {
	v := version{moment: w.moment(), at: w.clock, call: by}
	note := func(k recordKey, f fields, there bool) {
		names := w.ledger.note(k, f, there, v)
		if len(names) == 0 {
			return
		}
		changed = true
		if w.telling {
			who, what := "a person", []string{}
			if by != nil {
				who = "we"
				if by.task != nil {
					who = by.task.process + " for " + by.task.automation + " " + by.task.source.String()
				}
			}
			for _, n := range names {
				what = append(what, fmt.Sprintf("%s=%q", n, f[n]))
			}
			if names[0] == "created" {
				what = append(what, fmt.Sprint(f))
			}
			w.tell("%s changed by %s: %s", k, who, strings.Join(what, " "))
		}
		if len(w.families) == 0 { // otherwise the twin sends its own
			w.hookFor(k, names)
		}
	}
	if len(w.families) > 0 {
		changed = w.observeChildren(s, by)
	}
	if id != "" {
		f, there := w.look(recordKey{s, id})
		note(recordKey{s, id}, f, there)
		return changed
	}
	if s == gleapSide {
		for _, doc := range w.gleap.Sessions() {
			note(recordKey{s, fmt.Sprint(doc["_id"])}, gleapFields(doc), true)
		}
		return changed
	}
	all := w.highLevel.Contacts()
	for i := range all {
		doc := all[len(all)-1-i]
		note(recordKey{s, fmt.Sprint(doc["id"])}, highLevelFields(doc), true)
	}
	return changed
}

// look is a contact as its twin holds it.
func (w *world) look(k recordKey) (fields, bool) {
	if k.side == gleapSide {
		doc, there := w.gleap.Session(k.id)
		return gleapFields(doc), there
	}
	doc, there := w.highLevel.Contact(k.id)
	return highLevelFields(doc), there
}

var (
	gleapNames     = []string{"name", "email", "phone", "companyName", "plan", "lang"}
	highLevelNames = []string{"firstName", "lastName", "email", "phone", "companyName", "city", "website", "source"}
)

func gleapFields(doc map[string]any) fields {
	f := textsOf(doc, gleapNames)
	f["tags"] = tagsOf(doc)
	f["customData"] = asJSON(doc["customData"])
	return f
}

func highLevelFields(doc map[string]any) fields {
	f := textsOf(doc, highLevelNames)
	f["tags"] = tagsOf(doc)
	f["customFields"] = asJSON(doc["customFields"])
	f[further] = furtherOf(doc)
	return f
}

func textsOf(doc map[string]any, names []string) fields {
	f := fields{}
	for _, n := range names {
		if s, ok := doc[n].(string); ok {
			f[n] = s
		} else {
			f[n] = ""
		}
	}
	return f
}

func tagsOf(doc map[string]any) string {
	var items []string
	list, _ := doc["tags"].([]any)
	for _, e := range list {
		items = append(items, fmt.Sprint(e))
	}
	return joinLabels(items)
}

// furtherOf are the addresses HighLevel keeps of a contact besides the first.
func furtherOf(doc map[string]any) string {
	var items []string
	list, _ := doc[further].([]any)
	for _, e := range list {
		if one, ok := e.(map[string]any); ok {
			items = append(items, fmt.Sprint(one["email"]))
		}
	}
	return joinLabels(items)
}

func asJSON(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case []any:
		if len(x) == 0 {
			return ""
		}
	case map[string]any:
		if len(x) == 0 {
			return ""
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// questions are what people are asked and have not answered.
func (w *world) questions() []automation.Review {
	var out []automation.Review
	for _, a := range w.definitions {
		for _, k := range w.ledger.order {
			asked, err := w.store.Reviews(w.ctx, a.ID, record.Ref{Connection: connectionOf(k.side), Type: record.Contact, ID: k.id})
			if w.stored(err) != nil {
				continue
			}
			out = append(out, asked...)
		}
	}
	return out
}

// evidence is what the auditor is shown.
func (w *world) evidence(rested bool) evidence {
	var contacts []automation.Automation
	for _, a := range w.definitions[:len(w.scenario.parts)] {
		if a.Definition.Source.Object == record.Contact {
			contacts = append(contacts, a)
		}
	}
	var ofContacts, ofChildren []*call
	for _, c := range w.wrote {
		if c.ofChild() {
			ofChildren = append(ofChildren, c)
		} else {
			ofContacts = append(ofContacts, c)
		}
	}
	taken := map[side]map[string]bool{}
	for _, s := range []side{gleapSide, highLevelSide} {
		keys, err := w.store.accepted(w.ctx, connectionOf(s))
		_ = w.stored(err)
		taken[s] = keys
	}
	changes, err := w.store.changes(w.ctx)
	_ = w.stored(err)
	return evidence{
		questions: w.questions(), families: w.families, decisions: w.decisions, access: w.access, ends: w.moments, all: w.definitions, childWrites: ofChildren,
		rested: rested, automations: contacts, ledger: &w.ledger, calls: w.calls, wrote: ofContacts, deliveries: w.deliveries,
		accepted: func(d *delivery) bool { return taken[d.side][d.dedupe] },
		changes:  changes, intents: w.intents, outcomes: w.outcomes, limits: w.limits, crashes: w.result.Crashes, duplicates: w.duplicates, plans: w.asked(), edit: w.revision, on: w.on, onAt: w.onAt, lag: w.lag,
	}
}

type unsigned struct{ provider.Webhooks }

func (unsigned) Verify(http.Header, []byte) error { return nil }
