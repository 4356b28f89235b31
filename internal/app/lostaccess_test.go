package app

import (
	"net/http"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// TestWhateverBecomesOfAnAccessItsWorkIsHeldAndGoesOn breaks the access to a location in every way HighLevel knows, over
// HTTP: what the connection says then, what becomes of the work that needs it, how often a token was asked for, and that
// it all goes on by itself, or as soon as a person connected again where only a person can.
func TestWhateverBecomesOfAnAccessItsWorkIsHeldAndGoesOn(t *testing.T) {
	t.Parallel()
	none := twinhighlevel.Faults{}
	for name, tc := range map[string]struct {
		agency bool // connected from an agency's grant
		breaks func(e *estate)
		state  connection.State
		held   string // code of the run that waits; empty: the work goes through
		heals  func(e *estate, a automation.Automation)
		// renewed and minted are how often a token was asked for, all in all.
		renewed, minted int
	}{
		"the access token is refused": {
			breaks: func(e *estate) { e.hl.SetFaults(twinhighlevel.Faults{RevokeAccess: true}) },
			state:  connection.Active, renewed: 1,
		},
		"the access token ran out and nobody had looked": {
			breaks: func(e *estate) { e.passes(25 * time.Hour) },
			state:  connection.Active, renewed: 1,
		},
		"everything was revoked": {
			breaks: func(e *estate) { e.hl.SetFaults(twinhighlevel.Faults{RevokeTokens: true}) },
			state:  connection.NeedsReconnect, held: "revoked",
			heals:   func(e *estate, _ automation.Automation) { e.connects() },
			renewed: 2, // the code of the new authorisation is exchanged there too
		},
		"everything was revoked, and HighLevel gives lost access back": {
			breaks: func(e *estate) {
				e.hl.SetFaults(twinhighlevel.Faults{RevokeTokens: true, Reconnect: true})
			},
			state: connection.Active, renewed: 2,
		},
		"everything was revoked, and the agency has let us in since": {
			breaks: func(e *estate) {
				e.hl.SetFaults(twinhighlevel.Faults{RevokeTokens: true})
				_, err := e.houses[0].connections.Adopt(e.Context(), e.consents("agency"))
				e.must(err)
			},
			state: connection.Active, renewed: 2, minted: 1,
		},
		"the token from an agency's ran out, and so did the agency's": {
			agency: true,
			breaks: func(e *estate) { e.passes(25 * time.Hour) },
			state:  connection.Active, renewed: 1, minted: 1,
		},
		"the agency's access was revoked": {
			agency: true,
			breaks: func(e *estate) {
				e.hl.SetFaults(twinhighlevel.Faults{RevokeTokens: true})
			},
			state: connection.NeedsReconnect, held: "revoked",
			heals: func(e *estate, _ automation.Automation) {
				_, err := e.houses[0].connections.Adopt(e.Context(), e.consents("agency"))
				e.must(err)
				e.houses[0].keeper.Sweep(e.Context())
			},
			renewed: 2, minted: 2, // once in vain
		},
		"the location is not active": {
			breaks: func(e *estate) {
				e.passes(25 * time.Hour)
				e.hl.SetFaults(twinhighlevel.Faults{LocationInactive: true})
				e.houses[0].keeper.Sweep(e.Context())
			},
			state: connection.Active, held: "unavailable",
			heals: func(e *estate, _ automation.Automation) {
				e.hl.SetFaults(none)
				e.passes(time.Hour)
				e.houses[0].keeper.Sweep(e.Context()) // nobody else does anything
			},
			renewed: 2,
		},
		"a permission is missing": {
			breaks: func(e *estate) {
				e.hl.SetFaults(twinhighlevel.Faults{MissingScopes: []string{"contacts.readonly"}})
			},
			state: connection.Active, held: "forbidden",
			heals: func(e *estate, a automation.Automation) { e.hl.SetFaults(none); e.comesDue(a) },
		},
		"the version header is taken on the way": {
			breaks: func(e *estate) {
				takes := func(r *http.Request) { r.Header.Del("Version") }
				e.between.Store(&takes)
			},
			state: connection.Active, held: "unavailable",
			heals: func(e *estate, a automation.Automation) { e.between.Store(nil); e.comesDue(a) },
		},
		"the token address is out of order": {
			breaks: func(e *estate) {
				e.passes(25 * time.Hour)
				e.hl.SetFaults(twinhighlevel.Faults{Next5xx: 1})
			},
			state: connection.Active, held: "unavailable",
			heals:   func(e *estate, a automation.Automation) { e.passes(6 * time.Second); e.comesDue(a) },
			renewed: 2,
		},
		"the answer to a renewal is lost": {
			breaks: func(e *estate) {
				e.passes(25 * time.Hour)
				e.hl.SetFaults(twinhighlevel.Faults{RenewalsLost: 1})
			},
			state: connection.Active, held: "unavailable",
			heals:   func(e *estate, a automation.Automation) { e.passes(6 * time.Second); e.comesDue(a) },
			renewed: 2,
		},
		"the answer to a renewal is lost, and nobody asks again for an hour": {
			breaks: func(e *estate) {
				e.passes(25 * time.Hour)
				e.hl.SetFaults(twinhighlevel.Faults{RenewalsLost: 1})
				e.houses[0].keeper.Sweep(e.Context())
				e.passes(time.Hour)
			},
			state: connection.NeedsReconnect, held: "revoked",
			heals: func(e *estate, a automation.Automation) {
				for range 100 { // nothing is asked for that cannot be had
					e.passes(10 * time.Minute)
					e.houses[0].keeper.Sweep(e.Context())
					e.comesDue(a)
					e.work()
				}
				e.connects()
			},
			renewed: 3,
		},
		"it was uninstalled": {
			breaks: func(e *estate) { e.passes(time.Second); e.hl.Uninstall() },
			state:  connection.Uninstalled, held: "revoked",
			heals:   func(e *estate, _ automation.Automation) { e.connects() },
			renewed: 1,
		},
		"it was uninstalled from one location of an agency, and installed again there": {
			agency: true,
			breaks: func(e *estate) { e.passes(time.Second); e.hl.Uninstall() },
			state:  connection.Uninstalled, held: "revoked",
			heals: func(e *estate, _ automation.Automation) {
				e.passes(time.Second)
				e.consents(e.hlReady.LocationID) // at HighLevel: nobody comes to us but its INSTALL
				e.houses[0].keeper.Sweep(e.Context())
			},
			renewed: 1, minted: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, 0)
			var c connection.Connection
			if tc.agency {
				c = e.connectsFromAgency()
			} else {
				c = e.connects()
			}
			a := e.runs(c)
			e.meets("before@example.com")
			e.work()
			if !e.arrived("before@example.com") {
				t.Fatal("nothing works to begin with")
			}
			renewed, minted := e.asked()

			e.meets("meanwhile@example.com")
			tc.breaks(e)
			e.work()
			e.is(c, tc.state)
			if held := e.held(a); held != tc.held || e.arrived("meanwhile@example.com") != (tc.held == "") {
				t.Errorf("held: %q, arrived: %v; want held %q", held, e.arrived("meanwhile@example.com"), tc.held)
			}
			if tc.heals != nil {
				tc.heals(e, a)
			}
			e.meets("after@example.com")
			e.work()
			e.is(c, connection.Active)
			if held := e.held(a); held != "" || !e.arrived("meanwhile@example.com") || !e.arrived("after@example.com") {
				t.Errorf("held: %q; it does not go on", held)
			}
			moreRenewed, moreMinted := e.asked()
			if moreRenewed-renewed != tc.renewed || moreMinted-minted != tc.minted {
				t.Errorf("renewed %d times and minted %d, want %d and %d", moreRenewed-renewed, moreMinted-minted, tc.renewed, tc.minted)
			}
		})
	}
}

