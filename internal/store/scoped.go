package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

var (
	_ engine.History   = (*Scoped)(nil)
	_ engine.Cursors   = (*Scoped)(nil)
	_ connection.Store = (*Scoped)(nil)
)

// Scoped is the store as one workspace sees it: lists hold what is its own, and what is asked for by id and belongs to
// another workspace is answered with engine.ErrNotFound, or connection.ErrNotFound. Nothing of the store is embedded,
// so that a method is scoped or not there.
type Scoped struct {
	store *Store
	scope scope
}

// In is the store bound to a workspace. Without one nothing is found.
func (s *Store) In(workspace string) *Scoped {
	sc := scope(clean(workspace))
	if sc == everywhere {
		sc = nowhere
	}
	return &Scoped{store: s, scope: sc}
}

// The statements that tell whether something is of a workspace, by its id.
const (
	ownAutomation = "SELECT id FROM automations AS mine WHERE mine.workspace_id = ? AND mine.id = ?"
	ownConnection = "SELECT id FROM connections AS mine WHERE mine.workspace_id = ? AND mine.id = ?"
	ownRun        = "SELECT r.id FROM runs r JOIN automations mine ON mine.id = r.automation_id WHERE mine.workspace_id = ? AND r.id = ?"
	ownPlan       = "SELECT p.id FROM plans p JOIN automations mine ON mine.id = p.automation_id WHERE mine.workspace_id = ? AND p.id = ?"
	ownLink       = "SELECT l.id FROM links l JOIN connections mine ON mine.id = l.source_connection WHERE mine.workspace_id = ? AND l.id = ?"
	ownReview     = "SELECT q.id FROM reviews q JOIN automations mine ON mine.id = q.automation_id WHERE mine.workspace_id = ? AND q.id = ?"
)

// own answers engine.ErrNotFound unless the id is of this workspace. What belongs to a workspace belongs to it for
// ever, so what is found to be its own may be dealt with afterwards.
func (x *Scoped) own(ctx context.Context, statement, id string) error {
	var ids []string
	if err := x.store.read(ctx).Raw(statement, string(x.scope), clean(id)).Scan(&ids).Error; err != nil {
		return fmt.Errorf("look up %s: %w", id, err)
	}
	if len(ids) == 0 {
		return fmt.Errorf("look up %s: %w", id, engine.ErrNotFound)
	}
	return nil
}

func (x *Scoped) ownAutomation(ctx context.Context, id automation.ID) error {
	return x.own(ctx, ownAutomation, string(id))
}

func (x *Scoped) ownConnection(ctx context.Context, id record.ConnectionID) error {
	return x.own(ctx, ownConnection, string(id))
}

// ownAccount is ownConnection in connection's words.
func (x *Scoped) ownAccount(ctx context.Context, id record.ConnectionID) error {
	return notOurs(x.ownConnection(ctx, id))
}

func notOurs(err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		return connection.ErrNotFound
	}
	return err
}

// Automations reads the workspace's automations, oldest first.
func (x *Scoped) Automations(ctx context.Context) ([]automation.Automation, error) {
	return x.store.automations(ctx, x.scope)
}

// Automation reads one automation with its current definition.
func (x *Scoped) Automation(ctx context.Context, id automation.ID) (automation.Automation, error) {
	a, err := x.store.Automation(ctx, id)
	if err == nil && a.Workspace != string(x.scope) {
		return automation.Automation{}, fmt.Errorf("read automation %s: %w", id, engine.ErrNotFound)
	}
	return a, err
}

// CreateAutomation stores a new automation of the workspace as version 1.
func (x *Scoped) CreateAutomation(ctx context.Context, a automation.Automation, by string) error {
	a.Workspace = string(x.scope)
	return x.store.CreateAutomation(ctx, a, by)
}

// SaveDefinition makes d the next version; see Store.SaveDefinition.
func (x *Scoped) SaveDefinition(ctx context.Context, id automation.ID, fromVersion int, d automation.Definition, by, note string) (automation.Automation, error) {
	if err := x.ownAutomation(ctx, id); err != nil {
		return automation.Automation{}, err
	}
	return x.store.SaveDefinition(ctx, id, fromVersion, d, by, note)
}

