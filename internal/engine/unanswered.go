package engine

import (
	"context"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// A create whose answer is not there yet may have made a record that has no link. To everybody else that record is a new
// one: they would make a counterpart of it, or meet the one it was made from as if for the first time. So whoever finds
// it waits for the key that asked for it, which is the only one that can tell.

const (
	// clocksApart is how far a provider's clock, by which it dates its records, may be from ours.
	clocksApart = 5 * time.Minute
	// unansweredFor is how long a create without an answer keeps others waiting. Its key tries at least once an hour.
	unansweredFor = 24 * time.Hour
	// slowest is how long a provider may take to carry a create out and to show in its listings what it made.
	slowest = time.Minute
	// sure and likely are how many values besides the addresses speak for a record that was given other addresses since:
	// fewer may be anybody's.
	sure   = 3
	likely = 2
)

// hold ends the attempt for a record without a counterpart that may be what somebody else's unanswered create made;
// !held: it is not. c leads away from that record.
func (x *execution) hold(ctx context.Context, c *Compiled, r record.Record, at *found) (res Result, held bool, err error) {
	if at.link != nil || !x.linking || len(x.recovered) > 0 {
		return Result{}, false, nil // whoever has an unanswered write of its own keeps nobody waiting for ever
	}
	if at.identity.How != automation.NotFound && at.identity.How != automation.ByMatch {
		return Result{}, false, nil
	}
	ch, forIt, err := x.askedFor(ctx, c, r)
	found := forIt
	if err == nil && !forIt {
		ch, found, err = x.madeBy(ctx, c, r)
	}
	if err != nil || !found {
		return Result{}, false, err
	}
	d, decided, err := x.decision(ctx, r.Ref, automation.ReviewIdentity)
	if err != nil || decided && (d.CreateNew || !d.Counterpart.IsZero()) {
		return Result{}, false, err
	}
	asked, err := x.Journal.Reviews(ctx, ch.Automation, ch.Source)
	if err != nil {
		return Result{}, false, err
	}
	if i := slices.IndexFunc(asked, func(v automation.Review) bool {
		return v.Kind == automation.ReviewIdentity && v.State == automation.ReviewOpen
	}); i >= 0 {
		at.identity.How, at.target = automation.Doubtful, nil
		if forIt {
			at.identity.Candidates = asked[i].Plan.Identity.Candidates
		} else {
			at.identity.Candidates = append(at.identity.Candidates, automation.Candidate{Ref: ch.Source, Title: r.Title, Why: "it may have been made from this one, and somebody is asked about that", Taken: true})
		}
		return Result{}, false, nil
	}
	if forIt {
		res, err = x.afterThe(ctx, ch, "Another automation’s write without an answer may have made its counterpart; that is found out first.")
		return res, true, err
	}
	if c.turned != nil && c.addressed(r, ch) {
		// The pair's key is the one that asked: once it has the link, it can tell what became of its write.
		if _, _, taken, err := x.Links.FindLink(ctx, ch.Source, r.Ref.Connection, r.Ref.Type, x.a.ID); err != nil || !taken {
			if err != nil {
				return Result{}, false, err
			}
			res, err = x.meet(ctx, c, r, automation.Identity{How: automation.ByMatch, Evidence: []automation.Evidence{{Field: evidenceUnanswered, Value: record.TextOf(r.Title), Found: 1}}}, ch.Source, nil)
			return res, true, err
		}
	}
	// Its key looks at once, as long as the record still has what was asked for.
	res, err = x.afterThe(ctx, ch, "It may be what another write without an answer has made; that is found out first.")
	return res, true, err
}

// afterThe ends the attempt until an unanswered write is settled by its own key, which looks at once.
func (x *execution) afterThe(ctx context.Context, ch automation.Change, why string) (Result, error) {
	if err := x.Routing.Wake(ctx, Key{ch.Automation, ch.Source}, x.neighbor(ch.Source)); err != nil {
		return Result{}, err
	}
	const first = 5 * time.Second
	return x.wait(ctx, "busy", why, first<<min(x.run.Attempts-1, 6))
}

// askedFor is the unanswered create of a counterpart of this very record, by another automation over the same objects.
func (x *execution) askedFor(ctx context.Context, c *Compiled, r record.Record) (automation.Change, bool, error) {
	creates, err := x.Journal.UnansweredCreates(ctx, c.Def.Target.Connection, c.Def.Target.Object)
	if err != nil {
		return automation.Change{}, false, err
	}
	for _, ch := range creates {
		if ch.Source == r.Ref && ch.Automation != x.a.ID && x.Now().Sub(ch.IntendedAt) <= unansweredFor {
			return ch, true, nil
		}
	}
	return automation.Change{}, false, nil
}

// soon is how long a create must not be repeated, since one without an answer may still be on its way; 0: it may be.
func (x *execution) soon() time.Duration {
	var wait time.Duration
	for _, ch := range x.recovered {
		if ch.Op == automation.Create {
			wait = max(wait, slowest-x.Now().Sub(ch.IntendedAt))
		}
	}
	return wait
}

// madeBy is the unanswered create of another key that may have made a record.
func (x *execution) madeBy(ctx context.Context, c *Compiled, r record.Record) (automation.Change, bool, error) {
	creates, err := x.Journal.UnansweredCreates(ctx, r.Ref.Connection, r.Ref.Type)
	if err != nil {
		return automation.Change{}, false, err
	}
	for _, ch := range creates {
		end := c.Def.Target
		switch {
		case ch.Source.Connection != end.Connection || ch.Source.Type != end.Object:
		case x.Now().Sub(ch.IntendedAt) > unansweredFor:
		case madeBefore(r, ch):
		case !ch.Parent.IsZero() && !r.Parent.IsZero() && ch.Parent != r.Parent:
		case c.addressed(r, ch), c.holds(r, ch.Fields), c.holdsEnough(r, ch, func(m automation.MatchKey) string { return m.Source }) >= likely:
			was, err := x.Journal.HeardBefore(ctx, []record.Ref{r.Ref}, ch.IntendedAt)
			if err != nil || !was[r.Ref] {
				return ch, err == nil, err
			}
		}
	}
	return automation.Change{}, false, nil
}

// thereBefore are those of some records that were there before a create was sent, whatever their clock says: we had heard of
// them, or somebody was asked about them and said that they are others.
func (x *execution) thereBefore(ctx context.Context, ch automation.Change, records ...record.Record) (map[record.Ref]bool, error) {
	if len(records) == 0 {
		return nil, nil
	}
	refs := make([]record.Ref, len(records))
	for i, r := range records {
		refs[i] = r.Ref
	}
	was, err := x.Journal.HeardBefore(ctx, refs, ch.IntendedAt)
	if err != nil {
		return nil, err
	}
	asked, decided, err := x.answerTo(ctx, ch.Source, automation.ReviewIdentity)
	if err != nil {
		return nil, err
	}
	if decided && asked.Decision.CreateNew && !asked.DecidedAt.After(ch.IntendedAt) {
		for _, turnedDown := range asked.Plan.Identity.Candidates {
			was[turnedDown.Ref] = true
		}
	}
	return was, nil
}

// madeBefore tells by the provider's clock; thereBefore, by our own, is surer where it knows of the record.
func madeBefore(r record.Record, ch automation.Change) bool {
	return !r.CreatedAt.IsZero() && r.CreatedAt.Before(ch.IntendedAt.Add(-clocksApart))
}

// addressed reports that a record has an address that a create asked for.
func (c *Compiled) addressed(r record.Record, ch automation.Change) bool {
	return slices.ContainsFunc(ch.Fields, func(f automation.FieldPlan) bool {
		return !f.After.IsEmpty() && slices.ContainsFunc(c.Def.Match, func(m automation.MatchKey) bool { return m.Source == f.Field }) &&
			record.Same(f.Kind, r.Fields[f.Field], f.After, c.locale)
	})
}

// holdsEnough is how many values besides the addresses a create asked for, where a record holds them all; 0 where it
// does not. address names a match key's field on the record's side.
func (c *Compiled) holdsEnough(r record.Record, ch automation.Change, address func(automation.MatchKey) string) int {
	asked := slices.DeleteFunc(slices.Clone(ch.Fields), func(f automation.FieldPlan) bool {
		return f.Action != automation.Set || f.After.IsEmpty() || slices.ContainsFunc(c.Def.Match, func(m automation.MatchKey) bool { return address(m) == f.Field })
	})
	if !c.holds(r, asked) {
		return 0
	}
	return len(asked)
}

// lookUpCreate looks for what an unanswered create may have made by what it asked for, where the match keys do not tell.
func (x *execution) lookUpCreate(ctx context.Context, c *Compiled, client provider.Client, at found) (found, error) {
	doubtful := at.identity.How == automation.Doubtful
	if at.identity.How != automation.NotFound && !doubtful {
		return at, nil
	}
	for _, ch := range x.recovered {
		if ch.Op != automation.Create || ch.Target.Type != "" && ch.Target.Type != c.Def.Target.Object {
			continue
		}
		made, certain, err := x.made(ctx, c, client, ch)
		if err != nil {
			return at, err
		}
		switch {
		case doubtful && !(certain && slices.ContainsFunc(at.identity.Candidates, func(c automation.Candidate) bool { return c.Ref == made[0].Ref })):
			at.unsure = true
		case len(made) == 0:
		case certain:
			at.identity = automation.Identity{How: automation.ByMatch, Evidence: []automation.Evidence{{Field: evidenceUnanswered, Value: record.TextOf(made[0].Title), Found: 1}}}
			at.target = &made[0]
			return at, nil
		default:
			at.identity.How = automation.Doubtful
			for _, r := range made {
				at.identity.Candidates = append(at.identity.Candidates, automation.Candidate{Ref: r.Ref, Title: r.Title, Why: "it may be what a write without an answer has made, and has other details since"})
			}
			at.unsure = true
			return at, nil
		}
	}
	return at, nil
}

// made finds the record a create may have made: under its parent, or among what changed since. Of several that are
// alike, as short notes are, it is one that is nobody else's. Where it is not certain, it may be any of them, or none.
func (x *execution) made(ctx context.Context, c *Compiled, client provider.Client, ch automation.Change) (made []record.Record, certain bool, err error) {
	var all []record.Record
	if !ch.Parent.IsZero() {
		byParent, ok := client.(provider.Children)
		if !ok {
			return nil, false, nil
		}
		all, err = byParent.Children(ctx, c.Def.Target.Object, ch.Parent)
		if provider.IsKind(err, provider.NotFound) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
	} else {
		r, ok, err := x.madeByKey(ctx, c, client, ch)
		if err != nil {
			return nil, false, err
		}
		if ok {
			free, err := x.free(ctx, r.Ref)
			if err != nil || !free {
				return nil, false, err
			}
			return []record.Record{r}, true, nil
		}
		for page, err := range client.List(ctx, provider.Query{Type: c.Def.Target.Object, ChangedSince: ch.IntendedAt.Add(-clocksApart)}) {
			if err != nil {
				return nil, false, err
			}
			all = append(all, page.Records...)
		}
	}
	whole := slices.DeleteFunc(slices.Clone(all), func(r record.Record) bool { return !c.holds(r, ch.Fields) })
	was, err := x.thereBefore(ctx, ch, whole...)
	if err != nil {
		return nil, false, err
	}
	for _, r := range whole {
		if was[r.Ref] {
			continue
		}
		free, err := x.free(ctx, r.Ref)
		if err != nil {
			return nil, false, err
		}
		if free {
			return []record.Record{r}, true, nil
		}
	}
	if !ch.Parent.IsZero() {
		return nil, false, nil
	}
	return x.readdressed(ctx, c, ch, all)
}

// readdressed are the records that were made when a create was sent and hold all it asked for but the addresses:
// somebody gave it others since. One that has many values of it is certain.
func (x *execution) readdressed(ctx context.Context, c *Compiled, ch automation.Change, all []record.Record) (alike []record.Record, certain bool, err error) {
	holds := func(r record.Record) int {
		return c.holdsEnough(r, ch, func(m automation.MatchKey) string { return m.Target })
	}
	all = slices.DeleteFunc(all, func(r record.Record) bool { return holds(r) < likely || madeBefore(r, ch) })
	was, err := x.thereBefore(ctx, ch, all...)
	if err != nil {
		return nil, false, err
	}
	values := 0
	for _, r := range all {
		if was[r.Ref] {
			continue // somebody of the same name, who was there already
		}
		free, err := x.free(ctx, r.Ref)
		if err != nil {
			return nil, false, err
		}
		if free {
			alike, values = append(alike, r), holds(r)
		}
	}
	return alike, len(alike) == 1 && values >= sure, nil
}

// madeByKey looks a create up by the details it asked for: the source's own may be others by now.
func (x *execution) madeByKey(ctx context.Context, c *Compiled, client provider.Client, ch automation.Change) (record.Record, bool, error) {
	byKey, ok := client.(provider.Finder)
	if !ok {
		return record.Record{}, false, nil
	}
	for _, m := range c.Def.Match {
		for _, f := range ch.Fields {
			if f.Field != m.Target || f.After.IsEmpty() {
				continue
			}
			records, err := byKey.Find(ctx, c.Def.Target.Object, f.Field, f.After)
			if provider.IsKind(err, provider.Unsupported) {
				continue
			}
			if err != nil {
				return record.Record{}, false, err
			}
			if len(records) != 1 {
				continue
			}
			was, err := x.thereBefore(ctx, ch, records...)
			if err != nil {
				return record.Record{}, false, err
			}
			if !was[records[0].Ref] {
				return records[0], true, nil
			}
		}
	}
	return record.Record{}, false, nil
}

// holds reports whether a record has every value a create asked for.
func (c *Compiled) holds(r record.Record, asked []automation.FieldPlan) bool {
	some := false
	for _, f := range asked {
		if f.Action != automation.Set && f.Action != automation.AddTo {
			continue
		}
		some = true
		if !c.took(f, r.Fields[f.Field]) {
			return false
		}
	}
	return some
}

// linkOfCreate links a record that is gone with what its unanswered create has made, so that the two are a pair like any
// other.
func (x *execution) linkOfCreate(ctx context.Context, c *Compiled) (automation.Link, bool, error) {
	if len(x.recovered) == 0 {
		return automation.Link{}, false, nil
	}
	targets, err := x.Gateway.Client(ctx, c.Def.Target.Connection)
	if err != nil {
		return automation.Link{}, false, err
	}
	at, err := x.lookUpCreate(ctx, c, targets, found{identity: automation.Identity{How: automation.NotFound}})
	if err != nil || at.target == nil {
		return automation.Link{}, false, err
	}
	link := automation.Link{ID: x.NewID("ln"), Source: x.work.Source, Target: at.target.Ref, Evidence: identityTitle(c, at), CreatedAt: x.Now()}
	if c.turned != nil {
		link.Source, link.Target = link.Target, link.Source
	}
	return link, true, x.halfway(ctx, Finish{Link: &link}, &at)
}

// agreedByCreate is what both sides agreed on when a target record's own key made its source, as far as the create that
// was never answered tells: without it the two would meet as if for the first time, and an edit made since would be one
// of two values of which nobody knows which is newer. nil: what was found was not made by it.
func (x *execution) agreedByCreate(ctx context.Context, c *Compiled, made record.Record) (*automation.Base, error) {
	for _, ch := range x.recovered {
		if ch.Op != automation.Create || ch.Target.Type != "" && ch.Target.Type != made.Ref.Type || made.CreatedAt.IsZero() || madeBefore(made, ch) || !c.flipped.resembles(made, ch) {
			continue
		}
		was, err := x.thereBefore(ctx, ch, made)
		if err != nil {
			return nil, err
		}
		if was[made.Ref] {
			continue
		}
		base := automation.Base{Automation: x.a.ID, Version: c.Version, Fields: record.Fields{}, Target: record.Fields{}, AgreedAt: ch.IntendedAt}
		asked := record.Record{Ref: made.Ref, Fields: record.Fields{}}
		for _, f := range ch.Fields {
			v := f.After
			if f.Action == automation.Set && c.flipped.took(f, made.Fields[f.Field]) {
				v = made.Fields[f.Field] // as the provider writes it
			}
			asked.Fields[f.Field] = v
			if row, ok := c.Def.Mapping.RowByID(f.Row); ok && row.Direction == mapping.ToSource {
				key := automation.BackKey(f.Field)
				base.Fields[key], base.Target[key] = f.After, v
			}
		}
		readBack := map[string]bool{} // by a row that leads back from it
		for _, b := range c.MapBack(record.Record{Fields: record.Fields{}}) {
			for _, key := range b.Row.Sources {
				readBack[key] = true
			}
		}
		// What was not asked for was empty on both sides.
		for _, r := range c.Map(asked) {
			if r.Err == nil && (r.Row.Direction == mapping.Both || readBack[r.Target.Key]) {
				base.Fields[r.Target.Key], base.Target[r.Target.Key] = r.Value, r.Value
			}
		}
		return &base, nil
	}
	return nil, nil
}

// resembles reports that a record still has one of the values a create asked for besides its addresses, where it asked
// for any: somebody may have entered the same person at that very time.
func (c *Compiled) resembles(made record.Record, ch automation.Change) bool {
	asked := false
	for _, f := range ch.Fields {
		if f.Action != automation.Set || f.After.IsEmpty() || slices.ContainsFunc(c.Def.Match, func(m automation.MatchKey) bool { return m.Target == f.Field }) {
			continue
		}
		if asked = true; c.took(f, made.Fields[f.Field]) {
			return true
		}
	}
	return !asked
}
