package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

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
	families := map[string][]gallery.State{}
	for _, st := range gallery.States() {
		families[st.Family] = append(families[st.Family], st)
	}
	look := func(t *testing.T, scheme string, width int64) *browser {
		b := openBrowser(t, &site{t: t, addr: strings.TrimPrefix(server.URL, "http://")})
		b.do(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}})
			return err
		}))
		return b
	}
	for family, states := range families {
		t.Run("light/"+family, func(t *testing.T) {
			b := look(t, "light", 1280)
			for _, st := range states {
				b.open("/" + st.Name)
				b.accessible(st.Name)
			}
		})
	}
	// What the dark theme changes are colours, whose contrast static/contrast_test.go reckons for both.
	t.Run("dark and narrow", func(t *testing.T) {
		b := look(t, "dark", 320)
		for _, st := range gallery.States() {
			b.open("/" + st.Name)
			if b.eval("document.documentElement.scrollWidth > innerWidth") != "false" {
				t.Errorf("%s sticks out sideways", st.Name)
			}
		}
	})
}
