package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/store"
)

// resetWithin is how long a link that sets a new password works.
const resetWithin = time.Hour

// usersCommand lists who may sign in, or lets somebody in again who cannot.
func usersCommand(ctx context.Context, c *call) error {
	if len(c.args) > 0 && c.args[0] == "reset" {
		c.args = c.args[1:]
		return usersReset(ctx, c)
	}
	asJSON := c.flags.Bool("json", false, "a JSON array")
	cfg, err := c.settings(nil)
	if err != nil {
		return err
	}
	st, err := openStore(ctx, cfg, logger(cfg, c))
	if err != nil {
		return err
	}
	defer st.Close()
	all, err := st.Users(ctx)
	if err != nil {
		return err
	}
	list := make([]listedUser, 0, len(all))
	for _, u := range all {
		l, err := describeUser(ctx, st, u)
		if err != nil {
			return err
		}
		list = append(list, l)
	}
	if *asJSON {
		return json.NewEncoder(c.Out).Encode(list)
	}
	for _, l := range list {
		step := "password"
		if l.TwoStep {
			step = "password and code"
		}
		fmt.Fprintf(c.Out, "%-30s  since %s, signs in by %s, %d browser(s) signed in\n", l.Email, l.Since.Format(time.DateOnly), step, l.Browsers)
	}
	if len(list) == 0 {
		fmt.Fprintln(c.Out, "Nobody yet: the first account is made in the browser, with the set-up token that crosswalk serve prints.")
	}
	return nil
}

type listedUser struct {
	Email    string    `json:"email"`
	Since    time.Time `json:"since"`
	TwoStep  bool      `json:"twoStep"`
	Browsers int       `json:"browsers"`
}

func describeUser(ctx context.Context, st *store.Store, u people.User) (listedUser, error) {
	l := listedUser{Email: u.Email, Since: u.CreatedAt}
	f, err := st.SecondFactor(ctx, u.ID)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return l, err
	}
	l.TwoStep = f.On()
	signIns, err := st.SignIns(ctx, u.ID)
	for _, s := range signIns {
		if !s.Over(time.Now()) {
			l.Browsers++
		}
	}
	return l, err
}

func usersReset(ctx context.Context, c *call) error {
	fromStdin := c.flags.Bool("stdin", false, "read the new password from standard input, instead of printing a link")
	totpOff := c.flags.Bool("totp-off", false, "switch two-step sign-in off, and leave the password as it is")
	words, err := c.positional("whose password: an email")
	if err != nil {
		return err
	}
	cfg, err := c.settings(nil)
	if err != nil {
		return err
	}
	if *fromStdin && *totpOff {
		fmt.Fprintf(c.Err, "crosswalk %s: --stdin and --totp-off are two things; do one after the other.\n", c.flags.Name())
		return errUsage
	}
	st, err := openStore(ctx, cfg, logger(cfg, c))
	if err != nil {
		return err
	}
	defer st.Close()
	u, err := st.UserByEmail(ctx, words[0])
	if errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("nobody signs in as %q; `crosswalk users` lists who does", words[0])
	}
	if err != nil {
		return err
	}
	as := func(kind people.AuditKind, before, after string) (context.Context, error) {
		acts, err := ofPerson(ctx, st, u, people.AuditEntry{Kind: kind, Subject: u.Email, Before: before, After: after})
		return people.WithActs(ctx, acts...), err
	}
	switch {
	case *totpOff:
		f, err := st.SecondFactor(ctx, u.ID)
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
		if err != nil {
			fmt.Fprintf(c.Out, "Nothing to do: %s signs in by password alone.\n", u.Email)
			return nil
		}
		was := "begun"
		if f.On() {
			was = "on"
		}
		recorded, err := as(people.AuditSecondFactor, was, "off, every browser signed out")
		if err != nil {
			return err
		}
		if _, err := st.DropSecondFactor(recorded, u.ID); err != nil {
			return err
		}
		if _, err := st.EndSignIns(ctx, u.ID, ""); err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "Two-step sign-in of %s is off, and every browser is signed out.\n", u.Email)
	case *fromStdin:
		hash, err := hashFrom(c.In, u.Email)
		if err != nil {
			return err
		}
		recorded, err := as(people.AuditPassword, "", "set by the operator, every browser signed out")
		if err != nil {
			return err
		}
		if err := st.SetPassword(recorded, u.ID, hash, ""); err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "The password of %s is changed, every browser is signed out, and linked HighLevel users are unlinked.\n", u.Email)
	default:
		recorded, err := as(people.AuditPassword, "", "a link to set another was made, every browser signed out")
		if err != nil {
			return err
		}
		token := newSetupToken() + newSetupToken()
		if err := st.BeginReset(recorded, u.ID, token, time.Now().Add(resetWithin)); err != nil {
			return err
		}
		fmt.Fprintf(c.Err, "This link sets a new password for %s. It works once, within the hour; every browser is signed out already, and linked HighLevel users are unlinked.\n", u.Email)
		fmt.Fprintf(c.Out, "%s/reset/%s\n", cfg.PublicURL, token)
	}
	return nil
}

// hashFrom reads a password, one line, and hashes it.
func hashFrom(in io.Reader, email string) (string, error) {
	if in == nil {
		return "", errors.New("there is no standard input to read the password from")
	}
	b, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if wrong := people.CheckPassword(password, email); wrong != "" {
		return "", fmt.Errorf("the password cannot be used: %s", wrong)
	}
	return people.Hash(password)
}