// SaveLive makes a change that counts at once, also where something waits; see Store.SaveLive.
func (x *Scoped) SaveLive(ctx context.Context, id automation.ID, from int, change func(automation.Definition) automation.Definition, by, note string) (automation.Automation, error) {
	if err := x.ownAutomation(ctx, id); err != nil {
		return automation.Automation{}, err
	}
	return x.store.SaveLive(ctx, id, from, change, by, note)
}

// SaveEdit makes d the newest version, which may have to wait; see Store.SaveEdit.
func (x *Scoped) SaveEdit(ctx context.Context, id automation.ID, from int, d automation.Definition, by, note string) (automation.Automation, error) {
	if err := x.ownAutomation(ctx, id); err != nil {
		return automation.Automation{}, err
	}
	return x.store.SaveEdit(ctx, id, from, d, by, note)
}

// PutLive makes the next version what the automation works by; see Store.PutLive.
func (x *Scoped) PutLive(ctx context.Context, id automation.ID, next int) (automation.Automation, error) {
	if err := x.ownAutomation(ctx, id); err != nil {
		return automation.Automation{}, err
	}
	return x.store.PutLive(ctx, id, next)
}

// DiscardNext throws the next version away; see Store.DiscardNext.
func (x *Scoped) DiscardNext(ctx context.Context, id automation.ID, next int) (automation.Automation, error) {
	if err := x.ownAutomation(ctx, id); err != nil {
		return automation.Automation{}, err
	}
	return x.store.DiscardNext(ctx, id, next)
}

// SetState switches an automation; why is kept while it is paused.
func (x *Scoped) SetState(ctx context.Context, id automation.ID, state automation.State, why string) error {
	if err := x.ownAutomation(ctx, id); err != nil {
		return err
	}
	return x.store.SetState(ctx, id, state, why)
}

// ResumeAutomation lets an automation go on; see Store.ResumeAutomation.
func (x *Scoped) ResumeAutomation(ctx context.Context, id automation.ID) error {
	if err := x.ownAutomation(ctx, id); err != nil {
		return err
	}
	return x.store.ResumeAutomation(ctx, id)
}

// Rename changes an automation's name.
func (x *Scoped) Rename(ctx context.Context, id automation.ID, name string) error {
	if err := x.ownAutomation(ctx, id); err != nil {
		return err
	}
	return x.store.Rename(ctx, id, name)
}

// DeleteAutomation hides an automation; see Store.DeleteAutomation.
func (x *Scoped) DeleteAutomation(ctx context.Context, id automation.ID) error {
	if err := x.ownAutomation(ctx, id); err != nil {
		return err
	}
	return x.store.DeleteAutomation(ctx, id)
}

// Versions are the saved definitions, newest first.
func (x *Scoped) Versions(ctx context.Context, id automation.ID) ([]automation.Version, error) {
	if err := x.ownAutomation(ctx, id); err != nil {
		return nil, err
	}
	return x.store.Versions(ctx, id)
}

// Version reads one saved definition.
func (x *Scoped) Version(ctx context.Context, id automation.ID, n int) (automation.Version, error) {
	if err := x.ownAutomation(ctx, id); err != nil {
		return automation.Version{}, err
	}
	return x.store.Version(ctx, id, n)
}

// Runs lists the runs of the workspace's automations, newest first.
func (x *Scoped) Runs(ctx context.Context, f engine.RunFilter) ([]automation.Run, error) {
	return x.store.listRuns(ctx, x.scope, f)
}

// Run reads one run with its steps.
func (x *Scoped) Run(ctx context.Context, id string) (automation.Run, error) {
	if err := x.own(ctx, ownRun, id); err != nil {
		return automation.Run{}, err
	}
	return x.store.Run(ctx, id)
}

// RunsSince are the workspace's runs stored or changed after the sequence number; see Store.RunsSince.
func (x *Scoped) RunsSince(ctx context.Context, seq int64, limit int) ([]automation.Run, int64, error) {
	return x.store.runsSince(ctx, x.scope, seq, limit)
}

// RunCounts counts the workspace's runs by hour and outcome.
func (x *Scoped) RunCounts(ctx context.Context, since time.Time) ([]engine.HourCount, error) {
	return x.store.runCounts(ctx, x.scope, since)
}

// RetryRun makes the run's key due again.
func (x *Scoped) RetryRun(ctx context.Context, id string) error {
	if err := x.own(ctx, ownRun, id); err != nil {
		return err
	}
	return x.store.RetryRun(ctx, id)
}

