package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// office is a door with somebody signed in, providers that answer a check as told, and a token address.
type office struct {
	*door
	said   error // what a check answers
	token  string
	server *httptest.Server
	asked  url.Values // the last form the token address got
	proof  string     // and the client secret in its header
}

type answering struct {
	provider.Client
	o *office
	c connection.Connection
}

func (a answering) Check(context.Context) (provider.Account, error) {
	return provider.Account{ID: a.c.Account.ID, Name: "Acme Dental"}, a.o.said
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{}
	build := func(c connection.Connection, token func(context.Context) (string, error), _ func(context.Context) error) (provider.Client, error) {
		var err error
		if token != nil {
			o.token, err = token(t.Context())
		}
		return answering{o: o, c: c}, err
	}
	o.door = newDoor(t, func(c *Config) {
		c.Connections.Builders = map[provider.ID]connection.Builder{highLevel: build, gleap: build}
		store := c.Connections.Store
		c.Fresh = func(ctx context.Context, id record.ConnectionID) (provider.Client, error) {
			cn, err := store.Connection(ctx, id)
			return answering{o: o, c: cn}, err
		}
	}).signsIn()
	for _, id := range []record.ConnectionID{"cn_hl", "cn_gl"} {
		ok(t, o.connections.RemoveConnection(t.Context(), id))
	}
	o.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		o.asked = r.PostForm
		_, o.proof, _ = r.BasicAuth()
		if r.PostForm.Get("code") == "bad" {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"granted-access","refresh_token":"granted-refresh","expires_in":3600,"token_type":"Bearer"}`)
	}))
	t.Cleanup(o.server.Close)
	return o
}

func (o *office) all() []connection.Connection {
	o.t.Helper()
	all, err := o.connections.Connections(o.t.Context())
	ok(o.t, err)
	return all
}

func TestAKeyThatDoesNotWorkIsToldBesideItsFieldAndNotKept(t *testing.T) {
	t.Parallel()
	const key = "pit-0123456789"
	hl := form("location_id", ourPlace, "token", key)
	gl := form("project_id", ourProject, "api_key", key, "region", "custom", "base_url", "https://api.example.com")
	for name, c := range map[string]struct {
		path  string
		form  url.Values
		said  error
		words string
	}{
		"HighLevel refuses the token":    {"/connections/highlevel", hl, &provider.Error{Kind: provider.Unauthorized, Detail: "Invalid JWT"}, "HighLevel does not accept this key"},
		"HighLevel knows no such place":  {"/connections/highlevel", hl, &provider.Error{Kind: provider.NotFound}, "HighLevel does not know this account ID"},
		"HighLevel misses a permission":  {"/connections/highlevel", hl, &provider.Error{Kind: provider.Forbidden, Scope: "contacts.write"}, "contacts.write"},
		"HighLevel is away":              {"/connections/highlevel", hl, &provider.Error{Kind: provider.Unavailable}, "HighLevel could not be reached"},
		"no token":                       {"/connections/highlevel", form("location_id", ourPlace), nil, "Paste the key."},
		"no place":                       {"/connections/highlevel", form("token", key), nil, "Tell which account"},
		"Gleap refuses the key":          {"/connections/gleap", gl, &provider.Error{Kind: provider.Unauthorized}, "Gleap does not accept this key"},
		"Gleap's address is unprotected": {"/connections/gleap", form("project_id", ourProject, "api_key", key, "region", "custom", "base_url", "http://api.example.com"), nil, "must begin with https://"},
		"Gleap's address is none":        {"/connections/gleap", form("project_id", ourProject, "api_key", key, "region", "custom"), nil, "Type the API address."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.said = c.said
			w := o.send(c.path, c.form)
			shows(t, w, http.StatusUnprocessableEntity, c.words)
			if strings.Contains(w.Body.String(), key) {
				t.Error("the page repeats the key")
			}
			if n := len(o.all()); n != 0 {
				t.Errorf("%d connections were saved", n)
			}
		})
	}
}

func TestAKeyThatWorksConnectsTheAccount(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	leads(t, o.send("/connections/highlevel", form("location_id", " "+ourPlace+" ", "token", "pit-0123456789")), "/connections")
	all := o.all()
	if len(all) != 1 || all[0].Account.ID != ourPlace || all[0].State != connection.Active || o.token != "pit-0123456789" {
		t.Fatalf("%+v", all)
	}
	page := o.open("/connections")
	shows(t, page, http.StatusOK, "Acme Dental")
	shows(t, o.open("/connections"), http.StatusOK, "Private integration token")
	if body := page.Body.String(); strings.Contains(body, "pit-0123") || !strings.Contains(body, "HighLevel is connected") {
		t.Errorf("the page:\n%s", body)
	}
	id := string(all[0].ID)
	o.said = &provider.Error{Kind: provider.Revoked}
	leads(t, o.send("/connections/"+id+"/check", nil), "/connections")
	shows(t, o.open("/connections"), http.StatusOK, "This account needs you")
	o.said = nil
	leads(t, o.send("/connections/"+id+"/check", nil), "/connections")
	if cn := o.all()[0]; cn.State != connection.Active || cn.Problem != "" {
		t.Errorf("%+v", cn)
	}
	leads(t, o.send("/connections/"+id+"/disconnect", nil), "/connections")
	if n := len(o.all()); n != 0 {
		t.Errorf("%d are left", n)
	}
	shows(t, o.send("/connections/cn_none/check", nil), http.StatusNotFound, "There is nothing here")
	shows(t, o.send("/connections/cn_none/disconnect", nil), http.StatusNotFound, "There is nothing here")
	if strings.Contains(o.log.String(), "pit-0123") {
		t.Error("the log tells the key")
	}
}

func (o *office) app(change ...string) url.Values {
	values := form("authorize_url", o.server.URL+"/authorize?tenant=1", "token_url", o.server.URL+"/token", "client_id", "client", "client_secret", "client-secret",
		"oauth_project_id", ourProject, "oauth_base_url", "https://api.example.com/", "scopes", "read  write")
	for i := 0; i+1 < len(change); i += 2 {
		values.Set(change[i], change[i+1])
	}
	return values
}

// begins sends the form and answers the state the consent page got.
func (o *office) begins() string {
	o.t.Helper()
	w := o.send("/connections/gleap/authorize", o.app())
	to, err := url.Parse(w.Header().Get("Location"))
	ok(o.t, err)
	q := to.Query()
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(to.String(), o.server.URL) || q.Get("tenant") != "1" || q.Get("code_challenge_method") != "S256" ||
		q.Get("redirect_uri") != "http://example.com/connections/callback" || q.Get("scope") != "read write" || strings.Contains(to.String(), "client-secret") {
		o.t.Fatalf("%d to %s: %s", w.Code, to, w.Body)
	}
	c := w.Result().Cookies()[0]
	if c.Name != bindingCookie || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || len(c.Value) < 32 {
		o.t.Errorf("the cookie is %v", c)
	}
	return q.Get("state")
}

func TestAnAuthorisationComesBackToABrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	state := o.begins()
	leads(t, o.open("/connections/callback?code=good&state="+state), "/connections")
	all := o.all()
	if len(all) != 1 || all[0].Provider != gleap || all[0].Auth != connection.ByOAuth || all[0].Account.ID != ourProject || all[0].BaseURL != "https://api.example.com" {
		t.Fatalf("%+v", all)
	}
	if o.asked.Get("code_verifier") == "" || o.token != "granted-access" {
		t.Errorf("the token address got %v, the check used %q", o.asked, o.token)
	}
	if _, kept := o.jar[bindingCookie]; kept {
		t.Error("the binding outlives its use")
	}
	if body := o.open("/connections").Body.String(); !strings.Contains(body, "OAuth") || strings.Contains(body, "granted-") {
		t.Errorf("the page:\n%s", body)
	}
	shows(t, o.open("/connections/callback?code=good&state="+state), http.StatusUnprocessableEntity, "was not started here")
}

func TestAnAuthorisationThatFailsLeadsBackToItsForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query string
		said  error
		words string
	}{
		"denied":              {"error=access_denied&state=%s", nil, "The access was not granted"},
		"refused":             {"error=invalid_scope&state=%s", nil, "The provider refused the authorisation"},
		"code not accepted":   {"code=bad&state=%s", nil, "did not accept the code"},
		"grant does not work": {"code=good&state=%s", &provider.Error{Kind: provider.Unauthorized}, "does not accept our access"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.said = c.said
			w := o.open("/connections/callback?" + fmt.Sprintf(c.query, o.begins()))
			shows(t, w, http.StatusUnprocessableEntity, c.words)
			body := w.Body.String()
			if !strings.Contains(body, o.server.URL+"/token") || strings.Contains(body, "client-secret") {
				t.Error("it is not Gleap's form, filled in as it was and without the secret")
			}
			if n := len(o.all()); n != 0 {
				t.Errorf("%d connections were saved", n)
			}
		})
	}
}

func TestAnAuthorisationOfSomebodyElseIsNotTaken(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	state := o.begins()
	o.jar[bindingCookie] = "another-browsers-binding"
	shows(t, o.open("/connections/callback?code=good&state="+state), http.StatusUnprocessableEntity, "another browser")
	shows(t, o.open("/connections/callback?code=good"), http.StatusUnprocessableEntity, "was not started here")
	shows(t, o.open("/connections/callback"), http.StatusUnprocessableEntity, "without a code")
	if o.asked != nil || len(o.all()) != 0 {
		t.Error("a code was redeemed")
	}
}

func TestAnOAuthAppIsCheckedBeforeAnybodyIsSentAway(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for field, value := range map[string]string{
		"authorize_url": "javascript:alert(1)", "token_url": "http://10.0.0.1/token", "oauth_base_url": "", "client_id": " ", "client_secret": "", "oauth_project_id": "",
	} {
		w := o.send("/connections/gleap/authorize", o.app(field, value))
		if w.Code != http.StatusUnprocessableEntity || w.Header().Get("Location") != "" || strings.Contains(w.Body.String(), "client-secret") {
			t.Errorf("%s %q: %d to %q", field, value, w.Code, w.Header().Get("Location"))
		}
	}
	shows(t, o.send("/connections/highlevel/authorize", nil), http.StatusUnprocessableEntity, "CROSSWALK_HIGHLEVEL_CLIENT_ID")
	for _, path := range []string{"/connections/highlevel/new", "/connections/gleap/new"} {
		if w := o.open(path); w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action 'self' https:") {
			t.Errorf("%s: %d, %q", path, w.Code, w.Header().Get("Content-Security-Policy"))
		}
	}
}

// configured is a Gleap whose OAuth app the operator set up.
type configured struct {
	doorProviders
	at string
}

func (p configured) OAuth(id provider.ID) (OAuthApp, bool) {
	return OAuthApp{
		ClientID: "crosswalk", ClientSecret: "the-operators-secret", PKCE: true,
		Endpoint: oauth2.Endpoint{AuthURL: p.at + "/authorize", TokenURL: p.at + "/token"},
	}, id == gleap
}

func (configured) Granted(p connection.Pending, _ *oauth2.Token) (account, company string, scopes []string) {
	return p.Account, "", p.Scopes
}

func TestTheConfiguredSecretGoesToItsOwnTokenAddressOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		control, value string
		sent           bool
	}{
		"the app as it is configured":   {"client_id", "crosswalk", true},
		"a token address of one's own":  {"token_url", "https://tokens.example/token", false},
		"a consent page of one's own":   {"authorize_url", "https://consent.example/authorize", false},
		"the token address and a query": {"token_url", "?to=elsewhere", false},
		"another client":                {"client_id", "another", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.Providers = configured{at: o.server.URL}
			v := o.app("authorize_url", o.server.URL+"/authorize", "client_id", "crosswalk", "client_secret", "")
			if strings.HasPrefix(c.value, "?") {
				c.value = o.server.URL + "/token" + c.value
			}
			v.Set(c.control, c.value)
			w := o.send("/connections/gleap/authorize", v)
			if !c.sent {
				shows(t, w, http.StatusUnprocessableEntity, "This is needed.")
				return
			}
			to, err := url.Parse(w.Header().Get("Location"))
			ok(t, err)
			leads(t, o.open("/connections/callback?code=good&state="+to.Query().Get("state")), "/connections")
			if got := o.proof; got != "the-operators-secret" {
				t.Errorf("the configured token address got the secret %q", got)
			}
		})
	}
}

func TestTriesToConnectInVainHaveToWait(t *testing.T) {
	t.Parallel()
	gl := form("project_id", ourProject, "api_key", "key-0123456789", "region", "custom", "base_url", "https://api.example.com")
	hl := form("location_id", ourPlace, "token", "pit-0123456789")
	o := newOffice(t)
	o.said = &provider.Error{Kind: provider.Unauthorized}
	shows(t, o.send("/connections/gleap", gl), http.StatusUnprocessableEntity, "does not accept this key")
	for range 2 {
		shows(t, o.send("/connections/gleap", gl), http.StatusUnprocessableEntity, "does not accept this key")
		shows(t, o.send("/connections/highlevel", hl), http.StatusUnprocessableEntity, "does not accept this key")
	}
	o.said, o.token = nil, ""
	for path, v := range map[string]url.Values{"/connections/gleap": gl, "/connections/highlevel": hl, "/connections/gleap/authorize": o.app()} {
		w := o.send(path, v)
		shows(t, w, http.StatusTooManyRequests, "Too many tries in vain. Try again in 15 seconds.")
		if w.Header().Get("Retry-After") != "15" || o.token != "" || len(o.all()) != 0 {
			t.Errorf("%s: %v, tried with %q, %d saved", path, w.Header(), o.token, len(o.all()))
		}
	}
}

func TestOnlyTheProvidersAnswerIsShownAndEndsWhatWasBegun(t *testing.T) {
	t.Parallel()
	const lure = "Call+0900-EVIL+to+unlock"
	o := newOffice(t)
	for name, query := range map[string]string{
		"nothing was begun":          "error=x&error_description=" + lure,
		"nothing of the state begun": "error=x&state=guessed&error_description=" + lure,
		"no grant, says a stranger":  "error=access_denied&error_description=" + lure,
	} {
		w := o.open("/connections/callback?" + query)
		if w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "0900-EVIL") {
			t.Errorf("%s: %d, and the words of the address are shown", name, w.Code)
		}
	}
	state := o.begins()
	for name, query := range map[string]string{
		"an error without a state": "error=x&error_description=" + lure, "an error of another state": "error=x&state=guessed&error_description=" + lure,
		"a code of another state": "code=good&state=guessed", "a code that is none": "code=bad", "nothing at all": "",
	} {
		w := o.open("/connections/callback?" + query)
		if w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "0900-EVIL") || o.jar[bindingCookie] == "" {
			t.Errorf("%s: %d, the cookie is %q", name, w.Code, o.jar[bindingCookie])
		}
	}
	// Who has it in another browser ends nothing either.
	own := o.jar[bindingCookie]
	o.jar[bindingCookie] = "another-browsers-binding"
	shows(t, o.open("/connections/callback?code=good&state="+state), http.StatusUnprocessableEntity, "another browser")
	o.jar[bindingCookie] = own
	leads(t, o.open("/connections/callback?code=good&state="+state), "/connections")
	state = o.begins()
	shows(t, o.open("/connections/callback?error=x&error_description=of+the+provider&state="+state), http.StatusUnprocessableEntity, "of the provider")
}

func TestOnlyPagesThatLeadOutLetFormsLeadOut(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	out := 0
	everyRoute(o.door, func(_, method, path string) {
		if method != http.MethodGet || path == "/live" {
			return
		}
		leads := strings.Contains(o.open(path).Header().Get("Content-Security-Policy"), "form-action 'self' https:")
		want := path == "/connections/gleap/new" || path == "/connections/highlevel/new" || path == "/connections/x1/reconnect" || path == "/connections/callback"
		if leads != want {
			t.Errorf("%s: forms may lead out: %v", path, leads)
		}
		if leads {
			out++
		}
	})
	if out != 4 {
		t.Errorf("%d pages lead out", out)
	}
}
