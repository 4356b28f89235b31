package connection_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/connection"
)

func TestAnAPIAddressIsTakenOnlyIfTheKeyIsSafeOnTheWay(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]bool{ // allowed to everybody; allowed where private networks are
		"https://api.example.com":       {true, true},
		"https://api.example.com:8443/": {true, true},
		"https://api.example.com/v3":    {true, true},
		"http://127.0.0.1:8080":         {true, true},
		"http://localhost:8080":         {true, true},
		"http://LOCALHOST:8080":         {true, true},
		"http://[::1]:8080":             {true, true},
		"http://crm.internal":           {false, true},
		"http://localhost.example.com":  {false, true},
		"http://127.0.0.1.example.com":  {false, true},
		"":                              {},
		"api.example.com":               {},
		"/v3":                           {},
		"https://":                      {},
		"https:api.example.com":         {},
		"mailto:jane@example.com":       {},
		"javascript:alert(1)":           {},
		"ftp://api.example.com":         {},
		"file:///etc/passwd":            {},
		"https://me:pw@api.example.com": {},
		"https://me@api.example.com":    {},
		"https://api.example.com?x=1":   {},
		"https://api.example.com#x":     {},
		"https://api.example.com/%zz":   {},
		"https://api example.com":       {},
	} {
		for i, allowPrivate := range []bool{false, true} {
			p := connection.CheckBaseURL(raw, allowPrivate)
			if (p == nil) != want[i] {
				t.Errorf("%q, private %v: %v", raw, allowPrivate, p)
			}
			if p != nil && (p.Field != "base_url" || !strings.HasSuffix(p.Sentence, ".") || strings.Contains(p.Sentence, "pw@")) {
				t.Errorf("%q: %+v", raw, p)
			}
		}
	}
}

func blocked(err error) bool {
	_, ok := errors.AsType[*connection.BlockedAddressError](err)
	return ok
}

func TestNoAddressLeadsIntoAPrivateNetwork(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: connection.Transport(false)}
	dial := func(ctx context.Context, _, address string) (struct{}, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
		if err != nil {
			return struct{}{}, err
		}
		resp, err := client.Do(r)
		if err == nil {
			err = resp.Body.Close()
		}
		return struct{}{}, err
	}
	for _, host := range []string{
		"10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "2001:0:a00:1::",
	} {
		if _, err := dial(t.Context(), "tcp", net.JoinHostPort(host, "9")); !blocked(err) {
			t.Errorf("%s: %v", host, err)
		}
	}
	// Public ones are not blocked. The context has ended, so nothing is sent to anybody.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, host := range []string{"93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e", "172.32.0.1", "100.128.0.1"} {
		if _, err := dial(ended, "tcp", net.JoinHostPort(host, "9")); blocked(err) || err == nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestThisMachineIsReachedOnlyWhereTheOperatorSaysSo(t *testing.T) {
	t.Parallel()
	known := httptest.NewServer(http.NotFoundHandler())
	defer known.Close()
	inner := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("what listens on this machine was asked for %s", r.URL.Path)
	}))
	defer inner.Close()
	as := func(address, host string) string { return strings.Replace(address, "127.0.0.1", host, 1) }
	for name, c := range map[string]struct {
		private bool
		known   []string
		to      string
		blocked bool
	}{
		"typed by a person":                {to: inner.URL + "/v1.41/containers/create", blocked: true},
		"typed by name":                    {to: as(inner.URL, "localhost"), blocked: true},
		"typed by name, in capitals":       {to: as(inner.URL, "LOCALHOST"), blocked: true},
		"typed in IPv6":                    {to: as(inner.URL, "[::ffff:127.0.0.1]"), blocked: true},
		"another port than the configured": {known: []string{known.URL + "/v3"}, to: inner.URL, blocked: true},
		"another name than the configured": {known: []string{inner.URL}, to: as(inner.URL, "localhost"), blocked: true},
		"a public address is configured":   {known: []string{"https://api.example.com"}, to: inner.URL, blocked: true},
		"configured":                       {known: []string{"http://127.0.0.1:1", known.URL + "/v3"}, to: known.URL + "/v3/sessions"},
		"configured by name":               {known: []string{as(known.URL, "localhost")}, to: as(known.URL, "LocalHost")},
		"private networks are allowed":     {private: true, to: known.URL},
	} {
		client := &http.Client{Transport: connection.Transport(c.private, c.known...), Timeout: 5 * time.Second}
		resp, err := client.Get(c.to)
		if err == nil {
			resp.Body.Close()
		}
		if blocked(err) != c.blocked || !c.blocked && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
