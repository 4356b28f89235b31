package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Setting reads a named value; !ok when it was never put. Secrets come and go sealed.
func (s *Store) Setting(ctx context.Context, name string) (value []byte, ok bool, err error) {
	var row settingRow
	err = s.read(ctx).Where("name = ?", name).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read setting %s: %w", name, err)
	}
	return row.Value, true, nil
}

// PutSetting stores a named value.
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	err := s.write(ctx, func(u *unit) error {
		return u.Clauses(clause.OnConflict{UpdateAll: true}).Create(&settingRow{Name: name, Value: value}).Error
	})
	if err != nil {
		return fmt.Errorf("put setting %s: %w", name, err)
	}
	return nil
}
