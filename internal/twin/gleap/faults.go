package gleap

import (
	"net/http"
	"time"
)

// Faults are the ways in which a twin misbehaves on demand. Counts go down as
// they are used.
type Faults struct {
	LatencyMs             int     `json:"latencyMs"`
	Next429               int     `json:"next429"`
	Next5xx               int     `json:"next5xx"`
	Rate5xx               float64 `json:"rate5xx"`         // share of calls, 0 to 1
	DropAfterCommit       int     `json:"dropAfterCommit"` // writes committed, then no answer
	RevokeTokens          bool    `json:"revokeTokens"`    // the API key while on; all OAuth tokens issued before
	RevokeAccess          bool    `json:"revokeAccess"`    // only the OAuth access tokens issued before
	WebhooksLost          int     `json:"webhooksLost"`
	WebhooksDoubled       int     `json:"webhooksDoubled"`
	WebhookDelayMs        int     `json:"webhookDelayMs"`
	Next409               int     `json:"next409"`               // the leaked database timeout: §6
	EmptyList             int     `json:"emptyList"`             // lists of sessions or tickets answered []
	IgnoreUpdatedAtFilter bool    `json:"ignoreUpdatedAtFilter"` // §15.3, §19.1
}

// SetFaults replaces all faults. OAuth tokens issued after a revocation was
// switched on are good: a person who connects again is connected.
func (t *Twin) SetFaults(f Faults) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.RevokeTokens && !t.faults.RevokeTokens {
		clear(t.db.access)
		clear(t.db.refresh)
	}
	if f.RevokeAccess && !t.faults.RevokeAccess {
		clear(t.db.access)
	}
	t.faults = f
	t.changed()
}

// Faults returns the faults with what is left of their counts.
func (t *Twin) Faults() Faults {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.faults
}

func (t *Twin) delay() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Duration(t.faults.LatencyMs) * time.Millisecond
}

// spend uses up one of a fault's count.
func spend(count *int) bool {
	if *count <= 0 {
		return false
	}
	*count--
	return true
}

// outage answers instead of the API where a 5xx fault says so.
func (t *Twin) outage() (answer, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if spend(&t.faults.Next5xx) || t.faults.Rate5xx > 0 && t.dice.Float64() < t.faults.Rate5xx {
		return plain(http.StatusServiceUnavailable, "Service Unavailable"), true
	}
	return answer{}, false
}

// timeout is a database timeout that leaks out as a conflict: §6. Nothing has
// been written when it appears.
func timeout() answer {
	return answer{status: http.StatusConflict, body: object{"codeName": "MaxTimeMSExpired"}}
}
