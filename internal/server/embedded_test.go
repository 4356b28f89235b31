package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
)

// identityShelf keeps identities as told.
type identityShelf struct {
	linked  map[people.Identity]string
	offered map[[sha256.Size]byte]people.Identity
	spent   map[string]bool
}

func bare(i people.Identity) people.Identity {
	return people.Identity{Provider: i.Provider, CompanyID: i.CompanyID, UserID: i.UserID}
}

func (d *doorStore) UserOfIdentity(_ context.Context, i people.Identity) (string, error) {
	if id := d.identities.linked[bare(i)]; id != "" {
		return id, nil
	}
	return "", engine.ErrNotFound
}

func (d *doorStore) IdentitiesOf(_ context.Context, user string) (out []people.Identity, err error) {
	for i, id := range d.identities.linked {
		if id == user {
			out = append(out, i)
		}
	}
	return out, nil
}

func (d *doorStore) OfferIdentity(_ context.Context, hash []byte, i people.Identity, _ time.Time) error {
	if d.identities.offered == nil {
		d.identities.offered = map[[sha256.Size]byte]people.Identity{}
	}
	d.identities.offered[[sha256.Size]byte(hash)] = i
	return nil
}

func (d *doorStore) OfferedIdentity(_ context.Context, hash []byte, _ time.Time) (people.Identity, error) {
	i, ok := d.identities.offered[[sha256.Size]byte(hash)]
	if !ok {
		return i, engine.ErrNotFound
	}
	return i, nil
}

func (d *doorStore) LinkIdentity(_ context.Context, hash []byte, user string, _ time.Time) (people.Identity, error) {
	i, ok := d.identities.offered[[sha256.Size]byte(hash)]
	if !ok {
		return i, engine.ErrNotFound
	}
	delete(d.identities.offered, [sha256.Size]byte(hash))
	if d.identities.linked == nil {
		d.identities.linked = map[people.Identity]string{}
	}
	d.identities.linked[bare(i)] = user
	return i, nil
}

func (d *doorStore) UnlinkIdentity(_ context.Context, user string, i people.Identity) error {
	if d.identities.linked[bare(i)] != user {
		return engine.ErrNotFound
	}
	delete(d.identities.linked, bare(i))
	return nil
}

func (d *doorStore) SpendContext(_ context.Context, salt []byte, _ time.Time) (bool, error) {
	if d.identities.spent == nil {
		d.identities.spent = map[string]bool{}
	}
	fresh := !d.identities.spent[string(salt)]
	d.identities.spent[string(salt)] = true
	return fresh, nil
}

// newFrame is a door that can be opened inside HighLevel. A context is "user/company/location/salt".
func newFrame(t *testing.T) *door {
	t.Helper()
	d := newDoor(t, func(c *Config) {
		c.FrameHosts = []string{"https://app.gohighlevel.com", "https://*.example.org"}
		c.UserContext = func(sealed string) (UserContext, error) {
			parts := strings.Split(sealed, "/")
			if len(parts) != 4 {
				return UserContext{}, errors.New("unreadable")
			}
			return UserContext{Identity: people.Identity{Provider: "highlevel", CompanyID: parts[1], UserID: parts[0], Name: "Jane <Doe>", Email: "jane@example.com"}, Account: parts[2], Salt: []byte(parts[3])}, nil
		}
	})
	ok(t, d.connections.SaveConnection(t.Context(), connection.Connection{ID: "cn_hl", Workspace: "ws_1", Provider: highLevel, Account: provider.Account{ID: ourPlace, CompanyID: "co"}, State: connection.Active, Auth: connection.ByKey, HookSecret: "unused-unused-unused"}, nil))
	return d
}

func cookieOf(w *httptest.ResponseRecorder, name string) *http.Cookie {
	for _, c := range w.Result().Cookies() {
		if c.Name == name && c.MaxAge >= 0 {
			return c
		}
	}
	return nil
}

func framing(w *httptest.ResponseRecorder) string {
	m := regexp.MustCompile(`frame-ancestors ([^;]*);`).FindStringSubmatch(w.Header().Get("Content-Security-Policy"))
	if m == nil {
		return ""
	}
	return m[1]
}

const hosts = "https://app.gohighlevel.com https://*.example.org"

