// Package storetest says what a store is: one suite, run on SQLite and on PostgreSQL. The suite defines the
// behaviour, not the database that happened to be written first.
package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
	"crosswalk/internal/store/postgrestest"
)

// SQLite opens a migrated store on a file of its own.
func SQLite(t testing.TB) *store.Store {
	t.Helper()
	// Signs that mean something in an address must mean nothing in a path.
	dir := filepath.Join(t.TempDir(), "a folder?")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := store.Config{SQLitePath: filepath.Join(dir, "store #1.db")}
	File(t, cfg.SQLitePath)
	return open(t, cfg)
}

// Postgres opens a migrated store in a database of its own.
func Postgres(t testing.TB) *store.Store {
	t.Helper()
	return open(t, store.Config{PostgresURL: PostgresURL(t)})
}

// PostgresURL makes a migrated, empty database.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return postgrestest.Copy(t, func(url string) error { return migrate(store.Config{PostgresURL: url}) })
}

// File makes a migrated, empty database file. Migrating takes longer than most tests, so a test binary does it once and
// copies what came of it; that every migration works is tested where migrations are.
func File(t testing.TB, path string) {
	t.Helper()
	b, err := migrated()
	if err != nil {
		t.Fatalf("migrate: %v", err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "crosswalk-migrated-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "migrated.db")
	if err := migrate(store.Config{SQLitePath: path}); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func migrate(cfg store.Config) error {
	ctx := context.Background()
	s, err := store.Open(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(s.Migrate(ctx), s.Close())
}

func open(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// Run runs the whole suite; open makes a migrated, empty store for one test.
func Run(t *testing.T, open func(testing.TB) *store.Store) {
	for name, test := range map[string]func(*testing.T, *bundle){
		"automations are created, read, renamed, switched and deleted":   testAutomations,
		"of two saves from one version the second conflicts":             testOptimisticLock,
		"of many pairs a share may be deleted within an hour":            testDeletesOfAnHour,
		"what an automation holds reads back as it was":                  testAutomationRoundTrip,
		"a delivery is accepted once":                                    testAcceptOnce,
		"deliveries of one call may repeat each other":                   testAcceptRepeats,
		"foreign text that no database likes is kept readable":           testForeignText,
		"concurrent deliveries are all kept and wake the router":         testAcceptConcurrently,
		"nothing is accepted when the wake-up cannot be stored":          testAcceptNeedsJob,
		"an event is routed once":                                        testRouteOnce,
		"many events for a key become one piece of work":                 testCoalesce,
		"one of fifty workers gets the key":                              testClaimExclusive,
		"events and workers at once leave no key behind":                 testNoKeyLeftBehind,
		"news for a running key make it due again when it is released":   testDirty,
		"every attempt of a run is kept, many of them in part":           testAttempts,
		"attempts are given out and forgotten with their run":            testAttemptsForgotten,
		"a retry waits, keeps its run and counts":                        testRetry,
		"news for a waiting key make it due at once":                     testNewsWhileWaiting,
		"only the owner releases":                                        testForeignRelease,
		"a key whose lease ended is rescued and continues its run":       testRescueExpired,
		"a key that lost its job gets another":                           testRescueJobless,
		"at start the leases of the process that died are void":          testReleaseAllLeases,
		"what is edited while it is on waits until it is put live":       testNextVersion,
		"an automation that is let go on may write again":                testResume,
		"the link a key awaits makes it due":                             testAwaits,
		"held work is counted":                                           testHeldWork,
		"the newest failed calls of each connection are kept":            testFaults,
		"an identity is one person's, and a context is spent once":       testIdentities,
		"what waits can be woken":                                        testWakeWaiting,
		"an event nobody was woken for is rescued":                       testRescueEvents,
		"what webhooks told of is kept apart from what we wrote":         testToldAndWrote,
		"an intent is open until it is answered":                         testIntent,
		"a finished run has its change, link and base together":          testFinish,
		"a finish that fails leaves nothing":                             testFinishFails,
		"a link is found from both sides":                                testLinkBothWays,
		"a second link for a record takes the place of the first":        testLinkReplaced,
		"a pair is parted and joined again":                              testPartPair,
		"many links are read at once":                                    testLinksOf,
		"a link answers who either of its records is":                    testLinkAnswers,
		"a base without its link is not kept":                            testBaseWithoutLink,
		"runs are listed by filter, newest first":                        testRunFilters,
		"runs page without gaps or repeats":                              testRunPages,
		"news of runs come in order, each change once":                   testRunsSince,
		"runs are counted by hour and outcome":                           testRunCounts,
		"a retried run makes its key due and is named by the next":       testRetryRun,
		"a retry whose job cannot be stored changes nothing":             testRetryRunNeedsJob,
		"a dry run is kept with its items":                               testPopulation,
		"a canceled dry run takes no more items":                         testPopulationCanceled,
		"a stopped plan keeps what became of its items":                  testPopulationStopped,
		"one at a time works on a plan":                                  testPopulationHeld,
		"plan items page without gaps or repeats":                        testPlanPages,
		"a plan reads back as it was":                                    testPlanRoundTrip,
		"poll cursors are kept":                                          testCursors,
		"the use of a call budget adds up":                               testQuotaUse,
		"a ledger is changed by one at a time":                           testLedger,
		"only one first user is created":                                 testFirstUser,
		"a user is found whatever the case of the email":                 testUsers,
		"sessions end, and their tokens are not in the database":         testSessions,
		"settings are kept":                                              testSettings,
		"connections are kept without their secrets":                     testConnections,
		"a grant rotates once per generation":                            testRotate,
		"the right to renew is had by one":                               testLeaseGrant,
		"a pending authorisation is taken once":                          testPending,
		"old history is pruned, and what the house knows stays":          testPrune,
		"a job of River's is stored with its row or not at all":          testRiverShares,
		"migrating again does nothing":                                   testMigrateTwice,
		"a write whose caller has gone is not begun":                     testCallerGone,
		"a record is found by name, email and id":                        testFindRecords,
		"a record is known by name when its history is gone":             testKnownRecords,
		"a record's timeline has both sides, newest first":               testTimeline,
		"a timeline pages without gaps or repeats":                       testTimelinePages,
		"the last run of each automation is told":                        testLatestRuns,
		"a person is given out whole, and forgotten":                     testPersonalData,
		"only a plan's own items are chosen of it":                       testChosenItemsAreOfTheirPlan,
		"what names a person by its body alone goes with them":           testPersonSearch,
		"nothing of another workspace is found by its id":                testForeign,
		"lists hold what is of the workspace":                            testOwnLists,
		"a provider's account lives in one workspace":                    testOneAccountOneWorkspace,
		"the first account takes over what is there":                     testFounderTakesOver,
		"an invite lets one person in, once":                             testInvites,
		"a workspace keeps an owner":                                     testLastOwner,
		"who is no owner any more leaves no open invite":                 testInvitesOfWhoLeaves,
		"what was done is kept as it was":                                testAudit,
		"an act is written down with its write, or not done":             testActIsWrittenWithItsWrite,
		"deliveries are listed, newest first, and count what came again": testDeliveryLog,
		"a delivery of weeks ago is still known":                         testKnownAfterWeeks,
		"what nobody looks at wakes nobody":                              testUnknownDelivery,
		"refused deliveries are counted by the hour":                     testRefusals,
		"of daily comparisons the newest keeps its records":              testSupersededItems,
		"a link knows whether something rests on it":                     testUsedLinks,
		"pairs are paged through, whichever way they were made":          testPairsOf,
		"signed-in browsers are listed, used and ended":                  testSignIns,
		"a sign-in inside a frame ends with its place and its identity":  testFramesEnd,
		"a changed password ends the other browsers' sign-ins":           testPasswordEndsSignIns,
		"tries in vain are counted before they are made":                 testTries,
		"a second factor counts once confirmed, and each code once":      testSecondFactor,
		"a reset link sets a password once":                              testReset,
		"a reset unlinks who comes in at a provider":                     testResetUnlinks,
		"sealed values are read in batches and replaced as read":         testSealed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bundle{Store: open(t), now: time.Now().UTC().Truncate(time.Microsecond)}
			b.OnEnqueue(b.jobs.enqueue)
			test(t, b)
		})
	}
}

// bundle is a store with what a test needs beside it.
type bundle struct {
	*store.Store
	jobs jobs
	now  time.Time
}

// jobs records what was enqueued. It does not know what was rolled back.
type jobs struct {
	mu   sync.Mutex
	all  []engine.Job
	fail error
}

func (j *jobs) enqueue(_ context.Context, _ store.Tx, jobs []engine.Job) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return j.fail
	}
	j.all = append(j.all, jobs...)
	return nil
}

func (j *jobs) failWith(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = err
}

// take answers what was enqueued since the last take.
func (j *jobs) take() []engine.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.all
	j.all = nil
	return all
}

