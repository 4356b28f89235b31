package server

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"
)

func TestNoCellIsTakenForAFormula(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"":               "",
		"Jane":           "Jane",
		" Jane":          " Jane",
		"a=b":            "a=b",
		"=1+1":           "'=1+1",
		"+49 30 1234":    "'+49 30 1234",
		"-1":             "'-1",
		"@SUM(A1)":       "'@SUM(A1)",
		"\t=1":           "'\t=1",
		"\r=1":           "'\r=1",
		"\n=1":           "'\n=1",
		"\tJane":         "'\tJane",
		"  =1":           "'  =1",
		"\u00a0=1":       "'\u00a0=1",
		"\u200b=1":       "'\u200b=1",
		"\ufeff=1":       "'\ufeff=1",
		"\x00=1":         "'\x00=1",
		"＝1":             "'＝1",
		"＋1":             "'＋1",
		"－1":             "'－1",
		"＠SUM(A1)":       "'＠SUM(A1)",
		"'=1":            "'=1",
		"\xff=1":         "\xff=1",
		"“=1” she said.": "“=1” she said.",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.String().Draw(t, "cell")
		if got := harmless(cell); strings.TrimPrefix(got, "'") != cell && got != cell {
			t.Errorf("%q becomes %q", cell, got)
		}
	})
}

func TestASheetReadsBackAsItWasButForFormulas(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), w)
	s, err := newSheet(c, "people.csv", "name", "said")
	ok(t, err)
	ok(t, s.row("Jane \"J\" Doe", "a, b\nc"))
	ok(t, s.row("=cmd", "\n@x"))
	ok(t, s.end())
	if kind := w.Header().Get("Content-Type"); kind != "text/csv; charset=utf-8" || !strings.Contains(w.Header().Get("Content-Disposition"), `filename="people.csv"`) {
		t.Errorf("headers %v", w.Header())
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	ok(t, err)
	if got := rows[1][0] + "|" + rows[1][1] + "|" + rows[2][0] + "|" + rows[2][1]; got != "Jane \"J\" Doe|a, b\nc|'=cmd|'\n@x" {
		t.Errorf("read back: %q", got)
	}
}

// deadlined is a response that is told until when it may be written.
type deadlined struct {
	*httptest.ResponseRecorder
	until []time.Time
}

func (d *deadlined) SetWriteDeadline(t time.Time) error { d.until = append(d.until, t); return nil }

func TestEachPartOfALongAnswerHasItsOwnTime(t *testing.T) {
	t.Parallel()
	w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), w)
	s, err := newSheet(c, "long.csv", "n")
	ok(t, err)
	for range 5000 {
		ok(t, s.row("a row that fills the buffer again and again"))
	}
	ok(t, s.end())
	if len(w.until) < 10 {
		t.Fatalf("the time was set %d times", len(w.until))
	}
	for _, u := range w.until {
		if left := time.Until(u); left <= 0 || left > WriteWithin {
			t.Fatalf("%s are left", left)
		}
	}
}
