package connection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Sealer keeps secrets at rest; vault.Vault is one. aad binds the sealed bytes to where they belong.
type Sealer interface {
	Seal(plain []byte, aad string) ([]byte, error)
	Open(sealed []byte, aad string) ([]byte, error)
}

// Grants is the typed, unsealed view of the store's grants.
type Grants struct {
	Store Store
	Vault Sealer
}

// errSealed is a grant that is there and cannot be opened.
var errSealed = errors.New("open grant")

// kindOfLoss says what a grant that could not be read means: a person must reconnect when it is gone or cannot
// be opened. A database that does not answer right now passes.
func kindOfLoss(err error) provider.Kind {
	if errors.Is(err, ErrNotFound) || errors.Is(err, errSealed) {
		return provider.Revoked
	}
	return provider.Unavailable
}

func grantPlace(id record.ConnectionID) string { return "connection/" + string(id) + "/grant" }

func (g Grants) seal(id record.ConnectionID, grant Grant) ([]byte, error) {
	plain, err := json.Marshal(grant) // #nosec G117 -- sealed before it is stored
	if err != nil {
		return nil, fmt.Errorf("seal grant of %s: %w", id, err)
	}
	return g.Vault.Seal(plain, grantPlace(id))
}

func (g Grants) open(id record.ConnectionID, s SealedGrant) (Grant, error) {
	plain, err := g.Vault.Open(s.Sealed, grantPlace(id))
	if err != nil {
		return Grant{}, fmt.Errorf("%w: of %s: %w", errSealed, id, err)
	}
	var grant Grant
	if err := json.Unmarshal(plain, &grant); err != nil {
		return Grant{}, fmt.Errorf("%w: of %s: unreadable", errSealed, id) // err would quote the secret
	}
	grant.Generation, grant.Failures, grant.RetryAt = s.Generation, s.Failures, s.RetryAt
	return grant, nil
}

// Load reads the grant as it is now.
func (g Grants) Load(ctx context.Context, id record.ConnectionID) (Grant, error) {
	s, err := g.Store.LoadGrant(ctx, id)
	if err != nil {
		return Grant{}, err
	}
	return g.open(id, s)
}

// Lease takes the sole right to renew, and returns the grant, which may already be fresh.
func (g Grants) Lease(ctx context.Context, id record.ConnectionID, owner string, now, until time.Time) (Grant, bool, error) {
	s, ok, err := g.Store.LeaseGrant(ctx, id, owner, now, until)
	if err != nil || !ok {
		return Grant{}, ok, err
	}
	grant, err := g.open(id, s)
	return grant, true, err
}

// Rotate stores the next grant and ends the lease.
func (g Grants) Rotate(ctx context.Context, id record.ConnectionID, from int64, next Grant, now time.Time) error {
	sealed, err := g.seal(id, next)
	if err != nil {
		return err
	}
	return g.Store.RotateGrant(ctx, id, from, sealed, now, next.Token.Expiry)
}
