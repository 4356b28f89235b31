package highlevel

import (
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// DefaultPublicKey is HighLevel's published Ed25519 key for deliveries, SPKI in base64: §7.2. All apps share it, so a
// good signature proves the sender, not that a delivery was meant for us: check Notice.AppID and the account.
const DefaultPublicKey = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg="

// DefaultLegacyKeyPEM is the RSA key of the signatures before: §7.2.
const DefaultLegacyKeyPEM = `-----BEGIN PUBLIC KEY-----
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAokvo/r9tVgcfZ5DysOSC
Frm602qYV0MaAiNnX9O8KxMbiyRKWeL9JpCpVpt4XHIcBOK4u3cLSqJGOLaPuXw6
dO0t6Q/ZVdAV5Phz+ZtzPL16iCGeK9po6D6JHBpbi989mmzMryUnQJezlYJ3DVfB
csedpinheNnyYeFXolrJvcsjDtfAeRx5ByHQmTnSdFUzuAnC9/GepgLT9SM4nCpv
uxmZMxrJt5Rw+VUaQ9B8JSvbMPpez4peKaJPZHBbU3OdeCVx5klVXXZQGNHOs8gF
3kvoV5rTnXV0IknLBXlcKKAQLZcY/Q9rG6Ifi9c+5vqlvHPCUJFT5XUGG5RKgOKU
J062fRtN+rLYZUV+BjafxQauvC8wSWeYja63VSUruvmNj8xkx2zE/Juc+yjLjTXp
IocmaiFeAO6fUtNjDeFVkhf5LNb59vECyrHD2SQIrhgXpO4Q3dVNA5rw576PwTzN
h/AMfHKIjE4xQA1SZuYJmNnmVZLIZBlQAF9Ntd03rfadZ+yDiOXCCs9FkHibELhC
HULgCsnuDJHcrGNd5/Ddm5hxGQ0ASitgHeMZ0kcIOwKDOzOU53lDza6/Y09T7sYJ
PQe7z0cvj7aE4B+Ax1ZoZGPzpJlZtGXCsu9aTEGEnKzmsFqwcSsnw3JB31IGKAyk
T1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==
-----END PUBLIC KEY-----
`

const (
	signatureHeader = "X-GHL-Signature"
	legacyHeader    = "X-Wh-Signature"
)

// WebhookConfig says whose signatures to believe.
type WebhookConfig struct {
	// PublicKeys are SPKI in base64; default DefaultPublicKey. While HighLevel changes its key there are two (§7.2).
	PublicKeys []string
	// AllowLegacy also takes the RSA signature that HighLevel stopped sending in 2026 (§7.2).
	AllowLegacy        bool
	LegacyPublicKeyPEM string // default DefaultLegacyKeyPEM
}

// Webhooks implements provider.Webhooks.
type Webhooks struct {
	keys   []ed25519.PublicKey
	legacy *rsa.PublicKey
}

// NewWebhooks reads the keys; an unusable one is an error at start, not at the first delivery.
func NewWebhooks(cfg WebhookConfig) (*Webhooks, error) {
	if len(cfg.PublicKeys) == 0 {
		cfg.PublicKeys = []string{DefaultPublicKey}
	}
	w := &Webhooks{}
	for _, text := range cfg.PublicKeys {
		der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("HighLevel webhook key is not base64: %w", err)
		}
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, fmt.Errorf("HighLevel webhook key: %w", err)
		}
		key, ok := parsed.(ed25519.PublicKey)
		if !ok {
			return nil, errors.New("HighLevel webhook key is not an Ed25519 key")
		}
		w.keys = append(w.keys, key)
	}
	if !cfg.AllowLegacy {
		return w, nil
	}
	block, _ := pem.Decode([]byte(cmp.Or(cfg.LegacyPublicKeyPEM, DefaultLegacyKeyPEM)))
	if block == nil {
		return nil, errors.New("HighLevel's legacy webhook key is not PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("HighLevel's legacy webhook key: %w", err)
	}
	var ok bool
	if w.legacy, ok = parsed.(*rsa.PublicKey); !ok {
		return nil, errors.New("HighLevel's legacy webhook key is not an RSA key")
	}
	return w, nil
}

// Verify implements provider.Webhooks over the exact bytes received: §7.2. A current signature decides alone; there
// is no falling back to the legacy one when it fails.
func (w *Webhooks) Verify(h http.Header, body []byte) error {
	given, err := signature(h, signatureHeader)
	if err != nil {
		return err
	}
	if given != nil {
		for _, key := range w.keys {
			if ed25519.Verify(key, body, given) {
				return nil
			}
		}
		return untrusted("the signature is not HighLevel's")
	}
	given, err = signature(h, legacyHeader)
	switch {
	case given == nil && err == nil:
		return untrusted("there is no signature")
	case w.legacy == nil:
		return untrusted("there is only a legacy signature, and those are switched off")
	case err != nil:
		return err
	}
	digest := sha256.Sum256(body)
	if rsa.VerifyPKCS1v15(w.legacy, crypto.SHA256, digest[:], given) != nil {
		return untrusted("the legacy signature is not HighLevel's")
	}
	return nil
}

