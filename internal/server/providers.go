package server

import (
	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/web/ui"
)

// Providers is what the connect pages need to know of the providers; app fills it in, so that no provider's
// name is needed to serve a page.
type Providers interface {
	// OwnApp reports whether a delivery's app id is the one configured here, and whether one is: none is our own then.
	OwnApp(id provider.ID, appID string) (ours, configured bool)
	// CallsPerSecond is the sustained rate the provider allows, for estimates.
	CallsPerSecond(id provider.ID) float64
	// OAuth is the configured OAuth app of a provider; ok is false when there is none yet.
	OAuth(id provider.ID) (OAuthApp, bool)
	// BaseURL is the provider's API address when a person gives none.
	BaseURL(id provider.ID) string
	// Granted reads the provider's answer to an authorisation: which account, which company, which scopes.
	Granted(p connection.Pending, t *oauth2.Token) (account, company string, scopes []string)
	// HookSteps tell a person how to make the provider call the webhook address; empty when it needs nothing.
	HookSteps(id provider.ID) []string
	// Regions are presets of BaseURL a person chooses from.
	Regions(id provider.ID) []ui.Option
}

// OAuthApp is what an authorisation needs.
type OAuthApp struct {
	ClientID, ClientSecret string
	Endpoint               oauth2.Endpoint
	Scopes                 []string
	PKCE                   bool
}

// is reports whether a form names this app in full. Its secret is meant for its own token address: an app of the same
// client id somewhere else is another one.
func (a OAuthApp) is(clientID, authoriseURL, tokenURL string) bool {
	return a.ClientID == clientID && a.Endpoint.AuthURL == authoriseURL && a.Endpoint.TokenURL == tokenURL
}
