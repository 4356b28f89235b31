package server

import (
	"slices"
	"strings"

	"crosswalk/internal/automation"
)

// Every save is a version, and so are undo and redo: nothing is ever taken out of the history. The notes tell
// them apart, so that what can be undone is read from the versions themselves, for everybody and after a
// restart, and no state is kept elsewhere.
const (
	undoNote = "undo: "
	redoNote = "redo: "
)

// track is where an automation stands in its own history.
type track struct {
	current    automation.Version
	undo, redo []automation.Version // the next one last
}

// trackOf replays the versions, newest first as the store lists them.
func trackOf(versions []automation.Version) track {
	var t track
	pop := func(stack *[]automation.Version) (automation.Version, bool) {
		n := len(*stack)
		if n == 0 {
			return automation.Version{}, false
		}
		v := (*stack)[n-1]
		*stack = (*stack)[:n-1]
		return v, true
	}
	versions = slices.DeleteFunc(slices.Clone(versions), func(v automation.Version) bool { return v.Discarded })
	for i, v := range slices.Backward(versions) {
		was := t.current
		switch {
		case i == len(versions)-1:
			t.current = v
		case strings.HasPrefix(v.Note, undoNote):
			if before, ok := pop(&t.undo); ok {
				t.redo, t.current = append(t.redo, was), before
			}
		case strings.HasPrefix(v.Note, redoNote):
			if after, ok := pop(&t.redo); ok {
				t.undo, t.current = append(t.undo, was), after
			}
		case v.SavedBy == systemName:
			// An account filled in is not something a person did: undo passes over it.
			t.current.Definition = v.Definition
		default:
			t.undo, t.redo, t.current = append(t.undo, was), nil, v
		}
	}
	return t
}

// back answers the version to undo to, and what that takes back.
func (t track) back() (to automation.Version, what string, ok bool) {
	if len(t.undo) == 0 {
		return automation.Version{}, "", false
	}
	return t.undo[len(t.undo)-1], t.current.Note, true
}

// forth answers the version to redo to, and what that does again.
func (t track) forth() (to automation.Version, what string, ok bool) {
	if len(t.redo) == 0 {
		return automation.Version{}, "", false
	}
	to = t.redo[len(t.redo)-1]
	return to, to.Note, true
}
