package server

import (
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

// How changes are noticed depends on the account: an app's webhooks go to an installed app only.
func TestTheLivePageSaysHowThisAccountTellsOfChanges(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		auth   connection.AuthKind
		object func(*provider.Object)
		says   string
		todo   bool // something may be left to be set up
	}{
		"an app's webhooks":       {connection.ByOAuth, func(o *provider.Object) { o.Webhook = true }, "HighLevel tells by webhook. Set it up", true},
		"a token has none":        {connection.ByKey, func(o *provider.Object) { o.Webhook = true }, "HighLevel sends webhooks to an installed app only, and this account is connected without one, so it is asked regularly.", false},
		"nor has what is by hand": {connection.ByKey, func(o *provider.Object) { o.Webhook, o.Tells.ByHand = true, true }, "HighLevel tells by webhook. Set it up", true},
		"told in part": {connection.ByOAuth, func(o *provider.Object) { o.Webhook, o.Poll = true, true },
			"HighLevel tells of some changes to contacts by webhook, and is asked regularly for the others.", false},
		"told in part, without an app": {connection.ByKey, func(o *provider.Object) { o.Webhook, o.Poll = true, true }, "and this account is connected without one, so it is asked regularly.", false},
		"never told":                   {connection.ByOAuth, func(o *provider.Object) { o.Poll = true }, "HighLevel tells nobody when a contact changes, so it is asked regularly.", false},
		"listed nowhere": {connection.ByKey, func(o *provider.Object) { o.Webhook, o.ByParent = true, true },
			"and lists contacts under their parents only, so changes are found by the daily comparison.", false},
	} {
		w := newWorkshop(t)
		w.edit(func(d *automation.Definition) { d.Source, d.Target = d.Target, d.Source })
		w.accounts.list[1].Auth = tt.auth
		o := &w.Descriptors[highLevel].Objects[0]
		o.Webhook, o.Poll = false, false
		tt.object(o)
		p := w.get("/live").is(http.StatusOK)
		if got := p.words("main"); !strings.Contains(got, tt.says) {
			t.Errorf("%s: the page does not say %q", name, tt.says)
		}
		if got := strings.Contains(p.words("main"), "Webhook address"); got != tt.todo {
			t.Errorf("%s: it asks for a webhook: %t", name, got)
		}
	}
}

// An account that is connected without an app is not asked to set up what only an app has.
func TestATokenIsNotAskedForWebhooks(t *testing.T) {
	t.Parallel()
	const none = "none come to an account that is connected without an app"
	for auth, hooks := range map[connection.AuthKind]bool{connection.ByOAuth: true, connection.ByKey: false} {
		d := newSickroom(t, nil, func(cn *connection.Connection) { cn.Auth = auth })
		for _, path := range []string{"/connections", "/connections/cn_hl"} {
			page := d.open(path).Body.String()
			if strings.Contains(page, "/hooks/highlevel") != hooks {
				t.Errorf("%s at %s: a webhook address is shown: %t", auth, path, !hooks)
			}
			if path != "/connections" && strings.Contains(page, none) == hooks {
				t.Errorf("%s: that none come is said: %t", auth, hooks)
			}
		}
		// Gleap's are set up by hand, with a key as well.
		if page := d.open("/connections").Body.String(); !strings.Contains(page, "/hooks/gleap/") {
			t.Errorf("%s: Gleap's address is not shown", auth)
		}
	}
}