// CreatePopulation stores a plan for everyone. An undo must take back what this workspace wrote.
func (x *Scoped) CreatePopulation(ctx context.Context, p engine.Population) error {
	if err := x.ownAutomation(ctx, p.Automation); err != nil {
		return err
	}
	if p.Mode == engine.ModeUndo || p.Mode == engine.ModeTake {
		u, err := engine.ParseUndo(p.Of)
		if err != nil {
			return err
		}
		_, mine, err := u.By(ctx, x)
		if err != nil {
			return err
		}
		if !mine {
			return fmt.Errorf("take back %s: %w", p.Of, engine.ErrNotFound)
		}
	}
	return x.store.CreatePopulation(ctx, p)
}

// Population reads a plan's progress and tally.
func (x *Scoped) Population(ctx context.Context, id string) (engine.Population, error) {
	if err := x.own(ctx, ownPlan, id); err != nil {
		return engine.Population{}, err
	}
	return x.store.Population(ctx, id)
}

// LatestPopulation is the newest dry run of an automation.
func (x *Scoped) LatestPopulation(ctx context.Context, a automation.ID) (engine.Population, bool, error) {
	if err := x.ownAutomation(ctx, a); err != nil {
		return engine.Population{}, false, err
	}
	return x.store.LatestPopulation(ctx, a)
}

// PausedPopulation is the plan of an automation that was stopped while it wrote.
func (x *Scoped) PausedPopulation(ctx context.Context, a automation.ID) (engine.Population, bool, error) {
	if err := x.ownAutomation(ctx, a); err != nil {
		return engine.Population{}, false, err
	}
	return x.store.PausedPopulation(ctx, a)
}

// LatestPopulations are the newest dry runs of some of the workspace's automations.
func (x *Scoped) LatestPopulations(ctx context.Context, automations ...automation.ID) ([]engine.Population, error) {
	return x.store.latestPopulations(ctx, x.scope, automations)
}

// PlanItems lists what a plan came to.
func (x *Scoped) PlanItems(ctx context.Context, id string, f engine.PlanFilter) ([]engine.PlanItem, error) {
	if err := x.own(ctx, ownPlan, id); err != nil {
		return nil, err
	}
	return x.store.PlanItems(ctx, id, f)
}

// ResultCounts counts what became of a plan's items.
func (x *Scoped) ResultCounts(ctx context.Context, id string) (map[engine.ItemState]int, error) {
	if err := x.own(ctx, ownPlan, id); err != nil {
		return nil, err
	}
	return x.store.ResultCounts(ctx, id)
}

// MovedCounts counts what had changed since a plan was shown, by what it comes to by now.
func (x *Scoped) MovedCounts(ctx context.Context, id string) (map[automation.Outcome]int, error) {
	if err := x.own(ctx, ownPlan, id); err != nil {
		return nil, err
	}
	return x.store.MovedCounts(ctx, id)
}

// ApplyPopulation lets a plan that was shown be carried out.
func (x *Scoped) ApplyPopulation(ctx context.Context, id string, c engine.Choice) error {
	if err := x.own(ctx, ownPlan, id); err != nil {
		return err
	}
	return x.store.ApplyPopulation(ctx, id, c)
}

// CancelPopulation stops a plan for good.
func (x *Scoped) CancelPopulation(ctx context.Context, id string) error {
	if err := x.own(ctx, ownPlan, id); err != nil {
		return err
	}
	return x.store.CancelPopulation(ctx, id)
}

// PausePopulation stops a plan, to go on later.
func (x *Scoped) PausePopulation(ctx context.Context, id string) error {
	if err := x.own(ctx, ownPlan, id); err != nil {
		return err
	}
	return x.store.PausePopulation(ctx, id)
}

// ResumePopulation lets a paused or failed plan go on.
func (x *Scoped) ResumePopulation(ctx context.Context, id string) error {
	if err := x.own(ctx, ownPlan, id); err != nil {
		return err
	}
	return x.store.ResumePopulation(ctx, id)
}

// ChangesToUndo pages through the workspace's writes an undo takes back, newest first.
func (x *Scoped) ChangesToUndo(ctx context.Context, of, after string, limit int) ([]automation.Change, error) {
	return x.store.changesToUndo(ctx, x.scope, of, after, limit)
}