// signature reads a header; nil means there is none. "N/A" has been seen and means the same: §7.2. What is there and
// cannot be read is no signature that fits, and two in one delivery are none of HighLevel's making.
func signature(h http.Header, name string) ([]byte, error) {
	text := ""
	for _, v := range h.Values(name) {
		switch v = strings.TrimSpace(v); {
		case v == "" || strings.EqualFold(v, "N/A"):
		case text != "":
			return nil, untrusted("there are two signatures")
		default:
			text = v
		}
	}
	if text == "" {
		return nil, nil
	}
	given, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(given) == 0 {
		return nil, untrusted("the signature is not base64")
	}
	return given, nil
}

func untrusted(detail string) error {
	return &provider.Error{Provider: ID, Op: "verify delivery", Kind: provider.Unauthorized, Detail: detail}
}

// event is what a delivery's type means to us.
type event struct {
	object record.ObjectType
	change provider.Change
}

// events are those we carry: §7.1. Every other, documented or not, is Ignored. TaskComplete is an edit.
var events = map[string]event{
	"ContactCreate":     {record.Contact, provider.Created},
	"ContactUpdate":     {record.Contact, provider.Updated},
	"ContactTagUpdate":  {record.Contact, provider.Updated},
	"ContactDndUpdate":  {record.Contact, provider.Updated},
	"ContactDelete":     {record.Contact, provider.Deleted},
	"NoteCreate":        {record.Note, provider.Created},
	"NoteUpdate":        {record.Note, provider.Updated},
	"NoteDelete":        {record.Note, provider.Deleted},
	"TaskCreate":        {record.Task, provider.Created},
	"TaskComplete":      {record.Task, provider.Updated},
	"TaskDelete":        {record.Task, provider.Deleted},
	"AppointmentCreate": {record.Appointment, provider.Created},
	"AppointmentUpdate": {record.Appointment, provider.Updated},
	"AppointmentDelete": {record.Appointment, provider.Deleted},
	"UserCreate":        {record.User, provider.Created},
	"UserUpdate":        {record.User, provider.Updated},
	"UserDelete":        {record.User, provider.Deleted},
	"INSTALL":           {"", provider.Installed},
	"UNINSTALL":         {"", provider.Removed},
}

// Keep implements provider.Webhooks: no documented delivery carries a secret (reference/highlevel.md §7.1).
func (w *Webhooks) Keep(body []byte) []byte { return body }

// Read implements provider.Webhooks. It takes nothing from a delivery but what happened to which record: the record
// itself is read afterwards.
func (w *Webhooks) Read(body []byte) (provider.Notice, error) {
	var r raw
	if err := json.Unmarshal(body, &r); err != nil || r == nil {
		return provider.Notice{}, &provider.Error{Provider: ID, Op: "read delivery", Kind: provider.Invalid, Detail: "the delivery is not a JSON object"}
	}
	n := provider.Notice{
		Account: r.text("locationId"), Company: r.text("companyId"), AppID: r.text("appId"), Name: r.text("type"),
		DedupeKey: r.text("webhookId"), OccurredAt: r.time("timestamp"), Change: provider.Ignored,
	}
	if n.DedupeKey == "" {
		sum := sha256.Sum256(body)
		n.DedupeKey = "sha256:" + hex.EncodeToString(sum[:])
	}
	e, ok := events[n.Name]
	if !ok {
		return n, nil
	}
	n.Type, n.Change = e.object, e.change
	if n.Type == "" {
		return n, nil
	}
	if n.Type == record.Appointment {
		r = r.object("appointment") // the one delivery that is not flat (§7.1)
		n.Parent = r.text("contactId")
	}
	n.ID = r.text("id")
	if n.ID == "" {
		return provider.Notice{}, &provider.Error{Provider: ID, Op: "read delivery", Kind: provider.Invalid, Detail: "a " + n.Name + " without an id"}
	}
	if n.Type == record.Note || n.Type == record.Task {
		// A live TaskCreate lacks the contact (§7.1, I#332); then the bare id must do, and Get searches.
		if contact := r.text("contactId"); contact != "" {
			n.ID = joinChild(contact, n.ID)
		}
	}
	if n.OccurredAt.IsZero() && n.Change != provider.Deleted {
		n.OccurredAt = r.time("dateUpdated") // only an appointment's delivery tells it
	}
	if n.OccurredAt.IsZero() && n.Change == provider.Created {
		n.OccurredAt = r.time("dateAdded")
	}
	return n, nil
}
