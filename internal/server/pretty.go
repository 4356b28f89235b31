package server

import (
	"bytes"
	"encoding/json"
	"strings"
)

// pretty indents JSON for reading; anything else, and JSON that was cut, stays as it is.
func pretty(body string) string {
	trimmed := strings.TrimSpace(body)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return body
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(trimmed), "", "  "); err != nil {
		return body
	}
	return out.String()
}