// Reviews are the questions about a key that are not settled.
func (x *Scoped) Reviews(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Review, error) {
	if err := x.ownAutomation(ctx, a); err != nil {
		return nil, err
	}
	return x.store.Reviews(ctx, a, source)
}

// Review reads one question.
func (x *Scoped) Review(ctx context.Context, id string) (automation.Review, error) {
	if err := x.own(ctx, ownReview, id); err != nil {
		return automation.Review{}, err
	}
	return x.store.Review(ctx, id)
}

// ReviewList lists the workspace's questions, newest first.
func (x *Scoped) ReviewList(ctx context.Context, f engine.ReviewFilter) ([]automation.Review, error) {
	return x.store.listReviews(ctx, x.scope, f)
}

// ReviewCounts counts the workspace's open questions by kind.
func (x *Scoped) ReviewCounts(ctx context.Context) (map[automation.ReviewKind]int, error) {
	return x.store.reviewCounts(ctx, x.scope)
}

// DecideReview stores a person's answer; see Store.DecideReview.
func (x *Scoped) DecideReview(ctx context.Context, id, run string, d automation.Decision, by string) error {
	if err := x.own(ctx, ownReview, id); err != nil {
		return err
	}
	return x.store.DecideReview(ctx, id, run, d, by)
}

// Wake makes one key due for an event that is not stored.
func (x *Scoped) Wake(ctx context.Context, key engine.Key, e automation.Event) error {
	if err := errors.Join(x.ownAutomation(ctx, key.Automation), x.ownConnection(ctx, key.Source.Connection)); err != nil {
		return err
	}
	return x.store.Wake(ctx, key, e)
}

// FindRecords finds records of the workspace's accounts; see Store.FindRecords.
func (x *Scoped) FindRecords(ctx context.Context, q string, limit int) ([]engine.RecordHit, error) {
	return x.store.findRecords(ctx, x.scope, q, limit)
}

// RecordTitles is how records of the workspace's accounts are called.
func (x *Scoped) RecordTitles(ctx context.Context, refs []record.Ref) (map[record.Ref]string, error) {
	asked := map[record.ConnectionID]bool{}
	for _, ref := range refs {
		if asked[ref.Connection] {
			continue
		}
		asked[ref.Connection] = true
		if err := x.ownConnection(ctx, ref.Connection); err != nil {
			return nil, err
		}
	}
	return x.store.RecordTitles(ctx, refs)
}

// Timeline is what happened to a record of one of the workspace's accounts, and to its counterparts. Links join only
// accounts that one automation uses, which are of one workspace.
func (x *Scoped) Timeline(ctx context.Context, ref record.Ref, f engine.TimelineFilter) ([]engine.TimelineEntry, error) {
	if err := x.ownConnection(ctx, ref.Connection); err != nil {
		return nil, err
	}
	return x.store.Timeline(ctx, ref, f)
}

// LatestRuns are the last run of each automation about a record or its counterparts.
func (x *Scoped) LatestRuns(ctx context.Context, ref record.Ref) ([]automation.Run, error) {
	if err := x.ownConnection(ctx, ref.Connection); err != nil {
		return nil, err
	}
	return x.store.LatestRuns(ctx, ref)
}

// PersonalData reads all that is kept about a person of the workspace; see Store.PersonalData.
func (x *Scoped) PersonalData(ctx context.Context, ref record.Ref) (engine.PersonalData, error) {
	if err := x.ownConnection(ctx, ref.Connection); err != nil {
		return engine.PersonalData{}, err
	}
	return x.store.PersonalData(ctx, ref)
}

// ErasePersonalData forgets a person of the workspace; see Store.ErasePersonalData.
func (x *Scoped) ErasePersonalData(ctx context.Context, ref record.Ref, also []string) (engine.Erased, error) {
	if err := x.ownConnection(ctx, ref.Connection); err != nil {
		return engine.Erased{}, err
	}
	if err := x.ownDeliveries(ctx, also); err != nil {
		return engine.Erased{}, err
	}
	return x.store.ErasePersonalData(ctx, ref, also)
}

