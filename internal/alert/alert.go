// Package alert tells the owners of a workspace by mail what stands still until a person acts: once when it begins, and
// not again until it is over. It holds no data of any record.
package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Alert is something that waits for a person.
type Alert struct {
	Key       string // tells it from others for as long as it lasts
	Workspace string
	Title     string // "Paused: Keep contacts in sync"
	Detail    string // why, and what it means
	Path      string // of the page to act on
}

// Book remembers what was told. Several processes share one.
type Book interface {
	// Raise remembers an alert; false when it is known already.
	Raise(ctx context.Context, a Alert, now time.Time) (fresh bool, err error)
	// Settle forgets the alerts that are over: all but those with these keys.
	Settle(ctx context.Context, keys []string) error
	// Forget forgets one, so that it is told again.
	Forget(ctx context.Context, key string) error
	// Owners are the emails of a workspace's owners.
	Owners(ctx context.Context, workspace string) ([]string, error)
}

// Post delivers a message.
type Post interface {
	Send(ctx context.Context, to []string, subject, text string) error
}

// Desk tells what is new.
type Desk struct {
	Book      Book
	Post      Post
	PublicURL string
	Now       func() time.Time
	Log       *slog.Logger
}

// Tell sends what is new among all that waits now. What cannot be sent is tried again the next time.
func (d *Desk) Tell(ctx context.Context, waiting []Alert) error {
	keys := make([]string, len(waiting))
	for i, a := range waiting {
		keys[i] = a.Key
	}
	if err := d.Book.Settle(ctx, keys); err != nil {
		return err
	}
	var failed error
	for _, a := range waiting {
		fresh, err := d.Book.Raise(ctx, a, d.Now())
		if err != nil {
			return errors.Join(failed, err)
		}
		if !fresh {
			continue
		}
		if err := d.send(ctx, a); err != nil {
			failed = errors.Join(failed, err, d.Book.Forget(context.WithoutCancel(ctx), a.Key))
		}
	}
	return failed
}

func (d *Desk) send(ctx context.Context, a Alert) error {
	to, err := d.Book.Owners(ctx, a.Workspace)
	if err != nil || len(to) == 0 {
		return err
	}
	text := fmt.Sprintf("%s\n\n%s\n\nAct on it here: %s\n\nYou get this because you are an owner of the workspace. It is sent once.\n", a.Title, a.Detail, d.PublicURL+a.Path)
	if err := d.Post.Send(ctx, to, "Crosswalk: "+a.Title, text); err != nil {
		return fmt.Errorf("tell the owners of workspace %s: %w", a.Workspace, err)
	}
	d.Log.InfoContext(ctx, "owners told by mail", "alert", a.Key, "owners", len(to))
	return nil
}
