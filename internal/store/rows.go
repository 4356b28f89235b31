package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// stamp is a stored instant: microseconds since 1970, 0 for never.
type stamp int64

func at(t time.Time) stamp {
	if t.IsZero() {
		return 0
	}
	return stamp(t.UnixMicro())
}

func (s stamp) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(s)).UTC()
}

// clean makes foreign text storable and comparable: PostgreSQL refuses NUL and invalid UTF-8, and SQLite would
// give back something else than it compares. Both databases get the same.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// encode is for documents of our own types; they always encode, or it is a mistake of ours worth its message.
func encode(what string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", what, err)
	}
	return string(b), nil
}

func decode(what, doc string, into any) error {
	if doc == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(doc), into); err != nil {
		return fmt.Errorf("decode %s: %w", what, err)
	}
	return nil
}

type automationRow struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	Recipe    string
	State     string
	Version   int
	PausedWhy string
	CreatedAt stamp `gorm:"autoCreateTime:false"`
	UpdatedAt stamp `gorm:"autoUpdateTime:false"`
	DeletedAt stamp
	// BrakesSince is from when on the brakes count, when a person has let the automation go on.
	BrakesSince stamp
	WorkspaceID string
	NextVersion int
}

func (automationRow) TableName() string { return "automations" }

type versionRow struct {
	AutomationID string `gorm:"primaryKey"`
	Number       int    `gorm:"primaryKey;autoIncrement:false"`
	Definition   string
	SavedBy      string
	SavedAt      stamp
	Note         string
	Discarded    bool
}

func (versionRow) TableName() string { return "automation_versions" }

type eventRow struct {
	Seq        int64 `gorm:"primaryKey;autoIncrement"`
	ID         string
	Kind       string
	Connection string
	Object     string
	Record     string
	Change     string
	Name       string
	DedupeKey  string
	ReceivedAt stamp
	OccurredAt stamp
	RoutedAt   stamp
}

func (eventRow) TableName() string { return "events" }

func (r eventRow) event() automation.Event {
	return automation.Event{
		ID: r.ID, Kind: automation.EventKind(r.Kind), Ref: ref(r.Connection, r.Object, r.Record),
		Change: provider.Change(r.Change), Name: r.Name, DedupeKey: r.DedupeKey,
		ReceivedAt: r.ReceivedAt.time(), OccurredAt: r.OccurredAt.time(),
	}
}

func ref(connection, object, id string) record.Ref {
	return record.Ref{Connection: record.ConnectionID(connection), Type: record.ObjectType(object), ID: id}
}

// eventDoc is an event as works and runs carry it, which outlive the event's own row.
type eventDoc struct {
	ID        string     `json:"id,omitempty"`
	Kind      string     `json:"kind,omitempty"`
	Ref       record.Ref `json:"ref,omitzero"`
	Change    string     `json:"change,omitempty"`
	Name      string     `json:"name,omitempty"`
	DedupeKey string     `json:"key,omitempty"`
	Received  stamp      `json:"received,omitempty"`
	Occurred  stamp      `json:"occurred,omitempty"`
}

func encodeEvent(e automation.Event) (string, error) {
	return encode("event", eventDoc{e.ID, string(e.Kind), e.Ref, string(e.Change), e.Name, e.DedupeKey, at(e.ReceivedAt), at(e.OccurredAt)})
}

func decodeEvent(doc string) (automation.Event, error) {
	var d eventDoc
	err := decode("event", doc, &d)
	return automation.Event{
		ID: d.ID, Kind: automation.EventKind(d.Kind), Ref: d.Ref, Change: provider.Change(d.Change), Name: d.Name,
		DedupeKey: d.DedupeKey, ReceivedAt: d.Received.time(), OccurredAt: d.Occurred.time(),
	}, err
}

type deliveryRow struct {
	EventID    string `gorm:"primaryKey"`
	Connection string
	ReceivedAt stamp
	Body       []byte
	Verdict    string
	Repeats    int
	RepeatedAt stamp
	Size       int
}

func (deliveryRow) TableName() string { return "deliveries" }

func (r deliveryRow) delivery(e automation.Event) automation.Delivery {
	return automation.Delivery{Event: e, Body: r.Body, Size: r.Size, Verdict: automation.Verdict(r.Verdict), Repeats: r.Repeats, RepeatedAt: r.RepeatedAt.time()}
}

type refusalRow struct {
	Provider   string `gorm:"primaryKey"`
	Connection string `gorm:"primaryKey"`
	Reason     string `gorm:"primaryKey"`
	Hour       stamp  `gorm:"primaryKey;autoIncrement:false"`
	Count      int
	LastAt     stamp
}