func (j *jobs) kinds() map[engine.JobKind]int {
	n := map[engine.JobKind]int{}
	for _, job := range j.take() {
		n[job.Kind]++
	}
	return n
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contact(id string) record.Ref {
	return record.Ref{Connection: "cn_gleap", Type: record.Contact, ID: id}
}

func counterpart(id string) record.Ref {
	return record.Ref{Connection: "cn_highlevel", Type: record.Contact, ID: id}
}

func (b *bundle) event(source record.Ref) automation.Event {
	id := automation.NewID("ev")
	return automation.Event{
		ID: id, Kind: automation.Webhook, Ref: source, Change: provider.Updated, Name: "contact.updated",
		DedupeKey: "key-" + id, ReceivedAt: b.now, OccurredAt: b.now.Add(-time.Second),
	}
}

// route accepts an event and routes it to the automations.
func (b *bundle) route(t testing.TB, source record.Ref, to ...automation.ID) automation.Event {
	t.Helper()
	e := b.event(source)
	_, err := b.Accept(t.Context(), automation.Delivery{Event: e})
	ok(t, err)
	routed := engine.Routed{Event: e}
	for _, a := range to {
		routed.Keys = append(routed.Keys, engine.Key{Automation: a, Source: source})
	}
	ok(t, b.SaveRouting(t.Context(), []engine.Routed{routed}))
	return e
}

// queued routes an event and answers the work it made due.
func (b *bundle) queued(t testing.TB, source record.Ref) engine.WorkID {
	t.Helper()
	b.jobs.take()
	b.route(t, source, "au_1")
	for _, j := range b.jobs.take() {
		if j.Kind == engine.JobReconcile {
			return j.Work
		}
	}
	t.Fatalf("no work is due for %s", source)
	return 0
}

const lease = time.Minute

func (b *bundle) claim(t testing.TB, id engine.WorkID, owner string) engine.Work {
	t.Helper()
	w, claimed, err := b.Claim(t.Context(), id, owner, lease)
	ok(t, err)
	if !claimed {
		t.Fatalf("work %d cannot be claimed", id)
	}
	return w
}

func (b *bundle) run(id string, source record.Ref) automation.Run {
	return automation.Run{
		ID: id, Automation: "au_1", Version: 3, Event: b.event(source), Source: source, Title: "Jane Doe",
		State: automation.Running, Attempts: 1, StartedAt: b.now,
		Steps: []automation.Step{{Kind: automation.StepEvent, At: b.now, OK: true, Title: "A webhook told of a change"}},
	}
}

func (b *bundle) change(id string, r automation.Run) automation.Change {
	return automation.Change{
		ID: id, Run: r.ID, Automation: r.Automation, Source: r.Source, Op: automation.Create, State: automation.Intended,
		Fields: []automation.FieldPlan{{Row: "r1", Field: "email", Label: "Email", Kind: record.Email, Action: automation.Set, After: record.TextOf("jane@example.com")}},
		Before: record.Fields{}, IntendedAt: b.now,
	}
}
