package store

import (
	"context"
	"fmt"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

// HasUsers reports whether anybody may sign in yet.
func (s *Store) HasUsers(ctx context.Context) (bool, error) {
	var n int
	if err := s.read(ctx).Raw("SELECT COUNT(*) FROM (SELECT 1 FROM users LIMIT 1) AS one").Scan(&n).Error; err != nil {
		return false, fmt.Errorf("look for users: %w", err)
	}
	return n > 0, nil
}

// insertFounder does nothing when there is a user. Two that race both see none; the index over founder then
// lets one in.
const insertFounder = `INSERT INTO users (id, email, email_key, password_hash, created_at, founder)
SELECT ?, ?, ?, ?, CAST(? AS BIGINT), TRUE WHERE NOT EXISTS (SELECT 1 FROM users) ON CONFLICT DO NOTHING`

// CreateFirstUser answers engine.ErrConflict when there is a user already, whoever was first. The founder owns the
// first workspace, to which belongs what there is already.
func (s *Store) CreateFirstUser(ctx context.Context, p people.User) error {
	err := s.write(ctx, func(u *unit) error {
		created := at(p.CreatedAt)
		if created == 0 {
			created = at(u.now)
		}
		res := u.Exec(insertFounder, p.ID, clean(strings.TrimSpace(p.Email)), emailKey(p.Email), p.PasswordHash, int64(created))
		if res.Error == nil && res.RowsAffected == 0 {
			return engine.ErrConflict
		}
		if res.Error != nil {
			return res.Error
		}
		w := people.Workspace{ID: automation.NewID("ws"), Name: firstWorkspace, CreatedAt: created.time()}
		if err := u.establish(w, p.ID); err != nil {
			return err
		}
		return u.takeOver(w.ID)
	})
	if err != nil {
		return fmt.Errorf("create the first user: %w", err)
	}
	return nil
}

// UserByEmail finds a user; the email is compared without case and surrounding space.
func (s *Store) UserByEmail(ctx context.Context, email string) (people.User, error) {
	return s.user(ctx, "email_key = ?", emailKey(email))
}

// UserByID reads a user.
func (s *Store) UserByID(ctx context.Context, id string) (people.User, error) {
	return s.user(ctx, "id = ?", clean(id))
}

// SetPassword replaces a user's password hash and signs all their browsers out but the one named keep: whoever
// knew the old password must not stay.
func (s *Store) SetPassword(ctx context.Context, id, hash, keep string) error {
	if err := s.write(ctx, func(u *unit) error { return u.setPassword(id, hash, keep) }); err != nil {
		return fmt.Errorf("change the password of user %s: %w", id, err)
	}
	return nil
}

func (u *unit) setPassword(id, hash, keep string) error {
	if err := one(u.Model(&userRow{}).Where("id = ?", clean(id)).Update("password_hash", hash)); err != nil {
		return err
	}
	if err := u.Exec("DELETE FROM password_resets WHERE user_id = ?", clean(id)).Error; err != nil {
		return err
	}
	if keep == "" { // nobody who is signed in does this: somebody lost the account, or never had it alone
		if err := u.dropIdentities(id); err != nil {
			return err
		}
	}
	_, err := u.endSignIns(id, keep)
	return err
}

func (s *Store) user(ctx context.Context, where, value string) (people.User, error) {
	var row userRow
	if err := s.read(ctx).Where(where, value).Take(&row).Error; err != nil {
		return people.User{}, fmt.Errorf("read user: %w", found(err))
	}
	return people.User{ID: row.ID, Email: row.Email, PasswordHash: row.PasswordHash, CreatedAt: row.CreatedAt.time()}, nil
}

func emailKey(email string) string { return strings.ToLower(clean(strings.TrimSpace(email))) }
