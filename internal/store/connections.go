package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/oauth2"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

var _ connection.Store = (*Store)(nil)

type connectionRow struct {
	ID          string `gorm:"primaryKey"`
	Provider    string
	Name        string
	AccountID   string
	Account     string
	Auth        string
	State       string
	Problem     string
	ProblemCode string
	Scopes      string
	BaseURL     string
	HookSecret  string
	ClientID    string
	Endpoint    string
	CreatedAt   stamp `gorm:"autoCreateTime:false"`
	CheckedAt   stamp
	RotatedAt   stamp
	ExpiresAt   stamp
	WorkspaceID string
	DownSince   stamp

	OldHookSecret string
	OldHookUntil  stamp
}

func (connectionRow) TableName() string { return "connections" }

type grantRow struct {
	ConnectionID string `gorm:"primaryKey"`
	Sealed       []byte
	Generation   int64
	LeaseOwner   string
	LeaseUntil   stamp
	Failures     int
	RetryAt      stamp
}

func (grantRow) TableName() string { return "grants" }

func (r grantRow) grant() connection.SealedGrant {
	return connection.SealedGrant{
		Sealed: r.Sealed, Generation: r.Generation, LeaseOwner: r.LeaseOwner, LeaseUntil: r.LeaseUntil.time(), Failures: r.Failures, RetryAt: r.RetryAt.time(),
	}
}

type pendingRow struct {
	StateHash   string `gorm:"primaryKey"`
	BindingHash string
	ExpiresAt   stamp
	Document    string
	Sealed      []byte
	WorkspaceID string
}

func (pendingRow) TableName() string { return "pending_authorizations" }

// accountDoc and endpointDoc are stored forms: keys stay though the types they come from belong to others.
type accountDoc struct {
	ID        string `json:"id,omitempty"`
	Name      string `json:"name,omitempty"`
	CompanyID string `json:"companyId,omitempty"`
	Zone      string `json:"zone,omitempty"`
	Country   string `json:"country,omitempty"`
	Host      string `json:"host,omitempty"`
}

type endpointDoc struct {
	AuthURL       string `json:"authUrl,omitempty"`
	DeviceAuthURL string `json:"deviceAuthUrl,omitempty"`
	TokenURL      string `json:"tokenUrl,omitempty"`
	AuthStyle     int    `json:"authStyle,omitempty"`
}

func endpointOf(e oauth2.Endpoint) endpointDoc {
	return endpointDoc{e.AuthURL, e.DeviceAuthURL, e.TokenURL, int(e.AuthStyle)}
}

func (d endpointDoc) endpoint() oauth2.Endpoint {
	return oauth2.Endpoint{AuthURL: d.AuthURL, DeviceAuthURL: d.DeviceAuthURL, TokenURL: d.TokenURL, AuthStyle: oauth2.AuthStyle(d.AuthStyle)}
}

type pendingDoc struct {
	Provider    provider.ID         `json:"provider"`
	Reconnect   record.ConnectionID `json:"reconnect,omitempty"`
	BaseURL     string              `json:"baseUrl,omitempty"`
	Account     string              `json:"account,omitempty"`
	ClientID    string              `json:"clientId,omitempty"`
	RedirectURL string              `json:"redirectUrl,omitempty"`
	Endpoint    endpointDoc         `json:"endpoint,omitzero"`
	Scopes      []string            `json:"scopes,omitempty"`
}

func rowOfConnection(c connection.Connection) (connectionRow, error) {
	account, err := encode("account", accountDoc(c.Account))
	if err != nil {
		return connectionRow{}, err
	}
	scopes, err := encode("scopes", c.Scopes)
	if err != nil {
		return connectionRow{}, err
	}
	endpoint, err := encode("endpoint", endpointOf(c.Endpoint))
	return connectionRow{
		ID: string(c.ID), Provider: string(c.Provider), Name: clean(c.Name), AccountID: clean(c.Account.Key()), Account: account,
		Auth: string(c.Auth), State: string(c.State), Problem: clean(c.Problem), ProblemCode: clean(c.ProblemCode), Scopes: scopes,
		BaseURL: clean(c.BaseURL), HookSecret: c.HookSecret, OldHookSecret: c.OldHookSecret, OldHookUntil: at(c.OldHookUntil), ClientID: clean(c.ClientID), Endpoint: endpoint,
		CreatedAt: at(c.CreatedAt), CheckedAt: at(c.CheckedAt), RotatedAt: at(c.RotatedAt), ExpiresAt: at(c.ExpiresAt), WorkspaceID: clean(c.Workspace),
		DownSince: at(c.DownSince),
	}, err
}

