package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

type identityRow struct {
	Provider     string `gorm:"primaryKey"`
	CompanyID    string `gorm:"primaryKey"`
	ProviderUser string `gorm:"primaryKey"`
	UserID       string
	Name         string
	Email        string
	LinkedAt     stamp
}

func (identityRow) TableName() string { return "identities" }

func (r identityRow) identity() people.Identity {
	return people.Identity{Provider: r.Provider, CompanyID: r.CompanyID, UserID: r.ProviderUser, Name: r.Name, Email: r.Email, LinkedAt: r.LinkedAt.time()}
}

type identityOfferRow struct {
	CodeHash     []byte `gorm:"primaryKey"`
	Provider     string
	CompanyID    string
	ProviderUser string
	Name         string
	Email        string
	ExpiresAt    stamp
}

func (identityOfferRow) TableName() string { return "identity_offers" }

type spentContextRow struct {
	SaltHash []byte `gorm:"primaryKey"`
	SpentAt  stamp
}

func (spentContextRow) TableName() string { return "spent_contexts" }

// UserOfIdentity finds the person who linked an identity; engine.ErrNotFound when nobody did.
func (s *Store) UserOfIdentity(ctx context.Context, i people.Identity) (userID string, err error) {
	var row identityRow
	err = s.read(ctx).Where("provider = ? AND company_id = ? AND provider_user = ?", i.Provider, clean(i.CompanyID), clean(i.UserID)).Take(&row).Error
	if err != nil {
		return "", fmt.Errorf("read who an identity is: %w", found(err))
	}
	return row.UserID, nil
}

// IdentitiesOf are those a person linked, the oldest first.
func (s *Store) IdentitiesOf(ctx context.Context, userID string) ([]people.Identity, error) {
	var rows []identityRow
	if err := s.read(ctx).Where("user_id = ?", clean(userID)).Order("linked_at, provider_user").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the identities of %s: %w", userID, err)
	}
	out := make([]people.Identity, len(rows))
	for i, r := range rows {
		out[i] = r.identity()
	}
	return out, nil
}

// OfferIdentity keeps an identity under the hash of a code until a person types that code in.
func (s *Store) OfferIdentity(ctx context.Context, codeHash []byte, i people.Identity, expires time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		return u.Create(&identityOfferRow{CodeHash: codeHash, Provider: i.Provider, CompanyID: clean(i.CompanyID), ProviderUser: clean(i.UserID), Name: clean(i.Name), Email: clean(i.Email), ExpiresAt: at(expires)}).Error
	})
	if err != nil {
		return fmt.Errorf("offer an identity: %w", err)
	}
	return nil
}

// OfferedIdentity reads what a code stands for; engine.ErrNotFound when it was used, or has run out.
func (s *Store) OfferedIdentity(ctx context.Context, codeHash []byte, now time.Time) (people.Identity, error) {
	var row identityOfferRow
	if err := s.read(ctx).Where("code_hash = ? AND expires_at > ?", codeHash, int64(at(now))).Take(&row).Error; err != nil {
		return people.Identity{}, fmt.Errorf("read an offered identity: %w", found(err))
	}
	return people.Identity{Provider: row.Provider, CompanyID: row.CompanyID, UserID: row.ProviderUser, Name: row.Name, Email: row.Email}, nil
}

// LinkIdentity takes a code, once, and makes what it stands for the person's; engine.ErrNotFound as OfferedIdentity,
// engine.ErrConflict when it is somebody else's.
func (s *Store) LinkIdentity(ctx context.Context, codeHash []byte, userID string, now time.Time) (people.Identity, error) {
	var linked identityRow
	err := s.write(ctx, func(u *unit) error {
		var offers []identityOfferRow
		if err := u.Raw("DELETE FROM identity_offers WHERE code_hash = ? AND expires_at > ? RETURNING *", codeHash, int64(at(now))).Scan(&offers).Error; err != nil {
			return err
		}
		if len(offers) == 0 {
			return engine.ErrNotFound
		}
		o := offers[0]
		linked = identityRow{Provider: o.Provider, CompanyID: o.CompanyID, ProviderUser: o.ProviderUser, UserID: clean(userID), Name: o.Name, Email: o.Email, LinkedAt: at(now)}
		res := u.Exec(`INSERT INTO identities (provider, company_id, provider_user, user_id, name, email, linked_at) VALUES (?,?,?,?,?,?,?)
			ON CONFLICT (provider, company_id, provider_user) DO UPDATE SET name = excluded.name, email = excluded.email WHERE identities.user_id = excluded.user_id`,
			linked.Provider, linked.CompanyID, linked.ProviderUser, linked.UserID, linked.Name, linked.Email, int64(linked.LinkedAt))
		if res.Error == nil && res.RowsAffected == 0 {
			return engine.ErrConflict
		}
		return res.Error
	})
	if err != nil {
		return people.Identity{}, fmt.Errorf("link an identity to %s: %w", userID, err)
	}
	return linked.identity(), nil
}

// UnlinkIdentity forgets one of a person's identities, and signs out who came in by it; engine.ErrNotFound when it is not theirs.
func (s *Store) UnlinkIdentity(ctx context.Context, userID string, i people.Identity) error {
	err := s.write(ctx, func(u *unit) error {
		err := one(u.Exec("DELETE FROM identities WHERE user_id = ? AND provider = ? AND company_id = ? AND provider_user = ?", clean(userID), i.Provider, clean(i.CompanyID), clean(i.UserID)))
		if err != nil {
			return err
		}
		return u.Exec("DELETE FROM sign_ins WHERE user_id = ? AND framed AND company_id = ? AND provider_user = ?", clean(userID), clean(i.CompanyID), clean(i.UserID)).Error
	})
	if err != nil {
		return fmt.Errorf("unlink an identity of %s: %w", userID, err)
	}
	return nil
}

// SpendContext notes that a sealed context was exchanged for a session; false when it was before. It is kept for good:
// nothing in a context says how old it is.
func (s *Store) SpendContext(ctx context.Context, salt []byte, now time.Time) (fresh bool, err error) {
	hash := sha256.Sum256(salt)
	err = s.write(ctx, func(u *unit) error {
		res := u.Clauses(clause.OnConflict{DoNothing: true}).Create(&spentContextRow{SaltHash: hash[:], SpentAt: at(now)})
		fresh = res.RowsAffected == 1
		return res.Error
	})
	if err != nil {
		return false, fmt.Errorf("spend a user context: %w", err)
	}
	return fresh, nil
}

// dropIdentities unlinks whatever a person comes in by at a provider.
func (u *unit) dropIdentities(userID string) error {
	return u.Exec("DELETE FROM identities WHERE user_id = ?", clean(userID)).Error
}
