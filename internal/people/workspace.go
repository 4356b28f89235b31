package people

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Workspace is one customer: its accounts, its automations and the people who look after them.
type Workspace struct {
	ID        string // "ws_…"
	Name      string
	CreatedAt time.Time
}

// Role says what a person may do in a workspace.
type Role string

// The roles, from the one who may do everything to the one who may only look.
const (
	Owner  Role = "owner"
	Editor Role = "editor"
	Viewer Role = "viewer"
)

// Roles are all of them, the strongest first.
func Roles() []Role { return []Role{Owner, Editor, Viewer} }

// Valid reports whether it is one of the roles.
func (r Role) Valid() bool { return r.rank() > 0 }

// AtLeast reports whether somebody with this role may do what least may do. A role nobody knows may do nothing.
func (r Role) AtLeast(least Role) bool { return r.rank() > 0 && r.rank() >= least.rank() }

func (r Role) rank() int {
	switch r {
	case Owner:
		return 3
	case Editor:
		return 2
	case Viewer:
		return 1
	}
	return 0
}

// Membership is a person's place in a workspace.
type Membership struct {
	Workspace Workspace
	User      string
	Role      Role
	Since     time.Time
}

// maxWorkspaceName is the longest name of a workspace, in characters.
const maxWorkspaceName = 80

// CheckWorkspaceName says in a sentence what is wrong with a name, or nothing.
func CheckWorkspaceName(name string) string {
	switch {
	case strings.TrimSpace(name) == "" || !utf8.ValidString(name):
		return "A workspace needs a name."
	case utf8.RuneCountInString(name) > maxWorkspaceName:
		return "A name may have up to 80 characters."
	}
	return ""
}
