// Package ui holds what every page shares: the shell, the words and signs of
// the five outcomes, form fields and the small parts pages are made of. View
// packages know no domain type; handlers fill these structs with ready text.
package ui

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Section is an entry of the side navigation.
type Section string

// The sections, in the order the navigation shows them.
const (
	Overview    Section = "overview"
	Automations Section = "automations"
	Reviews     Section = "reviews"
	Runs        Section = "runs"
	Records     Section = "records"
	Drift       Section = "drift"
	Deliveries  Section = "deliveries"
	Connections Section = "connections"
	Settings    Section = "settings"
)

// Theme is the user's explicit choice; empty follows the system.
type Theme string

// The themes a user may choose.
const (
	ThemeSystem Theme = ""
	ThemeLight  Theme = "light"
	ThemeDark   Theme = "dark"
)

// Side names the account a thing belongs to; it decides colour and word.
type Side string

// The two sides; their names are part of CSS attribute values.
const (
	Gleap     Side = "gleap"
	HighLevel Side = "highlevel"
)

// Name returns the side as people read it.
func (s Side) Name() string {
	switch s {
	case Gleap:
		return "Gleap"
	case HighLevel:
		return "HighLevel"
	}
	return "Crosswalk"
}

// Tone says how serious a message is.
type Tone string

// The tones; neutral is the zero value.
const (
	Neutral Tone = ""
	Good    Tone = "good"
	Info    Tone = "info"
	Warn    Tone = "warn"
	Stop    Tone = "stop"
)

// Word is the tone for those who do not see the colour.
func (t Tone) Word() string {
	switch t {
	case Good:
		return "Done"
	case Info:
		return "Note"
	case Warn:
		return "Attention"
	case Stop:
		return "Problem"
	}
	return ""
}

func (t Tone) sign() string {
	switch t {
	case Good:
		return "✓"
	case Warn:
		return "?"
	case Stop:
		return "!"
	}
	return "i"
}

// Outcome is what a plan or a run does to one record or field.
type Outcome string

// The outcomes; the same sign on every page.
const (
	Create  Outcome = "create"
	Update  Outcome = "update"
	Link    Outcome = "link"
	Delete  Outcome = "delete"
	Same    Outcome = "same"
	Decide  Outcome = "decide"
	Blocked Outcome = "blocked"
)

// Outcomes lists them in their fixed order.
var Outcomes = []Outcome{Create, Update, Link, Delete, Same, Decide, Blocked}

// Sign is the outcome's one-character mark.
func (o Outcome) Sign() string {
	switch o {
	case Create:
		return "+"
	case Update:
		return "Δ"
	case Link:
		return "∞"
	case Delete:
		return "−"
	case Same:
		return "="
	case Decide:
		return "?"
	case Blocked:
		return "!"
	}
	return "·"
}

// Shell is what the frame around every page needs.
type Shell struct {
	Active    Section
	Theme     Theme
	Workspace string // e.g. "Acme Dental"
	// Workspaces are those the person may go to, when there is more than one; WorkspaceID is the current one.
	Workspaces  []Option
	WorkspaceID string
	Role        Role   // in the workspace; it decides which buttons there are
	User        string // e-mail of the signed-in person; empty hides navigation
	// Counts shown beside the sections; zero shows nothing.
	AutomationCount, RunsNeedingAttention, ConnectionsNeedingAttention int
	ReviewsOpen                                                        int // questions nobody has answered yet
	// Down are the accounts that need a person before anything goes on with them.
	Down    []Down
	Demo    bool // both accounts are twins
	Flashes []Flash
}

// Down is an account that has to be reconnected.
type Down struct {
	ID, Name, Text string
	Href, Does     string // where to go, and what is done there
	Uninstalled    bool
	Since          Moment // when it went down, as a date; the zero one where that is not known
}

func (d Down) title() string {
	if d.Uninstalled {
		return "Crosswalk was uninstalled in " + d.Name
	}
	return d.Name + " has to be reconnected"
}

// Role is what the signed-in person may do in the workspace.
type Role string

// The roles. The empty one, of pages made by hand, may do everything.
const (
	Owner  Role = "owner"
	Editor Role = "editor"
	Viewer Role = "viewer"
)

// CanEdit reports whether buttons that change something are there.
func (s Shell) CanEdit() bool { return s.Role != Viewer }

// CanOwn reports whether what only an owner may do is there.
func (s Shell) CanOwn() bool { return s.Role == "" || s.Role == Owner }

// Flash is a message about what just happened. It is shown and announced.
type Flash struct {
	Tone   Tone
	Title  string
	Detail string
	Code   string // a stable code in small print
}

// Moment is a point in time: Machine in RFC 3339, Text as people read it.
type Moment struct{ Machine, Text string }

