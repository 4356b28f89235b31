package automation

import (
	"slices"
	"strings"
	"time"

	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// ID identifies an automation ("au_…").
type ID string

// State says whether an automation works.
type State string

// The states. Paused is on, but stopped by a person or a brake until resumed.
const (
	Draft  State = "draft"
	On     State = "on"
	Paused State = "paused"
)

// Automation is a named, switchable unit: trigger, rule, mapping and policies. Every save is a new Version.
type Automation struct {
	ID         ID
	Workspace  string // whose it is; empty: nobody's, and no page shows it
	Name       string
	Recipe     string // the ready-made automation it began as; empty when made from nothing
	State      State
	Version    int // of Definition, which is what it works by
	Definition Definition
	// Next is what it would work by next: edited while it is on, and not live yet. nil: there is none.
	Next      *NextVersion
	PausedWhy string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// NextVersion is a version that is not live yet.
type NextVersion struct {
	Number     int
	Definition Definition
}

// Edited is the automation as its editors see it: with the next version, where there is one, in place of the one that is
// live. Its Version is the optimistic lock.
func (a Automation) Edited() Automation {
	if a.Next != nil {
		a.Version, a.Definition = a.Next.Number, a.Next.Definition
	}
	return a
}

// EditsWait reports whether an edit waits until it is put live: what is on does not change under the hands of who edits
// it.
func (a Automation) EditsWait() bool { return a.State == On || a.Next != nil }

// Definition is what a version freezes. It is stored as JSON for years: add keys, never change their meaning.
type Definition struct {
	Source  Endpoint        `json:"source"`
	Target  Endpoint        `json:"target"`
	Trigger rule.Trigger    `json:"trigger"`
	Rule    rule.Rule       `json:"rule"`
	Mapping mapping.Mapping `json:"mapping"`
	// Match lists how the counterpart of a record without a link is looked for, best evidence first.
	Match []MatchKey `json:"match"`
	// Create allows making a record when no counterpart is found; Update allows changing one.
	Create bool `json:"create"`
	Update bool `json:"update"`
	// CreateSource allows making a source record for a target record that has none; only where rows lead back.
	CreateSource bool         `json:"createSource,omitempty"`
	First        FirstMeeting `json:"first,omitempty"`
	Deletes      Deletes      `json:"deletes,omitzero"`
	Limits       Limits       `json:"limits,omitzero"`
	// SaveCalls writes without looking at the counterpart first, and believes what a webhook holds; see LeadsOneWay.
	SaveCalls bool `json:"saveCalls,omitempty"`
	// Region is the country assumed for phone numbers without one, ISO 3166-1 alpha-2.
	Region string `json:"region,omitempty"`
}

// Endpoint is one side: an object type in a connection.
type Endpoint struct {
	Provider   provider.ID         `json:"provider"`
	Connection record.ConnectionID `json:"connection"`
	Object     record.ObjectType   `json:"object"`
}

// MatchKey says that two records with the same value in these fields are the same thing.
type MatchKey struct {
	Source string      `json:"source"`
	Target string      `json:"target"`
	Kind   record.Kind `json:"kind"`
}

// Locale is what the definition assumes about values that do not say.
func (d Definition) Locale() record.Locale {
	return record.Locale{Region: strings.ToUpper(d.Region)}
}

// TwoWay reports whether any row leads back to the source, so that changes of the target matter too.
func (d Definition) TwoWay() bool {
	return slices.ContainsFunc(d.Mapping.Rows, func(r mapping.Row) bool { return r.Direction.ToSource() })
}

// LeadsOneWay reports whether everything is decided by the source alone, so that a change could be carried without
// knowing what the target holds by now.
func (d Definition) LeadsOneWay() bool {
	return !slices.ContainsFunc(d.Mapping.Rows, func(r mapping.Row) bool {
		return r.Direction.ToSource() || r.HasLastWord() != mapping.OwnerSource
	})
}

// Watches reports whether a record of that type in that connection is one of the two sides, and which.
func (d Definition) Watches(c record.ConnectionID, t record.ObjectType) (Side, bool) {
	switch {
	case d.Source.Connection == c && d.Source.Object == t:
		return SourceSide, true
	case d.Target.Connection == c && d.Target.Object == t && (d.TwoWay() || d.Deletes.Policy != DeleteNothing):
		return TargetSide, true
	}
	return "", false
}

// Reads are the fields of one side that values, conditions or match keys are taken from, or may be.
func (d Definition) Reads(side Side) []string {
	var fields []string
	for _, row := range d.Mapping.Rows {
		if side == SourceSide {
			fields = append(fields, row.Sources...)
		} else {
			fields = append(fields, row.Target)
		}
	}
	for _, m := range d.Match {
		fields = append(fields, map[Side]string{SourceSide: m.Source, TargetSide: m.Target}[side])
	}
	if side == SourceSide {
		fields = append(fields, d.Rule.Fields()...)
	}
	return fields
}

// Flipped is the definition seen from the other side: what leads back leads forth. Rows without a way back fall away.
func (d Definition) Flipped() Definition {
	f := d
	f.Source, f.Target = d.Target, d.Source
	f.Mapping = d.Mapping.Flipped()
	f.Trigger.Object = d.Target.Object
	f.Rule = rule.Rule{}
	f.Match = make([]MatchKey, len(d.Match))
	for i, m := range d.Match {
		f.Match[i] = MatchKey{Source: m.Target, Target: m.Source, Kind: m.Kind}
	}
	f.Create, f.CreateSource = d.CreateSource, d.Create
	return f
}

// Connected reports whether both sides have a connection.
func (d Definition) Connected() bool {
	return d.Source.Connection != "" && d.Target.Connection != ""
}

// Version is one saved definition.
type Version struct {
	Automation ID
	Number     int
	Definition Definition
	SavedBy    string
	SavedAt    time.Time
	Note       string // "connected Email to Email"
	Discarded  bool   // thrown away, and never was live
}
