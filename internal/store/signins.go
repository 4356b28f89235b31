package store

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/people"
)

type signInRow struct {
	ID        string `gorm:"primaryKey"`
	UserID    string
	UserAgent string
	Address   string
	BeganAt   stamp
	SeenAt    stamp
	Framed    bool
	Place     string
	CompanyID string
	// ProviderUser is the provider's own id of a person.
	ProviderUser string
}

func (signInRow) TableName() string { return "sign_ins" }

func (r signInRow) signIn() people.SignIn {
	return people.SignIn{
		ID: r.ID, UserID: r.UserID, UserAgent: r.UserAgent, Address: r.Address, BeganAt: r.BeganAt.time(), SeenAt: r.SeenAt.time(), Framed: r.Framed,
		Place: r.Place, CompanyID: r.CompanyID, ProviderUser: r.ProviderUser,
	}
}

// BeginSignIn remembers a browser somebody has signed in with.
func (s *Store) BeginSignIn(ctx context.Context, x people.SignIn) error {
	row := signInRow{
		ID: x.ID, UserID: x.UserID, UserAgent: clean(people.CutUserAgent(x.UserAgent)), Address: clean(x.Address), BeganAt: at(x.BeganAt), SeenAt: at(x.SeenAt), Framed: x.Framed,
		Place: clean(x.Place), CompanyID: clean(x.CompanyID), ProviderUser: clean(x.ProviderUser),
	}
	if err := s.write(ctx, func(u *unit) error { return u.Create(&row).Error }); err != nil {
		return fmt.Errorf("begin sign-in: %w", err)
	}
	return nil
}

// endFrames signs out who came in inside the frame of a connection's account.
func (u *unit) endFrames(connection string) error {
	return u.Exec("DELETE FROM sign_ins WHERE framed AND place IN (SELECT account_id FROM connections WHERE id = ?)", connection).Error
}

// SignIn reads one, be it over or not; engine.ErrNotFound when it was ended.
func (s *Store) SignIn(ctx context.Context, id string) (people.SignIn, error) {
	var row signInRow
	if err := s.read(ctx).Where("id = ?", clean(id)).Take(&row).Error; err != nil {
		return people.SignIn{}, fmt.Errorf("read sign-in: %w", found(err))
	}
	return row.signIn(), nil
}

// SignIns lists a person's browsers, the one used last first.
func (s *Store) SignIns(ctx context.Context, userID string) ([]people.SignIn, error) {
	var rows []signInRow
	if err := s.read(ctx).Where("user_id = ?", clean(userID)).Order("seen_at DESC, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read sign-ins: %w", err)
	}
	out := make([]people.SignIn, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.signIn())
	}
	return out, nil
}

// SeeSignIn notes that a browser was used. One that was ended meanwhile stays ended.
func (s *Store) SeeSignIn(ctx context.Context, id, address string, seen time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		return u.Exec("UPDATE sign_ins SET seen_at = ?, address = ? WHERE id = ? AND seen_at <= ?", int64(at(seen)), clean(address), clean(id), int64(at(seen))).Error
	})
	if err != nil {
		return fmt.Errorf("note a sign-in's use: %w", err)
	}
	return nil
}

// EndSignIn signs one of a person's browsers out; engine.ErrNotFound when they have no such one.
func (s *Store) EndSignIn(ctx context.Context, userID, id string) error {
	err := s.write(ctx, func(u *unit) error {
		return one(u.Exec("DELETE FROM sign_ins WHERE id = ? AND user_id = ?", clean(id), clean(userID)))
	})
	if err != nil {
		return fmt.Errorf("end sign-in: %w", err)
	}
	return nil
}

// EndSignIns signs all of a person's browsers out but the one named keep, which may be none.
func (s *Store) EndSignIns(ctx context.Context, userID, keep string) (ended int, err error) {
	err = s.write(ctx, func(u *unit) error {
		ended, err = u.endSignIns(userID, keep)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("end sign-ins: %w", err)
	}
	return ended, nil
}

func (u *unit) endSignIns(userID, keep string) (int, error) {
	res := u.Exec("DELETE FROM sign_ins WHERE user_id = ? AND id <> ?", clean(userID), clean(keep))
	return int(res.RowsAffected), res.Error
}
