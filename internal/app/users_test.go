package app_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/app"
	"crosswalk/internal/people"
	"crosswalk/internal/store"
)

func TestTheOperatorLetsSomebodyInAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"CROSSWALK_DATA=" + dir, "CROSSWALK_PUBLIC_URL=https://crosswalk.example.com"}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(in string, code int, want string, args ...string) string {
		t.Helper()
		var out, err bytes.Buffer
		got := app.Main(t.Context(), append([]string{"users"}, args...), env, app.Streams{Out: &out, Err: &err, In: strings.NewReader(in)})
		if got != code || !strings.Contains(out.String()+err.String(), want) {
			t.Errorf("crosswalk users %v: %d\n%s%s", args, got, &out, &err)
		}
		return out.String()
	}
	run("", 0, "Nobody yet")
	st, err := store.Open(t.Context(), store.Config{SQLitePath: filepath.Join(dir, "crosswalk.db")})
	ok(err)
	defer st.Close()
	now := time.Now().UTC()
	ok(st.CreateFirstUser(t.Context(), people.User{ID: "us_1", Email: "jane@acme.io", PasswordHash: "h", CreatedAt: now}))
	signIn := func() {
		ok(st.BeginSignIn(t.Context(), people.SignIn{ID: "si_1", UserID: "us_1", BeganAt: now, SeenAt: now}))
	}
	signedOut := func(after string) {
		t.Helper()
		if all, err := st.SignIns(t.Context(), "us_1"); err != nil || len(all) != 0 {
			t.Errorf("after %s: %+v, %v", after, all, err)
		}
	}
	signIn()
	run("", 0, "signs in by password, 1 browser(s)")
	run("", 0, `"email":"jane@acme.io"`, "--json")
	run("", 2, "whose password", "reset")
	run("", 2, "two things", "reset", "jane@acme.io", "--stdin", "--totp-off")
	run("", 1, "nobody signs in as", "reset", "joe@acme.io")
	run("", 0, "Nothing to do", "reset", "jane@acme.io", "--totp-off")

	link := strings.TrimSpace(run("", 0, "works once", "reset", "JANE@acme.io"))
	signedOut("a link")
	token, good := strings.CutPrefix(link, "https://crosswalk.example.com/reset/")
	if id, err := st.Reset(t.Context(), token, now); !good || err != nil || id != "us_1" {
		t.Errorf("the link is %q: %q, %v", link, id, err)
	}
	signIn()
	run("short\n", 1, "at least 12", "reset", "jane@acme.io", "--stdin")
	run("a new passphrase\n", 0, "is changed", "reset", "jane@acme.io", "--stdin")
	signedOut("a new password")
	u, err := st.UserByID(t.Context(), "us_1")
	ok(err)
	if is, err := people.Matches(u.PasswordHash, "a new passphrase"); err != nil || !is {
		t.Errorf("%v, %v", is, err)
	}
	ok(st.BeginSecondFactor(t.Context(), "us_1", []byte("sealed"), now.Truncate(time.Microsecond)))
	ok(st.ConfirmSecondFactor(t.Context(), "us_1", now.Truncate(time.Microsecond), 1, nil, ""))
	signIn()
	run("", 0, "by password and code")
	run("", 0, "every browser is signed out", "reset", "jane@acme.io", "--totp-off")
	signedOut("two-step sign-in")
	run("", 0, "signs in by password,")

	all, err := st.MembershipsOf(t.Context(), "us_1")
	ok(err)
	log, err := st.AuditEntries(t.Context(), all[0].Workspace.ID, people.AuditFilter{})
	ok(err)
	want := []struct {
		kind          people.AuditKind
		before, after string
	}{{people.AuditSecondFactor, "on", "off"}, {people.AuditPassword, "", "set by the operator"}, {people.AuditPassword, "", "link"}}
	if len(log) != len(want) {
		t.Fatalf("the log has %+v", log)
	}
	for i, e := range log {
		if e.Kind != want[i].kind || e.Before != want[i].before || !strings.Contains(e.After, want[i].after) || !strings.HasPrefix(e.Actor, "command line") || e.Object != "us_1" || e.Subject != "jane@acme.io" {
			t.Errorf("entry %d is %+v", i, e)
		}
		if strings.Contains(e.Before+e.After+e.Subject, token) || strings.Contains(e.Before+e.After, "passphrase") {
			t.Errorf("entry %d has a secret: %+v", i, e)
		}
	}
}
