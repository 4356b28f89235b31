package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Errors every store answers with.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrHeld: somebody else is at it; it may be tried again in a moment.
	ErrHeld = errors.New("somebody is working on it already")
	// ErrConflict: the row moved since it was read (optimistic lock); nothing was written.
	ErrConflict = errors.New("changed by somebody else meanwhile")
)

// Gateway hands out a client for a connection, with its credential, budget and base URL in place.
type Gateway interface {
	Client(ctx context.Context, id record.ConnectionID) (provider.Client, error)
}

// Automations reads definitions.
type Automations interface {
	Automation(ctx context.Context, id automation.ID) (automation.Automation, error)
	Automations(ctx context.Context) ([]automation.Automation, error)
	// SetState switches an automation; why is kept while it is paused.
	SetState(ctx context.Context, id automation.ID, state automation.State, why string) error
}

// Links reads who is who.
type Links interface {
	// FindLink answers the link between source and any record of that type in the target connection,
	// whichever way round it was made, with this automation's base (zero when it never agreed anything).
	FindLink(ctx context.Context, source record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (automation.Link, automation.Base, bool, error)
	// LinksOf answers the links (with bases) of many source records in one query, keyed by source ref.
	LinksOf(ctx context.Context, sources []record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (map[record.Ref]LinkBase, error)
}

// LinkBase is a link and what one automation last agreed across it.
type LinkBase struct {
	Link automation.Link
	Base automation.Base
}

// Journal makes each write durable before and after it happens. Invariants are numbered in doc.go.
type Journal interface {
	// OpenChanges are writes for this key that were intended and never answered, oldest first.
	OpenChanges(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Change, error)
	// UnansweredCreates are the creates of one type in one account that were intended and never answered, by any
	// automation, oldest first.
	UnansweredCreates(ctx context.Context, in record.ConnectionID, t record.ObjectType) ([]automation.Change, error)
	// HeardBefore are those of some records of which an event had told before a moment, by our own clock.
	HeardBefore(ctx context.Context, refs []record.Ref, at time.Time) (map[record.Ref]bool, error)
	// Intend makes the run and the change durable; only after it returns may the call be made (I1). When the
	// automation has written as much as its limits allow it answers a *Brake, and nothing is stored.
	Intend(ctx context.Context, r automation.Run, c automation.Change, limits automation.Limits) error
	// Finish makes the run, the answered change (nil: none), the changes settled by it, the link and the
	// base durable in one transaction (I2). link and base may be nil.
	Finish(ctx context.Context, f Finish) error
	// Reserve keeps others from making a record with one of these identities for as long as an attempt may take.
	// It is granted again to the same holder; !ok: somebody else has one of them.
	Reserve(ctx context.Context, identities []string, holder string, until time.Time) (ok bool, err error)
	// Reviews are the questions about this key that are open or decided.
	Reviews(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Review, error)
}

// Brake says that an automation has written as much as its limits allow.
type Brake struct {
	What  string // "changes" or "deletes"
	Limit int
	// Share: Limit is percent of the linked records.
	Share bool
}

func (b *Brake) Error() string { return "limit of " + b.words() + " reached" }

func (b *Brake) words() string {
	if b.Share {
		return fmt.Sprintf("%d%% of the linked records with %s in an hour", b.Limit, b.What)
	}
	return fmt.Sprintf("%d %s an hour", b.Limit, b.What)
}

// Finish is everything that becomes true together when a run ends or waits.
type Finish struct {
	Run     automation.Run
	Change  *automation.Change
	Settled []automation.Change
	Link    *automation.Link
	Base    *automation.Base
	// Unlink forgets a link whose other side is gone.
	Unlink *automation.Link
	// Sever keeps a link as the memory of a pair that goes separate ways.
	Sever *automation.Link
	// Review is what a person is asked; the one that is open for the same key and kind takes its content.
	Review *automation.Review
	// Settle ends the questions about this key: there is nothing to ask any more.
	Settle bool
	// Awaits are the records whose link the run waits for. A link that joins one of them makes the key due at once.
	Awaits []record.Ref
}

// Answers are the other records whose counterpart is known by a new link: who it is need not be asked of them any more.
func (f Finish) Answers() (out []record.Ref) {
	if f.Link == nil {
		return nil
	}
	for _, ref := range []record.Ref{f.Link.Source, f.Link.Target} {
		if ref != f.Run.Source {
			out = append(out, ref)
		}
	}
	return out
}

// Inbox stores what arrived before anybody is told it was accepted.
type Inbox interface {
	// Accept stores deliveries that are new and wakes the router in the same transaction. It returns how many
	// were fresh; a known DedupeKey is not an error. Concurrent calls share one commit.
	Accept(ctx context.Context, ds ...automation.Delivery) (fresh int, err error)
	// Heard is when the newest change of each record happened that an event told of, by the provider's clock, and no
	// later than the event arrived. Records nobody told of are left out.
	Heard(ctx context.Context, refs []record.Ref) (map[record.Ref]time.Time, error)
}

// Routing turns events into work.
type Routing interface {
	// UnroutedEvents are the oldest events nobody has looked at.
	UnroutedEvents(ctx context.Context, limit int) ([]automation.Event, error)
	// SaveRouting marks the events routed and makes their keys due; events for the same key coalesce into one
	// piece of work. Jobs for keys that were idle are enqueued in the same transaction.
	SaveRouting(ctx context.Context, routed []Routed) error
	// Wake makes one key due for an event that is not stored.
	Wake(ctx context.Context, key Key, e automation.Event) error
}

// Routed is an event and the keys it makes due; none is an answer too.
type Routed struct {
	Event automation.Event
	Keys  []Key
	// Minded: an automation minds it, though by the event of another record.
	Minded bool
}

// Key is what one worker at a time works on (I5): one automation looking at one record, which is the source of its
// pair, or a target record that has no counterpart yet.
type Key struct {
	Automation automation.ID
	Source     record.Ref
}

// WorkID identifies one piece of work: one automation looking at one record.
type WorkID int64

// Work is one key that is due. One key is worked on by one worker at a time.
type Work struct {
	ID         WorkID
	Automation automation.ID
	Source     record.Ref
	Event      automation.Event // the latest that made it due
	RunID      string           // of an earlier attempt that waits; empty for a first attempt
	Attempt    int              // 1 for the first
	RetryOf    string
}

// Works hands out due keys under a lease.
type Works interface {
	// Claim takes the sole right to work on the key until the lease ends. !ok: it is not due, or somebody has it.
	Claim(ctx context.Context, id WorkID, owner string, lease time.Duration) (Work, bool, error)
	// Release gives the key back. When new events arrived meanwhile it becomes due again, with a job, in the
	// same transaction. A non-zero retryAt makes it due then, keeping RunID and counting the attempt.
	Release(ctx context.Context, id WorkID, owner string, retryAt time.Time, runID string) error
	// ClaimKeys takes the sole right to work on as many of the keys as nobody else is working on. What was due stays
	// due, for after the release.
	ClaimKeys(ctx context.Context, keys []Key, owner string, lease time.Duration) (map[Key]WorkID, error)
	// KeepKeys lets the lease of claimed keys begin anew; those whose lease was lost stay with whoever has them.
	KeepKeys(ctx context.Context, ids []WorkID, owner string, lease time.Duration) error
	// ReleaseKeys gives claimed keys back.
	ReleaseKeys(ctx context.Context, ids []WorkID, owner string) error
	// Rescue makes keys whose lease ended due again and enqueues jobs for keys that are due without one.
	Rescue(ctx context.Context, now time.Time) (int, error)
}

// Job is a wake-up: ids only. The domain row is the truth.
type Job struct {
	Kind  JobKind
	Work  WorkID // for JobReconcile
	Plan  string // for JobDryRun: the population plan's id
	RunAt time.Time
}

// JobKind names what a job wakes.
type JobKind string

// The kinds of job.
const (
	JobRoute     JobKind = "route"
	JobReconcile JobKind = "reconcile"
	JobDryRun    JobKind = "dry_run"
)

// PollCursor is how far polling of one object of one connection has come.
type PollCursor struct {
	Connection record.ConnectionID
	Object     record.ObjectType
	Since      time.Time // changes at or after it are not yet all seen
	PolledAt   time.Time
	Problem    string    // why the last poll failed; empty when it worked
	NextAt     time.Time // when it is polled next
	Why        string    // why not sooner, when it is later than was asked for
	Calls      int       // the last poll took
	Failures   int       // polls in vain since one worked
	Missed     int       // changes found that a webhook should have told of
	Silent     []Silence // changes whose webhooks may still be under way; read with one cursor, not with all of them
}

// Cursors keeps polling positions.
type Cursors interface {
	PollCursor(ctx context.Context, c record.ConnectionID, t record.ObjectType) (PollCursor, bool, error)
	SavePollCursor(ctx context.Context, c PollCursor) error
}

// Population is a plan for everyone: shown first, then carried out if somebody says so. Its items are stored as they
// are planned, and each says what became of it.
type Population struct {
	ID          string // "pl_…"
	Automation  automation.ID
	Version     int
	Mode        PopulationMode
	Of          string // what an undo takes back (Undo.String), the version number compared with, or DailyComparison
	State       PopulationState
	Phase       string // what it is doing, in words
	Done, Total int    // records looked at; Total 0 = unknown yet
	Counts      map[automation.Outcome]int
	Tally       Tally
	Reads       int    // calls made to find out
	Writes      int    // calls carrying it out would take
	Written     int    // items carried out
	Missed      int    // records whose change no webhook told of, though the provider sends them
	Cursor      string // where carrying out goes on
	Problem     string
	CreatedAt   time.Time
	StartedAt   time.Time // of showing, then of carrying out
	WentOnAt    time.Time // since when it is at it without a break, and
	WentOnDone  int       // how many records it had looked at then: its pace is reckoned from there
	FinishedAt  time.Time
	StartedBy   string
}

// Braked reports that it waits because of its own brake, for a person to say so.
func (p Population) Braked() bool { return len(p.Tally.Braked) > 0 }

// PopulationMode says what is done with a population.
type PopulationMode string

// The modes. An undo is shown and carried out like any other plan.
const (
	ModeShow  PopulationMode = "show"
	ModeApply PopulationMode = "apply"
	// ModeFill carries everyone over without showing it first: how an automation begins when a person says so.
	ModeFill PopulationMode = "fill"
	ModeUndo PopulationMode = "undo"
	// ModeCompare shows only what the automation would do otherwise than an earlier version of it.
	ModeCompare PopulationMode = "compare"
	ModeTake    PopulationMode = "take_back" // an undo that is carried out
)

// Applies reports whether the population writes.
func (m PopulationMode) Applies() bool { return m == ModeApply || m == ModeFill || m == ModeTake }

// PopulationState says where a population stands.
type PopulationState string

// The states of a population.
const (
	PopulationQueued   PopulationState = "queued"
	PopulationRunning  PopulationState = "running"
	PopulationPaused   PopulationState = "paused"
	PopulationDone     PopulationState = "done"
	PopulationFailed   PopulationState = "failed"
	PopulationCanceled PopulationState = "canceled"
)

// ItemState says what became of an item of a population.
type ItemState string

// The item states; empty: only shown.
const (
	ItemDone   ItemState = "done"
	ItemMoved  ItemState = "moved"  // the record had changed since it was shown, so nothing was written; it is shown anew
	ItemFailed ItemState = "failed" // its run says why
	ItemLeft   ItemState = "left"   // somebody left it out
	ItemLive   ItemState = "live"   // live work was at it at that moment
	ItemAsked  ItemState = "asked"  // a person must decide first
)

// ItemResult is what became of one record's item. Position 0: it was not among what was shown.
type ItemResult struct {
	Position int64
	State    ItemState
	Run      string
	Plan     *automation.Plan // as it looks now, when it moved

	of    record.Ref
	again time.Duration // after which it is worth another try; 0: it is not
}

// Populations keeps plans for everyone.
type Populations interface {
	// CreatePopulation stores it and enqueues its job in the same transaction.
	CreatePopulation(ctx context.Context, p Population) error
	Population(ctx context.Context, id string) (Population, error)
	// HoldPopulation takes the sole right to work on it until release, or until this process ends, however it does.
	// !ok: somebody is at it.
	HoldPopulation(ctx context.Context, id string) (release func(), ok bool, err error)
	// SavePopulation updates progress and appends items in one transaction. A canceled or paused one answers
	// ErrConflict.
	SavePopulation(ctx context.Context, p Population, items []automation.Plan) error
	// SaveResults updates progress and says what became of items, in one transaction. A canceled or paused one answers
	// ErrConflict, yet what became of its items is kept: it is so whatever somebody has said since. An item without a
	// state is begun: its run is stored before it writes.
	SaveResults(ctx context.Context, p Population, results []ItemResult) error
	// ItemsOf are the items of some records, by their source.
	ItemsOf(ctx context.Context, id string, sources []record.Ref) (map[record.Ref]PlanItem, error)
	// PlanItems lists items in the order they were planned.
	PlanItems(ctx context.Context, id string, f PlanFilter) ([]PlanItem, error)
	// RestartPopulation drops stored items so that an interrupted one begins again.
	RestartPopulation(ctx context.Context, id string) error
	// ChangesToUndo pages through the writes an undo takes back, newest first; after is the last change seen.
	ChangesToUndo(ctx context.Context, of, after string, limit int) ([]automation.Change, error)
}
