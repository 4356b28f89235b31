package apiclient

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	redacted = "[redacted]"
	maxShown = 4 << 10
)

// secretNames are the exact names of values nobody may read, lower case without separators.
var secretNames = map[string]bool{
	"token": true, "secret": true, "password": true, "code": true, "apikey": true, "authorization": true,
	"cookie": true, "setcookie": true, "gleaphash": true, "userhash": true, "credential": true, "assertion": true,
	"privatekey": true, "signature": true, "ssn": true,
}

// secretEndings catch the families: refresh_token, secretShareToken, client_secret, x-api-key.
var secretEndings = []string{"token", "secret", "password", "apikey"}

// isSecretName is asked for every key of every answer that is shown, so it looks without making anything.
func isSecretName(name string) bool {
	var room [64]byte
	plain := room[:0]
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_' || c == '-' || c == '.' || c == ' ':
		case c >= utf8.RuneSelf:
			if lower := strings.ToLower(name); lower != name {
				return isSecretName(lower) // a letter that only looks foreign, like the Kelvin sign
			}
			plain = append(plain, c)
		case 'A' <= c && c <= 'Z':
			plain = append(plain, c+'a'-'A')
		default:
			plain = append(plain, c)
		}
	}
	if secretNames[string(plain)] {
		return true
	}
	for _, ending := range secretEndings {
		if len(plain) >= len(ending) && string(plain[len(plain)-len(ending):]) == ending {
			return true
		}
	}
	return false
}

// Redact shows a body to a person: secrets replaced, cut to 4 KiB of valid text.
func Redact(body []byte, contentType string) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return ""
	}
	if kind, _, _ := mime.ParseMediaType(contentType); kind == "application/x-www-form-urlencoded" {
		if form, err := url.ParseQuery(string(body)); err == nil {
			return cut(redactValues(form), maxShown)
		}
	}
	if shown, ok := redactJSON(body); ok {
		return cut(shown, maxShown)
	}
	// Not JSON, or broken off: blot out whatever still looks like a named secret.
	return cut(redactText(string(body[:min(len(body), 2*maxShown)])), maxShown)
}

// redactJSON rewrites JSON token by token and stops once enough is written, so a large listing costs little.
func redactJSON(body []byte) (string, bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var b shownJSON
	b.enc = json.NewEncoder(&b.Buffer)
	b.enc.SetEscapeHTML(false)
	if !copyJSON(dec, &b) && b.Len() <= maxShown {
		return "", false
	}
	return b.String(), true
}

// shownJSON is JSON as it is written for reading.
type shownJSON struct {
	bytes.Buffer
	enc *json.Encoder
}

// put writes a token; those of a decoder always encode. An encoder ends each with a line of its own.
func (b *shownJSON) put(v any) {
	if b.enc.Encode(v) == nil {
		b.Truncate(b.Len() - 1)
	}
}

// copyJSON copies one value; false means the input ended, was not JSON, or enough has been written.
func copyJSON(dec *json.Decoder, b *shownJSON) bool {
	tok, err := dec.Token()
	if err != nil || b.Len() > maxShown {
		return false
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		b.put(tok)
		return true
	}
	b.WriteString(delim.String())
	for i := 0; dec.More(); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		if delim == '{' {
			key, err := dec.Token()
			name, ok := key.(string)
			if err != nil || !ok {
				return false
			}
			b.put(name)
			b.WriteByte(':')
			if isSecretName(name) {
				var skip json.RawMessage
				if dec.Decode(&skip) != nil {
					return false
				}
				b.put(redacted)
				continue
			}
		}
		if !copyJSON(dec, b) {
			return false
		}
	}
	end, err := dec.Token()
	if err != nil {
		return false
	}
	b.WriteString(end.(json.Delim).String())
	return true
}

var (
	namedJSON = regexp.MustCompile(`(?i)"([a-z0-9_.\- ]{1,64})"\s*:\s*("(?:[^"\\]|\\.)*"?|[^\s,}\]]+)`)
	namedForm = regexp.MustCompile(`(?i)\b([a-z0-9_.\-]{1,64})=([^&\s"']+)`)
	bearer    = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9._~+/=\-]{8,}`)
)

func redactText(s string) string {
	s = namedJSON.ReplaceAllStringFunc(s, func(m string) string {
		name := namedJSON.FindStringSubmatch(m)[1]
		if !isSecretName(name) {
			return m
		}
		return `"` + name + `":"` + redacted + `"`
	})
	s = namedForm.ReplaceAllStringFunc(s, func(m string) string {
		name, _, _ := strings.Cut(m, "=")
		if !isSecretName(name) {
			return m
		}
		return name + "=" + redacted
	})
	return bearer.ReplaceAllString(s, "$1 "+redacted)
}

// redactValues encodes a query or form for reading, keeping the marker legible.
func redactValues(v url.Values) string {
	clean := make(url.Values, len(v))
	for name, values := range v {
		if isSecretName(name) {
			values = []string{redacted}
		}
		clean[name] = values
	}
	return strings.ReplaceAll(clean.Encode(), url.QueryEscape(redacted), redacted)
}

// safePath is path and query as they may be shown.
func safePath(u *url.URL, secrets []string) string {
	p := u.EscapedPath()
	if u.RawQuery != "" {
		if q, err := url.ParseQuery(u.RawQuery); err == nil {
			p += "?" + redactValues(q)
		} else {
			p += "?" + redacted
		}
	}
	return cut(conceal(p, secrets), maxShown)
}

// credentialsOf collects the secrets a request carries, so that an answer quoting them can be cleaned too.
func credentialsOf(r *http.Request) []string {
	var out []string
	for name, values := range r.Header {
		if !isSecretName(name) {
			continue
		}
		for _, v := range values {
			if _, rest, ok := strings.Cut(v, " "); ok {
				v = rest
			}
			if len(v) >= 6 { // shorter would blot out ordinary words
				out = append(out, v)
			}
		}
	}
	return out
}

func conceal(s string, secrets []string) string {
	for _, secret := range secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	return bearer.ReplaceAllString(s, "$1 "+redacted)
}

// cut shortens to at most n bytes of valid UTF-8.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	const mark = "…"
	n -= len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
