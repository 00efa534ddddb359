package migrate

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"om/task"
)

// A Host is where files are found: "" for this one, or a folder that holds another's.
type Host struct{ Root string }

// maxForeign is how large a file of another scheduler may be.
const maxForeign = 4 << 20

func (h Host) path(parts ...string) string {
	return filepath.Join(append([]string{cmp.Or(h.Root, "/")}, parts...)...)
}

// within is the path of a file on the host that it belongs to.
func (h Host) within(file string) string {
	abs, err := filepath.Abs(file)
	root, err2 := filepath.Abs(h.path())
	if err != nil || err2 != nil {
		return file
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(abs, root), "/")
}

// read reads a file of sensible size.
func read(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", notThere(file, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxForeign {
		return "", fmt.Errorf("%s: wanted a regular file of at most %d MiB: %w", file, maxForeign>>20, task.ErrInvalid)
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

// notThere makes an error of a file that is not there one of task.ErrNotFound.
func notThere(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return task.Errorf(task.ErrNotFound, "%s: no such file", file)
	}
	return err
}

// spools are the folders of the users' crontabs: Debian's, that of cronie, SUSE's.
func spools() []string {
	return []string{"var/spool/cron/crontabs", "var/spool/cron", "var/spool/cron/tabs"}
}

// Crontab reads a crontab. Whose it is is told by where it is.
func (h Host) Crontab(file string) (CronTable, error) {
	c := CronTable{File: file, Service: serviceName(file), Vixie: h.Vixie()}
	at := h.within(file)
	switch folder := filepath.Dir(at); {
	case at == "/etc/crontab", folder == "/etc/cron.d":
		c.Users = true
	case isSpool(folder):
		c.User = filepath.Base(file)
		c.Service = "crontab-" + c.Service
	}
	var err error
	c.Text, err = read(file)
	return c, err
}

func isSpool(folder string) bool {
	for _, spool := range spools() {
		if folder == "/"+spool {
			return true
		}
	}
	return false
}

// UserCrontab reads the crontab of a user.
func (h Host) UserCrontab(user string) (CronTable, error) {
	if user == "" || strings.ContainsAny(user, "/\x00") || user == "." || user == ".." {
		return CronTable{}, fmt.Errorf("user %q: wanted the name of a user: %w", user, task.ErrInvalid)
	}
	for _, spool := range spools() {
		file := h.path(spool, user)
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return h.Crontab(file)
		}
	}
	return CronTable{}, task.Errorf(task.ErrNotFound, "user %s: no crontab in %s", user, h.path("var/spool/cron"))
}

// SystemCrontabs reads /etc/crontab, those of /etc/cron.d and those of the users. Files that cron passes over are
// told in the losses.
func (h Host) SystemCrontabs() (all []CronTable, losses []Loss, err error) {
	files := []string{h.path("etc/crontab")}
	for _, folder := range append([]string{"etc/cron.d"}, spools()...) {
		found, err := h.files(folder)
		if err != nil {
			return nil, nil, err
		}
		for _, file := range found {
			if why := cmp.Or(h.passesOver(filepath.Base(file)), h.untrusted(file)); folder == "etc/cron.d" && why != "" {
				losses = append(losses, Loss{Place{File: file}, false, "the whole file", why})
				continue
			}
			files = append(files, file)
		}
	}
	for _, file := range files {
		c, err := h.Crontab(file)
		if err == nil {
			all = append(all, c)
		} else if !errors.Is(err, task.ErrNotFound) {
			return nil, nil, err
		}
	}
	return all, losses, nil
}

// files lists the regular files of a folder that are not hidden. A folder that is not there has none.
func (h Host) files(folder string) (all []string, err error) {
	entries, err := os.ReadDir(h.path(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		file := h.path(folder, e.Name())
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && e.Name()[0] != '.' {
			all = append(all, file)
		}
	}
	return all, nil
}

// passesOver says why cron does not read a file of /etc/cron.d; "" if it does.
func (h Host) passesOver(name string) string {
	for _, end := range [...]string{"~", ".rpmsave", ".rpmorig", ".rpmnew", ".dpkg-old", ".dpkg-dist", ".dpkg-new"} {
		if strings.HasSuffix(name, end) {
			return "cron does not read a file with that name"
		}
	}
	if h.Vixie() && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return "Debian's cron reads files whose names have letters, digits, dashes and underscores alone"
	}
	return ""
}

