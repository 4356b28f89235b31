package server

import (
	"context"
	"crypto/sha256"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Users keeps the people. CreateFirstUser answers engine.ErrConflict when there is one already, whoever was
// first.
type Users interface {
	HasUsers(ctx context.Context) (bool, error)
	CreateFirstUser(ctx context.Context, u people.User) error
	UserByEmail(ctx context.Context, email string) (people.User, error)
	UserByID(ctx context.Context, id string) (people.User, error)
	// SetPassword signs all browsers of the person out but the one named keep, which may be none: then it is a reset, and
	// their identities at providers are unlinked too.
	SetPassword(ctx context.Context, id, hash, keep string) error
}

// SignIns keeps the browsers people have signed in with. What is not there is engine.ErrNotFound.
type SignIns interface {
	BeginSignIn(ctx context.Context, s people.SignIn) error
	SignIn(ctx context.Context, id string) (people.SignIn, error)
	SignIns(ctx context.Context, userID string) ([]people.SignIn, error)
	SeeSignIn(ctx context.Context, id, address string, seen time.Time) error
	EndSignIn(ctx context.Context, userID, id string) error
	EndSignIns(ctx context.Context, userID, keep string) (ended int, err error)
}

// Resets keeps links that set a password once. What was used or has run out is engine.ErrNotFound.
type Resets interface {
	Reset(ctx context.Context, token string, now time.Time) (userID string, err error)
	FinishReset(ctx context.Context, token, hash string, now time.Time) error
}

// Tries counts what is tried in vain, for all processes together.
type Tries interface {
	// Try counts a try before it is made, or answers how long to wait instead.
	Try(ctx context.Context, t people.Try) (wait time.Duration, err error)
	// TrySucceeded takes a try back that was not in vain.
	TrySucceeded(ctx context.Context, t people.Try) error
}

// SecondFactors keeps what people show besides the password. Codes are taken once, however many show them.
type SecondFactors interface {
	SecondFactor(ctx context.Context, userID string) (people.SecondFactor, error)
	BeginSecondFactor(ctx context.Context, userID string, sealed []byte, begun time.Time) error
	// ConfirmSecondFactor signs the person's other browsers out.
	ConfirmSecondFactor(ctx context.Context, userID string, begun time.Time, step int64, codes [][]byte, keep string) error
	TakeStep(ctx context.Context, userID string, step int64) (taken bool, err error)
	TakeRecoveryCode(ctx context.Context, userID string, hash []byte) (taken bool, err error)
	ReplaceRecoveryCodes(ctx context.Context, userID string, codes [][]byte) error
	DropSecondFactor(ctx context.Context, userID string) (dropped bool, err error)
}

// Identities keeps who a person is at a provider. What is not there is engine.ErrNotFound.
type Identities interface {
	UserOfIdentity(ctx context.Context, i people.Identity) (userID string, err error)
	IdentitiesOf(ctx context.Context, userID string) ([]people.Identity, error)
	OfferIdentity(ctx context.Context, codeHash []byte, i people.Identity, expires time.Time) error
	OfferedIdentity(ctx context.Context, codeHash []byte, now time.Time) (people.Identity, error)
	// LinkIdentity answers engine.ErrConflict when the identity is somebody else's.
	LinkIdentity(ctx context.Context, codeHash []byte, userID string, now time.Time) (people.Identity, error)
	UnlinkIdentity(ctx context.Context, userID string, i people.Identity) error
	// SpendContext answers false when the context was exchanged before.
	SpendContext(ctx context.Context, salt []byte, now time.Time) (fresh bool, err error)
}

// UserContext is who uses a page of ours inside a provider's, as the provider vouches.
type UserContext struct {
	people.Identity
	Account string // that the page is open for: a location; may be empty
	Salt    []byte // tells whether the same context comes again
}

// Workspaces keeps who is in which workspace.
type Workspaces interface {
	// MembershipsOf are the workspaces of a person, the one they joined first coming first.
	MembershipsOf(ctx context.Context, user string) ([]people.Membership, error)
	// CreateWorkspace stores a new workspace, which is empty but for its owner.
	CreateWorkspace(ctx context.Context, w people.Workspace, owner string) error
	RenameWorkspace(ctx context.Context, id, name string) error
}

// Audit keeps who did what. Entries are only ever added.
type Audit interface {
	// RecordAct writes an act down. Every write of the store writes down the acts of its context (people.WithActs) in its
	// own transaction, or is not done.
	RecordAct(ctx context.Context, e people.AuditEntry) error
	AuditEntries(ctx context.Context, workspace string, f people.AuditFilter) ([]people.AuditEntry, error)
	AuditActors(ctx context.Context, workspace string) ([]string, error)
}

// Members keeps who may do what in a workspace, and who is invited. Changes that would leave a workspace without an
// owner answer people.ErrLastOwner.
type Members interface {
	Members(ctx context.Context, workspace string) ([]people.Member, error)
	SetRole(ctx context.Context, workspace, user string, role people.Role) error
	RemoveMember(ctx context.Context, workspace, user string) error
	// CreateInvite stores an invite with the hash of what its link holds.
	CreateInvite(ctx context.Context, i people.Invite, tokenHash []byte) error
	Invites(ctx context.Context, workspace string) ([]people.Invite, error)
	// RevokeInvite answers engine.ErrConflict when it was accepted or revoked before.
	RevokeInvite(ctx context.Context, workspace, id string) error
	// InviteByToken finds one that may be accepted.
	InviteByToken(ctx context.Context, tokenHash []byte, now time.Time) (people.Invite, error)
	// AcceptInvite makes a user a member, once; a new one is stored along. engine.ErrConflict: the email is taken.
	AcceptInvite(ctx context.Context, tokenHash []byte, u people.User, isNew bool, now time.Time) (people.Invite, error)
}

// Runs reads the run log.
type Runs interface {
	Runs(ctx context.Context, f engine.RunFilter) ([]automation.Run, error)
	Run(ctx context.Context, id string) (automation.Run, error)
	// RunsSince are runs stored or changed after the sequence number, oldest first, with the newest number.
	RunsSince(ctx context.Context, seq int64, limit int) ([]automation.Run, int64, error)
	RunCounts(ctx context.Context, since time.Time) ([]engine.HourCount, error)
	// RetryRun makes the run's key due again, with a job, in one transaction.
	RetryRun(ctx context.Context, id string) error
}

// Plans reads and starts dry runs over everyone.
type Plans interface {
	// CreatePopulation stores it and enqueues its job in the same transaction.
	CreatePopulation(ctx context.Context, p engine.Population) error
	Population(ctx context.Context, id string) (engine.Population, error)
	// ChangesToUndo pages through the writes an undo takes back, newest first; after is the last change seen.
	ChangesToUndo(ctx context.Context, of, after string, limit int) ([]automation.Change, error)
	PlanItems(ctx context.Context, id string, f engine.PlanFilter) ([]engine.PlanItem, error)
	CancelPopulation(ctx context.Context, id string) error
	PausePopulation(ctx context.Context, id string) error
	ResumePopulation(ctx context.Context, id string) error
	// ApplyPopulation lets a plan that was shown be carried out, in whole or in part.
	ApplyPopulation(ctx context.Context, id string, c engine.Choice) error
	ResultCounts(ctx context.Context, id string) (map[engine.ItemState]int, error)
	// MovedCounts counts what had changed since a plan was shown, by what it comes to by now.
	MovedCounts(ctx context.Context, id string) (map[automation.Outcome]int, error)
	LatestPopulation(ctx context.Context, a automation.ID) (engine.Population, bool, error)
	// PausedPopulation is the one that was stopped while it wrote and can go on, what a brake holds first.
	PausedPopulation(ctx context.Context, a automation.ID) (engine.Population, bool, error)
	// LatestPopulations are those of several automations; of those that have one.
	LatestPopulations(ctx context.Context, automations ...automation.ID) ([]engine.Population, error)
}

// Definitions reads and saves automations. What saves answers engine.ErrConflict when the newest version, which is the
// one that waits where one does, is another than from.
type Definitions interface {
	engine.Automations
	CreateAutomation(ctx context.Context, a automation.Automation, by string) error
	// SaveEdit makes d the newest version; where edits wait it is not live yet.
	SaveEdit(ctx context.Context, id automation.ID, from int, d automation.Definition, by, note string) (automation.Automation, error)
	// SaveLive makes a change that counts at once, in what it works by and in each step of what waits.
	SaveLive(ctx context.Context, id automation.ID, from int, change func(automation.Definition) automation.Definition, by, note string) (automation.Automation, error)
	// PutLive makes the version that waits what it works by; DiscardNext throws it away. engine.ErrConflict: it is another
	// by now.
	PutLive(ctx context.Context, id automation.ID, next int) (automation.Automation, error)
	DiscardNext(ctx context.Context, id automation.ID, next int) (automation.Automation, error)
	SetState(ctx context.Context, id automation.ID, s automation.State, why string) error
	// ResumeAutomation switches it on, lets its brakes count from now, and wakes what waits for it.
	ResumeAutomation(ctx context.Context, id automation.ID) error
	Rename(ctx context.Context, id automation.ID, name string) error
	Versions(ctx context.Context, id automation.ID) ([]automation.Version, error)
	Version(ctx context.Context, id automation.ID, n int) (automation.Version, error)
	DeleteAutomation(ctx context.Context, id automation.ID) error
}

// Reviews reads the questions to people and takes their answers. DecideReview answers engine.ErrConflict when the
// question is settled, or was asked anew by another run than the one that was seen.
type Reviews interface {
	// Reviews are the questions about a record that are not settled.
	Reviews(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Review, error)
	Review(ctx context.Context, id string) (automation.Review, error)
	ReviewList(ctx context.Context, f engine.ReviewFilter) ([]automation.Review, error)
	ReviewCounts(ctx context.Context) (map[automation.ReviewKind]int, error)
	DecideReview(ctx context.Context, id, run string, d automation.Decision, by string) error
}

// Records tells what happened to a record on both sides, and makes it due.
type Records interface {
	engine.History
	engine.Privacy
	// Wake makes one key due for an event that is not stored, with a job, in one transaction.
	Wake(ctx context.Context, key engine.Key, e automation.Event) error
	// Link reads one link.
	Link(ctx context.Context, id string) (automation.Link, error)
	// PartPair lets the two records of a link go separate ways, or (apart is false) be a pair again. It answers
	// engine.ErrConflict where one of the two has another counterpart by now.
	PartPair(ctx context.Context, link string, apart bool) error
}

// Deliveries reads what arrived.
type Deliveries interface {
	// Delivery reads one, with its body as it is stored: sealed.
	Delivery(ctx context.Context, eventID string) (automation.Delivery, error)
	// Deliveries lists them, newest first, without bodies.
	Deliveries(ctx context.Context, f engine.DeliveryFilter) ([]automation.Delivery, error)
	// Refusals adds up what was refused, also where it could not be told whose it was.
	Refusals(ctx context.Context, since time.Time) ([]automation.Refusal, error)
	DeliveryStats(ctx context.Context, c record.ConnectionID) (engine.DeliveryStats, error)
	PollCursors(ctx context.Context) ([]engine.PollCursor, error)
}

// Vitals is what the page of one connection tells besides.
type Vitals interface {
	// QuotaUses is what a connection spent since then, oldest first, by the minute.
	QuotaUses(ctx context.Context, c record.ConnectionID, since time.Time) ([]engine.QuotaUse, error)
	// Faults are its newest failed calls, newest first.
	Faults(ctx context.Context, c record.ConnectionID, limit int) ([]engine.Fault, error)
	// HeldWork counts what waits for another try and what is due now, for some automations together.
	HeldWork(ctx context.Context, automations ...automation.ID) (waiting, due int, err error)
	// HeldRecords are the first of them for one automation.
	HeldRecords(ctx context.Context, a automation.ID, limit int) ([]engine.Work, error)
}

// House is what belongs to no workspace: the people, and the doors that machines knock at. internal/store is it.
type House interface {
	Users
	SignIns
	Resets
	Tries
	SecondFactors
	Identities
	Workspaces
	Members
	Audit
	engine.Inbox
	// Delivered reports whether a delivery of this key is stored already.
	Delivered(ctx context.Context, c record.ConnectionID, dedupeKey string) (bool, error)
	// FirstWorkspace is the one the first account was made with: its owners look after the server.
	FirstWorkspace(ctx context.Context) (id string, err error)
	// AddRefusals adds to the counts of what was refused.
	AddRefusals(ctx context.Context, all ...automation.Refusal) error
	Ping(ctx context.Context) error
	MigrationsPending(ctx context.Context) (bool, error)
}

// Store is everything the pages of one workspace need. Its lists hold nothing of another one, and what belongs to
// another is answered with engine.ErrNotFound.
type Store interface {
	Runs
	Plans
	Definitions
	Reviews
	Records
	Deliveries
	Vitals
	engine.Cursors
}

// Trials previews and test-sends; engine.Reconciler is it.
type Trials interface {
	Preview(ctx context.Context, a automation.Automation, source record.Ref) (automation.Plan, error)
	PreviewRecord(ctx context.Context, c *engine.Compiled, source record.Record) (automation.Plan, error)
	Send(ctx context.Context, a automation.Automation, fields record.Fields) (automation.Run, error)
}

// QuotaLeft tells how a connection stands with its call limit; false when nothing is known yet.
type QuotaLeft func(c record.ConnectionID) (engine.QuotaState, bool)

// Sealer encrypts what is stored and binds it to its place, and hashes with the same key; vault.Vault is one.
type Sealer interface {
	Hash(use, words string) [sha256.Size]byte
	Seal(plain []byte, place string) ([]byte, error)
	Open(sealed []byte, place string) ([]byte, error)
}

// Hooks are the webhook readers by provider.
type Hooks map[provider.ID]provider.Webhooks
