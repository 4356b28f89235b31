package server

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/html"

	"crosswalk/internal/people"
)

// roleOf is the least role a permission asks for; none for what every signed-in person may do.
func roleOf(p Permission) people.Role {
	switch p {
	case View:
		return people.Viewer
	case Edit:
		return people.Editor
	case Own:
		return people.Owner
	}
	return ""
}

// allows reports whether a page may lead a person of this role to an address, by the table of routes. What is not in
// the table is not ours to judge.
func (s *Server) allows(role people.Role, method, address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() || u.Host != "" || u.Path == "" {
		return true
	}
	c := s.echo.NewContext(nil, nil)
	s.echo.Router().Find(method, u.EscapedPath(), c)
	p, known := s.permissions[method+" "+c.Path()]
	least := roleOf(p)
	return !known || least == "" || role.AtLeast(least)
}

// ownWorkspace names the field that says in which workspace a form was made.
const ownWorkspace = "of-workspace"

// onlyAllowed is a page with the forms a person's role may not send switched off, and links it may not follow without
// their address. It reads the table of routes, so that no page has to know who looks at it, and none can forget.
// Somebody with several workspaces may have gone to another one in another tab: their forms say where they were made.
func (s *Server) onlyAllowed(c echo.Context, page []byte) []byte {
	in, ok := c.Get(keyScoped).(*scoped)
	if !ok || in.member.Role == people.Owner && len(in.others) < 2 {
		return page
	}
	role, here, made := in.member.Role, c.Request().URL.Path, ""
	if len(in.others) > 1 {
		made = `<input type="hidden" name="` + ownWorkspace + `" value="` + html.EscapeString(in.member.Workspace.ID) + `">`
	}
	refused := func(t html.Token) bool {
		if t.Data != "form" || !strings.EqualFold(attribute(t, "method"), http.MethodPost) {
			return false
		}
		action := attribute(t, "action")
		if action == "" {
			action = here
		}
		return !s.allows(role, http.MethodPost, action)
	}
	var off []string // ids of forms that are switched off: controls elsewhere on the page may belong to them
	for z := html.NewTokenizer(bytes.NewReader(page)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		if t := z.Token(); kind == html.StartTagToken && refused(t) && attribute(t, "id") != "" {
			off = append(off, attribute(t, "id"))
		}
	}
	var out bytes.Buffer
	inside, told := false, false
	for z := html.NewTokenizer(bytes.NewReader(page)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			return out.Bytes()
		}
		raw := slices.Clone(z.Raw())
		if kind != html.StartTagToken && kind != html.EndTagToken && kind != html.SelfClosingTagToken {
			out.Write(raw)
			continue
		}
		t := z.Token()
		switch {
		case refused(t):
			inside = true
			out.Write(raw)
			out.WriteString(`<fieldset class="not-yours" disabled title="` + html.EscapeString(whyDisabled(role)) + `">`)
		case kind == html.EndTagToken && t.Data == "form" && inside:
			inside = false
			out.WriteString("</fieldset>")
			out.Write(raw)
		case kind == html.StartTagToken && t.Data == "form" && strings.EqualFold(attribute(t, "method"), http.MethodPost):
			out.Write(raw)
			out.WriteString(made)
		case kind != html.EndTagToken && slices.Contains(off, attribute(t, "form")) && slices.Contains([]string{"button", "input", "select", "textarea"}, t.Data):
			t.Attr = append(t.Attr, html.Attribute{Key: "disabled"})
			out.WriteString(t.String())
		case kind == html.StartTagToken && t.Data == "a" && !s.allows(role, http.MethodGet, attribute(t, "href")):
			t.Attr = slices.DeleteFunc(t.Attr, func(a html.Attribute) bool { return a.Key == "href" })
			t.Attr = append(t.Attr, html.Attribute{Key: "role", Val: "link"}, html.Attribute{Key: "aria-disabled", Val: "true"}, html.Attribute{Key: "title", Val: whyDisabled(role)})
			out.WriteString(t.String())
		default:
			out.Write(raw)
		}
		if t.Data == "main" && kind == html.StartTagToken && !told && role == people.Viewer {
			told = true
			out.WriteString(`<p class="fine role-note">` + html.EscapeString(whyDisabled(role)) + `</p>`)
		}
	}
}

func whyDisabled(role people.Role) string {
	if role == people.Viewer {
		return "You are a viewer in this workspace: you see everything, and an editor or owner changes it."
	}
	return "Only an owner of this workspace may do this."
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
