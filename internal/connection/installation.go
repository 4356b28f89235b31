package connection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Installation is our app at a provider: in a whole company, with a grant that makes tokens of its accounts, or in one
// account of such a company, which may not be used here yet.
type Installation struct {
	ID          record.ConnectionID // names its grant, if it has one
	Workspace   string              // whose it is to use
	Provider    provider.ID
	Account     provider.Account // without an id: the company's own
	State       State            // Active, NeedsReconnect (of a company's grant) or Uninstalled
	Problem     string
	Scopes      []string
	BaseURL     string
	ClientID    string
	Endpoint    oauth2.Endpoint
	InstalledAt time.Time
	RemovedAt   time.Time
	RotatedAt   time.Time // of a company's token
	ExpiresAt   time.Time
}

// OfCompany reports that it is a company's own.
func (i Installation) OfCompany() bool { return i.Account.ID == "" }

// Company is what a provider lets the grant of a whole company do.
type Company interface {
	// Accounts lists the company's accounts that have our app.
	Accounts(ctx context.Context) ([]provider.Account, error)
	// Mint makes a token of one account, and tells its scopes. The token may have no refresh token: it is minted anew.
	Mint(ctx context.Context, account string) (*oauth2.Token, []string, error)
}

// CompanyBuilder makes the view on a company's grant.
type CompanyBuilder func(i Installation, token func(context.Context) (string, error), refresh func(context.Context) error) Company

// Companies are the grants of whole companies, each kept once and renewed like a connection's.
type Companies struct {
	Store  Store
	Grants Grants
	Build  map[provider.ID]CompanyBuilder
	Tokens func(of Holder, app func(Grant) *oauth2.Config) *Tokens

	mu      sync.Mutex
	keepers map[record.ConnectionID]*Tokens
	unasked map[record.ConnectionID]bool // whose accounts are to be listed again
}

// listSoon has the keeper list the accounts of every company we hold.
func (c *Companies) listSoon(ctx context.Context, p provider.ID) error {
	if c == nil {
		return nil
	}
	all, err := c.Store.Installations(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unasked == nil {
		c.unasked = map[record.ConnectionID]bool{}
	}
	for _, i := range all {
		if i.Provider == p && i.OfCompany() && i.State == Active {
			c.unasked[i.ID] = true
		}
	}
	return nil
}

// toList reports whether a company's accounts are to be listed; listed says that they were.
func (c *Companies) toList(id record.ConnectionID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unasked[id]
}

func (c *Companies) listed(id record.ConnectionID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.unasked, id)
}

// keeper is the one that renews a company's token in this process.
func (c *Companies) keeper(i Installation) *Tokens {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.keepers[i.ID]; ok && t.Of == i.Holder() {
		return t
	}
	if c.keepers == nil {
		c.keepers = map[record.ConnectionID]*Tokens{}
	}
	t := c.Tokens(i.Holder(), appOf(i.ClientID, i.Endpoint))
	c.keepers[i.ID] = t
	return t
}

func (c *Companies) forget(id record.ConnectionID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keepers, id)
}

// Of answers the company of an account; false when we hold no working grant of it.
func (c *Companies) Of(ctx context.Context, p provider.ID, company string) (Company, Installation, bool, error) {
	if c == nil || company == "" || c.Build[p] == nil {
		return nil, Installation{}, false, nil
	}
	i, ok, err := c.Store.InstallationOf(ctx, p, company, "")
	if err != nil || !ok || i.State != Active {
		return nil, i, false, err
	}
	t := c.keeper(i)
	return c.Build[p](i, t.Token, t.Refresh), i, true, nil
}

// Mint makes a token of an account from its company's grant; nil when we hold none.
func (c *Companies) Mint(ctx context.Context, p provider.ID, account provider.Account) (*oauth2.Token, error) {
	of, _, ok, err := c.Of(ctx, p, account.CompanyID)
	if err != nil || !ok {
		return nil, err
	}
	token, _, err := of.Mint(ctx, account.ID)
	return token, err
}

// Break marks a company's grant as needing a person.
func (c *Companies) Break(ctx context.Context, id record.ConnectionID, why string) error {
	c.forget(id)
	i, err := c.Store.Installation(ctx, id)
	if err != nil || i.State != Active {
		return err
	}
	i.State, i.Problem = NeedsReconnect, why
	return c.Store.SaveInstallation(ctx, i, nil)
}

