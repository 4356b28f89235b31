package highlevel

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An instant twin must be far faster than what is measured against it.
func BenchmarkInstantUpsert(b *testing.B) {
	twin, err := New(Config{Instant: true})
	if err != nil {
		b.Fatal(err)
	}
	ready := twin.Ready("")
	for n := 0; b.Loop(); n++ {
		body := fmt.Sprintf(`{"locationId":%q,"email":"p%d@example.com","firstName":"P","tags":["x"]}`, ready.LocationID, n)
		r := httptest.NewRequestWithContext(b.Context(), "POST", "/contacts/upsert", strings.NewReader(body))
		r.Header.Set("Version", "2021-07-28")
		r.Header.Set("Authorization", "Bearer "+ready.Token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if twin.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Body.String())
		}
	}
}
