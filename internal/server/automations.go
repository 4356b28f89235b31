package server

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/mapping"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// maxName is the longest name of an automation, in characters.
const maxName = 120

func (s *scoped) automationsPage(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := s.Store.Automations(ctx)
	if err != nil {
		return err
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	var v automationui.List
	for _, a := range all {
		v.Items = append(v.Items, s.automationItem(ctx, a))
	}
	for _, r := range recipe.All() {
		v.Recipes = append(v.Recipes, automationui.Recipe{
			ID: r.ID, Name: r.Name, Text: r.Text,
			From: side(r.Definition.Source.Provider), To: side(r.Definition.Target.Provider), TwoWay: r.Definition.TwoWay(),
		})
	}
	for _, cn := range connections {
		if cn.State == connection.NeedsReconnect {
			v.Problem = &ui.Problem{Tone: ui.Warn, Title: s.providerName(cn.Provider) + " needs reconnecting", Detail: "Automations that use it wait; nothing is lost.", Href: "/connections", HrefLabel: "Go to connections"}
			break
		}
	}
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, automationui.ListPage(sh, v))
}

// automationCreate makes a draft of a recipe. The accounts are filled in where they are connected already.
func (s *scoped) automationCreate(c echo.Context) error {
	ctx := c.Request().Context()
	r, ok := recipe.Find(c.FormValue("recipe"))
	if !ok {
		return &pageError{problemStatus, "There is no such ready-made automation", "It may have been renamed in a newer version. Nothing was made.", "Choose one from the list of automations.", "recipe"}
	}
	all, err := s.Store.Automations(ctx)
	if err != nil {
		return err
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	def, _ := connect(r.Definition, connections, s.providerName)
	def = inCountry(def, countryOf(connections, def.Target.Connection, def.Source.Connection))
	now := s.Now()
	a := automation.Automation{
		ID: automation.ID(s.NewID("au")), Name: freeName(r.Name, all), Recipe: r.ID, State: automation.Draft,
		Version: 1, Definition: def, CreatedAt: now, UpdatedAt: now,
	}
	if err := s.Store.CreateAutomation(ctx, a, user(c).Email); err != nil {
		return err
	}
	return redirect(c, "/automations/"+string(a.ID)+"/map")
}

// countryOf is the country the accounts are in, as far as one of them tells.
func countryOf(connections []connection.Connection, ids ...record.ConnectionID) string {
	for _, id := range ids {
		for _, cn := range connections {
			if cn.ID == id && len(cn.Account.Country) == 2 {
				return strings.ToUpper(cn.Account.Country)
			}
		}
	}
	return ""
}

// inCountry makes a recipe assume the account's own country for national phone numbers, not the recipe's.
func inCountry(d automation.Definition, country string) automation.Definition {
	if country == "" || country == d.Region {
		return d
	}
	rows := slices.Clone(d.Mapping.Rows)
	for i, r := range rows {
		steps := slices.Clone(r.Steps)
		for n, st := range steps {
			if st.Use == "phone" && st.With["region"] == d.Region {
				moved := mapping.Step{Use: st.Use, With: map[string]string{"region": country}}
				if moved.Check(record.Locale{Region: country}) == nil {
					steps[n] = moved
				}
			}
		}
		rows[i].Steps = steps
	}
	d.Mapping.Rows, d.Region = rows, country
	return d
}

// freeName tells automations of the same recipe apart.
func freeName(name string, all []automation.Automation) string {
	taken := func(n string) bool {
		return slices.ContainsFunc(all, func(a automation.Automation) bool { return a.Name == n })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = name + " " + ui.Number(n)
	}
	return free
}

// automationRedirect leads to the step that is likely wanted.
func (s *scoped) automationRedirect(c echo.Context) error {
	a, err := s.read(c)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/automations/"+string(a.ID)+"/map")
}

func (s *scoped) automationRename(c echo.Context) error {
	a, err := s.read(c)
	if err != nil {
		return err
	}
	name := strings.Join(strings.Fields(c.FormValue("name")), " ")
	back := "/automations/" + string(a.ID) + "/live"
	switch {
	case name == "" || !utf8.ValidString(name):
		s.flash(c, ui.Stop, "Not renamed", "An automation needs a name.")
	case utf8.RuneCountInString(name) > maxName:
		s.flash(c, ui.Stop, "Not renamed", "A name may have up to "+ui.Number(maxName)+" characters.")
	case name == a.Name:
	default:
		if err := s.Store.Rename(c.Request().Context(), a.ID, name); err != nil {
			return err
		}
		s.flash(c, ui.Good, "Renamed", "")
	}
	return again(c, back)
}

// automationDelete refuses one that is on: a pause is the moment to think twice.
func (s *scoped) automationDelete(c echo.Context) error {
	a, err := s.read(c)
	if err != nil {
		return err
	}
	if a.State == automation.On {
		s.flash(c, ui.Warn, "It is on", "Pause it before you remove it.")
		return redirect(c, "/automations/"+string(a.ID)+"/live")
	}
	if err := s.Store.DeleteAutomation(c.Request().Context(), a.ID); err != nil {
		return err
	}
	s.flash(c, ui.Info, "Removed: "+a.Name, "Its runs stay readable under Runs.")
	return redirect(c, "/automations")
}
