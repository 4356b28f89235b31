package enginetest_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

var gleapContacts = engine.Watch{Connection: enginetest.GleapConnection, Object: record.Contact}

// polledHouse is a house in which Gleap's contacts are carried to HighLevel, and polls alone tell of them. One is linked.
type polledHouse struct {
	*enginetest.House
	t          *testing.T
	automation automation.Automation
	id         string
}

func newPolledHouse(t *testing.T, change func(*automation.Definition)) *polledHouse {
	t.Helper()
	x := &polledHouse{House: enginetest.New(t, enginetest.Options{}), t: t}
	x.automation = x.House.Automation("gleap-contact-to-highlevel", change)
	x.id = x.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "email": "jane@acme.io", "phone": "+14155550133", "companyName": "Acme"})
	x.Poll()
	if x.surname() != "Doe" {
		t.Fatalf("not made: %v", x.LastRun())
	}
	return x
}

// trusted lets listings prove true as often as it takes.
func trusted(t *testing.T, change func(*automation.Definition)) *polledHouse {
	t.Helper()
	x := newPolledHouse(t, change)
	for i := range 3 {
		x.types(fmt.Sprintf("Proof%d", i))
		x.lists()
		x.Drain()
	}
	return x
}

// types lets somebody give the contact another surname.
func (x *polledHouse) types(surname string) {
	x.t.Helper()
	edit(x.t, x.Gleap.PersonEditsContact(x.id, map[string]any{"name": "Jane " + surname}))
}

func (x *polledHouse) surname() string {
	x.t.Helper()
	return fmt.Sprint(only(x.t, x.House)["lastName"])
}

// lists polls, some seconds after somebody typed, and leaves to be done what follows.
func (x *polledHouse) lists() {
	x.t.Helper()
	x.Later(3 * time.Second)
	_, err := x.Poller.Poll(x.t.Context(), gleapContacts)
	edit(x.t, err)
}

// spends is how many calls it takes to carry over what is due.
func (x *polledHouse) spends() int64 {
	count := func() int64 { return x.HighLevel.Stats().Calls + x.Gleap.Stats().Calls }
	before := count()
	x.Drain()
	return count() - before
}

func TestAPolledChangeTakesTwoCalls(t *testing.T) {
	t.Parallel()
	x := newPolledHouse(t, nil)
	for i := range 5 {
		surname, want := fmt.Sprintf("Roe%d", i), int64(3)
		if i >= 3 { // three reads have confirmed what listings hold
			want = 2
		}
		x.types(surname)
		x.lists()
		if n := x.spends(); n != want || x.surname() != surname {
			t.Errorf("edit %d takes %d calls, and HighLevel holds %s: %v", i+1, n, x.surname(), x.LastRun().Steps)
		}
	}
	if steps := fmt.Sprint(x.LastRun().Steps); !strings.Contains(steps, "Took the Gleap contact from the list") {
		t.Errorf("the run does not say so: %s", steps)
	}
	// What a person typed in HighLevel was looked at, so it is known what was overwritten.
	edit(t, x.HighLevel.PersonEditsContact(fmt.Sprint(only(t, x.House)["id"]), map[string]any{"lastName": "Typed", "city": "Berlin"}))
	x.types("Roe")
	x.Poll()
	kept, err := x.Store.ChangesOf(t.Context(), x.LastRun().ID)
	edit(t, err)
	if len(kept) != 1 || kept[0].Before["lastName"].String() != "Typed" || only(t, x.House)["city"] != "Berlin" {
		t.Errorf("%+v", kept)
	}
}

func TestSavingCallsAPolledChangeTakesOneCall(t *testing.T) {
	t.Parallel()
	x := trusted(t, func(d *automation.Definition) { d.SaveCalls = true })
	x.types("Roe")
	x.lists()
	if n := x.spends(); n != 1 || x.surname() != "Roe" {
		t.Errorf("%d calls, and HighLevel holds %s", n, x.surname())
	}
}

// A person types once more between the listing and its turn. The older value is carried first, and the next poll brings
// the newer one.
func TestWhatWasListedIsOvertakenByTheNextPoll(t *testing.T) {
	t.Parallel()
	x := trusted(t, nil)
	x.types("Then")
	x.lists()
	x.types("Now")
	x.Drain()
	if x.surname() != "Then" {
		t.Fatalf("HighLevel holds %s", x.surname())
	}
	x.Poll()
	if x.surname() != "Now" {
		t.Errorf("HighLevel holds %s", x.surname())
	}
}

// What is typed right after a listing may bear the same date as what was listed, and no poll would tell of it: a change of
// that very moment is read.
func TestAChangeOfTheVeryMomentIsReadThoughItWasListed(t *testing.T) {
	t.Parallel()
	x := trusted(t, nil)
	x.Later(-time.Until(x.Now())) // the twins' own time
	x.types("Then")
	_, err := x.Poller.Poll(t.Context(), gleapContacts)
	edit(t, err)
	x.types("Now")
	x.Drain()
	if x.surname() != "Now" {
		t.Errorf("HighLevel holds %s", x.surname())
	}
}

