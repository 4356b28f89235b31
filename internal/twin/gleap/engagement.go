package gleap

import "net/http"

// engagementRoutes are the event log, and two lists that a sync may read and
// that are empty here.
func engagementRoutes() []route {
	empty := func(*Twin, *call) answer { return ok([]any{}) }
	return []route{
		{method: "GET", pattern: "/statistics/raw-data", handle: (*Twin).rawData, global: true},
		{method: "GET", pattern: "/engagements/{engagementId}/recipients", handle: empty},
		{method: "GET", pattern: "/engagement/surveys/{surveyId}/responses", handle: empty},
	}
}

// logEvent adds to the event log: §15.5.
func (t *Twin) logEvent(action string, data object) {
	t.db.events = appendBounded(t.db.events, object{"action": action, "createdAt": t.now(), "data": data})
}

// rawData is the event log between two days: §15.5.
func (t *Twin) rawData(c *call) answer {
	q, bad, fine := parseList(c.r.URL.RawQuery, 1000, "startDate", "endDate", "timezone")
	if !fine {
		return bad
	}
	from, fromFine := castDate(q.flags["startDate"])
	to, toFine := castDate(q.flags["endDate"])
	if !fromFine || !toFine {
		return plain(http.StatusBadRequest, "Cast to date failed for startDate or endDate")
	}
	out := []object{}
	for _, e := range t.db.events {
		if at := text(e, "createdAt"); at < from || at > to {
			continue
		}
		if q.skip > 0 {
			q.skip--
			continue
		}
		if len(out) < q.limit {
			out = append(out, e)
		}
	}
	return ok(out)
}
