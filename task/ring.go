package task

import (
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tailSuffix is added to the path of an output file: the ring that holds the end of the output.
const tailSuffix = ".tail"

const (
	headerSize = 24
	frameMagic = 0x6d6f01 // "\x01om"; the byte above is the stream
	ringMagic  = "om ring\x01"
	maxFrame   = 1 << 20
)

// ring keeps the last bytes of an output in a file of bounded size that stays readable when its
// writer is killed. It has two halves of frames; a full half gives way to the other, so that one
// whole half at least is always there. Each frame is followed by a header of zeros, which the next
// frame covers: what an earlier lap left behind it is never read.
type ring struct {
	fd    int // 0 until it is needed
	dead  bool
	half  int64
	at    int64 // where the next frame goes, in its half
	bytes int64 // of output in this half
	room  int64 // size of a half
}

// frame is a chunk of output in a ring.
type frame struct {
	offset int64 // of its first byte in all that the run wrote
	at     time.Time
	stream string
	size   int // of the bytes that follow the header
}

func (f frame) end() int64 { return f.offset + int64(f.size) }

// write adds p to the ring at path, of which the last keep bytes matter. f says where p comes from.
func (r *ring) write(path string, f frame, p []byte, keep int64) {
	if r.fd == 0 && !r.open(path, keep) {
		return
	}
	if drop := int64(len(p)) - keep; drop > 0 {
		p, f.offset = p[drop:], f.offset+drop
		r.clear()
	}
	for len(p) > 0 {
		f.size = min(len(p), maxFrame)
		r.put(f, p[:f.size], keep)
		p, f.offset = p[f.size:], f.end()
	}
}

// clear forgets all frames.
func (r *ring) clear() {
	var zeros [headerSize]byte
	for r.half = 1; r.half >= 0; r.half-- {
		_, _ = unix.Pwrite(r.fd, zeros[:], r.place(r.half))
	}
	r.half, r.at, r.bytes = 0, 0, 0
}

// open makes the file. A half has room for keep bytes in frames of four or more: a command that writes
// a byte at a time must not fill the disk with headers.
func (r *ring) open(path string, keep int64) bool {
	if r.dead {
		return false
	}
	r.room = 8*keep + 2*headerSize
	start := binary.LittleEndian.AppendUint64([]byte(ringMagic), uint64(r.room))
	fd, err := createFile(path)
	if err == nil {
		_, err = unix.Pwrite(fd, start, 0)
	}
	if err != nil {
		r.dead = true
		return false
	}
	r.fd = fd
	return true
}

// place is where a half begins in the file.
func (r *ring) place(half int64) int64 { return int64(len(ringMagic)+8) + half*r.room }

// put writes one frame. One that can't be written is left out; the offsets of the others tell.
func (r *ring) put(f frame, p []byte, keep int64) {
	if r.bytes >= keep || r.at+int64(2*headerSize+len(p)) > r.room {
		r.half, r.at, r.bytes = 1-r.half, 0, 0
	}
	var zeros [headerSize]byte
	header, at := f.header(), r.place(r.half)+r.at
	n, err := unix.Pwritev(r.fd, [][]byte{header[:], p, zeros[:]}, at)
	if err != nil || n < 2*headerSize+len(p) {
		_, _ = unix.Pwrite(r.fd, zeros[:], at)
		return
	}
	r.at += int64(headerSize + len(p))
	r.bytes += int64(len(p))
}

func (f frame) header() (h [headerSize]byte) {
	magic := uint32(frameMagic)
	if f.stream == Stderr {
		magic |= 1 << 24
	}
	binary.LittleEndian.PutUint64(h[0:], uint64(f.offset))
	binary.LittleEndian.PutUint64(h[8:], uint64(f.at.UnixNano()))
	binary.LittleEndian.PutUint32(h[16:], uint32(f.size))
	binary.LittleEndian.PutUint32(h[20:], magic)
	return h
}

// parseFrame reads a header; it reports false for anything else.
func parseFrame(h [headerSize]byte) (frame, bool) {
	f := frame{
		offset: int64(binary.LittleEndian.Uint64(h[0:])),
		at:     time.Unix(0, int64(binary.LittleEndian.Uint64(h[8:]))).UTC(),
		stream: Stdout,
		size:   int(binary.LittleEndian.Uint32(h[16:])),
	}
	magic := binary.LittleEndian.Uint32(h[20:])
	if magic>>24 == 1 {
		f.stream = Stderr
	}
	known := magic&0xffffff == frameMagic && magic>>24 <= 1
	return f, known && f.size > 0 && f.size <= maxFrame && f.offset >= 0 && f.end() > 0
}

// openRing opens the ring at path to read it.
func openRing(path string) (ring, error) {
	fd, err := openFile(path, unix.O_RDONLY)
	if err != nil {
		return ring{}, err
	}
	var start [len(ringMagic) + 8]byte
	n, err := unix.Pread(fd, start[:], 0)
	if err != nil || n < len(start) || string(start[:len(ringMagic)]) != ringMagic {
		_ = unix.Close(fd)
		return ring{}, unix.ENOENT // its writer has only just made it
	}
	return ring{fd: fd, room: int64(binary.LittleEndian.Uint64(start[len(ringMagic):]))}, nil
}

// walk calls visit for each frame, the oldest first, with the place of its bytes in the file, until
// visit returns false.
func (r *ring) walk(visit func(f frame, at int64) bool) {
	if r.fd == 0 {
		return
	}
	first, second := int64(0), int64(1)
	a, okA := r.frameAt(r.place(0))
	b, okB := r.frameAt(r.place(1))
	if okA && okB && b.offset < a.offset {
		first, second = 1, 0
	}
	if r.walkHalf(first, visit) {
		r.walkHalf(second, visit)
	}
}

func (r *ring) walkHalf(half int64, visit func(f frame, at int64) bool) bool {
	at, end := r.place(half), int64(0)
	for at < r.place(half+1) {
		f, ok := r.frameAt(at)
		if !ok || f.offset < end {
			return true
		}
		if !visit(f, at+headerSize) {
			return false
		}
		at, end = at+headerSize+int64(f.size), f.end()
	}
	return true
}

func (r *ring) frameAt(at int64) (frame, bool) {
	var h [headerSize]byte
	if n, err := unix.Pread(r.fd, h[:], at); err != nil || n < headerSize {
		return frame{}, false
	}
	return parseFrame(h)
}

// each calls do with every frame and its bytes until do returns false, and reports whether all were
// read and done.
func (r *ring) each(do func(f frame, p []byte) bool) bool {
	var room []byte
	done := true
	r.walk(func(f frame, at int64) bool {
		if cap(room) < f.size {
			room = make([]byte, f.size)
		}
		n, err := unix.Pread(r.fd, room[:f.size], at)
		if err != nil || n < f.size {
			done = false
			return false
		}
		if again, ok := r.frameAt(at - headerSize); !ok || again != f {
			return true // its writer has come round meanwhile
		}
		done = do(f, room[:f.size])
		return done
	})
	return done
}

// held counts the bytes from offset on.
func (r *ring) held(offset int64) (n int64) {
	r.walk(func(f frame, _ int64) bool {
		n += max(0, f.end()-max(f.offset, offset))
		return true
	})
	return n
}

func (r *ring) remove(path string) {
	if r.fd != 0 {
		_ = os.Remove(path)
	}
}

func (r *ring) close() {
	if r.fd != 0 {
		_ = unix.Close(r.fd)
		r.fd = 0
	}
}
