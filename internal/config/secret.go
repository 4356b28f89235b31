package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a setting that must never be shown: every way of printing it says so instead.
type Secret string

func (s Secret) shown() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string { return s.shown() }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return `"` + s.shown() + `"` }

// MarshalText implements encoding.TextMarshaler, and so JSON too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.shown()) }

// Format shows no more under any verb: fmt would spell the text out under a verb made for numbers, such as %d.
func (s Secret) Format(f fmt.State, verb rune) {
	shown := s.shown()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		shown = s.GoString()
	}
	_, _ = io.WriteString(f, shown)
}
