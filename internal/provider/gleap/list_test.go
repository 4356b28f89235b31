package gleap_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// shelf is a sessions endpoint whose manners can be chosen, since nobody knows Gleap's (reference/gleap.md §19.1).
type shelf struct {
	ignoreFilter, ignoreSort, ignoreLimit, ignoreSkip, reversed bool
	cap                                                         int
	slow                                                        int // answers that are a leaked database timeout

	mu       sync.Mutex
	sessions []map[string]any
	requests []string
	touch    func(n int) // called after each answer
}

func newShelf(n int, at func(i int) time.Time) *shelf {
	s := &shelf{}
	for i := range n {
		s.sessions = append(s.sessions, map[string]any{
			"id": fmt.Sprintf("%024x", i+1), "email": fmt.Sprintf("p%d@example.com", i),
			"updatedAt": at(i).UTC().Format("2006-01-02T15:04:05.000Z"), "createdAt": day0.Add(time.Duration(i) * time.Second).UTC().Format("2006-01-02T15:04:05.000Z"),
		})
	}
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.URL.RawQuery)
	if s.slow > 0 {
		s.slow--
		writeJSON(w, http.StatusConflict, map[string]string{"codeName": "MaxTimeMSExpired"})
		return
	}
	limit, skip, order, from := 1000, 0, "", ""
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if v, ok := strings.CutPrefix(part, "updatedAt>="); ok {
			from = strings.ReplaceAll(v, "%3A", ":")
		}
	}
	q := r.URL.Query()
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && !s.ignoreLimit {
		limit = n
	}
	if n, err := strconv.Atoi(q.Get("skip")); err == nil && !s.ignoreSkip {
		skip = n
	}
	if s.cap > 0 {
		limit = min(limit, s.cap)
	}
	order = q.Get("sort")
	found := slices.Clone(s.sessions)
	if from != "" && !s.ignoreFilter {
		found = slices.DeleteFunc(found, func(d map[string]any) bool { return d["updatedAt"].(string) < from })
	}
	if order != "" && !s.ignoreSort {
		key, descending := strings.CutPrefix(order, "-")
		slices.SortStableFunc(found, func(a, b map[string]any) int {
			if descending {
				a, b = b, a
			}
			return strings.Compare(a[key].(string), b[key].(string))
		})
	}
	if s.reversed {
		slices.Reverse(found)
	}
	found = found[min(skip, len(found)):]
	found = found[:min(limit, len(found))]
	writeJSON(w, http.StatusOK, found)
	if s.touch != nil {
		s.touch(len(s.requests))
	}
}

var day0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func eachMinute(i int) time.Time { return day0.Add(time.Duration(i) * time.Minute) }

func TestAListingVisitsEveryContactWhateverTheServerIgnores(t *testing.T) {
	t.Parallel()
	shuffled := func(i int) time.Time { return day0.Add(time.Duration((i*37)%101) * time.Minute) }
	for name, s := range map[string]*shelf{
		"a server that does as asked":                   newShelf(101, eachMinute),
		"a server that ignores the filter":              {ignoreFilter: true, sessions: newShelf(101, shuffled).sessions},
		"a server that ignores the order":               {ignoreSort: true, sessions: newShelf(101, shuffled).sessions},
		"a server that sorts backwards":                 {reversed: true, sessions: newShelf(101, shuffled).sessions},
		"a server that ignores filter and order":        {ignoreFilter: true, ignoreSort: true, sessions: newShelf(101, shuffled).sessions},
		"a server that ignores the limit":               {ignoreLimit: true, sessions: newShelf(101, shuffled).sessions},
		"a server that caps pages below what was asked": {cap: 25, sessions: newShelf(101, shuffled).sessions},
		"a server that ignores everything":              {ignoreFilter: true, ignoreSort: true, ignoreLimit: true, ignoreSkip: true, sessions: newShelf(101, shuffled).sessions},
		"everybody changed in the same instant":         newShelf(101, func(int) time.Time { return day0 }),
	} {
		for _, size := range []int{0, 7, 40} {
			for _, since := range []time.Time{{}, day0.Add(50 * time.Minute)} {
				t.Run(fmt.Sprintf("%s, pages of %d, since %v", name, size, !since.IsZero()), func(t *testing.T) {
					t.Parallel()
					server := &shelf{
						ignoreFilter: s.ignoreFilter, ignoreSort: s.ignoreSort, ignoreLimit: s.ignoreLimit, ignoreSkip: s.ignoreSkip,
						reversed: s.reversed, cap: s.cap, sessions: s.sessions,
					}
					if size > 0 && size < server.cap {
						server.cap = 0
					}
					got, _ := all(t, answering(t, server), provider.Query{Type: record.Contact, PageSize: size, ChangedSince: since})
					seen := map[string]int{}
					for _, r := range got {
						if r.UpdatedAt.Before(since) {
							t.Fatalf("%s changed at %v, before %v", r.Ref.ID, r.UpdatedAt, since)
						}
						if seen[r.Ref.ID]++; seen[r.Ref.ID] > 1 {
							t.Errorf("%s came %d times", r.Ref.ID, seen[r.Ref.ID])
						}
					}
					want := 0
					for _, d := range s.sessions {
						if d["updatedAt"].(string) >= since.Format("2006-01-02T15:04:05.000Z") {
							want++
							if seen[d["id"].(string)] == 0 {
								t.Errorf("%v was never visited", d["id"])
							}
						}
					}
					if len(seen) != want {
						t.Errorf("visited %d contacts, want %d", len(seen), want)
					}
				})
			}
		}
	}
}

