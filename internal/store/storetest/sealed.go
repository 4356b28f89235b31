package storetest

import (
	"fmt"
	"testing"

	"crosswalk/internal/connection"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
)

func testSealed(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.person(t)
	const many = 205
	for i := range many {
		c := connection.Connection{ID: record.ConnectionID(fmt.Sprint("cn_", i)), Provider: "gleap", State: connection.Active, Auth: connection.ByKey}
		ok(t, b.SaveConnection(ctx, c, []byte{byte(i)}))
	}
	ok(t, b.BeginSecondFactor(ctx, "us_1", []byte("secret"), b.now))
	ok(t, b.PutPending(ctx, connection.Pending{StateHash: "abc", Sealed: []byte("pending"), ExpiresAt: b.now}))
	all := map[string]store.Sealed{}
	ok(t, b.EachSealed(ctx, func(x store.Sealed) error { all[x.Place] = x; return nil }))
	if len(all) != many+2 || string(all[people.SecretPlace("us_1")].Value) != "secret" || string(all["pending/abc"].Value) != "pending" || string(all["connection/cn_7/grant"].Value) != "\x07" {
		t.Fatalf("%d places", len(all))
	}
	for _, x := range all {
		for i, want := range []bool{true, false} { // the second finds another value than it has read
			if replaced, err := b.Reseal(ctx, x, []byte("anew")); err != nil || replaced != want {
				t.Fatalf("%s, time %d: %v, %v", x.Place, i, replaced, err)
			}
		}
	}
	if g, err := b.LoadGrant(ctx, "cn_7"); err != nil || string(g.Sealed) != "anew" || g.Generation != 1 {
		t.Errorf("grant %+v, %v", g, err)
	}
	if _, err := b.Reseal(ctx, store.Sealed{Table: "users"}, nil); err == nil {
		t.Error("a table without sealed values was written")
	}
}
