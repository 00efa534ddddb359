package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"om/notice"
	"om/service"
	"om/task"
)

// seen is a request that a server got.
type seen struct {
	path, query string
	header      http.Header
	body        []byte
}

// server keeps what it gets, and answers with the statuses in a row, then with 200.
func server(t *testing.T, statuses ...int) (url string, got func() []seen) {
	t.Helper()
	var mu sync.Mutex
	var all []seen
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, seen{r.URL.Path, r.URL.RawQuery, r.Header, body})
		w.Header().Set("Ping-Body-Limit", "100")
		if len(all) <= len(statuses) {
			w.WriteHeader(statuses[len(all)-1])
		}
		_, _ = io.WriteString(w, "OK")
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []seen {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func newNotifier(t *testing.T) *notifier {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &notifier{
		ConfigDir: filepath.Join(dir, "etc"), StateDir: filepath.Join(dir, "var"), Host: "n1", Home: dir, Version: "test", EUID: os.Geteuid(),
		Now: time.Now, Out: io.Discard, Err: io.Discard, Log: slog.New(slog.DiscardHandler),
	}
}

func spoolOf(n *notifier) *notice.Spool {
	return &notice.Spool{Dir: filepath.Join(n.StateDir, "spool")}
}

// ended is the entry of a run that ended a moment ago.
func ended(state task.RunState, code int, output string, targets ...notice.Target) notice.Entry {
	now := time.Now().UTC()
	run := task.Run{
		ID: "01a21317-2f7b-7ceb-b56e-c8732484d006", Task: task.ID{Service: "web", RID: "task#0"}, Origin: task.Scheduled, State: state,
		ExitCode: code, Attempt: 1, StartedAt: now.Add(-90 * time.Second), EndedAt: now, Slot: now.Add(-90 * time.Second),
	}
	return notice.Entry{Event: notice.OfRun("n1", notice.KindOf(state), run, now), Output: output, Targets: targets}
}

func once(t *testing.T, n *notifier, entries ...notice.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := spoolOf(n).Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if code := n.notify(context.Background(), []string{"--once"}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}

// TestWebhook: a receiver that follows Standard Webhooks verifies what it gets, and that it is the same event
// when it is told again.
func TestWebhook(t *testing.T) {
	url, got := server(t)
	n := newNotifier(t)
	key := []byte("0123456789abcdef0123456789abcdef")
	secret := filepath.Join(n.Home, "secret")
	if err := os.WriteFile(secret, []byte("whsec_"+base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := ended(task.Failed, 3, "", notice.Target{Kind: notice.Webhook, To: url + "/hook", Secret: secret})
	once(t, n, e)
	once(t, n, e)
	if len(got()) != 2 {
		t.Fatalf("got %d requests", len(got()))
	}
	for _, r := range got() {
		id, stamp, signature := r.header.Get("webhook-id"), r.header.Get("webhook-timestamp"), r.header.Get("webhook-signature")
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(r.body)
		given, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1,"))
		if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
			t.Errorf("signature %q is not right", signature)
		}
		seconds, _ := strconv.ParseInt(stamp, 10, 64)
		if age := time.Since(time.Unix(seconds, 0)); age > time.Minute || age < -time.Minute {
			t.Errorf("timestamp %s", stamp)
		}
		var event notice.Event
		if err := json.Unmarshal(r.body, &event); err != nil || event.ID != id || *event.Run.ExitCode != 3 || event.Node != "n1" {
			t.Errorf("got %s, %v", r.body, err)
		}
		want(t, "id", id, "01a21317-2f7b-7ceb-b56e-c8732484d006-failed")
		if bytes.Contains(r.body, []byte(secret)) || bytes.Contains(r.body, []byte(url)) {
			t.Errorf("the body says where it goes: %s", r.body)
		}
	}
	if !spoolOf(n).Empty() {
		t.Error("it is still there")
	}
}

// TestSecret: a key that others could read is not used, and the event is tried again.
func TestSecret(t *testing.T) {
	url, got := server(t)
	n := newNotifier(t)
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{"key", 0o644, "everybody can read it"},
		{"", 0o600, "empty"},
		{"whsec_???", 0o600, "wanted base64"},
		{strings.Repeat("k", maxSecret+1), 0o600, "wanted at most"},
		{"gone", 0, "no such file"},
	} {
		secret := filepath.Join(n.Home, "s")
		_ = os.Remove(secret)
		if c.mode != 0 {
			_ = os.WriteFile(secret, []byte(c.text), c.mode)
			_ = os.Chmod(secret, c.mode)
		}
		if _, err := webhookKey(secret); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
		once(t, n, ended(task.Failed, 1, "", notice.Target{Kind: notice.Webhook, To: url, Secret: secret}))
	}
	want(t, "requests", len(got()), 0)
	want(t, "spool is empty", spoolOf(n).Empty(), false)
}

// TestSecretPlaced: what is no file is not waited for, and what another user could have placed is no secret of root's omd.
func TestSecretPlaced(t *testing.T) {
	dir := t.TempDir()
	write := func(path string) error { return os.WriteFile(path, []byte("key"), 0o600) }
	for _, c := range []struct {
		name  string
		place func(path string) error
		want  string
		root  bool
	}{
		{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "wanted a file", false},
		{"folder", func(path string) error { return os.Mkdir(path, 0o700) }, "wanted a file", false},
		{"loop", func(path string) error { return os.Symlink(path, path) }, "too many", false},
		{"theirs", func(path string) error { return errors.Join(write(path), os.Chown(path, 1000, 1000)) }, "chown root ", true},
		{"their link", func(path string) error {
			return errors.Join(os.Symlink("/etc/shadow", path), os.Lchown(path, 1000, 1000))
		}, "chown root ", true},
		{"open", func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o777), write(path+"/key"))
		}, "chmod o-w ", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("it takes root to place what is another user's, and root's omd to fear it")
			}
			path := filepath.Join(dir, c.name)
			if err := c.place(path); err != nil {
				t.Fatal(err)
			}
			if c.name == "open" {
				path += "/key"
			}
			if text, err := readSecret(path); text != "" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, %v, want %q", text, err, c.want)
			}
		})
	}
}

