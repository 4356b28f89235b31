package gleap_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/record"
)

const projectID = "64b5f0c2a1b2c3d4e5f60718"

// answering is a client whose provider is the given handler, over real HTTP.
func answering(t *testing.T, h http.Handler) *gleap.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return gleap.New(gleap.Config{
		Connection: "gleap-1", ProjectID: projectID, BaseURL: server.URL + "/v3",
		Token: func(context.Context) (string, error) { return "the-api-key", nil },
	})
}

// script answers by "METHOD /path" and fails the test on any other call.
func script(t *testing.T, answers map[string]string) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			t.Errorf("unexpected call %s %s", r.Method, r.URL)
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func ref(t record.ObjectType, id string) record.Ref {
	return record.Ref{Connection: "gleap-1", Type: t, ID: id}
}

func text(s string) record.Value { return record.TextOf(s) }

// all collects a listing to its end.
func all(t *testing.T, c *gleap.Client, q provider.Query) (records []record.Record, pages int) {
	t.Helper()
	for page, err := range c.List(t.Context(), q) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if pages++; pages > 500 {
			t.Fatal("the listing does not end")
		}
		records = append(records, page.Records...)
	}
	return records, pages
}
