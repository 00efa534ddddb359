package main

import (
	"log/slog"

	sdjournal "github.com/coreos/go-systemd/v22/journal"

	"om/cmd"
)

func newLogger(env cmd.Env, o options) *slog.Logger {
	format := o.format
	if format == "" && isJournal(env.Stderr, env.Getenv("JOURNAL_STREAM")) {
		format = "journal"
	}
	opts := &slog.HandlerOptions{Level: o.level}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(env.Stderr, opts))
	case "journal":
		j := newJournal(env.Stderr, opts)
		if o.format == "" { // it is the journal itself
			j.shared.send = sdjournal.Send
		}
		return slog.New(j)
	}
	return slog.New(slog.NewTextHandler(env.Stderr, opts))
}
