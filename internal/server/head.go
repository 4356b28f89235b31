package server

import "net/http"

// notLookedAt are the addresses whose GET is no mere look: one redeems what a provider sent, one never ends.
var notLookedAt = map[string]bool{"/connections/callback": true, "/live": true}

// headAsGet turns a HEAD into a GET whose body goes nowhere: monitors and link checkers ask so.
func headAsGet(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	if r.Method != http.MethodHead || notLookedAt[r.URL.Path] {
		return w, r
	}
	asGet := *r
	asGet.Method = http.MethodGet
	return bodiless{w}, &asGet
}

// bodiless drops what is written. The server would as well, but not every writer knows what was asked.
type bodiless struct{ http.ResponseWriter }

func (b bodiless) Write(p []byte) (int, error) { return len(p), nil }

// Unwrap is for http.ResponseController.
func (b bodiless) Unwrap() http.ResponseWriter { return b.ResponseWriter }
