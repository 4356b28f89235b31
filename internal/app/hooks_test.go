package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crosswalk/internal/config"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

// hookHouse is the whole house with one connection of each provider, jobs not worked off.
func hookHouse(t *testing.T) (*house, ed25519.PrivateKey, string) {
	t.Helper()
	return hookHouseWith(t, slog.New(slog.DiscardHandler))
}

func hookHouseWith(t *testing.T, log *slog.Logger) (*house, ed25519.PrivateKey, string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load([]string{
		"CROSSWALK_DATA=" + t.TempDir(), "CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY=" + base64.StdEncoding.EncodeToString(spki),
		"CROSSWALK_HIGHLEVEL_CLIENT_ID=ourapp-1", "CROSSWALK_HIGHLEVEL_CLIENT_SECRET=x",
	}, config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := build(t.Context(), cfg, roles{serve: true}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.server.Close(); _ = h.close() })
	const secret = "an-unguessable-hook-secret-of-the-test"
	for _, c := range []connection.Connection{
		{ID: "cn_hl", Provider: "highlevel", Account: provider.Account{ID: "ve9EPM428h8vShlRW1KT"}, State: connection.Active, Auth: connection.ByKey, HookSecret: "unused-unused-unused"},
		{ID: "cn_gl", Provider: "gleap", Account: provider.Account{ID: "p1"}, State: connection.Active, Auth: connection.ByKey, HookSecret: secret},
	} {
		if err := h.store.SaveConnection(t.Context(), c, []byte("sealed")); err != nil {
			t.Fatal(err)
		}
	}
	return h, key, secret
}

func send(h *house, path string, body []byte, header http.Header) (int, string) {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	b, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(b)
}

func signed(key ed25519.PrivateKey, body []byte) http.Header {
	return http.Header{http.CanonicalHeaderKey("X-GHL-Signature"): {base64.StdEncoding.EncodeToString(ed25519.Sign(key, body))}}
}

func (h *house) unrouted(t *testing.T) int {
	t.Helper()
	events, err := h.store.UnroutedEvents(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}

func TestASignedDeliveryIsStoredOnceBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	h, key, _ := hookHouse(t)
	ours := []byte(`{"type":"ContactUpdate","locationId":"ve9EPM428h8vShlRW1KT","id":"c1","webhookId":"w1","appId":"ourapp"}`)
	_, foreignKey, _ := ed25519.GenerateKey(rand.Reader)
	for _, c := range []struct {
		name   string
		body   []byte
		header http.Header
		want   int
		stored int
	}{
		{"signed", ours, signed(key, ours), 200, 1},
		{"again", ours, signed(key, ours), 200, 1},
		{"not signed", ours, nil, 401, 1},
		{"signed by another", ours, signed(foreignKey, ours), 401, 1},
		{"changed on the way", append(bytes.Clone(ours), ' '), signed(key, ours), 401, 1},
		{"not JSON", []byte("{"), signed(key, []byte("{")), 400, 1},
		{"not text", []byte("\xff\xfe"), signed(key, []byte("\xff\xfe")), 400, 1},
	} {
		status, body := send(h, "/hooks/highlevel", c.body, c.header)
		if status != c.want {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
		if n := h.unrouted(t); n != c.stored {
			t.Errorf("%s: %d events are stored, want %d", c.name, n, c.stored)
		}
	}
	for name, body := range map[string]string{
		"another location": `{"type":"ContactUpdate","locationId":"elsewhere","id":"c1","webhookId":"w2"}`,
		"another app":      `{"type":"ContactUpdate","locationId":"ve9EPM428h8vShlRW1KT","id":"c1","webhookId":"w3","appId":"theirs"}`,
	} {
		if status, answer := send(h, "/hooks/highlevel", []byte(body), signed(key, []byte(body))); status != 403 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	huge := bytes.Repeat([]byte("x"), 1<<20+1)
	if status, _ := send(h, "/hooks/highlevel", huge, signed(key, huge)); status != 413 {
		t.Errorf("more than 1 MiB: %d", status)
	}
	if status, _ := send(h, "/setup", bytes.Repeat([]byte("x"), 10<<20), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}); status != 413 {
		t.Errorf("a form of 10 MB: %d", status)
	}
}

func TestWhenNothingCanBeStoredTheSenderIsAskedToComeAgain(t *testing.T) {
	t.Parallel()
	h, key, _ := hookHouse(t)
	body := []byte(`{"type":"ContactUpdate","locationId":"ve9EPM428h8vShlRW1KT","id":"c1","webhookId":"w1"}`)
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	if status, answer := send(h, "/hooks/highlevel", body, signed(key, body)); status != 429 {
		t.Errorf("%d %s", status, answer)
	}
}

func TestAGleapDeliveryIsProvenByItsAddress(t *testing.T) {
	t.Parallel()
	h, _, secret := hookHouse(t)
	norm := `{"event":"ticket.updated","projectId":"p1","data":{"id":"65f01c2379710744eed022e1","updatedAt":"2026-11-23T10:00:00.000Z","secretShareToken":"hush","session":{"id":"1","gleapHash":"hush"},"bugId":12345678901234567}}`
	for name, c := range map[string]struct {
		path, body string
		want       int
	}{
		"right":           {"/hooks/gleap/" + secret, norm, 200},
		"wrong secret":    {"/hooks/gleap/" + strings.Repeat("x", len(secret)), norm, 401},
		"short secret":    {"/hooks/gleap/x", norm, 401},
		"another project": {"/hooks/gleap/" + secret, strings.Replace(norm, `"p1"`, `"p2"`, 1), 403},
		"not JSON":        {"/hooks/gleap/" + secret, "hello", 400},
	} {
		if status, answer := send(h, c.path, []byte(c.body), nil); status != c.want {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	events, err := h.store.UnroutedEvents(t.Context(), 10)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events are stored, %v", len(events), err)
	}
	d, err := h.store.Delivery(t.Context(), events[0].ID)
	if err != nil || bytes.Contains(d.Body, []byte("ticket.updated")) {
		t.Errorf("kept in the clear: %s, %v", d.Body, err)
	}
	keys, err := openVault(h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	body, err := keys.Open(d.Body, "delivery/"+d.Event.ID)
	if err != nil || !bytes.Contains(body, []byte("12345678901234567")) || bytes.Contains(body, []byte("hush")) {
		t.Errorf("kept %s, %v", body, err)
	}
}

// specs finds the vendors' machine-readable descriptions.
func specs(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CROSSWALK_SPECS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "specs")
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the specs are not there, and CI skips nothing")
		}
		t.Skip("the vendors' specs are not there: set CROSSWALK_SPECS")
	}
	return dir
}

func TestOfficialExamplesGoThroughIngressAsTheyAre(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(specs(t), "highlevel", "webhook-events", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	h, key, _ := hookHouse(t)
	stored := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Examples []json.RawMessage }
		if err := json.Unmarshal(b, &page); err != nil {
			t.Fatal(err)
		}
		for i, example := range page.Examples {
			status, answer := send(h, "/hooks/highlevel", example, signed(key, example))
			// Examples of another location are refused as such; everything else is taken.
			var said struct{ LocationID string }
			_ = json.Unmarshal(example, &said)
			name := fmt.Sprintf("%s %d", filepath.Base(file), i)
			switch {
			case status == 200 && strings.Contains(answer, "stored"):
				stored++
			case status == 200 || status == 202:
			case status == 403 && said.LocationID != "ve9EPM428h8vShlRW1KT":
			default:
				t.Errorf("%s: %d %s", name, status, answer)
			}
		}
	}
	if stored == 0 {
		t.Error("not one example was stored")
	}
}
