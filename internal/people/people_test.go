package people_test

import (
	"strings"
	"testing"

	"crosswalk/internal/people"
)

func TestAHashMatchesItsPasswordOnly(t *testing.T) {
	t.Parallel()
	hash, err := people.Hash("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(hash, "correct") {
		t.Fatal("the hash shows the password")
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false} {
		got, err := people.Matches(hash, password)
		if err != nil || got != want {
			t.Errorf("Matches(%q) = %v, %v; want %v", password, got, err, want)
		}
	}
}

func TestTheDecoyIsReadableAndMatchesNothing(t *testing.T) {
	t.Parallel()
	if ok, err := people.Matches(people.Decoy, "anything at all"); ok || err != nil {
		t.Fatalf("got %v, %v", ok, err)
	}
}

func TestAnUnknownEmailCostsAsMuchAsAKnownOne(t *testing.T) {
	t.Parallel()
	hash, err := people.Hash("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	cost := func(h string) []string { return strings.Split(h, "$")[:4] }
	if got, want := cost(people.Decoy), cost(hash); strings.Join(got, "$") != strings.Join(want, "$") || len(people.Decoy) != len(hash) {
		t.Errorf("checking against the decoy costs %v, against a hash %v", got, want)
	}
}

func TestAnUnreadableHashIsAnError(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{"", "plain", "$argon2id$v=19$m=1,t=0,p=1$AA$AA", "$argon2id$v=19$m=9999999,t=3,p=1$AAAA$AAAA", "$argon2id$v=19$m=65536,t=3,p=1$!$AAAA"} {
		if ok, err := people.Matches(hash, "x"); ok || err == nil {
			t.Errorf("Matches with hash %q = %v, %v; want an error", hash, ok, err)
		}
	}
}

func TestPasswordsAndEmailsAreCheckedInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, password string
		ok             bool
	}{
		{"short", "elevenchars", false},
		{"long enough", "twelve chars", true},
		{"counted in characters, not bytes", "äöüäöüäöüäö", false},
		{"the email", "jane@example.com", false},
		{"one character", "aaaaaaaaaaaaaa", false},
		{"endless", strings.Repeat("ab", 300), false},
	} {
		if got := people.CheckPassword(c.password, "Jane@example.com"); (got == "") != c.ok {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	for email, ok := range map[string]bool{"jane@example.com": true, "jane": false, "Jane <jane@example.com>": false, "": false} {
		if got := people.CheckEmail(email); (got == "") != ok {
			t.Errorf("%q: %q", email, got)
		}
	}
}
