package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is one window of a real Chromium, and what is done in it.
type browser struct {
	t    *testing.T
	ctx  context.Context
	axe  string
	site *site
	// complaints are console errors, among them breaches of the content security policy.
	complaints chan string
}

func chromiumPath() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium on this machine: install the package 'chromium'")
}

// chromium skips a test where there is none.
func chromium(t *testing.T) {
	t.Helper()
	_, err := chromiumPath()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("there is no Chromium, and CI skips nothing")
	default:
		t.Skip(err)
	}
}

// axe is the script that looks for barriers.
var axe = sync.OnceValues(func() (string, error) {
	b, err := os.ReadFile("../../node_modules/axe-core/axe.min.js")
	if err != nil {
		return "", fmt.Errorf("axe-core is not there (make generate brings it): %w", err)
	}
	return string(b), nil
})

// running is the one Chromium of this package: starting one takes longer than most of what is tested in it. Every window
// is of a profile of its own, so that nobody sees another's cookies.
var (
	running = sync.OnceValues(startChromium)
	ends    []func()
)

func startChromium() (context.Context, error) {
	path, err := chromiumPath()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "crosswalk-e2e-chromium-")
	if err != nil {
		return nil, err
	}
	ends = append(ends, func() { _ = os.RemoveAll(profile) })
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("force-prefers-reduced-motion", true),
		// A frame of another site shares the page's process, so that it can be looked into; what it may do is the same.
		chromedp.Flag("disable-site-isolation-trials", true), chromedp.Flag("disable-features", "site-per-process,IsolateOrigins,Translate"),
		chromedp.UserDataDir(profile),
	)
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, stop := chromedp.NewContext(alloc)
	ends = append(ends, func() { stop(); stopAlloc() })
	return ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
}

// closeChromium ends it after the last test.
func closeChromium() {
	for _, end := range slices.Backward(ends) {
		end()
	}
}

// desks are the places at which browsers are worked with: one for each processor, since pages compute and a page that
// waits for its turn looks like one that does not answer.
var desks = make(chan struct{}, max(2, goruntime.GOMAXPROCS(0)))

// seated are the tests that have a desk; one test may open several windows.
var seated sync.Map

func takeDesk(t *testing.T) {
	if _, has := seated.LoadOrStore(t, true); has {
		return
	}
	desks <- struct{}{}
	t.Cleanup(func() { <-desks })
}

// openBrowser opens a window of its own, in which nobody is signed in.
func openBrowser(t *testing.T, s *site) *browser {
	t.Helper()
	chromium(t)
	script, err := axe()
	if err != nil {
		t.Fatal(err)
	}
	takeDesk(t)
	root, err := running()
	if err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	ctx, stop := chromedp.NewContext(root, chromedp.WithNewBrowserContext())
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(func() { cancel(); stop() })
	b := &browser{t: t, ctx: ctx, axe: script, site: s, complaints: make(chan string, 100)}
	// Each window behaves as if it were the one in front.
	b.do(chromedp.Navigate("about:blank"), chromedp.EmulateViewport(1280, 900), call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}))
	if err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			b.complain(fmt.Sprint(e.ExceptionDetails.Text))
		case *log.EventEntryAdded: // breaches of the content security policy are logged here
			if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "status of 4") {
				b.complain(e.Entry.Text)
			}
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError {
				b.complain(fmt.Sprint(e.Args))
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			b.picture("failed")
		}
	})
	return b
}

func (b *browser) complain(what string) {
	select {
	case b.complaints <- what:
	default:
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.picture("failed")
		b.t.Fatalf("browser: %v\nat %s\n%s", err, b.eval("location.href"), tail(b.text(), 1200))
	}
}

// eval runs a script in the page and answers its value as text.
func (b *browser) eval(script string) string {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](script))
	if err != nil {
		return ""
	}
	if s, ok := out.(string); ok {
		return s
	}
	j, _ := json.Marshal(out)
	return string(j)
}