// TestPing: the protocol of healthchecks.io, as its server sees it.
func TestPing(t *testing.T) {
	const rid = "rid=01a21317-2f7b-7ceb-b56e-c8732484d006"
	output := filepath.Join(t.TempDir(), "out.log")
	writeOutput(t, output, strings.Repeat("a line of output\n", 50)+"the end\n")
	for _, c := range []struct {
		name  string
		state task.RunState
		code  int
		path  string
	}{
		{"a success is the URL itself", task.Complete, 0, "/uuid"},
		{"a success with a code that is one", task.Complete, 2, "/uuid"},
		{"an error has its code", task.Failed, 3, "/uuid/3"},
		{"one that could not be started", task.Failed, 0, "/uuid/fail"},
		{"a timeout", task.TimedOut, 0, "/uuid/fail"},
		{"a signal", task.Killed, 0, "/uuid/fail"},
		{"nobody knows", task.Lost, 0, "/uuid/fail"},
		{"a person ended it", task.Cancelled, 0, "/uuid/fail"},
		{"a start", task.Running, 0, "/uuid/start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, got := server(t)
			n := newNotifier(t)
			target := notice.Target{Kind: notice.Ping, To: url + "/uuid?create=1"}
			e := ended(c.state, c.code, output, target)
			if c.state == task.Running {
				e.Event.Type = task.EventStarted
			}
			once(t, n, e)
			r := got()[0]
			want(t, "path", r.path, c.path)
			if !strings.Contains(r.query, rid) || !strings.Contains(r.query, "create=1") {
				t.Errorf("query %s", r.query)
			}
			if c.state == task.Running {
				want(t, "body", len(r.body), 0)
				return
			}
			if len(r.body) < 800 || !bytes.HasSuffix(r.body, []byte("the end\n")) {
				t.Errorf("body %q", r.body)
			}
			e.Event.Timestamp = e.Event.Timestamp.Add(time.Second)
			once(t, n, e) // another process: the limit of the server is kept
			if body := got()[1].body; len(body) != 100 || !bytes.HasSuffix(body, []byte("the end\n")) {
				t.Errorf("body %q", body)
			}
		})
	}
}

