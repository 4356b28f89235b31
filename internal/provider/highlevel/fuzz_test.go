package highlevel_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
)

// FuzzOnlyTheWholeGenuineDeliveryIsProven signs a body and changes something on the way.
func FuzzOnlyTheWholeGenuineDeliveryIsProven(f *testing.F) {
	f.Add([]byte(`{"type":"ContactCreate"}`), "", uint16(0), byte(0))
	f.Add([]byte(`{"type":"ContactCreate"}`), "N/A", uint16(3), byte(1))
	f.Add([]byte{}, "sha256=00", uint16(600), byte(128))
	f.Fuzz(func(t *testing.T, body []byte, other string, at uint16, flip byte) {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
		w, err := highlevel.NewWebhooks(highlevel.WebhookConfig{PublicKeys: []string{
			highlevel.DefaultPublicKey, base64.StdEncoding.EncodeToString(spki(t, key.Public())),
		}})
		if err != nil {
			t.Fatal(err)
		}
		sig := ed25519.Sign(key, body)
		sent := append(bytes.Clone(sig), body...)
		sent[int(at)%len(sent)] ^= flip
		h := http.Header{"X-Ghl-Signature": {base64.StdEncoding.EncodeToString(sent[:len(sig)])}}
		if err := w.Verify(h, sent[len(sig):]); (err == nil) != (flip == 0) {
			t.Fatalf("flipped %08b: %v", flip, err)
		} else if err != nil && !provider.IsKind(err, provider.Unauthorized) {
			t.Fatalf("%v is not unauthorized", err)
		}
		if w.Verify(http.Header{"X-Ghl-Signature": {other}, "X-Wh-Signature": {other}}, body) == nil {
			t.Fatalf("%q proves the body", other)
		}
	})
}

type answering func(*http.Request) string

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(a(r))), Request: r}, nil
}

// FuzzASearchStaysInItsPlace: whatever is looked for, and from whatever cursor, the request asks for contacts of the one
// location, in bounds, in the only forms that are documented (reference/highlevel.md §4.3).
func FuzzASearchStaysInItsPlace(f *testing.F) {
	f.Add("jane", "", int64(0), 20)
	f.Add(strings.Repeat("ü", 100), "eyJzIjoiZGF0ZUFkZGVkIiwiYSI6WzEsIngiXX0", int64(0), 0)
	f.Add("\",\"locationId\":\"other\"", "eyJzIjoiZGF0ZVVwZGF0ZWQiLCJhIjpbXX0", int64(1_772_000_000), -5)
	f.Add("\xff\x00", "eyJzIjoiZGF0ZUFkZGVkIiwiYSI6eyJsb2NhdGlvbklkIjoieCJ9fQ", int64(-1), 100_000)
	f.Fuzz(func(t *testing.T, search, cursor string, since int64, size int) {
		searches := 0
		client := highlevel.New(highlevel.Config{
			Connection: "cn_1", LocationID: "our-place", BaseURL: "https://api.example.com",
			Token: func(context.Context) (string, error) { return "token", nil },
			Transport: answering(func(r *http.Request) string {
				if r.URL.Path != "/contacts/search" {
					return `{"customFields":[]}`
				}
				searches++
				b, err := io.ReadAll(r.Body)
				var body struct {
					LocationID  string            `json:"locationId"`
					PageLimit   int               `json:"pageLimit"`
					Query       string            `json:"query"`
					Sort        []json.RawMessage `json:"sort"`
					SearchAfter []json.RawMessage `json:"searchAfter"`
				}
				in := json.NewDecoder(bytes.NewReader(b))
				in.DisallowUnknownFields()
				if err != nil || in.Decode(&body) != nil || in.More() {
					t.Fatalf("%v: %s", err, b)
				}
				if body.LocationID != "our-place" || body.PageLimit < 1 || body.PageLimit > 500 || utf8.RuneCountInString(body.Query) > 75 || len(body.Sort) != 1 || r.URL.RawQuery != "" {
					t.Fatalf("asked %s", b)
				}
				return `{"contacts":[],"total":0}`
			}),
		})
		q := provider.Query{Type: record.Contact, Search: search, Cursor: cursor, PageSize: size}
		if since > 0 {
			q.ChangedSince = time.Unix(since%253_402_300_800, 0)
		}
		for _, err := range client.List(t.Context(), q) {
			if err != nil && !provider.IsKind(err, provider.Invalid) {
				t.Fatal(err)
			}
		}
		if searches > 1 {
			t.Fatalf("%d searches for an empty answer", searches)
		}
	})
}
