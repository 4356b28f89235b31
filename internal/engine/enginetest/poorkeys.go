package enginetest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// PoorlyKeyed is what both providers hold of the i-th person in accounts as they come from the field: no address, one
// address for a family, a switchboard, a number that stands for "none", the same details written otherwise on the other
// side, and people who are there twice. The name alone tells who somebody is, and no automation matches by name.
func PoorlyKeyed(i int) (gleap, highLevel []map[string]any) {
	person := map[string]any{"name": fmt.Sprintf("Person %d", i)}
	switch i % 6 {
	case 0, 1:
		person["email"] = fmt.Sprintf("P%d@Example.com", i)
	case 2:
		person["phone"] = fmt.Sprintf("(%d) 555-%04d", 201+i/10_000%700, i%10_000)
	case 3: // a family with one address
		person["email"] = fmt.Sprintf("family%d@example.com", i/24)
	case 4: // a switchboard
		person["phone"], person["email"] = fmt.Sprintf("+1 415 556 %04d", i/600), fmt.Sprintf("s%d@example.com", i)
	case 5:
		person["email"], person["phone"] = fmt.Sprintf("b%d@example.com", i), fmt.Sprintf("+1%03d555%04d", 201+i/10_000%700, i%10_000)
	}
	switch {
	case i%97 == 0: // what a form was filled in with
		person["phone"] = "+1 415 555 0100"
	case i%101 == 0: // nothing to tell them by
		delete(person, "email")
		delete(person, "phone")
	}
	gleap = append(gleap, person)
	if i%50 == 11 { // a visitor who came a second time
		gleap = append(gleap, spelledOtherwise(person))
	}
	email, phone := person["email"], person["phone"]
	if (i%4 == 0 || i%7 == 0) && (email != nil || phone != nil) {
		other := map[string]any{"firstName": "Person", "lastName": strconv.Itoa(i)}
		for k, v := range spelledOtherwise(person) {
			if k != "name" {
				other[k] = v
			}
		}
		highLevel = append(highLevel, other)
		if i%60 == 28 { // imported twice
			highLevel = append(highLevel, other)
		}
	}
	return gleap, highLevel
}

// spelledOtherwise are the same details as another form writes them.
func spelledOtherwise(person map[string]any) map[string]any {
	out := map[string]any{"name": person["name"]}
	if e, ok := person["email"].(string); ok {
		out["email"] = strings.ToLower(e)
	}
	if p, ok := person["phone"].(string); ok {
		out["phone"] = "+1" + strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, strings.TrimPrefix(p, "+1"))
	}
	return out
}

// SureToArrive tells of the i-th person that they are unmistakable: whoever is in Gleap must be in HighLevel afterwards.
func SureToArrive(i int) bool { return i%6 < 2 && i%97 != 0 && i%101 != 0 && i%50 != 11 && i%60 != 28 }

var numbered = regexp.MustCompile(`^Person (\d+)$`)

// PersonOf tells whose record it is by its name.
func PersonOf(name string) (int, bool) {
	m := numbered.FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// Crowd counts the records of each person on one side.
type Crowd map[int]int

// Count takes a record in. A name that is nobody's counts for person -1, who was never seeded.
func (c Crowd) Count(name string) {
	i, ok := PersonOf(name)
	if !ok {
		i = -1
	}
	c[i]++
}

// Against tells how many records are there that nobody needed, and how many of those that were there are lost, where
// before was seeded and somebody who was not there may have been made once.
func (c Crowd) Against(before Crowd, known func(person int) bool) (doubles, lost int) {
	for i, n := range c {
		allowed := max(before[i], 1)
		if !known(i) {
			allowed = 0
		}
		doubles += max(n-allowed, 0)
	}
	for i, n := range before {
		lost += max(n-c[i], 0)
	}
	return doubles, lost
}
