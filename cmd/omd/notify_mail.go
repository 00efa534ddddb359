package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"om/notice"
	"om/service"
)

// smtpsPort is the port where TLS is there from the beginning.
const smtpsPort = 465

// maxReplies is how much a mail server may say in one delivery.
const maxReplies = 256 << 10

// mailer delivers mails to one server.
type mailer struct {
	server func() service.Mailer // as node.conf has it now
	node   string
	agent  string
	roots  *x509.CertPool // that certificates must come from; nil is the host's
}

// mail sends an event to one address.
func (m *mailer) mail(ctx context.Context, e *notice.Entry, t *notice.Target) error {
	server := m.server()
	msg, err := m.compose(ctx, &server, e, t)
	if err != nil {
		return &failure{err: err, forever: true, own: true}
	}
	client, err := m.client(ctx, &server)
	if err != nil {
		return &failure{err: err, own: true}
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("mail server %s: %w", server.Server, err)
	}
	err = client.SendWithSMTPClient(conn, msg)
	_ = client.CloseWithSMTPClient(conn) // the mail is sent, or is not, whatever the server says to that
	var s *mail.SendError
	if errors.As(err, &s) {
		return &failure{err: err, forever: !s.IsTemp() && s.ErrorCode()/100 == 5, own: s.ErrorCode() > 0}
	}
	return err
}

// compose writes the mail. What comes from a run is made one line before it is near a header.
func (m *mailer) compose(ctx context.Context, server *service.Mailer, e *notice.Entry, t *notice.Target) (*mail.Msg, error) {
	msg := mail.NewMsg()
	from := server.From
	if from == "" {
		from = "om@" + e.Event.Node
	}
	if err := msg.From(from); err != nil {
		return nil, err
	}
	if err := msg.To(t.To); err != nil {
		return nil, err
	}
	msg.Subject(subject(&e.Event))
	msg.SetDateWithValue(e.Event.Timestamp)
	msg.SetMessageIDWithValue(e.Event.ID + "@" + from[strings.LastIndexByte(from, '@')+1:])
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetUserAgent(m.agent)
	text := ""
	if len(e.Parts) > 0 {
		text = summaryBody(ctx, e)
	} else {
		text = mailBody(&e.Event, lastOutput(ctx, e.Output, maxMailOutput))
	}
	msg.SetBodyString(mail.TypeTextPlain, text)
	return msg, nil
}

// client prepares the conversation with the server.
func (m *mailer) client(ctx context.Context, server *service.Mailer) (*mail.Client, error) {
	if server.Server == "" {
		server.Server = "localhost:25"
	}
	host, text, err := net.SplitHostPort(server.Server)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	policy, verify := tlsPolicy(server)
	secure := &tls.Config{ServerName: host, RootCAs: m.roots, MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify}
	options := []mail.Option{
		mail.WithPort(port), mail.WithTimeout(tryTimeout), mail.WithHELO(m.node), mail.WithTLSConfig(secure), mail.WithoutNoop(),
	}
	method := mail.SMTPAuthAutoDiscover
	if port == smtpsPort {
		policy, method = mail.NoTLS, mail.SMTPAuthPlain // the connection is encrypted already
	} else {
		secure = nil
	}
	options = append(options, mail.WithTLSPolicy(policy), mail.WithDialContextFunc(dialBounded(ctx, secure)))
	if server.User != "" {
		password, err := readSecret(server.PasswordFile) // which names no file where there is no smtp_password
		if err != nil {
			return nil, fmt.Errorf("smtp_password: %w", err)
		}
		options = append(options, mail.WithSMTPAuth(method), mail.WithUsername(server.User), mail.WithPassword(password))
	}
	return mail.NewClient(host, options...)
}

// tlsPolicy reads smtp_tls. A password is sent to nobody but the server that was meant. Encryption where it is offered keeps off those that only listen: whoever could
// show another certificate could as well take the offer out.
func tlsPolicy(server *service.Mailer) (policy mail.TLSPolicy, verify bool) {
	switch {
	case server.TLS == "required", server.User != "", strings.HasSuffix(server.Server, ":465"):
		return mail.TLSMandatory, true
	case server.TLS == "none":
		return mail.NoTLS, true
	}
	return mail.TLSOpportunistic, false
}

// dialBounded dials so that the whole conversation ends with ctx and stays small, whatever the server does.
func dialBounded(ctx context.Context, secure *tls.Config) mail.DialContextFunc {
	return func(dial context.Context, network, address string) (net.Conn, error) {
		raw, err := (&net.Dialer{}).DialContext(dial, network, address)
		if err != nil {
			return nil, err
		}
		until, _ := ctx.Deadline()
		conn := &boundConn{Conn: raw, until: until, left: maxReplies}
		if err := conn.SetDeadline(until); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		if secure == nil {
			return conn, nil
		}
		client := tls.Client(conn, secure)
		if err := client.HandshakeContext(dial); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		return client, nil
	}
}

// boundConn is a connection whose deadline is never later than until, and that is read to a limit.
type boundConn struct {
	net.Conn

	until time.Time
	left  int
}

// Read ends with an error at the limit.
func (c *boundConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the server says too much")
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// SetDeadline sets the deadline, or until where that is earlier.
func (c *boundConn) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(c.bound(t)) }

// SetReadDeadline is as SetDeadline.
func (c *boundConn) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(c.bound(t)) }

// SetWriteDeadline is as SetDeadline.
func (c *boundConn) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(c.bound(t)) }

func (c *boundConn) bound(t time.Time) time.Time {
	if !c.until.IsZero() && (t.IsZero() || t.After(c.until)) {
		return c.until
	}
	return t
}