// Adopt saves the grant of a whole company, and notes its accounts. One company has one grant, the newest.
func (s *Service) Adopt(ctx context.Context, in OAuthInput) (Installation, error) {
	p := in.Authorised.Pending
	if in.Account != "" || in.CompanyID == "" || s.Companies == nil || s.Companies.Build[p.Provider] == nil {
		return Installation{}, noAccount()
	}
	defer s.alone()()
	old, known, err := s.Store.InstallationOf(ctx, p.Provider, in.CompanyID, "")
	if err != nil {
		return Installation{}, err
	}
	now := s.Now()
	i := Installation{
		ID: old.ID, Provider: p.Provider, Account: provider.Account{CompanyID: in.CompanyID, Name: old.Account.Name}, State: Active, Scopes: in.Scopes,
		BaseURL: p.BaseURL, ClientID: p.ClientID, Endpoint: p.Endpoint, InstalledAt: now, RotatedAt: now, ExpiresAt: in.Authorised.Token.Expiry,
	}
	if !known {
		i.ID = record.ConnectionID(s.NewID("in"))
	}
	// The grant is tried before it replaces one that works.
	token := in.Authorised.Token.AccessToken
	company := s.Companies.Build[p.Provider](i, func(context.Context) (string, error) { return token, nil }, nil)
	asking, cancel := context.WithTimeout(provider.WithPriority(ctx, provider.Interactive), 20*time.Second)
	defer cancel()
	accounts, err := company.Accounts(asking)
	if err != nil {
		return Installation{}, s.problem(in.connection(), err)
	}
	sealed, err := s.Grants.seal(i.Holder(), Grant{Token: *bare(in.Authorised.Token), ClientSecret: in.Authorised.ClientSecret, TokenURL: i.Endpoint.TokenURL})
	if err != nil {
		return Installation{}, err
	}
	err = s.Store.SaveInstallation(ctx, i, sealed)
	if errors.Is(err, ErrTaken) {
		return Installation{}, &Problem{Field: "account", Code: "taken", Sentence: "This agency is used in another workspace already. Whoever may edit both workspaces can connect its accounts here too; or connect a single account by itself."}
	}
	if err != nil {
		return Installation{}, err
	}
	s.Companies.forget(i.ID)
	return i, s.note(ctx, i, accounts)
}

// ForgetCompany gives a company's grant up: its token is destroyed, and so is the access of the accounts that live on it,
// here and in other workspaces. Those with a grant of their own go on.
func (s *Service) ForgetCompany(ctx context.Context, id record.ConnectionID) error {
	company, err := s.Store.Installation(ctx, id)
	if err != nil {
		return err
	}
	if !company.OfCompany() {
		return ErrNotFound
	}
	all, err := s.Store.Installations(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.Provider != company.Provider || i.Account.CompanyID != company.Account.CompanyID || i.State == Uninstalled {
			continue
		}
		if err := s.Store.RemoveInstallation(ctx, i.ID, s.Now()); err != nil {
			return err
		}
		if s.Companies != nil {
			s.Companies.forget(i.ID)
		}
	}
	why := "The agency’s access was given up here, and this account had none of its own. Its work waits: connect it by itself, or install Crosswalk for the agency again."
	return s.endMinted(ctx, company, why)
}

// endMinted ends what lives on a company's grant, in whatever workspace.
func (s *Service) endMinted(ctx context.Context, company Installation, why string) error {
	everywhere := s.Store
	if s.whole != nil {
		everywhere = s.whole.Store
	}
	connections, err := everywhere.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range connections {
		if c.Provider != company.Provider || c.Auth != ByOAuth || c.Account.CompanyID != company.Account.CompanyID || c.State == Uninstalled {
			continue
		}
		if grant, err := s.Grants.Load(ctx, c.Holder()); err == nil && grant.Token.RefreshToken != "" {
			continue
		}
		if err := everywhere.UninstallConnection(ctx, c.ID, why, s.Now()); err != nil {
			return err
		}
		s.Changed(ctx, c.ID)
	}
	return nil
}

