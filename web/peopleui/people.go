package peopleui

import "crosswalk/web/ui"

// People is /settings/people, for owners.
type People struct {
	Members []Member
	Invites []Invite
	// NewLink is the link of an invite that was made just now. It is shown once: nobody can read it again.
	NewLink, NewFor string
	Email, Role     string // of the form for an invite
	NameError       string
	Errors          map[string]string // of the form for an invite, by control
}

// Member is a person in the workspace. Forms: POST /people/:id/role (role) and POST /people/:id/remove.
type Member struct {
	ID, Email, Role string
	Since           ui.Moment
	You             bool
	// Last is the only owner, who stays one.
	Last bool
}

// Invite is a link that lets one person in. Form: POST /invites/:id/revoke.
type Invite struct {
	ID, Email, Role, MadeBy string
	State                   string // "open until …", "accepted by …"
	Open                    bool
}

var roles = []ui.Option{
	{Value: string(ui.Viewer), Label: "Viewer: sees everything, changes nothing"},
	{Value: string(ui.Editor), Label: "Editor: connects accounts, changes automations, decides"},
	{Value: string(ui.Owner), Label: "Owner: all that, and looks after people"},
}

func (p People) inviteInputs() []ui.Input {
	return []ui.Input{
		{ID: "invite-email", Name: "email", Label: "Email", Type: "email", Value: p.Email, Autocomplete: "off", Error: p.Errors["email"], Hint: "With it, only the person of this email can use the link. Crosswalk sends nothing: hand the link over yourself."},
		{ID: "invite-role", Name: "role", Label: "Role", Type: "select", Value: p.Role, Options: roles, Required: true, Error: p.Errors["role"]},
	}
}

func (p People) nameInput(shell ui.Shell) ui.Input {
	return ui.Input{ID: "workspace-name", Name: "name", Label: "Name", Value: shell.Workspace, Required: true, Autocomplete: "organization", Error: p.NameError}
}

func roleName(role string) string {
	switch ui.Role(role) {
	case ui.Owner:
		return "Owner"
	case ui.Editor:
		return "Editor"
	}
	return "Viewer"
}

var shortRoles = []ui.Option{{Value: string(ui.Viewer), Label: "Viewer"}, {Value: string(ui.Editor), Label: "Editor"}, {Value: string(ui.Owner), Label: "Owner"}}

// Joining is /invite, the page a link leads to. Form: POST /invite with email, password and password_again, or with
// nothing by somebody who is signed in.
type Joining struct {
	Workspace, Role, MadeBy string
	// SignedIn is the email of who is signed in; empty: somebody new, or who has to sign in.
	SignedIn string
	// Bound is the email the invite is for.
	Bound  string
	Email  string
	Errors map[string]string
}

func (j Joining) mismatch() bool { return j.SignedIn != "" && j.Errors["bound"] != "" }

func (j Joining) inputs() []ui.Input {
	email := ui.Input{ID: "email", Name: "email", Label: "Your email", Type: "email", Value: j.Email, Required: true, Autocomplete: "username", Error: j.Errors["email"]}
	if j.Bound != "" {
		email.Hint = "The invite is for " + j.Bound + "."
	}
	return []ui.Input{
		email,
		{ID: "password", Name: "password", Label: "Password", Type: "password", Required: true, Autocomplete: "new-password", Hint: "At least 12 characters. A few words in a row are fine.", Error: j.Errors["password"]},
		{ID: "password_again", Name: "password_again", Label: "Password again", Type: "password", Required: true, Autocomplete: "new-password", Error: j.Errors["password_again"]},
	}
}
