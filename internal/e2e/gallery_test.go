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

// TestEveryStateIsAccessible opens every state of every page: light on a desk, and dark on the narrowest phone, where nothing may
// stick out sideways.
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
	for _, look := range []struct {
		scheme string
		width  int64
	}{{"light", 1280}, {"dark", 320}} {
		for family, states := range families {
			t.Run(look.scheme+"/"+family, func(t *testing.T) {
				b := openBrowser(t, &site{t: t, addr: strings.TrimPrefix(server.URL, "http://")})
				b.do(chromedp.EmulateViewport(look.width, 900), chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
					_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
						{Name: "prefers-color-scheme", Value: look.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
					}})
					return err
				}))
				for _, st := range states {
					b.open("/" + st.Name)
					b.accessible(st.Name)
					if b.eval("document.documentElement.scrollWidth > innerWidth") != "false" {
						t.Errorf("%s sticks out sideways", st.Name)
					}
				}
			})
		}
	}
}