// Sync lists a company's accounts again: a delivery that told of one may have been lost.
func (s *Service) Sync(ctx context.Context, p provider.ID, company string) error {
	of, i, ok, err := s.Companies.Of(ctx, p, company)
	if err != nil || !ok {
		return err
	}
	accounts, err := of.Accounts(ctx)
	if err != nil {
		return err
	}
	return s.note(ctx, i, accounts)
}

// note remembers which accounts of a company have our app.
func (s *Service) note(ctx context.Context, company Installation, accounts []provider.Account) error {
	for _, a := range accounts {
		a.CompanyID = company.Account.CompanyID
		if err := s.noteAccount(ctx, company, a); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) noteAccount(ctx context.Context, company Installation, a provider.Account) error {
	old, known, err := s.Store.InstallationOf(ctx, company.Provider, a.CompanyID, a.ID)
	if err != nil {
		return err
	}
	if a.Name == "" {
		a.Name = old.Account.Name
	}
	if known && old.State == Active && old.Account == a {
		return nil
	}
	i := Installation{
		ID: old.ID, Workspace: company.Workspace, Provider: company.Provider, Account: a, State: Active, BaseURL: company.BaseURL, ClientID: company.ClientID, Endpoint: company.Endpoint, InstalledAt: old.InstalledAt,
	}
	if !known {
		i.ID = record.ConnectionID(s.NewID("in"))
	}
	if !known || old.State != Active {
		i.InstalledAt = s.Now()
	}
	if err := s.Store.SaveInstallation(ctx, i, nil); !errors.Is(err, ErrTaken) {
		return err
	}
	return nil // another workspace's since before; it stays there
}

// Installed takes a provider's word that our app was installed. It matters where we hold the company's grant, or knew
// the account before; otherwise the person who installs comes to the callback. It answers whether it was noted.
func (s *Service) Installed(ctx context.Context, p provider.ID, n provider.Notice) (noted bool, err error) {
	if n.Account == "" {
		return false, nil // a whole company: its grant comes with the callback
	}
	cn, known, err := s.Store.ConnectionByAccount(ctx, p, n.Account)
	if err != nil {
		return false, err
	}
	known = known && cn.Auth == ByOAuth
	if n.Company == "" && known {
		n.Company = cn.Account.CompanyID
	}
	if n.Company == "" {
		// Whose it is is not told (reference/highlevel.md §2.6): the companies we hold are asked soon.
		return false, s.Companies.listSoon(ctx, p)
	}
	company, held, err := s.Store.InstallationOf(ctx, p, n.Company, "")
	if err != nil {
		return false, err
	}
	old, had, err := s.Store.InstallationOf(ctx, p, n.Company, n.Account)
	if err != nil {
		return false, err
	}
	if had && old.State == Uninstalled && late(n, old.RemovedAt) {
		return false, nil // it was uninstalled since
	}
	switch {
	case held && company.State != Uninstalled:
	case known:
		company = Installation{Workspace: cn.Workspace, Provider: p, BaseURL: cn.BaseURL, ClientID: cn.ClientID, Endpoint: cn.Endpoint}
	default:
		return false, nil
	}
	return true, s.noteAccount(ctx, company, provider.Account{ID: n.Account, CompanyID: n.Company})
}

// Uninstalled takes a provider's word that our app was removed, from one account or from a whole company. One that is
// older than the credential we hold is of an installation before: deliveries are repeated and come late.
func (s *Service) Uninstalled(ctx context.Context, p provider.ID, n provider.Notice) (noted bool, err error) {
	if n.Account != "" {
		return s.uninstalledAccount(ctx, p, n)
	}
	all, err := s.Store.Installations(ctx)
	if err != nil || n.Company == "" {
		return false, err
	}
	for _, i := range all {
		if i.Provider != p || i.Account.CompanyID != n.Company || late(n, i.RotatedAt) || late(n, i.InstalledAt) {
			continue
		}
		noted = true
		if err := s.Store.RemoveInstallation(ctx, i.ID, s.happened(n)); err != nil {
			return false, err
		}
		if s.Companies != nil {
			s.Companies.forget(i.ID)
		}
	}
	// What lives on the company's grant ends with it. An account with a grant of its own is not known to: its next
	// renewal tells.
	connections, err := s.Store.Connections(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range connections {
		if c.Provider != p || c.Auth != ByOAuth || c.Account.CompanyID != n.Company || c.State == Uninstalled || late(n, c.RotatedAt) {
			continue
		}
		if grant, err := s.Grants.Load(ctx, c.Holder()); err == nil && grant.Token.RefreshToken != "" {
			continue
		}
		noted = true
		if err := s.uninstall(ctx, c); err != nil {
			return false, err
		}
	}
	return noted, nil
}

func (s *Service) uninstalledAccount(ctx context.Context, p provider.ID, n provider.Notice) (noted bool, err error) {
	cn, known, err := s.Store.ConnectionByAccount(ctx, p, n.Account)
	if err != nil {
		return false, err
	}
	if known && cn.Auth == ByOAuth && cn.State != Uninstalled && !late(n, cn.RotatedAt) {
		if err := s.remember(ctx, cn, s.happened(n)); err != nil {
			return false, err
		}
		if err := s.uninstall(ctx, cn); err != nil {
			return false, err
		}
		noted = true
	}
	all, err := s.Store.Installations(ctx)
	if err != nil {
		return false, err
	}
	for _, i := range all {
		if i.Provider != p || i.Account.ID != n.Account || late(n, i.InstalledAt) {
			continue
		}
		if err := s.Store.RemoveInstallation(ctx, i.ID, s.happened(n)); err != nil {
			return false, err
		}
		noted = true
	}
	return noted, nil
}

// happened is when a notice says it happened: what comes late is measured by it.
func (s *Service) happened(n provider.Notice) time.Time {
	if n.OccurredAt.IsZero() {
		return s.Now()
	}
	return n.OccurredAt
}

// remember keeps when an account was uninstalled that was never noted, so that what is told late does not revive it.
func (s *Service) remember(ctx context.Context, cn Connection, at time.Time) error {
	if cn.Account.CompanyID == "" {
		return nil
	}
	_, known, err := s.Store.InstallationOf(ctx, cn.Provider, cn.Account.CompanyID, cn.Account.ID)
	if err != nil || known {
		return err
	}
	i := Installation{
		ID: record.ConnectionID(s.NewID("in")), Workspace: cn.Workspace, Provider: cn.Provider, Account: cn.Account, State: Uninstalled,
		BaseURL: cn.BaseURL, ClientID: cn.ClientID, Endpoint: cn.Endpoint, InstalledAt: cn.CreatedAt, RemovedAt: at,
	}
	if err := s.Store.SaveInstallation(ctx, i, nil); !errors.Is(err, ErrTaken) {
		return err
	}
	return nil
}

// late reports that a notice speaks of a time before since. A notice without a time is believed.
func late(n provider.Notice, since time.Time) bool {
	return !n.OccurredAt.IsZero() && n.OccurredAt.Before(since)
}

func (s *Service) uninstall(ctx context.Context, c Connection) error {
	why := "Crosswalk was uninstalled in " + s.Names[c.Provider] + ". Its work waits and goes on once it is installed again."
	if err := s.Store.UninstallConnection(ctx, c.ID, why, s.Now()); err != nil {
		return err
	}
	s.Changed(ctx, c.ID)
	return nil
}

// Unused lists the installed accounts no connection uses, here or elsewhere: one account is connected once.
func (s *Service) Unused(ctx context.Context) ([]Installation, error) {
	all, err := s.Store.Installations(ctx)
	if err != nil {
		return nil, err
	}
	everywhere := s.Store
	if s.whole != nil {
		everywhere = s.whole.Store
	}
	connections, err := everywhere.Connections(ctx)
	if err != nil {
		return nil, err
	}
	type account struct {
		p  provider.ID
		id string
	}
	used := map[account]bool{}
	for _, c := range connections {
		used[account{c.Provider, c.Account.Key()}] = true
	}
	var out []Installation
	for _, i := range all {
		if !i.OfCompany() && !used[account{i.Provider, i.Account.ID}] {
			out = append(out, i)
		}
	}
	return out, nil
}

// ConnectInstalled connects an account with a token made from its company's grant.
func (s *Service) ConnectInstalled(ctx context.Context, id record.ConnectionID) (Connection, error) {
	i, err := s.Store.Installation(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	return s.ConnectFrom(ctx, i)
}

// ConnectFrom connects an installed account here, though it may be noted elsewhere: whether the person may use what is
// there is the caller's to know.
func (s *Service) ConnectFrom(ctx context.Context, i Installation) (Connection, error) {
	if i.OfCompany() || i.State != Active {
		return Connection{}, ErrNotFound
	}
	return s.connectMinted(ctx, i.Provider, i.Account)
}

func (s *Service) connectMinted(ctx context.Context, p provider.ID, a provider.Account) (Connection, error) {
	asking, cancel := context.WithTimeout(provider.WithPriority(ctx, provider.Interactive), 20*time.Second)
	defer cancel()
	of, company, ok, err := s.Companies.Of(asking, p, a.CompanyID)
	if err != nil {
		return Connection{}, err
	}
	if !ok {
		return Connection{}, &Problem{Code: "no_company", Sentence: "The agency’s own access is missing or was revoked. Install Crosswalk for the agency again, or connect this account by itself."}
	}
	token, scopes, err := of.Mint(asking, a.ID)
	if err != nil {
		return Connection{}, s.problem(Connection{Provider: p, Auth: ByOAuth}, err)
	}
	grant, err := s.Companies.Grants.Load(ctx, company.Holder())
	if err != nil {
		return Connection{}, fmt.Errorf("read the company's grant: %w", err)
	}
	return s.ConnectOAuth(ctx, OAuthInput{
		Authorised: Authorised{
			Pending: Pending{Provider: p, BaseURL: company.BaseURL, ClientID: company.ClientID, Endpoint: company.Endpoint},
			Token:   token, ClientSecret: grant.ClientSecret,
		},
		Account: a.ID, CompanyID: a.CompanyID, Scopes: scopes,
	})
}

// Revive connects an account again that was installed anew after we lost it, without asking anybody: with a token from
// its company's grant, or by a way of the provider's. False when there is no news of it; errNoWay when a person must.
func (s *Service) Revive(ctx context.Context, c Connection) (bool, error) {
	if c.State == Active || c.State == Removed || c.Auth != ByOAuth || c.Account.CompanyID == "" {
		return false, nil
	}
	i, known, err := s.Store.InstallationOf(ctx, c.Provider, c.Account.CompanyID, c.Account.ID)
	if err != nil {
		return false, err
	}
	company, held, err := s.Store.InstallationOf(ctx, c.Provider, c.Account.CompanyID, "")
	if err != nil {
		return false, err
	}
	anew := known && i.State == Active && i.InstalledAt.After(c.RotatedAt) || known && i.State == Active && held && company.State == Active && company.InstalledAt.After(c.RotatedAt)
	if !anew {
		return false, nil
	}
	if held && company.State == Active {
		_, err = s.connectMinted(ctx, c.Provider, c.Account)
		if _, ok := errors.AsType[*Problem](err); !ok {
			return err == nil, err
		}
	}
	if s.Regain == nil {
		return false, errNoWay
	}
	in, ok, err := s.Regain(ctx, c)
	if err != nil || !ok {
		return false, cmp.Or(err, errNoWay)
	}
	_, err = s.ConnectOAuth(ctx, in)
	if _, ok := errors.AsType[*Problem](err); ok {
		return false, errNoWay
	}
	return err == nil, err
}

// errNoWay is a connection that cannot be brought back without a person.
var errNoWay = errors.New("only a person can connect it again")

// Restore is Tokens.Restore for a connection: a token from its company's grant, or by a way of the provider's.
func (s *Service) Restore(ctx context.Context, c Connection) (*oauth2.Token, error) {
	token, err := s.Companies.Mint(ctx, c.Provider, c.Account)
	switch k := provider.KindOf(err); {
	case err == nil && token != nil:
		return token, nil
	case k == provider.Unavailable || k == provider.RateLimited:
		return nil, err // the company's way is open, only not now
	}
	if s.Regain == nil {
		return nil, nil
	}
	in, ok, err := s.Regain(ctx, c)
	if err != nil || !ok || in.Account != c.Account.ID {
		return nil, nil //nolint:nilerr // whatever went wrong, asking a person is what is left
	}
	return in.Authorised.Token, nil
}