func (r connectionRow) connection() (connection.Connection, error) {
	var account accountDoc
	var endpoint endpointDoc
	c := connection.Connection{
		ID: record.ConnectionID(r.ID), Workspace: r.WorkspaceID, Provider: provider.ID(r.Provider), Name: r.Name, Auth: connection.AuthKind(r.Auth),
		State: connection.State(r.State), Problem: r.Problem, ProblemCode: r.ProblemCode, BaseURL: r.BaseURL,
		HookSecret: r.HookSecret, OldHookSecret: r.OldHookSecret, OldHookUntil: r.OldHookUntil.time(), ClientID: r.ClientID, CreatedAt: r.CreatedAt.time(), CheckedAt: r.CheckedAt.time(),
		RotatedAt: r.RotatedAt.time(), ExpiresAt: r.ExpiresAt.time(), DownSince: r.DownSince.time(),
	}
	err := errors.Join(decode("account of "+r.ID, r.Account, &account), decode("scopes of "+r.ID, r.Scopes, &c.Scopes), decode("endpoint of "+r.ID, r.Endpoint, &endpoint))
	c.Account, c.Endpoint = provider.Account(account), endpoint.endpoint()
	return c, err
}

// unknown turns the store's word for no row into connection's.
func unknown(err error) error {
	if errors.Is(found(err), engine.ErrNotFound) {
		return connection.ErrNotFound
	}
	return err
}

// Connections lists those not removed, oldest first.
func (s *Store) Connections(ctx context.Context) ([]connection.Connection, error) {
	return s.listConnections(ctx, everywhere)
}

func (s *Store) listConnections(ctx context.Context, sc scope) ([]connection.Connection, error) {
	var rows []connectionRow
	if err := sc.inWorkspace(s.read(ctx).Model(&connectionRow{})).Where("state <> ?", string(connection.Removed)).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read connections: %w", err)
	}
	out := make([]connection.Connection, 0, len(rows))
	for _, r := range rows {
		c, err := r.connection()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Connection reads one, removed or not.
func (s *Store) Connection(ctx context.Context, id record.ConnectionID) (connection.Connection, error) {
	return s.readConnection(ctx, everywhere, id)
}

func (s *Store) readConnection(ctx context.Context, sc scope, id record.ConnectionID) (connection.Connection, error) {
	var row connectionRow
	if err := sc.inWorkspace(s.read(ctx).Model(&connectionRow{})).Where("id = ?", clean(string(id))).Take(&row).Error; err != nil {
		return connection.Connection{}, fmt.Errorf("read connection %s: %w", id, unknown(err))
	}
	return row.connection()
}

// ConnectionByAccount finds one that is not removed.
func (s *Store) ConnectionByAccount(ctx context.Context, p provider.ID, account string) (connection.Connection, bool, error) {
	return s.findConnection(ctx, everywhere, "account_id", p, account)
}

// ConnectionByHook finds the one a webhook address belongs to.
func (s *Store) ConnectionByHook(ctx context.Context, p provider.ID, secret string) (connection.Connection, bool, error) {
	return s.findConnection(ctx, everywhere, "hook_secret", p, secret)
}

func (s *Store) findConnection(ctx context.Context, sc scope, column string, p provider.ID, value string) (connection.Connection, bool, error) {
	if value == "" {
		return connection.Connection{}, false, nil
	}
	var row connectionRow
	err := sc.inWorkspace(s.read(ctx).Model(&connectionRow{})).Where("provider = ? AND "+column+" = ? AND state <> ?", string(p), clean(value), string(connection.Removed)).
		Order("created_at, id").Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return connection.Connection{}, false, nil
	}
	if err != nil {
		return connection.Connection{}, false, fmt.Errorf("find a connection of %s: %w", p, err)
	}
	c, err := row.connection()
	return c, err == nil, err
}