func (b *browser) text() string { return b.eval("document.body ? document.body.innerText : ''") }

// call is a command of the browser's protocol of which nothing but success is of interest.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, command, params)
		return err
	})
}

// look shows the page in a theme and at a width.
func (b *browser) look(theme string, width int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}))
	// Under emulation Chromium keeps rules of the width before, until everything is styled anew.
	b.eval(`(() => { const e = document.documentElement; e.style.display = "none"; e.offsetHeight; e.style.display = ""; return e.offsetHeight; })()`)
}

// pictures keeps the page as it looks on a desk and on a phone, in both themes.
func (b *browser) pictures(name string) {
	if os.Getenv("CROSSWALK_TEST_PICTURES") == "" {
		return
	}
	for _, theme := range []string{"dark", "light"} {
		for _, width := range []int64{390, 1280} {
			b.look(theme, width)
			b.picture(fmt.Sprintf("%s-%d-%s", name, width, theme))
		}
	}
	b.do(chromedp.EmulateViewport(1280, 900))
}

// picture keeps a screenshot where CROSSWALK_TEST_PICTURES says.
func (b *browser) picture(name string) {
	dir := os.Getenv("CROSSWALK_TEST_PICTURES")
	if dir == "" {
		return
	}
	if png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100)); err == nil {
		_ = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png"), png, 0o600)
	}
}

// wait waits until a script answers true.
func (b *browser) wait(what, script string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for b.eval("(() => { try { return Boolean("+script+") } catch { return false } })()") != "true" {
		if time.Now().After(deadline) {
			b.picture("failed")
			b.t.Fatalf("waited in vain: %s\nat %s\n%s", what, b.eval("location.href"), tail(b.text(), 1500))
		}
		<-time.After(30 * time.Millisecond)
	}
}

// soon reports whether something is there within some seconds.
func (b *browser) soon(script string) bool {
	b.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); <-time.After(30 * time.Millisecond) {
		if b.eval("(() => { try { return Boolean("+script+") } catch { return false } })()") == "true" {
			return true
		}
	}
	return false
}

func (b *browser) waitPath(path string) {
	b.t.Helper()
	b.wait("to be at "+path, "location.pathname.endsWith("+quote(path)+") && document.readyState === 'complete'")
}

func (b *browser) waitText(words string) {
	b.t.Helper()
	b.wait("to read “"+words+"”", "document.readyState === 'complete' && document.body.innerText.includes("+quote(words)+")")
}

func (b *browser) open(address string) {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.site.url(address)
	}
	b.do(chromedp.Navigate(address))
}

func quote(s string) string {
	j, _ := json.Marshal(s)
	return string(j)
}

// named finds what a person would press: the visible button or link whose text or label begins with words.
func named(words string) string {
	return `[...document.querySelectorAll("button, a, summary, input[type=submit]")].find(e =>
		((e.getAttribute("aria-label") || e.innerText || e.value || "").trim().startsWith(` + quote(words) + `)) && e.checkVisibility() && !e.disabled)`
}

type point struct{ X, Y float64 }

// where answers the middle of an element on the screen, after scrolling it there, once it lies still and nothing
// covers it: a page that is being morphed moves under the mouse.
func (b *browser) where(element string) point {
	b.t.Helper()
	b.wait("there is "+element, element)
	b.eval(element + `.scrollIntoView({block: "center", behavior: "instant"})`)
	var p point
	b.wait(element+" lies still and can be reached", `(() => { const e = `+element+`;
		const r = e.getBoundingClientRect(), at = [r.left + r.width / 2, r.top + r.height / 2].join(), hit = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
		const still = window.crosswalkTestAt === at; window.crosswalkTestAt = at;
		return still && hit && (e.contains(hit) || hit.contains(e)); })()`)
	raw := b.eval(`(() => { const r = ` + element + `.getBoundingClientRect(); return JSON.stringify({X: r.left + r.width / 2, Y: r.top + r.height / 2}); })()`)
	if err := json.Unmarshal([]byte(raw), &p); err != nil {
		b.t.Fatalf("where is %s: %v in %q", element, err, raw)
	}
	return p
}

