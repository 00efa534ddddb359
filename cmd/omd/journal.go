package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	sdjournal "github.com/coreos/go-systemd/v22/journal"
)

// isJournal says that f is the stream to the journal which systemd gave us: see JOURNAL_STREAM in systemd.exec(5).
func isJournal(f *os.File, stream string) bool {
	info, err := f.Stat()
	if err != nil || stream == "" {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// journal writes lines for the journal, without time and level, which the journal has itself: with their fields by its native
// protocol, where there is one to talk to, else to a stream, with their priority in front, as sd-daemon(3) says.
type journal struct {
	slog.Handler // writes to buf

	attrs  []slog.Attr
	shared *journalOut
}

type journalOut struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	out  io.Writer
	send func(line string, p sdjournal.Priority, fields map[string]string) error // nil for none
}

func newJournal(out io.Writer, o *slog.HandlerOptions) *journal {
	shared := &journalOut{out: out}
	plain := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}}
	return &journal{slog.NewTextHandler(&shared.buf, plain), nil, shared}
}

// Handle writes one line, at once.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	j.shared.mu.Lock()
	defer j.shared.mu.Unlock()
	buf := &j.shared.buf
	buf.Reset()
	if err := j.Handler.Handle(ctx, r); err != nil {
		return err
	}
	if send := j.shared.send; send != nil && send(strings.TrimSuffix(buf.String(), "\n"), priority(r.Level), j.fields(r)) == nil {
		return nil
	}
	_, err := fmt.Fprintf(j.shared.out, "<%d>%s", priority(r.Level), buf) // one write
	return err
}

// messageIDs are the values of MESSAGE_ID, by which the journal finds all lines of a kind: see omd(8). They stay as they are.
func messageIDs() map[string]string {
	return map[string]string{
		"started":             "e4b39cf02c214b25ba2b714b6d131b7a",
		"ended":               "0a41bfaa392b458790f1e62c0b69bc5a",
		"lost":                "655001f9bb8a430caf8dd3599d3fab19",
		"skipped":             "80365b1083d346a4aed9f764191a23f9",
		"missed":              "f7f0278b2f744b52b5abb7d77a51d7b1",
		"expired":             "58aaade3502743389c86b197bed84d8c",
		"config rejected":     "aa4a0912ca004f72874f27a9bec30a2d",
		"config removed":      "8333db9024e24a93a78c617c20c940fb",
		"clock jump":          "a4e910abf9a34d5cb9db38c1561fce5b",
		"nothing is decided":  "51d8fcbdf50748afa953ffd94b96e782",
		"a turn failed":       "ac237a58bc4345ac8ba0c02eb1b4830a",
		"given up":            "b1b949b31d134ab8916d284283eb9f5e",
		"not told":            "6a369a4d670c41d59044acdcae9c2ad7",
		"events were dropped": "a229356ad98a401f9f33ce1e12261d33",
		"ready":               "cf6d2606b4ea40d790914c33730fef66",
	}
}

// fields are those of a line by their names in the journal: OM_SERVICE, OM_TASK and so on.
func (j *journal) fields(r slog.Record) map[string]string {
	fields := map[string]string{"SYSLOG_IDENTIFIER": "om"}
	if id := messageIDs()[r.Message]; id != "" {
		fields["MESSAGE_ID"] = id
	}
	add := func(a slog.Attr) bool {
		name := "OM_" + strings.ToUpper(a.Key)
		if a.Key == "run" {
			name = "OM_RUN_ID"
		}
		fields[name] = a.Value.String()
		return true
	}
	for _, a := range j.attrs {
		add(a)
	}
	r.Attrs(add)
	return fields
}

// WithAttrs keeps the prefix and the fields.
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.Handler.WithAttrs(attrs), slices.Concat(j.attrs, attrs), j.shared}
}

// WithGroup keeps the prefix. The fields of the journal have no groups.
func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.Handler.WithGroup(name), j.attrs, j.shared}
}

// priority is the level as syslog(3) counts.
func priority(l slog.Level) sdjournal.Priority {
	switch {
	case l >= slog.LevelError:
		return sdjournal.PriErr
	case l >= slog.LevelWarn:
		return sdjournal.PriWarning
	case l >= slog.LevelInfo:
		return sdjournal.PriInfo
	}
	return sdjournal.PriDebug
}
