package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"crosswalk/internal/alert"
	"crosswalk/internal/people"
)

var _ alert.Book = (*Store)(nil)

type alertRow struct {
	Key         string `gorm:"primaryKey"`
	WorkspaceID string
	RaisedAt    stamp
}

func (alertRow) TableName() string { return "alerts" }

// Raise remembers an alert; false when it is known already, by whichever process.
func (s *Store) Raise(ctx context.Context, a alert.Alert, now time.Time) (fresh bool, err error) {
	err = s.write(ctx, func(u *unit) error {
		res := u.Clauses(clause.OnConflict{DoNothing: true}).Create(&alertRow{Key: clean(a.Key), WorkspaceID: a.Workspace, RaisedAt: at(now)})
		fresh = res.RowsAffected == 1
		return res.Error
	})
	if err != nil {
		return false, fmt.Errorf("raise alert %s: %w", a.Key, err)
	}
	return fresh, nil
}

// Settle forgets the alerts that are over: all but those with these keys.
func (s *Store) Settle(ctx context.Context, keys []string) error {
	var known []string
	if err := s.read(ctx).Model(&alertRow{}).Pluck("key", &known).Error; err != nil {
		return fmt.Errorf("read alerts: %w", err)
	}
	still := make(map[string]bool, len(keys))
	for _, k := range keys {
		still[clean(k)] = true
	}
	for _, k := range known {
		if !still[k] {
			if err := s.Forget(ctx, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// Forget forgets one alert, so that it is told again.
func (s *Store) Forget(ctx context.Context, key string) error {
	err := s.write(ctx, func(u *unit) error { return u.Where("key = ?", clean(key)).Delete(&alertRow{}).Error })
	if err != nil {
		return fmt.Errorf("forget alert %s: %w", key, err)
	}
	return nil
}

// Owners are the emails of a workspace's owners.
func (s *Store) Owners(ctx context.Context, workspace string) ([]string, error) {
	all, err := s.Members(ctx, workspace)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, m := range all {
		if m.Role == people.Owner {
			out = append(out, m.User.Email)
		}
	}
	return out, nil
}
