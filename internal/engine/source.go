package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// readSource reads the source as it is now, or takes it from the news of it; step says which.
func (x *execution) readSource(ctx context.Context, c *Compiled, client provider.Client) (source record.Record, step automation.Step, err error) {
	step = automation.Step{Kind: automation.StepRead, OK: true, Title: "Read the " + c.Source.Label + " as it is now"}
	var by *witness
	enough := agreeing
	told, ok := x.listed(ctx, c)
	if ok {
		by, enough = &x.Listed.shown, cmp.Or(x.Listed.Agreeing, agreeing)
		step.Title, step.Detail = "Took the "+c.Source.Label+" from the list that told of the change", "It was listed a moment ago, and nobody has heard of a newer change."
	} else if told, ok = x.told(ctx, c, client); ok {
		by = &x.Carried.shown
		step.Title, step.Detail = "Took the "+c.Source.Label+" from the webhook", "This automation saves calls: the webhook held all that is mapped."
	}
	if ok && by.believes(c, told, enough) {
		return told, step, nil
	}
	source, err = client.Get(ctx, x.work.Source)
	if ok && err == nil {
		by.compare(c, told, source)
	}
	step.Title, step.Detail = "Read the "+c.Source.Label+" as it is now", ""
	return source, step, err
}

func (x *execution) firstLook() bool { return x.work.Attempt <= 1 && x.work.RunID == "" }

// borrows reports whether it reads something no news of the source hold.
func (c *Compiled) borrows() bool {
	return len(c.SourceObject.Borrows(c.Def.Reads(automation.SourceSide))) > 0
}

// newest reports whether a change of the source is the newest anybody heard of, came more than that after what its pair
// knows of it, and is nobody's echo. base is what the pair agreed. Not being able to tell is no failure, for the record can be read.
func (x *execution) newest(ctx context.Context, c *Compiled, inbox Inbox, changed time.Time, apart time.Duration) (base *automation.Base, ok bool) {
	ref := x.work.Source
	link, agreed, linked, err := x.Links.FindLink(ctx, ref, c.Def.Target.Connection, c.Def.Target.Object, c.ID)
	if err != nil || !linked || link.Severed || agreed.Version != c.Version || agreed.SourceAt.IsZero() || !changed.After(agreed.SourceAt.Add(apart)) {
		return nil, false
	}
	heard, err := inbox.Heard(ctx, []record.Ref{ref})
	return &agreed, err == nil && !heard[ref].After(changed) && !x.fed(ctx, c)
}

// fed reports whether another automation may write to the source: then an older value of it that is carried over could come
// back over the newer one.
func (x *execution) fed(ctx context.Context, c *Compiled) bool {
	all, err := x.Automations.Automations(ctx)
	return err != nil || slices.ContainsFunc(all, func(a automation.Automation) bool {
		d := a.Definition
		return a.ID != c.ID && a.State != automation.Draft && (d.Target == c.Def.Source || d.TwoWay() && d.Source == c.Def.Source)
	})
}
