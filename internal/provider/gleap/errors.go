package gleap

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func (c *Client) fail(k provider.Kind, op, detail string) *provider.Error {
	return &provider.Error{Provider: ID, Op: op, Kind: k, Detail: detail}
}

func (c *Client) unsupported(verb string, t record.ObjectType) *provider.Error {
	return c.fail(provider.Unsupported, verb+" "+string(t), "Gleap does not offer this")
}

func (c *Client) invalidField(op, key, complaint string) *provider.Error {
	e := c.fail(provider.Invalid, op, key+": "+complaint)
	e.Fields = map[string]string{key: complaint}
	return e
}

// refused reports that Gleap does not take the call as such, so another way is worth trying.
func refused(err error) bool {
	switch provider.KindOf(err) {
	case provider.Invalid, provider.NotFound, provider.Unsupported:
		return err != nil
	}
	return false
}

// classify reads Gleap's refusals (reference/gleap.md §6): text first, then JSON of several shapes.
func classify(refreshable bool) func(op string, resp *apiclient.Response) *provider.Error {
	return func(_ string, resp *apiclient.Response) *provider.Error {
		e := &provider.Error{}
		var body struct {
			Message  any            `json:"message"`
			Error    any            `json:"error"`
			Fields   map[string]any `json:"fields"`
			CodeName string         `json:"codeName"`
		}
		if json.Unmarshal(resp.Body, &body) == nil {
			e.Detail = firstOf(words(body.Error), words(body.Message))
		} else if kind := resp.Header.Get("Content-Type"); !strings.Contains(kind, "html") && !strings.HasPrefix(strings.TrimSpace(string(resp.Body)), "{") {
			e.Detail = strings.TrimSpace(string(resp.Body))
		}
		switch {
		case resp.Status == http.StatusUnauthorized && !refreshable:
			e.Kind = provider.Revoked // an API key cannot be renewed: a person must put in a new one
		case resp.Status == http.StatusConflict && body.CodeName == "MaxTimeMSExpired":
			e.Kind = provider.Unavailable // a leaked database timeout
			e.Detail = "Gleap's database was too slow"
		case resp.Status == http.StatusBadRequest && strings.HasPrefix(e.Detail, "Cast to ObjectId failed") && strings.Contains(e.Detail, `path "_id"`):
			e.Kind = provider.NotFound // what cannot be an id names nothing
		case resp.Status == http.StatusConflict && e.Detail == "":
			e.Detail = body.CodeName
		case resp.Status == http.StatusBadRequest && len(body.Fields) > 0:
			e.Kind = provider.Invalid
			e.Fields = complaints(body.Fields)
		}
		return e
	}
}

// words finds the message in a string or in {"message": …}.
func words(raw any) string {
	switch x := raw.(type) {
	case string:
		return x
	case map[string]any:
		return words(x["message"])
	}
	return ""
}

// complaints maps tsoa's field names ("body.email", "dto.tags.$0") to our field keys.
func complaints(fields map[string]any) map[string]string {
	out := make(map[string]string, len(fields))
	for name, raw := range fields {
		for _, prefix := range []string{"body.", "requestBody.", "dto."} {
			name = strings.TrimPrefix(name, prefix)
		}
		name, _, _ = strings.Cut(name, ".$")
		text := words(raw)
		if text == "" && raw != nil {
			text = fmt.Sprint(raw)
		}
		out[name] = text
	}
	return out
}

func firstOf(candidates ...string) string {
	for _, s := range candidates {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}
