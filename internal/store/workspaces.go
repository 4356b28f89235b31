package store

import (
	"context"
	"fmt"
	"strings"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

type workspaceRow struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	CreatedAt stamp `gorm:"autoCreateTime:false"`
}

func (workspaceRow) TableName() string { return "workspaces" }

type membershipRow struct {
	WorkspaceID string `gorm:"primaryKey"`
	UserID      string `gorm:"primaryKey"`
	Role        string
	CreatedAt   stamp `gorm:"autoCreateTime:false"`
}

func (membershipRow) TableName() string { return "memberships" }

// firstWorkspace is the name of the workspace the first account finds itself in.
const firstWorkspace = "First workspace"

// establish gives a new workspace its owner.
func (u *unit) establish(w people.Workspace, owner string) error {
	created := at(w.CreatedAt)
	if created == 0 {
		created = at(u.now)
	}
	if err := u.Create(&workspaceRow{ID: w.ID, Name: clean(strings.TrimSpace(w.Name)), CreatedAt: created}).Error; err != nil {
		return err
	}
	return u.Create(&membershipRow{WorkspaceID: w.ID, UserID: owner, Role: string(people.Owner), CreatedAt: created}).Error
}

// CreateWorkspace stores a new workspace, which is empty but for its owner.
func (s *Store) CreateWorkspace(ctx context.Context, w people.Workspace, owner string) error {
	if w.ID == "" {
		return fmt.Errorf("create workspace: no id")
	}
	if err := s.write(ctx, func(u *unit) error { return u.establish(w, owner) }); err != nil {
		return fmt.Errorf("create workspace %s: %w", w.ID, err)
	}
	return nil
}

// Workspaces lists all of them, oldest first.
func (s *Store) Workspaces(ctx context.Context) ([]people.Workspace, error) {
	var rows []workspaceRow
	if err := s.read(ctx).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read workspaces: %w", err)
	}
	out := make([]people.Workspace, len(rows))
	for i, r := range rows {
		out[i] = people.Workspace{ID: r.ID, Name: r.Name, CreatedAt: r.CreatedAt.time()}
	}
	return out, nil
}

// MembershipsOf are the workspaces of a person, the one they joined first coming first.
func (s *Store) MembershipsOf(ctx context.Context, user string) ([]people.Membership, error) {
	var rows []struct {
		WorkspaceID, UserID, Role, Name string
		Since, Founded                  stamp
	}
	err := s.read(ctx).Raw(`SELECT m.workspace_id, m.user_id, m.role, m.created_at AS since, w.name, w.created_at AS founded
FROM memberships m JOIN workspaces w ON w.id = m.workspace_id WHERE m.user_id = ? ORDER BY m.created_at, m.workspace_id`, clean(user)).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the workspaces of user %s: %w", user, err)
	}
	out := make([]people.Membership, len(rows))
	for i, r := range rows {
		out[i] = people.Membership{
			Workspace: people.Workspace{ID: r.WorkspaceID, Name: r.Name, CreatedAt: r.Founded.time()},
			User:      r.UserID, Role: people.Role(r.Role), Since: r.Since.time(),
		}
	}
	return out, nil
}

// RenameWorkspace changes a workspace's name.
func (s *Store) RenameWorkspace(ctx context.Context, id, name string) error {
	err := s.write(ctx, func(u *unit) error {
		return one(u.Model(&workspaceRow{}).Where("id = ?", clean(id)).Update("name", clean(strings.TrimSpace(name))))
	})
	if err != nil {
		return fmt.Errorf("rename workspace %s: %w", id, err)
	}
	return nil
}

// takeOver gives what belongs to nobody to the first workspace there is.
func (u *unit) takeOver(workspace string) error {
	for _, table := range []string{"automations", "connections"} {
		if err := u.Exec("UPDATE "+table+" SET workspace_id = ? WHERE workspace_id = ''", workspace).Error; err != nil {
			return err
		}
	}
	return nil
}

// sameWorkspace refuses a definition that would use an account of another workspace.
func (u *unit) sameWorkspace(workspace string, connections ...string) error {
	var foreign int
	err := u.Raw("SELECT COUNT(*) FROM connections WHERE id IN ? AND workspace_id <> ?", connections, workspace).Scan(&foreign).Error
	if err == nil && foreign > 0 {
		return fmt.Errorf("a connection of another workspace: %w", engine.ErrNotFound)
	}
	return err
}

// FirstWorkspace is the oldest; empty before there is one.
func (s *Store) FirstWorkspace(ctx context.Context) (id string, err error) {
	err = s.read(ctx).Raw("SELECT id FROM workspaces ORDER BY created_at, id LIMIT 1").Scan(&id).Error
	if err != nil {
		return "", fmt.Errorf("read the first workspace: %w", err)
	}
	return id, nil
}
