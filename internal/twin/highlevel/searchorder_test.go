package highlevel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// However contacts are written between two searches, the order is what sorting them all would give.
func TestAnOrderHoldsWhateverIsWritten(t *testing.T) {
	t.Parallel()
	twin, err := New(Config{Seed: 1, Instant: true, AllowDuplicates: true})
	if err != nil {
		t.Fatal(err)
	}
	twin.SeedContacts(60)
	dice := rand.New(rand.NewPCG(1, 2))
	orders := []ordering{{{"dateAdded", true}}, {{"lastNameLowerCase", false}, {"dnd", true}}, {{"dateUpdated", true}}}
	for round := range 200 {
		for range dice.IntN(6) * dice.IntN(6) {
			all := twin.Contacts()
			who := fmt.Sprint(all[dice.IntN(len(all))]["id"])
			switch dice.IntN(3) {
			case 0:
				twin.PersonCreatesContact(map[string]any{"firstName": "New", "lastName": fmt.Sprint("N", dice.IntN(9)), "email": fmt.Sprintf("n%d@example.com", dice.IntN(1e6))})
			case 1:
				err = twin.PersonEditsContact(who, map[string]any{"lastName": fmt.Sprint("E", dice.IntN(9))})
			case 2:
				if len(all) > 20 {
					err = twin.PersonDeletesContact(who)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		o := orders[dice.IntN(len(orders))]
		var got, want []string
		for _, h := range twin.db.inOrder(o) {
			got = append(got, h.contact.ID)
		}
		var hits []hit
		for _, c := range twin.db.contacts {
			hits = append(hits, hit{c, o.keys(c)})
		}
		slices.SortFunc(hits, func(a, b hit) int { return o.compare(a.keys, b.keys) })
		for _, h := range hits {
			want = append(want, h.contact.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("round %d, by %v:\n got %v\nwant %v", round, o, got, want)
		}
	}
}
