package automation

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

// Deletes is a definition's policy for deleted records. Field and Value say how DeleteMark marks: a set gets
// Value added, any other field is set to it. SourceField is the field used when the source is the one to be marked.
type Deletes struct {
	Policy      DeletePolicy `json:"policy,omitempty"`
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

// Limits are an automation's brakes. A zero field means the default; a negative one means no limit.
type Limits struct {
	// ChangesPerHour and DeletesPerHour bound what is written in any sixty minutes.
	ChangesPerHour int `json:"changesPerHour,omitempty"`
	DeletesPerHour int `json:"deletesPerHour,omitempty"`
	// Share bounds, in percent, how many of the linked records one run over everyone may change or delete;
	// a population below ShareFloor is too small for shares to mean anything.
	Share int `json:"share,omitempty"`
}

// The defaults, and the population below which shares are not looked at.
const (
	DefaultChangesPerHour = 5000
	DefaultDeletesPerHour = 20
	DefaultShare          = 30
	ShareFloor            = 50
)

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
	return Limits{ChangesPerHour: or(l.ChangesPerHour, DefaultChangesPerHour), DeletesPerHour: or(l.DeletesPerHour, DefaultDeletesPerHour), Share: or(l.Share, DefaultShare)}
}
