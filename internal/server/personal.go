package server

import (
	"encoding/json"
	"errors"
	"net/http"

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
			body, err := v.Open(d.Body, deliveryPlace(d.Event.ID))
			one.Body, one.Unreadable = string(body), err != nil
		}
		out.Deliveries = append(out.Deliveries, one)
	}
	return out
}

func personalHref(ref record.Ref) string { return "/personal-data" + recordHref(ref)[len("/records"):] }

// personalExport gives out everything that is kept about the person behind a record, as one JSON document.
func (s *scoped) personalExport(c echo.Context) error {
	ref, err := refOf(c)
	if err != nil {
		return err
	}
	p, err := s.Store.PersonalData(c.Request().Context(), ref)
	if err != nil {
		return err
	}
	s.note(c, people.AuditExport, ref.String(), "personal data", "", "json")
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
	erased, err := s.Store.ErasePersonalData(c.Request().Context(), ref)
	if errors.Is(err, engine.ErrConflict) {
		return &pageError{http.StatusConflict, "It is being worked on just now", "An automation is writing one of this person's records this very moment, and would write down what it did afterwards. Nothing was erased.", "Try again in a moment, or pause the automation first.", "busy"}
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, "Erased", ui.Count(erased.Total(), "thing", "things")+" kept about this person are gone. The records in your accounts are untouched; what they tell from now on is stored anew, but no automation takes the pair up again.")
	return redirect(c, recordHref(ref))
}
