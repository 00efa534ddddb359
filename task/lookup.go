package task

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// lookup finds the program that name means for c, as a shell does: a name with a slash is a path,
// from c.Dir if it is not absolute, another is looked for in c's own PATH. The error is a
// *ResolveError with code 127 or 126.
func lookup(name string, c *Command) (string, error) {
	if name == "" {
		return "", resolveError(codeMissing, "%q: wanted the name of a program", name)
	}
	if strings.Contains(name, "/") {
		return name, c.executable(name)
	}
	path := c.variable("PATH")
	var found error
	for dir := range strings.SplitSeq(path, ":") {
		candidate := filepath.Join(dir, name)
		if !strings.HasPrefix(candidate, "/") {
			candidate = "./" + candidate
		}
		err := c.executable(candidate)
		if err == nil {
			return candidate, nil
		}
		var r *ResolveError
		if found == nil && errors.As(err, &r) && r.Code == codeNotExecutable {
			found = err
		}
	}
	if found != nil {
		return "", found
	}
	return "", resolveError(codeMissing, "%q: command not found in PATH %s", name, path)
}

// executable tells whether c may execute the file at path. What the mode alone can't answer is left
// to the start.
func (c *Command) executable(path string) error {
	file := path
	if !filepath.IsAbs(path) {
		file = filepath.Join(c.Dir, path)
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return resolveError(codeMissing, "%q: %s", path, cause(err))
	case err != nil:
		return resolveError(codeNotExecutable, "%q: %s", path, cause(err))
	case info.IsDir():
		return resolveError(codeNotExecutable, "%q: is a directory", path)
	case !c.mayExecute(info) && !hasACL(file):
		return resolveError(codeNotExecutable, "%q: user %s may not execute it (mode %v)", path, c.User, info.Mode())
	}
	return nil
}

// mayExecute applies the mode bits of a file to the identity of c.
func (c *Command) mayExecute(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case c.UID == 0:
		return mode&0o111 != 0
	case owner.Uid == c.UID:
		return mode&0o100 != 0
	case owner.Gid == c.GID, slices.Contains(c.Groups, owner.Gid):
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

// hasACL reports whether the mode of a file is not the whole truth.
func hasACL(path string) bool {
	n, err := unix.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}

// variable returns the value of an environment variable of c, "" if it has none.
func (c *Command) variable(name string) string {
	for _, word := range c.Env {
		if value, ok := strings.CutPrefix(word, name+"="); ok {
			return value
		}
	}
	return ""
}
