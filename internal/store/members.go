package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

type inviteRow struct {
	ID          string `gorm:"primaryKey"`
	WorkspaceID string
	Role        string
	Email       string
	TokenHash   []byte
	MadeBy      string
	CreatedAt   stamp `gorm:"autoCreateTime:false"`
	ExpiresAt   stamp
	AcceptedBy  string
	AcceptedAt  stamp
	RevokedAt   stamp
}

func (inviteRow) TableName() string { return "invites" }

func (r inviteRow) invite() people.Invite {
	return people.Invite{
		ID: r.ID, Workspace: people.Workspace{ID: r.WorkspaceID}, Role: people.Role(r.Role), Email: r.Email, MadeBy: r.MadeBy,
		CreatedAt: r.CreatedAt.time(), ExpiresAt: r.ExpiresAt.time(), AcceptedBy: r.AcceptedBy, AcceptedAt: r.AcceptedAt.time(), RevokedAt: r.RevokedAt.time(),
	}
}

// Members lists the people of a workspace, who came first coming first.
func (s *Store) Members(ctx context.Context, workspace string) ([]people.Member, error) {
	var rows []struct {
		ID, Email, Role string
		Since           stamp
	}
	err := s.read(ctx).Raw(`SELECT u.id, u.email, m.role, m.created_at AS since FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.workspace_id = ? ORDER BY m.created_at, u.id`, clean(workspace)).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the people of workspace %s: %w", workspace, err)
	}
	out := make([]people.Member, len(rows))
	for i, r := range rows {
		out[i] = people.Member{User: people.User{ID: r.ID, Email: r.Email}, Role: people.Role(r.Role), Since: r.Since.time()}
	}
	return out, nil
}

// SetRole gives a member another role; people.ErrLastOwner when nobody would own the workspace afterwards.
func (s *Store) SetRole(ctx context.Context, workspace, user string, role people.Role) error {
	err := s.write(ctx, func(u *unit) error {
		if err := u.leavesAnOwner(workspace, user, role); err != nil {
			return err
		}
		return u.Exec("UPDATE memberships SET role = ? WHERE workspace_id = ? AND user_id = ?", string(role), clean(workspace), clean(user)).Error
	})
	if err != nil {
		return fmt.Errorf("change the role of user %s: %w", user, err)
	}
	return nil
}

// RemoveMember ends a membership, and with it what the person's sessions may see of the workspace.
// people.ErrLastOwner when nobody would own the workspace afterwards.
func (s *Store) RemoveMember(ctx context.Context, workspace, user string) error {
	err := s.write(ctx, func(u *unit) error {
		if err := u.leavesAnOwner(workspace, user, ""); err != nil {
			return err
		}
		return u.Exec("DELETE FROM memberships WHERE workspace_id = ? AND user_id = ?", clean(workspace), clean(user)).Error
	})
	if err != nil {
		return fmt.Errorf("remove user %s from the workspace: %w", user, err)
	}
	return nil
}

// leavesAnOwner refuses a change of a member's role that would leave the workspace without an owner. Changes of one
// workspace's people come one after the other: the row of the workspace is their lock.
func (u *unit) leavesAnOwner(workspace, user string, becomes people.Role) error {
	if err := one(u.Exec("UPDATE workspaces SET name = name WHERE id = ?", clean(workspace))); err != nil {
		return err
	}
	var m membershipRow
	if err := u.Where("workspace_id = ? AND user_id = ?", clean(workspace), clean(user)).Take(&m).Error; err != nil {
		return found(err)
	}
	if people.Role(m.Role) != people.Owner || becomes == people.Owner {
		return nil
	}
	var owners int
	err := u.Raw("SELECT COUNT(*) FROM memberships WHERE workspace_id = ? AND role = 'owner'", clean(workspace)).Scan(&owners).Error
	if err == nil && owners < 2 {
		return people.ErrLastOwner
	}
	return err
}

// CreateInvite stores an invite. Of what its link holds only the hash gets here.
func (s *Store) CreateInvite(ctx context.Context, i people.Invite, tokenHash []byte) error {
	row := inviteRow{
		ID: i.ID, WorkspaceID: i.Workspace.ID, Role: string(i.Role), Email: clean(strings.TrimSpace(i.Email)), TokenHash: tokenHash,
		MadeBy: clean(i.MadeBy), CreatedAt: at(i.CreatedAt), ExpiresAt: at(i.ExpiresAt),
	}
	if err := s.write(ctx, func(u *unit) error { return u.Create(&row).Error }); err != nil {
		return fmt.Errorf("create invite %s: %w", i.ID, err)
	}
	return nil
}

// invitesShown bounds the list of invites.
const invitesShown = 50

