package e2e_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// sealContext is what HighLevel does with who is there: CryptoJS's AES with a passphrase (reference/highlevel.md §8.1).
func sealContext(secret string, who map[string]string) string {
	plain, _ := json.Marshal(who)
	salt := make([]byte, 8)
	_, _ = rand.Read(salt)
	var derived, last []byte
	for len(derived) < 48 {
		sum := md5.Sum(append(append(bytes.Clone(last), secret...), salt...))
		last = sum[:]
		derived = append(derived, last...)
	}
	block, err := aes.NewCipher(derived[:32])
	if err != nil {
		panic(err)
	}
	n := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, derived[32:48]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(append(append([]byte("Salted__"), salt...), plain...))
}

// TestComingInFromInsideHighLevel frames the product in a page of another site, as HighLevel does: a code at first, typed
// in where one is signed in; then straight in; and never twice with the same context.
func TestComingInFromInsideHighLevel(t *testing.T) {
	t.Parallel()
	const secret = "the app's shared secret"
	hl := startTwin(t, "highlevel", "--instant")
	var frame atomic.Pointer[string]
	var sealed atomic.Pointer[string]
	var place struct {
		Location struct {
			CompanyID string `json:"companyId"`
		} `json:"location"`
	}
	getJSON(t, hl.URL+"/locations/"+hl.LocationID, http.Header{"Authorization": {"Bearer " + hl.Token}, "Version": {"2021-07-28"}}, &place)
	renew := func() {
		s := sealContext(secret, map[string]string{
			"userId": "usr0123456789abcdefg", "companyId": place.Location.CompanyID, "role": "admin", "type": "location", "userName": "Jane Doe", "email": "somebody@else.example", "activeLocation": hl.LocationID,
		})
		sealed.Store(&s)
	}
	renew()
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>HighLevel</title><link rel="icon" href="data:,"><iframe title="Crosswalk" src=%q width="1200" height="800"></iframe>
<script>addEventListener("message", e => { if (e.data?.message === "REQUEST_USER_DATA") e.source.postMessage({message: "REQUEST_USER_DATA_RESPONSE", payload: %q}, "*"); });</script>`, *frame.Load(), *sealed.Load())
	}))
	t.Cleanup(host.Close)
	around := strings.Replace(host.URL, "127.0.0.1", "localhost", 1) // another site than ours
	s := newSite(t, t.TempDir(), "CROSSWALK_HIGHLEVEL_BASE_URL="+hl.URL, "CROSSWALK_HIGHLEVEL_SHARED_SECRET="+secret, "CROSSWALK_HIGHLEVEL_FRAME_HOSTS="+around)
	ours := s.url("/embedded/highlevel")
	frame.Store(&ours)
	s.signUp()
	s.mustPost("/connections/highlevel", map[string][]string{"token": {hl.Token}, "location_id": {hl.LocationID}})

	// The browser inside HighLevel has never been here.
	inside := openBrowser(t, s)
	inside.open(around + "/")
	code := inside.inFrame("a code", `[...d.querySelectorAll(".offer-code")].map(e => e.innerText.trim())[0]`)
	own := openBrowser(t, s)
	own.signIn()
	own.open("/settings")
	own.fill("link-code", code)
	own.press("Look who it is")
	own.waitText("Is this you?")
	own.waitText("Jane Doe")
	own.accessible("identity-link")
	own.fill("current_password", password)
	own.press("Yes, link it")
	own.waitText("is signed in here as you")
	own.quiet()

	renew()
	inside.open(around + "/")
	inside.inFrame("the overview", `d.querySelector("nav") && d.body.innerText.includes("Overview") && "in"`)
	if inside.eval(`document.cookie`) != "" {
		t.Error("the page around can read a cookie")
	}
	// What changes who may come in is not done here.
	inside.inFrame("the way to the settings", `(() => { const a = d.querySelector('a[href="/settings"]'); a && a.click(); return a && "pressed"; })()`)
	inside.inFrame("the refusal of settings", `d.body.innerText.includes("in its own window") && "refused"`)
	// The same context is worth nothing once it was used: in another browser nobody is let in by it.
	thief := openBrowser(t, s)
	thief.open(around + "/")
	thief.inFrame("the refusal", `d.body.innerText.includes("works once") && "refused"`)

	// Another site may not frame it at all.
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>Elsewhere</title><link rel="icon" href="data:,"><iframe src=%q></iframe>`, ours)
	}))
	t.Cleanup(stranger.Close)
	resp, err := http.Get(ours)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors "+around+";") || strings.Contains(policy, stranger.URL) {
		t.Errorf("the policy is %q", policy)
	}
}

// inFrame waits for a script to come to something inside the frame, which is a page of another site; d is its document.
func (b *browser) inFrame(what, script string) (said string) {
	b.t.Helper()
	script = "(() => { const d = document; return String((" + script + ") || ''); })()"
	until(b.t, patience, what+" inside the frame", func() bool {
		var err error
		said, err = chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (string, error) {
			tree, err := cdp.Call(ctx, t, page.GetFrameTree, cdp.Empty{})
			if err != nil || len(tree.FrameTree.ChildFrames) == 0 {
				return "", err
			}
			world, err := cdp.Call(ctx, t, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.ChildFrames[0].Frame.ID})
			if err != nil {
				return "", err
			}
			return chromedp.Evaluate[string](script, func(p *runtime.EvaluateParams) { p.ContextID = world.ExecutionContextID })(ctx, t)
		})
		return err == nil && said != ""
	})
	return said
}