func TestComingInFromInsideHighLevel(t *testing.T) {
	t.Parallel()
	d := newFrame(t).inhabited()
	page := d.open("/embedded/highlevel")
	if page.Code != http.StatusOK || framing(page) != hosts || !strings.Contains(page.Body.String(), `data-hosts="`+hosts+`"`) {
		t.Fatalf("%d, framed by %q", page.Code, framing(page))
	}
	if w := d.open("/sign-in"); framing(w) != "'none'" {
		t.Errorf("the ordinary sign-in may be framed by %q", framing(w))
	}

	// Nobody is linked yet: an email is no proof. A code is shown, and nobody is signed in.
	w := d.send("/embedded/highlevel", form("context", "hl-jane/co/"+ourPlace+"/salt-1"))
	code := regexp.MustCompile(`[A-Z2-9]{4}-[A-Z2-9]{4}`).FindString(w.Body.String())
	if w.Code != http.StatusOK || code == "" || !strings.Contains(w.Body.String(), "Jane &lt;Doe&gt;") {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	if w := d.open("/runs"); w.Code != http.StatusSeeOther {
		t.Errorf("who is not linked sees %d", w.Code)
	}

	// She types it in where she is signed in as ever, after she has seen whom it is.
	clear(d.jar)
	d.signsIn()
	if w := d.send("/settings/identities", form("code", "ZZZZ-ZZZZ")); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "No such code") {
		t.Errorf("a wrong code: %d", w.Code)
	}
	if w := d.send("/settings/identities", form("code", strings.ToLower(code))); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Is this you?") || len(d.store.identities.linked) > 0 {
		t.Errorf("it is linked without asking: %d %v", w.Code, d.store.identities.linked)
	}
	for _, wrong := range []string{"", "not her password"} {
		w := d.send("/settings/identities", form("code", code, "confirm", "yes", "current_password", wrong))
		shows(t, w, http.StatusUnprocessableEntity, "This is not your current password.")
		if len(d.store.identities.linked) > 0 {
			t.Fatal("it is linked without the password")
		}
	}
	if w := d.send("/settings/identities", form("code", code, "confirm", "yes", "current_password", password)); w.Code != http.StatusSeeOther {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	if page := d.open("/settings").Body.String(); !strings.Contains(page, "Unlink") {
		t.Error("the settings do not show it")
	}

	// From now on she comes in, once for each context, with a cookie for the frame alone.
	clear(d.jar)
	w = d.send("/embedded/highlevel", form("context", "hl-jane/co/"+ourPlace+"/salt-2"))
	got := cookieOf(w, "crosswalk_embedded")
	if w.Code != http.StatusSeeOther || got == nil || !got.Secure || !got.HttpOnly || !got.Partitioned || got.SameSite != http.SameSiteNoneMode || !got.Expires.IsZero() || cookieOf(w, "crosswalk_session") != nil {
		t.Fatalf("%d, cookies %v", w.Code, w.Result().Cookies())
	}
	if w := d.open("/runs"); w.Code != http.StatusOK || framing(w) != hosts {
		t.Errorf("inside: %d, framed by %q", w.Code, framing(w))
	}
	stolen := map[string]string{}
	for k, v := range d.jar {
		stolen[k] = v
	}
	clear(d.jar)
	if w := d.send("/embedded/highlevel", form("context", "hl-jane/co/"+ourPlace+"/salt-2")); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "works once") || cookieOf(w, "crosswalk_embedded") != nil && d.open("/runs").Code == http.StatusOK {
		t.Errorf("the same context again: %d", w.Code)
	}

	// A form another site sends is not carried out, whichever cookie it comes with.
	r := httptest.NewRequest(http.MethodPost, "/sign-out", strings.NewReader(url.Values{}.Encode()))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	for k, v := range stolen {
		r.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	forged := httptest.NewRecorder()
	d.ServeHTTP(forged, r)
	if forged.Code != http.StatusForbidden {
		t.Errorf("a forged form: %d", forged.Code)
	}
}

