package highlevel_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/provider/providertest"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

func (s *stage) account() providertest.Account {
	faults := func(change func(*twin.Faults)) {
		f := s.twin.Faults()
		change(&f)
		s.twin.SetFaults(f)
	}
	return providertest.Account{
		Client: s.Client, Connection: connection, Secret: s.ready.Token,
		Advance:         s.clock.advance,
		NextRateLimited: func() { faults(func(f *twin.Faults) { f.Next429++ }) },
		NextUnavailable: func() { faults(func(f *twin.Faults) { f.Next5xx++ }) },
		DropNextAnswer:  func() { faults(func(f *twin.Faults) { f.DropAfterCommit++ }) },
		Revoke:          func() { s.token.Store("pit-not-a-token-any-more") },
		DropScope: func() string {
			const scope = "contacts.readonly"
			faults(func(f *twin.Faults) { f.MissingScopes = append(f.MissingScopes, scope) })
			return scope
		},
		MissingID: "AAAAAAAAAAAAAAAAAAAA",
	}
}

// underContacts is the part of the account that children of a contact share.
func (s *stage) underContacts(a *providertest.Account) {
	a.Parent = func() record.Ref { return s.ref(s.twin.PersonCreatesContact(map[string]any{"firstName": "Parent"})) }
	a.RemoveParent = func(parent record.Ref) {
		if err := s.twin.PersonDeletesContact(parent.ID); err != nil {
			s.t.Error(err)
		}
	}
}

func TestContactsConform(t *testing.T) {
	t.Parallel()
	for _, duplicates := range []bool{false, true} {
		t.Run(fmt.Sprintf("duplicates allowed %v", duplicates), func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{
				Descriptor: highlevel.Descriptor(), Object: record.Contact,
				Open: func(t *testing.T) providertest.Account {
					s := newStage(t, func(c *twin.Config, _ *highlevel.Config) { c.AllowDuplicates = duplicates })
					seats, interests, external := s.custom("Seats"), s.custom("Interests"), s.custom("Support ID")
					a := s.account()
					a.Write = func(n int) provider.Write {
						return provider.Write{Type: record.Contact, Fields: record.Fields{
							"firstName": text("Ada"), "lastName": text(fmt.Sprintf("Lovelace %d", n)),
							"email": text(fmt.Sprintf("ada+%d@example.com", n)), "phone": text(fmt.Sprintf("+1415555%04d", 2000+n)),
							"companyName": text("Engines & Co"), "dateOfBirth": text("1985-12-10"), "country": text("GB"),
							"postalCode": text("W1"), "dnd": record.BoolOf(true),
							seats: record.NumberOf(3), interests: record.ListOf([]string{"Implants"}),
						}}
					}
					a.Change, a.Clear, a.Set = record.Fields{"city": text("London")}, "postalCode", "tags"
					a.Found = record.Fields{external: text("user/7, Ä"), seats: record.NumberOf(4711)}
					a.TellsCreation, a.TellsChange = true, true
					a.Seed = s.twin.SeedContacts
					a.Count = func() int { return s.twin.Stats().Contacts }
					a.Edit = func(id string) {
						if err := s.twin.PersonEditsContact(id, map[string]any{"city": "Elsewhere"}); err != nil {
							t.Error(err)
						}
					}
					return a
				},
			})
		})
	}
}

func TestTasksConform(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Descriptor: highlevel.Descriptor(), Object: record.Task,
		Open: func(t *testing.T) providertest.Account {
			s := newStage(t)
			owner := s.create(record.Fields{"email": text("owner@example.com")})
			a := s.account()
			due := time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)
			a.Write = func(n int) provider.Write {
				return provider.Write{Type: record.Task, Parent: owner.Ref, Fields: record.Fields{
					"title": text(fmt.Sprintf("Call back %d", n)), "body": text("about the offer"),
					"dueDate": record.TimeOf(due), "completed": record.BoolOf(false),
				}}
			}
			a.Change, a.Clear = record.Fields{"completed": record.BoolOf(true)}, "body"
			a.MissingID = owner.Ref.ID + "/AAAAAAAAAAAAAAAAAAAA"
			a.Seed = func(n int) {
				for i := range n {
					if _, err := s.Create(t.Context(), a.Write(1000+i)); err != nil {
						t.Fatal(err)
					}
				}
			}
			a.Count = func() int { return s.twin.Stats().Tasks }
			a.Edit = func(id string) {
				_, own, _ := strings.Cut(id, "/")
				if err := s.twin.PersonEditsTask(own, map[string]any{"title": "Elsewhere"}); err != nil {
					t.Error(err)
				}
			}
			a.Advance = nil // a task does not say when it changed
			s.underContacts(&a)
			return a
		},
	})
}

func TestNotesConform(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Descriptor: highlevel.Descriptor(), Object: record.Note,
		Open: func(t *testing.T) providertest.Account {
			s := newStage(t)
			owner := s.create(record.Fields{"email": text("owner@example.com")})
			a := s.account()
			a.Write = func(n int) provider.Write {
				return provider.Write{Type: record.Note, Parent: owner.Ref, Fields: record.Fields{
					"title": text(fmt.Sprintf("Call %d", n)), "body": text("first line\nsecond line"), "pinned": record.BoolOf(true),
				}}
			}
			a.Change, a.Clear = record.Fields{"body": text("another text")}, "title"
			a.MissingID = owner.Ref.ID + "/AAAAAAAAAAAAAAAAAAAA"
			a.Unlisted, a.TellsCreation = true, true
			a.Count = func() int { return s.twin.Stats().Notes }
			s.underContacts(&a)
			return a
		},
	})
}
