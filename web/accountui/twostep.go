package accountui

import "crosswalk/web/ui"

// TwoStep is the page /settings/two-step. Forms: POST /settings/two-step
// (current_password) begins, POST …/confirm (code) switches on, POST …/codes
// and …/off (current_password, code) make new recovery codes and switch off.
type TwoStep struct {
	Email     string
	On        bool
	CodesLeft int
	// Picture and Secret are of a secret that was begun and not confirmed:
	// a data: address, and the same in letters.
	Picture, Secret string
	// Form tells which of the two forms of a page that is on Errors are about.
	Form   string
	Errors map[string]string
}

// The forms of TwoStep when it is on.
const (
	FormCodes = "codes"
	FormOff   = "off"
)

func (v TwoStep) password() ui.Input {
	return ui.Input{ID: "current_password", Name: "current_password", Label: "Current password", Type: "password", Required: true, Autocomplete: "current-password", Error: v.Errors["current_password"]}
}

func (v TwoStep) code() ui.Input {
	return ui.Input{ID: "code", Name: "code", Label: "Code", Type: "text", Required: true, Mono: true, Autocomplete: "one-time-code",
		Hint: "The six digits your app shows now.", Error: v.Errors["code"]}
}

// proof is the two inputs of a form on a page with two such forms.
func (v TwoStep) proof(form string) []ui.Input {
	errors := v.Errors
	if v.Form != form {
		errors = nil
	}
	return []ui.Input{
		{ID: form + "-password", Name: "current_password", Label: "Current password", Type: "password", Required: true, Autocomplete: "current-password", Error: errors["current_password"]},
		{ID: form + "-code", Name: "code", Label: "Code", Type: "text", Required: true, Mono: true, Autocomplete: "one-time-code",
			Hint: "From your app, or a recovery code.", Error: errors["code"]},
	}
}

// SignInCode is the second step of signing in. POST /sign-in/code (code).
type SignInCode struct{ Problem string }

func (SignInCode) input() ui.Input {
	return ui.Input{ID: "code", Name: "code", Label: "Code", Type: "text", Required: true, Mono: true, Autocomplete: "one-time-code",
		Hint: "The six digits your app shows now. Without your phone, type one of your recovery codes."}
}

// Reset is the page of a link that sets a password once. POST Action
// (password, password_again).
type Reset struct {
	Action, Email string
	Errors        map[string]string
}

func (v Reset) inputs() []ui.Input {
	return Settings{Errors: v.Errors}.inputs()[1:] // all but the current password
}
