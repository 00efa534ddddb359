package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Record is a piece of what a run wrote. The bytes of a stream are those of its records in a row,
// with a newline after each that is Full.
type Record struct {
	Time   time.Time // when om read it, UTC
	Stream string    // Stdout or Stderr
	Bytes  []byte    // valid until the next record
	Full   bool      // a newline ended it
	// Lost, if not 0, is the number of bytes that were not kept at this place; the record has no
	// bytes then.
	Lost int64
}

// ReadOutput yields what the run with its output file at path has written until now, in order. It
// reads the output of a run in progress as well, and of one whose supervisor was killed. A run that
// wrote nothing has no file: nothing is yielded.
func ReadOutput(path string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		o := output{path: path, yield: yield}
		defer o.close()
		o.pass()
	}
}

// FollowOutput is ReadOutput that goes on as more is written, until ended reports that the run is
// over or ctx is done; then it yields the error of ctx.
func FollowOutput(ctx context.Context, path string, ended func() bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		o := output{path: path, yield: yield}
		defer o.close()
		poll := time.NewTicker(100 * time.Millisecond)
		defer poll.Stop()
		for over := false; !over; {
			over = ended()
			if !o.pass() || over {
				return
			}
			select {
			case <-ctx.Done():
				yield(Record{}, ctx.Err())
				return
			case <-poll.C:
			}
		}
	}
}

// RemoveOutput removes an output file and what may be left beside it.
func RemoveOutput(path string) error {
	var errs []error
	for _, p := range [...]string{path, path + tailSuffix, path + cancelSuffix} {
		if err := os.Remove(p); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// output reads an output file and its ring. Bytes are counted from the beginning of the run, so that
// it can leave off in one and go on in the other.
type output struct {
	path  string
	yield func(Record, error) bool

	fd      int
	fileAt  int64 // place in the file of the first byte of buf
	buf     []byte
	filePos int64 // bytes of the run before that place
	pos     int64 // bytes of the run that were yielded, or told as lost
	stamp   string
	time    time.Time
}

// pass yields what is there now, and reports false when the consumer has enough or the file is
// broken.
func (o *output) pass() bool {
	if !o.readFile() {
		return false
	}
	r, err := openRing(o.path + tailSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return o.readFile() // the ring may just have been moved into the file
	}
	if err != nil {
		return o.fail(err)
	}
	defer r.close()
	return o.readRing(&r)
}

func (o *output) fail(err error) bool {
	o.yield(Record{}, fmt.Errorf("output %q: %w", o.path, err))
	return false
}

func (o *output) close() {
	if o.fd != 0 {
		_ = unix.Close(o.fd)
	}
}

// readFile yields the records that were added to the file.
func (o *output) readFile() bool {
	if o.fd == 0 {
		fd, err := openFile(o.path, unix.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return true
		}
		if err != nil {
			return o.fail(err)
		}
		o.fd = fd
	}
	for {
		n, err := o.fill()
		if err != nil {
			return o.fail(err)
		}
		if n == 0 {
			o.buf = o.buf[:0] // half a record is read again when it is whole
			return true
		}
		if !o.lines() {
			return false
		}
	}
}

// fill adds bytes of the file to buf.
func (o *output) fill() (int, error) {
	have := len(o.buf)
	if cap(o.buf)-have < 4<<10 {
		grown := make([]byte, have, max(64<<10, 2*cap(o.buf)))
		copy(grown, o.buf)
		o.buf = grown
	}
	n, err := unix.Pread(o.fd, o.buf[have:cap(o.buf)], o.fileAt+int64(have))
	if err != nil {
		return 0, err
	}
	o.buf = o.buf[:have+n]
	return n, nil
}

// lines yields the whole records in buf and drops them.
func (o *output) lines() bool {
	rest := o.buf
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			break
		}
		if !o.line(line) {
			return false
		}
		rest = after
	}
	o.fileAt += int64(len(o.buf) - len(rest))
	o.buf = o.buf[:copy(o.buf, rest)]
	return true
}

func (o *output) line(line []byte) bool {
	r, ok := o.parse(line)
	if !ok {
		return o.fail(fmt.Errorf("%q: wanted TIME STREAM TAG TEXT: %w", line[:min(len(line), 80)], ErrInvalid))
	}
	size := int64(len(r.Bytes)) + r.Lost
	if r.Full {
		size++
	}
	start := o.filePos
	o.filePos += size
	return o.emit(r, start, size)
}

// emit yields the part of r that was not yielded yet; r has size bytes from start on.
func (o *output) emit(r Record, start, size int64) bool {
	skip := o.pos - start
	if skip >= size && size > 0 {
		return true
	}
	o.pos = max(o.pos, start+size)
	if skip > 0 && r.Lost > 0 {
		r.Lost -= skip
	} else if skip > 0 {
		r.Bytes = r.Bytes[min(skip, int64(len(r.Bytes))):]
	}
	return o.yield(r, nil)
}

func (o *output) parse(line []byte) (Record, bool) {
	stamp, rest, ok1 := bytes.Cut(line, []byte(" "))
	stream, rest, ok2 := bytes.Cut(rest, []byte(" "))
	tag, text, ok3 := bytes.Cut(rest, []byte(" "))
	if !ok1 || !ok2 || !ok3 || !o.stampTime(stamp) {
		return Record{}, false
	}
	r := Record{Time: o.time, Bytes: text, Full: string(tag) == "F"}
	switch string(stream) {
	case Stdout:
		r.Stream = Stdout
	case Stderr:
		r.Stream = Stderr
	default:
		return r, false
	}
	switch string(tag) {
	case "F", "P":
		return r, true
	case gapTag:
		count, _, _ := bytes.Cut(text, []byte(" "))
		lost, err := strconv.ParseInt(string(count), 10, 64)
		r.Bytes, r.Lost = nil, lost
		return r, err == nil && lost > 0
	}
	return r, false
}

// stampTime reads a time; many records in a row bear the same.
func (o *output) stampTime(stamp []byte) bool {
	if string(stamp) == o.stamp {
		return true
	}
	t, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return false
	}
	o.stamp, o.time = string(stamp), t
	return true
}

// readRing yields the frames of the ring that come after what was yielded.
func (o *output) readRing(r *ring) bool {
	return r.each(func(f frame, p []byte) bool {
		if f.end() <= o.pos {
			return true
		}
		if gap := f.offset - o.pos; gap > 0 && !o.emit(Record{Time: f.at, Stream: Stderr, Lost: gap}, o.pos, gap) {
			return false
		}
		start := f.offset
		for len(p) > 0 {
			piece, rest, full := cutPiece(p)
			size := int64(len(p) - len(rest))
			if !o.emit(Record{Time: f.at, Stream: f.stream, Bytes: piece, Full: full}, start, size) {
				return false
			}
			p, start = rest, start+size
		}
		return true
	})
}
