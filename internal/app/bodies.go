package app

import (
	"context"
	"fmt"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/store"
	"crosswalk/internal/vault"
)

var _ engine.Bodies = bodies{}

// bodies opens deliveries, which are stored sealed.
type bodies struct {
	store *store.Store
	vault *vault.Vault
}

// Body implements engine.Bodies.
func (b bodies) Body(ctx context.Context, event string) ([]byte, error) {
	d, err := b.store.Delivery(ctx, event)
	if err != nil {
		return nil, err
	}
	if len(d.Body) == 0 {
		return nil, engine.ErrNotFound
	}
	body, err := b.vault.Open(d.Body, automation.DeliveryPlace(event))
	if err != nil {
		return nil, fmt.Errorf("open delivery %s: %w", event, err)
	}
	return body, nil
}
