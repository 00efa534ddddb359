package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"om/engine"
	"om/notice"
	"om/service"
	"om/task"
)

// story is an engine on the folders of a notifier.
func story(t *testing.T, n *notifier) *engine.Engine {
	t.Helper()
	node, err := service.LoadNode(n.ConfigDir, n.Host)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine.Engine{
		ConfigDir: n.ConfigDir, StateDir: n.StateDir, Node: node, Now: time.Now, EUID: os.Geteuid(), By: "test", Users: &task.Users{},
		Untold: func(id task.ID, err error) { t.Errorf("%s: %v", id, err) },
	}
	t.Cleanup(e.Close)
	return e
}

func conf(t *testing.T, n *notifier, service, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(n.ConfigDir, service+".conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs the tasks of a service, and says how long that took.
func runTasks(t *testing.T, e *engine.Engine, service string) time.Duration {
	t.Helper()
	begin := time.Now()
	results, err := e.Run(context.Background(), service, engine.Request{
		Origin: task.Manual, Live: task.Live{}, Catch: func() (context.Context, error) { return context.Background(), nil },
	})
	for _, r := range results {
		if r.Err != nil && r.Run.State == "" {
			t.Error(r.Err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

// kinds lists the events in the spool, the oldest first.
func kinds(t *testing.T, n *notifier) (all []string) {
	t.Helper()
	names, _ := spoolOf(n).Names()
	for _, name := range names {
		e, err := spoolOf(n).Read(name)
		if err != nil {
			t.Error(err)
		}
		to := ""
		for _, target := range e.Targets {
			to += " " + target.Kind
		}
		all = append(all, e.Event.Task+" "+e.Event.Type+":"+to)
	}
	return all
}

// TestLeave: what runs leave in the spool. Nothing of a command line or an environment is in it, and nothing at
// all is left where nobody is to be told.
func TestLeave(t *testing.T) {
	n := newNotifier(t)
	conf(t, n, "quiet", "[task#0]\ncommand = /bin/false\ncwd = /\n")
	e := story(t, n)
	runTasks(t, e, "quiet")
	if _, err := os.Stat(spoolOf(n).Dir); !os.IsNotExist(err) {
		t.Errorf("there is a spool: %v", err)
	}
	nodeConf(t, n, "mail = ops@example.com")
	conf(t, n, "web", `[DEFAULT]
cwd = /
notify_webhook = https://hooks.example.com/{name}
environment = TOKEN=t0ken
[task#0]
command = /bin/sh -c "exit 3" s3cret
[task#1]
command = /bin/true s3cret
ping = https://hc.example.com/key/{name}-{rindex}
[task#2]
command = /bin/true
notify_on = started ok
notify_webhook =
[task#3]
command = /nowhere/at/all
`)
	e = story(t, n)
	runTasks(t, e, "web")
	want(t, "events", strings.Join(kinds(t, n), "\n"), strings.Join([]string{
		"task#0 failed: mail webhook", "task#1 started: ping", "task#1 ok: ping", "task#2 started: mail", "task#2 ok: mail",
		"task#3 failed: mail webhook",
	}, "\n"))
	names, _ := spoolOf(n).Names()
	for _, name := range names {
		text, _ := os.ReadFile(filepath.Join(spoolOf(n).Dir, name))
		if strings.Contains(string(text), "s3cret") || strings.Contains(string(text), "t0ken") {
			t.Errorf("got %s", text)
		}
	}
}

// TestRunsAreNotDelayed: with servers that hang, reset, drip and pour, and somebody who tries to deliver to them all the while, runs
// take as long as without: none waits for a try, which takes five seconds where the server lets it.
func TestRunsAreNotDelayed(t *testing.T) {
	n := newNotifier(t)
	var hooks []string
	for _, do := range badWebs() {
		hooks = append(hooks, "http://"+hostile(t, do)+"/x")
	}
	nodeConf(t, n, "mail = ops@example.com", "smtp = "+hostile(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), "on = ok failed")
	conf(t, n, "plain", "[task#0]\ncommand = /bin/true\ncwd = /\nnotify_mail =\n")
	for i, hook := range hooks {
		conf(t, n, fmt.Sprint("told", i), "[task#0]\ncommand = /bin/true\ncwd = /\nnotify_webhook = "+hook+"\nping = "+hook+"\n")
	}
	e := story(t, n)
	d := n.drainer(&notice.Spool{Dir: e.Spool()}, func() service.Node { return e.Node }, nil)
	d.expire = 5 * time.Second
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.drain(ctx) })
	defer wg.Wait()
	defer stop()
	var plain, told []time.Duration
	for i := range 200 {
		plain = append(plain, runTasks(t, e, "plain"))
		told = append(told, runTasks(t, e, fmt.Sprint("told", i%len(hooks))))
	}
	p := func(all []time.Duration, part int) time.Duration {
		all = slices.Sorted(slices.Values(all))
		return all[len(all)*part/100]
	}
	t.Logf("median %v and %v, p99 %v and %v", p(plain, 50), p(told, 50), p(plain, 99), p(told, 99))
	if p(told, 50) > 2*p(plain, 50)+5*time.Millisecond || p(told, 99) > p(plain, 99)+d.expire/2 {
		t.Errorf("runs of which somebody is told take longer: median %v, not %v; p99 %v, not %v", p(told, 50), p(plain, 50), p(told, 99), p(plain, 99))
	}
}

// TestLimited: of what a command writes little is kept, whoever copies it.
func TestLimited(t *testing.T) {
	l := &limited{most: 10}
	n, err := io.Copy(l, strings.NewReader(strings.Repeat("0123456789ab", 10_000)))
	if err != nil || n != 120_000 || l.String() != "0123456789" {
		t.Errorf("%d taken, %v, and %d kept", n, err, len(l.String()))
	}
}
