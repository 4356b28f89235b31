package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

type arrivalRow struct {
	ID          string `gorm:"primaryKey"`
	BindingHash string
	ArrivedAt   stamp
	ExpiresAt   stamp
	Document    string
	Sealed      []byte
}

func (arrivalRow) TableName() string { return "arrivals" }

type arrivalDoc struct {
	Provider  provider.ID         `json:"provider"`
	Reconnect record.ConnectionID `json:"reconnect,omitempty"`
	Account   accountDoc          `json:"account"`
	Scopes    []string            `json:"scopes,omitempty"`
	BaseURL   string              `json:"baseUrl,omitempty"`
	ClientID  string              `json:"clientId,omitempty"`
	Endpoint  endpointDoc         `json:"endpoint,omitzero"`
}

func (r arrivalRow) arrival() (connection.Arrival, error) {
	var d arrivalDoc
	err := decode("arrival "+r.ID, r.Document, &d)
	return connection.Arrival{
		ID: r.ID, BindingHash: r.BindingHash, ArrivedAt: r.ArrivedAt.time(), ExpiresAt: r.ExpiresAt.time(), Sealed: r.Sealed,
		Provider: d.Provider, Reconnect: d.Reconnect, Account: provider.Account(d.Account), Scopes: d.Scopes,
		BaseURL: d.BaseURL, ClientID: d.ClientID, Endpoint: d.Endpoint.endpoint(),
	}, err
}

// PutArrival keeps an installation until it is claimed.
func (s *Store) PutArrival(ctx context.Context, a connection.Arrival) error {
	doc, err := encode("arrival", arrivalDoc{
		Provider: a.Provider, Reconnect: a.Reconnect, Account: accountDoc(a.Account), Scopes: a.Scopes,
		BaseURL: a.BaseURL, ClientID: a.ClientID, Endpoint: endpointOf(a.Endpoint),
	})
	if err != nil {
		return err
	}
	row := arrivalRow{ID: a.ID, BindingHash: a.BindingHash, ArrivedAt: at(a.ArrivedAt), ExpiresAt: at(a.ExpiresAt), Document: doc, Sealed: a.Sealed}
	if err := s.write(ctx, func(u *unit) error { return u.Create(&row).Error }); err != nil {
		return fmt.Errorf("keep arrival: %w", err)
	}
	return nil
}

// Arrival is the youngest a browser brought.
func (s *Store) Arrival(ctx context.Context, bindingHash string, now time.Time) (connection.Arrival, error) {
	var row arrivalRow
	err := s.read(ctx).Where("binding_hash = ? AND expires_at > ?", bindingHash, int64(at(now))).Order("expires_at DESC").Take(&row).Error
	if err != nil {
		return connection.Arrival{}, fmt.Errorf("read arrival: %w", unknown(err))
	}
	return row.arrival()
}

// TakeArrival removes and returns an arrival; it can be taken once, and by the browser that brought it.
func (s *Store) TakeArrival(ctx context.Context, id, bindingHash string, now time.Time) (connection.Arrival, error) {
	var rows []arrivalRow
	err := s.write(ctx, func(u *unit) error {
		rows = nil
		err := u.Raw("DELETE FROM arrivals WHERE id = ? AND binding_hash = ? RETURNING *", clean(id), bindingHash).Scan(&rows).Error
		if err == nil && len(rows) == 0 {
			return connection.ErrNotFound // what is not there is not taken, and no act
		}
		return err
	})
	if err != nil {
		return connection.Arrival{}, fmt.Errorf("take arrival: %w", err)
	}
	if !rows[0].ExpiresAt.time().After(now) {
		return connection.Arrival{}, fmt.Errorf("take arrival: %w", connection.ErrNotFound)
	}
	return rows[0].arrival()
}

type installationRow struct {
	ID          string `gorm:"primaryKey"`
	WorkspaceID string
	Provider    string
	CompanyID   string
	AccountID   string
	Account     string
	State       string
	Problem     string
	Scopes      string
	BaseURL     string
	ClientID    string
	Endpoint    string
	InstalledAt stamp
	RemovedAt   stamp
	RotatedAt   stamp
	ExpiresAt   stamp
}

func (installationRow) TableName() string { return "installations" }

func rowOfInstallation(i connection.Installation) (installationRow, error) {
	account, err := encode("account", accountDoc(i.Account))
	if err != nil {
		return installationRow{}, err
	}
	scopes, err := encode("scopes", i.Scopes)
	if err != nil {
		return installationRow{}, err
	}
	endpoint, err := encode("endpoint", endpointOf(i.Endpoint))
	return installationRow{
		ID: string(i.ID), WorkspaceID: clean(i.Workspace), Provider: string(i.Provider), CompanyID: clean(i.Account.CompanyID), AccountID: clean(i.Account.ID), Account: account,
		State: string(i.State), Problem: clean(i.Problem), Scopes: scopes, BaseURL: clean(i.BaseURL), ClientID: clean(i.ClientID), Endpoint: endpoint,
		InstalledAt: at(i.InstalledAt), RemovedAt: at(i.RemovedAt), RotatedAt: at(i.RotatedAt), ExpiresAt: at(i.ExpiresAt),
	}, err
}

