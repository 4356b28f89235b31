package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/store/postgrestest"
)

// contacts reads every HighLevel contact through the API, as any client would.
func contacts(t *testing.T, hl twinReady) []map[string]any {
	t.Helper()
	var all []map[string]any
	var after any
	for {
		query := map[string]any{"locationId": hl.LocationID, "pageLimit": 500}
		if after != nil {
			query["searchAfter"] = after
		}
		var page struct {
			Contacts []map[string]any `json:"contacts"`
		}
		status, body := postJSON(t, hl.URL+"/contacts/search", http.Header{"Authorization": {"Bearer " + hl.Token}, "Version": {"2021-07-28"}}, query)
		if status/100 != 2 {
			t.Fatalf("search answered %d %s", status, body)
		}
		decode(t, body, &page)
		all = append(all, page.Contacts...)
		if len(page.Contacts) < 500 {
			return all
		}
		after = page.Contacts[len(page.Contacts)-1]["searchAfter"]
	}
}

// TestKilledAtAnyMomentNothingIsLostOrDoubled kills the server again and again while contacts arrive and people of both
// sides edit them, on both databases, and then looks at what the two hold.
func TestKilledAtAnyMomentNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	if os.Getenv("CROSSWALK_TEST_SHORT") != "" {
		t.Skip("CROSSWALK_TEST_SHORT is set: kill tests build and run the real binary")
	}
	// A hundred kills, each amid work. Most are on the embedded database: on PostgreSQL nothing is polled for until the term
	// of the leader that was killed ends, a quarter of a minute.
	for i, server := range []struct {
		database string
		kills    int
	}{{"sqlite", 44}, {"postgres", 6}} {
		t.Run(fmt.Sprintf("%s %d", server.database, i+1), func(t *testing.T) {
			t.Parallel()
			killLoop(t, server.database, server.kills, uint64(i))
		})
		t.Run("both ways, "+server.database, func(t *testing.T) {
			t.Parallel()
			killWhilePeopleEdit(t, server.database, server.kills, uint64(i))
		})
	}
}

// amidWork returns when a server has done some of what lies before it, or when it seems to have nothing to do: then 0.
func amidWork(random *rand.Rand, done func() float64) (worked int) {
	before, deadline := done(), time.Now().Add(20*time.Second)
	for want := before + float64(1+random.IntN(5)); done() < want && time.Now().Before(deadline); {
		<-time.After(2 * time.Millisecond)
	}
	<-time.After(time.Duration(random.IntN(20)) * time.Millisecond)
	return int(min(done()-before, 1))
}

// enoughAmidWork: kills of a server that does nothing prove nothing.
func enoughAmidWork(t *testing.T, amid, kills int) {
	t.Helper()
	if amid*2 < kills {
		t.Errorf("only %d of %d kills came amid work", amid, kills)
	}
}

// killable is a server with its first account that goes by the twins.
func killable(t *testing.T, database string, hl, gl twinReady) *site {
	t.Helper()
	env := []string{"CROSSWALK_HIGHLEVEL_BASE_URL=" + hl.URL, "CROSSWALK_GLEAP_BASE_URL=" + gl.URL, "CROSSWALK_POLL_EVERY=1s"}
	if database == "postgres" {
		env = append(env, "CROSSWALK_DATABASE_URL="+postgrestest.URL(t))
	}
	data := t.TempDir()
	if database == "postgres" {
		p := start(t, env, "migrate", "--data", data)
		if err := p.cmd.Wait(); err != nil {
			t.Fatalf("migrate: %v\n%s", err, p.log.String())
		}
	}
	s := newSite(t, data, env...)
	s.signUp()
	return s
}

func killLoop(t *testing.T, database string, kills int, seed uint64) {
	const arrive = 5 // between two kills
	hl := startTwin(t, "highlevel", "--instant", "--allow-duplicates")
	gl := startTwin(t, "gleap", "--instant")
	s := killable(t, database, hl, gl)
	s.automate(hl, gl)

	random := rand.New(rand.NewPCG(seed, uint64(kills)))
	across := func() float64 { return stats(t, hl)["contacts"] }
	made, amid := 0, 0
	for kill := range kills {
		for range arrive {
			made++
			status, body := postJSON(t, gl.root()+"/_twin/contacts", nil, map[string]any{
				"name": fmt.Sprintf("Person %d", made), "email": fmt.Sprintf("person%d@example.com", made), "phone": fmt.Sprintf("+1415555%04d", made),
			})
			if status >= 400 {
				t.Fatalf("the twin refused a contact: %d %s", status, body)
			}
		}
		amid += amidWork(random, across)
		t.Logf("kill %d with %v of %d contacts across", kill+1, across(), made)
		s.proc.kill()
		s.up()
	}
	enoughAmidWork(t, amid, kills)
	// On PostgreSQL what a dead process had in hand is free within a minute; on the embedded database at once.
	until(t, 3*time.Minute, "every contact has arrived", func() bool { return across() >= float64(made) })

	seen := map[string]int{}
	for _, c := range contacts(t, hl) {
		seen[strings.ToLower(fmt.Sprint(c["email"]))]++
	}
	for i := 1; i <= made; i++ {
		who := fmt.Sprintf("person%d@example.com", i)
		if seen[who] != 1 {
			t.Errorf("%s is in HighLevel %d times", who, seen[who])
		}
		delete(seen, who)
	}
	if len(seen) > 0 {
		t.Errorf("HighLevel holds contacts nobody made: %v", seen)
	}
}
