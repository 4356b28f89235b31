package automation

import (
	"slices"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// FirstMeeting says what becomes of fields that differ when two records meet for the first time.
type FirstMeeting string

// The ways to meet. The zero value leaves it to each row's owner.
const (
	// FillEmpty fills what is empty on either side and leaves the rest apart; edits made later are carried.
	FillEmpty FirstMeeting = "fill_empty"
	// LinkOnly writes nothing at all: both sides are remembered as they are, and edits made later are carried.
	LinkOnly FirstMeeting = "link_only"
)

// Valid reports whether f is one of the above.
func (f FirstMeeting) Valid() bool { return f == "" || f == FillEmpty || f == LinkOnly }

// DeletePolicy says what becomes of the counterpart of a record that was deleted.
type DeletePolicy string

// The delete policies; the zero value does nothing, and takes the pair up again should the record come back.
const (
	DeleteNothing DeletePolicy = ""
	DeleteUnlink  DeletePolicy = "unlink" // the counterpart stays and is left alone for good
	DeleteMark    DeletePolicy = "mark"   // the counterpart gets a label or a value, and is left alone
	DeleteDelete  DeletePolicy = "delete" // the counterpart is deleted too
)

// DeletedOn says a deletion on which side is carried to the other. Where it is not, the other record stays as it is, and
// the pair goes separate ways.
type DeletedOn string

// The sides. The zero value leaves it to the definition, see Definition.DeletedOn.
const (
	DeletedAnywhere DeletedOn = "anywhere"
	DeletedOnSource DeletedOn = "source"
	DeletedOnTarget DeletedOn = "target"
)

// Deletes is a definition's policy for deleted records. Field and Value say how DeleteMark marks: a set gets
// Value added, a text that people write gets it put in front (see Definition.MarksInFront), any other field is set to it.
// SourceField is the field used when the source is the one to be marked.
type Deletes struct {
	Policy      DeletePolicy `json:"policy,omitempty"`
	On          DeletedOn    `json:"on,omitempty"`
	Field       string       `json:"field,omitempty"`
	SourceField string       `json:"sourceField,omitempty"`
	Value       string       `json:"value,omitempty"`
}

// Valid reports whether the policy is one of the known ones.
func (d Deletes) Valid() bool {
	switch d.Policy {
	case DeleteNothing, DeleteUnlink, DeleteMark, DeleteDelete:
		return true
	}
	return false
}

// Valid reports whether o is one of the above.
func (o DeletedOn) Valid() bool {
	switch o {
	case "", DeletedAnywhere, DeletedOnSource, DeletedOnTarget:
		return true
	}
	return false
}

// DeletedOn is a deletion on which side counts. Nobody expects the original to go because somebody deleted a copy of it:
// where no row leads back, a deletion on the target's side deletes nothing unless somebody has said so.
func (d Definition) DeletedOn() DeletedOn {
	switch {
	case d.Deletes.On != "":
		return d.Deletes.On
	case d.Deletes.Policy == DeleteDelete && !d.TwoWay():
		return DeletedOnSource
	}
	return DeletedAnywhere
}

// DeletionCounts reports whether the policy answers to a deletion on a side.
func (d Definition) DeletionCounts(on Side) bool {
	switch d.DeletedOn() {
	case DeletedOnSource:
		return on == SourceSide
	case DeletedOnTarget:
		return on == TargetSide
	}
	return true
}

// Limits are an automation's brakes. A zero field means the default; a negative one means no limit.
type Limits struct {
	// ChangesPerHour and DeletesPerHour bound what is written in any sixty minutes.
	ChangesPerHour int `json:"changesPerHour,omitempty"`
	DeletesPerHour int `json:"deletesPerHour,omitempty"`
	// Share bounds, in percent, how many of the linked records one run over everyone may change or delete;
	// a population below ShareFloor is too small for shares to mean anything.
	Share int `json:"share,omitempty"`
	// DeleteShare bounds in the same way how many of them it may delete, and how many may be deleted in any sixty minutes.
	// ChangesPerRun and DeletesPerRun are how many one run may change or delete, and delete, whatever their share.
	DeleteShare   int `json:"deleteShare,omitempty"`
	ChangesPerRun int `json:"changesPerRun,omitempty"`
	DeletesPerRun int `json:"deletesPerRun,omitempty"`
}

// The defaults, and the population below which shares are not looked at. The counts of one run have none: the shares
// fit a population of any size.
const (
	DefaultChangesPerHour = 5000
	DefaultDeletesPerHour = 20
	DefaultShare          = 30
	DefaultDeleteShare    = 5
	ShareFloor            = 50
)

// BeyondShare reports whether n of some records are more than share percent of them.
func BeyondShare(n, of, share int) bool { return share > 0 && of >= ShareFloor && 100*n > share*of }

// Effective fills in the defaults; 0 in the answer means no limit.
func (l Limits) Effective() Limits {
	or := func(n, fallback int) int {
		switch {
		case n < 0:
			return 0
		case n == 0:
			return fallback
		}
		return n
	}
	return Limits{
		ChangesPerHour: or(l.ChangesPerHour, DefaultChangesPerHour), DeletesPerHour: or(l.DeletesPerHour, DefaultDeletesPerHour),
		Share: or(l.Share, DefaultShare), DeleteShare: or(l.DeleteShare, DefaultDeleteShare),
		ChangesPerRun: or(l.ChangesPerRun, 0), DeletesPerRun: or(l.DeletesPerRun, 0),
	}
}

// MarksInFront reports whether a field is marked in front of what it holds: a text that people write, or that is carried
// over, must not be lost to the mark. A custom field nobody maps is there for the mark alone.
func (d Definition) MarksInFront(side Side, spec record.FieldSpec) bool {
	if spec.Kind != record.Text && spec.Kind != record.LongText {
		return false
	}
	return !spec.Custom || slices.ContainsFunc(d.Mapping.Rows, func(r mapping.Row) bool {
		if side == SourceSide {
			return slices.Contains(r.Sources, spec.Key)
		}
		return r.Target == spec.Key
	})
}
