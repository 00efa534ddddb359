package task

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const (
	journalSocket = "/run/systemd/journal/socket"
	maxMessage    = 32 << 10 // a datagram that every host takes
)

// journal sends what a run writes to journald in its native protocol, a line a message. It never
// waits: a message that journald does not take is lost.
type journal struct {
	fd     int
	fields []byte    // what every message of the run says
	part   [2][]byte // the beginning of a line that has not ended
}

// openJournal connects to journald; the error says that there is none.
func openJournal(socket string, j *Job) (*journal, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	w := &journal{fd: fd}
	for _, field := range [...][2]string{
		{"SYSLOG_IDENTIFIER", "om"}, {"OM_SERVICE", j.ID.Service}, {"OM_TASK", j.ID.RID}, {"OM_RUN_ID", j.RunID},
	} {
		w.fields = appendField(w.fields, field[0], []byte(field[1]))
	}
	return w, nil
}

// write sends the lines of p that have ended; stream is 0 for standard output, 1 for the other.
func (w *journal) write(stream int, p []byte) {
	for len(p) > 0 {
		piece, rest, full := cutPiece(p)
		w.part[stream] = append(w.part[stream], piece...)
		if full || len(w.part[stream]) >= maxMessage-maxPiece {
			w.flush(stream)
		}
		p = rest
	}
}

// flush sends the line at hand, as information or, from standard error, as a warning.
func (w *journal) flush(stream int) {
	priority := [...]string{"6", "4"}[stream]
	message := appendField(bytes.Clone(w.fields), "PRIORITY", []byte(priority))
	message = appendField(message, "MESSAGE", w.part[stream])
	_, _ = unix.Write(w.fd, message)
	w.part[stream] = w.part[stream][:0]
}

func (w *journal) close() {
	for stream := range w.part {
		if len(w.part[stream]) > 0 {
			w.flush(stream)
		}
	}
	_ = unix.Close(w.fd)
}

// appendField writes a field in the form that takes any bytes: the name, and the value's length
// before it.
func appendField(dst []byte, name string, value []byte) []byte {
	dst = append(append(dst, name...), '\n')
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(value)))
	return append(append(dst, value...), '\n')
}
