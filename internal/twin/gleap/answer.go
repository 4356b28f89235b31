package gleap

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is what a handler has to say.
type answer struct {
	status int
	body   any // a string is sent as it is, everything else as JSON
	kind   string
	retry  int  // seconds for Retry-After
	idle   bool // a write that found nothing to change
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func noContent() answer { return answer{status: http.StatusNoContent} }

func plain(status int, message string) answer {
	return answer{status: status, body: message, kind: "text/plain; charset=utf-8"}
}

// fail has the one error shape that was seen for refusals: §6. That 403, 404
// and 429 share it with 401 is our reading.
func fail(status int, message string) answer {
	return answer{status: status, body: object{"error": object{"message": message}}}
}

// invalid is a tsoa validation answer: §6.
func invalid(fields object) answer {
	return answer{status: http.StatusBadRequest, body: object{"fields": fields}}
}

func notFound(what string) answer { return fail(http.StatusNotFound, what+" not found.") }

// castFailed answers an id that is none. Its wording copies the date's: §6.
func castFailed(id string) answer {
	return plain(http.StatusBadRequest, "Cast to ObjectId failed for value "+strconv.Quote(id)+` (type string) at path "_id"`)
}

// write sends the answer. There are no rate headers, only Retry-After on a
// 429: §5.
func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	if a.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(a.retry))
	}
	if a.status == http.StatusNoContent {
		w.WriteHeader(a.status)
		return
	}
	var out []byte
	if s, isText := a.body.(string); isText {
		out = []byte(s)
	} else {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // Node does not
		if err := enc.Encode(a.body); err != nil {
			http.Error(w, `{"error":{"message":"Internal server error"}}`, http.StatusInternalServerError)
			return
		}
		out = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		a.kind = "application/json; charset=utf-8"
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(a.status)
	_, _ = w.Write(out)
}
