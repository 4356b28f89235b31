package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"crosswalk/internal/people"
)

type passwordResetRow struct {
	TokenHash []byte `gorm:"primaryKey"`
	UserID    string
	ExpiresAt stamp
}

func (passwordResetRow) TableName() string { return "password_resets" }

// Users lists everybody who may sign in, the first one first.
func (s *Store) Users(ctx context.Context) ([]people.User, error) {
	var rows []userRow
	if err := s.read(ctx).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	out := make([]people.User, 0, len(rows))
	for _, r := range rows {
		out = append(out, people.User{ID: r.ID, Email: r.Email, PasswordHash: r.PasswordHash, CreatedAt: r.CreatedAt.time()})
	}
	return out, nil
}

// BeginReset keeps a link that sets a user's password once, in place of earlier ones, and signs all their browsers
// out. Only a hash of its token is kept.
func (s *Store) BeginReset(ctx context.Context, userID, token string, expires time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		if err := u.Exec("DELETE FROM password_resets WHERE user_id = ?", clean(userID)).Error; err != nil {
			return err
		}
		if _, err := u.endSignIns(userID, ""); err != nil {
			return err
		}
		if err := u.dropIdentities(userID); err != nil {
			return err
		}
		return u.Create(&passwordResetRow{TokenHash: tokenHash(token), UserID: clean(userID), ExpiresAt: at(expires)}).Error
	})
	if err != nil {
		return fmt.Errorf("begin a password reset: %w", err)
	}
	return nil
}

// Reset reads whose link a token is; engine.ErrNotFound when it was used, replaced or has run out.
func (s *Store) Reset(ctx context.Context, token string, now time.Time) (userID string, err error) {
	var row passwordResetRow
	if err := s.read(ctx).Where("token_hash = ? AND expires_at > ?", tokenHash(token), int64(at(now))).Take(&row).Error; err != nil {
		return "", fmt.Errorf("read a password reset: %w", found(err))
	}
	return row.UserID, nil
}

// FinishReset sets the password a link was for, and ends the link and every sign-in.
func (s *Store) FinishReset(ctx context.Context, token, hash string, now time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		var rows []passwordResetRow
		res := u.Clauses(clause.Returning{}).Where("token_hash = ? AND expires_at > ?", tokenHash(token), int64(at(now))).Delete(&rows)
		if err := one(res); err != nil {
			return err
		}
		return u.setPassword(rows[0].UserID, hash, "")
	})
	if err != nil {
		return fmt.Errorf("finish a password reset: %w", err)
	}
	return nil
}
