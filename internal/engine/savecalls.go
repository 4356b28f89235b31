package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// An automation that saves calls makes one call for a change instead of three: its record is taken from the webhook that
// told of it, and its counterpart to be as both last agreed. Only one whose source decides everything may, and whoever
// switches it on is told what it gives up (decision 0018). Whatever is in doubt is read.

const (
	// freshFor is how old a delivery may be to be believed: one that comes later was sent again, and others may be lost.
	freshFor = 2 * time.Minute
	// apartFor is how long after what is known of the source a delivery must have been sent: whether its time is that of
	// the change or of the sending is unconfirmed (reference/highlevel.md §7.3).
	apartFor = time.Minute
)

// Bodies opens deliveries.
type Bodies interface {
	// Body is what the delivery of an event said. One that is not kept is ErrNotFound.
	Body(ctx context.Context, event string) ([]byte, error)
}

// Carried knows how far deliveries can be believed. It is safe for concurrent use.
type Carried struct {
	Bodies Bodies
	Inbox  Inbox

	shown witness
}

func (c *Compiled) savesCalls() bool { return c.Def.SaveCalls && c.Def.LeadsOneWay() }

// unseen reports whether the counterpart need not be read. A second attempt looks: the first may have met something.
func (x *execution) unseen(c *Compiled) bool {
	return c.savesCalls() && x.firstLook() && (x.work.Event.Kind == automation.Webhook || x.work.Event.Kind == automation.Poll)
}

// assume is the counterpart as it was when the two last agreed; nil where that leaves open what a row would overwrite.
func (c *Compiled) assume(link automation.Link, base automation.Base, rows []mapping.RowResult) *record.Record {
	fields := record.Fields{}
	for _, r := range rows {
		_, held, met := lastAgreed(&base, r.Target.Key)
		if r.Err != nil || !met {
			return nil
		}
		fields[r.Target.Key] = held
	}
	return &record.Record{Ref: link.Target, Fields: fields}
}

// told is the source as the delivery holds it, where nothing speaks against believing it: it is the newest that was heard
// of the record, newer than what is known of it, and holds all that the automation reads. Not being able to tell is no
// failure, for the record can be read.
func (x *execution) told(ctx context.Context, c *Compiled, client provider.Client) (record.Record, bool) {
	e := x.work.Event
	carrier, carries := client.(provider.Carrier)
	changed := e.Change == provider.Created || e.Change == provider.Updated
	if x.Carried == nil || !carries || !c.savesCalls() || !changed || e.Kind != automation.Webhook || !x.firstLook() || e.OccurredAt.IsZero() || x.Now().Sub(e.OccurredAt) > freshFor {
		return record.Record{}, false
	}
	if c.borrows() {
		return record.Record{}, false
	}
	ref := x.work.Source
	base, newest := x.newest(ctx, c, x.Carried.Inbox, e.OccurredAt, apartFor)
	if !newest {
		return record.Record{}, false
	}
	body, err := x.Carried.Bodies.Body(ctx, e.ID)
	if err != nil {
		if !errors.Is(err, ErrNotFound) {
			x.Log.WarnContext(ctx, "a delivery cannot be opened", "event_id", e.ID, "err", err)
		}
		return record.Record{}, false
	}
	told, ok, err := carrier.Carried(ctx, ref, body)
	if err != nil || !ok || told.Ref != ref || !c.holdsAll(told, base) {
		return record.Record{}, false
	}
	told.UpdatedAt = e.OccurredAt
	return told, true
}

// holdsAll reports whether news of the source hold everything the automation reads. A field they leave out counts as empty
// only where it was empty when both sides last agreed; otherwise it may have been emptied since, or not been sent. Of one
// that is in no row nothing was agreed.
func (c *Compiled) holdsAll(told record.Record, base *automation.Base) bool {
	mapped := c.program.Reads()
	for _, key := range c.reads() {
		if told.Fields[key].IsEmpty() && !slices.Contains(mapped, key) {
			return false
		}
	}
	for _, r := range c.Def.Mapping.Rows {
		left := slices.ContainsFunc(r.Sources, func(key string) bool { return told.Fields[key].IsEmpty() })
		if last, agreed := base.Fields[r.Target]; left && (!agreed || !last.IsEmpty()) {
			return false
		}
	}
	return true
}
