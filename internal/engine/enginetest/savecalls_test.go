package enginetest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/rule"
)

// thrifty is a house in which HighLevel's contacts are carried to Gleap with as few calls as can be, and one contact that
// is linked. The clock stands well after that.
type thrifty struct {
	*enginetest.House
	t  *testing.T
	id string
}

func newThrifty(t *testing.T, change func(*automation.Definition)) *thrifty {
	t.Helper()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation("highlevel-contact-to-gleap", func(d *automation.Definition) {
		d.SaveCalls = true
		if change != nil {
			change(d)
		}
	})
	x := &thrifty{House: h, t: t}
	x.id = h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@acme.io", "phone": "+14155550133", "companyName": "Acme"})
	h.Deliver(h.Posted()...)
	if x.counterpart()["companyName"] != "Acme" {
		t.Fatalf("not made: %v, %s", x.counterpart(), h.LastRun().Summary)
	}
	return x
}

func (x *thrifty) counterpart() map[string]any {
	x.t.Helper()
	return onlySession(x.t, x.House)
}

// edit lets somebody change the contact's company, and gives the webhook that tells of it as one of some minutes later:
// what is known of the contact is older than it by then.
func (x *thrifty) edit(company string) []byte {
	x.t.Helper()
	x.Posted()
	edit(x.t, x.HighLevel.PersonEditsContact(x.id, map[string]any{"companyName": company}))
	all := x.Posted()
	if len(all) != 1 {
		x.t.Fatalf("%d webhooks", len(all))
	}
	x.Later(5 * time.Minute)
	return at(x.t, all[0], x.Now())
}

// at dates a webhook.
func at(t *testing.T, body []byte, when time.Time) []byte {
	t.Helper()
	return []byte(mustReplace(t, string(body), `"timestamp":"`, `"`, when.UTC().Format("2006-01-02T15:04:05.000Z")))
}

func mustReplace(t *testing.T, s, before, after, with string) string {
	t.Helper()
	head, rest, ok := strings.Cut(s, before)
	_, tail, closed := strings.Cut(rest, after)
	if !ok || !closed {
		t.Fatalf("no %s in %s", before, s)
	}
	return head + before + with + after + tail
}

// spent is how many calls something costs, and how many of them read.
func (x *thrifty) spent(do func()) (calls int64) {
	count := func() int64 { return x.HighLevel.Stats().Calls + x.Gleap.Stats().Calls }
	before := count()
	do()
	return count() - before
}

// proven lets webhooks and answers prove true as often as it takes.
func proven(t *testing.T, change func(*automation.Definition)) *thrifty {
	t.Helper()
	x := newThrifty(t, change)
	for i := range 6 {
		x.Deliver(x.edit(fmt.Sprintf("Company %d", i)))
	}
	return x
}

func TestSavingCallsAChangeTakesOneCall(t *testing.T) {
	t.Parallel()
	x := proven(t, nil)
	for i := range 3 {
		company := fmt.Sprintf("Acme %d", i)
		body := x.edit(company)
		if n := x.spent(func() { x.Deliver(body) }); n != 1 || x.counterpart()["companyName"] != company {
			t.Errorf("%d calls, and Gleap holds %v: %s", n, x.counterpart()["companyName"], x.LastRun().Summary)
		}
	}
	steps := fmt.Sprint(x.LastRun().Steps)
	for _, says := range []string{"Took the HighLevel contact from the webhook", "it was not looked at"} {
		if !strings.Contains(steps, says) {
			t.Errorf("the run does not say %q: %s", says, steps)
		}
	}
}

func TestSavingCallsAChangeWithoutItsRecordTakesTwo(t *testing.T) {
	t.Parallel()
	x := proven(t, nil)
	x.edit("Acme & Sons")
	if n := x.spent(func() { x.Tell(highlevelRef(x.id), provider.Updated) }); n != 2 || x.counterpart()["companyName"] != "Acme & Sons" {
		t.Errorf("%d calls, and Gleap holds %v", n, x.counterpart()["companyName"])
	}
}

// Three reads must have shown that webhooks hold what the record holds, or a spelling of theirs could go back and forth.
func TestAWebhookIsBelievedOnceReadsHaveConfirmedIt(t *testing.T) {
	t.Parallel()
	x := newThrifty(t, nil)
	for i := range 3 {
		body := x.edit(fmt.Sprintf("Company %d", i))
		x.Deliver(body)
		if took := strings.Contains(fmt.Sprint(x.LastRun().Steps), "from the webhook"); took {
			t.Errorf("the webhook of edit %d is believed", i+1)
		}
	}
	// One that says something else than the record holds begins anew.
	x.Deliver([]byte(mustReplace(t, string(x.edit("Company 3")), `"companyName":"`, `"`, "COMPANY")))
	for i := range 3 {
		x.Deliver(x.edit(fmt.Sprintf("Company %d", 5+i)))
		if i > 0 {
			continue
		}
		if company := x.counterpart()["companyName"]; company != "Company 5" {
			t.Errorf("Gleap holds %v", company)
		}
	}
}

