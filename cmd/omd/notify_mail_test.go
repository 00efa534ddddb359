package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"om/notice"
	"om/service"
	"om/task"
)

// post is a mail server that keeps what it gets.
type post struct {
	mu    sync.Mutex
	mails []letter
	rcpt  error    // the answer to a recipient
	users []string // that logged in
}

type letter struct {
	from string
	to   []string
	text []byte
}

type session struct {
	*post

	letter letter
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{post: p}, nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.letter.from = from; return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.rcpt != nil {
		return s.rcpt
	}
	s.letter.to = append(s.letter.to, to)
	return nil
}

func (s *session) Data(r io.Reader) (err error) {
	s.letter.text, err = io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, s.letter)
	return err
}

func (*session) Reset() {}

func (*session) Logout() error { return nil }

// serve listens; with a certificate it offers STARTTLS, without one it takes passwords in the clear.
func (p *post) serve(t *testing.T, offers *tls.Config) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(p)
	s.Domain, s.TLSConfig, s.AllowInsecureAuth = "mail.example.com", offers, offers == nil
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { _ = s.Close(); wg.Wait() })
	return l.Addr().String()
}

// nodeConf writes the [notify] of a node.
func nodeConf(t *testing.T, n *notifier, lines ...string) {
	t.Helper()
	text := "[notify]\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(n.ConfigDir, "node.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// open reads a mail as a client of mail does.
func open(t *testing.T, text []byte) (header mail.Header, subject, body string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	subject, err = (&mime.WordDecoder{}).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Error(err)
	}
	raw, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Error(err)
	}
	return m.Header, subject, strings.ReplaceAll(string(raw), "\r\n", "\n")
}

// TestMail: a mail says in its subject what happened, says that a machine wrote it, has the end of the output
// and no more; nothing that a command wrote gets into its headers.
func TestMail(t *testing.T) {
	var p post
	n := newNotifier(t)
	nodeConf(t, n, "smtp = "+p.serve(t, nil), "from = om@example.com")
	output := filepath.Join(n.Home, "out.log")
	writeOutput(t, output, strings.Repeat("x", 100_000)+"\n.\nBcc: eve@example.com\n\x1b[31mred\x00\xff\r\nthe end\n")
	e := ended(task.Failed, 3, output, notice.Target{Kind: notice.Mail, To: "a@example.com"}, notice.Target{Kind: notice.Mail, To: "b@example.com"})
	evil := "no\r\nBcc: eve@example.com\r\n\r\n<b>"
	run := task.Run{ID: e.Event.Run.ID, Task: task.ID{Service: "wéb", RID: "task#0"}, State: task.Failed, ExitCode: 3, Reason: evil, StartedAt: e.Event.Run.Started, EndedAt: e.Event.Run.Ended}
	e.Event = notice.OfRun("n1", task.EventFailed, run, e.Event.Timestamp)
	e.Event.Streak = &notice.Failing{Since: e.Event.Timestamp, Runs: 1}
	once(t, n, e)
	if len(p.mails) != 2 || !spoolOf(n).Empty() {
		t.Fatalf("got %d mails", len(p.mails))
	}
	for _, m := range p.mails {
		header, subject, body := open(t, m.text)
		want(t, "subject", subject, "[om] n1 wéb task#0: failed (error, exit code 3) after 1m30s")
		want(t, "Auto-Submitted", header.Get("Auto-Submitted"), "auto-generated")
		want(t, "Message-ID", header.Get("Message-Id"), "<01a21317-2f7b-7ceb-b56e-c8732484d006-failed@example.com>")
		want(t, "sender", m.from, "om@example.com")
		want(t, "recipients", len(m.to), 1)
		want(t, "To", header.Get("To"), "<"+m.to[0]+">")
		if header.Get("Bcc") != "" || strings.Contains(body, "\nBcc: eve@example.com\n\n<b>") {
			t.Errorf("it has a header of the reason: %v", header)
		}
		if !strings.Contains(body, "reason:    no  Bcc: eve@example.com    <b>\n") || !strings.Contains(body, "1 in a row") {
			t.Errorf("body %.600s", body)
		}
		if !strings.HasSuffix(strings.TrimSpace(body), "\n.\nBcc: eve@example.com\n\\x1b[31mred\\x00\ufffd\nthe end") {
			t.Errorf("body ends in %q", body[len(body)-100:])
		}
		if len(m.text) > 64<<10 {
			t.Errorf("the mail has %d bytes", len(m.text))
		}
		for line := range strings.SplitSeq(string(m.text), "\r\n") {
			if len(line) > 998 {
				t.Errorf("a line has %d bytes", len(line))
			}
		}
	}
}