// untrusted says why cron does not trust a file of /etc/cron.d; "" if it does. What is not this host says nothing of owners.
func (h Host) untrusted(file string) string {
	info, err := os.Stat(file)
	if err != nil || h.Root != "" {
		return ""
	}
	return distrust(info)
}

func distrust(info fs.FileInfo) string {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
		return "cron does not read a file that is not root's"
	}
	if info.Mode().Perm()&0o022 != 0 {
		return "cron does not read a file that others may write to"
	}
	return ""
}

// Vixie says that the host has Debian's cron.
func (h Host) Vixie() bool {
	_, debian := os.Stat(h.path("usr/sbin/cron"))
	_, cronie := os.Stat(h.path("usr/sbin/crond"))
	return debian == nil && cronie != nil
}

// serviceName makes the name of a service from that of a file, without what its end says of it.
func serviceName(file string) string {
	base := filepath.Base(file)
	for _, end := range []string{".timer", ".crontab", ".cron", ".tab", ".txt", ".conf"} {
		base = strings.TrimSuffix(base, end)
	}
	name := strings.TrimLeft(index(base), "-_")
	if name = name[:min(len(name), 55)]; !task.ValidName(name) || name == "node" {
		return "imported"
	}
	return name
}

// Anacrontab reads an anacrontab, "" for that of the host.
func (h Host) Anacrontab(file string) (a AnacronTable, err error) {
	if file == "" {
		file = h.path("etc/anacrontab")
	}
	a = AnacronTable{File: file, Service: serviceName(file)}
	if h.within(file) == "/etc/anacrontab" {
		a.Service, a.User, a.Hours = "anacron", "root", h.anacronHours()
	}
	a.Text, err = read(file)
	return a, err
}

// anacronHours is when the host starts anacron, by its timer or its line in /etc/cron.d, as Debian has them: in so many
// hours of the day, as in 7-24. It is "" where that can't be told, or is all day.
func (h Host) anacronHours() string {
	for _, file := range []string{"etc/systemd/system/anacron.timer", "lib/systemd/system/anacron.timer", "usr/lib/systemd/system/anacron.timer"} {
		if text, err := read(h.path(file)); err == nil {
			for line := range strings.Lines(text) {
				if _, hours, ok := strings.Cut(line, "OnCalendar=*-*-* "); ok {
					return hoursOf(hours, "..")
				}
			}
			return ""
		}
	}
	text, err := read(h.path("etc/cron.d/anacron"))
	if err != nil {
		return ""
	}
	t := readCrontab(text, true, h.Vixie())
	if len(t.lines) != 1 || t.lines[0].fault != "" {
		return ""
	}
	words := strings.Fields(t.lines[0].when)
	return hoursOf(words[min(1, len(words)-1)], "-")
}

// hoursOf reads a range of hours, as in 07..23:30, to the end of its last hour.
func hoursOf(text, between string) string {
	first, last, _ := strings.Cut(text, between)
	last, _, _ = strings.Cut(strings.TrimSpace(last), ":")
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err != nil || err2 != nil || from < 0 || from > to || to > 23 || to-from == 23 {
		return ""
	}
	return fmt.Sprintf("%d-%d", from, to+1)
}

// OpenSVC reads the files of services: those that are named, or of folders, or with none those of the host's agent.
func (h Host) OpenSVC(words []string) (all []OpenSVC, err error) {
	var files []string
	if len(words) == 0 {
		words = []string{h.path("etc/opensvc")}
	}
	for _, word := range words {
		if info, err := os.Stat(word); err != nil || !info.IsDir() {
			files = append(files, word)
			continue
		}
		for _, pattern := range []string{"*.conf", "namespaces/*/svc/*.conf"} {
			found, err := filepath.Glob(filepath.Join(word, pattern))
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		}
	}
	for _, file := range files {
		path := opensvcPath(file)
		if path == "node" || path == "cluster" {
			continue
		}
		text, err := read(file)
		if err != nil {
			return nil, err
		}
		all = append(all, OpenSVC{Text: text, File: file, Path: path})
	}
	return all, nil
}

// opensvcPath is the path of the service that a file is of: namespaces/NAMESPACE/svc/NAME.conf, or NAME.conf.
func opensvcPath(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), ".conf")
	folder := filepath.Dir(file)
	above := filepath.Dir(folder)
	if filepath.Base(folder) == "svc" && filepath.Base(filepath.Dir(above)) == "namespaces" {
		return filepath.Base(above) + "/" + name
	}
	return name
}
