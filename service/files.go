package service

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"om/task"
)

// maxFile is how large a file of a service may be.
const maxFile = 4 << 20

// File returns the file of the service at path, under the folder of configurations dir. The error is
// for what can't be the path of a service (task.ErrInvalid).
func File(dir, path string) (string, error) {
	if !task.ValidPath(path) || path == "node" {
		return "", fmt.Errorf("service %q: wanted NAME or NAMESPACE/NAME, of letters, digits and - _ . : %w", path, task.ErrInvalid)
	}
	return filepath.Join(dir, path+".conf"), nil
}

// natural compares texts as a person does: numbers in them by their value.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		n, m := span(x, isDigit), span(y, isDigit)
		if n > 0 && m > 0 {
			if c := compareNumbers(x[:n], y[:m]); c != 0 {
				return c
			}
			x, y = x[n:], y[m:]
			continue
		}
		if x[0] != y[0] {
			return int(x[0]) - int(y[0])
		}
		x, y = x[1:], y[1:]
	}
	if c := len(x) - len(y); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// Read reads the service at path under dir, as node n sees it. The error is for a service that is not
// there (task.ErrNotFound, with the nearest name), a file that may not be read or that others could
// have written (task.ErrPermission), and one that can't be read; what is wrong inside the file is in
// Problems.
func Read(dir, path string, n Node) (*Service, error) {
	var r Reader
	return r.Read(dir, path, n)
}

// Mentions reports whether a word is in the file of a service, whatever it means there. It is faster than Read, and says
// nothing of who could have written it.
func Mentions(dir, path, word string) (bool, error) {
	file, err := File(dir, path)
	if err != nil {
		return false, err
	}
	o, err := open(file)
	return bytes.Contains(o.text, []byte(word)), err
}

// opened is a file that was read, and who could have written it.
type opened struct {
	text []byte
	stat unix.Stat_t // of the file itself, where it was reached by a link
	link bool
}

// check is CheckOwnership for the very file that was read.
func (o *opened) check(dir, file string, euid int) error {
	if o.link {
		return checkLink(dir, file, euid)
	}
	return errors.Join(checkOwnerOf(file, o.stat.Uid, o.stat.Mode, euid), checkFolders(dir, file, euid))
}

// open reads a file that must be a regular one, of sensible size. Also where it fails, it says whether
// there is a link.
func open(file string) (opened, error) {
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK // a pipe is not waited for
	fd, err := openFile(file, flags|unix.O_NOFOLLOW)
	link := errors.Is(err, unix.ELOOP)
	if link {
		fd, err = openFile(file, flags)
	}
	if errors.Is(err, fs.ErrPermission) {
		return opened{}, task.Errorf(task.ErrPermission, "%v", err)
	}
	if err != nil {
		return opened{link: link}, err
	}
	defer func() { _ = unix.Close(fd) }()
	o := opened{link: link}
	if err = again(func() error { return unix.Fstat(fd, &o.stat) }); err != nil {
		return opened{}, &fs.PathError{Op: "stat", Path: file, Err: err}
	}
	if o.stat.Mode&unix.S_IFMT != unix.S_IFREG || o.stat.Size > maxFile {
		return opened{}, fmt.Errorf("%s: wanted a regular file of at most %d MiB: %w", file, maxFile>>20, task.ErrInvalid)
	}
	if o.text, err = readAll(fd, o.stat.Size); err != nil {
		return opened{}, &fs.PathError{Op: "read", Path: file, Err: err}
	}
	return o, nil
}

// openFile opens a file without the poller of the runtime, which is asked in vain for each: a tick may read ten thousand.
func openFile(file string, flags int) (fd int, err error) {
	err = again(func() (err error) {
		fd, err = unix.Open(file, flags, 0)
		return err
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: file, Err: err}
	}
	return fd, nil
}

// again repeats a system call that a signal has interrupted.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// readAll reads up to so many bytes.
func readAll(fd int, size int64) ([]byte, error) {
	text := make([]byte, size)
	read := 0
	for read < len(text) {
		n, err := unix.Read(fd, text[read:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return text[:read], err
		}
		read += n
	}
	return text, nil
}

// notFound says that there is no such thing, shown in full, and which of list was probably meant by
// word.
func notFound(what, shown, word string, list []string) error {
	hint := didYouMean(word, list)
	if hint != "" {
		hint = "; " + hint
	}
	return task.Errorf(task.ErrNotFound, "%s %q: no such %s%s", what, shown, what, hint)
}
