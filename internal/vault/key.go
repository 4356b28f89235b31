package vault

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const (
	keySize = 32 // AES-256
	idSize  = 8
)

// ErrKeyFormat is the answer to a text that is no key. It never repeats the text.
var ErrKeyFormat = errors.New("the key must be 32 random bytes, written in base64 (44 characters) or hex (64 characters); `openssl rand -base64 32` makes one")

// Key is one secret key. ID may be shown: it is the beginning of a hash, and says nothing about the key.
type Key struct {
	ID    string
	bytes []byte
}

// NewKey takes 32 bytes as a key; it keeps a copy.
func NewKey(b []byte) (Key, error) {
	if len(b) != keySize {
		return Key{}, ErrKeyFormat
	}
	return Key{ID: idOf(b), bytes: bytes.Clone(b)}, nil
}

func randomKey() Key {
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return Key{ID: idOf(b), bytes: b}
}

func idOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:idSize])
}

// ParseKey reads 32 bytes in base64 (either alphabet, padded or not) or hex; white space around them is ignored.
func ParseKey(s string) (Key, error) {
	s = strings.TrimSpace(s)
	decode := []func(string) ([]byte, error){
		hex.DecodeString,
		base64.StdEncoding.Strict().DecodeString, base64.RawStdEncoding.Strict().DecodeString,
		base64.URLEncoding.Strict().DecodeString, base64.RawURLEncoding.Strict().DecodeString,
	}
	for _, d := range decode {
		// No text is 32 bytes in two of these ways: 64 characters are hex, 43 or 44 are base64.
		if b, err := d(s); err == nil && len(b) == keySize {
			return NewKey(b)
		}
	}
	return Key{}, ErrKeyFormat
}

// ParseKeys reads several keys, newest first, one to a line or separated by commas. What follows a # is a remark.
func ParseKeys(text string) ([]Key, error) {
	var keys []Key
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(word) == "" {
				continue
			}
			k, err := ParseKey(word)
			if err != nil {
				return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
			}
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, ErrKeyFormat
	}
	return keys, nil
}

func (k Key) encode() string { return base64.StdEncoding.EncodeToString(k.bytes) }

// Format shows the id whatever the verb: %+v, %#v and %x must not spell the key either.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is what a log line shows.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// String names the key without telling it.
func (k Key) String() string {
	if len(k.bytes) == 0 {
		return "key (none)"
	}
	return "key " + k.ID
}
