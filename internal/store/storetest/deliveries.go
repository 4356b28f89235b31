package storetest

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// arrived accepts a webhook about a record, some minutes ago.
func (b *bundle) arrived(t testing.TB, name string, about record.Ref, minutes int) automation.Event {
	t.Helper()
	e := b.event(about)
	e.Name, e.ReceivedAt = name, b.now.Add(-time.Duration(minutes)*time.Minute)
	_, err := b.Accept(t.Context(), automation.Delivery{Event: e, Body: []byte("sealed"), Size: 42})
	ok(t, err)
	return e
}

func (b *bundle) logged(t testing.TB, f engine.DeliveryFilter) (ids []string) {
	t.Helper()
	if f.Limit == 0 {
		f.Limit = 50
	}
	all, err := b.Deliveries(t.Context(), f)
	ok(t, err)
	for _, d := range all {
		ids = append(ids, d.Event.ID)
	}
	return ids
}

func testDeliveryLog(t *testing.T, b *bundle) {
	ctx := t.Context()
	note := record.Ref{Connection: "cn_highlevel", Type: record.Note, ID: "c%1/n_1"}
	cared := b.arrived(t, "ContactUpdate", contact("1"), 30)
	idle := b.arrived(t, "ContactUpdate", contact("2"), 20)
	child := b.arrived(t, "NoteCreate", note, 10)
	ok(t, b.SaveRouting(ctx, []engine.Routed{
		{Event: cared, Keys: []engine.Key{{Automation: "au_1", Source: contact("1")}}}, {Event: idle},
		{Event: child, Minded: true}, // by the event of the record above it
	}))
	// That one is no delivery, and says nothing of when its record changed.
	_, err := b.Accept(ctx, automation.Delivery{Event: engine.Touch(automation.NewID("ev"), contact("4"), child, child.Name)})
	ok(t, err)
	known := []record.Ref{contact("1"), contact("2"), contact("5")}
	was, err := b.HeardBefore(ctx, known, b.now.Add(-25*time.Minute))
	ok(t, err)
	if !maps.Equal(was, map[record.Ref]bool{contact("1"): true}) {
		t.Errorf("of %v we had heard of %v", known, was)
	}
	if heard, err := b.Heard(ctx, []record.Ref{contact("4")}); err != nil || !heard[contact("4")].IsZero() {
		t.Errorf("of a record that something below it touched we heard %v, %v", heard, err)
	}
	again := cared
	again.ID, again.ReceivedAt = automation.NewID("ev"), b.now
	for range 2 {
		if n, err := b.Accept(ctx, automation.Delivery{Event: again, Body: []byte("other")}); err != nil || n != 0 {
			t.Fatalf("again: %d, %v", n, err)
		}
	}
	// What polling finds is no delivery.
	polled := b.event(contact("3"))
	polled.Kind = automation.Poll
	_, err = b.Accept(ctx, automation.Delivery{Event: polled})
	ok(t, err)

	all, err := b.Deliveries(ctx, engine.DeliveryFilter{Limit: 50})
	ok(t, err)
	want := []automation.Delivery{
		{Event: child, Size: 42, Verdict: automation.Accepted},
		{Event: idle, Size: 42, Verdict: automation.Unwatched},
		{Event: cared, Size: 42, Verdict: automation.Accepted, Repeats: 2, RepeatedAt: b.now},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	for name, tt := range map[string]struct {
		filter engine.DeliveryFilter
		want   []string
	}{
		"by connection":        {engine.DeliveryFilter{Connections: []record.ConnectionID{"cn_highlevel"}}, []string{child.ID}},
		"by several":           {engine.DeliveryFilter{Connections: []record.ConnectionID{"cn_highlevel", "cn_gleap"}}, []string{child.ID, idle.ID, cared.ID}},
		"by verdict":           {engine.DeliveryFilter{Verdict: automation.Unwatched}, []string{idle.ID}},
		"what came again":      {engine.DeliveryFilter{Repeated: true}, []string{cared.ID}},
		"by record":            {engine.DeliveryFilter{Search: "2"}, []string{idle.ID}},
		"by type":              {engine.DeliveryFilter{Search: "ContactUpdate"}, []string{idle.ID, cared.ID}},
		"a child by its id":    {engine.DeliveryFilter{Search: "n_1"}, []string{child.ID}},
		"a sign is no pattern": {engine.DeliveryFilter{Search: "n%1"}, nil},
		"older than one":       {engine.DeliveryFilter{Before: child.ID}, []string{idle.ID, cared.ID}},
		"one at a time":        {engine.DeliveryFilter{Before: child.ID, Limit: 1}, []string{idle.ID}},
		"nothing":              {engine.DeliveryFilter{Verdict: automation.Unknown}, nil},
	} {
		if got := b.logged(t, tt.filter); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	d, err := b.Delivery(ctx, cared.ID)
	ok(t, err)
	if diff := cmp.Diff(automation.Delivery{Event: cared, Body: []byte("sealed"), Size: 42, Verdict: automation.Accepted, Repeats: 2, RepeatedAt: b.now}, d); diff != "" {
		t.Errorf("one delivery (-want +got):\n%s", diff)
	}
}

func testKnownAfterWeeks(t *testing.T, b *bundle) {
	ctx := t.Context()
	const week = 7 * 24 * time.Hour
	old := b.event(contact("1"))
	old.ReceivedAt = b.now.Add(-6 * week)
	ok(t, errOf(b.Accept(ctx, automation.Delivery{Event: old, Body: []byte("b")})))
	ok(t, b.SaveRouting(ctx, []engine.Routed{{Event: old}}))
	ok(t, b.Prune(ctx, b.now.Add(-12*week), b.now.Add(-4*week)))
	if got := b.logged(t, engine.DeliveryFilter{}); len(got) != 0 {
		t.Errorf("the log still has %v", got)
	}
	again := old
	again.ID, again.ReceivedAt = automation.NewID("ev"), b.now
	if n, err := b.Accept(ctx, automation.Delivery{Event: again}); err != nil || n != 0 {
		t.Errorf("a delivery of six weeks ago is taken for a new one: %d, %v", n, err)
	}
}

func errOf[T any](_ T, err error) error { return err }

func testUnknownDelivery(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.jobs.take()
	var kept []string
	for i, change := range []provider.Change{provider.Ignored, provider.Installed, provider.Removed} {
		e := b.event(record.Ref{Connection: "cn_gleap"})
		e.Change, e.ReceivedAt = change, b.now.Add(-time.Duration(i)*time.Minute)
		n, err := b.Accept(ctx, automation.Delivery{Event: e, Body: []byte("b"), Verdict: automation.Unknown})
		ok(t, err)
		if n != 1 {
			t.Errorf("%s: %d fresh", change, n)
		}
		kept = append(kept, e.ID)
	}
	if kinds := b.jobs.kinds(); len(kinds) != 0 {
		t.Errorf("jobs %v for nothing", kinds)
	}
	if events, err := b.UnroutedEvents(ctx, 10); err != nil || len(events) != 0 {
		t.Errorf("%d events wait for the router, %v", len(events), err)
	}
	if got := b.logged(t, engine.DeliveryFilter{Verdict: automation.Unknown}); !slices.Equal(got, kept) {
		t.Errorf("the log has %v, want %v", got, kept)
	}
	// One among others does not keep them from being looked at.
	unknown, known := b.event(record.Ref{Connection: "cn_gleap"}), b.event(contact("1"))
	unknown.Change = provider.Ignored
	ok(t, errOf(b.Accept(ctx, automation.Delivery{Event: unknown}, automation.Delivery{Event: known})))
	if kinds := b.jobs.kinds(); kinds[engine.JobRoute] != 1 {
		t.Errorf("jobs %v", kinds)
	}
}

func testRefusals(t *testing.T, b *bundle) {
	ctx := t.Context()
	hour := b.now.Truncate(time.Hour)
	refusal := func(c string, why automation.RefusalReason, ago, n int) automation.Refusal {
		return automation.Refusal{Provider: "highlevel", Connection: c, Reason: why, Hour: hour.Add(-time.Duration(ago) * time.Hour), Count: n, LastAt: hour.Add(-time.Duration(ago) * time.Hour).Add(time.Minute)}
	}
	ok(t, b.AddRefusals(ctx))
	ok(t, b.AddRefusals(ctx, refusal("", automation.BadSignature, 50, 1000), refusal("", automation.BadSignature, 2, 5), refusal("cn_1", automation.TooLarge, 1, 1)))
	ok(t, b.AddRefusals(ctx, refusal("", automation.BadSignature, 2, 2), refusal("", automation.BadSignature, 0, 1)))
	got, err := b.Refusals(ctx, hour.Add(-24*time.Hour))
	ok(t, err)
	signatures := refusal("", automation.BadSignature, 2, 8)
	signatures.LastAt = hour.Add(time.Minute)
	if diff := cmp.Diff([]automation.Refusal{signatures, refusal("cn_1", automation.TooLarge, 1, 1)}, got); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	ok(t, b.Prune(ctx, hour.Add(-90*24*time.Hour), hour.Add(-30*time.Hour)))
	var left int
	ok(t, b.SQLDB().QueryRowContext(ctx, "SELECT COUNT(*) FROM refusals").Scan(&left))
	if left != 3 {
		t.Errorf("%d rows are left after pruning, want 3", left)
	}
	for range 5 { // however many are refused, the hour stays one row a reason
		ok(t, b.AddRefusals(ctx, refusal("", automation.Malformed, 0, 100)))
	}
	ok(t, b.SQLDB().QueryRowContext(ctx, "SELECT COUNT(*) FROM refusals").Scan(&left))
	if left != 4 {
		t.Errorf("%d rows, want 4", left)
	}
}
