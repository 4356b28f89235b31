package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/provider"
)

// Explanation is an error as a person reads it: what happened, why, and what to do next.
type Explanation struct {
	Title, Detail, Advice string
	Code                  string
	Words                 string // the provider's own words
}

// refusal is why a plan for everyone cannot be made, or gone on with: no provider has anything to do with it.
type refusal struct{ title, detail string }

func (r *refusal) Error() string { return r.title + ": " + r.detail }

// Explain puts a failure into words. side is what it concerns, e.g. "HighLevel contact"; labels turn field
// keys of a complaint into names people know.
func Explain(err error, side string, label func(field string) string) Explanation {
	if r, ok := errors.AsType[*refusal](err); ok {
		return Explanation{Title: r.title, Detail: r.detail, Code: provider.Invalid.String()}
	}
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		return Explanation{
			Title:  "Something went wrong inside Crosswalk",
			Detail: "Nothing was lost; it will be tried again.",
			Advice: "If it keeps happening, look at the server's log around this time.",
			Code:   "internal",
		}
	}
	x := Explanation{Code: e.Kind.String(), Words: e.Detail}
	switch e.Kind {
	case provider.Invalid:
		x.Title = "The " + side + " was refused as it was sent"
		if len(e.Fields) > 0 {
			parts := make([]string, 0, len(e.Fields))
			for f, words := range e.Fields {
				parts = append(parts, fmt.Sprintf("%s: %s", label(f), words))
			}
			slices.Sort(parts)
			x.Detail = strings.Join(parts, "; ") + "."
			x.Advice = "Change the mapping row of that field, or the value in the source record, then retry."
		} else {
			x.Detail = "The provider did not say which field it minds."
			x.Advice = "Compare the values below with what the provider accepts, then retry."
		}
	case provider.NotFound:
		x.Title, x.Detail = "The "+side+" is not there any more", "It was deleted, merged into another, or moved."
		x.Advice = "Nothing to do, unless it should exist."
	case provider.Duplicate:
		x.Title, x.Detail = "A "+side+" with these details exists already", "The provider does not allow a second one."
		x.Advice = "Look for the other one in the account. Merge the two there, or give one of them other details, then retry."
	case provider.Unauthorized, provider.Revoked:
		x.Title, x.Detail = "The account is not connected any more", "The credential was revoked, has expired or was replaced. Nothing is lost: this waits until the account is connected again."
		x.Advice = "Open Connections and reconnect the account."
	case provider.Forbidden:
		x.Title, x.Detail = "A permission is missing", "The account is connected, but was not granted what this needs. Nothing is lost: this waits."
		if e.Scope != "" {
			x.Detail = fmt.Sprintf("The account is connected, but without the permission “%s”. Nothing is lost: this waits.", e.Scope)
		}
		x.Advice = "Open Connections and reconnect the account with all permissions."
	case provider.RateLimited:
		x.Title = "The account's call limit is used up for the moment"
		x.Detail = "It goes on by itself in about " + roundUp(e.RetryAfter) + "."
	case provider.Ambiguous:
		x.Title, x.Detail = "The answer to a write got lost", "It may or may not have been carried out, so it is looked up before anything is repeated."
	case provider.Unavailable:
		x.Title, x.Detail = "The provider could not be reached or was out of order", "Nothing was written; it is tried again by itself."
	case provider.Unsupported:
		x.Title, x.Detail = "The provider cannot do this", "There is no call for it."
		x.Advice = "Change the automation."
	default:
		x.Title, x.Detail = "The provider answered in a way we do not know", "Nothing is lost; it is tried again by itself."
	}
	return x
}

func roundUp(d time.Duration) string {
	switch {
	case d <= time.Second:
		return "a second"
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int((d+time.Second-1)/time.Second))
	case d < 2*time.Minute:
		return "a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int((d+time.Minute-1)/time.Minute))
	}
	return fmt.Sprintf("%d hours", int((d+time.Hour-1)/time.Hour))
}
