package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/deliveryui"
	"crosswalk/web/ui"
)

const (
	deliveriesPerPage = 50
	refusedSince      = 7 * 24 * time.Hour
	// repeated stands among the verdicts of the filter; a delivery that came again keeps its own.
	repeated = "repeated"
)

func deliveryHref(event string) string { return "/deliveries/" + url.PathEscape(event) }

// deliveriesPage lists what arrived, and counts what was turned away.
func (s *scoped) deliveriesPage(c echo.Context) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Deliveries)
	if err != nil {
		return err
	}
	accounts, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	v := deliveryui.List{
		Connection: c.QueryParam("connection"), Verdict: c.QueryParam("verdict"), Query: strings.TrimSpace(c.QueryParam("q")), KeptFor: span(s.KeepDeliveries),
		Connections: []ui.Option{{Label: "Every account"}},
		Verdicts: []ui.Option{
			{Label: "Anything"}, {Value: string(automation.Accepted), Label: "Accepted"}, {Value: string(automation.Unwatched), Label: "No automation cares"},
			{Value: string(automation.Unknown), Label: "Unknown type"}, {Value: repeated, Label: "Came more than once"},
		},
	}
	for _, a := range accounts {
		v.Connections = append(v.Connections, ui.Option{Value: string(a.ID), Label: s.providerName(a.Provider) + ": " + a.Name})
	}
	f := engine.DeliveryFilter{Search: v.Query, Before: c.QueryParam("before"), Limit: deliveriesPerPage + 1}
	if v.Connection != "" {
		f.Connections = []record.ConnectionID{record.ConnectionID(v.Connection)}
	}
	if v.Verdict == repeated {
		f.Repeated = true
	} else {
		f.Verdict = automation.Verdict(v.Verdict)
	}
	all, err := s.Store.Deliveries(ctx, f)
	if err != nil {
		return err
	}
	page := func(before string) string { return deliveriesHref(v, before) }
	if f.Before != "" {
		v.Pages.PreviousHref = page("")
	}
	if len(all) > deliveriesPerPage {
		all = all[:deliveriesPerPage]
		v.Pages.NextHref = page(all[len(all)-1].Event.ID)
	}
	for _, d := range all {
		v.Items = append(v.Items, s.deliveryItem(d, accounts))
	}
	if len(v.Items) > 0 {
		v.Pages.Text = ui.Count(len(v.Items), "delivery", "deliveries")
	}
	if v.Refused, err = s.refusedLately(ctx, accounts, v.Connection); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, deliveryui.ListPage(sh, v))
}

func deliveriesHref(v deliveryui.List, before string) string {
	q := url.Values{}
	for key, val := range map[string]string{"connection": v.Connection, "verdict": v.Verdict, "q": v.Query, "before": before} {
		if val != "" {
			q.Set(key, val)
		}
	}
	return strings.TrimSuffix("/deliveries?"+q.Encode(), "?")
}

func (s *scoped) deliveryItem(d automation.Delivery, accounts []connection.Connection) deliveryui.Item {
	out := deliveryui.Item{
		ID: d.Event.ID, Href: deliveryHref(d.Event.ID), At: s.moment(d.Event.ReceivedAt), Account: "a disconnected account",
		Type: d.Event.Name, Verdict: verdictOf(d),
	}
	if out.Type == "" {
		out.Type = "an event without a type"
	}
	if i := slices.IndexFunc(accounts, func(a connection.Connection) bool { return a.ID == d.Event.Ref.Connection }); i >= 0 {
		out.Side, out.Account = side(accounts[i].Provider), accounts[i].Name
	}
	if d.Event.Ref.ID != "" {
		out.Record, out.RecordHref = d.Event.Ref.ID, recordHref(d.Event.Ref)
	}
	if d.Repeats > 0 {
		out.Repeats = "came " + ui.Count(d.Repeats, "more time", "more times")
	}
	return out
}