// writeOutput writes an output file as a run does.
func writeOutput(t *testing.T, path, text string) {
	t.Helper()
	users := &task.Users{}
	tk := task.Task{ID: task.ID{Service: "web", RID: "task#0"}, Command: "/bin/cat " + path + ".text", Shell: "none", Umask: 0o022, StopSignal: "SIGTERM", Cwd: "/", Log: task.LogFile, LogHead: 1 << 20, LogTail: 1 << 20}
	if err := os.WriteFile(path+".text", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	job, err := tk.Resolve(context.Background(), task.Resolver{Now: time.Now, Users: users, EUID: os.Geteuid(), EGID: os.Getegid(), RunID: "01a21317-2f7b-7ceb-b56e-c8732484d006"})
	if err != nil {
		t.Fatal(err)
	}
	job.Output = path
	if _, err := task.Supervise(context.Background(), job, task.Live{}); err != nil {
		t.Fatal(err)
	}
}

// TestPingUnknown: a server that answers 200 and does not know the check.
func TestPingUnknown(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK (not found)") }))
	defer s.Close()
	n := newNotifier(t)
	once(t, n, ended(task.Complete, 0, "", notice.Target{Kind: notice.Ping, To: s.URL + "/x"}))
	over := dead(t, &drainer{spool: spoolOf(n)})
	if len(over) != 1 || !strings.Contains(over[0].Targets[0].Error, "no such check") {
		t.Errorf("got %+v", over)
	}
}

// TestStatus: what the answers of a server mean.
func TestStatus(t *testing.T) {
	for _, c := range []struct {
		status int
		retry  string
		want   string
	}{
		{204, "", ""},
		{301, "", "moved own"},
		{400, "", "400 own"},
		{404, "", "404 own"},
		{410, "", "410 forever own"},
		{429, "120", "429 2m0s"},
		{500, "", "500"},
		{503, "999999999999", "503 1h0m0s"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if w.Header().Set("Retry-After", c.retry); c.status/100 == 3 {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(c.status)
		}))
		_, err := newWeb("om", time.Now, loadPace(&notice.Spool{})).post(context.Background(), s.URL, http.Header{}, nil)
		s.Close()
		got := ""
		if f, ok := err.(*failure); ok { //nolint:errorlint // it is the outermost
			got = fmt.Sprint(f.err, ";", map[bool]string{true: " forever"}[f.forever], map[bool]string{true: " own"}[f.own])
			if f.after > 0 {
				got += " " + f.after.String()
			}
		}
		for part := range strings.FieldsSeq(c.want) {
			if !strings.Contains(got, part) {
				t.Errorf("%d: got %q, want %q", c.status, got, c.want)
			}
		}
		if c.want == "" && err != nil {
			t.Error(err)
		}
	}
}

// TestRedirects: nobody is followed, to no file and no other host, and what the URL has for the one that was asked stays there. An
// answer that repeats the URL does not bring it into the log.
func TestRedirects(t *testing.T) {
	elsewhere, got := server(t)
	for _, location := range []string{elsewhere + "/steal", "file:///etc/passwd", "gopher://[::1]:25/", "/other", "http://%zz", strings.Repeat("x", 8000)} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
			fmt.Fprintf(w, "no %s here for %s, %s", r.RequestURI, user, password)
		}))
		address := strings.Replace(s.URL, "http://", "http://om:pa55word@", 1) + "/hooks/s3cretpath?token=t0kent0ken"
		target := notice.Target{Kind: notice.Webhook, To: address}
		e := ended(task.Failed, 3, "", target)
		err := newWeb("om", time.Now, loadPace(&notice.Spool{})).webhook(context.Background(), &e, &target)
		s.Close()
		if err == nil {
			t.Errorf("%.50s: no error", location)
			continue
		}
		for _, secret := range []string{"s3cretpath", "t0kent0ken", "pa55word"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%.50s: %v", location, err)
			}
		}
	}
	want(t, "followed", len(got()), 0)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "The requested URL "+r.RequestURI+" was not found: "+r.URL.Query().Get("token"), http.StatusNotFound)
	}))
	defer s.Close()
	_, err := newWeb("om", time.Now, loadPace(&notice.Spool{})).post(context.Background(), s.URL+"/hooks/s3cretpath?token=t0kent0ken", http.Header{}, nil)
	want(t, "error", err, "the server answered 404 Not Found: The requested URL ... was not found: ...")
}

