package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/record"
)

// Kind says what a caller may do about an error. It is decided once, in the adapter.
type Kind uint8

// The kinds, each with what the engine does.
const (
	Unknown      Kind = iota
	Invalid           // our request is wrong: never retry, show Fields
	NotFound          // the record is gone
	Duplicate         // refused, it exists already: link Error.Existing instead
	Unauthorized      // the token is not accepted: refresh once, then Revoked
	Revoked           // a person must reconnect
	Forbidden         // a scope or permission is missing: a person must grant it
	RateLimited       // wait RetryAfter; not an attempt
	Unavailable       // it did not happen: retry with backoff
	Ambiguous         // a write may have happened: look before repeating
	Unsupported       // the provider cannot do this
)

var kindNames = [...]string{"unknown", "invalid", "not_found", "duplicate", "unauthorized", "revoked", "forbidden", "rate_limited", "unavailable", "ambiguous", "unsupported"}

// String is the stable code shown in small print and stored with a step.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Error is every failure of a provider call.
type Error struct {
	Provider   ID
	Op         string // what we were doing: "create contact"
	Kind       Kind
	Status     int // HTTP status, 0 when there was no answer
	RetryAfter time.Duration
	Detail     string            // the provider's own words, secrets removed
	Fields     map[string]string // field key → the provider's complaint, when it named one
	Scope      string            // the missing scope, when known
	Existing   record.Ref        // the record a Duplicate ran into
	WithParent bool              // of a NotFound: the record it lived under is gone as well
	TraceID    string
	Err        error
}

// Error is for logs; people read the text the server makes from Kind.
func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{string(e.Provider), e.Op} { // an account that cannot be used is no provider's answer
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(e.Kind.String())
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf finds the kind through any wrapping; Unknown when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Unknown
}

// IsKind reports whether err is a provider error of kind k.
func IsKind(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// WentWithParent reports that a record is not there because the one it lived under is gone.
func WentWithParent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == NotFound && e.WithParent
}

// NeedsPerson reports that retrying cannot help until somebody acts on the connection.
func NeedsPerson(err error) bool {
	k := KindOf(err)
	return k == Revoked || k == Forbidden || k == Unauthorized
}

// Stopped reports that we ended the call ourselves.
func Stopped(err error) bool { return errors.Is(err, context.Canceled) }
