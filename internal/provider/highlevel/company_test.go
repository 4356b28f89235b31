package highlevel_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

// before runs something just before a request of a kind leaves.
type before struct {
	path string
	do   func()
}

func (b *before) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.do != nil && strings.HasSuffix(r.URL.Path, b.path) {
		b.do()
		b.do = nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

// The company is set by an upsert, which looks the contact up by its address once more: somebody may change that address
// before it is looked up, and then nobody is found, or right after, and then the upsert makes a contact.
func TestAnAddressThatChangesUnderTheCompanyIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		at     string
		faults twin.Faults
	}{
		"before it is looked up":               {at: "/contacts/search/duplicate"},
		"before it is written":                 {at: "/contacts/upsert"},
		"before it is written, with a refusal": {at: "/contacts/upsert", faults: twin.Faults{Create422ButCommits: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.twin.SetFaults(tc.faults)
			id := s.twin.PersonCreatesContact(map[string]any{"firstName": "Cleo", "email": "cleo@example.com"})
			hasty := &before{path: tc.at, do: func() {
				if err := s.twin.PersonEditsContact(id, map[string]any{"email": "cleo.new@example.com"}); err != nil {
					t.Error(err)
				}
			}}
			c := highlevel.New(highlevel.Config{
				Connection: connection, LocationID: s.ready.LocationID, BaseURL: s.ready.URL, Transport: hasty, Now: s.clock.Now,
				Token: func(context.Context) (string, error) { return s.ready.Token, nil },
			})
			cleo := record.Ref{Connection: connection, Type: record.Contact, ID: id}
			company := provider.Write{Type: record.Contact, Fields: record.Fields{"companyName": record.TextOf("Cobalt")}}
			if _, err := c.Update(t.Context(), cleo, company); !provider.IsKind(err, provider.Unavailable) {
				t.Errorf("it answers %v, which is to be tried again", err)
			}
			if all := s.twin.Contacts(); len(all) != 1 || all[0]["id"] != id {
				t.Errorf("there are %+v", all)
			}
			if got, err := c.Update(t.Context(), cleo, company); err != nil || got.Fields["companyName"].String() != "Cobalt" {
				t.Errorf("the second try: %+v, %v", got.Fields, err)
			}
		})
	}
}
