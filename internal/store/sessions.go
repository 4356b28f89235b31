package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Sessions is the store as scs wants it. Only a hash of a token is kept: who reads the database cannot sign in.
type Sessions struct{ store *Store }

var (
	_ scs.Store    = Sessions{}
	_ scs.CtxStore = Sessions{}
)

// Sessions keeps signed-in browsers.
func (s *Store) Sessions() Sessions { return Sessions{s} }

func tokenHash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// FindCtx reads a session that has not ended.
func (x Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var row sessionRow
	err := x.store.read(ctx).Where("token_hash = ? AND expires_at > ?", tokenHash(token), int64(at(x.store.now()))).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read session: %w", err)
	}
	return row.Data, true, nil
}

// CommitCtx stores a session.
func (x Sessions) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	row := sessionRow{TokenHash: tokenHash(token), Data: b, ExpiresAt: at(expiry)}
	if row.Data == nil {
		row.Data = []byte{}
	}
	err := x.store.write(ctx, func(u *unit) error {
		return u.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
	})
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

// DeleteCtx ends a session.
func (x Sessions) DeleteCtx(ctx context.Context, token string) error {
	err := x.store.write(ctx, func(u *unit) error {
		return u.Exec("DELETE FROM sessions WHERE token_hash = ?", tokenHash(token)).Error
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// Find is FindCtx for callers without a context.
func (x Sessions) Find(token string) ([]byte, bool, error) {
	return x.FindCtx(context.Background(), token)
}

// Commit is CommitCtx for callers without a context.
func (x Sessions) Commit(token string, b []byte, expiry time.Time) error {
	return x.CommitCtx(context.Background(), token, b, expiry)
}

// Delete is DeleteCtx for callers without a context.
func (x Sessions) Delete(token string) error { return x.DeleteCtx(context.Background(), token) }
