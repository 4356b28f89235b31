package connection

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// CheckBaseURL says what is wrong with an API address a person typed, or nil.
func CheckBaseURL(raw string, allowPrivate bool) *Problem {
	bad := func(sentence string) *Problem {
		return &Problem{Field: "base_url", Code: "address", Sentence: sentence}
	}
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return bad("Type the API address.")
	case err != nil || u.Host == "" || u.Opaque != "":
		return bad("This is not a web address. It looks like https://api.example.com/v3.")
	case u.User != nil:
		return bad("Leave user name and password out of the address; the key has a field of its own.")
	case u.RawQuery != "" || u.Fragment != "":
		return bad("Leave everything from “?” or “#” on out of the address.")
	case u.Scheme == "https":
	case u.Scheme == "http" && (isLoopback(u.Hostname()) || allowPrivate):
	default:
		return bad("The address must begin with https://, or the key would travel unprotected.")
	}
	return nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// BlockedAddressError is a dial that was refused because of where it leads.
type BlockedAddressError struct{ Address string }

func (e *BlockedAddressError) Error() string {
	return fmt.Sprintf("address %s is in a private network", e.Address)
}

// Transport is the HTTP transport of everything whose address a person may have typed. It looks at the address
// a name resolved to at the moment of dialling, so that no trick with names or redirects leads into a private network
// or to a cloud's metadata. This machine is reachable only at the host and port of known addresses, which the operator
// set (that is how twins are connected): whatever else listens here trusts who comes from here.
//
// Behind an HTTP proxy of the environment the proxy dials. Then the target's name is resolved here as well, and judged
// before the proxy hears of it; that it resolves to the same there is for the proxy's own rules to ensure.
func Transport(allowPrivate bool, known ...string) http.RoundTripper {
	return newGuard(permit{private: allowPrivate, known: placesOf(known)}, http.ProxyFromEnvironment, net.DefaultResolver.LookupNetIP)
}

// permit is what may be dialled besides the public internet.
type permit struct {
	private bool            // all of it
	known   map[string]bool // these places on this machine, as host:port
}

// placesOf are the hosts and ports of addresses on this machine.
func placesOf(addresses []string) map[string]bool {
	out := map[string]bool{}
	for _, raw := range addresses {
		if u, err := url.Parse(raw); err == nil && isLoopback(u.Hostname()) {
			out[placeOf(u)] = true
		}
	}
	return out
}

// placeOf is the host of an address, in one spelling, with its port.
func placeOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// allows reports whether a place may be dialled whatever it resolves to.
func (p permit) allows(place string) bool { return p.private || p.known[strings.ToLower(place)] }

type lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// guard sends what a proxy is for through it, and everything else by itself.
type guard struct {
	permit permit
	proxy  func(*http.Request) (*url.URL, error)
	lookup lookup
	// direct judges where it dials. proxied dials nobody but the operator's proxy, which is mostly in a private network.
	direct, proxied *http.Transport
}

func newGuard(may permit, proxy func(*http.Request) (*url.URL, error), resolve lookup) *guard {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	transport := func(dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
		return &http.Transport{
			DialContext:           dial,
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          256,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			ExpectContinueTimeout: time.Second,
		}
	}
	g := &guard{permit: may, proxy: proxy, lookup: resolve, direct: transport(dial(dialer, may)), proxied: transport(dialer.DialContext)}
	g.proxied.Proxy = proxy
	return g
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	through, err := g.proxy(r)
	if err == nil && through == nil {
		return g.direct.RoundTrip(r)
	}
	if err == nil && !g.permit.allows(placeOf(r.URL)) {
		err = g.judge(r.Context(), r.URL.Hostname())
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as every RoundTripper must
		}
		return nil, err
	}
	return g.proxied.RoundTrip(r)
}

// CloseIdleConnections lets http.Client close them.
func (g *guard) CloseIdleConnections() {
	g.direct.CloseIdleConnections()
	g.proxied.CloseIdleConnections()
}

// judge refuses a host of which any address is inside. One that cannot be looked up here is refused too: only the
// proxy knows where it leads, and that is what inside means.
func (g *guard) judge(ctx context.Context, host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		return outside(a)
	}
	all, err := g.lookup(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("look up %s before asking the proxy: %w", host, err)
	}
	for _, a := range all {
		if err := outside(a); err != nil {
			return err
		}
	}
	return nil
}

// outside refuses an address that is not one of the public internet.
func outside(a netip.Addr) error {
	if a = a.Unmap().WithZone(""); inside(a) {
		return &BlockedAddressError{Address: a.String()}
	}
	return nil
}

func dial(dialer *net.Dialer, may permit) func(ctx context.Context, network, address string) (net.Conn, error) {
	guarded := *dialer
	guarded.Control = func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return outside(ap.Addr())
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if may.allows(address) {
			return dialer.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
}

// reserved is what netip has no word for and no provider lives in. Several clouds keep their metadata there.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),    // shared with carriers, RFC 6598
	netip.MustParsePrefix("168.63.129.16/32"), // a cloud's host, under a public address
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments, RFC 6890
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks, RFC 2544
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved and broadcast
	netip.MustParsePrefix("::/96"),            // IPv4-compatible, RFC 4291
	netip.MustParsePrefix("64:ff9b:1::/48"),   // NAT64 for local use, RFC 8215
	netip.MustParsePrefix("2001::/32"),        // Teredo, RFC 4380
	netip.MustParsePrefix("2002::/16"),        // 6to4, RFC 3056
	netip.MustParsePrefix("fec0::/10"),        // site-local, RFC 3879
}

// translated is an IPv4 address in an IPv6 one, RFC 6052: all that an IPv6-only machine may see of a provider.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// inside reports that an address is not one of the public internet.
func inside(a netip.Addr) bool {
	if translated.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	return !a.IsGlobalUnicast() || a.IsPrivate() || slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}
