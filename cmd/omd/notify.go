package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"om/notice"
	"om/schedule"
	"om/service"
	"om/state"
	"om/task"
)

const notifyUsage = `usage: omd notify [--once] [--config-dir DIR] [--state-dir DIR]
       omd notify --test SERVICE/RID [--config-dir DIR] [--state-dir DIR]

Deliver what is to be told of runs: to commands, by mail, to webhooks and by pings, as node.conf and the
services' files say. om and the daemon leave it in STATE/spool, and wait for nobody.

  --once        try what can be tried now, and end: what om tick does
  --test TASK   tell each target of a task now that this is a test, and print how that went

Exit codes: 0 done, also by another omd notify that is at work; 1 a test was not delivered; 2 wrong command
line; 66 no such task; 70 the spool can't be used; 78 bad configuration.
`

// notifier is what telling depends on besides the spool.
type notifier struct {
	ConfigDir, StateDir string
	Host                string // the name of the node, unless node.conf has another
	NodeName            string // the name of the node, whatever node.conf has: OM_NODENAME; "" is none
	Home                string // of the commands
	Version             string
	EUID                int
	Now                 func() time.Time
	Out, Err            io.Writer
	Log                 *slog.Logger
}

// notify is omd notify: args are behind the word. It returns the exit code.
func (n *notifier) notify(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("omd notify", flag.ContinueOnError)
	flags.SetOutput(n.Err)
	flags.Usage = func() {}
	once := flags.Bool("once", false, "")
	test := flags.String("test", "", "")
	flags.StringVar(&n.ConfigDir, "config-dir", n.ConfigDir, "")
	flags.StringVar(&n.StateDir, "state-dir", n.StateDir, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(n.Out, notifyUsage)
		return 0
	case err != nil:
		fmt.Fprint(n.Err, notifyUsage)
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(n.Err, "omd: notify: unexpected %q\n%s", flags.Arg(0), notifyUsage)
		return 2
	}
	node, err := service.LoadNode(n.ConfigDir, n.Host)
	if err != nil {
		fmt.Fprintf(n.Err, "omd: %s\n", task.Text(err))
		return 78
	}
	if n.NodeName != "" {
		node.Name = n.NodeName
	}
	if *test != "" {
		return n.test(ctx, node, *test)
	}
	hurry := time.Duration(0)
	if *once {
		hurry = untilNext
	}
	err = n.deliver(ctx, func() service.Node { return node }, hurry, nil)
	if err != nil {
		fmt.Fprintf(n.Err, "omd: %s\n", task.Text(err))
		return 70
	}
	return 0
}

// untilNext is when a tick may start the next omd notify --once: what gathers no longer than that is told now.
const untilNext = time.Minute

// deliver delivers until ctx is done or, in a hurry, until nothing can be tried now: see drainer.hurry. The daemon calls it in
// a goroutine, with its node as it is read last, and with wake to say that there may be something new. Where another process
// delivers, it waits for its turn; in a hurry it has nothing to do.
func (n *notifier) deliver(ctx context.Context, node func() service.Node, hurry time.Duration, wake <-chan struct{}) error {
	spool := &notice.Spool{Dir: filepath.Join(n.StateDir, "spool")}
	if n.EUID == 0 {
		if err := task.Trusted(spool.Dir); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	for {
		lock, err := spool.Lock()
		if err != nil {
			return err
		}
		if lock != nil {
			defer lock.Close()
			d := n.drainer(spool, node, wake)
			d.hurry = hurry
			return d.drain(ctx)
		}
		if hurry > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}

// drainer prepares the deliveries.
func (n *notifier) drainer(spool *notice.Spool, node func() service.Node, wake <-chan struct{}) *drainer {
	p, zones := loadPace(spool), newZones()
	return &drainer{
		spool: spool, now: n.Now, log: n.Log, ways: n.ways(p, node), pace: p, wake: wake, expire: tryTimeout,
		zones: func() *schedule.Parser { return cmp.Or(node().Schedules, zones) }, // the daemon's, which follow the host's
	}
}

func (n *notifier) ways(p *pace, node func() service.Node) map[string]deliver {
	agent := "om/" + n.Version
	w := newWeb(agent, n.Now, p)
	m := &mailer{server: func() service.Mailer { return node().Mail }, node: node().Name, agent: agent}
	c := &commands{home: n.Home}
	return map[string]deliver{notice.Webhook: w.webhook, notice.Ping: w.ping, notice.Mail: m.mail, notice.Command: c.run}
}

// test tells the targets of a task that this is a test, and prints how that went.
func (n *notifier) test(ctx context.Context, node service.Node, name string) int {
	t, code, err := n.find(node, name)
	if err != nil {
		fmt.Fprintf(n.Err, "omd: %s\n", task.Text(err))
		return code
	}
	now := n.Now()
	entry := notice.Entry{
		Event: notice.Event{
			ID: state.NewID(now) + "-" + task.EventTest, Type: task.EventTest, Timestamp: now.UTC(), Node: node.Name,
			Service: t.ID.Service, Task: t.ID.RID, Summary: "test: this is how runs of the task are told",
		},
		Targets: append(notice.People(t), notice.Pings(t)...),
	}
	if len(entry.Targets) == 0 {
		fmt.Fprintf(n.Err, "omd: %s: nobody is told: it has none of notify_command, notify_mail, notify_webhook and ping\n", t.ID)
		return 1
	}
	ways := n.ways(&pace{targets: map[string]pinged{}}, func() service.Node { return node })
	code = 0
	for i := range entry.Targets {
		target := &entry.Targets[i]
		tryCtx, stop := context.WithTimeout(ctx, tryTimeout)
		err := ways[target.Kind](tryCtx, &entry, target)
		stop()
		said := "delivered"
		if err != nil {
			said, code = notice.Line(err.Error()), 1
		}
		fmt.Fprintf(n.Out, "%s %s: %s\n", target.Kind, target.Shown(), said)
	}
	if text := t.Notify.QuietFor("", t.Timezone); text != "" {
		fmt.Fprintf(n.Out, "quiet hours: %s\n", quietNow(text, t.Notify.Urgent, now))
	}
	return code
}

// quietNow says what quiet hours mean for what happens now.
func quietNow(text, urgent string, now time.Time) string {
	hours, err := service.ReadQuiet(text, newZones())
	if err != nil {
		return err.Error()
	}
	until, quiet := hours.Covers(now)
	if !quiet {
		return text + ": not now"
	}
	text += ": now, until " + until.Format("Mon 2006-01-02 15:04:05 MST")
	if urgent != "" && urgent != "none" {
		text += ", but for " + urgent
	}
	return text
}

// find reads a task from its service's file.
func (n *notifier) find(node service.Node, name string) (t *task.Task, code int, err error) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return nil, 2, fmt.Errorf("%q: wanted SERVICE/RID as in testmd/task#0", name)
	}
	s, err := service.Read(n.ConfigDir, name[:i], node)
	if err == nil && n.EUID == 0 {
		err = task.Trusted(s.File)
	}
	switch {
	case errors.Is(err, task.ErrNotFound):
		return nil, 66, err
	case err != nil:
		return nil, 78, err
	}
	found, known := s.Task(name[i+1:])
	if !known {
		return nil, 66, fmt.Errorf("service %s has no task %s", name[:i], name[i+1:])
	}
	return &found, 0, nil
}