// ownDeliveries answers engine.ErrNotFound unless all of some deliveries are the workspace's.
func (x *Scoped) ownDeliveries(ctx context.Context, ids []string) error {
	for chunk := range slices.Chunk(ids, personChunk) {
		var n int64
		err := x.store.read(ctx).Raw("SELECT COUNT(*) FROM deliveries d JOIN connections mine ON mine.id = d.connection WHERE mine.workspace_id = ? AND d.event_id IN ?", string(x.scope), chunk).Scan(&n).Error
		if err != nil {
			return fmt.Errorf("look up deliveries: %w", err)
		}
		if int(n) != len(chunk) {
			return fmt.Errorf("look up deliveries: %w", engine.ErrNotFound)
		}
	}
	return nil
}

// KeptDeliveries pages through the deliveries with a body of the workspace; see Store.KeptDeliveries.
func (x *Scoped) KeptDeliveries(ctx context.Context, ref record.Ref, after string, limit int) ([]automation.Delivery, error) {
	if err := x.ownConnection(ctx, ref.Connection); err != nil {
		return nil, err
	}
	return x.store.KeptDeliveries(ctx, ref, after, limit)
}

// Linked tells which of some records have a counterpart.
func (x *Scoped) Linked(ctx context.Context, refs []record.Ref) (map[record.Ref]bool, error) {
	own := map[record.ConnectionID]bool{}
	for _, r := range refs {
		if !own[r.Connection] {
			if err := x.ownConnection(ctx, r.Connection); err != nil {
				return nil, err
			}
			own[r.Connection] = true
		}
	}
	return x.store.Linked(ctx, refs)
}

// LinksAt are the links a record is an end of.
func (x *Scoped) LinksAt(ctx context.Context, ref record.Ref) ([]automation.Link, error) {
	if err := x.ownConnection(ctx, ref.Connection); err != nil {
		return nil, err
	}
	return x.store.LinksAt(ctx, ref)
}

// Link reads one link.
func (x *Scoped) Link(ctx context.Context, id string) (automation.Link, error) {
	if err := x.own(ctx, ownLink, id); err != nil {
		return automation.Link{}, err
	}
	return x.store.Link(ctx, id)
}

// PartPair lets the two records of a link go separate ways, or be a pair again; see Store.PartPair.
func (x *Scoped) PartPair(ctx context.Context, link string, apart bool) error {
	if err := x.own(ctx, ownLink, link); err != nil {
		return err
	}
	return x.store.PartPair(ctx, link, apart)
}

// DeliveryStats tells how many webhooks of a connection are kept.
func (x *Scoped) DeliveryStats(ctx context.Context, c record.ConnectionID) (engine.DeliveryStats, error) {
	if err := x.ownConnection(ctx, c); err != nil {
		return engine.DeliveryStats{}, err
	}
	return x.store.DeliveryStats(ctx, c)
}

// Delivery reads a webhook as it is stored.
func (x *Scoped) Delivery(ctx context.Context, eventID string) (automation.Delivery, error) {
	d, err := x.store.Delivery(ctx, eventID)
	if err != nil {
		return automation.Delivery{}, err
	}
	if err := x.ownConnection(ctx, d.Event.Ref.Connection); err != nil {
		return automation.Delivery{}, err
	}
	return d, nil
}

// Deliveries lists what arrived about the workspace's accounts, newest first.
func (x *Scoped) Deliveries(ctx context.Context, f engine.DeliveryFilter) ([]automation.Delivery, error) {
	return x.store.deliveries(ctx, x.scope, f)
}

// Refusals adds up what was refused; where it could not be told whose it was, it is everybody's.
func (x *Scoped) Refusals(ctx context.Context, since time.Time) ([]automation.Refusal, error) {
	return x.store.refusals(ctx, x.scope, since)
}

// QuotaUses is what an account of the workspace spent of its call budget.
func (x *Scoped) QuotaUses(ctx context.Context, c record.ConnectionID, since time.Time) ([]engine.QuotaUse, error) {
	if err := x.ownConnection(ctx, c); err != nil {
		return nil, err
	}
	return x.store.QuotaUses(ctx, c, since)
}

// Faults are the newest failed calls of an account of the workspace.
func (x *Scoped) Faults(ctx context.Context, c record.ConnectionID, limit int) ([]engine.Fault, error) {
	if err := x.ownConnection(ctx, c); err != nil {
		return nil, err
	}
	return x.store.Faults(ctx, c, limit)
}

// HeldWork counts what waits and what is due, for some of the workspace's automations together.
func (x *Scoped) HeldWork(ctx context.Context, automations ...automation.ID) (waiting, due int, err error) {
	return x.store.heldWork(ctx, x.scope, automations)
}