func TestWhatIsInDoubtIsReadThoughItWasListed(t *testing.T) {
	t.Parallel()
	vip := func(d *automation.Definition) {
		d.Rule = rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{{Field: "plan", Operator: "not_equals", Value: "internal"}}}}
	}
	cases := []struct {
		name   string
		change func(*automation.Definition)
		// between happens after somebody typed "Then", it was listed, and somebody typed "Now".
		between func(x *polledHouse)
		listed  bool // it is not in doubt
	}{
		{name: "nothing", listed: true},
		{name: "an older change that was heard of", listed: true, between: func(x *polledHouse) { x.hears(-time.Minute) }},
		{name: "a newer change that was heard of", between: func(x *polledHouse) { x.hears(time.Second) }},
		{name: "a listing that is old", between: func(x *polledHouse) { x.Later(2 * time.Minute) }},
		{name: "a second attempt", between: func(x *polledHouse) {
			real := x.Clients[enginetest.HighLevelConnection]
			x.Clients[enginetest.HighLevelConnection] = away{real}
			x.Drain()
			x.Clients[enginetest.HighLevelConnection] = real
			x.Later(20 * time.Second)
		}},
		{name: "another version", between: func(x *polledHouse) {
			_, err := x.Store.SaveDefinition(x.t.Context(), x.automation.ID, x.automation.Version, x.automation.Definition, "test", "looked at")
			edit(x.t, err)
		}},
		{name: "what is known is younger", between: func(x *polledHouse) {
			x.knows(x.Now().Add(time.Second))
		}},
		{name: "what is known has no time", between: func(x *polledHouse) { x.knows(time.Time{}) }},
		{name: "another process listed it", between: func(x *polledHouse) { x.Reconciler.Listed = &engine.Listed{Inbox: x.Store, Now: x.Now} }},
		{name: "another automation that leads back", between: func(x *polledHouse) { x.House.Automation("highlevel-contact-to-gleap", nil) }},
		{name: "an automation that leads back, and is off", listed: true, between: func(x *polledHouse) {
			a := x.House.Automation("highlevel-contact-to-gleap", nil)
			edit(x.t, x.Store.SetState(x.t.Context(), a.ID, automation.Draft, ""))
		}},
		{name: "a row whose owner is the newest", change: func(d *automation.Definition) { owns(d, mapping.OwnerNewest) }},
		{name: "a row that leads back", change: func(d *automation.Definition) {
			for i, r := range d.Mapping.Rows {
				if r.ID == "r5" {
					d.Mapping.Rows[i].Direction = mapping.Both
				}
			}
		}},
		{name: "deletes are followed", change: func(d *automation.Definition) { d.Deletes.Policy = automation.DeleteUnlink }},
		{name: "a condition on what is empty", change: vip},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := trusted(t, tc.change)
			x.types("Then")
			x.lists()
			x.types("Now")
			if tc.between != nil {
				tc.between(x)
			}
			x.Drain()
			if want := map[bool]string{true: "Then", false: "Now"}[tc.listed]; x.surname() != want {
				t.Errorf("HighLevel holds %s, want %s: %v", x.surname(), want, x.LastRun().Steps)
			}
		})
	}
}

// hears stores an event of the contact by which it changed that long after the change that was listed.
func (x *polledHouse) hears(after time.Duration) {
	x.t.Helper()
	heard, err := x.Store.Heard(x.t.Context(), []record.Ref{gleapRef(x.id)})
	edit(x.t, err)
	when, id := heard[gleapRef(x.id)].Add(after), automation.NewID("ev")
	// It comes before what was listed is due, and is of a kind nobody minds.
	_, err = x.Store.Accept(x.t.Context(), automation.Delivery{Event: automation.Event{
		ID: id, Kind: automation.Webhook, Ref: gleapRef(x.id), Change: provider.Ignored, DedupeKey: id, ReceivedAt: when, OccurredAt: when,
	}})
	edit(x.t, err)
}

// knows dates what is known of the contact.
func (x *polledHouse) knows(when time.Time) {
	x.Reconciler.Links = knownSince{x.Store, when}
}

type knownSince struct {
	engine.Links
	when time.Time
}

func (l knownSince) FindLink(ctx context.Context, source record.Ref, target record.ConnectionID, of record.ObjectType, a automation.ID) (automation.Link, automation.Base, bool, error) {
	link, base, ok, err := l.Links.FindLink(ctx, source, target, of, a)
	base.SourceAt = l.when
	return link, base, ok, err
}

// away is an account nobody can read a record of.
type away struct{ provider.Client }

func (away) Get(context.Context, record.Ref) (record.Record, error) {
	return record.Record{}, &provider.Error{Op: "read contact", Kind: provider.Unavailable}
}

// listing changes what is listed of records.
type listing struct {
	provider.Client
	change func(*record.Record)
}

