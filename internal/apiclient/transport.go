package apiclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// sharedTransport pools connections for the whole process; providers are few hosts with many calls.
var sharedTransport http.RoundTripper = &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
	ForceAttemptHTTP2:     true,
	MaxIdleConns:          64,
	MaxIdleConnsPerHost:   16,
	IdleConnTimeout:       60 * time.Second,
	TLSHandshakeTimeout:   10 * time.Second,
	ResponseHeaderTimeout: 40 * time.Second,
}

// sentTrace tells whether a request can have left this machine.
type sentTrace struct {
	asked, got atomic.Bool
}

func (s *sentTrace) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { s.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { s.got.Store(true) },
	})
}

// possibly is true unless the request certainly never left: no connection was had. A transport that reports
// nothing, as an in-memory one, is believed only about failing to dial.
func (s *sentTrace) possibly(err error) bool {
	if s.got.Load() {
		return true
	}
	if s.asked.Load() {
		return false
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return false
	}
	_, lookup := errors.AsType[*net.DNSError](err)
	return !lookup
}
