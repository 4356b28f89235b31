package gleap

import (
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"time"
)

// Gleap documents no OAuth (§3.3). The twin has a plain RFC 6749 code grant,
// PKCE (RFC 7636) where the client uses it, and refresh tokens that rotate.
const (
	authorizePath = "/oauth/authorize"
	tokenPath     = "/oauth/token"

	codeLife    = 10 * time.Minute
	refreshLife = 180 * 24 * time.Hour
)

type code struct {
	redirectURI string
	scope       string
	challenge   string
	plain       bool // the challenge is the verifier itself
	expires     time.Time
}

type accessToken struct {
	Expires time.Time `json:"expires"`
}

type refreshToken struct {
	Scope   string    `json:"scope,omitempty"`
	Expires time.Time `json:"expires"`
}

func (t *Twin) isAccessToken(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.db.access[token]
	return k != nil && t.cfg.Now().Before(k.Expires)
}

// refused is an RFC 6749 §5.2 error.
func refused(status int, kind, description string) answer {
	return answer{status: status, body: object{"error": kind, "error_description": description}}
}

func (t *Twin) serveToken(w http.ResponseWriter, r *http.Request) answer {
	if a, broken := t.outage(); broken {
		return a
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return refused(http.StatusMethodNotAllowed, "invalid_request", "The token endpoint takes POST.")
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if kind != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		return refused(http.StatusBadRequest, "invalid_request", "The body must be a form.")
	}
	in := r.PostForm
	id, secret, basic := r.BasicAuth()
	if basic {
		// Both parts are form-encoded first: RFC 6749 §2.3.1.
		id, secret = pathValueOfForm(id), pathValueOfForm(secret)
	} else {
		id, secret = in.Get("client_id"), in.Get("client_secret")
	}
	if !same(id, t.cfg.ClientID) || !same(secret, t.cfg.ClientSecret) {
		if basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="gleap"`)
		}
		return refused(http.StatusUnauthorized, "invalid_client", "Client authentication failed.")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch in.Get("grant_type") {
	case "authorization_code":
		return t.redeem(in)
	case "refresh_token":
		return t.rotate(in)
	case "":
		return refused(http.StatusBadRequest, "invalid_request", "grant_type is missing.")
	}
	return refused(http.StatusBadRequest, "unsupported_grant_type", "Only authorization_code and refresh_token are supported.")
}

func pathValueOfForm(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}

func (t *Twin) redeem(in url.Values) answer {
	k := t.db.codes[in.Get("code")]
	delete(t.db.codes, in.Get("code")) // single use, whatever comes of it
	switch {
	case k == nil || !t.cfg.Now().Before(k.expires):
		return refused(http.StatusBadRequest, "invalid_grant", "The code is unknown, used or expired.")
	case in.Get("redirect_uri") != k.redirectURI:
		return refused(http.StatusBadRequest, "invalid_grant", "redirect_uri is not the one of the request.")
	case !k.verified(in.Get("code_verifier")):
		return refused(http.StatusBadRequest, "invalid_grant", "code_verifier does not match.")
	}
	return ok(t.issue(k.scope))
}

func (k *code) verified(verifier string) bool {
	if k.challenge == "" {
		return verifier == ""
	}
	if k.plain {
		return same(verifier, k.challenge)
	}
	sum := sha256.Sum256([]byte(verifier))
	return same(base64.RawURLEncoding.EncodeToString(sum[:]), k.challenge)
}

// rotate spends a refresh token; it never works twice.
func (t *Twin) rotate(in url.Values) answer {
	given := in.Get("refresh_token")
	k := t.db.refresh[given]
	delete(t.db.refresh, given)
	t.changed()
	if k == nil || !t.cfg.Now().Before(k.Expires) {
		return refused(http.StatusBadRequest, "invalid_grant", "The refresh token is unknown, used or expired.")
	}
	return ok(t.issue(k.Scope))
}

func (t *Twin) issue(scope string) object {
	now := t.cfg.Now()
	for k, v := range t.db.access {
		if !now.Before(v.Expires) {
			delete(t.db.access, k)
		}
	}
	for k, v := range t.db.refresh {
		if !now.Before(v.Expires) {
			delete(t.db.refresh, k)
		}
	}
	access, refresh := randomToken(32), randomToken(32)
	t.db.access[access] = &accessToken{Expires: now.Add(t.cfg.AccessTokenLife)}
	t.db.refresh[refresh] = &refreshToken{Scope: scope, Expires: now.Add(refreshLife)}
	t.changed()
	out := object{"access_token": access, "token_type": "Bearer", "refresh_token": refresh,
		"expires_in": int(t.cfg.AccessTokenLife / time.Second)}
	if scope != "" {
		out["scope"] = scope
	}
	return out
}