func verdictOf(d automation.Delivery) deliveryui.Verdict {
	switch {
	case d.Verdict == automation.Unknown:
		return deliveryui.Verdict{Tone: ui.Neutral, Word: "Unknown type", Text: "Crosswalk carries nothing that events of this type tell of, so there was nothing to do."}
	case d.Verdict == automation.Unwatched:
		return deliveryui.Verdict{Tone: ui.Neutral, Word: "No automation cares", Text: "It was taken in. No automation that is on or paused watches such records."}
	case d.Event.Change == provider.Installed:
		return deliveryui.Verdict{Tone: ui.Good, Word: "Accepted", Text: "It tells that the app was installed."}
	case d.Event.Change == provider.Removed:
		return deliveryui.Verdict{Tone: ui.Warn, Word: "Accepted", Text: "It tells that the app was removed."}
	}
	return deliveryui.Verdict{Tone: ui.Good, Word: "Accepted", Text: "It was stored before it was answered, and the record was looked at."}
}

// refusedLately adds up what was turned away. What this process counted and has not stored yet is stored first.
func (s *scoped) refusedLately(ctx context.Context, accounts []connection.Connection, only string) ([]deliveryui.Refused, error) {
	if err := s.StoreRefusals(ctx); err != nil {
		return nil, err
	}
	all, err := s.Store.Refusals(ctx, s.Now().Add(-refusedSince))
	if err != nil {
		return nil, err
	}
	// What could not be told whose it is tells of other workspaces' traffic, and of who knocks at the server.
	ofNobody := s.can(people.Owner)
	if ofNobody {
		first, err := s.Server.Store.FirstWorkspace(ctx)
		if err != nil {
			return nil, err
		}
		ofNobody = first == s.member.Workspace.ID
	}
	var out []deliveryui.Refused
	for _, r := range all {
		if r.Connection == "" && !ofNobody {
			continue
		}
		if only != "" && r.Connection != only {
			continue
		}
		one := deliveryui.Refused{Side: side(provider.ID(r.Provider)), Count: r.Count, At: s.moment(r.LastAt)}
		one.Reason, one.Next = whyRefused(r.Reason)
		if i := slices.IndexFunc(accounts, func(a connection.Connection) bool { return string(a.ID) == r.Connection }); i >= 0 {
			one.Account = accounts[i].Name
		}
		out = append(out, one)
	}
	return out, nil
}

// whyRefused says what was wrong, and what to do about it where anything is to be done.
func whyRefused(r automation.RefusalReason) (what, next string) {
	switch r {
	case automation.BadSignature:
		return "The signature does not fit", "If genuine ones are among them, HighLevel may have changed its key: see CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY."
	case automation.BadSecret:
		return "The address or its secret is not known", "If Gleap sends them, paste the address from Connections again."
	case automation.TooLarge:
		return "It was larger than 1 MiB", ""
	case automation.Encoded:
		return "It was compressed", ""
	case automation.CutOff:
		return "It broke off", "The sender tries again by itself."
	case automation.Malformed:
		return "It is no delivery", "It was not JSON, or named no record."
	case automation.NotInstalled:
		return "It is about an account that is not connected here", "Connect the account, or remove the app there."
	case automation.OtherApp:
		return "It was meant for another app", ""
	case automation.OtherAccount:
		return "It is about another project than its address", "Each project has an address of its own: see Connections."
	case automation.TooBusy:
		return "Too much arrived at once", "The sender was asked to come again."
	case automation.NotStored, automation.NotLookedUp:
		return "The database did not answer", "The sender was asked to come again."
	}
	return string(r), ""
}

