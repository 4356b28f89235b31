package app

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
)

// TestWhoConnectsAndSaysNothingShutsNobodyOut opens connections that announce large bodies and send none, and some that
// send a byte: deliveries are taken beside them.
func TestWhoConnectsAndSaysNothingShutsNobodyOut(t *testing.T) {
	t.Parallel()
	h, key, _ := hookHouseWith(t, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	web := webServer(h.server, h.log)
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { _ = web.Close() })
	for i := range 200 {
		c, err := net.Dial("tcp", l.Addr().String())
		check(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = fmt.Fprintf(c, "POST /hooks/highlevel HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 1<<20)
		check(t, err)
		if i%2 == 0 {
			_, err = io.WriteString(c, "{")
			check(t, err)
		}
	}
	for i := range 5 {
		good := fmt.Sprintf(`{"type":"ContactUpdate","locationId":"ve9EPM428h8vShlRW1KT","id":"c1","webhookId":"w%d","appId":"ourapp"}`, i)
		r := request{header: []string{"X-GHL-Signature: " + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(good)))}, body: good}
		if got := r.status(t, l.Addr().String()); got != 200 {
			t.Errorf("delivery %d beside them is answered %d", i, got)
		}
	}
}
