package main

import (
	"log/slog"
	"os"

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

// newNotifyLogger is newLogger for omd notify. As om tick starts it, it has no standard error that anybody sees: the journal, where
// there is one, is told why a delivery failed.
func newNotifyLogger(env cmd.Env) *slog.Logger {
	if !isNull(env.Stderr) || !sdjournal.Enabled() {
		return newLogger(env, options{})
	}
	j := newJournal(env.Stderr, &slog.HandlerOptions{})
	j.shared.send = sdjournal.Send
	return slog.New(j)
}

// isNull says that f is /dev/null.
func isNull(f *os.File) bool {
	null, err := os.Stat(os.DevNull)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && os.SameFile(info, null)
}