// deliveryPage shows one delivery; what was sent only to those who may change things, for it holds people's data whole.
func (s *scoped) deliveryPage(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.Store.Delivery(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	accounts, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	sh, err := s.shell(c, ui.Deliveries)
	if err != nil {
		return err
	}
	v := deliveryui.View{Item: s.deliveryItem(d, accounts)}
	fact := func(name, value string) { v.Facts = append(v.Facts, deliveryui.Fact{Name: name, Value: value}) }
	const clock = "2 January 2006, 15:04:05 MST"
	fact("Received", d.Event.ReceivedAt.UTC().Format(clock))
	if at := d.Event.OccurredAt; !at.IsZero() {
		fact("Happened", at.UTC().Format(clock))
		if late := d.Event.ReceivedAt.Sub(at); late > time.Minute {
			fact("Came late by", span(late))
		}
	}
	if d.Event.Ref.Type != "" {
		fact("Tells of", "a "+string(d.Event.Ref.Type)+" that was "+string(d.Event.Change))
	}
	fact("Size", ui.Count(d.Size, "byte", "bytes"))
	if d.Repeats > 0 {
		fact("Came again", ui.Count(d.Repeats, "time", "times")+", last on "+d.RepeatedAt.UTC().Format(clock)+"; it counts once")
	}
	fact("Known by", d.Event.DedupeKey)
	switch {
	case !replayable(d):
		v.ReplayNote = "There is nothing to replay: it tells of no record Crosswalk carries."
	case s.can(people.Editor):
		v.CanReplay = true
		v.ReplayNote = "Replaying has the automations look at the record again, as it is now. What was carried over already is not written twice."
	}
	switch {
	case !s.can(people.Editor):
		v.BodyNote = "Only editors and owners may read what was sent: it holds the record as the account sent it."
	case len(d.Body) == 0:
		v.BodyNote = "What was sent is not kept."
	default:
		body, err := s.Vault.Open(d.Body, automation.DeliveryPlace(d.Event.ID))
		if err != nil {
			s.Log.ErrorContext(ctx, "a delivery cannot be opened", "event", d.Event.ID, "err", err)
			v.BodyNote = "What was sent cannot be opened: it was sealed with another key than this server has."
			break
		}
		v.Body = pretty(string(body))
		if v.Body == "" {
			v.BodyNote = "What was sent could not be kept without its secrets."
		}
	}
	return s.render(c, http.StatusOK, deliveryui.Page(sh, v))
}

func replayable(d automation.Delivery) bool {
	return d.Event.Ref.ID != "" && (d.Event.Change == provider.Created || d.Event.Change == provider.Updated || d.Event.Change == provider.Deleted)
}

// deliveryReplay stores an event like the delivery's, which the automations then look at as at any other.
func (s *scoped) deliveryReplay(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.Store.Delivery(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	if !replayable(d) {
		s.flash(c, ui.Warn, "There is nothing to replay", "It tells of no record Crosswalk carries.")
		return redirect(c, deliveryHref(d.Event.ID))
	}
	e := d.Event
	e.ID, e.Kind, e.ReceivedAt = s.NewID("ev"), automation.Replay, s.Now()
	e.DedupeKey = "replay/" + e.ID
	if err := s.note(c, people.AuditReplay, d.Event.ID, d.Event.Name, "", e.ID); err != nil {
		return err
	}
	all := []automation.Delivery{{Event: e}}
	if above, err := s.aboveDelivery(ctx, d); err != nil {
		return err
	} else if !above.IsZero() {
		all = append(all, automation.Delivery{Event: engine.Touch(s.NewID("ev"), above, e, e.Name)})
	}
	if _, err := s.Server.Store.Accept(ctx, all...); err != nil {
		return err
	}
	s.flash(c, ui.Good, "Replayed", "The record is looked at again as it is now. “Everything about this record” tells what came of it.")
	return redirect(c, deliveryHref(d.Event.ID))
}

// aboveDelivery is the record that borrows of the one a stored delivery tells of, which its body names; zero where none
// does, or the body is not kept.
func (s *scoped) aboveDelivery(ctx context.Context, d automation.Delivery) (record.Ref, error) {
	accounts, err := s.Connections.List(ctx)
	if err != nil {
		return record.Ref{}, err
	}
	i := slices.IndexFunc(accounts, func(a connection.Connection) bool { return a.ID == d.Event.Ref.Connection })
	if i < 0 || len(d.Body) == 0 {
		return record.Ref{}, nil
	}
	body, err := s.Vault.Open(d.Body, automation.DeliveryPlace(d.Event.ID))
	if err != nil {
		return record.Ref{}, nil // sealed with another key: then the record itself must do
	}
	n, err := s.Webhooks[accounts[i].Provider].Read(body)
	if err != nil {
		return record.Ref{}, nil
	}
	return s.above(accounts[i], n), nil
}
