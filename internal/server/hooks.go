package server

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// maxDelivery is the most a webhook may send; real ones are a few KiB.
const maxDelivery = 1 << 20

// hookAnswer is what a sender gets to read. It never tells more than it must.
func hookAnswer(c echo.Context, status int, words string) error {
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", "10")
	}
	return c.JSON(status, map[string]string{"status": words})
}

// hookSigned takes deliveries whose sender proves itself by a signature over the raw body, and which name the
// account they are about. Order matters: size, signature, shape, installation, store, answer (I4).
func (s *Server) hookSigned(id provider.ID) echo.HandlerFunc {
	return func(c echo.Context) error {
		body, refused, err := readDelivery(c)
		if refused {
			return err
		}
		hooks := s.Webhooks[id]
		if err := hooks.Verify(c.Request().Header, body); err != nil {
			s.Log.WarnContext(c.Request().Context(), "delivery refused", "provider", id, "reason", "signature")
			return hookAnswer(c, http.StatusUnauthorized, "the signature does not fit")
		}
		n, err := hooks.Read(body)
		if err != nil {
			return hookAnswer(c, http.StatusBadRequest, "the body is not a delivery")
		}
		cn, ok, err := s.Connections.ByAccount(c.Request().Context(), id, n.Account)
		if err != nil {
			return hookAnswer(c, http.StatusServiceUnavailable, "try again")
		}
		// All apps of the provider share one signing key, so a good signature does not make it ours
		// (reference/highlevel.md §7.2).
		if !ok || (n.AppID != "" && !s.Providers.OwnApp(id, n.AppID)) {
			if n.Change == provider.Installed || n.Change == provider.Removed {
				return hookAnswer(c, http.StatusAccepted, "noted")
			}
			s.Log.WarnContext(c.Request().Context(), "delivery refused", "provider", id, "reason", "unknown installation", "event", n.Name)
			return hookAnswer(c, http.StatusForbidden, "this installation is not known here")
		}
		return s.accept(c, cn, n, body)
	}
}

// hookSecret takes deliveries of a provider that does not sign: the secret in the address is what proves the
// sender (reference/gleap.md §12), and the body is only ever a hint to look.
func (s *Server) hookSecret(id provider.ID) echo.HandlerFunc {
	return func(c echo.Context) error {
		cn, ok, err := s.Connections.ByHookSecret(c.Request().Context(), id, c.Param("secret"))
		if err != nil {
			return hookAnswer(c, http.StatusServiceUnavailable, "try again")
		}
		if !ok {
			s.Log.WarnContext(c.Request().Context(), "delivery refused", "provider", id, "reason", "secret")
			return hookAnswer(c, http.StatusUnauthorized, "this address is not known here")
		}
		body, refused, err := readDelivery(c)
		if refused {
			return err
		}
		hooks := s.Webhooks[id]
		if err := hooks.Verify(c.Request().Header, body); err != nil {
			return hookAnswer(c, http.StatusUnauthorized, "not proven")
		}
		n, err := hooks.Read(body)
		if err != nil {
			return hookAnswer(c, http.StatusBadRequest, "the body is not a delivery")
		}
		if n.Account != "" && n.Account != cn.Account.ID {
			return hookAnswer(c, http.StatusForbidden, "this address belongs to another project")
		}
		return s.accept(c, cn, n, body)
	}
}

func readDelivery(c echo.Context) (body []byte, refused bool, err error) {
	if c.Request().ContentLength > maxDelivery {
		return nil, true, hookAnswer(c, http.StatusRequestEntityTooLarge, "more than 1 MiB")
	}
	body, err = io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxDelivery))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, true, hookAnswer(c, http.StatusRequestEntityTooLarge, "more than 1 MiB")
	}
	if err != nil {
		return nil, true, hookAnswer(c, http.StatusBadRequest, "the body could not be read")
	}
	return body, false, nil
}

// accept stores a delivery and only then says so. If it cannot be stored the sender is asked to come again.
func (s *Server) accept(c echo.Context, cn connection.Connection, n provider.Notice, body []byte) error {
	switch n.Change {
	case provider.Ignored, provider.Installed:
		return hookAnswer(c, http.StatusOK, "nothing to do")
	case provider.Removed:
		if err := s.Connections.Break(c.Request().Context(), cn.ID, "The app was uninstalled in the account."); err != nil {
			return hookAnswer(c, http.StatusServiceUnavailable, "try again")
		}
		return hookAnswer(c, http.StatusOK, "noted")
	}
	fresh, err := s.Store.Accept(c.Request().Context(), automation.Delivery{
		Event: automation.Event{
			ID: s.NewID("ev"), Kind: automation.Webhook, Change: n.Change, Name: n.Name, DedupeKey: n.DedupeKey,
			Ref:        record.Ref{Connection: cn.ID, Type: n.Type, ID: n.ID},
			ReceivedAt: s.Now(), OccurredAt: n.OccurredAt,
		},
		Body: s.Webhooks[cn.Provider].Keep(body),
	})
	if err != nil {
		s.Log.ErrorContext(c.Request().Context(), "delivery not stored", "provider", cn.Provider, "err", err)
		return hookAnswer(c, http.StatusServiceUnavailable, "try again")
	}
	if fresh == 0 {
		return hookAnswer(c, http.StatusOK, "known already")
	}
	return hookAnswer(c, http.StatusOK, "stored")
}
