package task

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Stdout and Stderr are the streams that a Record may come from.
const (
	Stdout = "stdout"
	Stderr = "stderr"
)

// maxPiece is the longest piece of a line in an output file: log collectors read the format with a
// buffer of this size.
const maxPiece = 16 << 10

// sink keeps what a run writes, byte for byte: the first head bytes in a file as they come, the last
// tail bytes in a ring beside it, which finish moves into the file. Nothing is synced. What can't be
// written is dropped and counted; the run goes on.
type sink struct {
	path       string // "" keeps nothing
	head, tail int64
	fd         int       // of the file, 0 until something is put in it
	size       int64     // of the file, up to the last whole record
	total      int64     // bytes the run wrote
	kept       int64     // bytes of them that are in the file
	failed     bool      // the file takes no more
	last       time.Time // of the last bytes
	ring       ring
}

// write keeps p, which came from stream at the time now. scratch is room to format in.
func (k *sink) write(stream string, p []byte, now time.Time, scratch *[]byte) {
	from := k.total
	k.total += int64(len(p))
	k.last = now
	if k.path == "" {
		return
	}
	if n := min(int64(len(p)), k.head-from); n > 0 && !k.failed {
		*scratch = appendRecords((*scratch)[:0], stream, p[:n], now)
		if k.failed = !k.append(*scratch); !k.failed {
			k.kept += n
			p, from = p[n:], from+n
		}
	}
	if len(p) > 0 && k.tail > 0 {
		k.ring.write(k.path+tailSuffix, frame{offset: from, at: now, stream: stream}, p, k.tail)
	}
}

// append adds whole records to the file, or leaves it as it was.
func (k *sink) append(records []byte) bool {
	if k.fd == 0 && !k.open() {
		return false
	}
	if n, err := unix.Pwrite(k.fd, records, k.size); err != nil || n < len(records) {
		_ = unix.Ftruncate(k.fd, k.size)
		return false
	}
	k.size += int64(len(records))
	return true
}

// open makes the file when there is something to put in it: most runs write nothing.
func (k *sink) open() bool {
	fd, err := createFile(k.path)
	if err != nil {
		return false
	}
	k.fd = fd
	return true
}

// createFile makes a file, and its folder where that is missing.
func createFile(path string) (int, error) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC
	fd, err := openFile(path, flags)
	if errors.Is(err, unix.ENOENT) && os.MkdirAll(filepath.Dir(path), 0o700) == nil {
		fd, err = openFile(path, flags)
	}
	return fd, err
}

// openFile opens what is a file, and neither a link nor a pipe, which would be waited for.
func openFile(path string, flags int) (int, error) {
	fd, err := unix.Open(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = Errorf(ErrInvalid, "it is no file")
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// finish moves the tail into the file and returns how many bytes were not kept. If the file can't
// take the tail it stays in the ring, where readers find it too.
func (k *sink) finish(scratch *[]byte) (lost int64) {
	defer k.close()
	m := merge{sink: k, records: (*scratch)[:0], at: k.kept, from: max(k.kept, k.total-k.tail)}
	size := k.size
	if k.ring.each(m.frame) && m.end() {
		k.ring.remove(k.path + tailSuffix)
		return k.total - m.kept - k.kept
	}
	if k.fd != 0 {
		_ = unix.Ftruncate(k.fd, size)
	}
	return k.total - k.kept - k.ring.held(m.from)
}

// beyond is how many bytes are over the caps, which are left out on purpose.
func (k *sink) beyond() int64 {
	if k.path == "" {
		return k.total
	}
	return max(k.total-k.head-k.tail, 0)
}

func (k *sink) close() {
	if k.fd != 0 {
		_ = unix.Close(k.fd)
	}
	k.ring.close()
}

// merge copies a ring into the file.
type merge struct {
	sink    *sink
	records []byte // not yet written
	at      int64  // up to here the output is in the file, or told as lost
	from    int64  // what comes before is left out: the ring holds more than was asked for
	kept    int64
}

func (m *merge) frame(f frame, p []byte) bool {
	if skip := min(m.from-f.offset, int64(len(p))); skip > 0 {
		p, f.offset = p[skip:], f.offset+skip
	}
	if len(p) == 0 {
		return true
	}
	m.tell(f.offset, f.at)
	m.records = appendRecords(m.records, f.stream, p, f.at)
	m.kept += int64(len(p))
	m.at = f.offset + int64(len(p))
	return len(m.records) < 64<<10 || m.flush()
}

// tell says what is missing before offset.
func (m *merge) tell(offset int64, at time.Time) {
	if offset > m.at {
		m.records = appendGap(m.records, offset-m.at, at)
		m.at = offset
	}
}

func (m *merge) flush() bool {
	ok := len(m.records) == 0 || m.sink.append(m.records)
	m.records = m.records[:0]
	return ok
}

func (m *merge) end() bool {
	if m.sink.path != "" {
		m.tell(m.sink.total, m.sink.last)
	}
	return m.flush()
}

// appendRecords formats p as records of the CRI log format: time, stream, F for a line or P for a
// piece that no newline ends, and the bytes.
func appendRecords(dst []byte, stream string, p []byte, now time.Time) []byte {
	var room [64]byte
	prefix := append(append(append(now.UTC().AppendFormat(room[:0], time.RFC3339Nano), ' '), stream...), ' ')
	for len(p) > 0 {
		piece, rest, full := cutPiece(p)
		tag := byte('P')
		if full {
			tag = 'F'
		}
		dst = append(append(dst, prefix...), tag, ' ')
		dst = append(append(dst, piece...), '\n')
		p = rest
	}
	return dst
}

// cutPiece cuts off what one record holds of p: a line without its newline (full), or a piece.
func cutPiece(p []byte) (piece, rest []byte, full bool) {
	end := bytes.IndexByte(p[:min(len(p), maxPiece+1)], '\n')
	switch {
	case end >= 0:
		return p[:end], p[end+1:], true
	case len(p) > maxPiece:
		return p[:maxPiece], p[maxPiece:], false
	}
	return p, nil, false
}

// gapTag marks the record that stands for bytes that were left out. Readers of the format take what
// follows the colon for a tag that they need not know.
const gapTag = "F:gap"

func appendGap(dst []byte, lost int64, at time.Time) []byte {
	dst = at.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, " "+Stderr+" "+gapTag+" "...)
	return append(strconv.AppendInt(dst, lost, 10), " bytes left out\n"...)
}