func TestAContactChangedDuringAListingIsMetAgainAndNobodyIsMissed(t *testing.T) {
	t.Parallel()
	s := newShelf(60, eachMinute)
	s.touch = func(n int) {
		if n == 2 { // somebody already behind us and somebody still ahead
			s.sessions[0]["updatedAt"] = "2026-01-02T00:00:00.000Z"
			s.sessions[50]["updatedAt"] = "2026-01-02T00:00:00.001Z"
		}
	}
	got, _ := all(t, answering(t, s), provider.Query{Type: record.Contact, PageSize: 20})
	seen := map[string]int{}
	for _, r := range got {
		seen[r.Ref.ID]++
	}
	if len(seen) != 60 {
		t.Errorf("visited %d contacts, want 60", len(seen))
	}
	if n := seen[fmt.Sprintf("%024x", 1)]; n != 2 {
		t.Errorf("the contact changed behind us came %d times, want 2", n)
	}
}

func TestAnOrderThatOnlyLooksObeyedIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := newShelf(100, eachMinute) // imported in order, and never sorted
	s.ignoreSort = true
	s.sessions[19]["updatedAt"] = "2026-02-01T00:00:00.000Z" // the last of the first page was edited since
	got, _ := all(t, answering(t, s), provider.Query{Type: record.Contact, PageSize: 20})
	if len(got) != 100 {
		t.Errorf("visited %d contacts, want 100", len(got))
	}
}

func TestAListingResumedFromAnyPageReachesTheRest(t *testing.T) {
	t.Parallel()
	for _, ignoreFilter := range []bool{false, true} {
		s := newShelf(55, eachMinute)
		s.ignoreFilter = ignoreFilter
		c := answering(t, s)
		since := day0.Add(5 * time.Minute)
		whole, _ := all(t, c, provider.Query{Type: record.Contact, PageSize: 10, ChangedSince: since})
		before := map[string]bool{}
		for page, err := range c.List(t.Context(), provider.Query{Type: record.Contact, PageSize: 10, ChangedSince: since}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Records {
				before[r.Ref.ID] = true
			}
			if page.Next == "" {
				break
			}
			rest, _ := all(t, c, provider.Query{Type: record.Contact, PageSize: 10, ChangedSince: since, Cursor: page.Next})
			together := map[string]bool{}
			for id := range before {
				together[id] = true
			}
			for _, r := range rest {
				together[r.Ref.ID] = true
			}
			if len(together) != len(whole) {
				t.Fatalf("after %d contacts the rest makes %d, want %d", len(before), len(together), len(whole))
			}
		}
	}
}

func TestAListingIsOldestChangeFirst(t *testing.T) {
	t.Parallel()
	s := newShelf(50, func(i int) time.Time { return day0.Add(time.Duration((i*31)%50) * time.Hour) })
	got, _ := all(t, answering(t, s), provider.Query{Type: record.Contact, PageSize: 7})
	if !slices.IsSortedFunc(got, func(a, b record.Record) int { return a.UpdatedAt.Compare(b.UpdatedAt) }) {
		t.Error("contacts do not come in the order of their change")
	}
}

func TestAPollWithoutNewsIsOneCallAndWritesTheOperatorIntoTheKey(t *testing.T) {
	t.Parallel()
	s := newShelf(5, eachMinute)
	got, _ := all(t, answering(t, s), provider.Query{Type: record.Contact, ChangedSince: day0.Add(time.Hour)})
	if len(got) != 0 || len(s.requests) != 1 {
		t.Fatalf("%d contacts in %d calls, want none in one", len(got), len(s.requests))
	}
	if want := "updatedAt>=2026-01-01T01%3A00%3A00.000Z&sort=updatedAt&limit=100&skip=0"; s.requests[0] != want {
		t.Errorf("asked %q, want %q", s.requests[0], want)
	}
}

func TestADatabaseTimeoutIsAskedAgainWithASmallerPage(t *testing.T) {
	t.Parallel()
	s := newShelf(150, eachMinute)
	s.slow = 1
	got, _ := all(t, answering(t, s), provider.Query{Type: record.Contact})
	if len(got) != 150 {
		t.Errorf("%d contacts, want 150", len(got))
	}
	if !strings.Contains(s.requests[1], "limit=25") {
		t.Errorf("second call %q, want a limit of 25", s.requests[1])
	}
	s = newShelf(1, eachMinute)
	s.slow = 100
	for _, err := range answering(t, s).List(t.Context(), provider.Query{Type: record.Contact}) {
		if !provider.IsKind(err, provider.Unavailable) {
			t.Errorf("a database that never answers is %v, want unavailable", err)
		}
	}
	if len(s.requests) > 3 {
		t.Errorf("%d calls to a database that is too slow", len(s.requests))
	}
}

func TestAForeignCursorIsInvalid(t *testing.T) {
	t.Parallel()
	c := answering(t, newShelf(1, eachMinute))
	for _, cursor := range []string{"garbage!", "eyJrIjotMX0", "bnVsbA", "eyJ2IjoxLCJrIjotMX0"} {
		for _, err := range c.List(t.Context(), provider.Query{Type: record.Contact, Cursor: cursor}) {
			if !provider.IsKind(err, provider.Invalid) {
				t.Errorf("cursor %q: %v, want invalid", cursor, err)
			}
		}
	}
}
