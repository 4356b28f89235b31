package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
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
)

const (
	// maxDelivery is the most a webhook may send; real ones are a few KiB.
	maxDelivery = 1 << 20
	// readWithin is how long a sender may take over its whole body, and storeWithin how long one waits for the database: then
	// the sender is asked to come again, and has not given up yet.
	readWithin, storeWithin = 10 * time.Second, 10 * time.Second
	// maxLabel bounds what is looked up by index: ids, types and keys of deliveries.
	maxLabel = 200
)

// refusal is why a delivery is not taken, and what its sender gets to read: never more than it must.
type refusal struct {
	reason automation.RefusalReason
	status int
	words  string
}

var (
	tooLarge     = refusal{automation.TooLarge, http.StatusRequestEntityTooLarge, "more than 1 MiB"}
	encoded      = refusal{automation.Encoded, http.StatusUnsupportedMediaType, "send the body as it is, not compressed"}
	cutOff       = refusal{automation.CutOff, http.StatusBadRequest, "the body could not be read"}
	badSignature = refusal{automation.BadSignature, http.StatusUnauthorized, "the signature does not fit"}
	badSecret    = refusal{automation.BadSecret, http.StatusUnauthorized, "this address is not known here"}
	malformed    = refusal{automation.Malformed, http.StatusBadRequest, "the body is not a delivery"}
	notInstalled = refusal{automation.NotInstalled, http.StatusForbidden, "this installation is not known here"}
	otherApp     = refusal{automation.OtherApp, http.StatusForbidden, "this installation is not known here"}
	otherAccount = refusal{automation.OtherAccount, http.StatusForbidden, "this address belongs to another project"}
	// What passes by itself. Of all answers 429 is the one that HighLevel has always retried, under its older rules and
	// under the present ones (reference/highlevel.md §7.3); Gleap's are unknown.
	tooBusy     = refusal{automation.TooBusy, http.StatusTooManyRequests, "try again"}
	notStored   = refusal{automation.NotStored, http.StatusTooManyRequests, "try again"}
	notLookedUp = refusal{automation.NotLookedUp, http.StatusTooManyRequests, "try again"}
)

// hookAnswer is what a sender reads.
func hookAnswer(c echo.Context, status int, words string) error {
	return c.JSON(status, map[string]string{"status": words})
}

// turnAway answers and counts. No log line for each: whoever sends forgeries by the thousand must not fill the disk.
func (s *Server) turnAway(c echo.Context, id provider.ID, cn record.ConnectionID, r refusal) error {
	s.refusals.add(id, cn, r.reason)
	if r.status == http.StatusTooManyRequests {
		c.Response().Header().Set("Retry-After", "10")
	}
	s.Log.DebugContext(c.Request().Context(), "delivery refused", "provider", id, "connection", cn, "reason", r.reason)
	return hookAnswer(c, r.status, r.words)
}

// hookSigned takes deliveries whose sender proves itself by a signature over the raw body, and which name the
// account they are about. Order matters: size, signature, shape, installation, store, answer (I4).
func (s *Server) hookSigned(id provider.ID) echo.HandlerFunc {
	return func(c echo.Context) error {
		body, release, refused := s.readDelivery(c)
		if refused != nil {
			return s.turnAway(c, id, "", *refused)
		}
		defer release()
		hooks := s.Webhooks[id]
		if hooks.Verify(c.Request().Header, body) != nil {
			return s.turnAway(c, id, "", badSignature)
		}
		n, err := hooks.Read(body)
		if err != nil {
			return s.turnAway(c, id, "", malformed)
		}
		cn, ok, err := s.directory.byAccount(c.Request().Context(), id, n.Account)
		if err != nil {
			s.Log.ErrorContext(c.Request().Context(), "whose delivery it is cannot be looked up", "provider", id, "err", err)
			return s.turnAway(c, id, "", notLookedUp)
		}
		// All apps of the provider share one signing key, so a good signature does not make it ours
		// (reference/highlevel.md §7.2).
		// One that names no app is taken for the hint it is, as every delivery is: it names a record of an account that is
		// connected here, and makes us read it. Only what is done about installations needs to name our app.
		ours, configured := s.Providers.OwnApp(id, n.AppID)
		ours = ours || n.AppID == "" || !configured
		switch {
		case n.Change == provider.Installed || n.Change == provider.Removed:
			return s.installation(c, id, cn, ok, n, body)
		case !ok:
			return s.turnAway(c, id, "", notInstalled)
		case !ours:
			return s.turnAway(c, id, cn.ID, otherApp)
		}
		return s.accept(c, cn, n, body)
	}
}

// hookSecret takes deliveries of a provider that does not sign: the secret in the address, or in a header the person
// who set the webhook up added, is what proves the sender (reference/gleap.md §12), and the body is only ever a hint to
// look.
func (s *Server) hookSecret(id provider.ID) echo.HandlerFunc {
	return func(c echo.Context) error {
		cn, ok, err := s.directory.bySecret(c.Request().Context(), id, givenSecret(c))
		if err != nil {
			s.Log.ErrorContext(c.Request().Context(), "whose delivery it is cannot be looked up", "provider", id, "err", err)
			return s.turnAway(c, id, "", notLookedUp)
		}
		if !ok {
			return s.turnAway(c, id, "", badSecret)
		}
		body, release, refused := s.readDelivery(c)
		if refused != nil {
			return s.turnAway(c, id, cn.ID, *refused)
		}
		defer release()
		hooks := s.Webhooks[id]
		if hooks.Verify(c.Request().Header, body) != nil {
			return s.turnAway(c, id, cn.ID, badSignature)
		}
		n, err := hooks.Read(body)
		if err != nil {
			return s.turnAway(c, id, cn.ID, malformed)
		}
		if n.Account != "" && n.Account != cn.Account.ID {
			return s.turnAway(c, id, cn.ID, otherAccount)
		}
		return s.accept(c, cn, n, body)
	}
}

