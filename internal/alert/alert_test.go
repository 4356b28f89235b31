package alert

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

type book struct {
	known map[string]bool
}

func (b *book) Raise(_ context.Context, a Alert, _ time.Time) (bool, error) {
	fresh := !b.known[a.Key]
	b.known[a.Key] = true
	return fresh, nil
}

func (b *book) Settle(_ context.Context, keys []string) error {
	still := map[string]bool{}
	for _, k := range keys {
		still[k] = b.known[k]
	}
	b.known = still
	return nil
}

func (b *book) Forget(_ context.Context, key string) error { delete(b.known, key); return nil }

func (b *book) Owners(_ context.Context, workspace string) ([]string, error) {
	if workspace == "nobody's" {
		return nil, nil
	}
	return []string{"jane@example.com", "joe@example.com"}, nil
}

type letters struct {
	sent []string
	err  error
}

func (l *letters) Send(_ context.Context, to []string, subject, text string) error {
	if l.err != nil {
		return l.err
	}
	l.sent = append(l.sent, strings.Join(to, ",")+"|"+subject+"|"+text)
	return nil
}

func TestAnAlertIsToldOnceForAsLongAsItLasts(t *testing.T) {
	t.Parallel()
	b, post := &book{known: map[string]bool{}}, &letters{}
	d := &Desk{Book: b, Post: post, PublicURL: "https://crosswalk.example.com", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	paused := Alert{Key: "automation/au_1/paused", Workspace: "ws_1", Title: "Paused: Contacts", Detail: "It reached its limit.", Path: "/automations/au_1/live"}
	tell := func(want int, waiting ...Alert) {
		t.Helper()
		err := d.Tell(t.Context(), waiting)
		if (err != nil) != (post.err != nil && want == len(post.sent)) && post.err == nil {
			t.Errorf("tell: %v", err)
		}
		if len(post.sent) != want {
			t.Errorf("%d letters, want %d", len(post.sent), want)
		}
	}
	tell(0)
	tell(1, paused)
	tell(1, paused)
	if l := post.sent[0]; !strings.HasPrefix(l, "jane@example.com,joe@example.com|Crosswalk: Paused: Contacts|") || !strings.Contains(l, "https://crosswalk.example.com/automations/au_1/live") || !strings.Contains(l, "It reached its limit.") {
		t.Errorf("the letter is %q", l)
	}
	tell(1)         // over
	tell(2, paused) // and again
	post.err = errors.New("no mail server")
	other := Alert{Key: "connection/cn_1", Workspace: "ws_1"}
	if err := d.Tell(t.Context(), []Alert{paused, other}); err == nil {
		t.Error("nobody hears that it could not be sent")
	}
	post.err = nil
	tell(3, paused, other) // tried again
	tell(3, paused, other, Alert{Key: "x", Workspace: "nobody's"})
}

// mailServer takes mail in the clear, as one on the same machine does, and hands out what it got.
func mailServer(t *testing.T) (address string, got <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	out := make(chan string, 10)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		say := func(words string) { fmt.Fprint(c, words+"\r\n") }
		say("220 here")
		lines, body, inBody := bufio.NewScanner(c), "", false
		for lines.Scan() {
			line := lines.Text()
			switch {
			case inBody && line == ".":
				out <- body
				body, inBody = "", false
				say("250 taken")
			case inBody:
				body += line + "\n"
			case strings.HasPrefix(line, "DATA"):
				inBody = true
				say("354 go on")
			case strings.HasPrefix(line, "QUIT"):
				say("221 bye")
				return
			default:
				say("250 fine")
			}
		}
	}()
	return l.Addr().String(), out
}

func TestMailIsHandedToAServer(t *testing.T) {
	t.Parallel()
	address, got := mailServer(t)
	m, err := NewMail("smtp://"+address, "Crosswalk <crosswalk@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), []string{"jane@example.com", "joe@example.com"}, "Crosswalk: Paused: Contacts\r\nBcc: everybody@example.com", "It waits.\n"); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"jane@example.com", "joe@example.com"} {
		letter := <-got
		if !strings.Contains(letter, "<"+who+">") || !strings.Contains(letter, "It waits.") || !strings.Contains(letter, "Auto-Submitted: auto-generated") || strings.Contains(letter, "\nBcc:") {
			t.Errorf("for %s:\n%s", who, letter)
		}
	}
}

func TestAMailAddressThatCannotBeUsedIsToldWithoutItsSecret(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://jane:hunter2@host:port", "smtps://jane:hunter2@:0/%zz"} {
		if m, err := NewMail(address, "crosswalk@example.com"); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, %v", address, m, err)
		}
	}
	if _, err := NewMail("smtps://mail.example.com", "nobody"); err == nil {
		t.Error("a sender that is no address is taken")
	}
	// In the clear only on this machine.
	m, err := NewMail("smtp://mail.invalid:587", "crosswalk@example.com")
	if err != nil || m == nil {
		t.Errorf("%v", err)
	}
}
