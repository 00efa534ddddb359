package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"om/engine"
)

// herald tells systemd how the daemon is. Where nobody listens it does nothing. The loop itself calls it: a loop that
// hangs is a watchdog that is not fed.
type herald struct {
	now      func() time.Time
	watchdog time.Duration // 0 for none
	fed      time.Time
	draining bool
	status   string // as it was told last
}

// drainPatience is how much time each beat of a daemon that waits for its runs asks for.
const drainPatience = 30 * time.Second

func newHerald(now func() time.Time) (*herald, error) {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	return &herald{now: now, watchdog: watchdog}, err
}

// send tells systemd; that it does not listen changes nothing.
func (n *herald) send(lines ...string) {
	_, _ = daemon.SdNotify(false, strings.Join(lines, "\n"))
}

// pulse is how often the loop wakes to say that it is alive: a third of what the watchdog allows.
func (n *herald) pulse() time.Duration {
	const slowest = 10 * time.Second
	if n.watchdog > 0 {
		return min(n.watchdog/3, slowest)
	}
	return slowest
}

// alive feeds the watchdog, and while the daemon drains asks for more time.
func (n *herald) alive() {
	now := n.now()
	if since := now.Sub(n.fed); since >= 0 && since < n.pulse()/2 {
		return
	}
	n.fed = now
	var lines []string
	if n.watchdog > 0 {
		lines = append(lines, "WATCHDOG=1")
	}
	if n.draining {
		lines = append(lines, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", drainPatience.Microseconds()))
	}
	if len(lines) > 0 {
		n.send(lines...)
	}
}

func (n *herald) reloading() {
	n.send("RELOADING=1", daemon.SdNotifyMonotonicUsec())
}

// stopping is told when a signal comes, by whatever goroutine has it.
func (n *herald) stopping() { n.send("STOPPING=1") }

// told tells of a turn: the first makes the daemon ready, one that was asked for ends the reload.
func (n *herald) told(turn engine.Turn) {
	var lines []string
	if turn.First || turn.Reloaded && !turn.Draining {
		lines = append(lines, "READY=1")
	}
	if turn.Draining && !n.draining {
		n.draining, n.fed = true, time.Time{}
		lines = append(lines, "STOPPING=1", fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", drainPatience.Microseconds()))
	}
	if status := statusOf(turn); status != n.status {
		n.status = status
		lines = append(lines, "STATUS="+status)
	}
	if len(lines) > 0 {
		n.send(lines...)
	}
}

// statusOf is the line that systemctl status shows.
func statusOf(turn engine.Turn) string {
	if turn.Draining {
		return fmt.Sprintf("draining: %d running", turn.Running)
	}
	next := "nothing due"
	if !turn.Next.IsZero() {
		next = "next " + turn.Next.Local().Format(time.RFC3339)
	}
	status := fmt.Sprintf("%s, %s, %d running, %s", counted(turn.Services, "service"), counted(turn.Tasks, "task"), turn.Running, next)
	switch {
	case turn.Node != nil:
		status += "; node.conf has errors: the settings of before stay"
	case turn.Deferred != "":
		status += "; nothing is decided: " + turn.Deferred
	}
	return status
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
