package main

import (
	"cmp"
	"context"
	"io"
	stdlog "log"
	"log/slog"
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
	return notifierOf(env, config, state, host, newLogger(env, options{})).notify(ctx, args)
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

// deliveries delivers beside the loop, until ctx is done. told is to be called after each turn, with the node as it
// was read last: there may be something new. wait waits for what is on its way.
func deliveries(ctx context.Context, env cmd.Env, e *engine.Engine, log *slog.Logger) (told func(service.Node), wait func()) {
	var mu sync.Mutex
	node := e.Node
	wake := make(chan struct{}, 1)
	done := make(chan struct{})
	n := notifierOf(env, e.ConfigDir, e.StateDir, e.Node.Name, log)
	go func() {
		defer close(done)
		err := n.deliver(ctx, func() service.Node {
			mu.Lock()
			defer mu.Unlock()
			return node
		}, false, wake)
		if err != nil {
			log.Error("nobody is told", "reason", reasonOf(err))
		}
	}()
	told = func(now service.Node) {
		mu.Lock()
		node = now
		mu.Unlock()
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	wait = func() {
		select {
		case <-done:
		case <-time.After(deliveryGrace):
		}
	}
	return told, wait
}