// TestMailRefused: what a server refuses for good is not tried again, what it can't do now is.
func TestMailRefused(t *testing.T) {
	for _, c := range []struct {
		code  int
		empty bool
	}{{550, true}, {451, false}} {
		p := post{rcpt: &smtp.SMTPError{Code: c.code, EnhancedCode: smtp.NoEnhancedCode, Message: "no"}}
		n := newNotifier(t)
		nodeConf(t, n, "smtp = "+p.serve(t, nil))
		once(t, n, ended(task.Failed, 3, "", notice.Target{Kind: notice.Mail, To: "a@example.com"}))
		want(t, "it is over", spoolOf(n).Empty(), c.empty)
	}
}

// certificate is one for 127.0.0.1, and the pool that it comes from.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, roots
}

func sendVia(server service.Mailer, roots *x509.CertPool) error {
	m := &mailer{server: func() service.Mailer { return server }, node: "n1", agent: "om", roots: roots}
	e := ended(task.Failed, 3, "")
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	return m.mail(ctx, &e, &notice.Target{Kind: notice.Mail, To: "a@example.com"})
}

// AuthMechanisms and Auth make a session one that knows passwords.
func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.users = append(s.users, user+":"+password)
		return nil
	}), nil
}

// TestPassword: a password goes to a server with the right certificate, from the beginning or by STARTTLS, and
// to no other.
func TestPassword(t *testing.T) {
	secure, roots := certificate(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		offers *tls.Config
		knows  *x509.CertPool
		policy string
		want   string
	}{
		{"STARTTLS", secure, roots, "", "om:s3cret"},
		{"STARTTLS as required", secure, roots, "required", "om:s3cret"},
		{"opportunistic is not enough for a password", secure, nil, "opportunistic", ""},
		{"a certificate of nobody's", secure, nil, "", ""},
		{"no STARTTLS", nil, roots, "opportunistic", ""},
		{"no STARTTLS, where it is required", nil, roots, "", ""},
	} {
		var p post
		err := sendVia(service.Mailer{Server: p.serve(t, c.offers), User: "om", PasswordFile: secret, TLS: c.policy}, c.knows)
		if got := strings.Join(p.users, " "); got != c.want || (err == nil) != (c.want != "") || len(p.mails) != len(p.users) {
			t.Errorf("%s: got %q, %v, %d mails", c.name, got, err, len(p.mails))
		}
	}
}

// TestEncryption: without a password a mail is encrypted where it can be, or where it must be.
func TestEncryption(t *testing.T) {
	secure, roots := certificate(t)
	for _, c := range []struct {
		name   string
		offers *tls.Config
		knows  *x509.CertPool
		policy string
		sent   bool
	}{
		{"whoever it is", secure, nil, "", true},
		{"required", secure, roots, "required", true},
		{"required of the right server", secure, nil, "required", false},
		{"required and not there", nil, roots, "required", false},
		{"none", secure, nil, "none", true},
	} {
		var p post
		err := sendVia(service.Mailer{Server: p.serve(t, c.offers), TLS: c.policy}, c.knows)
		if (err == nil) != c.sent || len(p.mails) > 0 != c.sent {
			t.Errorf("%s: got %v, %d mails", c.name, err, len(p.mails))
		}
	}
}

