package server

import (
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// WriteWithin is how long an answer may take to be written. What streams for longer asks for it again with each part.
const WriteWithin = 2 * time.Minute

// patientWriter gives every part of a long answer its own time, so that a reader who has gone away is let go, and one
// who reads slowly is not.
type patientWriter struct {
	io.Writer
	control *http.ResponseController
}

func patient(c echo.Context) patientWriter {
	return patientWriter{c.Response(), http.NewResponseController(c.Response())}
}

func (w patientWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(WriteWithin)) // a recorder of a test has none
	return w.Writer.Write(p)
}

// download begins an answer the browser saves.
func download(c echo.Context, kind, name string) patientWriter {
	h := c.Response().Header()
	h.Set("Content-Type", kind+"; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	c.Response().WriteHeader(http.StatusOK)
	return patient(c)
}

// sheet is a CSV file that is saved and opened in a spreadsheet. Every CSV answer is one.
type sheet struct{ w *csv.Writer }

func newSheet(c echo.Context, name string, heads ...string) (*sheet, error) {
	return sheetOn(download(c, "text/csv", name), heads...)
}

func sheetOn(w io.Writer, heads ...string) (*sheet, error) {
	s := &sheet{csv.NewWriter(w)}
	return s, s.w.Write(heads)
}

func (s *sheet) row(cells ...string) error {
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return s.w.Write(cells)
}

func (s *sheet) end() error {
	s.w.Flush()
	return s.w.Error()
}

// harmless keeps a spreadsheet from taking a cell for a formula: whatever it may pass over first, a space, a line end or
// a sign nobody sees, and in the full width of East Asian texts too.
func harmless(cell string) string {
	rest := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf) })
	first, _ := utf8.DecodeRuneInString(rest)
	if strings.ContainsRune("=+-@＝＋－＠", first) || len(rest) < len(cell) && strings.ContainsAny(cell[:1], "\t\r\n") {
		return "'" + cell
	}
	return cell
}
