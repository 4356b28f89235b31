package static_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crosswalk/static"
)

func get(t *testing.T, method, url string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestFilesAreServedUnderTheContentHashForEver(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{
		"css/tokens.css":      "text/css; charset=utf-8",
		"js/app.js":           "text/javascript; charset=utf-8",
		"icons/crosswalk.svg": "image/svg+xml",
	} {
		resp := get(t, "GET", static.URL(name))
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != kind || !bytes.Equal(body, want) {
			t.Errorf("%s: status %d, type %q, %d bytes (want %d)", name, resp.StatusCode, resp.Header.Get("Content-Type"), len(body), len(want))
		}
		if cache := resp.Header.Get("Cache-Control"); !strings.Contains(cache, "immutable") {
			t.Errorf("%s: Cache-Control %q", name, cache)
		}
	}
}

func TestAnOlderHashGetsTheCurrentFileUncached(t *testing.T) {
	t.Parallel()
	resp := get(t, "GET", "/static/0123456789ab/js/app.js")
	if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("status %d, Cache-Control %q", resp.StatusCode, resp.Header.Get("Cache-Control"))
	}
}

func TestTextIsCompressedOnlyForThoseWhoAccept(t *testing.T) {
	t.Parallel()
	cases := []struct {
		accept string
		packed bool
	}{{"gzip", true}, {"br, GZIP;q=0.8", true}, {"gzip;q=0", false}, {"", false}, {"identity", false}}
	for _, c := range cases {
		resp := get(t, "GET", static.URL("css/base.css"), "Accept-Encoding", c.accept)
		if got := resp.Header.Get("Content-Encoding") == "gzip"; got != c.packed {
			t.Errorf("Accept-Encoding %q: packed %v", c.accept, got)
			continue
		}
		body := io.Reader(resp.Body)
		if c.packed {
			unpacked, err := gzip.NewReader(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = unpacked
		}
		if text, _ := io.ReadAll(body); !bytes.Contains(text, []byte("@layer base")) {
			t.Errorf("Accept-Encoding %q: not the sheet", c.accept)
		}
	}
}

func TestOnlyKnownFilesAndReadingMethodsAreServed(t *testing.T) {
	t.Parallel()
	cases := []struct {
		method, url string
		status      int
	}{
		{"GET", static.URL("js/none.js"), 404},
		{"GET", static.URL("vendor/.gitkeep"), 404},
		{"GET", static.URL("../static.go"), 404},
		{"GET", "/static/", 404},
		{"POST", static.URL("js/app.js"), 405},
		{"HEAD", static.URL("js/app.js"), 200},
	}
	for _, c := range cases {
		if resp := get(t, c.method, c.url); resp.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.url, resp.StatusCode, c.status)
		}
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if ok, _ := path.Match(pattern, path.Base(name)); ok && !entry.IsDir() && !strings.HasPrefix(name, "vendor/") {
			found = append(found, name)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(found), err)
	}
	return found
}

func TestEverySheetIsListedAndLayered(t *testing.T) {
	t.Parallel()
	listed := slices.Sorted(slices.Values(static.Stylesheets))
	if found := files(t, "*.css"); !slices.Equal(found, listed) {
		t.Errorf("sheets on disk %v, listed %v", found, listed)
	}
	for _, name := range static.Stylesheets {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		bare := strings.TrimSpace(regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(string(text), ""))
		if !strings.HasPrefix(bare, "@layer") && !strings.HasPrefix(bare, "@font-face") {
			t.Errorf("%s begins outside any layer", name)
		}
	}
}

func TestUtilitiesStayFew(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("css/utilities.css")
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); lines > 30 {
		t.Errorf("utilities.css has %d lines; more than 30 means a component is missing", lines)
	}
}

func TestModulesImportOnlyWhatExists(t *testing.T) {
	t.Parallel()
	imports := regexp.MustCompile(`(?m)^import [^"]*"([^"]+)"`)
	for _, name := range files(t, "*.js") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range imports.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(path.Join(path.Dir(name), m[1])); err != nil {
				t.Errorf("%s imports %s: %v", name, m[1], err)
			}
		}
		for _, forbidden := range []string{"eval(", "new Function", `setAttribute("style"`} {
			if strings.Contains(string(text), forbidden) {
				t.Errorf("%s uses %s, which the content security policy forbids", name, forbidden)
			}
		}
	}
}