// accountTaken turns the word of the index over accounts into connection's.
func accountTaken(err error) error {
	if err == nil {
		return nil
	}
	p, isPostgres := errors.AsType[*pgconn.PgError](err)
	if isPostgres && p.ConstraintName == "connections_account_once" || strings.Contains(err.Error(), "UNIQUE constraint failed: connections.provider, connections.account_id") {
		return connection.ErrTaken
	}
	return err
}

// SaveConnection creates or replaces a connection; a sealed grant takes the next generation and ends any lease.
func (s *Store) SaveConnection(ctx context.Context, c connection.Connection, sealed []byte) error {
	row, err := rowOfConnection(c)
	if err != nil {
		return fmt.Errorf("save connection %s: %w", c.ID, err)
	}
	err = s.write(ctx, func(u *unit) error {
		if err := u.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil || sealed == nil {
			return accountTaken(err)
		}
		return putGrant(u, row.ID, sealed)
	})
	if err != nil {
		return fmt.Errorf("save connection %s: %w", c.ID, err)
	}
	return nil
}

// putGrant replaces a grant, with the next generation and without a lease.
func putGrant(u *unit, id string, sealed []byte) error {
	return u.Exec(`INSERT INTO grants (connection_id, sealed, generation) VALUES (?, ?, 1)
		ON CONFLICT (connection_id) DO UPDATE SET sealed = excluded.sealed, generation = grants.generation + 1,
		lease_owner = '', lease_until = 0, failures = 0, retry_at = 0`, id, sealed).Error
}

// SaveHealth updates state, problem, account, scopes and when it was checked, and nothing secret. A removed or uninstalled connection
// stays so, whatever a check that was under way has found.
func (s *Store) SaveHealth(ctx context.Context, c connection.Connection) error {
	row, err := rowOfConnection(c)
	if err != nil {
		return fmt.Errorf("save health of %s: %w", c.ID, err)
	}
	err = s.write(ctx, func(u *unit) error {
		err := one(u.Model(&connectionRow{}).Where("id = ? AND state NOT IN ?", row.ID, []string{string(connection.Removed), string(connection.Uninstalled)}).
			Select("account_id", "account", "state", "problem", "problem_code", "scopes", "checked_at").Updates(&row))
		if err != nil {
			return err
		}
		// Of what it is now, not of what the caller last saw: somebody else may have found it down first.
		return u.Exec("UPDATE connections SET down_since = CASE WHEN state = ? THEN 0 WHEN down_since = 0 THEN checked_at ELSE down_since END WHERE id = ?",
			string(connection.Active), row.ID).Error
	})
	if err != nil {
		return fmt.Errorf("save health of %s: %w", c.ID, unknown(err))
	}
	return nil
}

// RemoveConnection marks it removed and destroys its grant.
func (s *Store) RemoveConnection(ctx context.Context, id record.ConnectionID) error {
	err := s.write(ctx, func(u *unit) error {
		err := one(u.Model(&connectionRow{}).Where("id = ?", string(id)).
			Updates(map[string]any{"state": string(connection.Removed), "hook_secret": "", "old_hook_secret": "", "problem": "", "problem_code": ""}))
		if err != nil {
			return err
		}
		if err := u.endFrames(string(id)); err != nil {
			return err
		}
		return u.Exec("DELETE FROM grants WHERE connection_id = ?", string(id)).Error
	})
	if err != nil {
		return fmt.Errorf("remove connection %s: %w", id, unknown(err))
	}
	return nil
}

// UninstallConnection marks it uninstalled and destroys its grant.
func (s *Store) UninstallConnection(ctx context.Context, id record.ConnectionID, why string, when time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		err := one(u.Model(&connectionRow{}).Where("id = ? AND state <> ?", string(id), string(connection.Removed)).
			Updates(map[string]any{"state": string(connection.Uninstalled), "problem": clean(why), "problem_code": "uninstalled", "expires_at": int64(0),
				"down_since": gorm.Expr("CASE WHEN down_since = 0 THEN ? ELSE down_since END", int64(at(when)))}))
		if err != nil {
			return err
		}
		if err := u.endFrames(string(id)); err != nil {
			return err
		}
		return u.Exec("DELETE FROM grants WHERE connection_id = ?", string(id)).Error
	})
	if err != nil {
		return fmt.Errorf("uninstall connection %s: %w", id, unknown(err))
	}
	return nil
}