// Invites lists a workspace's invites, the newest first, whatever became of them.
func (s *Store) Invites(ctx context.Context, workspace string) ([]people.Invite, error) {
	var rows []inviteRow
	if err := s.read(ctx).Where("workspace_id = ?", clean(workspace)).Order("created_at DESC, id DESC").Limit(invitesShown).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the invites of workspace %s: %w", workspace, err)
	}
	out := make([]people.Invite, len(rows))
	for i, r := range rows {
		out[i] = r.invite()
	}
	return out, nil
}

// RevokeInvite ends an invite that is open; engine.ErrConflict when it was accepted or revoked before.
func (s *Store) RevokeInvite(ctx context.Context, workspace, id string) error {
	err := s.write(ctx, func(u *unit) error {
		res := u.Exec("UPDATE invites SET revoked_at = ? WHERE id = ? AND workspace_id = ? AND accepted_at = 0 AND revoked_at = 0", int64(at(u.now)), clean(id), clean(workspace))
		if res.Error != nil || res.RowsAffected > 0 {
			return res.Error
		}
		if err := u.Where("id = ? AND workspace_id = ?", clean(id), clean(workspace)).Take(&inviteRow{}).Error; err != nil {
			return found(err)
		}
		return engine.ErrConflict
	})
	if err != nil {
		return fmt.Errorf("revoke invite %s: %w", id, err)
	}
	return nil
}

const openInvite = "token_hash = ? AND accepted_at = 0 AND revoked_at = 0 AND expires_at > ?"

// InviteByToken finds an invite that may be accepted; engine.ErrNotFound when there is none, whatever the reason.
func (s *Store) InviteByToken(ctx context.Context, tokenHash []byte, now time.Time) (people.Invite, error) {
	var row inviteRow
	if err := s.read(ctx).Where(openInvite, tokenHash, int64(at(now))).Take(&row).Error; err != nil {
		return people.Invite{}, fmt.Errorf("read invite: %w", found(err))
	}
	i := row.invite()
	var w workspaceRow
	if err := s.read(ctx).Where("id = ?", row.WorkspaceID).Take(&w).Error; err != nil {
		return i, fmt.Errorf("read the workspace of invite %s: %w", i.ID, found(err))
	}
	i.Workspace.Name, i.Workspace.CreatedAt = w.Name, w.CreatedAt.time()
	return i, nil
}

// AcceptInvite makes a person a member, once: a user there is already, or a new one who is stored along. It answers
// engine.ErrNotFound when the invite may not be accepted any more, and engine.ErrConflict when a new user's email is
// taken. Who is a member already keeps the stronger role.
func (s *Store) AcceptInvite(ctx context.Context, tokenHash []byte, p people.User, isNew bool, now time.Time) (people.Invite, error) {
	var got people.Invite
	err := s.write(ctx, func(u *unit) error {
		var rows []inviteRow
		err := u.Raw("UPDATE invites SET accepted_by = ?, accepted_at = ? WHERE "+openInvite+" RETURNING *", clean(p.Email), int64(at(now)), tokenHash, int64(at(now))).Scan(&rows).Error
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return engine.ErrNotFound
		}
		got = rows[0].invite()
		if got.Email != "" && emailKey(got.Email) != emailKey(p.Email) {
			return engine.ErrNotFound
		}
		if isNew {
			res := u.Exec(`INSERT INTO users (id, email, email_key, password_hash, created_at, founder) VALUES (?, ?, ?, ?, ?, FALSE) ON CONFLICT DO NOTHING`,
				p.ID, clean(strings.TrimSpace(p.Email)), emailKey(p.Email), p.PasswordHash, int64(at(now)))
			if res.Error == nil && res.RowsAffected == 0 {
				return engine.ErrConflict
			}
			if res.Error != nil {
				return res.Error
			}
		}
		return u.join(got.Workspace.ID, p.ID, got.Role, now)
	})
	if err != nil {
		return people.Invite{}, fmt.Errorf("accept invite: %w", err)
	}
	return got, nil
}

// join makes a user a member; one who is already keeps the stronger role.
func (u *unit) join(workspace, user string, role people.Role, now time.Time) error {
	var m membershipRow
	err := u.Where("workspace_id = ? AND user_id = ?", workspace, user).Take(&m).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return u.Create(&membershipRow{WorkspaceID: workspace, UserID: user, Role: string(role), CreatedAt: at(now)}).Error
	case err != nil:
		return err
	case people.Role(m.Role).AtLeast(role):
		return nil
	}
	return u.Exec("UPDATE memberships SET role = ? WHERE workspace_id = ? AND user_id = ?", string(role), workspace, user).Error
}