// TestBadMailServers: each try ends in time.
func TestBadMailServers(t *testing.T) {
	for name, do := range map[string]func(net.Conn){
		"hangs":   hangs,
		"resets":  reset,
		"closes":  func(net.Conn) {},
		"drips":   func(c net.Conn) { drip(c, "2", "2", 20*time.Millisecond) },
		"slow":    func(c net.Conn) { drip(c, "", "220-hello\r\n", 20*time.Millisecond) },
		"pours":   func(c net.Conn) { drip(c, "220-", strings.Repeat("x", 10_000), 0) },
		"refuses": func(c net.Conn) { drip(c, "554 go away\r\n", "", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := hostile(t, do)
			m := &mailer{server: func() service.Mailer { return service.Mailer{Server: address} }, node: "n1", agent: "om"}
			e := ended(task.Failed, 3, "")
			ctx, stop := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer stop()
			begin := time.Now()
			err := m.mail(ctx, &e, &notice.Target{Kind: notice.Mail, To: "a@example.com"})
			if took := time.Since(begin); err == nil || took > 3*time.Second {
				t.Errorf("got %v after %v", err, took)
			}
		})
	}
}

// TestCommand: a command has the event in its environment and as JSON, and nothing of ours.
func TestCommand(t *testing.T) {
	t.Setenv("SECRET_OF_OURS", "x")
	n := newNotifier(t)
	e := ended(task.Failed, 3, "", notice.Target{Kind: notice.Command, To: "env >" + n.Home + "/env; cat >" + n.Home + "/json", Shell: "sh"})
	e.Event.Run.Reason = notice.Line("a\nOM_STATE=complete")
	once(t, n, e)
	env, _ := os.ReadFile(filepath.Join(n.Home, "env"))
	for _, line := range []string{
		"OM_EVENT=failed", "OM_SERVICE=web", "OM_TASK=task#0", "OM_NODE=n1", "OM_RUN_ID=01a21317-2f7b-7ceb-b56e-c8732484d006",
		"OM_STATE=error", "OM_EXIT_CODE=3", "OM_REASON=a OM_STATE=complete", "OM_DURATION=90.000", "PATH=" + task.DefaultPath,
	} {
		if !strings.Contains("\n"+string(env), "\n"+line+"\n") {
			t.Errorf("%q is not in %s", line, env)
		}
	}
	if strings.Contains(string(env), "SECRET_OF_OURS") {
		t.Error("it has our environment")
	}
	text, _ := os.ReadFile(filepath.Join(n.Home, "json"))
	var event notice.Event
	if err := json.Unmarshal(text, &event); err != nil || event.Run.ID != e.Event.Run.ID {
		t.Errorf("got %s, %v", text, err)
	}
	if !spoolOf(n).Empty() {
		t.Error("it is still there")
	}
}

