package connection

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
)

// TestAProxyIsNotTheTarget: the proxy of the environment lives in a private network, and the target is what is judged.
func TestAProxyIsNotTheTarget(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, r.URL.Host)
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string][]netip.Addr{
		"api.example.com":  {netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("2606:4700::1111")},
		"crm.internal":     {netip.MustParseAddr("10.0.0.7")},
		"both.example.com": {netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("169.254.169.254")},
		"mapped.example":   {netip.MustParseAddr("::ffff:192.168.1.1")},
	}
	resolve := func(_ context.Context, _, host string) ([]netip.Addr, error) {
		if all, ok := names[host]; ok {
			return all, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	for address, want := range map[string]string{
		"http://api.example.com/x": "", "http://93.184.215.14/": "",
		"http://crm.internal/": "blocked", "http://both.example.com/": "blocked", "http://mapped.example/": "blocked",
		"http://169.254.169.254/latest/meta-data": "blocked", "http://[64:ff9b::a9fe:a9fe]/": "blocked", "http://100.64.0.1/": "blocked",
		"http://only-the-proxy-knows/": "unknown",
	} {
		for _, allowPrivate := range []bool{false, true} {
			before := asked.Load()
			client := &http.Client{Transport: newGuard(permit{private: allowPrivate}, http.ProxyURL(at), resolve)}
			resp, err := client.Get(address)
			if err == nil {
				_ = resp.Body.Close()
			}
			_, blocked := errors.AsType[*BlockedAddressError](err)
			_, unknown := errors.AsType[*net.DNSError](err)
			refused := want != "" && !allowPrivate
			if (err != nil) != refused || blocked != (refused && want == "blocked") || unknown != (refused && want == "unknown") {
				t.Errorf("%s, private %v: %v", address, allowPrivate, err)
			}
			if heard := asked.Load() > before; heard == refused {
				t.Errorf("%s, private %v: the proxy heard of it: %v", address, allowPrivate, heard)
			}
		}
	}
}
