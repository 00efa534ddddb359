package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"

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
		return slog.New(newJournal(env.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(env.Stderr, opts))
}

// isJournal says that f is the stream to the journal which systemd gave us: see JOURNAL_STREAM in systemd.exec(5).
func isJournal(f *os.File, stream string) bool {
	info, err := f.Stat()
	if err != nil || stream == "" {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// journal writes lines for the journal: with their priority in front, as sd-daemon(3) says, and without time and level,
// which the journal has itself.
type journal struct {
	slog.Handler // writes to buf

	shared *journalOut
}

type journalOut struct {
	mu  sync.Mutex
	buf bytes.Buffer
	out io.Writer
}

func newJournal(out io.Writer, o *slog.HandlerOptions) *journal {
	shared := &journalOut{out: out}
	plain := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}}
	return &journal{slog.NewTextHandler(&shared.buf, plain), shared}
}

// Handle writes one line, at once.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	j.shared.mu.Lock()
	defer j.shared.mu.Unlock()
	j.shared.buf.Reset()
	fmt.Fprintf(&j.shared.buf, "<%d>", priority(r.Level))
	if err := j.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := j.shared.out.Write(j.shared.buf.Bytes())
	return err
}

// WithAttrs keeps the prefix.
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.Handler.WithAttrs(attrs), j.shared}
}

// WithGroup keeps the prefix.
func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.Handler.WithGroup(name), j.shared}
}

// priority is the level as syslog(3) counts.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