// TestCommandEnvironment: each event has each variable, and one that it has nothing of is empty.
func TestCommandEnvironment(t *testing.T) {
	at := time.Date(2026, 3, 28, 2, 0, 0, 0, time.UTC)
	run := task.Run{ID: "r1", Task: task.ID{Service: "web", RID: "task#0"}, Origin: task.Scheduled, State: task.Running, Attempt: 1, Slot: at, StartedAt: at}
	lost, killed, never := run, run, run
	lost.State, lost.EndedAt, lost.Reason = task.Lost, at.Add(time.Minute), "gone"
	killed.State, killed.EndedAt, killed.Signal = task.Killed, at.Add(time.Minute), "SIGKILL"
	never.State, never.EndedAt, never.StartedAt, never.ExitCode = task.Failed, at, time.Time{}, 127
	slot := task.Slot{Task: run.Task, At: at, Last: at, Count: 1, Reason: "frozen"}
	ok := ended(task.Complete, 0, "").Event
	failing := ended(task.Failed, 3, "").Event
	failing.Streak = &notice.Failing{Since: at, Runs: 2}
	for _, c := range []struct {
		event notice.Event
		want  string
	}{
		{notice.OfRun("n1", task.EventStarted, run, at), "OM_STATE=running OM_EXIT_CODE= OM_DURATION= OM_ENDED_AT= OM_RUN_ID=r1 OM_SLOT=2026-03-28T02:00:00Z OM_SLOT_COUNT="},
		{notice.OfSlots("n1", task.EventSkipped, slot, at), "OM_RUN_ID= OM_STATE= OM_EXIT_CODE= OM_ATTEMPT= OM_DURATION= OM_REASON=frozen OM_SLOT=2026-03-28T02:00:00Z OM_SLOT_COUNT=1"},
		{notice.OfRun("n1", task.EventLost, lost, at), "OM_STATE=lost OM_EXIT_CODE= OM_REASON=gone OM_DURATION=60.000"},
		{notice.OfRun("n1", task.EventFailed, killed, at), "OM_STATE=killed OM_EXIT_CODE= OM_SIGNAL=SIGKILL OM_DURATION=60.000"},
		{notice.OfRun("n1", task.EventFailed, never, at), "OM_STATE=error OM_EXIT_CODE=127 OM_STARTED_AT= OM_DURATION="},
		{ok, "OM_STATE=complete OM_EXIT_CODE=0 OM_DURATION=90.000 OM_FAILURES="},
		{failing, "OM_STATE=error OM_EXIT_CODE=3 OM_FAILURES=2 OM_FAILING_SINCE=2026-03-28T02:00:00Z"},
		{notice.OfNode("n1", task.EventRejected, "web", "line#1", nil, at), "OM_EVENT=config-rejected OM_SERVICE=web OM_TASK= OM_RUN_ID= OM_STATE= OM_REASON=line#1"},
		{notice.Event{Type: task.EventTest}, "OM_EVENT=test OM_RUN_ID= OM_STATE= OM_SLOT= OM_REASON="},
	} {
		env := (&commands{}).environment(&c.event)
		for _, want := range strings.Fields(c.want) {
			if !slices.Contains(env, want) {
				t.Errorf("%s: no %q in %q", c.event.Type, want, env)
			}
		}
		var names []string
		for _, line := range env {
			if name, _, _ := strings.Cut(line, "="); strings.HasPrefix(name, "OM_") {
				names = append(names, name)
			}
		}
		if slices.Sort(names); !slices.Equal(names, inManual(t)) {
			t.Errorf("%s: %q, and the manual has %q", c.event.Type, names, inManual(t))
		}
	}
}

// inManual lists the variables that the manual has of notify_command.
func inManual(t *testing.T) []string {
	t.Helper()
	for _, k := range service.Keywords() {
		if k.Section == "task" && k.Name == "notify_command" {
			names := regexp.MustCompile(`OM_[A-Z_]+`).FindAllString(k.Text, -1)
			slices.Sort(names)
			return slices.Compact(names)
		}
	}
	t.Fatal("no notify_command")
	return nil
}

