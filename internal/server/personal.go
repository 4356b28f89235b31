package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
	"crosswalk/web/ui"
)

// PersonalFile is a person's data as it is given out: everything, with deliveries as they arrived.
type PersonalFile struct {
	engine.PersonalData
	Deliveries []PersonalDelivery `json:"deliveries"`
}

// PersonalDelivery is a webhook that told of the person.
type PersonalDelivery struct {
	Event automation.Event `json:"event"`
	Body  string           `json:"body,omitempty"`
	// Unreadable: the body was sealed with a key that is not there any more.
	Unreadable bool `json:"unreadable,omitempty"`
}

// OpenPersonalData makes a person's data readable. A body that does not open is named, and does not keep the rest back.
func OpenPersonalData(p engine.PersonalData, v Sealer) PersonalFile {
	out := PersonalFile{PersonalData: p, Deliveries: make([]PersonalDelivery, 0, len(p.Deliveries))}
	for _, d := range p.Deliveries {
		one := PersonalDelivery{Event: d.Event}
		if len(d.Body) > 0 {
			body, err := v.Open(d.Body, automation.DeliveryPlace(d.Event.ID))
			one.Body, one.Unreadable = string(body), err != nil
		}
		out.Deliveries = append(out.Deliveries, one)
	}
	return out
}

// personSearch opens deliveries for as long as that takes; the answer may be late by as much.
func (s *scoped) personSearch(c echo.Context) engine.PersonSearch {
	control := http.NewResponseController(c.Response())
	return engine.PersonSearch{
		Store: s.Store,
		Open: func(event string, sealed []byte) ([]byte, error) {
			return s.Vault.Open(sealed, automation.DeliveryPlace(event))
		},
		Progress: func(int) {
			_ = control.SetWriteDeadline(time.Now().Add(WriteWithin)) // a recorder of a test has none
		},
	}
}

// refsText names a few records by id.
func refsText(refs []record.Ref) string {
	words := make([]string, len(refs))
	for i, r := range refs {
		words[i] = string(r.Type) + " " + r.ID
	}
	return briefly(words)
}

// briefly is the first few of some words.
func briefly(words []string) string {
	const most = 5
	if n := len(words) - most; n > 0 {
		words = append(words[:most:most], "and "+ui.Number(n)+" more")
	}
	return strings.Join(words, ", ")
}

func personalHref(ref record.Ref) string { return "/personal-data" + recordHref(ref)[len("/records"):] }

// personalExport gives out everything that is kept about the person behind a record, as one JSON document.
func (s *scoped) personalExport(c echo.Context) error {
	ref, err := refOf(c)
	if err != nil {
		return err
	}
	p, err := s.personSearch(c).Data(c.Request().Context(), ref)
	if err != nil {
		return err
	}
	if err := s.note(c, people.AuditExport, ref.String(), "personal data", "", "json"); err != nil {
		return err
	}
	enc := json.NewEncoder(download(c, "application/json", "personal-data.json"))
	enc.SetIndent("", "  ")
	return enc.Encode(OpenPersonalData(p, s.Vault))
}

// personalErase forgets the person behind a record.
func (s *scoped) personalErase(c echo.Context) error {
	ref, err := refOf(c)
	if err != nil {
		return err
	}
	if _, err := s.Store.LinksAt(c.Request().Context(), ref); err != nil { // whose it is comes before what was ticked
		return err
	}
	if c.FormValue("confirm") != "yes" {
		s.flash(c, ui.Warn, "Nothing was erased", "Tick the box to say that you mean it.")
		return redirect(c, recordHref(ref))
	}
	erased, err := s.personSearch(c).Erase(c.Request().Context(), ref)
	if errors.Is(err, engine.ErrConflict) {
		return &pageError{http.StatusConflict, "It is being worked on just now", "An automation is writing one of this person's records this very moment, and would write down what it did afterwards. Nothing was erased.", "Try again in a moment, or pause the automation first.", "busy"}
	}
	if err != nil {
		return err
	}
	words := ui.Count(erased.Total(), "thing", "things") + " kept about this person are gone. The records in your accounts are untouched; what they tell from now on is stored anew, but no automation takes the pair up again."
	if n := len(erased.Beside); n > 0 {
		words += " Deliveries about " + ui.Count(n, "other record", "other records") + " name this person too, and were left: " + refsText(erased.Beside) + ". Open those and erase them there, if they are the same person’s."
	}
	if n := len(erased.Sharing); n > 0 {
		words += " " + ui.Count(n, "delivery has", "deliveries have") + " this person’s phone number and " + map[bool]string{true: "names", false: "name"}[n == 1] + " somebody else, who may share it, and " + map[bool]string{true: "was", false: "were"}[n == 1] + " left: " + briefly(erased.Sharing) + "."
	}
	if n := erased.Unreadable; n > 0 {
		words += " " + ui.Count(n, "delivery", "deliveries") + " could not be opened with the keys at hand, so nobody can tell whom they name; they go when their time is over."
	}
	s.flash(c, ui.Good, "Erased", words)
	return redirect(c, recordHref(ref))
}
