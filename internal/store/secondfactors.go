package store

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

type secondFactorRow struct {
	UserID      string `gorm:"primaryKey"`
	Sealed      []byte
	BegunAt     stamp
	ConfirmedAt stamp
	LastStep    int64
}

func (secondFactorRow) TableName() string { return "second_factors" }

type recoveryCodeRow struct {
	UserID   string `gorm:"primaryKey"`
	CodeHash []byte `gorm:"primaryKey"`
	UsedAt   stamp
}

func (recoveryCodeRow) TableName() string { return "recovery_codes" }

// SecondFactor reads a person's, confirmed or not; engine.ErrNotFound when there is none.
func (s *Store) SecondFactor(ctx context.Context, userID string) (people.SecondFactor, error) {
	var row secondFactorRow
	if err := s.read(ctx).Where("user_id = ?", clean(userID)).Take(&row).Error; err != nil {
		return people.SecondFactor{}, fmt.Errorf("read second factor: %w", found(err))
	}
	var left int
	if err := s.read(ctx).Raw("SELECT COUNT(*) FROM recovery_codes WHERE user_id = ? AND used_at = 0", row.UserID).Scan(&left).Error; err != nil {
		return people.SecondFactor{}, fmt.Errorf("count recovery codes: %w", err)
	}
	return people.SecondFactor{
		UserID: row.UserID, Sealed: row.Sealed, BegunAt: row.BegunAt.time(), ConfirmedAt: row.ConfirmedAt.time(), LastStep: row.LastStep, CodesLeft: left,
	}, nil
}

// BeginSecondFactor keeps a sealed secret that is not confirmed yet, in place of one that was not either. A
// confirmed one stays: engine.ErrConflict.
func (s *Store) BeginSecondFactor(ctx context.Context, userID string, sealed []byte, begun time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		res := u.Exec(`INSERT INTO second_factors (user_id, sealed, begun_at) VALUES (?, ?, ?)
			ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, begun_at = excluded.begun_at WHERE second_factors.confirmed_at = 0`,
			clean(userID), sealed, int64(at(begun)))
		return conflict(res.RowsAffected, res.Error)
	})
	if err != nil {
		return fmt.Errorf("begin second factor: %w", err)
	}
	return nil
}

// ConfirmSecondFactor switches on the secret that was begun at that moment, with its recovery codes, and signs the
// person's other browsers out: they have not shown a code. engine.ErrConflict when it was begun anew or is on.
func (s *Store) ConfirmSecondFactor(ctx context.Context, userID string, begun time.Time, step int64, codes [][]byte, keep string) error {
	err := s.write(ctx, func(u *unit) error {
		res := u.Exec("UPDATE second_factors SET confirmed_at = ?, last_step = ? WHERE user_id = ? AND begun_at = ? AND confirmed_at = 0",
			int64(at(u.now)), step, clean(userID), int64(at(begun)))
		if err := conflict(res.RowsAffected, res.Error); err != nil {
			return err
		}
		if err := u.replaceRecoveryCodes(userID, codes); err != nil {
			return err
		}
		_, err := u.endSignIns(userID, keep)
		return err
	})
	if err != nil {
		return fmt.Errorf("confirm second factor: %w", err)
	}
	return nil
}

// TakeStep takes the code of a step of time; no step is taken twice, nor one before another that was.
func (s *Store) TakeStep(ctx context.Context, userID string, step int64) (taken bool, err error) {
	return s.take(ctx, "UPDATE second_factors SET last_step = ? WHERE user_id = ? AND last_step < ? AND confirmed_at > 0", step, clean(userID), step)
}

// TakeRecoveryCode takes a recovery code, once.
func (s *Store) TakeRecoveryCode(ctx context.Context, userID string, hash []byte) (taken bool, err error) {
	return s.take(ctx, `UPDATE recovery_codes SET used_at = ? WHERE user_id = ? AND code_hash = ? AND used_at = 0
		AND EXISTS (SELECT 1 FROM second_factors f WHERE f.user_id = recovery_codes.user_id AND f.confirmed_at > 0)`, int64(at(s.now())), clean(userID), hash)
}

func (s *Store) take(ctx context.Context, sql string, args ...any) (taken bool, err error) {
	err = s.write(ctx, func(u *unit) error {
		res := u.Exec(sql, args...)
		taken = res.RowsAffected == 1
		return res.Error
	})
	if err != nil {
		return false, fmt.Errorf("take a code: %w", err)
	}
	return taken, nil
}

// ReplaceRecoveryCodes makes the ones before worth nothing.
func (s *Store) ReplaceRecoveryCodes(ctx context.Context, userID string, codes [][]byte) error {
	if err := s.write(ctx, func(u *unit) error { return u.replaceRecoveryCodes(userID, codes) }); err != nil {
		return fmt.Errorf("replace recovery codes: %w", err)
	}
	return nil
}

func (u *unit) replaceRecoveryCodes(userID string, codes [][]byte) error {
	if err := u.Exec("DELETE FROM recovery_codes WHERE user_id = ?", clean(userID)).Error; err != nil {
		return err
	}
	for _, c := range codes {
		if err := u.Create(&recoveryCodeRow{UserID: clean(userID), CodeHash: c}).Error; err != nil {
			return err
		}
	}
	return nil
}

// DropSecondFactor switches a person's off, and reports whether there was one.
func (s *Store) DropSecondFactor(ctx context.Context, userID string) (dropped bool, err error) {
	return s.take(ctx, "DELETE FROM second_factors WHERE user_id = ?", clean(userID))
}

// conflict is for statements that touch a row unless somebody was faster.
func conflict(touched int64, err error) error {
	if err == nil && touched == 0 {
		return engine.ErrConflict
	}
	return err
}
