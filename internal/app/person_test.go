package app_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
	"crosswalk/internal/vault"
)

func TestAPersonIsGivenOutAndForgottenOnTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"CROSSWALK_DATA=" + dir}
	if code, _, err := command(t, env, "migrate"); code != 0 {
		t.Fatal(err)
	}
	remember(t, filepath.Join(dir, "crosswalk.db"))
	sneeze(t, dir, "ev_hers", `{"type":"Sneezed","who":{"addresses":[{"mail":"Jane@Acme.io"}]}}`)
	sneeze(t, dir, "ev_other", `{"type":"Sneezed","who":{"addresses":[{"mail":"jane@acme.io.example"}]}}`)
	for _, c := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"person"}, 2, "say export or erase"},
		{[]string{"person", "jane@acme.io"}, 2, "say export or erase"},
		{[]string{"person", "erase"}, 2, "say whom"},
		{[]string{"person", "export", "zoe"}, 1, "nothing is known"},
		{[]string{"person", "erase", "jane", "--yes"}, 1, "2 records"},
	} {
		if code, out, err := command(t, env, c.args...); code != c.code || !strings.Contains(err, c.err) {
			t.Errorf("crosswalk %v: %d\n%s%s", c.args, code, out, err)
		}
	}
	code, out, err := command(t, env, "person", "export", "jane@acme.io")
	var file struct {
		Records []struct{ ID string }
		Runs    []struct{ Title string }
		Changes []json.RawMessage
		Agreed  []json.RawMessage
	}
	if e := json.Unmarshal([]byte(out), &file); e != nil || code != 0 || len(file.Records) != 2 || len(file.Runs) != 1 || len(file.Changes) != 1 || len(file.Agreed) != 1 {
		t.Fatalf("%d %v\n%s%s", code, e, out, err)
	}
	if !strings.Contains(out, `\"Jane@Acme.io\"`) || strings.Contains(out, "io.example") {
		t.Errorf("the file has not what names her alone:\n%s", out)
	}
	if !strings.Contains(out, "+14155552671") {
		t.Errorf("the value that was written is not in the file:\n%s", out)
	}
	if code, out, err := command(t, env, "person", "erase", "Jane", "Doe"); code != 0 || !strings.Contains(out, "Nothing was erased") {
		t.Fatalf("%d\n%s%s", code, out, err)
	}
	if code, out, err := command(t, env, "person", "erase", "Jane", "Doe", "--yes"); code != 0 || !strings.Contains(out, "Erased: 1 deliveries, 1 runs, 1 writes") {
		t.Fatalf("%d\n%s%s", code, out, err)
	}
	if code, _, err := command(t, env, "person", "export", "jane@acme.io"); code != 1 || !strings.Contains(err, "nothing is known") {
		t.Errorf("%d, still known: %s", code, err)
	}
	// The id still tells that something happened, and nothing of whom.
	if code, out, err := command(t, env, "why", "h1"); code != 0 || strings.Contains(out, "Jane") || strings.Contains(out, "4155552671") {
		t.Errorf("%d\n%s%s", code, out, err)
	}
}

// sneeze has a delivery arrive of a type nobody knows.
func sneeze(t *testing.T, dir, id, body string) {
	t.Helper()
	st, err := store.Open(t.Context(), store.Config{SQLitePath: filepath.Join(dir, "crosswalk.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	keys, err := vault.LoadOrCreateKeys(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := v.Seal([]byte(body), automation.DeliveryPlace(id))
	if err != nil {
		t.Fatal(err)
	}
	e := automation.Event{ID: id, Kind: automation.Webhook, Ref: record.Ref{Connection: "cn_gl"}, Change: provider.Ignored, Name: "Sneezed", DedupeKey: id, ReceivedAt: time.Now()}
	if _, err := st.Accept(t.Context(), automation.Delivery{Event: e, Body: sealed, Verdict: automation.Unknown}); err != nil {
		t.Fatal(err)
	}
}
