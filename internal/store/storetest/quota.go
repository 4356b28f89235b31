package storetest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

func testQuotaUse(t *testing.T, b *bundle) {
	ctx := t.Context()
	minute := b.now.Truncate(time.Minute)
	use := func(start time.Time, calls, refused int) engine.QuotaUse {
		return engine.QuotaUse{Connection: "cn_1", Start: start, Calls: calls, Refused: refused}
	}
	ok(t, b.AddQuotaUse(ctx))
	ok(t, b.AddQuotaUse(ctx, use(minute.Add(-time.Minute), 7, 0), use(minute.Add(10*time.Second), 2, 1)))
	ok(t, b.AddQuotaUse(ctx, use(minute, 40, 2), engine.QuotaUse{Connection: "cn_2", Start: minute, Calls: 1}))
	got, err := b.QuotaUses(ctx, "cn_1", minute.Add(-time.Hour))
	ok(t, err)
	if diff := cmp.Diff([]engine.QuotaUse{use(minute.Add(-time.Minute), 7, 0), use(minute, 42, 3)}, got); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
	if got, err := b.QuotaUses(ctx, "cn_1", minute); err != nil || len(got) != 1 {
		t.Errorf("since the last minute: %v, %v", got, err)
	}
}

func testLedger(t *testing.T, b *bundle) {
	ctx := t.Context()
	const holders, each = 8, 20
	var wg sync.WaitGroup
	for range holders {
		wg.Go(func() {
			for range each {
				err := b.ChangeLedger(ctx, "highlevel/loc", func(document string, now time.Time) (string, error) {
					if now.IsZero() || now.Sub(b.now).Abs() > time.Hour {
						t.Errorf("the clock says %v", now)
					}
					n, _ := strconv.Atoi(document)
					return strconv.Itoa(n + 1), nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	read := func(budget string) (got string) {
		ok(t, b.ChangeLedger(ctx, budget, func(document string, _ time.Time) (string, error) { got = document; return document, nil }))
		return got
	}
	all, now, err := b.Ledgers(ctx)
	ok(t, err)
	if all["highlevel/loc"] != strconv.Itoa(holders*each) || now.Sub(b.now).Abs() > time.Hour {
		t.Errorf("the ledgers are %v at %v", all, now)
	}
	if got := read("highlevel/loc"); got != strconv.Itoa(holders*each) {
		t.Errorf("%d changes at once came to %q", holders*each, got)
	}
	if got := read("highlevel/other"); got != "" {
		t.Errorf("another budget begins with %q", got)
	}
	if err := b.ChangeLedger(ctx, "highlevel/loc", func(string, time.Time) (string, error) { return "lost", errNoJob }); err == nil {
		t.Error("a change that failed was kept")
	}
	if got := read("highlevel/loc"); got == "lost" {
		t.Error("a change that failed was kept")
	}
}

func testFaults(t *testing.T, b *bundle) {
	ctx := t.Context()
	fault := func(c record.ConnectionID, n int) engine.Fault {
		return engine.Fault{Connection: c, At: b.now.Add(time.Duration(n) * time.Second), Op: "update contact", Kind: "unavailable", Status: 503, Detail: "Service Unavailable", TraceID: fmt.Sprint("trace-", n)}
	}
	ok(t, b.AddFaults(ctx))
	ok(t, b.AddFaults(ctx, fault("cn_2", 1)))
	var many []engine.Fault
	for n := range engine.FaultsKept + 10 {
		many = append(many, fault("cn_1", n))
	}
	ok(t, b.AddFaults(ctx, many[:20]...))
	ok(t, b.AddFaults(ctx, many[20:]...))
	got, err := b.Faults(ctx, "cn_1", 2*engine.FaultsKept)
	ok(t, err)
	if len(got) != engine.FaultsKept {
		t.Fatalf("%d are kept, want the newest %d", len(got), engine.FaultsKept)
	}
	if diff := cmp.Diff(fault("cn_1", engine.FaultsKept+9), got[0]); diff != "" {
		t.Errorf("the newest (-want +got):\n%s", diff)
	}
	few, err := b.Faults(ctx, "cn_2", 10)
	ok(t, err)
	if diff := cmp.Diff([]engine.Fault{fault("cn_2", 1)}, few); diff != "" {
		t.Errorf("another connection's (-want +got):\n%s", diff)
	}
}
