package highlevel

import (
	"net/http"
	"slices"
	"time"
)

// Faults are the ways in which a twin misbehaves on demand. Counts go down as
// they are used.
type Faults struct {
	LatencyMs           int      `json:"latencyMs"`
	Next429             int      `json:"next429"`
	Next5xx             int      `json:"next5xx"`
	Rate5xx             float64  `json:"rate5xx"`          // share of calls, 0 to 1
	DropAfterCommit     int      `json:"dropAfterCommit"`  // writes committed, then no answer
	RevokeTokens        bool     `json:"revokeTokens"`     // all OAuth tokens issued before
	RevokeAccess        bool     `json:"revokeAccess"`     // only the access tokens among them
	RenewalsLost        int      `json:"renewalsLost"`     // refresh tokens spent, then no answer
	LocationInactive    bool     `json:"locationInactive"` // no tokens for a while, with the words of §2.3
	Reconnect           bool     `json:"reconnect"`        // /oauth/reconnect works; some say it is gone
	WebhooksLost        int      `json:"webhooksLost"`
	WebhooksDoubled     int      `json:"webhooksDoubled"`
	WebhookDelayMs      int      `json:"webhookDelayMs"`
	SearchLagMs         int      `json:"searchLagMs"`
	MissingScopes       []string `json:"missingScopes"`
	Create422ButCommits int      `json:"create422ButCommits"` // §4.2, I#64
	CustomFilters       string   `json:"customFilters"`       // "refused" or "unheeded": their spelling is unconfirmed, §4.3
}

// SetFaults replaces all faults. Tokens issued after a revocation was switched
// on are good: a person who connects again is connected.
func (t *Twin) SetFaults(f Faults) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.MissingScopes = slices.Clone(f.MissingScopes)
	if f.RevokeTokens && !t.faults.RevokeTokens {
		t.db.revokeAll()
	}
	if f.RevokeAccess && !t.faults.RevokeAccess {
		t.db.revokeAccess()
	}
	t.faults = f
	t.changed()
}

// Faults returns the faults with what is left of their counts.
func (t *Twin) Faults() Faults {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.faults
	f.MissingScopes = slices.Clone(f.MissingScopes)
	return f
}

func (t *Twin) delay() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Duration(t.faults.LatencyMs) * time.Millisecond
}

// outage answers instead of the API where a 5xx fault says so.
func (t *Twin) outage() (answer, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.faults.Next5xx > 0:
		t.faults.Next5xx--
	case t.faults.Rate5xx > 0 && t.dice.Float64() < t.faults.Rate5xx:
	default:
		return answer{}, false
	}
	return answer{http.StatusServiceUnavailable, object{
		"statusCode": http.StatusServiceUnavailable, "message": "Service Unavailable",
	}}, true
}

// lostRenewal reports that the answer to a renewal that was done is not to arrive.
func (t *Twin) lostRenewal() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.faults.RenewalsLost == 0 {
		return false
	}
	t.faults.RenewalsLost--
	return true
}

func (t *Twin) fault429() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.faults.Next429 == 0 {
		return false
	}
	t.faults.Next429--
	return true
}
