package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
	"crosswalk/internal/vault"
)

func TestSecretsMoveToANewKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := func(fill string) (string, vault.Key) {
		k, err := vault.NewKey(bytes.Repeat([]byte(fill), 32))
		ok(err)
		return fmt.Sprintf("%x", bytes.Repeat([]byte(fill), 32)), k
	}
	oldText, oldKey := key("o")
	newText, newKey := key("n")
	before, err := vault.New(oldKey)
	ok(err)
	after, err := vault.New(newKey)
	ok(err)
	env := func(settings ...string) []string { return append([]string{"CROSSWALK_DATA=" + dir}, settings...) }
	if code, out, err := command(t, env("CROSSWALK_KEY="+oldText), "secrets", "status"); code != 0 || !strings.Contains(out, "Nothing is sealed yet") {
		t.Fatalf("%d %s%s", code, out, err)
	}
	st, err := store.Open(t.Context(), store.Config{SQLitePath: filepath.Join(dir, "crosswalk.db")})
	ok(err)
	defer st.Close()
	// More than one batch, and one of each kind that there is.
	const many = 230
	for i := range many {
		id := record.ConnectionID(fmt.Sprintf("cn_%d", i))
		sealed, err := before.Seal([]byte(`{"Key":"api-key"}`), fmt.Sprintf("connection/%s/grant", id))
		ok(err)
		ok(st.SaveConnection(t.Context(), connection.Connection{ID: id, Provider: "gleap", State: connection.Active, Auth: connection.ByKey}, sealed))
	}
	now := time.Now().UTC()
	ok(st.CreateFirstUser(t.Context(), people.User{ID: "us_1", Email: "jane@acme.io", PasswordHash: "h", CreatedAt: now}))
	totp, err := before.Seal([]byte("SECRET"), people.SecretPlace("us_1"))
	ok(err)
	ok(st.BeginSecondFactor(t.Context(), "us_1", totp, now))
	flow := connection.Flow{Store: st, Vault: before, Now: time.Now}
	_, _, err = flow.Begin(t.Context(), connection.Intent{ClientSecret: "client-secret"})
	ok(err)

	type report struct {
		Newest             string
		Resealed, Unopened int
		Keys               []struct {
			Key   string
			Known bool
			Count int
		}
	}
	run := func(code int, complaint string, settings []string, words ...string) (r report) {
		t.Helper()
		got, out, err := command(t, env(settings...), append([]string{"secrets"}, words...)...)
		if got != code || !strings.Contains(err, complaint) {
			t.Errorf("crosswalk secrets %v: %d\n%s%s", words, got, out, err)
		}
		for _, secret := range []string{oldText, newText, "api-key", "SECRET", "client-secret"} {
			if strings.Contains(out+err, secret) {
				t.Errorf("crosswalk secrets %v shows %q", words, secret)
			}
		}
		if strings.HasPrefix(out, "{") {
			if e := json.Unmarshal([]byte(out), &r); e != nil {
				t.Error(e)
			}
		}
		return r
	}
	both := []string{"CROSSWALK_KEY=" + newText, "CROSSWALK_OLD_KEYS=" + oldText}
	run(2, "say status or rotate", both)
	run(2, "say status or rotate", both, "melt")
	// Without the old key nothing opens, and nothing is touched.
	if r := run(1, "open with none of the keys", []string{"CROSSWALK_KEY=" + newText}, "rotate", "--json"); r.Resealed != 0 || r.Unopened != many+2 {
		t.Errorf("without the old key: %+v", r)
	}
	// While the server seals with the old key, the new one would lock it out.
	ok(st.PutSetting(t.Context(), "vault/newest", []byte(before.Newest())))
	run(1, "restart every server", both, "rotate")
	ok(st.PutSetting(t.Context(), "vault/newest", []byte(after.Newest())))
	if r := run(0, "", both, "rotate", "--json"); r.Resealed != many+2 || r.Unopened != 0 || r.Newest != after.Newest() || len(r.Keys) != 3 {
		t.Errorf("rotated: %+v", r)
	}
	if r := run(0, "", both, "rotate", "--json"); r.Resealed != 0 {
		t.Errorf("rotated again: %+v", r)
	}
	all, err := st.MembershipsOf(t.Context(), "us_1")
	ok(err)
	log, err := st.AuditEntries(t.Context(), all[0].Workspace.ID, people.AuditFilter{Kind: people.AuditSecrets})
	ok(err)
	if len(log) != 6 { // the one without the old key, the one that did it, and the one that had nothing left to do
		t.Fatalf("the log has %+v", log)
	}
	if did := log[2]; !strings.Contains(did.Before, fmt.Sprintf("%d by key %s", many+2, before.Newest())) || did.After != fmt.Sprintf("%d sealed anew with key %s", many+2, after.Newest()) || !strings.HasPrefix(did.Actor, "command line") {
		t.Errorf("the entry is %+v", did)
	}
	for _, e := range log {
		for _, secret := range []string{oldText, newText, "api-key", "SECRET", "client-secret"} {
			if strings.Contains(e.Subject+e.Object+e.Before+e.After, secret) {
				t.Errorf("the log shows %q", secret)
			}
		}
	}
	// The old key can go.
	if r := run(0, "", []string{"CROSSWALK_KEY=" + newText}, "status", "--json"); r.Unopened != 0 {
		t.Errorf("without the old key: %+v", r)
	}
	grant, err := connection.Grants{Store: st, Vault: after}.Load(t.Context(), connection.Holder{ID: "cn_7"})
	if err != nil || grant.Key != "api-key" || grant.Generation != 1 {
		t.Errorf("the credential is %v, generation %d, %v", grant.Key == "api-key", grant.Generation, err)
	}
	run(0, "", both, "status")
	// A value that was renewed while it was sealed anew stays.
	var one store.Sealed
	ok(st.EachSealed(t.Context(), func(x store.Sealed) error { one = x; return nil }))
	renewed, err := after.Seal([]byte("NEWER"), one.Place)
	ok(err)
	if replaced, err := st.Reseal(t.Context(), one, renewed); err != nil || !replaced {
		t.Errorf("%v, %v", replaced, err)
	}
	if replaced, err := st.Reseal(t.Context(), one, totp); err != nil || replaced {
		t.Errorf("an older value came back: %v, %v", replaced, err)
	}
}
