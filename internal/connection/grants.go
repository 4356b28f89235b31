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

// Grants is the typed, unsealed view of the store's grants. Each is bound to the API address it was made for (decision
// 0027): whoever can write to the database cannot have it sent elsewhere.
type Grants struct {
	Store Store
	Vault Sealer
	// Own reports whether an API address is the provider's own, or one the operator set. A grant that was made before
	// grants were bound is for no other; nil knows of none.
	Own func(p provider.ID, baseURL string) bool
}

// Holder is whose a grant is, and where its key or tokens are to be sent.
type Holder struct {
	ID       record.ConnectionID // of a connection or an installation
	Provider provider.ID
	BaseURL  string
}

// Holder names the connection's grant.
func (c Connection) Holder() Holder { return Holder{c.ID, c.Provider, c.BaseURL} }

// Holder names the installation's grant.
func (i Installation) Holder() Holder { return Holder{i.ID, i.Provider, i.BaseURL} }

// errSealed is a grant that is there and cannot be opened.
var errSealed = errors.New("open grant")

// ErrElsewhere is answered for a grant that is not for the API address its connection has by now.
var ErrElsewhere = errors.New("the API address was changed outside Crosswalk, so no credential is sent there: connect the account again")

// errUnbound is ErrElsewhere for a grant that says no address.
var errUnbound = fmt.Errorf("connected before credentials were bound to their API address: %w", ErrElsewhere)

// The same for people.
const (
	elsewhere = "The API address of this account was changed outside Crosswalk, so its credential was not sent there. Find out who changed it, and connect the account again."
	unbound   = "This account was connected before credentials were bound to the API address they are for, and the address it has is none of the provider’s own. Check the address, and connect the account again, once."
)

// elsewhereWords says for people why a grant is not for its address: err is an ErrElsewhere.
func elsewhereWords(err error) string {
	if errors.Is(err, errUnbound) {
		return unbound
	}
	return elsewhere
}

// kindOfLoss says what a grant that could not be read means: a person must reconnect when it is gone, cannot be opened or is
// for another address. A database that does not answer right now passes.
func kindOfLoss(err error) provider.Kind {
	if errors.Is(err, ErrNotFound) || errors.Is(err, errSealed) || errors.Is(err, ErrElsewhere) {
		return provider.Revoked
	}
	return provider.Unavailable
}

func grantPlace(id record.ConnectionID) string { return "connection/" + string(id) + "/grant" }

func (g Grants) seal(of Holder, grant Grant) ([]byte, error) {
	grant.BaseURL = of.BaseURL
	plain, err := json.Marshal(grant) // #nosec G117 -- sealed before it is stored
	if err != nil {
		return nil, fmt.Errorf("seal grant of %s: %w", of.ID, err)
	}
	return g.Vault.Seal(plain, grantPlace(of.ID))
}

func (g Grants) open(ctx context.Context, of Holder, s SealedGrant) (Grant, error) {
	plain, err := g.Vault.Open(s.Sealed, grantPlace(of.ID))
	if err != nil {
		return Grant{}, fmt.Errorf("%w: of %s: %w", errSealed, of.ID, err)
	}
	var grant Grant
	if err := json.Unmarshal(plain, &grant); err != nil {
		return Grant{}, fmt.Errorf("%w: of %s: unreadable", errSealed, of.ID) // err would quote the secret
	}
	if !g.isFor(grant, of) {
		return Grant{}, fmt.Errorf("open grant of %s: %w", of.ID, g.whyNotFor(ctx, of, grant))
	}
	grant.Generation, grant.Failures, grant.RetryAt = s.Generation, s.Failures, s.RetryAt
	return grant, nil
}

func (g Grants) isFor(grant Grant, of Holder) bool {
	if grant.BaseURL == "" && of.BaseURL != "" {
		return g.Own != nil && g.Own(of.Provider, of.BaseURL)
	}
	return grant.BaseURL == of.BaseURL
}

// whyNotFor tells a client that is left over from before a person connected to another address, which is built anew at the
// next use, from an address that was changed.
func (g Grants) whyNotFor(ctx context.Context, of Holder, grant Grant) error {
	c, err := g.Store.Connection(ctx, of.ID)
	now := c.BaseURL
	if errors.Is(err, ErrNotFound) {
		var i Installation
		i, err = g.Store.Installation(ctx, of.ID)
		now = i.BaseURL
	}
	switch {
	case err != nil:
		return err
	case now != of.BaseURL:
		return ErrMoved
	case grant.BaseURL == "":
		return errUnbound
	}
	return ErrElsewhere
}

// Load reads the grant as it is now. ErrElsewhere: it is for another address.
func (g Grants) Load(ctx context.Context, of Holder) (Grant, error) {
	s, err := g.Store.LoadGrant(ctx, of.ID)
	if err != nil {
		return Grant{}, err
	}
	return g.open(ctx, of, s)
}

// Lease takes the sole right to renew, and returns the grant, which may already be fresh.
func (g Grants) Lease(ctx context.Context, of Holder, owner string, now, until time.Time) (Grant, bool, error) {
	s, ok, err := g.Store.LeaseGrant(ctx, of.ID, owner, now, until)
	if err != nil || !ok {
		return Grant{}, ok, err
	}
	grant, err := g.open(ctx, of, s)
	return grant, true, err
}

// Rotate stores the next grant, bound to the address, and ends the lease.
func (g Grants) Rotate(ctx context.Context, of Holder, from int64, next Grant, now time.Time) error {
	sealed, err := g.seal(of, next)
	if err != nil {
		return err
	}
	return g.Store.RotateGrant(ctx, of.ID, from, sealed, now, next.Token.Expiry)
}
