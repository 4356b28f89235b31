// Package static embeds the style sheets, scripts, icons and third-party files
// of the pages and serves them under one content hash, so that every answer
// may be cached for ever and relative imports between modules keep working.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed css js icons
//go:embed all:vendor
var tree embed.FS

// Root is the path prefix under which [Handler] expects to be mounted.
const Root = "/static/"

// Stylesheets are the sheets of every page, in order; the first declares the
// cascade layers, so the order of the rest carries no meaning.
var Stylesheets = []string{
	"css/layers.css", "css/reset.css", "css/tokens.css", "css/fonts.css", "css/base.css", "css/layout.css",
	"css/components/controls.css", "css/components/forms.css", "css/components/tags.css",
	"css/components/panels.css", "css/components/tables.css", "css/components/sentence.css",
	"css/components/connections.css", "css/components/rules.css", "css/components/mapping.css",
	"css/components/plans.css", "css/components/runs.css", "css/components/reviews.css", "css/utilities.css",
}

// types are fixed here because mime.TypeByExtension depends on the machine.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

var treeHash = sync.OnceValue(func() string {
	sum := sha256.New()
	// Reading an embedded tree cannot fail; WalkDir visits in lexical order.
	_ = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := tree.ReadFile(name)
		if err != nil {
			return err
		}
		sum.Write([]byte(name))
		sum.Write([]byte{0})
		sum.Write(body)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))[:12]
})

// URL returns the immutable address of a file such as "js/app.js".
func URL(name string) string {
	return Root + treeHash() + "/" + name
}

// asset is one file, compressed on first use and kept.
type asset struct {
	plain []byte
	gzip  func() []byte // nil where compressing gains nothing
	kind  string
}

// Handler serves the embedded tree below [Root]. A request with an older hash
// gets the current file, uncached: a page loaded before an upgrade keeps working.
func Handler() http.Handler {
	assets := map[string]asset{}
	_ = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		kind, known := types[path.Ext(name)]
		if err != nil || entry.IsDir() || !known {
			return err
		}
		body, err := tree.ReadFile(name)
		if err != nil {
			return err
		}
		a := asset{plain: body, kind: kind}
		if kind != "font/woff2" {
			a.gzip = sync.OnceValue(func() []byte { return compress(body) })
		}
		assets[name] = a
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Root), "/")
		a, found := assets[name]
		if !found {
			http.NotFound(w, r)
			return
		}
		a.serve(w, r, hash == treeHash())
	})
}

func (a asset) serve(w http.ResponseWriter, r *http.Request, immutable bool) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	if immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := a.plain
	if a.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			body = a.gzip()
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a client that hangs up is no concern of ours
	}
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(coding, "gzip") && strings.ReplaceAll(params, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

func compress(body []byte) []byte {
	var out bytes.Buffer
	// Neither a valid level nor a write to memory can fail.
	zw, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = zw.Write(body)
	_ = zw.Close()
	return out.Bytes()
}