// givenSecret is in the path, or else in the header. Two different ones prove nothing.
func givenSecret(c echo.Context) string {
	inPath := c.Param("secret")
	inHeader, isBearer := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer ")
	if !isBearer {
		inHeader = ""
	}
	if inPath != "" && inHeader != "" && inPath != inHeader {
		return ""
	}
	return cmp.Or(inPath, inHeader)
}

// readDelivery takes the whole body, exactly as it came. Release it when it is stored.
func (s *Server) readDelivery(c echo.Context) (body []byte, release func(), refused *refusal) {
	r := c.Request()
	if r.ContentLength > maxDelivery {
		return nil, nil, &tooLarge
	}
	// Nothing is ever unpacked here, so a small body cannot become a large one.
	if e := r.Header.Get(echo.HeaderContentEncoding); e != "" && !strings.EqualFold(e, "identity") {
		return nil, nil, &encoded
	}
	// Not every writer has a deadline; then the server's own must do.
	_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(readWithin))
	one := s.held.of(people.Network(c.RealIP()))
	body, err := one.read(http.MaxBytesReader(c.Response(), r.Body, maxDelivery), r.ContentLength)
	switch _, large := errors.AsType[*http.MaxBytesError](err); {
	case large:
		refused = &tooLarge
	case errors.Is(err, errNoRoom):
		refused = &tooBusy
	case err != nil:
		refused = &cutOff
	default:
		return body, one.release, nil
	}
	one.release()
	return nil, nil, refused
}

// accept stores a delivery and only then says so. If it cannot be stored the sender is asked to come again.
func (s *Server) accept(c echo.Context, cn connection.Connection, n provider.Notice, body []byte) error {
	if !storable(n) {
		return s.turnAway(c, cn.Provider, cn.ID, malformed)
	}
	d := automation.Delivery{
		Event: automation.Event{
			ID: s.NewID("ev"), Kind: automation.Webhook, Change: n.Change, Name: n.Name, DedupeKey: shortKey(n.DedupeKey),
			Ref:        record.Ref{Connection: cn.ID, Type: n.Type, ID: n.ID},
			ReceivedAt: s.Now(), OccurredAt: n.OccurredAt,
		},
		Size: len(body), Verdict: automation.Accepted,
	}
	if n.Change == provider.Ignored {
		d.Verdict = automation.Unknown
	}
	var err error
	if d.Body, err = s.Vault.Seal(s.Webhooks[cn.Provider].Keep(body), automation.DeliveryPlace(d.Event.ID)); err != nil {
		s.Log.ErrorContext(c.Request().Context(), "delivery not sealed", "provider", cn.Provider, "err", err)
		return s.turnAway(c, cn.Provider, cn.ID, notStored)
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), storeWithin)
	defer cancel()
	all := []automation.Delivery{d}
	if above := s.above(cn, n); !above.IsZero() && d.Verdict == automation.Accepted {
		all = append(all, automation.Delivery{Event: engine.Touch(s.NewID("ev"), above, d.Event, n.Name)})
	}
	fresh, err := s.Store.Accept(ctx, all...)
	switch {
	case err != nil:
		s.Log.ErrorContext(c.Request().Context(), "delivery not stored", "provider", cn.Provider, "connection", cn.ID, "err", err)
		return s.turnAway(c, cn.Provider, cn.ID, notStored)
	case fresh == 0:
		return hookAnswer(c, http.StatusOK, "known already")
	case n.Change == provider.Ignored:
		return hookAnswer(c, http.StatusOK, "kept, and nothing to do")
	}
	return hookAnswer(c, http.StatusOK, "stored")
}

// above is the record that borrows of the one a delivery tells of; zero where none does.
func (s *Server) above(cn connection.Connection, n provider.Notice) record.Ref {
	object, _ := s.Descriptors[cn.Provider].Object(n.Type)
	parent, _ := s.Descriptors[cn.Provider].Object(object.Parent)
	if n.Parent == "" || !slices.ContainsFunc(parent.Borrowed, func(b provider.Borrowed) bool { return b.From == n.Type }) {
		return record.Ref{}
	}
	return record.Ref{Connection: cn.ID, Type: object.Parent, ID: n.Parent}
}

// storable reports whether names are such as providers give. Longer ones fit no index, and what fits nowhere would be
// sent again for ever.
func storable(n provider.Notice) bool {
	for _, name := range []string{n.ID, n.Parent, n.Name} {
		if len(name) > maxLabel || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
			return false
		}
	}
	return true
}

// shortKey keeps what tells deliveries apart, however long it is.
func shortKey(key string) string {
	if len(key) <= maxLabel {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}