func (l listing) List(ctx context.Context, q provider.Query) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) {
		for page, err := range l.Client.List(ctx, q) {
			for i := range page.Records {
				page.Records[i].Fields = page.Records[i].Fields.Clone()
				l.change(&page.Records[i])
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

// What a listing says otherwise than the record, or leaves out, is read.
func TestAListingThatIsNotTheRecordIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*record.Record){
		"a record with nothing in it": func(r *record.Record) { r.Fields = record.Fields{} },
		"a field that is left out":    func(r *record.Record) { delete(r.Fields, "phone") },
		"no time of change":           func(r *record.Record) { r.UpdatedAt = time.Time{} },
		"a time that is to come":      func(r *record.Record) { r.UpdatedAt = time.Now().Add(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := trusted(t, nil)
			x.Clients[enginetest.GleapConnection] = listing{x.Clients[enginetest.GleapConnection], change}
			x.types("Roe")
			x.Poll()
			if x.surname() != "Roe" || strings.Contains(fmt.Sprint(x.LastRun().Steps), "from the list") {
				t.Errorf("HighLevel holds %s: %v", x.surname(), x.LastRun().Steps)
			}
		})
	}
	// A spelling of its own is not believed however often it is seen.
	x := newPolledHouse(t, nil)
	x.Clients[enginetest.GleapConnection] = listing{x.Clients[enginetest.GleapConnection], func(r *record.Record) {
		r.Fields["name"] = record.TextOf(strings.ToUpper(r.Fields["name"].String()))
	}}
	for i := range 6 {
		surname := fmt.Sprintf("Roe%d", i)
		x.types(surname)
		if x.Poll(); x.surname() != surname {
			t.Errorf("HighLevel holds %s", x.surname())
		}
	}
}

// What a listing left out once may be left out of anybody's.
func TestAFieldThatListingsNeverHoldIsReadHoweverOftenItLooksEmpty(t *testing.T) {
	t.Parallel()
	x := newPolledHouse(t, nil)
	x.Clients[enginetest.GleapConnection] = listing{x.Clients[enginetest.GleapConnection], func(r *record.Record) { delete(r.Fields, "phone") }}
	bare := func(name string) (id, email string) {
		email = strings.ToLower(name) + "@acme.io"
		return x.Gleap.PersonCreatesContact(map[string]any{"name": "Jane " + name, "email": email, "companyName": "Acme"}), email
	}
	phoneOf := func(email string) any {
		for _, c := range x.HighLevel.Contacts() {
			if c["email"] == email {
				return c["phone"]
			}
		}
		return "nobody"
	}
	one, _ := bare("One")
	other, address := bare("Other")
	x.Poll()
	for i := range 3 { // the third of them shows what is left out
		edit(t, x.Gleap.PersonEditsContact(one, map[string]any{"name": fmt.Sprint("Jane One", i), "phone": []string{"", "", "+14155550134"}[i]}))
		x.Poll()
	}
	edit(t, x.Gleap.PersonEditsContact(other, map[string]any{"phone": "+14155550135"}))
	if x.Poll(); phoneOf(address) != "+14155550135" {
		t.Errorf("HighLevel holds %v: %v", phoneOf(address), x.LastRun().Steps)
	}
}

// No listing that a poll reads holds what a contact borrows of its appointments; what looks like it would be old.
func TestWhatIsBorrowedIsReadThoughItWasListed(t *testing.T) {
	t.Parallel()
	for _, borrows := range []bool{false, true} {
		x := newThrifty(t, func(d *automation.Definition) {
			d.SaveCalls = false
			if borrows {
				d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "next", Sources: []string{"nextAppointment.title"}, Target: "plan", ClearWhenEmpty: true})
			}
		})
		if borrows {
			x.HighLevel.PersonBooksAppointment(x.id, map[string]any{"title": "Check-up", "startTime": x.Now().Add(48 * time.Hour).Format(time.RFC3339)})
			x.Clients[enginetest.HighLevelConnection] = listing{x.Clients[enginetest.HighLevelConnection], func(r *record.Record) { r.Fields["nextAppointment.title"] = record.TextOf("Check-up") }}
		}
		for i := range 4 {
			edit(t, x.HighLevel.PersonEditsContact(x.id, map[string]any{"companyName": fmt.Sprintf("Company %d", i)}))
			x.Later(2 * time.Minute) // what the search shows is behind
			_, err := x.Poller.Poll(t.Context(), engine.Watch{Connection: enginetest.HighLevelConnection, Object: record.Contact})
			edit(t, err)
			x.Drain()
		}
		if borrows && x.counterpart()["plan"] != "Check-up" {
			t.Errorf("Gleap holds %v", x.counterpart()["plan"])
		}
		if took := strings.Contains(fmt.Sprint(x.LastRun().Steps), "from the list"); took == borrows || x.counterpart()["companyName"] != "Company 3" {
			t.Errorf("borrows %v: taken from the list %v, and Gleap holds %v: %v", borrows, took, x.counterpart()["companyName"], x.LastRun().Steps)
		}
	}
}
