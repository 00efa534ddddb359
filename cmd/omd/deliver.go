package main

import (
	"cmp"
	"context"
	"io"
	stdlog "log"
	"log/slog"
	"math"
	"os"
	"sync"
	"time"

	"om/cmd"
	"om/engine"
	"om/service"
)

// notify is omd notify: it delivers what om and the daemon have left to be told, and returns the exit code.
func notify(env cmd.Env, s signals, args []string) int {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	go func() {
		select {
		case <-s.stop:
			end()
		case <-ctx.Done():
		}
	}()
	config, state, host, err := cmd.NewDaemon(env, "", "").Folders()
	if err != nil {
		return cmd.ExitCode(err)
	}
	return notifierOf(env, config, state, host, newNotifyLogger(env)).notify(ctx, args)
}

func notifierOf(env cmd.Env, config, state, host string, log *slog.Logger) *notifier {
	stdlog.SetOutput(io.Discard) // net/http writes there when a server talks out of turn
	return &notifier{
		ConfigDir: config, StateDir: state, Host: host, NodeName: env.Getenv("OM_NODENAME"), Home: cmp.Or(env.Getenv("HOME"), "/"),
		Version: env.Version, EUID: os.Geteuid(), Now: env.Now, Out: env.Stdout, Err: env.Stderr, Log: log,
	}
}

// deliveryGrace is how long the end of the daemon waits for what is on its way.
const deliveryGrace = 10 * time.Second

// courier delivers beside the loop, from its first turn on.
type courier struct {
	n    *notifier
	wake chan struct{}
	done chan struct{} // closed when it has ended; nil where it has not begun

	mu   sync.Mutex
	node service.Node // as it was read last
}

func newCourier(env cmd.Env, e *engine.Engine, log *slog.Logger) *courier {
	return &courier{n: notifierOf(env, e.ConfigDir, e.StateDir, e.Node.Name, log), wake: make(chan struct{}, 1)}
}

// told is to be called after each turn: there may be something new. The first begins the deliveries, which go on until
// ctx is done.
func (c *courier) told(ctx context.Context, node service.Node) {
	c.mu.Lock()
	c.node = node
	c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		go c.deliver(ctx)
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// deliver delivers until ctx is done. What is wrong with the spool may be mended while the daemon lives: it is told once an hour,
// and tried again.
func (c *courier) deliver(ctx context.Context) {
	defer close(c.done)
	var said time.Time
	for {
		err := c.n.deliver(ctx, c.present, 0, c.wake)
		if now := c.n.Now(); err != nil && now.Sub(said).Abs() >= sayAgain {
			c.tell(err)
			said = now
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
}

func (c *courier) present() service.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.node
}

func (c *courier) tell(err error) {
	if err != nil {
		c.n.Log.Error("nobody is told", "reason", reasonOf(err))
	}
}

// last delivers what can be delivered now: nobody may come soon to tell how the last runs of a drained node ended.
func (c *courier) last() {
	ctx, stop := context.WithTimeout(context.Background(), deliveryGrace)
	defer stop()
	c.tell(c.n.deliver(ctx, c.present, math.MaxInt64, nil))
}

// wait waits for what is on its way, when the context of the deliveries is done.
func (c *courier) wait() {
	if c.done == nil {
		return
	}
	select {
	case <-c.done:
	case <-time.After(deliveryGrace):
	}
}