func (refusalRow) TableName() string { return "refusals" }

type workRow struct {
	ID           int64 `gorm:"primaryKey;autoIncrement"`
	AutomationID string
	Connection   string
	Object       string
	Record       string
	State        string
	Dirty        bool
	Event        string
	RunID        string
	Attempts     int
	RetryOf      string
	DueAt        stamp
	LeaseOwner   string
	Wake         int64
}

func (workRow) TableName() string { return "works" }

func (r workRow) work() (engine.Work, error) {
	e, err := decodeEvent(r.Event)
	return engine.Work{
		ID: engine.WorkID(r.ID), Automation: automation.ID(r.AutomationID), Source: ref(r.Connection, r.Object, r.Record),
		Event: e, RunID: r.RunID, Attempt: r.Attempts + 1, RetryOf: r.RetryOf,
	}, err
}

type runRow struct {
	ID               string `gorm:"primaryKey"`
	Seq              int64
	AutomationID     string
	Version          int
	Connection       string
	Object           string
	Record           string
	Title            string
	TargetConnection string
	TargetObject     string
	TargetRecord     string
	State            string
	Outcome          string
	Summary          string
	Code             string
	Attempts         int
	NextAt           stamp
	StartedAt        stamp
	FinishedAt       stamp
	RetryOf          string
	Event            string
	Steps            string
}

func (runRow) TableName() string { return "runs" }

func (r runRow) run() (automation.Run, error) {
	e, err := decodeEvent(r.Event)
	if err != nil {
		return automation.Run{}, err
	}
	steps, err := automation.DecodeSteps([]byte(r.Steps))
	if err != nil {
		return automation.Run{}, fmt.Errorf("decode steps of %s: %w", r.ID, err)
	}
	return automation.Run{
		ID: r.ID, Automation: automation.ID(r.AutomationID), Version: r.Version, Event: e,
		Source: ref(r.Connection, r.Object, r.Record), Title: r.Title,
		Target: ref(r.TargetConnection, r.TargetObject, r.TargetRecord),
		State:  automation.RunState(r.State), Outcome: automation.Outcome(r.Outcome), Summary: r.Summary, Code: r.Code,
		Attempts: r.Attempts, NextAt: r.NextAt.time(), StartedAt: r.StartedAt.time(), FinishedAt: r.FinishedAt.time(),
		RetryOf: r.RetryOf, Steps: steps,
	}, nil
}

type changeRow struct {
	ID               string `gorm:"primaryKey"`
	RunID            string
	AutomationID     string
	Connection       string
	Object           string
	Record           string
	TargetConnection string
	TargetObject     string
	TargetRecord     string
	Op               string
	State            string
	Error            string
	IntendedAt       stamp
	AnsweredAt       stamp
	Fields           string
	Before           string
	After            string
	Parent           string
}

func (changeRow) TableName() string { return "changes" }

func (r changeRow) change() (automation.Change, error) {
	c := automation.Change{
		ID: r.ID, Run: r.RunID, Automation: automation.ID(r.AutomationID), Source: ref(r.Connection, r.Object, r.Record),
		Target: ref(r.TargetConnection, r.TargetObject, r.TargetRecord), Op: automation.Outcome(r.Op),
		State: automation.ChangeState(r.State), Error: r.Error, IntendedAt: r.IntendedAt.time(), AnsweredAt: r.AnsweredAt.time(),
	}
	if err := decode("parent of change "+r.ID, r.Parent, &c.Parent); err != nil {
		return c, err
	}
	if err := decode("fields of change "+r.ID, r.Fields, &c.Fields); err != nil {
		return c, err
	}
	if err := decode("before of change "+r.ID, r.Before, &c.Before); err != nil {
		return c, err
	}
	err := decode("after of change "+r.ID, r.After, &c.After)
	return c, err
}

type linkRow struct {
	ID               string `gorm:"primaryKey"`
	SourceConnection string
	SourceObject     string
	SourceRecord     string
	TargetConnection string
	TargetObject     string
	TargetRecord     string
	Evidence         string
	CreatedAt        stamp `gorm:"autoCreateTime:false"`
	Severed          bool
}

func (linkRow) TableName() string { return "links" }

func (r linkRow) link() automation.Link {
	return automation.Link{
		ID: r.ID, Source: ref(r.SourceConnection, r.SourceObject, r.SourceRecord),
		Target:   ref(r.TargetConnection, r.TargetObject, r.TargetRecord),
		Evidence: r.Evidence, CreatedAt: r.CreatedAt.time(), Severed: r.Severed,
	}
}

