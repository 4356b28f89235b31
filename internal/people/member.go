package people

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"
)

// Member is a person in a workspace, as its owners see them.
type Member struct {
	User  User
	Role  Role
	Since time.Time
}

// ErrLastOwner is answered when the only owner of a workspace would be removed, or be one no longer.
var ErrLastOwner = errors.New("the last owner of the workspace")

// InviteLife is how long an invite may be accepted.
const InviteLife = 7 * 24 * time.Hour

// Invite is a link that lets one person into a workspace, once.
type Invite struct {
	ID         string // "iv_…"
	Workspace  Workspace
	Role       Role
	Email      string // who it is for; empty: whoever has the link
	MadeBy     string // an email
	CreatedAt  time.Time
	ExpiresAt  time.Time
	AcceptedBy string // an email
	AcceptedAt time.Time
	RevokedAt  time.Time
}

// Open reports whether it may still be accepted.
func (i Invite) Open(now time.Time) bool {
	return i.AcceptedAt.IsZero() && i.RevokedAt.IsZero() && now.Before(i.ExpiresAt)
}

// NewInviteToken is what an invite's link holds: 256 random bits. Only their hash is kept.
func NewInviteToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails; the program ends instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// HashInviteToken is what is kept of a token.
func HashInviteToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}
