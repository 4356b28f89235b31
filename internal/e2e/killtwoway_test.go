package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// crowd is everybody of a two-way kill test, with what people last typed: the company in Gleap, the last name and the
// labels in HighLevel.
type crowd struct {
	t      *testing.T
	s      *site
	hl, gl twinReady
	api    http.Header
	people []*member
}

type member struct {
	email, company, lastName string
	labels                   []string
}

func (c *crowd) must(status int, body string) string {
	c.t.Helper()
	if status/100 != 2 {
		c.t.Fatalf("a twin answered %d %s", status, body)
	}
	return body
}

// enter makes somebody on one of the two sides.
func (c *crowd) enter(inGleap bool) {
	n := len(c.people) + 1
	m := &member{email: fmt.Sprintf("person%d@example.com", n), lastName: fmt.Sprintf("Entered%d", n)}
	c.people = append(c.people, m)
	phone := fmt.Sprintf("+1415555%04d", n)
	if inGleap {
		c.must(postJSON(c.t, c.gl.root()+"/_twin/contacts", nil, map[string]any{"name": "Person " + m.lastName, "email": m.email, "phone": phone}))
		return
	}
	c.must(postJSON(c.t, c.hl.root()+"/_twin/contacts", nil, map[string]any{"firstName": "Person", "lastName": m.lastName, "email": m.email, "phone": phone}))
}

// inHighLevel are HighLevel's contacts by email, in lower case; of each the ones that have it.
func (c *crowd) inHighLevel() map[string][]map[string]any { return byEmail(contacts(c.t, c.hl)) }

// inGleap are Gleap's contacts in the same way.
func (c *crowd) inGleap() map[string][]map[string]any {
	var all []map[string]any
	for {
		var page []map[string]any
		getJSON(c.t, fmt.Sprintf("%s/sessions?limit=100&skip=%d", c.gl.URL, len(all)), http.Header{"Authorization": {"Bearer " + c.gl.Token}, "Project": {c.gl.ProjectID}}, &page)
		if all = append(all, page...); len(page) < 100 {
			return byEmail(all)
		}
	}
}

func byEmail(all []map[string]any) map[string][]map[string]any {
	out := map[string][]map[string]any{}
	for _, r := range all {
		at := strings.ToLower(fmt.Sprint(r["email"]))
		out[at] = append(out[at], r)
	}
	return out
}

// edit lets somebody change one person who is on the side already.
func (c *crowd) edit(random *rand.Rand, number int, hl, gl map[string][]map[string]any) {
	m := c.people[random.IntN(len(c.people))]
	here, there := gl[m.email], hl[m.email]
	switch kind := random.IntN(3); {
	case kind == 0 && len(here) == 1:
		m.company = fmt.Sprintf("Company %d", number)
		c.must(postJSON(c.t, c.gl.root()+"/_twin/contacts/"+fmt.Sprint(here[0]["id"]), nil, map[string]any{"companyName": m.company}))
	case kind == 1 && len(there) == 1:
		m.lastName = fmt.Sprintf("Name%d", number)
		c.must(postJSON(c.t, c.hl.root()+"/_twin/contacts/"+fmt.Sprint(there[0]["id"]), nil, map[string]any{"lastName": m.lastName}))
	case kind == 2 && len(there) == 1:
		label := fmt.Sprintf("label %d", number)
		m.labels = append(m.labels, label)
		c.must(postJSON(c.t, c.hl.URL+"/contacts/"+fmt.Sprint(there[0]["id"])+"/tags", c.api, map[string]any{"tags": []string{label}}))
	}
}