type baseRow struct {
	LinkID       string `gorm:"primaryKey"`
	AutomationID string `gorm:"primaryKey"`
	Version      int
	AgreedAt     stamp
	SourceAt     stamp
	Fields       string
	Target       string
}

func (baseRow) TableName() string { return "bases" }

type cursorRow struct {
	Connection string `gorm:"primaryKey"`
	Object     string `gorm:"primaryKey"`
	Since      stamp
	PolledAt   stamp
	Problem    string
	NextAt     stamp
	Why        string
	Calls      int
	Failures   int
	Missed     int
}

func (cursorRow) TableName() string { return "poll_cursors" }

func (r cursorRow) cursor() engine.PollCursor {
	return engine.PollCursor{
		Connection: record.ConnectionID(r.Connection), Object: record.ObjectType(r.Object),
		Since: r.Since.time(), PolledAt: r.PolledAt.time(), Problem: r.Problem,
		NextAt: r.NextAt.time(), Why: r.Why, Calls: r.Calls, Failures: r.Failures, Missed: r.Missed,
	}
}

// silenceRow is one of a cursor's silences; position is its place among them.
type silenceRow struct {
	Connection string `gorm:"primaryKey"`
	Object     string `gorm:"primaryKey"`
	Position   int    `gorm:"primaryKey;autoIncrement:false"`
	Record     string
	Change     string
	FromAt     stamp
	ToAt       stamp
	DueAt      stamp
}

func (silenceRow) TableName() string { return "silences" }

func (r silenceRow) silence() engine.Silence {
	return engine.Silence{
		Ref: ref(r.Connection, r.Object, r.Record), Change: provider.Change(r.Change),
		From: r.FromAt.time(), To: r.ToAt.time(), Due: r.DueAt.time(),
	}
}

type planRow struct {
	ID           string `gorm:"primaryKey"`
	AutomationID string
	Version      int
	State        string
	Phase        string
	Done         int
	Total        int
	Counts       string
	Reads        int
	Writes       int
	Problem      string
	CreatedAt    stamp `gorm:"autoCreateTime:false"`
	FinishedAt   stamp
	StartedBy    string
	Mode         string
	OfPlan       string
	Written      int
	Missed       int
	Tally        string
	Cursor       string
	StartedAt    stamp
	WentOnAt     stamp
	WentOnDone   int
	BeatAt       stamp
}

func (planRow) TableName() string { return "plans" }

type planItemRow struct {
	Position     int64 `gorm:"primaryKey;autoIncrement"`
	PlanID       string
	Outcome      string
	Record       string
	Title        string
	TargetRecord string
	TargetTitle  string
	Plan         string
	Result       string
	RunID        string
	Matching     string
	Drift        string
	KnownBy      string
}

func (planItemRow) TableName() string { return "plan_items" }

type userRow struct {
	ID           string `gorm:"primaryKey"`
	Email        string
	EmailKey     string
	PasswordHash string
	CreatedAt    stamp `gorm:"autoCreateTime:false"`
	Founder      bool
}

func (userRow) TableName() string { return "users" }

type sessionRow struct {
	TokenHash []byte `gorm:"primaryKey"`
	Data      []byte
	ExpiresAt stamp
}

func (sessionRow) TableName() string { return "sessions" }

type settingRow struct {
	Name  string `gorm:"primaryKey"`
	Value []byte
}

func (settingRow) TableName() string { return "settings" }

type reviewRow struct {
	ID           string `gorm:"primaryKey"`
	AutomationID string
	Connection   string
	Object       string
	Record       string
	Kind         string
	State        string
	Title        string
	RunID        string
	Plan         string
	Decision     string
	DecidedBy    string
	OpenedAt     stamp
	DecidedAt    stamp
}

func (reviewRow) TableName() string { return "reviews" }

func (r reviewRow) review() (automation.Review, error) {
	v := automation.Review{
		ID: r.ID, Automation: automation.ID(r.AutomationID), Source: ref(r.Connection, r.Object, r.Record),
		Kind: automation.ReviewKind(r.Kind), State: automation.ReviewState(r.State), Title: r.Title, Run: r.RunID,
		DecidedBy: r.DecidedBy, OpenedAt: r.OpenedAt.time(), DecidedAt: r.DecidedAt.time(),
	}
	if err := decode("plan of review "+r.ID, r.Plan, &v.Plan); err != nil {
		return v, err
	}
	err := decode("decision of review "+r.ID, r.Decision, &v.Decision)
	return v, err
}

type reservationRow struct {
	Identity string `gorm:"primaryKey"`
	Holder   string
	Until    stamp
}

func (reservationRow) TableName() string { return "reservations" }
