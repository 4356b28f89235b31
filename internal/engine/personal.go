package engine

import (
	"context"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// PersonalData is all that is kept about one person: a record, its counterparts on the other side, what lives under
// them, and whatever was told, decided and written about any of these.
type PersonalData struct {
	Records    []record.Ref          `json:"records"`
	Links      []automation.Link     `json:"links"`
	Agreed     []automation.Base     `json:"agreed"` // the values both sides last agreed on
	Deliveries []automation.Delivery `json:"-"`      // bodies sealed, as they are stored
	Runs       []automation.Run      `json:"runs"`
	Changes    []automation.Change   `json:"changes"`
	Reviews    []automation.Review   `json:"reviews"`
	Plans      []automation.Plan     `json:"plans"`
}

// Erased counts what was taken out.
type Erased struct {
	Deliveries int `json:"deliveries"`
	Runs       int `json:"runs"`
	Changes    int `json:"changes"`
	Reviews    int `json:"reviews"`
	Plans      int `json:"plans"`
	Links      int `json:"links"`
}

// Total is everything that was taken out.
func (e Erased) Total() int {
	return e.Deliveries + e.Runs + e.Changes + e.Reviews + e.Plans + e.Links
}

// Privacy gives a person's data out, and forgets it.
type Privacy interface {
	// PersonalData reads all that is kept about the person behind a record.
	PersonalData(ctx context.Context, ref record.Ref) (PersonalData, error)
	// ErasePersonalData forgets it: values, names and bodies go; that something happened stays, by id. Its links stay
	// as severed ones, so that no automation takes the pair up again. It answers ErrConflict while one of the records
	// is being worked on.
	ErasePersonalData(ctx context.Context, ref record.Ref) (Erased, error)
}