// wrong says what is not on both sides as people last had it.
func (c *crowd) wrong() (complaints []string) {
	hl, gl := c.inHighLevel(), c.inGleap()
	for _, m := range c.people {
		say := func(format string, args ...any) {
			complaints = append(complaints, m.email+": "+fmt.Sprintf(format, args...))
		}
		there, here := hl[m.email], gl[m.email]
		delete(hl, m.email)
		delete(gl, m.email)
		if len(there) != 1 || len(here) != 1 {
			say("%d times in HighLevel, %d times in Gleap", len(there), len(here))
			continue
		}
		if got := textOf(there[0]["companyName"]) + "|" + textOf(here[0]["companyName"]); got != m.company+"|"+m.company {
			say("the company is %q, and %q was typed", got, m.company)
		}
		name := "Person " + m.lastName
		if got := textOf(there[0]["firstName"]) + " " + textOf(there[0]["lastName"]); !strings.EqualFold(got, name) || !strings.EqualFold(textOf(here[0]["name"]), name) {
			say("the names are %q and %q, and %q was typed", got, here[0]["name"], name)
		}
		for _, label := range m.labels {
			if !slices.Contains(labelsOf(there[0]), label) || !slices.Contains(labelsOf(here[0]), label) {
				say("%q is among %v and %v", label, labelsOf(there[0]), labelsOf(here[0]))
			}
		}
		if a, b := len(labelsOf(there[0])), len(labelsOf(here[0])); a != b || a != len(m.labels) {
			say("%d labels in HighLevel and %d in Gleap, where %d were given", a, b, len(m.labels))
		}
	}
	for who := range hl {
		complaints = append(complaints, who+": nobody entered them, and HighLevel has them")
	}
	for who := range gl {
		complaints = append(complaints, who+": nobody entered them, and Gleap has them")
	}
	return complaints
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

func labelsOf(r map[string]any) []string {
	items, _ := r["tags"].([]any)
	var out []string
	for _, v := range items {
		out = append(out, strings.ToLower(textOf(v)))
	}
	return out
}

// killWhilePeopleEdit kills the server again and again: in the middle of carrying everyone over, and while people on both sides enter and change contacts that are kept alike both ways.
func killWhilePeopleEdit(t *testing.T, database string, kills int, seed uint64) {
	const first = 60 // people at the start
	c := &crowd{t: t, hl: startTwin(t, "highlevel", "--instant", "--allow-duplicates"), gl: startTwin(t, "gleap", "--instant")}
	c.api = http.Header{"Authorization": {"Bearer " + c.hl.Token}, "Version": {"2021-07-28"}}
	for n := range first {
		c.enter(n%2 == 0)
	}
	s := killable(t, database, c.hl, c.gl)
	c.s = s
	s.mustPost("/connections/highlevel", url.Values{"token": {c.hl.Token}, "location_id": {c.hl.LocationID}})
	s.mustPost("/connections/gleap", url.Values{"region": {"custom"}, "base_url": {c.gl.URL}, "api_key": {c.gl.Token}, "project_id": {c.gl.ProjectID}})
	_, at := s.mustPost("/automations", url.Values{"recipe": {"contacts-in-sync"}})
	id := strings.Split(strings.TrimPrefix(at, "/automations/"), "/")[0]
	s.mustPost("/automations/"+id+"/activation", url.Values{"state": {"on"}, "start": {"all"}, "version": {s.version(id)}})

	random := rand.New(rand.NewPCG(seed, uint64(kills)))
	written := func() float64 { return stats(t, c.hl)["writes"] + stats(t, c.gl)["writes"] }
	number, amid := 0, 0
	for kill := range kills {
		c.enter(random.IntN(2) == 0)
		hl, gl := c.inHighLevel(), c.inGleap()
		for range 4 {
			number++
			c.edit(random, number, hl, gl)
		}
		amid += amidWork(random, written)
		t.Logf("kill %d after %v writes", kill+1, written())
		s.proc.kill()
		s.up()
	}
	enoughAmidWork(t, amid, kills)
	var complaints []string
	deadline := time.Now().Add(3 * time.Minute)
	for complaints = c.wrong(); len(complaints) > 0 && time.Now().Before(deadline); complaints = c.wrong() {
		<-time.After(500 * time.Millisecond)
	}
	for _, words := range complaints {
		t.Error(words)
	}
	until(t, patience, "a look at everyone finds that both sides agree", func() bool {
		out, err := s.command("plan", id)
		return err == nil && strings.Contains(out, fmt.Sprintf("%[1]d of %[1]d linked pairs agree in every mapped field", len(c.people)))
	})
}
