package store

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/people"
)

type auditRow struct {
	ID          string `gorm:"primaryKey"`
	At          stamp
	WorkspaceID string
	UserID      string
	Actor       string
	Address     string
	Kind        string
	Subject     string
	Object      string
	Before      string
	After       string
	RequestID   string
}

func (auditRow) TableName() string { return "audit_entries" }

// auditText bounds each text of an entry, in bytes.
const auditText = 2000

func clipped(s string) string {
	if len(s) <= auditText {
		return clean(s)
	}
	return clean(s[:auditText]) + "…"
}

// RecordAct adds an entry to the audit log. The table refuses to change one. An act that is a write of this store is not
// recorded with it but by people.WithActs, with the write.
func (s *Store) RecordAct(ctx context.Context, e people.AuditEntry) error {
	return s.write(ctx, func(u *unit) error { return u.recordActs([]people.AuditEntry{e}) })
}

func (u *unit) recordActs(acts []people.AuditEntry) error {
	for _, e := range acts {
		if err := u.recordAct(e); err != nil {
			return fmt.Errorf("record %s: %w", e.Kind, err)
		}
	}
	return nil
}

func (u *unit) recordAct(e people.AuditEntry) error {
	row := auditRow{
		ID: e.ID, At: at(e.At), WorkspaceID: clean(e.Workspace), UserID: clean(e.User), Actor: clipped(e.Actor), Address: clipped(e.Address),
		Kind: string(e.Kind), Subject: clipped(e.Subject), Object: clipped(e.Object), Before: clipped(e.Before), After: clipped(e.After), RequestID: clean(e.Request),
	}
	if row.At == 0 {
		row.At = at(u.now)
	}
	return u.Create(&row).Error
}

// auditSeen is what the owners of a workspace see: what was done in it, and, where the founder is an owner, what was
// done in none.
const auditSeen = `(workspace_id = ? OR workspace_id = '' AND EXISTS (SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = ? AND m.role = 'owner' AND u.founder))`

// AuditEntries reads a workspace's audit log, newest first.
func (s *Store) AuditEntries(ctx context.Context, workspace string, f people.AuditFilter) ([]people.AuditEntry, error) {
	w := string(s.In(workspace).scope)
	q := s.read(ctx).Model(&auditRow{}).Where(auditSeen, w, w).Order("id DESC").Limit(limited(f.Limit))
	if f.Actor != "" {
		q = q.Where("actor = ?", clean(f.Actor))
	}
	if f.Kind != "" {
		q = q.Where("kind = ?", string(f.Kind))
	}
	if !f.Since.IsZero() {
		q = q.Where("at >= ?", int64(at(f.Since)))
	}
	if !f.Till.IsZero() {
		q = q.Where("at < ?", int64(at(f.Till)))
	}
	if f.Before != "" {
		q = q.Where("id < ?", clean(f.Before))
	}
	var rows []auditRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the audit log of %s: %w", workspace, err)
	}
	out := make([]people.AuditEntry, len(rows))
	for i, r := range rows {
		out[i] = people.AuditEntry{
			ID: r.ID, At: r.At.time(), Workspace: r.WorkspaceID, User: r.UserID, Actor: r.Actor, Address: r.Address, Kind: people.AuditKind(r.Kind),
			Subject: r.Subject, Object: r.Object, Before: r.Before, After: r.After, Request: r.RequestID,
		}
	}
	return out, nil
}

// AuditActors are those who appear in a workspace's audit log, by name.
func (s *Store) AuditActors(ctx context.Context, workspace string) ([]string, error) {
	w := string(s.In(workspace).scope)
	var names []string
	err := s.read(ctx).Model(&auditRow{}).Where(auditSeen, w, w).Distinct("actor").Order("actor").Limit(maxPage).Pluck("actor", &names).Error
	if err != nil {
		return nil, fmt.Errorf("read who is in the audit log of %s: %w", workspace, err)
	}
	return names, nil
}

// PruneAudit deletes entries older than before. The table keeps those of the last month whatever is asked.
func (s *Store) PruneAudit(ctx context.Context, before time.Time) error {
	err := s.pruneAll(ctx, `DELETE FROM audit_entries WHERE id IN (SELECT x.id FROM audit_entries x WHERE x.at < ? LIMIT ?)`, []any{int64(at(before)), pruneChunk})
	if err != nil {
		return fmt.Errorf("prune the audit log: %w", err)
	}
	return nil
}
