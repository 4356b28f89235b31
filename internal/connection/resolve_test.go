package connection

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// namesLeadTo is a resolver for which every name has this one address.
func namesLeadTo(t *testing.T, ip [4]byte) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer ours.Close()
			for {
				if err := answerName(ours, ip); err != nil {
					return // the resolver has hung up
				}
			}
		}()
		return theirs, nil
	}}
}

// answerName speaks DNS over TCP: each message behind its length.
func answerName(c net.Conn, ip [4]byte) error {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	question := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, question); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return err
	}
	m.Response, m.Additionals = true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: ip}}}
	}
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
	return err
}

func TestANameIsJudgedByWhereItLeads(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range [][4]byte{{127, 0, 0, 1}, {10, 0, 0, 1}, {169, 254, 169, 254}, {192, 168, 0, 1}} {
		d := &net.Dialer{Timeout: 5 * time.Second, Resolver: namesLeadTo(t, ip)}
		_, err := dial(d, permit{})(t.Context(), "tcp", net.JoinHostPort("api.example.com", port))
		if b, ok := errors.AsType[*BlockedAddressError](err); !ok || b.Address != net.IP(ip[:]).String() {
			t.Errorf("a name that leads to %v: %v", ip, err)
		}
	}
	// The same name is dialled where private networks are allowed: the guard refused it, not the network.
	d := &net.Dialer{Timeout: 5 * time.Second, Resolver: namesLeadTo(t, [4]byte{127, 0, 0, 1})}
	c, err := dial(d, permit{private: true})(t.Context(), "tcp", net.JoinHostPort("api.example.com", port))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