func TestWhoDoesNotComeInFromInsideHighLevel(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ context, words string }{
		"unreadable":              {"nonsense", "could not be read"},
		"a location nobody has":   {"hl-jane/co/elsewhere/s", "opens no workspace of yours"},
		"another agency's claim":  {"hl-jane/other-co/" + ourPlace + "/s", "opens no workspace of yours"},
		"somebody else's place":   {"hl-jane/co/others/s", "opens no workspace of yours"},
		"no location":             {"hl-jane/co//s", "opens no workspace of yours"},
		"nobody, nowhere":         {"hl-mallory/co/elsewhere/s", "One step, once"},
		"somebody nobody knows":   {"hl-mallory/co/" + ourPlace + "/s", "One step, once"},
		"no location, and nobody": {"hl-mallory/co//s", "One step, once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newFrame(t).inhabited()
			d.store.identities.linked = map[people.Identity]string{{Provider: "highlevel", CompanyID: "co", UserID: "hl-jane"}: "us_1", {Provider: "highlevel", CompanyID: "other-co", UserID: "hl-jane"}: "us_1"}
			ok(t, d.connections.SaveConnection(t.Context(), connection.Connection{ID: "cn_others", Workspace: "ws_others", Provider: highLevel, Account: provider.Account{ID: "others"}, State: connection.Active, Auth: connection.ByKey, HookSecret: "also-unused-also"}, nil))
			w := d.send("/embedded/highlevel", form("context", c.context))
			if !strings.Contains(w.Body.String(), c.words) {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
			if w := d.open("/runs"); w.Code == http.StatusOK {
				t.Error("and is in")
			}
			if d.store.identities.spent["s"] {
				t.Error("the context was spent for nothing")
			}
		})
	}
}

func TestTriesAtTheFrameRunOut(t *testing.T) {
	t.Parallel()
	d := newFrame(t).inhabited()
	for range 40 {
		if w := d.send("/embedded/highlevel", form("context", "nonsense")); w.Code == http.StatusTooManyRequests {
			if w.Header().Get("Retry-After") == "" {
				t.Error("it does not say when to come again")
			}
			return
		}
	}
	t.Error("nobody stops guessing")
}

func TestWithoutASharedSecretNothingIsFramed(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	if w := d.open("/embedded/highlevel"); w.Code != http.StatusNotFound {
		t.Errorf("the page answers %d", w.Code)
	}
	if w := d.send("/embedded/highlevel", form("context", "x")); w.Code != http.StatusNotFound {
		t.Errorf("the form answers %d", w.Code)
	}
	d.jar["crosswalk_embedded"] = d.jar["crosswalk_session"]
	delete(d.jar, "crosswalk_session")
	if w := d.open("/runs"); w.Code == http.StatusOK || framing(w) != "'none'" {
		t.Errorf("the frame's cookie opens %d, framed by %q", w.Code, framing(w))
	}
	if strings.Contains(d.open("/settings").Body.String(), "HighLevel user") {
		t.Error("the settings offer to link")
	}
}

func TestTheSecondStepIsAskedInsideToo(t *testing.T) {
	t.Parallel()
	d := newFrame(t)
	d.signsIn()
	secret, _ := d.enrols()
	id := d.store.users[0].ID
	d.store.identities.linked = map[people.Identity]string{{Provider: "highlevel", CompanyID: "co", UserID: "hl-jane"}: id}
	clear(d.jar)
	w := d.send("/embedded/highlevel", form("context", "hl-jane/co/"+ourPlace+"/salt"))
	if at := w.Header().Get("Location"); at != "/sign-in/code" {
		t.Fatalf("it leads to %q", at)
	}
	if w := d.open("/sign-in/code"); w.Code != http.StatusOK || framing(w) != hosts {
		t.Errorf("%d, framed by %q", w.Code, framing(w))
	}
	if w := d.open("/runs"); w.Code == http.StatusOK {
		t.Error("the context alone is enough")
	}
	d.send("/sign-in/code", form("code", d.nextCode(secret)))
	if w := d.open("/runs"); w.Code != http.StatusOK {
		t.Errorf("with the code: %d", w.Code)
	}
}

// TestAFramesFormsMustNameOurSite: the cookie goes along with what other sites send, also where the browser names no site.
func TestAFramesFormsMustNameOurSite(t *testing.T) {
	t.Parallel()
	d := newFrame(t)
	for _, site := range []string{"", "none", "same-site", "cross-site"} {
		for _, path := range []string{embeddedPath, "/sign-out", "/automations"} {
			r := newPost(path, nil)
			r.AddCookie(&http.Cookie{Name: embeddedCookie, Value: "whatever"})
			if r.Header.Del("Sec-Fetch-Site"); site != "" {
				r.Header.Set("Sec-Fetch-Site", site)
			}
			w := httptest.NewRecorder()
			if d.ServeHTTP(w, r); w.Code != http.StatusForbidden {
				t.Errorf("%s from %q is answered %d", path, site, w.Code)
			}
		}
	}
}