// click presses the mouse on an element.
func (b *browser) click(element string) {
	b.t.Helper()
	p := b.where(element)
	b.do(chromedp.MouseClickXY(p.X, p.Y))
}

func (b *browser) press(words string) {
	b.t.Helper()
	b.click(named(words))
}

// fill clicks into a control and types.
func (b *browser) fill(id, value string) {
	b.t.Helper()
	b.click("document.getElementById(" + quote(id) + ")")
	b.eval("document.getElementById(" + quote(id) + ").select?.()")
	b.do(chromedp.KeyEvent(kb.Delete), insert(value))
}

// choose picks an option, as a person does from the list that opens.
func (b *browser) choose(element, value string) {
	b.t.Helper()
	b.wait("there is "+element, element)
	b.eval(`(() => { const e = ` + element + `; e.focus(); e.value = ` + quote(value) + `;
		e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); })()`)
}

// drag moves the mouse from one element to another with the button down.
func (b *browser) drag(from, to string) {
	b.t.Helper()
	a := b.where(from)
	// Both ends must be on the screen at once; the second look does not scroll.
	var z point
	raw := b.eval(`(() => { const r = ` + to + `.getBoundingClientRect(); return JSON.stringify({X: r.left + r.width / 2, Y: r.top + r.height / 2}); })()`)
	if err := json.Unmarshal([]byte(raw), &z); err != nil {
		b.t.Fatalf("where is %s: %q", to, raw)
	}
	b.do(chromedp.DragAndDropXY(a.X, a.Y, z.X, z.Y, 8))
}

// insert types a text at once.
func insert(value string) chromedp.Action[chromedp.Void] {
	return call(input.InsertText, input.InsertTextParams{Text: value})
}

// tabTo walks with the Tab key until the focus is on the element.
func (b *browser) tabTo(element string) {
	b.t.Helper()
	b.wait("there is "+element, element)
	for range 400 {
		if b.eval("document.activeElement === "+element) == "true" {
			return
		}
		b.do(chromedp.KeyEvent(kb.Tab))
	}
	b.picture("failed")
	b.t.Fatalf("the Tab key does not lead to %s at %s", element, b.eval("location.href"))
}

func byID(id string) string { return "document.getElementById(" + quote(id) + ")" }

// typeAt walks to a control and types.
func (b *browser) typeAt(id, value string) {
	b.t.Helper()
	b.tabTo(byID(id))
	b.do(chromedp.KeyEvent("a", chromedp.KeyModifiers(kb.ModifierCtrl)), insert(value))
}

// enterAt walks to what is called words and presses Enter.
func (b *browser) enterAt(words string) {
	b.t.Helper()
	b.tabTo(named(words))
	b.do(chromedp.KeyEvent(kb.Enter))
}

// accessible runs axe on the page as it is and fails on anything serious.
func (b *browser) accessible(name string) {
	b.t.Helper()
	// While a request is on its way its button is dimmed, which nobody has to read, and afterwards it brightens up.
	b.wait("the page is at rest", `!document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added") &&
		document.getAnimations().every(a => a.playState !== "running" || a.effect.getComputedTiming().endTime === Infinity)`)
	b.pictures(name)
	if b.eval(`typeof axe`) != "object" {
		b.do(chromedp.Evaluate[chromedp.Void](b.axe + "\n; void 0"))
	}
	raw, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.id + ": " + v.help + " at " + v.nodes.map(n => n.target.join(" ")).slice(0, 3).join(", "))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe on %s: %v", name, err)
	}
	if raw != "[]" {
		b.t.Errorf("%s is not accessible: %s", name, raw)
	}
}

// quiet fails when the page complained on its console.
func (b *browser) quiet() {
	b.t.Helper()
	for {
		select {
		case c := <-b.complaints:
			b.t.Errorf("the browser complained: %s", c)
		default:
			return
		}
	}
}
