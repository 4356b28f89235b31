package highlevel

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// object is a JSON object being answered.
type object map[string]any

// answer is what a handler has to say.
type answer struct {
	status int
	body   object
}

func ok(body object) answer      { return answer{http.StatusOK, body} }
func created(body object) answer { return answer{http.StatusCreated, body} }

// fail builds HighLevel's usual error body: reference §6.
func fail(status int, message string) answer {
	return answer{status, object{"statusCode": status, "message": message, "error": http.StatusText(status)}}
}

// unprocessable lists every complaint about a body, as the vendor's validator
// does: reference §6.
func unprocessable(messages ...string) answer {
	return answer{http.StatusUnprocessableEntity, object{
		"statusCode": http.StatusUnprocessableEntity, "message": messages, "error": "Unprocessable Entity",
	}}
}

// contactNotFound is a 400, not a 404: reference §6.
func contactNotFound(id string) answer {
	return fail(http.StatusBadRequest, "Contact with id "+id+" not found")
}

func entityNotFound(kind, id string) answer {
	return fail(http.StatusBadRequest, kind+" with id "+id+" not found")
}

// noLocation is what a token of another location, or none named at all, gets:
// reference §6.
func noLocation() answer {
	return fail(http.StatusForbidden, "The token does not have access to this location.")
}

func (a answer) write(w http.ResponseWriter, trace string) {
	if a.body == nil {
		a.body = object{}
	}
	// Responses carry a traceId that support asks for: reference §1.
	a.body["traceId"] = trace
	out, err := json.Marshal(a.body)
	if err != nil { // our own shapes always encode
		http.Error(w, `{"statusCode":500,"message":"Internal server error"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(a.status)
	_, _ = w.Write(out)
}

// flat turns a struct into an object, keeping its JSON names.
func flat(v any) object {
	raw, err := json.Marshal(v)
	if err != nil {
		return object{}
	}
	var out object
	if json.Unmarshal(raw, &out) != nil {
		return object{}
	}
	return out
}
