package app

import (
	"context"
	"time"

	"crosswalk/internal/alert"
	"crosswalk/internal/automation"
	"crosswalk/internal/config"
	"crosswalk/internal/connection"
)

// alertsEvery is how often it is looked whether something waits for a person.
const alertsEvery = time.Minute

// newDesk is nil where no mail server is configured.
func newDesk(cfg config.Config, h *house) (*alert.Desk, error) {
	if cfg.MailServer == "" {
		return nil, nil
	}
	post, err := alert.NewMail(cfg.MailServer.Reveal(), cfg.MailFrom)
	if err != nil {
		return nil, err
	}
	return &alert.Desk{Book: h.store, Post: post, PublicURL: cfg.PublicURL, Now: time.Now, Log: h.log}, nil
}

// waiting is all that stands still until somebody acts: automations that paused themselves, and accounts that are down.
func (h *house) waiting(ctx context.Context) ([]alert.Alert, error) {
	all, err := h.store.Automations(ctx)
	if err != nil {
		return nil, err
	}
	var out []alert.Alert
	for _, a := range all {
		if a.State == automation.Paused && a.PausedWhy != "" {
			out = append(out, alert.Alert{
				Key: "automation/" + string(a.ID) + "/paused", Workspace: a.Workspace, Title: "Paused: " + a.Name,
				Detail: a.PausedWhy + " What it has to do waits; nothing is lost.", Path: "/automations/" + string(a.ID) + "/live",
			})
		}
	}
	connections, err := h.store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range connections {
		if c.State == connection.Active || c.Workspace == "" {
			continue
		}
		name := h.providers.names()[c.Provider]
		a := alert.Alert{
			Key: "connection/" + string(c.ID) + "/" + string(c.State), Workspace: c.Workspace, Title: name + " has to be reconnected",
			Detail: "Account " + c.Account.ID + ": " + c.Problem + " " + downSince(c) + "What needs it waits and goes on by itself afterwards.", Path: "/connections/" + string(c.ID) + "/reconnect",
		}
		if c.State == connection.Uninstalled {
			a.Title = "Crosswalk was uninstalled in " + name
		}
		out = append(out, a)
	}
	return out, nil
}

// downSince says when an account went down, in its own time zone: a letter does not know its reader's.
func downSince(c connection.Connection) string {
	if c.DownSince.IsZero() {
		return ""
	}
	zone, err := time.LoadLocation(c.Account.Zone)
	if err != nil {
		zone = time.UTC
	}
	return "It is down since " + c.DownSince.In(zone).Format("2 Jan 2006, 15:04 MST") + ". "
}

// tellOwners mails what is new among it.
func (h *house) tellOwners(ctx context.Context) {
	if h.desk == nil {
		return
	}
	waiting, err := h.waiting(ctx)
	if err == nil {
		err = h.desk.Tell(ctx, waiting)
	}
	if err != nil {
		h.log.WarnContext(ctx, "owners are not told by mail; it is tried again", "err", err)
	}
}

// keepWatch looks until ctx ends.
func (h *house) keepWatch(ctx context.Context) { every(ctx, alertsEvery, h.tellOwners) }
