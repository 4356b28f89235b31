package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"crosswalk/static"
	"crosswalk/web/gallery"
)

// TestEveryStateIsAccessible opens every state of every page: with axe on a desk, and dark on the narrowest phone, where nothing
// may stick out sideways.
func TestEveryStateIsAccessible(t *testing.T) {
	t.Parallel()
	states := map[string]gallery.State{}
	for _, st := range gallery.States() {
		states["/"+st.Name] = st
	}
	mux := http.NewServeMux()
	mux.Handle(static.Root, static.Handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		st, ok := states[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := st.Component.Render(r.Context(), w); err != nil {
			t.Errorf("%s: %v", st.Name, err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	// Each window takes the next state when it is done with one. What the dark theme changes are colours, whose contrast
	// static/contrast_test.go reckons for both.
	next := make(chan gallery.State, len(states))
	for _, st := range gallery.States() {
		next <- st
	}
	close(next)
	at := &site{t: t, addr: strings.TrimPrefix(server.URL, "http://")}
	var windows sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		window := openBrowser(t, at)
		windows.Go(func() {
			for st := range next {
				t.Run(st.Family+"/"+st.Name, func(t *testing.T) {
					b := *window
					b.t = t
					b.look("light", 1280)
					b.open("/" + st.Name)
					b.accessible(st.Name)
					b.look("dark", 320)
					if b.eval("document.documentElement.scrollWidth > innerWidth") != "false" {
						t.Errorf("%s sticks out sideways", st.Name)
					}
				})
			}
		})
	}
	windows.Wait()
}