// LoadGrant reads the sealed grant as it is now.
func (s *Store) LoadGrant(ctx context.Context, id record.ConnectionID) (connection.SealedGrant, error) {
	var row grantRow
	if err := s.read(ctx).Where("connection_id = ?", string(id)).Take(&row).Error; err != nil {
		return connection.SealedGrant{}, fmt.Errorf("read grant of %s: %w", id, unknown(err))
	}
	return row.grant(), nil
}

// LeaseGrant takes the sole right to renew until the deadline.
func (s *Store) LeaseGrant(ctx context.Context, id record.ConnectionID, owner string, now, until time.Time) (connection.SealedGrant, bool, error) {
	var rows []grantRow
	err := s.write(ctx, func(u *unit) error {
		rows = nil
		err := u.Raw(`UPDATE grants SET lease_owner = ?, lease_until = ?, retry_at = ? WHERE connection_id = ?
			AND (lease_owner = '' OR lease_owner = ? OR lease_until <= ?) RETURNING *`,
			owner, int64(at(until)), int64(at(until)), string(id), owner, int64(at(now))).Scan(&rows).Error
		if err != nil || len(rows) > 0 {
			return err
		}
		// Somebody has it, or there is nothing to have.
		return u.Where("connection_id = ?", string(id)).Take(&grantRow{}).Error
	})
	if err != nil {
		return connection.SealedGrant{}, false, fmt.Errorf("lease grant of %s: %w", id, unknown(err))
	}
	if len(rows) == 0 {
		return connection.SealedGrant{}, false, nil
	}
	return rows[0].grant(), true, nil
}

// RotateGrant stores the next grant if the generation is still from, and ends the lease.
func (s *Store) RotateGrant(ctx context.Context, id record.ConnectionID, from int64, sealed []byte, rotatedAt, expiresAt time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		res := u.Exec(`UPDATE grants SET sealed = ?, generation = generation + 1, lease_owner = '', lease_until = 0, failures = 0, retry_at = 0
			WHERE connection_id = ? AND generation = ?`, sealed, string(id), from)
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			if err := u.Where("connection_id = ?", string(id)).Take(&grantRow{}).Error; err != nil {
				return err
			}
			return connection.ErrMoved
		}
		for _, table := range []string{"connections", "installations"} {
			if err := u.Exec("UPDATE "+table+" SET rotated_at = ?, expires_at = ? WHERE id = ?", int64(at(rotatedAt)), int64(at(expiresAt)), string(id)).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("rotate grant of %s: %w", id, unknown(err))
	}
	return nil
}

// ReleaseGrant ends a lease without rotating; one that is somebody else's stays.
func (s *Store) ReleaseGrant(ctx context.Context, id record.ConnectionID, owner string) error {
	err := s.write(ctx, func(u *unit) error {
		return u.Exec("UPDATE grants SET lease_owner = '', lease_until = 0, failures = 0, retry_at = 0 WHERE connection_id = ? AND lease_owner = ?", string(id), owner).Error
	})
	if err != nil {
		return fmt.Errorf("release grant of %s: %w", id, err)
	}
	return nil
}

// PostponeGrant ends a lease until the renewal is tried again; one that is somebody else's stays.
func (s *Store) PostponeGrant(ctx context.Context, id record.ConnectionID, owner string, failures int, retryAt time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		return u.Exec("UPDATE grants SET lease_owner = '', lease_until = 0, failures = ?, retry_at = ? WHERE connection_id = ? AND lease_owner = ?",
			failures, int64(at(retryAt)), string(id), owner).Error
	})
	if err != nil {
		return fmt.Errorf("postpone the renewal of %s: %w", id, err)
	}
	return nil
}

// Retries are the renewals that were left undone, the least often failed first.
func (s *Store) Retries(ctx context.Context) ([]connection.Retry, error) {
	return s.listRetries(ctx, everywhere)
}

