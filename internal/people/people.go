// Package people is who may sign in: a user, and how a password is kept. It knows no HTTP and no SQL.
package people

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// User is a person who may sign in.
type User struct {
	ID           string
	Email        string // as typed, without surrounding space; compared without case
	PasswordHash string
	CreatedAt    time.Time
}

// The argon2id cost: what OWASP recommends for a small machine (19 MiB, two passes), so that a sign-in does not
// double the memory of an idle server.
const (
	memoryKiB = 19 << 10
	passes    = 2
	lanes     = 1
	keyBytes  = 32
	saltBytes = 16
)

// MinPassword is the shortest password accepted, in characters (NIST SP 800-63B asks for length, not for signs).
const MinPassword = 12

// maxPassword bounds the work a sign-in can cause.
const maxPassword = 512

var errHash = errors.New("the stored password hash is not readable")

// CheckPassword says in a sentence what is wrong with a new password, or nothing.
func CheckPassword(password, email string) string {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Sprintf("Use at least %d characters.", MinPassword)
	case len(password) > maxPassword:
		return fmt.Sprintf("Use at most %d characters.", maxPassword)
	case strings.EqualFold(password, email):
		return "Use something else than your email."
	case strings.Count(password, password[:1]) == len(password):
		return "Use more than one character over and over."
	}
	return ""
}

// CheckEmail says in a sentence what is wrong with an email, or nothing.
func CheckEmail(email string) string {
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || len(email) > 254 {
		return "This does not look like an email address."
	}
	return ""
}

// Hash makes the stored form of a password: argon2id in PHC string format.
func Hash(password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	key := argon2.IDKey([]byte(password), salt, passes, memoryKiB, lanes, keyBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key)), nil
}

// Matches reports whether the password is the one hashed; an unreadable hash is an error.
func Matches(hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || len(password) > maxPassword {
		return false, errHash
	}
	var version int
	var m, t uint32
	var p uint8
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil || m > 1<<20 || t == 0 || t > 16 || p == 0 {
		return false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errHash
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false, errHash
	}
	got := argon2.IDKey([]byte(password), salt, t, m, p, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// Decoy is a hash nobody's password matches; checking against it makes an unknown email cost as much time as
// a known one.
const Decoy = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