// hostile listens, and does with each connection what a bad server does.
func hostile(t *testing.T, do func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				do(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

func drip(c net.Conn, head, piece string, pause time.Duration) {
	_, err := io.WriteString(c, head)
	for err == nil && piece != "" {
		time.Sleep(pause)
		_, err = io.WriteString(c, piece)
	}
}

func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
}

func hangs(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// asked reads the beginning of a request before it does what a bad server does.
func asked(do func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := c.Read(make([]byte, 1<<10)); err == nil {
			do(c)
		}
	}
}

// badWebs are servers that never answer as they should.
func badWebs() map[string]func(net.Conn) {
	all := map[string]func(net.Conn){
		"hangs":  hangs,
		"resets": reset,
		"closes": func(net.Conn) {},
		"500":    func(c net.Conn) { drip(c, "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", "", time.Second) },
		"slow head": func(c net.Conn) {
			drip(c, "HTTP/1.1 200 OK\r\n", "X-A: b\r\n", 20*time.Millisecond)
		},
		"endless head": func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("b", 8000)+"\r\n", 0) },
		"endless 100":  func(c net.Conn) { drip(c, "", "HTTP/1.1 100 Continue\r\n\r\n", 0) },
		"no HTTP":      func(c net.Conn) { drip(c, "220 mail.example.com ESMTP\r\n", "", time.Second) },
	}
	for name, do := range all {
		all[name] = asked(do)
	}
	return all
}

// TestBadServers: servers that hang, reset, drip or pour: each try ends in time, takes little memory, leaves
// nothing behind, and says what was wrong without the URL.
func TestBadServers(t *testing.T) {
	for name, do := range badWebs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb("om", time.Now, loadPace(&notice.Spool{}))
			e := ended(task.Failed, 3, "")
			target := notice.Target{Kind: notice.Webhook, To: "http://" + hostile(t, do) + "/s3cret"}
			ctx, stop := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer stop()
			begin := time.Now()
			err := w.webhook(ctx, &e, &target)
			if took := time.Since(begin); err == nil || took > 5*time.Second {
				t.Errorf("got %v after %v", err, took)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("it shows the URL: %v", err)
			}
		})
	}
}

// TestSlowBody: the status of an answer is enough; what comes behind it is not waited for longer than a try.
func TestSlowBody(t *testing.T) {
	w := newWeb("om", time.Now, loadPace(&notice.Spool{}))
	e := ended(task.Failed, 3, "")
	for name, pause := range map[string]time.Duration{"drips": 50 * time.Millisecond, "pours": 0} {
		to := hostile(t, asked(func(c net.Conn) {
			drip(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n", pause)
		}))
		ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
		begin := time.Now()
		err := w.webhook(ctx, &e, &notice.Target{To: "http://" + to})
		stop()
		if took := time.Since(begin); err != nil || took > 3*time.Second {
			t.Errorf("%s: got %v after %v", name, err, took)
		}
	}
}

// TestNothingGrows: a spool full of events for servers that are all bad: memory, goroutines and tries stay few,
// and leaving an event takes no longer than with an empty spool.
func TestNothingGrows(t *testing.T) {
	n := newNotifier(t)
	var targets []notice.Target
	for _, do := range badWebs() {
		targets = append(targets, notice.Target{Kind: notice.Webhook, To: "http://" + hostile(t, do) + "/x"})
	}
	spool := spoolOf(n)
	leave := func(i int) {
		e := ended(task.Failed, 3, "", targets...)
		e.Event.ID, e.Event.Task = fmt.Sprint("e", i), fmt.Sprint("task#", i%100)
		if err := spool.Put(e); err != nil {
			t.Error(err)
		}
	}
	for i := range 1000 {
		leave(i)
	}
	d := n.drainer(spool, func() service.Node { return service.Node{Name: "n1"} }, nil)
	d.expire = 200 * time.Millisecond
	ctx, stop := context.WithTimeout(context.Background(), 4*time.Second)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := d.drain(ctx); err != nil {
			t.Error(err)
		}
	})
	var most int
	var slow time.Duration
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := 1000; ctx.Err() == nil; i++ {
		begin := time.Now()
		leave(i)
		slow = max(slow, time.Since(begin))
		most = max(most, runtime.NumGoroutine())
		time.Sleep(5 * time.Millisecond)
	}
	wg.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if most > 200 {
		t.Errorf("%d goroutines", most)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if slow > 500*time.Millisecond {
		t.Errorf("an event took %v to leave", slow)
	}
	t.Logf("goroutines %d, slowest event %v, heap %d to %d KiB", most, slow, before.HeapAlloc>>10, after.HeapAlloc>>10)
}
