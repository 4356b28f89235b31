package server

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/web/ui"
)

func queryEscape(s string) string { return url.QueryEscape(s) }

// pageError is an error a person can act on, with its status.
type pageError struct {
	Status              int
	Title, Detail, Next string
	Code                string
}

func (e *pageError) Error() string { return e.Code + ": " + e.Title }

// answerError is the one place where an error becomes a page. The text of an unexpected error stays in the log.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := s.pageErrorOf(err)
	if p == errHashing {
		tooMany(c, 5*time.Second)
	}
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(p.Status)
		return
	}
	id, _ := c.Get(keyRequestID).(string)
	view := ui.ErrorPage(s.bareShell(c), ui.ErrorView{Status: p.Status, Title: p.Title, What: p.Detail, Next: p.Next, Code: p.Code, RequestID: id})
	if renderErr := s.render(c, p.Status, view); renderErr != nil {
		s.Log.ErrorContext(c.Request().Context(), "error page failed", "err", renderErr)
	}
}

func (s *Server) pageErrorOf(err error) *pageError {
	if p, ok := errors.AsType[*pageError](err); ok {
		return p
	}
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return notFound()
	case errors.Is(err, engine.ErrConflict):
		return &pageError{http.StatusConflict, "Somebody else was faster", "This was changed since you opened the page, so nothing was saved.", "Go back, reload the page and try again.", "conflict"}
	}
	if h, ok := errors.AsType[*echo.HTTPError](err); ok {
		return httpError(h)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return httpError(echo.NewHTTPError(http.StatusRequestEntityTooLarge))
	}
	if _, ok := errors.AsType[*provider.Error](err); ok {
		x := engine.Explain(err, "account", func(f string) string { return f })
		return &pageError{http.StatusBadGateway, x.Title, x.Detail, x.Advice, x.Code}
	}
	return &pageError{http.StatusInternalServerError, "Something went wrong inside Crosswalk", "Nothing you entered was carried out half-way.", "Try again. If it keeps happening, the server's log has the details.", "internal"}
}

func notFound() *pageError {
	return &pageError{http.StatusNotFound, "There is nothing here", "The address is mistyped, or what it showed was removed.", "Start from the overview.", "not_found"}
}

func httpError(h *echo.HTTPError) *pageError {
	words, _ := h.Message.(string)
	switch h.Code {
	case http.StatusNotFound:
		return notFound()
	case http.StatusMethodNotAllowed:
		return &pageError{h.Code, "This address is used in another way", "Pages are opened, forms are sent; this was the other way round.", "Start from the overview.", "method"}
	case http.StatusRequestEntityTooLarge:
		return &pageError{h.Code, "That is more than Crosswalk takes at once", "A form may be up to 1 MiB. Nothing was saved.", "Shorten it and send it again.", "too_large"}
	case http.StatusUnauthorized:
		return &pageError{h.Code, "Please sign in", "Your session has ended.", "Sign in and try again.", "unauthorized"}
	case http.StatusForbidden:
		return &pageError{h.Code, "Not carried out", words, "", "forbidden"}
	}
	if h.Code >= 500 {
		return &pageError{h.Code, "Something went wrong inside Crosswalk", "Nothing was carried out half-way.", "Try again in a moment.", "internal"}
	}
	return &pageError{h.Code, http.StatusText(h.Code), words, "", "request"}
}
