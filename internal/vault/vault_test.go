package vault_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crosswalk/internal/vault"
)

func key(t testing.TB, fill byte) vault.Key {
	t.Helper()
	k, err := vault.NewKey(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func open(t testing.TB, keys ...vault.Key) *vault.Vault {
	t.Helper()
	v, err := vault.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWhatIsSealedOpensAgainInItsPlaceOnly(t *testing.T) {
	t.Parallel()
	v := open(t, key(t, 1))
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.String().Draw(t, "place")
		sealed, err := v.Seal(plain, place)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Open(sealed, place)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open = %q, %v", got, err)
		}
		if _, err := v.Open(sealed, place+"x"); !errors.Is(err, vault.ErrTampered) {
			t.Fatalf("opened in another place: %v", err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			t.Fatal("the sealed bytes show the secret")
		}
	})
}

func TestNoByteCanBeChanged(t *testing.T) {
	t.Parallel()
	v := open(t, key(t, 1))
	sealed, err := v.Seal([]byte("refresh token"), "connection/cn_1/grant")
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := v.Open(changed, "connection/cn_1/grant"); err == nil {
			t.Errorf("byte %d could be changed", i)
		}
		if _, err := v.Open(sealed[:i], "connection/cn_1/grant"); err == nil {
			t.Errorf("could be cut to %d bytes", i)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	was, is := key(t, 1), key(t, 2)
	sealed, err := open(t, was).Seal([]byte("secret"), "here")
	if err != nil {
		t.Fatal(err)
	}
	both := open(t, is, was)
	if got, err := both.Open(sealed, "here"); err != nil || string(got) != "secret" {
		t.Fatalf("the older key no longer opens: %q, %v", got, err)
	}
	if !both.NeedsReseal(sealed) {
		t.Error("does not ask to be sealed again")
	}
	again, err := both.Seal([]byte("secret"), "here")
	if err != nil {
		t.Fatal(err)
	}
	if both.NeedsReseal(again) {
		t.Error("asks to be sealed again with the newest key")
	}
	if _, err := open(t, was).Open(again, "here"); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("another key: %v", err)
	}
}

func TestTheKeyFileIsMadeOnceAndKeptPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "key")
	first, err := vault.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := vault.LoadOrCreateKey(path)
	if err != nil || second.String() != first.String() {
		t.Fatalf("second load: %v, %v", second, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.LoadOrCreateKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key others can read was taken: %v", err)
	}
}

func TestAKeyIsReadInBothSpellingsAndNeverPrinted(t *testing.T) {
	t.Parallel()
	hexKey := strings.Repeat("01", 32)
	k, err := vault.ParseKey(hexKey)
	if err != nil {
		t.Fatal(err)
	}
	if k.String() != key(t, 1).String() {
		t.Error("hexadecimal was read otherwise")
	}
	for _, bad := range []string{"", "short", strings.Repeat("zz", 32)} {
		if _, err := vault.ParseKey(bad); err == nil {
			t.Errorf("%q was taken for a key", bad)
		}
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(form, k); strings.Contains(s, "010101") || strings.Contains(s, "1, 1, 1") {
			t.Errorf("%s shows the key: %s", form, s)
		}
	}
}

func TestWhatWasSealedBeforeThereWereDataKeysOpensStill(t *testing.T) {
	t.Parallel()
	// Sealed with key 01…01 for "connection/cn_1/grant" by the version before.
	sealed, err := base64.StdEncoding.DecodeString(sealedBefore)
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, key(t, 1))
	if got, err := v.Open(sealed, "connection/cn_1/grant"); err != nil || string(got) != "refresh token" {
		t.Errorf("%q, %v", got, err)
	}
	if !v.NeedsReseal(sealed) || vault.KeyOf(sealed) != v.Newest() {
		t.Error("does not ask to be sealed in an envelope")
	}
}

func TestKeysAreReadNewestFirst(t *testing.T) {
	t.Parallel()
	one, two := strings.Repeat("01", 32), strings.Repeat("02", 32)
	for _, text := range []string{one + "\n" + two + "\n", one + "," + two, "# since March\n" + one + "  # newest\n\n" + two} {
		keys, err := vault.ParseKeys(text)
		if err != nil || len(keys) != 2 || keys[0].String() != key(t, 1).String() || keys[1].String() != key(t, 2).String() {
			t.Errorf("%v, %v", keys, err)
		}
	}
	for _, text := range []string{"", "# none\n", one + "\nshort"} {
		if keys, err := vault.ParseKeys(text); err == nil || strings.Contains(err.Error(), "short") {
			t.Errorf("%q: %v, %v", text, keys, err)
		}
	}
	v := open(t, key(t, 1), key(t, 2))
	sealed, err := open(t, key(t, 2)).Seal(nil, "x")
	if err != nil || vault.KeyOf(sealed) != open(t, key(t, 2)).Newest() || !v.Has(vault.KeyOf(sealed)) || v.Has(open(t, key(t, 3)).Newest()) || v.Has("") || vault.KeyOf([]byte("x")) != "" {
		t.Error("a value does not tell its key")
	}
}

// sealedBefore is a value of version 1.
const sealedBefore = "AXLNboQixAf7aADLbHwonb9/gM/t+N7nsDbUtzzN9bUKE7e+3D2+Xem65wHW8hE3PH4="

func TestAHashIsOfTheNewestKeyAndOfItsUse(t *testing.T) {
	t.Parallel()
	one, two := key(t, 1), key(t, 2)
	hash := func(use, words string, keys ...vault.Key) [32]byte { return open(t, keys...).Hash(use, words) }
	want := hash("tries", "jane@example.com", one)
	if hash("tries", "jane@example.com", one, two) != want {
		t.Error("an older key changes the hash")
	}
	for name, other := range map[string][32]byte{
		"another key":   hash("tries", "jane@example.com", two, one),
		"another use":   hash("other", "jane@example.com", one),
		"another word":  hash("tries", "joe@example.com", one),
		"no key at all": sha256.Sum256([]byte("tries\x00jane@example.com")),
	} {
		if other == want {
			t.Errorf("%s makes the same hash", name)
		}
	}
}
