package simulate

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// Mutation is one way of breaking the engine on purpose, from outside. A simulation that finds nothing proves little
// until it is seen to find each of these.
type Mutation string

// The mutations. The zero value breaks nothing.
const (
	DropBases        Mutation = "what was agreed is never stored"
	EmptyBases       Mutation = "what was agreed is never remembered, so the last write wins"
	HideIntents      Mutation = "open intents are not looked up"
	HideCreates      Mutation = "creates without an answer keep nobody waiting"
	SkipIntents      Mutation = "writes are not intended before they are made"
	DropLinks        Mutation = "links are never stored"
	BlindLinks       Mutation = "links are never found"
	ShareKeys        Mutation = "two workers may hold one key"
	ForgetNews       Mutation = "news for a key that is worked on are forgotten"
	OverwriteSets    Mutation = "sets are overwritten instead of changed"
	DropWrites       Mutation = "some writes are reported done and were never made"
	EchoAsked        Mutation = "what was asked is taken for what the provider holds"
	WriteMore        Mutation = "more is written than is mapped"
	SkipRule         Mutation = "the rule is not asked"
	StaleReads       Mutation = "records are read once and then remembered"
	FindNothing      Mutation = "counterparts are never found by match key"
	RepeatAmbiguous  Mutation = "a create whose answer was lost is repeated at once"
	CursorFirst      Mutation = "the poll cursor moves before the events are stored"
	AcknowledgeFirst Mutation = "webhooks are acknowledged before they are stored"
	SpendFreely      Mutation = "the call limit is not kept"
	PullNoBrake      Mutation = "no brake is pulled"
	HammerTokens     Mutation = "a renewal that failed is tried again at once"
	UseOldTokens     Mutation = "the access of an app that is uninstalled goes on being used"
	LateRemovals     Mutation = "an uninstallation that is told of late takes the new installation away"
	DropHeld         Mutation = "what is held while nobody is connected is given up"
	ForgetChildren   Mutation = "what a create may have made is not looked for under its parent"
	MissChildren     Mutation = "a child that is missing from an answer counts as deleted"
	MuffleDeletes    Mutation = "nobody hears that a child was deleted"
	TurnDecisions    Mutation = "the other value is taken than a person chose"
	AnyCounterpart   Mutation = "whoever was turned down is taken for the counterpart"
	OverwriteRefused Mutation = "whoever a create is refused for is overwritten"
	UseWaiting       Mutation = "an edit is live before it is put live"
	StaleListings    Mutation = "a listing shows records as they were seen before"
)

// Mutations are all of them.
func Mutations() []Mutation {
	return []Mutation{
		DropBases, EmptyBases, HideIntents, HideCreates, SkipIntents, DropLinks, BlindLinks, ShareKeys, ForgetNews, OverwriteSets, DropWrites,
		EchoAsked, WriteMore, SkipRule, StaleReads, FindNothing, RepeatAmbiguous, CursorFirst, AcknowledgeFirst, SpendFreely,
		PullNoBrake, HammerTokens, UseOldTokens, LateRemovals, DropHeld, ForgetChildren, MissChildren, MuffleDeletes, TurnDecisions, AnyCounterpart, OverwriteRefused, UseWaiting, StaleListings,
		ShowWrites, ApplyUnseen, ForgetBegun, IgnoreStops, FeignDone, TakeEdits, TakeTheRun,
	}
}

func (m Mutation) automations(s ports) engine.Automations {
	switch m {
	case SkipRule:
		return unruled{s}
	case UseWaiting:
		return hasty{s}
	}
	return s
}

type hasty struct{ ports }

func (x hasty) Automation(ctx context.Context, id automation.ID) (automation.Automation, error) {
	a, err := x.ports.Automation(ctx, id)
	return a.Edited(), err
}

type unruled struct{ ports }

func (x unruled) Automation(ctx context.Context, id automation.ID) (automation.Automation, error) {
	a, err := x.ports.Automation(ctx, id)
	a.Definition.Rule = rule.Rule{}
	return a, err
}