// connectsFromAgency is a person who lets Crosswalk into the whole agency and uses the location from there.
func (e *estate) connectsFromAgency() connection.Connection {
	e.Helper()
	s := e.houses[0].connections
	_, err := s.Adopt(e.Context(), e.consents("agency"))
	e.must(err)
	unused, err := s.Unused(e.Context())
	e.must(err)
	for _, i := range unused {
		if i.Account.ID == e.hlReady.LocationID {
			c, err := s.ConnectInstalled(e.Context(), i.ID)
			e.must(err)
			return c
		}
	}
	e.Fatalf("the location is not among %+v", unused)
	return connection.Connection{}
}

// TestPollingTakesOverByItself: a private integration has no webhooks (reference/highlevel.md §2.1), so what they would tell
// is polled every minute from the moment a connection lives on its token, and only now and then once it is an app's again.
func TestPollingTakesOverByItself(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	c := e.connects()
	e.runs(c)
	polls := func(want bool) {
		t.Helper()
		before := len(e.hl.Calls())
		e.must(e.houses[0].pollAll(t.Context()))
		if asked := len(e.hl.Calls()) > before; asked != want {
			t.Errorf("HighLevel was polled: %v, want %v", asked, want)
		}
	}
	arrives := func(email string) {
		t.Helper()
		e.work()
		if !e.arrived(email) {
			t.Errorf("%s did not arrive", email)
		}
	}
	polls(true) // where it begins
	e.meets("told@example.com")
	arrives("told@example.com")
	e.passes(time.Minute)
	polls(false)

	// A webhook that gets lost is made up for by the next poll.
	e.deaf.Store(true)
	e.meets("lost@example.com")
	e.passes(insuredEvery + time.Minute)
	polls(true)
	arrives("lost@example.com")

	if byToken := e.connectsByToken(); byToken.ID != c.ID {
		t.Fatalf("the same account is %s and %s", c.ID, byToken.ID)
	}
	e.meets("polled@example.com")
	polls(true) // at once
	arrives("polled@example.com")
	e.meets("polled-again@example.com")
	e.passes(time.Minute + 5*time.Second)
	polls(true)
	arrives("polled-again@example.com")

	// The key is taken back there: its work is held, not failed, until there is another way.
	takes := func(r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+e.hlReady.Token {
			r.Header.Set("Authorization", "Bearer pit-of-another-time")
		}
	}
	e.between.Store(&takes)
	e.passes(time.Minute + 5*time.Second)
	polls(true)
	e.is(c, connection.NeedsReconnect)
	e.meets("meanwhile@example.com")
	e.passes(time.Hour)
	polls(false) // nobody is asked with a key that is dead
	e.between.Store(nil)
	e.connectsByToken()
	polls(true)
	arrives("meanwhile@example.com")

	e.deaf.Store(false)
	e.connects()
	e.meets("told-again@example.com")
	arrives("told-again@example.com")
}

// TestALocationTheAgencyMakesLaterIsOffered: the app is installed for all locations, also those to come, and INSTALL tells of
// each (reference/highlevel.md §2.5).
func TestALocationTheAgencyMakesLaterIsOffered(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	s := e.houses[0].connections
	_, err := s.Adopt(t.Context(), e.consents("agency"))
	e.must(err)
	place := e.hl.AddLocation("Opened later")
	e.houses[0].keeper.Sweep(t.Context()) // INSTALL tells no name; the agency's list does
	unused, err := s.Unused(t.Context())
	e.must(err)
	for _, i := range unused {
		if i.Account.ID != place {
			continue
		}
		c, err := s.ConnectInstalled(t.Context(), i.ID)
		if err != nil || c.State != connection.Active || i.Account.Name != "Opened later" {
			t.Errorf("%+v, %v", c, err)
		}
		return
	}
	t.Errorf("it is not among %+v", unused)
}
