package alert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
)

// sendWithin bounds one delivery.
const sendWithin = 20 * time.Second

// Mail is a mail server to hand messages to.
type Mail struct {
	from string
	host string
	opts []mail.Option
}

// NewMail reads smtps://user:password@host:465, or smtp://host:587 with STARTTLS. Only a server on this machine may be
// talked to in the clear. The error repeats nothing of the address.
func NewMail(address, from string) (*Mail, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("is not like smtps://user:password@mail.example.com:465 or smtp://mail.example.com:587")
	}
	if err := mail.NewMsg().From(from); err != nil {
		return nil, errors.New("needs a sender like Crosswalk <crosswalk@example.com>")
	}
	m := &Mail{from: from, host: u.Hostname(), opts: []mail.Option{mail.WithTimeout(sendWithin)}}
	switch {
	case u.Scheme == "smtps":
		m.opts = append(m.opts, mail.WithSSLPort(false))
	case loopback(m.host):
		m.opts = append(m.opts, mail.WithTLSPortPolicy(mail.TLSOpportunistic))
	default:
		m.opts = append(m.opts, mail.WithTLSPortPolicy(mail.TLSMandatory))
	}
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return nil, errors.New("has a port that is no number from 1 to 65535")
		}
		m.opts = append(m.opts, mail.WithPort(n))
	}
	if name := u.User.Username(); name != "" {
		password, _ := u.User.Password()
		m.opts = append(m.opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(name), mail.WithPassword(password))
	}
	return m, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send implements Post. Everybody gets a message of their own: owners need not know of each other by mail.
func (m *Mail) Send(ctx context.Context, to []string, subject, text string) error {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	messages := make([]*mail.Msg, 0, len(to))
	for _, who := range to {
		msg := mail.NewMsg()
		if err := errors.Join(msg.From(m.from), msg.To(who)); err != nil {
			return fmt.Errorf("write a mail: %w", err)
		}
		msg.Subject(subject)
		msg.SetBodyString(mail.TypeTextPlain, text)
		msg.SetGenHeader("Auto-Submitted", "auto-generated")
		messages = append(messages, msg)
	}
	c, err := mail.NewClient(m.host, m.opts...)
	if err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	if err := c.DialAndSendWithContext(ctx, messages...); err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	return nil
}