func (m Mutation) links(s ports) engine.Links {
	switch m {
	case EmptyBases:
		return forgetful{s, true}
	case BlindLinks:
		return forgetful{s, false}
	}
	return s
}

type forgetful struct {
	ports
	found bool
}

func (x forgetful) FindLink(ctx context.Context, source record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (automation.Link, automation.Base, bool, error) {
	link, _, ok, err := x.ports.FindLink(ctx, source, target, t, a)
	if !x.found {
		return automation.Link{}, automation.Base{}, false, err
	}
	return link, automation.Base{}, ok, err
}

func (m Mutation) journal(_ *process, s ports) engine.Journal {
	switch m {
	case DropBases, DropLinks, HideIntents, HideCreates, SkipIntents, PullNoBrake, TurnDecisions, AnyCounterpart:
		return loseJournal{s, m}
	}
	return s
}

type loseJournal struct {
	ports
	m Mutation
}

func (x loseJournal) OpenChanges(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Change, error) {
	if x.m == HideIntents {
		return nil, nil
	}
	return x.ports.OpenChanges(ctx, a, source)
}

func (x loseJournal) UnansweredCreates(ctx context.Context, in record.ConnectionID, t record.ObjectType) ([]automation.Change, error) {
	if x.m == HideCreates {
		return nil, nil
	}
	return x.ports.UnansweredCreates(ctx, in, t)
}

func (x loseJournal) Reviews(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Review, error) {
	all, err := x.ports.Reviews(ctx, a, source)
	for i := range all {
		d := &all[i].Decision
		switch candidates := all[i].Plan.Identity.Candidates; {
		case x.m == TurnDecisions && len(d.Choices) > 0:
			d.Choices = maps.Clone(d.Choices)
			for key, c := range d.Choices {
				if c.Take = automation.TakeSource; all[i].Decision.Choices[key].Take == automation.TakeSource {
					c.Take = automation.TakeTarget
				}
				d.Choices[key] = c
			}
		case x.m == AnyCounterpart && d.CreateNew && len(candidates) > 0:
			*d = automation.Decision{Counterpart: candidates[0].Ref}
		}
	}
	return all, err
}

func (x loseJournal) Intend(ctx context.Context, r automation.Run, c automation.Change, limits automation.Limits) error {
	if x.m == SkipIntents {
		return nil
	}
	if x.m == PullNoBrake {
		limits = automation.Limits{}
	}
	return x.ports.Intend(ctx, r, c, limits)
}

func (x loseJournal) Finish(ctx context.Context, f engine.Finish) error {
	switch x.m {
	case DropBases:
		f.Base = nil
	case DropLinks:
		f.Base, f.Link = nil, nil
	}
	return x.ports.Finish(ctx, f)
}

func (m Mutation) works(p *process, s ports) engine.Works {
	if m == ShareKeys || m == ForgetNews || m == DropHeld {
		return looseWorks{s, p, m}
	}
	return s
}

type looseWorks struct {
	ports
	p *process
	m Mutation
}

func (x looseWorks) Claim(ctx context.Context, id engine.WorkID, owner string, lease time.Duration) (engine.Work, bool, error) {
	got, ok, err := x.ports.Claim(ctx, id, owner, lease)
	if err == nil && !ok && x.m == ShareKeys {
		if got, ok = x.s.(inMemory).Backdoor(id); ok {
			x.p.takes(got)
		}
	}
	return got, ok, err
}

func (x looseWorks) Release(ctx context.Context, id engine.WorkID, owner string, retryAt time.Time, runID string) error {
	if x.m == ForgetNews {
		x.s.(inMemory).ForgetNews(id)
	}
	if x.m == DropHeld && !x.p.world.connected() {
		retryAt, runID = time.Time{}, ""
	}
	return x.ports.Release(ctx, id, owner, retryAt, runID)
}

// inbox and cursors belong together: what one of them is told too early the other is told too late.
func (m Mutation) inbox(p *process, s ports) (engine.Inbox, engine.Cursors) {
	switch m {
	case CursorFirst:
		late := &lateInbox{ports: s, p: p}
		return late, late
	case AcknowledgeFirst:
		return hastyInbox{s, p}, s
	case MuffleDeletes:
		return deafInbox{s}, s
	}
	return s, s
}

type lateInbox struct {
	ports
	p    *process
	held []automation.Delivery
}

func (x *lateInbox) Accept(ctx context.Context, ds ...automation.Delivery) (int, error) {
	if len(ds) > 0 && ds[0].Event.Kind == automation.Webhook {
		return x.ports.Accept(ctx, ds...)
	}
	x.held = append(x.held, ds...)
	return 0, nil
}

func (x *lateInbox) SavePollCursor(ctx context.Context, c engine.PollCursor) error {
	held := x.held
	x.held = nil
	if err := x.ports.SavePollCursor(ctx, c); err != nil {
		return err
	}
	if !x.p.world.peopleGone && len(held) > 0 && x.p.world.chance(20) {
		x.p.dieFor(4*time.Minute, "before", "the inbox") // longer than the overlap of polls makes up for
		return errDead
	}
	_, err := x.ports.Accept(ctx, held...)
	return err
}

type hastyInbox struct {
	ports
	p *process
}

func (x hastyInbox) Accept(ctx context.Context, ds ...automation.Delivery) (int, error) {
	if !x.p.world.peopleGone && len(ds) > 0 && ds[0].Event.Kind == automation.Webhook && x.p.world.chance(10) {
		x.p.die("before", "the inbox")
		return 0, errDead
	}
	return x.ports.Accept(ctx, ds...)
}

type deafInbox struct{ ports }

func (x deafInbox) Accept(ctx context.Context, ds ...automation.Delivery) (int, error) {
	heard := slices.DeleteFunc(slices.Clone(ds), func(d automation.Delivery) bool {
		return d.Event.Change == provider.Deleted && d.Event.Ref.Type != record.Contact
	})
	return x.ports.Accept(ctx, heard...)
}

// client wraps a provider's client. Every real one is also a Finder, lists children and deletes.
func (m Mutation) client(p *process, id record.ConnectionID, c provider.Client) provider.Client {
	switch m {
	case OverwriteSets, DropWrites, EchoAsked, WriteMore, StaleReads, FindNothing, RepeatAmbiguous, ForgetChildren, MissChildren, OverwriteRefused, StaleListings:
		return &looseClient{Client: c, p: p, m: m, highLevel: id == highLevelConnection, read: map[record.Ref]record.Record{}}
	}
	return c
}

type looseClient struct {
	provider.Client
	p         *process
	m         Mutation
	highLevel bool
	read      map[record.Ref]record.Record
}

func (x *looseClient) Find(ctx context.Context, t record.ObjectType, field string, value record.Value) ([]record.Record, error) {
	if x.m == FindNothing {
		return nil, nil
	}
	return x.Client.(provider.Finder).Find(ctx, t, field, value)
}

func (x *looseClient) Children(ctx context.Context, t record.ObjectType, of record.Ref) ([]record.Record, error) {
	if x.m == ForgetChildren {
		return nil, nil
	}
	return x.Client.(provider.Children).Children(ctx, t, of)
}

func (x *looseClient) Delete(ctx context.Context, ref record.Ref) error {
	return x.Client.(provider.Deleter).Delete(ctx, ref)
}

func (x *looseClient) Get(ctx context.Context, ref record.Ref) (record.Record, error) {
	if x.m == MissChildren && ref.Type == record.Note && x.p.world.chance(3) {
		return record.Record{}, &provider.Error{Op: "read note", Kind: provider.NotFound, Detail: "the listing does not show it"}
	}
	if had, ok := x.read[ref]; ok && x.m == StaleReads {
		return had, nil
	}
	r, err := x.Client.Get(ctx, ref)
	if err == nil {
		x.read[ref] = r
	}
	return r, err
}

// List gives what was seen as if it had just changed to it.
func (x *looseClient) List(ctx context.Context, q provider.Query) iter.Seq2[provider.Page, error] {
	if x.m != StaleListings {
		return x.Client.List(ctx, q)
	}
	return func(yield func(provider.Page, error) bool) {
		for page, err := range x.Client.List(ctx, q) {
			for i, r := range page.Records {
				if had, ok := x.read[r.Ref]; ok {
					page.Records[i].Fields = had.Fields
				} else {
					x.read[r.Ref] = r
				}
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

func (x *looseClient) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	r, err := x.Client.Create(ctx, w)
	switch {
	case x.m == RepeatAmbiguous && provider.IsKind(err, provider.Ambiguous):
		return x.Client.Create(ctx, w)
	case x.m == OverwriteRefused && provider.IsKind(err, provider.Duplicate):
		if e, ok := errors.AsType[*provider.Error](err); ok && !e.Existing.IsZero() {
			return x.Client.Update(ctx, e.Existing, w)
		}
	case x.m == EchoAsked && err == nil:
		r = asked(r, w)
	}
	return r, err
}

func (x *looseClient) Update(ctx context.Context, ref record.Ref, w provider.Write) (record.Record, error) {
	switch x.m {
	case DropWrites:
		if x.p.world.chance(30) {
			r, err := x.Client.Get(ctx, ref)
			return asked(r, w), err
		}
	case OverwriteSets:
		if len(w.Add) > 0 {
			r, err := x.Client.Get(ctx, ref)
			if err != nil {
				return r, err
			}
			for key, add := range w.Add {
				have, _ := r.Fields[key].AsList()
				w.Remove = map[string][]string{key: slices.DeleteFunc(slices.Clone(have), func(e string) bool { return slices.Contains(add, e) })}
			}
		}
	case WriteMore:
		w.Fields = w.Fields.Clone()
		key := "lang"
		if x.highLevel {
			key = "city"
		}
		w.Fields[key] = record.TextOf("fr")
	}
	r, err := x.Client.Update(ctx, ref, w)
	if x.m == EchoAsked && err == nil {
		r = asked(r, w)
	}
	return r, err
}

// asked is a record as it would be if a provider took everything as it is given.
func asked(r record.Record, w provider.Write) record.Record {
	r.Fields = r.Fields.Clone()
	for key, v := range w.Fields {
		r.Fields[key] = v
	}
	return r
}

var (
	_ provider.Finder   = (*highlevel.Client)(nil)
	_ provider.Children = (*highlevel.Client)(nil)
	_ provider.Deleter  = (*highlevel.Client)(nil)
	_ provider.Finder   = (*gleap.Client)(nil)
	_ provider.Children = (*gleap.Client)(nil)
	_ provider.Deleter  = (*gleap.Client)(nil)
)

// reached is how a process comes to its client of HighLevel in a day.
func (m Mutation) reached(p *process, id record.ConnectionID) func(context.Context) (provider.Client, error) {
	return func(ctx context.Context) (provider.Client, error) {
		c, err := p.gateway.Client(ctx, id)
		if err == nil {
			p.had = c
		} else if m == UseOldTokens && p.had != nil {
			return p.had, nil
		}
		return c, err
	}
}

// removal is what is read of a delivery that tells of an uninstallation.
func (m Mutation) removal(n provider.Notice) provider.Notice {
	if m == LateRemovals {
		n.OccurredAt = time.Time{} // and one without a time is believed
	}
	return n
}

// renews is how often a renewal that failed is tried again on the spot.
func (m Mutation) renews(renew func() error) error {
	err := renew()
	for i := 0; m == HammerTokens && i < 2*renewalsMost && provider.IsKind(err, provider.Unavailable); i++ {
		err = renew()
	}
	return err
}
