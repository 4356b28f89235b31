package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

func (s *scoped) testPage(c echo.Context) error {
	d, err := s.opened(c)
	if err != nil {
		return err
	}
	v := s.testView(c, d)
	v.Payload = s.proposedPayload(c, d)
	return s.showTest(c, http.StatusOK, v)
}

func (s *scoped) showTest(c echo.Context, status int, v automationui.TestView) error {
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	return s.render(c, status, automationui.TestPage(sh, v))
}

// testView is the page with what was searched for.
func (s *scoped) testView(c echo.Context, d desk) automationui.TestView {
	v := automationui.TestView{Builder: s.head(d, automationui.Test), Of: d.source.object.Label, SearchedBy: searchedBy(d.source.object.Type), Target: d.target.side(), Query: strings.TrimSpace(c.QueryParam("q"))}
	if d.source.problem != nil {
		return v // said on top already
	}
	v.Asked = v.Query != ""
	l, err := s.firstPage(c.Request().Context(), d.source, v.Query)
	if err != nil {
		v.Problem = problemOf(err, d.source.schema.Label, d.source.side())
		return v
	}
	if !v.Asked && l.total > 0 {
		v.Total = ui.Number(l.total)
	}
	for _, r := range l.records {
		v.Found = append(v.Found, automationui.Contact{ID: r.Ref.ID, Name: titleOf(r), Detail: detailOf(r)})
	}
	return v
}

// proposedPayload is a record to begin with: the fields the mapping and the rule read, with the sample's values
// but made-up ways to reach the person, so that sending it touches nobody.
func (s *scoped) proposedPayload(c echo.Context, d desk) string {
	invented := map[record.Kind]string{record.Email: "test.person@example.com", record.Phone: "+1 415 555 0100"}
	out := map[string]any{}
	sample := s.sampleOf(c, d)
	for _, key := range append(sourceKeys(d.a.Definition), d.a.Definition.Rule.Fields()...) {
		spec, ok := d.source.schema.Field(key)
		if !ok {
			continue
		}
		switch {
		case invented[spec.Kind] != "":
			out[key] = invented[spec.Kind]
		case strings.EqualFold(spec.Label, "name"):
			out[key] = "Test Person"
		case sample.record != nil && !sample.record.Fields[key].IsEmpty():
			out[key] = sample.record.Fields[key]
		default:
			out[key] = ""
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return "{}"
	}
	return string(b)
}

// testSend tries a typed record: what would be sent, or sent for real.
func (s *scoped) testSend(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	v := s.testView(c, d)
	v.Payload = c.FormValue("payload")
	if len(d.problems()) > 0 {
		v.PayloadError = "Both accounts must be connected and answering before something can be tried."
		return s.showTest(c, problemStatus, v)
	}
	fields, unknown, err := engine.ReadPayload([]byte(v.Payload), d.source.schema)
	if p, ok := errors.AsType[*engine.PayloadError](err); ok {
		v.PayloadError = p.Sentence
		return s.showTest(c, problemStatus, v)
	}
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		v.PayloadError = "The " + d.source.schema.Label + " has no field “" + strings.Join(unknown, "”, “") + "”. Check the spelling, or leave it out."
		return s.showTest(c, problemStatus, v)
	}
	var result automationui.TestResult
	if c.FormValue("send") == "real" {
		// What is sent is people's data, and what came of it is told by the run.
		if err := s.note(c, people.AuditTestSend, string(d.a.ID), d.a.Name, "", "sent for real"); err != nil {
			return err
		}
		result, err = s.sent(ctx, d, fields)
	} else {
		result, err = s.shown(ctx, d, fields)
	}
	if err != nil {
		v.Problem = problemOf(err, d.target.schema.Label, d.target.side())
		return s.showTest(c, http.StatusOK, v)
	}
	v.Result = &result
	return s.showTest(c, http.StatusOK, v)
}

// shown plans for a typed record: the look-ups are real, the write is only shown.
func (s *scoped) shown(ctx context.Context, d desk, fields record.Fields) (automationui.TestResult, error) {
	var mu sync.Mutex
	var calls []provider.Call
	ctx = provider.WithRecorder(interactive(ctx), func(call provider.Call) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, call)
	})
	plan, err := s.Trials.PreviewRecord(ctx, d.compiled, engine.TestRecord(d.a, s.NewID("test"), fields))
	if err != nil {
		return automationui.TestResult{}, err
	}
	mu.Lock()
	defer mu.Unlock()
	out := automationui.TestResult{Outcome: outcomeOf(plan.Outcome), Text: plan.Reason, Diffs: diffsOf(plan), Calls: exchanges(calls)}
	if plan.Writes() {
		out.Calls = append(out.Calls, automationui.Exchange{
			Method: strings.ToUpper(string(plan.Outcome)), Path: d.target.schema.Label, Status: "not sent", OK: true, Request: writeWords(plan),
		})
	}
	return out, nil
}

// writeWords is what the provider would be asked to write, by the fields' own names.
func writeWords(p automation.Plan) string {
	out := map[string]any{}
	for _, side := range []automation.Side{automation.TargetSide, automation.SourceSide} {
		back := ""
		if side == automation.SourceSide {
			back = " (in the record it came from)"
		}
		w := engine.WriteOf(p, side)
		for key, v := range w.Fields {
			out[key+back] = v
		}
		for key, add := range w.Add {
			out[key+" (add)"+back] = add
		}
		for key, remove := range w.Remove {
			out[key+" (take away)"+back] = remove
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return ""
	}
	return string(b)
}

// sent carries a typed record out as a run marked as a test.
func (s *scoped) sent(ctx context.Context, d desk, fields record.Fields) (automationui.TestResult, error) {
	run, err := s.Trials.Send(interactive(ctx), d.live, fields) // what waits to be live writes nothing
	if err != nil {
		return automationui.TestResult{}, err
	}
	out := automationui.TestResult{Sent: true, Href: "/runs/" + run.ID, Outcome: outcomeOf(run.Outcome), Text: run.Summary}
	for _, st := range run.Steps {
		out.Calls = append(out.Calls, exchanges(st.Calls)...)
		if st.Plan != nil {
			out.Diffs = diffsOf(*st.Plan)
		}
	}
	return out, nil
}

// searchedBy says what finds a record by hand.
func searchedBy(t record.ObjectType) string {
	if t == record.Contact {
		return "name, email or phone"
	}
	return "what is in it"
}