// Option is one choice of a select. Group, when set, becomes an optgroup;
// options of one group must stand together.
type Option struct {
	Value, Label, Group string
	Disabled            bool
}

// Input is one labelled form control.
type Input struct {
	ID, Name, Label, Value string
	// Type is an HTML input type, or "textarea", "select", "checkbox".
	Type         string
	Hint, Error  string
	Placeholder  string
	Autocomplete string
	Options      []Option
	Required     bool
	Checked      bool
	Mono         bool
	Rows         int
}

func (i Input) describedBy() string {
	var ids []string
	if i.Hint != "" {
		ids = append(ids, i.ID+"-hint")
	}
	if i.Error != "" {
		ids = append(ids, i.ID+"-error")
	}
	return strings.Join(ids, " ")
}

func (i Input) attributes() templ.Attributes {
	a := templ.Attributes{"id": i.ID, "name": i.Name}
	set := func(key, value string) {
		if value != "" {
			a[key] = value
		}
	}
	set("aria-describedby", i.describedBy())
	set("placeholder", i.Placeholder)
	set("autocomplete", i.Autocomplete)
	if i.Error != "" {
		a["aria-invalid"] = "true"
	}
	if i.Required {
		a["required"] = true
	}
	if i.Mono {
		a["class"] = "mono"
		a["spellcheck"] = "false"
		a["autocapitalize"] = "off"
	}
	switch i.Type {
	case "textarea":
		a["rows"] = strconv.Itoa(max(i.Rows, 3))
	case "select":
	case "checkbox":
		a["type"], a["value"], a["checked"] = "checkbox", "true", i.Checked
	case "password":
		// A secret that was entered once is never sent back to the page.
		a["type"] = "password"
	default:
		a["type"] = "text"
		set("type", i.Type)
		a["value"] = i.Value
	}
	return a
}

// Problem is an error told in full: what happened, what to do, and, kept
// apart, what the provider said.
type Problem struct {
	Tone                Tone // Stop when empty
	Title, Detail, Next string
	Href, HrefLabel     string
	Side                Side   // who said Words
	Words               string // the provider's own words, secrets removed
	Code                string
	Since               Moment // when it began, as a date; the zero one where that says nothing
}

// Issue ties one message to the control that caused it.
type Issue struct{ ID, Message string }

// Issues collects the errors of inputs for the summary on top of a form.
func Issues(inputs ...Input) []Issue {
	var found []Issue
	for _, in := range inputs {
		if in.Error != "" {
			found = append(found, Issue{in.ID, in.Label + ": " + in.Error})
		}
	}
	return found
}

// Diff is one field's change. An empty Before means there was no value.
type Diff struct {
	Field         string
	Before, After string
	// BeforeAt and AfterAt are the moments, in RFC 3339, of values that are one: script shows them by the reader's clock.
	BeforeAt, AfterAt string
	Outcome           Outcome
	Reason            string
	// Apart: the two sides differ here and are left so. Offered is what the other side has, as far as it is known.
	Apart              bool
	Offered, OfferedAt string
}

// Pages describes where a list stands. Hrefs are empty at the ends.
type Pages struct {
	Text                   string // "1–50 of 12,480"
	PreviousHref, NextHref string
}

// Post returns the attributes of a form that saves in place: with scripting
// only <main> is morphed, so focus and open editors survive; without, it is an
// ordinary form. Answer with the whole page or a redirect to it, any status.
func Post(url string) templ.Attributes {
	return templ.Attributes{
		"action": url, "method": "post",
		"hx-post": url, "hx-target": "#main", "hx-select": "#main", "hx-swap": "outerMorph",
	}
}

// Get is [Post] for filters and searches; the address bar follows.
func Get(url string) templ.Attributes {
	return templ.Attributes{
		"action": url, "method": "get",
		"hx-get": url, "hx-target": "#main", "hx-select": "#main", "hx-swap": "outerMorph", "hx-replace-url": "true",
	}
}

// Poll refreshes <main> from url while a slow thing goes on. The answer that
// no longer carries these attributes ends the polling.
func Poll(url string) templ.Attributes {
	return templ.Attributes{
		"hx-get": url, "hx-trigger": "every 1s",
		"hx-target": "#main", "hx-select": "#main", "hx-swap": "outerMorph",
	}
}

type optionGroup struct {
	label   string
	options []Option
}

func groups(options []Option) []optionGroup {
	var out []optionGroup
	for _, o := range options {
		if n := len(out); n > 0 && out[n-1].label == o.Group {
			out[n-1].options = append(out[n-1].options, o)
			continue
		}
		out = append(out, optionGroup{o.Group, []Option{o}})
	}
	return out
}

// Number writes a whole number with thousands separators.
func Number(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Count writes "1 run" or "3 runs".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}