func (s *Store) listRetries(ctx context.Context, sc scope) ([]connection.Retry, error) {
	active := func(of any) *gorm.DB {
		return sc.inWorkspace(s.read(ctx).Model(of)).Where("state = ?", string(connection.Active)).Select("id")
	}
	var rows []grantRow
	err := s.read(ctx).Select("connection_id", "failures", "retry_at").
		Where("retry_at > 0 AND (connection_id IN (?) OR connection_id IN (?))", active(&connectionRow{}), active(&installationRow{})).
		Order("failures, retry_at, connection_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the renewals that were left undone: %w", err)
	}
	out := make([]connection.Retry, len(rows))
	for i, r := range rows {
		out[i] = connection.Retry{ID: record.ConnectionID(r.ConnectionID), Failures: r.Failures, At: r.RetryAt.time()}
	}
	return out, nil
}

// PutPending keeps an authorisation until its answer comes back.
func (s *Store) PutPending(ctx context.Context, p connection.Pending) error {
	return s.putPending(ctx, "", p)
}

func (s *Store) putPending(ctx context.Context, workspace string, p connection.Pending) error {
	doc, err := encode("pending authorisation", pendingDoc{
		Provider: p.Provider, Reconnect: p.Reconnect, BaseURL: p.BaseURL, Account: p.Account, ClientID: p.ClientID,
		RedirectURL: p.RedirectURL, Endpoint: endpointOf(p.Endpoint), Scopes: p.Scopes,
	})
	if err != nil {
		return err
	}
	row := pendingRow{StateHash: p.StateHash, BindingHash: p.BindingHash, ExpiresAt: at(p.ExpiresAt), Document: doc, Sealed: p.Sealed, WorkspaceID: workspace}
	if row.Sealed == nil {
		row.Sealed = []byte{}
	}
	if err := s.write(ctx, func(u *unit) error { return u.Create(&row).Error }); err != nil {
		return fmt.Errorf("keep pending authorisation: %w", err)
	}
	return nil
}

// TakePending removes and returns a pending authorisation; it can be taken once. Of several that one browser
// began, the youngest is meant. Another browser's is returned and stays.
func (s *Store) TakePending(ctx context.Context, stateHash, bindingHash string, now time.Time) (connection.Pending, error) {
	return s.takePending(ctx, "", stateHash, bindingHash, now)
}

func (s *Store) takePending(ctx context.Context, workspace, stateHash, bindingHash string, now time.Time) (connection.Pending, error) {
	where, values := "workspace_id = ? AND binding_hash = ?", []any{workspace, clean(bindingHash)}
	if stateHash != "" {
		where, values = where+" AND state_hash = ?", append(values, clean(stateHash))
	}
	var rows []pendingRow
	err := s.write(ctx, func(u *unit) error {
		rows = nil
		err := u.Raw(`DELETE FROM pending_authorizations WHERE state_hash IN
			(SELECT state_hash FROM pending_authorizations WHERE `+where+` ORDER BY expires_at DESC LIMIT 1) RETURNING *`, values...).Scan(&rows).Error
		if err != nil || len(rows) > 0 || stateHash == "" {
			return err
		}
		return u.Where("workspace_id = ? AND state_hash = ?", workspace, clean(stateHash)).Find(&rows).Error
	})
	if err != nil {
		return connection.Pending{}, fmt.Errorf("take pending authorisation: %w", err)
	}
	if len(rows) == 0 || !rows[0].ExpiresAt.time().After(now) {
		return connection.Pending{}, fmt.Errorf("take pending authorisation: %w", connection.ErrNotFound)
	}
	return rows[0].pending()
}

func (r pendingRow) pending() (connection.Pending, error) {
	var d pendingDoc
	err := decode("pending authorisation", r.Document, &d)
	return connection.Pending{
		StateHash: r.StateHash, BindingHash: r.BindingHash, ExpiresAt: r.ExpiresAt.time(), Sealed: r.Sealed,
		Provider: d.Provider, Reconnect: d.Reconnect, BaseURL: d.BaseURL, Account: d.Account, ClientID: d.ClientID,
		RedirectURL: d.RedirectURL, Endpoint: d.Endpoint.endpoint(), Scopes: d.Scopes,
	}, err
}