// HeldRecords are the first records that wait or are due for one of the workspace's automations.
func (x *Scoped) HeldRecords(ctx context.Context, a automation.ID, limit int) ([]engine.Work, error) {
	return x.store.heldRecords(ctx, x.scope, a, limit)
}

// PollCursors are those of the workspace's accounts.
func (x *Scoped) PollCursors(ctx context.Context) ([]engine.PollCursor, error) {
	return x.store.pollCursors(ctx, x.scope)
}

// PollCursor reads how far polling has come.
func (x *Scoped) PollCursor(ctx context.Context, c record.ConnectionID, t record.ObjectType) (engine.PollCursor, bool, error) {
	if err := x.ownConnection(ctx, c); err != nil {
		return engine.PollCursor{}, false, err
	}
	return x.store.PollCursor(ctx, c, t)
}

// SavePollCursor stores it.
func (x *Scoped) SavePollCursor(ctx context.Context, c engine.PollCursor) error {
	if err := x.ownConnection(ctx, c.Connection); err != nil {
		return err
	}
	return x.store.SavePollCursor(ctx, c)
}

// Connections lists the workspace's accounts that are not removed, oldest first.
func (x *Scoped) Connections(ctx context.Context) ([]connection.Connection, error) {
	return x.store.listConnections(ctx, x.scope)
}

// Connection reads one, removed or not.
func (x *Scoped) Connection(ctx context.Context, id record.ConnectionID) (connection.Connection, error) {
	return x.store.readConnection(ctx, x.scope, id)
}

// ConnectionByAccount finds one of the workspace that is not removed.
func (x *Scoped) ConnectionByAccount(ctx context.Context, p provider.ID, account string) (connection.Connection, bool, error) {
	return x.store.findConnection(ctx, x.scope, "account_id", p, account)
}

// ConnectionByHook finds the one of the workspace a webhook address belongs to.
func (x *Scoped) ConnectionByHook(ctx context.Context, p provider.ID, secret string) (connection.Connection, bool, error) {
	return x.store.findConnection(ctx, x.scope, "hook_secret", p, secret)
}

// SaveConnection creates or replaces a connection of the workspace; connection.ErrTaken when its account is connected
// in another one.
func (x *Scoped) SaveConnection(ctx context.Context, c connection.Connection, sealed []byte) error {
	known, err := x.store.Connection(ctx, c.ID)
	switch {
	case errors.Is(err, connection.ErrNotFound):
	case err != nil:
		return err
	case known.Workspace != string(x.scope):
		return fmt.Errorf("save connection %s: %w", c.ID, connection.ErrNotFound)
	}
	c.Workspace = string(x.scope)
	return x.store.SaveConnection(ctx, c, sealed)
}

// SaveHealth updates what a check found; see Store.SaveHealth.
func (x *Scoped) SaveHealth(ctx context.Context, c connection.Connection) error {
	if err := x.ownAccount(ctx, c.ID); err != nil {
		return err
	}
	return x.store.SaveHealth(ctx, c)
}

// RemoveConnection marks it removed and destroys its grant.
func (x *Scoped) RemoveConnection(ctx context.Context, id record.ConnectionID) error {
	if err := x.ownAccount(ctx, id); err != nil {
		return err
	}
	return x.store.RemoveConnection(ctx, id)
}

// LoadGrant reads the sealed grant as it is now.
func (x *Scoped) LoadGrant(ctx context.Context, id record.ConnectionID) (connection.SealedGrant, error) {
	if err := x.ownAccount(ctx, id); err != nil {
		return connection.SealedGrant{}, err
	}
	return x.store.LoadGrant(ctx, id)
}

// LeaseGrant takes the sole right to renew until the deadline.
func (x *Scoped) LeaseGrant(ctx context.Context, id record.ConnectionID, owner string, now, until time.Time) (connection.SealedGrant, bool, error) {
	if err := x.ownAccount(ctx, id); err != nil {
		return connection.SealedGrant{}, false, err
	}
	return x.store.LeaseGrant(ctx, id, owner, now, until)
}

