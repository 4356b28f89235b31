package gleap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Webhooks reads Gleap's deliveries. They carry no signature (reference/gleap.md §12), so their sender is proven only
// by the secret in the address they are posted to, and a delivery is never more than a hint to read the ticket.
type Webhooks struct{}

var _ provider.Webhooks = (*Webhooks)(nil)

// NewWebhooks makes a reader.
func NewWebhooks() *Webhooks { return &Webhooks{} }

// Verify always succeeds: there is nothing in a delivery to verify. The server must have matched the secret of the
// address before it calls; without that check anybody could make us read tickets.
func (*Webhooks) Verify(http.Header, []byte) error { return nil }

// Read understands the three known bodies: {event, projectId, data: ticket}, the ticket flat beside event and
// projectId, and the older {integrationAction, data: ticket}.
func (*Webhooks) Read(body []byte) (provider.Notice, error) {
	var top document
	if err := json.Unmarshal(body, &top); err != nil || top == nil {
		return provider.Notice{}, malformed("the body is not a JSON object")
	}
	name := firstOf(top.text("event"), legacyEvent(top.text("integrationAction")))
	if name == "" {
		return provider.Notice{}, malformed("the body names no event")
	}
	data := top
	if inner, ok := top["data"].(map[string]any); ok {
		data = inner
	}
	n := provider.Notice{
		Account: firstOf(top.text("projectId"), idOf(top["project"]), data.text("projectId"), idOf(data["project"])),
		Name:    name, Change: provider.Ignored,
		OccurredAt: latest(data.time("updatedAt"), data.time("createdAt")),
	}
	n.DedupeKey = dedupeKey(n.Account, name, data.id(), n.OccurredAt, body)
	subject, change, _ := strings.Cut(name, ".")
	if subject != string(record.Ticket) {
		return n, nil
	}
	switch change {
	case "created":
		n.Change = provider.Created
	case "updated":
		n.Change = provider.Updated
	case "deleted": // never seen; the record is read again in any case
		n.Change = provider.Deleted
	default:
		return n, nil
	}
	n.Type, n.ID = record.Ticket, data.id()
	if n.ID == "" {
		return provider.Notice{}, malformed("the body names no ticket")
	}
	return n, nil
}

// secretKeys are what a ticket in a delivery may carry and nobody but Gleap needs (reference/gleap.md §7, §8, §12).
var secretKeys = []string{"secretShareToken", "gleapHash"}

// Keep takes the secrets out, however deep they lie. A body that cannot be read is not kept at all.
func (*Webhooks) Keep(body []byte) []byte {
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber() // ids and amounts stay as they were written
	var top any
	if err := in.Decode(&top); err != nil {
		return nil
	}
	withoutSecrets(top)
	kept, err := json.Marshal(top)
	if err != nil {
		return nil
	}
	return kept
}

func withoutSecrets(v any) {
	switch x := v.(type) {
	case map[string]any:
		for _, key := range secretKeys {
			delete(x, key)
		}
		for _, inner := range x {
			withoutSecrets(inner)
		}
	case []any:
		for _, inner := range x {
			withoutSecrets(inner)
		}
	}
}

// legacyEvent names the older hook's actions as the newer one does. Only CREATE has been seen.
func legacyEvent(action string) string {
	switch strings.ToUpper(action) {
	case "":
		return ""
	case "CREATE":
		return "ticket.created"
	case "UPDATE":
		return "ticket.updated"
	case "DELETE":
		return "ticket.deleted"
	}
	return strings.ToLower(action)
}

// dedupeKey is ticket, event, time of change and content, as Gleap sends no delivery id and no time of sending (§12).
// Only the very same body is the same delivery: whether every change moves the time is not documented, and a hint too
// many does no harm, while one too few is a change nobody sees.
func dedupeKey(account, name, id string, at time.Time, body []byte) string {
	sum := sha256.Sum256(body)
	return strings.Join([]string{account, name, id, stamp(at), hex.EncodeToString(sum[:16])}, "/")
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func malformed(detail string) *provider.Error {
	return &provider.Error{Provider: ID, Op: "read webhook", Kind: provider.Invalid, Detail: detail}
}
