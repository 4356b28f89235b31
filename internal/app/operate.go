package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/store"
)

func migrateCommand(ctx context.Context, c *call) error {
	cfg, err := c.settings(nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	st, err := store.Open(ctx, storeConfig(cfg, logger(cfg, c)))
	if err != nil {
		return err
	}
	defer st.Close()
	pending, err := st.MigrationsPending(ctx)
	if err != nil {
		return err
	}
	if !pending {
		fmt.Fprintln(c.Out, "Nothing to do: the database is at this version's schema.")
		return nil
	}
	before, err := st.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if err := st.Migrate(ctx); err != nil {
		return err
	}
	after, err := st.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	// The log itself may be what was missing, so this one act is written down once it is done.
	if err := st.RecordAct(ctx, entry("", people.AuditMigrate, "", "database", fmt.Sprint("schema ", before), fmt.Sprint("schema ", after))); err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "Migrated.")
	return nil
}

// doctorCommand checks from the ground up and stops at what makes the rest pointless. Everything it finds is
// said in one line each.
func doctorCommand(ctx context.Context, c *call) error {
	cfg, err := c.settings(nil)
	if err != nil {
		return err
	}
	sick := 0
	say := func(ok bool, what, detail string) {
		sign := "ok  "
		if !ok {
			sign = "BAD "
			sick++
		}
		fmt.Fprintf(c.Out, "%s %-22s %s\n", sign, what, detail)
	}
	end := func() error {
		if sick > 0 {
			return fmt.Errorf("found %d problem(s)", sick)
		}
		return nil
	}
	log := logger(cfg, c)
	say(true, "settings", "readable")
	keys, err := openVault(cfg)
	if err != nil {
		say(false, "encryption key", err.Error())
		return end()
	}
	say(true, "encryption key", "readable")
	st, err := store.Open(ctx, storeConfig(cfg, log))
	if err != nil {
		say(false, "database", err.Error())
		return end()
	}
	defer st.Close()
	say(true, "database", databaseName(st)+" answers")
	pending, err := st.MigrationsPending(ctx)
	switch {
	case err != nil:
		say(false, "schema", err.Error())
		return end()
	case pending:
		say(false, "schema", "is not this version's: run `crosswalk migrate`, or start `crosswalk serve` on the embedded database")
		return end()
	}
	say(true, "schema", "is this version's")
	p := newProviders(cfg, connection.Transport(cfg.AllowPrivateHosts, besideDemo(cfg)...), time.Now)
	if _, err := p.webhooks(); err != nil {
		say(false, "webhook key", err.Error())
	} else {
		say(true, "webhook key", "readable")
	}
	all, err := st.Connections(ctx)
	if err != nil {
		say(false, "connections", err.Error())
		return end()
	}
	if len(all) == 0 {
		say(true, "connections", "none yet")
	}
	grants := connection.Grants{Store: st, Vault: keys, Own: p.ownHost}
	for _, cn := range all {
		ok, detail := examine(ctx, p, grants, cn)
		say(ok, p.names()[cn.Provider], detail)
	}
	return end()
}

// examine tries a connection with the token at hand. It never renews one: that is the running server's right.
func examine(ctx context.Context, p *providers, grants connection.Grants, cn connection.Connection) (ok bool, detail string) {
	grant, err := grants.Load(ctx, cn.Holder())
	if err != nil {
		return false, err.Error()
	}
	secret := grant.Key
	if cn.Auth == connection.ByOAuth {
		secret = grant.Token.AccessToken
		if !grant.Token.Expiry.IsZero() && grant.Token.Expiry.Before(time.Now()) {
			return true, cn.Name + ": its access token has run out and is renewed at the next call"
		}
	}
	client, err := p.builders()[cn.Provider](cn, func(context.Context) (string, error) { return secret, nil }, nil)
	if err != nil {
		return false, err.Error()
	}
	checker, can := client.(provider.Checker)
	if !can {
		return true, cn.Name
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := checker.Check(ctx); err != nil {
		if e, is := errors.AsType[*provider.Error](err); is {
			return false, fmt.Sprintf("%s: %s (%s)", cn.Name, e.Kind, e.Detail)
		}
		return false, cn.Name + ": " + err.Error()
	}
	return true, cn.Name + " answers"
}