func (r installationRow) installation() (connection.Installation, error) {
	var account accountDoc
	var endpoint endpointDoc
	i := connection.Installation{
		ID: record.ConnectionID(r.ID), Workspace: r.WorkspaceID, Provider: provider.ID(r.Provider), State: connection.State(r.State), Problem: r.Problem,
		BaseURL: r.BaseURL, ClientID: r.ClientID, InstalledAt: r.InstalledAt.time(), RemovedAt: r.RemovedAt.time(), RotatedAt: r.RotatedAt.time(), ExpiresAt: r.ExpiresAt.time(),
	}
	err := errors.Join(decode("account of "+r.ID, r.Account, &account), decode("scopes of "+r.ID, r.Scopes, &i.Scopes), decode("endpoint of "+r.ID, r.Endpoint, &endpoint))
	i.Account, i.Endpoint = provider.Account(account), endpoint.endpoint()
	return i, err
}

// Installations lists what is installed, oldest first.
func (s *Store) Installations(ctx context.Context) ([]connection.Installation, error) {
	return s.listInstallations(ctx, everywhere)
}

func (s *Store) listInstallations(ctx context.Context, sc scope) ([]connection.Installation, error) {
	var rows []installationRow
	if err := sc.inWorkspace(s.read(ctx)).Where("state <> ?", string(connection.Uninstalled)).Order("installed_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read installations: %w", err)
	}
	out := make([]connection.Installation, 0, len(rows))
	for _, r := range rows {
		i, err := r.installation()
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

// Installation reads one, installed or not any more.
func (s *Store) Installation(ctx context.Context, id record.ConnectionID) (connection.Installation, error) {
	var row installationRow
	if err := s.read(ctx).Where("id = ?", clean(string(id))).Take(&row).Error; err != nil {
		return connection.Installation{}, fmt.Errorf("read installation %s: %w", id, unknown(err))
	}
	return row.installation()
}

// InstallationOf finds the one of a company, or of one of its accounts.
func (s *Store) InstallationOf(ctx context.Context, p provider.ID, company, account string) (connection.Installation, bool, error) {
	var row installationRow
	err := s.read(ctx).Where("provider = ? AND company_id = ? AND account_id = ?", string(p), clean(company), clean(account)).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return connection.Installation{}, false, nil
	}
	if err != nil {
		return connection.Installation{}, false, fmt.Errorf("find an installation of %s: %w", p, err)
	}
	i, err := row.installation()
	return i, err == nil, err
}

// SaveInstallation creates or replaces one; connection.ErrTaken when it is another workspace's. Where two tell of the same account at once, the first
// keeps its id, and a grant sealed for the other's is ErrMoved.
func (s *Store) SaveInstallation(ctx context.Context, i connection.Installation, sealed []byte) error {
	row, err := rowOfInstallation(i)
	if err != nil {
		return fmt.Errorf("save installation %s: %w", i.ID, err)
	}
	err = s.write(ctx, func(u *unit) error {
		same := clause.OnConflict{
			Columns: []clause.Column{{Name: "provider"}, {Name: "company_id"}, {Name: "account_id"}},
			DoUpdates: clause.AssignmentColumns([]string{
				"account", "state", "problem", "scopes", "base_url", "client_id", "endpoint", "installed_at", "removed_at", "rotated_at", "expires_at",
			}),
			Where: clause.Where{Exprs: []clause.Expression{gorm.Expr("installations.workspace_id = excluded.workspace_id")}},
		}
		res := u.Clauses(same).Create(&row)
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return connection.ErrTaken
		}
		if sealed == nil {
			return nil
		}
		var ids []string
		err := u.Model(&installationRow{}).Where("provider = ? AND company_id = ? AND account_id = ?", row.Provider, row.CompanyID, row.AccountID).Pluck("id", &ids).Error
		if err != nil {
			return err
		}
		if len(ids) != 1 || ids[0] != row.ID {
			return connection.ErrMoved // the grant is sealed for an id that is not the row's
		}
		return putGrant(u, row.ID, sealed)
	})
	if err != nil {
		return fmt.Errorf("save installation %s: %w", i.ID, err)
	}
	return nil
}

// RemoveInstallation marks it uninstalled and destroys its grant.
func (s *Store) RemoveInstallation(ctx context.Context, id record.ConnectionID, when time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		err := one(u.Model(&installationRow{}).Where("id = ?", string(id)).
			Updates(map[string]any{"state": string(connection.Uninstalled), "removed_at": int64(at(when)), "problem": "", "expires_at": int64(0)}))
		if err != nil {
			return err
		}
		return u.Exec("DELETE FROM grants WHERE connection_id = ?", string(id)).Error
	})
	if err != nil {
		return fmt.Errorf("remove installation %s: %w", id, unknown(err))
	}
	return nil
}