// TestStartedJSON: what there is not yet is null, and no 0 that could be taken for a success.
func TestStartedJSON(t *testing.T) {
	run := task.Run{ID: "r1", State: task.Running, StartedAt: time.Unix(1e9, 0)}
	text, err := json.Marshal(notice.OfRun("n1", task.EventStarted, run, time.Unix(1e9, 0)))
	if err != nil || !strings.Contains(string(text), `"exit_code":null`) || !strings.Contains(string(text), `"duration_seconds":null`) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestBadCommands: those that fail, hang, leave something behind, or are not there.
func TestBadCommands(t *testing.T) {
	for _, c := range []struct{ command, shell, want string }{
		{"echo no luck >&2; exit 4", "sh", "exit status 4: no luck"},
		{"sleep 100 | sleep 100", "auto", "did not end in time"},
		{"/nowhere/to/be/found", "none", "no such file"},
		{"yes | head -c 10000000; exit 1", "auto", "exit status 1: y y"},
		{"'", "none", "wanted"},
		{"(sleep 100 &) ; exit 0", "sh", ""},
		{"exec <&- >&- 2>&-; exit 0", "sh", ""},
		{"yes", "none", "did not end in time: y y"},
		{"setsid sleep 5 & exit 0", "sh", ""},
		{"setsid sleep 5 & trap '' TERM; sleep 100; sleep 100", "sh", "did not end in time"},
		{`printf '\033[2J\377\n'; exit 1`, "sh", "exit status 1: [2J"},
	} {
		e := ended(task.Failed, 3, "")
		ctx, stop := context.WithTimeout(context.Background(), 400*time.Millisecond)
		begin := time.Now()
		err := (&commands{home: "/"}).run(ctx, &e, &notice.Target{To: c.command, Shell: c.shell})
		stop()
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || (err == nil) != (c.want == "") || len(got) > 2000 || time.Since(begin) > patience {
			t.Errorf("%s: got %.200q after %v", c.command, got, time.Since(begin))
		}
		var f *failure
		if err != nil && !errors.As(err, &f) {
			t.Errorf("%s: %T", c.command, err)
		}
	}
}

// TestTest: omd notify --test tells each target, and says how that went.
func TestTest(t *testing.T) {
	var p post
	url, got := server(t)
	n := newNotifier(t)
	nodeConf(t, n, "smtp = "+p.serve(t, nil), "mail = ops@example.com", "webhook = http://"+hostile(t, func(net.Conn) {})+"/s3cret")
	text := "[task#0]\ncommand = /bin/true\nping = " + url + "/uuid\nnotify_command = /bin/true\nnotify_quiet = 00:00-12:00,12:00-23:59:58\nnotify_urgent = lost\n[task#1]\ncommand = x\nnotify_mail =\nnotify_webhook =\n"
	if err := os.WriteFile(filepath.Join(n.ConfigDir, "web.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	n.Out, n.Err = &out, &errs
	noon := time.Now().Truncate(24 * time.Hour)
	n.Now = func() time.Time { return noon } // whatever the zone of the host, it is no 23:59:58
	for _, c := range []struct {
		arg  string
		code int
	}{{"web/task#0", 1}, {"web/task#1", 1}, {"web/task#9", 66}, {"nosuch/task#0", 66}, {"web", 2}} {
		if code := n.notify(context.Background(), []string{"--test", c.arg}); code != c.code {
			t.Errorf("%s: exit code %d: %s", c.arg, code, errs.String())
		}
	}
	for _, line := range []string{"command /bin/true: delivered\n", "mail ops@example.com: delivered\n", "webhook 127.0.0.1:", "ping 127.0.0.1:", "quiet hours: 00:00-12:00,12:00-23:59:58 Local: now, until ", ", but for lost\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no %q in %s", line, out.String())
		}
	}
	if strings.Contains(out.String(), "s3cret") || len(got()) != 1 || got()[0].path != "/uuid/log" || len(p.mails) != 1 {
		t.Errorf("got %s, %+v", out.String(), got())
	}
	if !strings.Contains(errs.String(), "nobody is told") {
		t.Errorf("got %s", errs.String())
	}
}

// TestOne: a second deliverer has nothing to do.
func TestOne(t *testing.T) {
	url, got := server(t)
	n := newNotifier(t)
	lock, err := spoolOf(n).Lock()
	if err != nil {
		t.Fatal(err)
	}
	once(t, n, ended(task.Failed, 3, "", notice.Target{Kind: notice.Webhook, To: url}))
	want(t, "requests", len(got()), 0)
	_ = lock.Close()
	once(t, n)
	want(t, "requests", len(got()), 1)
}

// TestNodeMail: the mail about a file or the clock says which, and why, and names no run.
func TestNodeMail(t *testing.T) {
	at := time.Date(2026, 3, 28, 2, 0, 0, 0, time.UTC)
	file := notice.OfNode("n1", task.EventRejected, "web", "line 3: [task#0", nil, at)
	clock := notice.OfNode("n1", task.EventClock, "", "the clock was set", []task.ID{{Service: "a", RID: "task#0"}, {Service: "b", RID: "task#1"}}, at)
	want(t, "subject", subject(&file), "[om] n1 web: config-rejected: line 3: [task#0")
	want(t, "subject", subject(&clock), "[om] n1: clock-corrected: the clock was set")
	want(t, "body", mailBody(&clock, nil), "clock-corrected: the clock was set\n\nnode:      n1\nreason:    the clock was set\ntasks:     a/task#0 b/task#1\n")
}
