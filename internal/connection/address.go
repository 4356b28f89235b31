package connection

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
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
	if host == "localhost" {
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
// a name resolved to, so that no trick with names leads into a private network or to a cloud's metadata.
// Loopback is reachable only where the typed host says loopback: that is how twins are connected.
func Transport(allowPrivate bool) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	guarded := *dialer
	guarded.Control = func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		a := ap.Addr().Unmap()
		if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.IsInterfaceLocalMulticast() || carrierGrade.Contains(a) {
			return &BlockedAddressError{Address: a.String()}
		}
		return nil
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if allowPrivate || isLoopback(host) {
				return dialer.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// carrierGrade is the shared address space of RFC 6598, which holds some clouds' metadata services.
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")
