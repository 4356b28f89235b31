package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Builder makes a client of one provider for a connection. token answers the access token or key; refresh
// renews it and is nil for a key.
type Builder func(c Connection, token func(context.Context) (string, error), refresh func(context.Context) error) (provider.Client, error)

// Service connects, checks and disconnects accounts.
type Service struct {
	Store    Store
	Grants   Grants
	Builders map[provider.ID]Builder
	Names    map[provider.ID]string // "HighLevel"
	Now      func() time.Time
	NewID    func(prefix string) string
	// OwnHost reports whether an API address is the provider's own, or one the operator set: there a credential that works
	// proves whose account it is. Nil: all are.
	OwnHost func(p provider.ID, baseURL string) bool
	// AllowPrivate lets base addresses point into a private network.
	AllowPrivate bool
	// Companies are the grants of whole companies; nil where no provider has them.
	Companies *Companies
	// Regain, when set, gets lost access back without a person where the provider has a way; false when it has none.
	Regain func(ctx context.Context, c Connection) (OAuthInput, bool, error)
	// Changed is called after a connection was made, remade or removed: caches forget it, waiting work is due.
	Changed func(ctx context.Context, id record.ConnectionID)

	saving sync.Mutex // an account is connected once, though two forms are sent at once
	whole  *Service   // what this one was bound from, whose lock it shares
}

// In is the service over a part of its store: what it connects, lists, checks and removes is there.
func (s *Service) In(part Store) *Service {
	grants := s.Grants
	grants.Store = part
	return &Service{
		Store: part, Grants: grants, Builders: s.Builders, Names: s.Names, Now: s.Now, NewID: s.NewID,
		OwnHost: s.OwnHost, AllowPrivate: s.AllowPrivate, Companies: s.Companies, Regain: s.Regain, Changed: s.Changed, whole: s,
	}
}

// List answers the connections that are not removed.
func (s *Service) List(ctx context.Context) ([]Connection, error) { return s.Store.Connections(ctx) }

// ByAccount finds the connection of a provider account.
func (s *Service) ByAccount(ctx context.Context, p provider.ID, account string) (Connection, bool, error) {
	if account == "" {
		return Connection{}, false, nil
	}
	return s.Store.ConnectionByAccount(ctx, p, account)
}

// ByHookSecret finds the connection a webhook address belongs to.
func (s *Service) ByHookSecret(ctx context.Context, p provider.ID, secret string) (Connection, bool, error) {
	if len(secret) < 16 {
		return Connection{}, false, nil
	}
	return s.Store.ConnectionByHook(ctx, p, secret)
}

// KeyInput is a key typed into a form.
type KeyInput struct {
	Provider provider.ID
	Account  string // project or location
	Key      string
	BaseURL  string
	// Reconnect is the connection the key is for, when it is to replace that one's credential.
	Reconnect record.ConnectionID
}

