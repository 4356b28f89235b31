package people

import (
	"strings"
	"time"
)

// How long a signed-in browser stays so. A day at work passes without signing in again, a forgotten browser does
// not stay open overnight, and after a week the password is asked for whatever happened.
const (
	IdleAfter = 12 * time.Hour
	Lifetime  = 7 * 24 * time.Hour
)

// Inside another site's frame a sign-in lasts for less: nobody typed a password for it, and the page around it decides who looks.
const (
	FrameIdleAfter = time.Hour
	FrameLifetime  = 8 * time.Hour
)

// seenEvery keeps using the pages from being a write for each click.
const seenEvery = time.Minute

// SignIn is one browser somebody signed in with. It lasts until it is ended, unused for too long, or too old.
type SignIn struct {
	ID, UserID string
	UserAgent  string // as the browser names itself; Device says it in words
	Address    string // where it was used last
	BeganAt    time.Time
	SeenAt     time.Time
	Framed     bool // it came in inside another site's frame
	// Place is the account whose frame that was, CompanyID and ProviderUser as whom: it ends with either.
	Place, CompanyID, ProviderUser string
}

// Over reports that the browser must sign in again.
func (s SignIn) Over(now time.Time) bool {
	idle, life := IdleAfter, Lifetime
	if s.Framed {
		idle, life = FrameIdleAfter, FrameLifetime
	}
	return now.Sub(s.SeenAt) >= idle || now.Sub(s.BeganAt) >= life
}

// Stale reports that its use is worth noting again.
func (s SignIn) Stale(now time.Time, address string) bool {
	return now.Sub(s.SeenAt) >= seenEvery || s.Address != address
}

// maxUserAgent is what is kept of a browser's name for itself.
const maxUserAgent = 400

// CutUserAgent shortens what a browser says of itself to what is kept.
func CutUserAgent(userAgent string) string {
	if len(userAgent) > maxUserAgent {
		userAgent = userAgent[:maxUserAgent]
	}
	return strings.ToValidUTF8(userAgent, "")
}

// mark is a word in a user agent and what it stands for.
type mark struct{ word, name string }

// browsers and systems are in the order in which they must be looked for: nearly all say they are Safari, and most
// of the rest that they are Chrome; phones say they are Linux or a Mac.
var (
	browsers = []mark{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}, {"Go-http-client/", "a Go program"},
	}
	systems = []mark{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Linux", "Linux"},
	}
)

// Device names a browser as a person would: "Firefox on Windows".
func Device(userAgent string) string {
	find := func(marks []mark) string {
		for _, m := range marks {
			if strings.Contains(userAgent, m.word) {
				return m.name
			}
		}
		return ""
	}
	browser, system := find(browsers), find(systems)
	switch {
	case browser == "" && system == "":
		return "Unknown browser"
	case browser == "":
		return "Unknown browser on " + system
	case system == "":
		return browser
	}
	return browser + " on " + system
}