func TestWhatIsInDoubtIsReadThoughCallsAreSaved(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*automation.Definition)
		body   func(x *thrifty) [][]byte // all that arrive; Gleap holds "now" in the end
	}{
		{"a webhook from before the last agreement", nil, func(x *thrifty) [][]byte {
			x.edit("now")
			x.Tell(highlevelRef(x.id), provider.Updated)
			return [][]byte{at(x.t, []byte(mustReplace(x.t, string(x.last()), `"companyName":"`, `"`, "then")), x.Now().Add(-20*time.Minute))}
		}},
		{"an older webhook that comes later", nil, func(x *thrifty) [][]byte {
			older, newer := x.edit("then"), x.edit("now")
			older = at(x.t, older, x.Now().Add(-90*time.Second))
			return [][]byte{newer, older}
		}},
		{"a webhook that was sent again for long", nil, func(x *thrifty) [][]byte {
			old := x.edit("then")
			x.edit("now")
			return [][]byte{old}
		}},
		{"a webhook without its time", nil, func(x *thrifty) [][]byte {
			x.edit("now")
			return [][]byte{[]byte(strings.Replace(mustReplace(x.t, string(x.last()), `"companyName":"`, `"`, "then"), `"timestamp"`, `"sent"`, 1))}
		}},
		{"a webhook without a field that was filled", nil, func(x *thrifty) [][]byte {
			body := x.edit("now")
			return [][]byte{[]byte(strings.Replace(string(body), `"companyName"`, `"other"`, 1))}
		}},
		{"an automation that leads back", nil, func(x *thrifty) [][]byte {
			x.House.Automation("gleap-contact-to-highlevel", nil)
			x.edit("now")
			return [][]byte{at(x.t, []byte(mustReplace(x.t, string(x.last()), `"companyName":"`, `"`, "then")), x.Now())}
		}},
		{"rows with another owner", func(d *automation.Definition) { owns(d, mapping.OwnerAsk) }, func(x *thrifty) [][]byte { return [][]byte{x.edit("now")} }},
		{"a condition on what no webhook holds", func(d *automation.Definition) {
			d.Rule = rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{{Field: "timezone", Operator: "is_empty"}}}}
		}, func(x *thrifty) [][]byte {
			body := x.edit("now")
			return [][]byte{[]byte(mustReplace(x.t, string(body), `"companyName":"`, `"`, "then"))}
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := proven(t, tc.change)
			x.Deliver(tc.body(x)...)
			if company := x.counterpart()["companyName"]; company != "now" {
				t.Errorf("Gleap holds %v: %v", company, x.LastRun().Steps)
			}
		})
	}
}

// Whoever was not told to save calls believes no webhook, however often it proved true.
func TestAWebhookIsOnlyAHintByDefault(t *testing.T) {
	t.Parallel()
	x := proven(t, func(d *automation.Definition) { d.SaveCalls = false })
	body := at(t, []byte(mustReplace(t, string(x.edit("now")), `"companyName":"`, `"`, "then")), x.Now())
	if n := x.spent(func() { x.Deliver(body) }); n != 3 || x.counterpart()["companyName"] != "now" {
		t.Errorf("%d calls, and Gleap holds %v", n, x.counterpart()["companyName"])
	}
}

// A field that no webhook ever holds looks empty in each of them: it is read until it was seen in some.
func TestAFieldThatWebhooksNeverHoldIsNotTakenForEmpty(t *testing.T) {
	t.Parallel()
	x := proven(t, func(d *automation.Definition) {
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "zone", Sources: []string{"timezone"}, Target: "plan", ClearWhenEmpty: true})
	})
	body := x.edit("Acme & Sons")
	edit(t, x.HighLevel.PersonEditsContact(x.id, map[string]any{"timezone": "Europe/Berlin"}))
	if x.Deliver(body); x.counterpart()["plan"] != "Europe/Berlin" {
		t.Errorf("Gleap holds %v: %v", x.counterpart()["plan"], x.LastRun().Steps)
	}
}

func owns(d *automation.Definition, o mapping.Owner) {
	for i := range d.Mapping.Rows {
		d.Mapping.Rows[i].Owner = o
	}
}

// last is a webhook of the contact as HighLevel would send it now.
func (x *thrifty) last() []byte {
	x.t.Helper()
	x.Posted()
	edit(x.t, x.HighLevel.PersonEditsContact(x.id, map[string]any{"companyName": "between"}))
	edit(x.t, x.HighLevel.PersonEditsContact(x.id, map[string]any{"companyName": "now"}))
	all := x.Posted()
	return at(x.t, all[len(all)-1], x.Now())
}

// A counterpart that is gone is met by the write, and looked for as ever.
func TestSavingCallsAGoneCounterpartIsMadeAnew(t *testing.T) {
	t.Parallel()
	x := proven(t, nil)
	edit(t, x.Gleap.PersonDeletesContact(fmt.Sprint(x.counterpart()["_id"])))
	x.Deliver(x.edit("Acme"))
	for range 3 {
		x.Later(time.Minute)
		x.Drain()
	}
	if x.counterpart()["companyName"] != "Acme" {
		t.Errorf("%v: %v", x.counterpart(), x.LastRun().Steps)
	}
}

// What somebody typed into a mapped field is what is given up; what nobody maps, and tags, are theirs as ever.
func TestSavingCallsLeavesAloneWhatItDoesNotCarry(t *testing.T) {
	t.Parallel()
	x := proven(t, nil)
	edit(t, x.Gleap.PersonEditsContact(fmt.Sprint(x.counterpart()["_id"]), map[string]any{"phone": "+14155550199", "companyName": "typed", "plan": "pro", "tags": []any{"vip"}}))
	x.Deliver(x.edit("Acme"))
	got := x.counterpart()
	if got["companyName"] != "Acme" || got["phone"] != "+14155550199" || got["plan"] != "pro" || !strings.Contains(fmt.Sprint(got["tags"]), "vip") {
		t.Errorf("%v", got)
	}
}
