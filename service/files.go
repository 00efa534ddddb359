package service

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

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

// List returns the paths of all services under dir, NAME.conf and NAMESPACE/NAME.conf, in natural
// order: web2 comes before web10. A dir that is not there has none.
func List(dir string) ([]string, error) {
	names, err := list(dir, "")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	slices.SortFunc(names, natural)
	return names, nil
}

// list returns the services in one folder, and where that is dir itself, those of the namespaces too.
func list(dir, namespace string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, namespace))
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range entries {
		name, isFile := strings.CutSuffix(entry.Name(), ".conf")
		switch {
		case namespace == "" && entry.Name() == "node.conf", !task.ValidName(name):
		case isFile && !isDir(dir, namespace, entry):
			paths = append(paths, joinPath(namespace, name))
		case !isFile && namespace == "" && isDir(dir, namespace, entry) && !isMirror(dir, name):
			more, err := list(dir, name)
			if err != nil {
				return nil, err
			}
			paths = append(paths, more...)
		}
	}
	return paths, nil
}

// isDir follows a symbolic link.
func isDir(dir, namespace string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, namespace, entry.Name()))
	return err == nil && info.IsDir()
}

func joinPath(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// Mirrors lists the folders of namespaces that are dir itself, by a link or a mount. Each service would be there twice,
// and run twice: nothing in them is a service.
func Mirrors(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var all []string
	for _, entry := range entries {
		if task.ValidName(entry.Name()) && isDir(dir, "", entry) && isMirror(dir, entry.Name()) {
			all = append(all, filepath.Join(dir, entry.Name()))
		}
	}
	return all
}

func isMirror(dir, namespace string) bool {
	a, err := os.Stat(dir)
	b, bad := os.Stat(filepath.Join(dir, namespace))
	return err == nil && bad == nil && os.SameFile(a, b)
}

// errMirror says why nothing in a folder that Mirrors lists is a service.
func errMirror(folder string) error {
	return task.Errorf(task.ErrInvalid, "%s: it is the folder of the services itself, and each would be there twice: remove it", folder)
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
	file, err := File(dir, path)
	if err != nil {
		return nil, err
	}
	if namespace, _, ok := strings.Cut(path, "/"); ok && isMirror(dir, namespace) {
		return nil, errMirror(filepath.Join(dir, namespace))
	}
	o, err := open(file)
	if errors.Is(err, fs.ErrNotExist) && o.link {
		return nil, fmt.Errorf("%s: it is a link to a file that is not there: %w", file, task.ErrNotFound)
	}
	if errors.Is(err, fs.ErrNotExist) {
		all, _ := List(dir)
		return nil, notFound("service", path, path, all)
	}
	if err != nil {
		return nil, err
	}
	if err := o.check(dir, file, os.Geteuid()); err != nil {
		return nil, err
	}
	return Parse(file, path, o.text, n), nil
}

// opened is a file that was read, and who could have written it.
type opened struct {
	text []byte
	info fs.FileInfo // of the file itself, where it was reached by a link
	link bool
}

// check is CheckOwnership for the very file that was read.
func (o *opened) check(dir, file string, euid int) error {
	if o.link {
		return checkLink(dir, file, euid)
	}
	return errors.Join(checkOwner(file, o.info, euid), checkFolders(dir, file, euid))
}

// open reads a file that must be a regular one, of sensible size. Also where it fails, it says whether
// there is a link.
func open(file string) (opened, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK // a pipe is not waited for
	f, err := os.OpenFile(file, flags|syscall.O_NOFOLLOW, 0)
	link := errors.Is(err, syscall.ELOOP)
	if link {
		f, err = os.OpenFile(file, flags, 0)
	}
	if errors.Is(err, fs.ErrPermission) {
		return opened{}, fmt.Errorf("%w: %w", err, task.ErrPermission)
	}
	if err != nil {
		return opened{link: link}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return opened{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return opened{}, fmt.Errorf("%s: wanted a regular file of at most %d MiB: %w", file, maxFile>>20, task.ErrInvalid)
	}
	text := make([]byte, info.Size())
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return opened{}, fmt.Errorf("%s: %w", file, err)
	}
	return opened{text[:n], info, link}, nil
}

// notFound says that there is no such thing, shown in full, and which of list was probably meant by
// word.
func notFound(what, shown, word string, list []string) error {
	hint := didYouMean(word, list)
	if hint != "" {
		hint = "; " + hint
	}
	return fmt.Errorf("%s %q: no such %s%s: %w", what, shown, what, hint, task.ErrNotFound)
}