// ConnectKey tests a key and, only if it works, saves it. Errors are *Problem, or failures of our own store.
func (s *Service) ConnectKey(ctx context.Context, in KeyInput) (Connection, error) {
	in.Account, in.Key, in.BaseURL = strings.TrimSpace(in.Account), strings.TrimSpace(in.Key), strings.TrimRight(strings.TrimSpace(in.BaseURL), "/")
	switch {
	case in.Key == "":
		return Connection{}, &Problem{Field: "key", Code: "key_empty", Sentence: "Paste the key."}
	case len(in.Key) > 8192 || strings.ContainsFunc(in.Key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return Connection{}, &Problem{Field: "key", Code: "key_shape", Sentence: "This is not a key: it holds spaces, line ends or other signs no key has, or is too long. Copy it again."}
	case in.Account == "":
		return Connection{}, &Problem{Field: "account", Code: "account_empty", Sentence: "Tell which account the key belongs to."}
	}
	if p := CheckBaseURL(in.BaseURL, s.AllowPrivate); p != nil {
		return Connection{}, p
	}
	c := Connection{Provider: in.Provider, Auth: ByKey, BaseURL: in.BaseURL, Account: provider.Account{ID: in.Account}}
	account, err := s.try(ctx, c, func(context.Context) (string, error) { return in.Key, nil })
	if err != nil {
		return Connection{}, err
	}
	return s.save(ctx, c, account, Grant{Key: in.Key}, in.Reconnect)
}

// OAuthInput is a completed authorisation, its answer read by the provider's adapter.
type OAuthInput struct {
	Authorised Authorised
	Account    string
	CompanyID  string
	Scopes     []string
}

// connection is the connection as it would be saved.
func (in OAuthInput) connection() Connection {
	p := in.Authorised.Pending
	return Connection{
		Provider: p.Provider, Auth: ByOAuth, BaseURL: p.BaseURL, Scopes: in.Scopes, ClientID: p.ClientID, Endpoint: p.Endpoint,
		Account: provider.Account{ID: in.Account, CompanyID: in.CompanyID}, ExpiresAt: in.Authorised.Token.Expiry,
	}
}

// ConnectOAuth tests a fresh grant and saves it. A reconnect must lead to the same account again.
func (s *Service) ConnectOAuth(ctx context.Context, in OAuthInput) (Connection, error) {
	c := in.connection()
	if c.Account.ID == "" {
		return Connection{}, noAccount()
	}
	account, err := s.Look(ctx, in)
	if err != nil {
		return Connection{}, err
	}
	return s.save(ctx, c, account, Grant{Token: *bare(in.Authorised.Token), ClientSecret: in.Authorised.ClientSecret, TokenURL: c.Endpoint.TokenURL}, in.Authorised.Pending.Reconnect)
}

// try proves a credential before anything is saved.
func (s *Service) try(ctx context.Context, c Connection, token func(context.Context) (string, error)) (provider.Account, error) {
	ctx, cancel := context.WithTimeout(provider.WithPriority(ctx, provider.Interactive), 20*time.Second)
	defer cancel()
	client, err := s.build(c, token, nil)
	if err != nil {
		return provider.Account{}, err
	}
	checker, ok := client.(provider.Checker)
	if !ok {
		return provider.Account{ID: c.Account.ID}, nil
	}
	account, err := checker.Check(ctx)
	if err != nil {
		return account, s.problem(c, err)
	}
	return account, nil
}

func (s *Service) build(c Connection, token func(context.Context) (string, error), refresh func(context.Context) error) (provider.Client, error) {
	b, ok := s.Builders[c.Provider]
	if !ok {
		return nil, fmt.Errorf("connect: no adapter for provider %q", c.Provider)
	}
	return b(c, token, refresh)
}

// alone takes the lock on saving, which every part of the service shares.
func (s *Service) alone() (leave func()) {
	lock := &s.saving
	if s.whole != nil {
		lock = &s.whole.saving
	}
	lock.Lock()
	return lock.Unlock
}

func (s *Service) save(ctx context.Context, c Connection, account provider.Account, grant Grant, reconnect record.ConnectionID) (Connection, error) {
	defer s.alone()()
	c.Account = merge(c.Account, account) // the provider's spelling of the ID is the one that is stored, so it is the one to look for
	c.Account.Host = s.hostOf(c.Provider, c.BaseURL)
	old, known, err := s.before(ctx, c)
	if err != nil {
		return Connection{}, err
	}
	if reconnect != "" && (!known || old.ID != reconnect) {
		return Connection{}, &Problem{Field: "account", Code: "other_account", Sentence: "You chose another account than the one to reconnect, so nothing was changed. Choose the same one, or connect the other as a new connection."}
	}
	now := s.Now()
	c.ID, c.Workspace, c.HookSecret, c.CreatedAt = old.ID, old.Workspace, old.HookSecret, old.CreatedAt
	c.OldHookSecret, c.OldHookUntil = old.OldHookSecret, old.OldHookUntil
	if !known {
		c.ID, c.HookSecret, c.CreatedAt = record.ConnectionID(s.NewID("cn")), random(), now
	}
	c.Name = s.Names[c.Provider]
	if c.Account.Name != "" {
		c.Name = c.Account.Name
	}
	c.State, c.Problem, c.ProblemCode, c.CheckedAt, c.RotatedAt = Active, "", "", now, now
	sealed, err := s.Grants.seal(c.Holder(), grant)
	if err != nil {
		return Connection{}, err
	}
	err = s.Store.SaveConnection(ctx, c, sealed)
	if errors.Is(err, ErrTaken) {
		err = s.makeRoom(ctx, c, sealed)
	}
	if errors.Is(err, ErrTaken) {
		return Connection{}, &Problem{Field: "account", Code: "taken", Sentence: "This account is connected already, in another workspace. One account lives in one workspace: disconnect it there first."}
	}
	if err != nil {
		return Connection{}, err
	}
	s.Changed(ctx, c.ID)
	return c, nil
}

// hostOf is the host an account is told apart by; empty where it is the provider's own.
func (s *Service) hostOf(p provider.ID, baseURL string) string {
	if s.OwnHost == nil || s.OwnHost(p, baseURL) {
		return ""
	}
	u, err := url.Parse(baseURL)
	if err != nil {
		return baseURL
	}
	return placeOf(u)
}

// before finds the connection that c is made anew from. One that was saved before accounts were told apart by their
// host, or while another address was the operator's, is found by where it is.
func (s *Service) before(ctx context.Context, c Connection) (Connection, bool, error) {
	old, known, err := s.Store.ConnectionByAccount(ctx, c.Provider, c.Account.Key())
	if err != nil || known {
		return old, known, err
	}
	all, err := s.Store.Connections(ctx)
	if err != nil {
		return Connection{}, false, err
	}
	i := slices.IndexFunc(all, func(old Connection) bool {
		return old.Provider == c.Provider && old.Account.ID == c.Account.ID && s.hostOf(old.Provider, old.BaseURL) == c.Account.Host
	})
	if i < 0 {
		return Connection{}, false, nil
	}
	return all[i], true, nil
}

// makeRoom saves c though its account seems taken, where whoever holds it is connected to another host: that one was
// saved before accounts were told apart by it.
func (s *Service) makeRoom(ctx context.Context, c Connection, sealed []byte) error {
	everywhere := s.Store
	if s.whole != nil {
		everywhere = s.whole.Store
	}
	holder, known, err := everywhere.ConnectionByAccount(ctx, c.Provider, c.Account.Key())
	if err != nil {
		return err
	}
	host := s.hostOf(holder.Provider, holder.BaseURL)
	if !known || host == holder.Account.Host {
		return ErrTaken
	}
	holder.Account.Host = host
	if err := everywhere.SaveConnection(ctx, holder, nil); err != nil {
		return err
	}
	return s.Store.SaveConnection(ctx, c, sealed)
}

// HookGrace is how long a webhook address that was changed is still taken.
const HookGrace = 24 * time.Hour

// ChangeHook makes a new webhook address. The one before is taken for HookGrace: the provider has to be told first.
func (s *Service) ChangeHook(ctx context.Context, id record.ConnectionID) (Connection, error) {
	defer s.alone()()
	c, err := s.Store.Connection(ctx, id)
	if err != nil {
		return c, err
	}
	if c.gone() || c.HookSecret == "" {
		return c, ErrNotFound
	}
	c.OldHookSecret, c.OldHookUntil, c.HookSecret = c.HookSecret, s.Now().Add(HookGrace), random()
	if err := s.Store.SaveConnection(ctx, c, nil); err != nil {
		return c, err
	}
	s.Changed(ctx, id)
	return c, nil
}

func merge(asked, said provider.Account) provider.Account {
	if said.ID == "" {
		said.ID = asked.ID
	}
	if said.CompanyID == "" {
		said.CompanyID = asked.CompanyID
	}
	said.Host = asked.Host // ours to know
	return said
}

// Check proves that a connection works now and stores what came out. It answers the connection as it is. Where there is no
// credential any more, there is nothing to be checked.
func (s *Service) Check(ctx context.Context, id record.ConnectionID, client provider.Client) (Connection, error) {
	c, err := s.Store.Connection(ctx, id)
	if err != nil || c.gone() {
		return c, err
	}
	checker, ok := client.(provider.Checker)
	if !ok {
		return c, nil
	}
	asking, cancel := context.WithTimeout(provider.WithPriority(ctx, provider.Interactive), 20*time.Second)
	defer cancel()
	account, err := checker.Check(asking)
	// The call may have renewed the credential, or found it dead: what is known of it now must not be undone.
	c, lost := s.Store.Connection(ctx, id)
	if lost != nil || c.gone() {
		return c, lost
	}
	c.CheckedAt = s.Now()
	switch {
	case err == nil:
		recovered := c.State != Active
		c.State, c.Problem, c.ProblemCode, c.Account = Active, "", "", merge(c.Account, account)
		if recovered {
			defer s.Changed(ctx, id)
		}
	default:
		p, ok := errors.AsType[*Problem](s.problem(c, err))
		if !ok {
			return c, err
		}
		c.Problem, c.ProblemCode = p.Sentence, p.Code
		if k := provider.KindOf(err); k == provider.Unauthorized || k == provider.Revoked {
			c.State = NeedsReconnect
		}
	}
	return c, s.Store.SaveHealth(ctx, c)
}

// Break marks a connection as needing a person. Work that needs it waits; nothing is lost.
func (s *Service) Break(ctx context.Context, id record.ConnectionID, why string) error {
	c, err := s.Store.Connection(ctx, id)
	if err != nil {
		return err
	}
	if c.gone() {
		return nil // it waits for a person already
	}
	c.State, c.Problem, c.ProblemCode, c.CheckedAt = NeedsReconnect, why, "revoked", s.Now()
	return s.Store.SaveHealth(ctx, c)
}

// Disconnect forgets the credential. Links and history stay.
func (s *Service) Disconnect(ctx context.Context, id record.ConnectionID) error {
	if err := s.Store.RemoveConnection(ctx, id); err != nil {
		return err
	}
	s.Changed(ctx, id)
	return nil
}

// problem tells a person exactly what is wrong with a credential or address.
func (s *Service) problem(c Connection, err error) error {
	name := s.Names[c.Provider]
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return &Problem{Field: "base_url", Code: "timeout", Sentence: name + " did not answer within 20 seconds. Check the address, or try again later."}
		}
		return err
	}
	if errors.Is(err, ErrElsewhere) {
		return &Problem{Code: "address_changed", Sentence: elsewhereWords(err)}
	}
	p := &Problem{Code: e.Kind.String(), Words: e.Detail}
	credential := "key"
	if c.Auth == ByOAuth {
		credential = ""
	}
	switch e.Kind {
	case provider.Unauthorized, provider.Revoked:
		p.Field, p.Sentence = credential, name+" does not accept this key. It is mistyped, was revoked, or belongs to something else."
		if c.Auth == ByOAuth {
			p.Sentence = name + " does not accept our access any more. Connect the account again."
		}
	case provider.Forbidden:
		switch {
		case e.Scope != "" && c.Auth == ByOAuth:
			p.Sentence = fmt.Sprintf("The access works, but lacks the permission “%s”. Connect the account again and grant it.", e.Scope)
		case e.Scope != "":
			p.Field, p.Sentence = credential, fmt.Sprintf("The key works, but lacks the permission “%s”. Grant it in %s and try again.", e.Scope, name)
		case c.Auth == ByOAuth:
			p.Field, p.Sentence = "account", name+" granted access, but not to this account. Check the account ID."
		default:
			p.Field, p.Sentence = "account", name+" accepts the key, but not for this account. Check that both were copied from the same place."
		}
	case provider.NotFound:
		p.Field, p.Sentence = "account", name+" does not know this account ID."
	case provider.Invalid:
		p.Field, p.Sentence = "account", name+" refused the account ID as it was sent."
	case provider.RateLimited:
		p.Sentence = name + " asks to wait: the account’s call limit is used up. Try again in a minute."
	case provider.Unavailable, provider.Ambiguous:
		p.Field, p.Sentence = "base_url", reach(name, e)
	default:
		p.Field, p.Sentence = "base_url", "The answer does not look like "+name+"’s. Is the address right?"
	}
	return p
}

// reach says why nothing could be reached, as precisely as the network told.
func reach(name string, err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "There is no server of that name. Check the address."
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "The server’s certificate cannot be trusted, so nothing was sent. Check the address."
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "The server’s certificate belongs to another name, so nothing was sent. Check the address."
	}
	if _, ok := errors.AsType[*BlockedAddressError](err); ok {
		return "The address leads into a private network, which is not allowed here."
	}
	if e, ok := errors.AsType[*provider.Error](err); ok && e.Status >= 500 {
		return fmt.Sprintf("%s answered with an error of its own (status %d). Try again in a moment.", name, e.Status)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return "Nothing answers at that address. Check it, and that " + name + " is up."
	}
	return name + " could not be reached. Check the address, or try again later."
}
