package vault_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/vault"
)

func TestTheErrorSaysWhichOfTheTwoItIs(t *testing.T) {
	t.Parallel()
	v := open(t, key(t, 1))
	sealed, err := v.Seal([]byte("refresh token"), "connection/cn_1/grant")
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 0x80
		return b
	}
	for name, tt := range map[string]struct {
		sealed []byte
		place  string
		want   error
	}{
		"version":         {flip(0), "connection/cn_1/grant", vault.ErrTampered},
		"key id":          {flip(1), "connection/cn_1/grant", vault.ErrWrongKey},
		"nonce":           {flip(9), "connection/cn_1/grant", vault.ErrTampered},
		"ciphertext":      {flip(21), "connection/cn_1/grant", vault.ErrTampered},
		"tag":             {flip(len(sealed) - 1), "connection/cn_1/grant", vault.ErrTampered},
		"cut":             {sealed[:len(sealed)-1], "connection/cn_1/grant", vault.ErrTampered},
		"longer":          {append(bytes.Clone(sealed), 0), "connection/cn_1/grant", vault.ErrTampered},
		"nothing":         {nil, "connection/cn_1/grant", vault.ErrTampered},
		"another's place": {sealed, "connection/cn_2/grant", vault.ErrTampered},
	} {
		if got, err := v.Open(tt.sealed, tt.place); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: Open = %q, %v; want %v", name, got, err, tt.want)
		}
	}
}

func TestTheKeyIDIsAuthenticatedToo(t *testing.T) {
	t.Parallel()
	first, second := key(t, 1), key(t, 2)
	v := open(t, first, second)
	a, errA := v.Seal([]byte("secret"), "here")
	b, errB := open(t, second).Seal([]byte("secret"), "here")
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	swapped := append(bytes.Clone(b[:9]), a[9:]...)
	if _, err := v.Open(swapped, "here"); !errors.Is(err, vault.ErrTampered) {
		t.Errorf("opened under the id of another key we hold: %v", err)
	}
}

func TestTheSameSecretNeverLooksTheSame(t *testing.T) {
	t.Parallel()
	v := open(t, key(t, 1))
	seen := map[string]bool{}
	for range 100 {
		sealed, err := v.Seal([]byte("secret"), "here")
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(sealed)] {
			t.Fatal("a nonce was used twice")
		}
		seen[string(sealed)] = true
	}
}

func TestForeignBytesNeverOpenNorPanic(t *testing.T) {
	t.Parallel()
	v := open(t, key(t, 1))
	rapid.Check(t, func(t *rapid.T) {
		foreign := rapid.SliceOf(rapid.Byte()).Draw(t, "foreign")
		if _, err := v.Open(foreign, "here"); err == nil {
			t.Fatal("opened")
		}
		if !v.NeedsReseal(foreign) {
			t.Fatal("passes for sealed with the newest key")
		}
	})
}

func TestAVaultNeedsRealKeys(t *testing.T) {
	t.Parallel()
	if _, err := vault.New(); err == nil {
		t.Error("made without a key")
	}
	if _, err := vault.New(key(t, 1), vault.Key{}); !errors.Is(err, vault.ErrKeyFormat) {
		t.Errorf("made with an empty key: %v", err)
	}
	if _, err := vault.NewKey(make([]byte, 16)); !errors.Is(err, vault.ErrKeyFormat) {
		t.Errorf("16 bytes were taken for a key: %v", err)
	}
}

func TestAKeyIsItsOwnCopy(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{1}, 32)
	k, err := vault.NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	clear(raw)
	sealed, err := open(t, k).Seal([]byte("secret"), "here")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, key(t, 1)).Open(sealed, "here"); err != nil {
		t.Errorf("the caller's slice changed the key: %v", err)
	}
}

func TestEverySpellingOfAKeyIsTheSameKey(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		want, err := vault.NewKey(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{
			fmt.Sprintf("%x", raw), fmt.Sprintf("%X\r\n", raw),
			base64.StdEncoding.EncodeToString(raw) + "\n", base64.RawStdEncoding.EncodeToString(raw),
			" " + base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
		} {
			if got, err := vault.ParseKey(s); err != nil || got.ID != want.ID {
				t.Fatalf("ParseKey(%q) = %v, %v; want %v", s, got, err, want)
			}
		}
	})
}

func TestNeitherKeyNorVaultIsPrintedUnderAnyVerb(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	k, err := vault.NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, k)
	nested := struct{ K vault.Key }{k}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t"} {
		if got := fmt.Sprintf(verb, k); got != "key "+k.ID {
			t.Errorf("%s of a key: %s", verb, got)
		}
		if got := fmt.Sprintf(verb, nested); !strings.Contains(got, "key "+k.ID) || len(got) > 60 {
			t.Errorf("%s of a struct with a key: %s", verb, got)
		}
		if got := fmt.Sprintf(verb, v); got != "vault with 1 key(s)" {
			t.Errorf("%s of a vault: %s", verb, got)
		}
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "key", k)
	if !strings.Contains(log.String(), `"key":"key `+k.ID+`"`) {
		t.Errorf("logged as %s", log.String())
	}
}

func TestABadKeyFileIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"empty":            {"", 0o600, "is empty"},
		"no key":           {"hunter2-hunter2\n", 0o600, "holds no key"},
		"read by a group":  {strings.Repeat("01", 32), 0o640, "chmod 600"},
		"read by everyone": {strings.Repeat("01", 32), 0o604, "chmod 600"},
		"changed by group": {strings.Repeat("01", 32), 0o620, "chmod 600"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := errors.Join(os.WriteFile(path, []byte(tt.text), 0o600), os.Chmod(path, tt.mode)); err != nil {
			t.Fatal(err)
		}
		_, err := vault.LoadOrCreateKey(path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && tt.text != "" && strings.Contains(err.Error(), strings.TrimSpace(tt.text)) {
			t.Errorf("%s: the error tells the file's content: %v", name, err)
		}
		after, err := os.ReadFile(path)
		if err != nil || string(after) != tt.text {
			t.Errorf("%s: the file was touched: %q, %v", name, after, err)
		}
	}
}

func TestAFolderIsNoKeyFile(t *testing.T) {
	t.Parallel()
	if _, err := vault.LoadOrCreateKey(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("got %v", err)
	}
}

func TestProcessesThatStartTogetherAgreeOnOneKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	ids, errs := make([]string, 16), make([]error, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			k, err := vault.LoadOrCreateKey(path)
			ids[i], errs[i] = k.ID, err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("different keys: %v", ids)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"key"}, names); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}
