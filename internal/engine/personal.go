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
	// Named are questions about somebody else in which the person is one of the candidates; of each there is what it says
	// about the person.
	Named []Naming `json:"named"`
	// Beside are other records whose deliveries name the person too. They are somebody else's, and left where they are.
	Beside []record.Ref `json:"beside"`
	// Sharing are deliveries that have the person's phone number and name somebody else: a company or a family shares
	// one. They are left too.
	Sharing []string `json:"sharing"`
	// Unreadable counts deliveries that no key at hand opens: nobody can tell whom they name.
	Unreadable int `json:"unreadable"`
}

// Naming is what a question about somebody else says about the person.
type Naming struct {
	Review     string                 `json:"review"`
	Automation automation.ID          `json:"automation"`
	State      automation.ReviewState `json:"state"`
	Candidate  automation.Candidate   `json:"candidate"`
}

// Erased counts what was taken out.
type Erased struct {
	Deliveries int `json:"deliveries"`
	Runs       int `json:"runs"`
	Changes    int `json:"changes"`
	Reviews    int `json:"reviews"`
	Plans      int `json:"plans"`
	Links      int `json:"links"`
	Named      int `json:"named"` // questions about others that said who the person is
	// Beside, Sharing and Unreadable are as in PersonalData.
	Beside     []record.Ref `json:"beside"`
	Sharing    []string     `json:"sharing"`
	Unreadable int          `json:"unreadable"`
}

// Total is everything that was taken out.
func (e Erased) Total() int {
	return e.Deliveries + e.Runs + e.Changes + e.Reviews + e.Plans + e.Links + e.Named
}

// Privacy gives a person's data out, and forgets it.
type Privacy interface {
	// PersonalData reads what is kept about the person behind a record by the records' own names.
	PersonalData(ctx context.Context, ref record.Ref) (PersonalData, error)
	// ErasePersonalData forgets it: values, names and bodies go; that something happened stays, by id. Its links stay
	// as severed ones, so that no automation takes the pair up again. It answers ErrConflict while one of the records
	// is being worked on. also are deliveries that turned out to name the person.
	ErasePersonalData(ctx context.Context, ref record.Ref, also []string) (Erased, error)
	// KeptDeliveries pages through the deliveries with a body that arrived in the workspace of a record, by id.
	KeptDeliveries(ctx context.Context, ref record.Ref, after string, limit int) ([]automation.Delivery, error)
	// Linked tells which of some records have a counterpart.
	Linked(ctx context.Context, refs []record.Ref) (map[record.Ref]bool, error)
}
