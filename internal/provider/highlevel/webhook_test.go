package highlevel_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
)

func spki(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestOnlyProvenDeliveriesAreTaken(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"type":"ContactCreate", "id":"1"}`)
	sign := func(b []byte) string { return base64.StdEncoding.EncodeToString(ed25519.Sign(private, b)) }
	digest := sha256.Sum256(body)
	raw, err := rsa.SignPKCS1v15(rand.Reader, old, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	legacy := base64.StdEncoding.EncodeToString(raw)
	cfg := highlevel.WebhookConfig{PublicKeys: []string{base64.StdEncoding.EncodeToString(spki(t, public))}}
	strict, err := highlevel.NewWebhooks(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.AllowLegacy, cfg.LegacyPublicKeyPEM = true, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(t, &old.PublicKey)}))
	lenient, err := highlevel.NewWebhooks(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		current, legacy string
		strict, lenient bool
	}{
		"current":                         {sign(body), "", true, true},
		"both":                            {sign(body), legacy, true, true},
		"legacy only":                     {"", legacy, false, true},
		"N/A counts as absent":            {"N/A", legacy, false, true},
		"N/A alone":                       {"N/A", "n/a", false, false},
		"none":                            {"", "", false, false},
		"no falling back after a failure": {sign([]byte("other")), legacy, false, false},
		"not base64":                      {"***", legacy, false, false},
		"too short":                       {"AAAA", "", false, false},
		"invented HMAC":                   {"sha256=abcdef", "", false, false},
		"bad legacy":                      {"", "AAAA", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			h.Set("X-GHL-Signature", tt.current)
			h.Set("x-wh-signature", tt.legacy)
			for _, c := range []struct {
				hooks *highlevel.Webhooks
				want  bool
			}{{strict, tt.strict}, {lenient, tt.lenient}} {
				err := c.hooks.Verify(h, body)
				if (err == nil) != c.want || err != nil && !provider.IsKind(err, provider.Unauthorized) {
					t.Errorf("error = %v, want accepted %v", err, c.want)
				}
				if c.hooks.Verify(h, append([]byte(" "), body...)) == nil {
					t.Error("another body passes")
				}
			}
		})
	}
}

func TestTwoKeysAreBelievedWhileOneTakesThePlaceOfTheOther(t *testing.T) {
	t.Parallel()
	body := []byte(`{"type":"ContactCreate","id":"1"}`)
	var texts []string
	var signers []ed25519.PrivateKey
	for range 3 {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		texts, signers = append(texts, base64.StdEncoding.EncodeToString(spki(t, public))), append(signers, private)
	}
	w, err := highlevel.NewWebhooks(highlevel.WebhookConfig{PublicKeys: texts[:2]})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, true, false} {
		h := http.Header{"X-Ghl-Signature": {base64.StdEncoding.EncodeToString(ed25519.Sign(signers[i], body))}}
		if err := w.Verify(h, body); (err == nil) != want {
			t.Errorf("key %d: %v, want accepted %v", i, err, want)
		}
	}
}

func TestASignatureHasOneSpelling(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w, err := highlevel.NewWebhooks(highlevel.WebhookConfig{PublicKeys: []string{base64.StdEncoding.EncodeToString(spki(t, public))}})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{}`)
	good := base64.StdEncoding.EncodeToString(ed25519.Sign(private, body))
	loose := good[:85] + string(good[85]+1) + "==" // other trailing bits, the same bytes where a decoder is lenient
	for name, tt := range map[string]struct {
		values []string
		want   bool
	}{
		"one":                   {[]string{good}, true},
		"with blanks around it": {[]string{" " + good + " "}, true},
		"beside an absent one":  {[]string{"N/A", good}, true},
		"twice":                 {[]string{good, good}, false},
		"a good and a bad one":  {[]string{good, "AAAA"}, false},
		"other trailing bits":   {[]string{loose}, false},
		"in the URL's alphabet": {[]string{base64.URLEncoding.EncodeToString(append([]byte{0xff, 0xff}, ed25519.Sign(private, body)[2:]...))}, false},
		"without its padding":   {[]string{strings.TrimRight(good, "=")}, false},
	} {
		if err := w.Verify(http.Header{"X-Ghl-Signature": tt.values}, body); (err == nil) != tt.want {
			t.Errorf("%s: %v, want accepted %v", name, err, tt.want)
		}
	}
}

func TestUnusableWebhookKeysAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []highlevel.WebhookConfig{
		{PublicKeys: []string{"***"}}, {PublicKeys: []string{"AAAA"}}, {PublicKeys: []string{base64.StdEncoding.EncodeToString(spki(t, &key.PublicKey))}},
		{PublicKeys: []string{highlevel.DefaultPublicKey, "AAAA"}},
		{AllowLegacy: true, LegacyPublicKeyPEM: "nonsense"},
	} {
		if _, err := highlevel.NewWebhooks(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
	if _, err := highlevel.NewWebhooks(highlevel.WebhookConfig{AllowLegacy: true}); err != nil {
		t.Errorf("the published keys: %v", err)
	}
}

func hooks(t testing.TB) *highlevel.Webhooks {
	t.Helper()
	w, err := highlevel.NewWebhooks(highlevel.WebhookConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestDeliveriesBecomeNotices(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		body string
		want provider.Notice
	}{
		"contact": {
			`{"type":"ContactUpdate","locationId":"L","id":"C","webhookId":"W","appId":"A","timestamp":"2026-05-01T10:00:00.000Z","tags":null}`,
			provider.Notice{Account: "L", AppID: "A", Type: record.Contact, ID: "C", Change: provider.Updated, Name: "ContactUpdate", DedupeKey: "W", OccurredAt: at},
		},
		"tags": {
			`{"type":"ContactTagUpdate","locationId":"L","id":"C","webhookId":"W"}`,
			provider.Notice{Account: "L", Type: record.Contact, ID: "C", Change: provider.Updated, Name: "ContactTagUpdate", DedupeKey: "W"},
		},
		"note": {
			`{"type":"NoteDelete","locationId":"L","id":"N","contactId":"C","webhookId":"W"}`,
			provider.Notice{Account: "L", Type: record.Note, ID: "C/N", Change: provider.Deleted, Name: "NoteDelete", DedupeKey: "W"},
		},
		"edited note": {
			`{"type":"NoteUpdate","locationId":"L","id":"N","body":"x","contactId":"C","webhookId":"W"}`,
			provider.Notice{Account: "L", Type: record.Note, ID: "C/N", Change: provider.Updated, Name: "NoteUpdate", DedupeKey: "W"},
		},
		"task as documented": {
			`{"type":"TaskCreate","locationId":"L","id":"T","contactId":"C","webhookId":"W"}`,
			provider.Notice{Account: "L", Type: record.Task, ID: "C/T", Change: provider.Created, Name: "TaskCreate", DedupeKey: "W"},
		},
		"finished task": {
			`{"type":"TaskComplete","locationId":"L","id":"T","contactId":"C","webhookId":"W"}`,
			provider.Notice{Account: "L", Type: record.Task, ID: "C/T", Change: provider.Updated, Name: "TaskComplete", DedupeKey: "W"},
		},
		"deleted task": {
			`{"type":"TaskDelete","locationId":"L","id":"T","contactId":"C","webhookId":"W"}`,
			provider.Notice{Account: "L", Type: record.Task, ID: "C/T", Change: provider.Deleted, Name: "TaskDelete", DedupeKey: "W"},
		},
		"live task without its contact": {
			`{"type":"TaskCreate","locationId":"L","id":"T","webhookId":"W","dateAdded":"2026-05-01T10:00:00.000Z"}`,
			provider.Notice{Account: "L", Type: record.Task, ID: "T", Change: provider.Created, Name: "TaskCreate", DedupeKey: "W", OccurredAt: at},
		},
		"install": {
			`{"type":"INSTALL","appId":"A","companyId":"Co","locationId":"L","webhookId":"W"}`,
			provider.Notice{Account: "L", Company: "Co", AppID: "A", Change: provider.Installed, Name: "INSTALL", DedupeKey: "W"},
		},
		"uninstall of a company": {
			`{"type":"UNINSTALL","appId":"A","companyId":"Co","webhookId":"W"}`,
			provider.Notice{Company: "Co", AppID: "A", Change: provider.Removed, Name: "UNINSTALL", DedupeKey: "W"},
		},
		"something new": {
			`{"type":"MoonPhaseUpdate","locationId":"L","webhookId":"W"}`,
			provider.Notice{Account: "L", Change: provider.Ignored, Name: "MoonPhaseUpdate", DedupeKey: "W"},
		},
		"no type at all": {
			`{"locationId":"L","webhookId":"W"}`,
			provider.Notice{Account: "L", Change: provider.Ignored, DedupeKey: "W"},
		},
	} {
		got, err := hooks(t).Read([]byte(tt.body))
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestDeliveriesWithoutAnIDAreTheSameOnlyWhenTheirBytesAre(t *testing.T) {
	t.Parallel()
	key := func(body string) string {
		n, err := hooks(t).Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return n.DedupeKey
	}
	a, b := `{"type":"ContactUpdate","id":"1","city":"a"}`, `{"type":"ContactUpdate","id":"1","city":"b"}`
	first, again, other := key(a), key(a), key(b)
	if first != again || first == other || first == "" {
		t.Errorf("keys %q, %q, %q", first, again, other)
	}
}

func TestMalformedDeliveriesAreInvalid(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "[]", `"x"`, "{", "1", `{"type":"ContactCreate"}`, `{"type":"NoteCreate","id":7e999}`, `{"type":"AppointmentCreate","id":"flat"}`, `{"type":"AppointmentUpdate","appointment":[]}`} {
		if _, err := hooks(t).Read([]byte(body)); !provider.IsKind(err, provider.Invalid) {
			t.Errorf("%s: error = %v", body, err)
		}
	}
}

func TestEveryPublishedExampleIsUnderstood(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(needSpecs(t), "webhook-events", "*.json"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	carried := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Event    string
			Examples []json.RawMessage
		}
		if err := json.Unmarshal(b, &page); err != nil {
			t.Fatal(err)
		}
		for _, example := range page.Examples {
			n, err := hooks(t).Read(example)
			if err != nil || n.DedupeKey == "" {
				t.Errorf("%s: %+v, %v", page.Event, n, err)
			}
			for _, kind := range []string{"Contact", "Note", "Task", "Appointment"} {
				if strings.HasPrefix(page.Event, kind) {
					carried++
					if n.Change == provider.Ignored || n.ID == "" || n.Account == "" {
						t.Errorf("%s is not carried: %+v", page.Event, n)
					}
				}
			}
		}
	}
	if carried < 14 {
		t.Errorf("only %d examples of contacts, notes, tasks and appointments", carried)
	}
}

func FuzzReadTakesAnyDelivery(f *testing.F) {
	for _, s := range []string{`{"type":"ContactCreate","id":"1"}`, `{"type":["x"],"id":{}}`, `{"type":"TaskCreate","id":1,"timestamp":1e99}`, "[", ""} {
		f.Add([]byte(s))
	}
	w := hooks(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := w.Read(body)
		if err != nil && !provider.IsKind(err, provider.Invalid) {
			t.Errorf("error = %v", err)
		}
		if err == nil && (n.DedupeKey == "" || n.Change == "") {
			t.Errorf("notice %+v", n)
		}
	})
}