// RotateGrant stores the next grant if the generation is still from.
func (x *Scoped) RotateGrant(ctx context.Context, id record.ConnectionID, from int64, sealed []byte, rotatedAt, expiresAt time.Time) error {
	if err := x.ownAccount(ctx, id); err != nil {
		return err
	}
	return x.store.RotateGrant(ctx, id, from, sealed, rotatedAt, expiresAt)
}

// ReleaseGrant ends a lease without rotating.
func (x *Scoped) ReleaseGrant(ctx context.Context, id record.ConnectionID, owner string) error {
	if err := x.ownAccount(ctx, id); err != nil {
		return err
	}
	return x.store.ReleaseGrant(ctx, id, owner)
}

// PostponeGrant ends a lease until the renewal is tried again.
func (x *Scoped) PostponeGrant(ctx context.Context, id record.ConnectionID, owner string, failures int, retryAt time.Time) error {
	if err := x.ownAccount(ctx, id); err != nil {
		return err
	}
	return x.store.PostponeGrant(ctx, id, owner, failures, retryAt)
}

// Retries are the workspace's renewals that were left undone.
func (x *Scoped) Retries(ctx context.Context) ([]connection.Retry, error) {
	return x.store.listRetries(ctx, x.scope)
}

// PutPending keeps an authorisation until its answer comes back to this workspace.
func (x *Scoped) PutPending(ctx context.Context, p connection.Pending) error {
	return x.store.putPending(ctx, string(x.scope), p)
}

// TakePending removes and returns an authorisation that was begun in this workspace; it can be taken once.
func (x *Scoped) TakePending(ctx context.Context, stateHash, bindingHash string, now time.Time) (connection.Pending, error) {
	return x.store.takePending(ctx, string(x.scope), stateHash, bindingHash, now)
}

// UninstallConnection marks it uninstalled and destroys its grant.
func (x *Scoped) UninstallConnection(ctx context.Context, id record.ConnectionID, why string, when time.Time) error {
	if err := x.ownAccount(ctx, id); err != nil {
		return err
	}
	return x.store.UninstallConnection(ctx, id, why, when)
}

// PutArrival keeps an installation that is nobody's yet: who brought it to a workspace is told by the browser alone.
func (x *Scoped) PutArrival(ctx context.Context, a connection.Arrival) error {
	return x.store.PutArrival(ctx, a)
}

// Arrival is the youngest a browser brought; see PutArrival.
func (x *Scoped) Arrival(ctx context.Context, bindingHash string, now time.Time) (connection.Arrival, error) {
	return x.store.Arrival(ctx, bindingHash, now)
}

// TakeArrival removes and returns an arrival; see PutArrival.
func (x *Scoped) TakeArrival(ctx context.Context, id, bindingHash string, now time.Time) (connection.Arrival, error) {
	return x.store.TakeArrival(ctx, id, bindingHash, now)
}

// Installations lists the workspace's, oldest first.
func (x *Scoped) Installations(ctx context.Context) ([]connection.Installation, error) {
	return x.store.listInstallations(ctx, x.scope)
}

// Installation reads one of the workspace's.
func (x *Scoped) Installation(ctx context.Context, id record.ConnectionID) (connection.Installation, error) {
	i, err := x.store.Installation(ctx, id)
	if err == nil && i.Workspace != string(x.scope) {
		return connection.Installation{}, fmt.Errorf("read installation %s: %w", id, connection.ErrNotFound)
	}
	return i, err
}

// InstallationOf finds one of the workspace's.
func (x *Scoped) InstallationOf(ctx context.Context, p provider.ID, company, account string) (connection.Installation, bool, error) {
	i, ok, err := x.store.InstallationOf(ctx, p, company, account)
	if err != nil || !ok || i.Workspace != string(x.scope) {
		return connection.Installation{}, false, err
	}
	return i, true, nil
}

// SaveInstallation creates or replaces one of the workspace's; connection.ErrTaken when it is another's.
func (x *Scoped) SaveInstallation(ctx context.Context, i connection.Installation, sealed []byte) error {
	i.Workspace = string(x.scope)
	return x.store.SaveInstallation(ctx, i, sealed)
}

// RemoveInstallation marks one of the workspace's uninstalled and destroys its grant.
func (x *Scoped) RemoveInstallation(ctx context.Context, id record.ConnectionID, when time.Time) error {
	if _, err := x.Installation(ctx, id); err != nil {
		return err
	}
	return x.store.RemoveInstallation(ctx, id, when)
}
