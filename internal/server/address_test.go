package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestWhereARequestComesFromIsTheProxysToSay(t *testing.T) {
	t.Parallel()
	here := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	docker := append(here, netip.MustParsePrefix("172.18.0.0/16"))
	for name, c := range map[string]struct {
		proxies    []netip.Prefix
		from, says string
		want       string
	}{
		"a proxy here":                     {here, "127.0.0.1:1", "203.0.113.7", "203.0.113.7"},
		"a proxy here, by IPv6":            {here, "[::1]:1", "203.0.113.7", "203.0.113.7"},
		"somebody in the same network":     {here, "10.0.0.9:1", "203.0.113.7", "10.0.0.9"},
		"a container's proxy nobody named": {here, "172.18.0.2:1", "203.0.113.7", "172.18.0.2"},
		"a container's proxy":              {docker, "172.18.0.2:1", "203.0.113.7", "203.0.113.7"},
		"a container's proxy, and a lie":   {docker, "172.18.0.2:1", "198.51.100.1, 203.0.113.7", "203.0.113.7"},
		"two proxies":                      {docker, "127.0.0.1:1", "203.0.113.7, 172.18.0.2", "203.0.113.7"},
		"a stranger":                       {docker, "198.51.100.1:1", "203.0.113.7", "198.51.100.1"},
		"nobody's word is taken":           {nil, "127.0.0.1:1", "203.0.113.7", "127.0.0.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.from
		r.Header.Set("X-Forwarded-For", c.says)
		if got := addressOf(c.proxies)(r); got != c.want {
			t.Errorf("%s: it comes from %q, want %q", name, got, c.want)
		}
	}
}
