package task

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxVariableFile bounds a file that is read into the environment; the kernel takes 128 KiB a word.
const maxVariableFile = 64 << 10

// reader reads a file that has at most limit bytes.
type reader func(path string, limit int) ([]byte, error)

// environment builds the whole environment of a command run as u; a later word replaces an earlier
// one of the same name.
func (s *resolution) environment(u User) []string {
	list := []string{
		"PATH=" + DefaultPath, "HOME=" + u.Home, "USER=" + u.Name, "LOGNAME=" + u.Name,
		"SHELL=" + cmp.Or(u.Shell, "/bin/sh"), "LANG=" + s.locale(),
		"OM_SERVICE=" + s.ID.Service, "OM_NAMESPACE=" + s.namespace(), "OM_TASK=" + s.ID.RID,
		"OM_ORIGIN=" + string(s.Origin), "OM_ATTEMPT=" + strconv.Itoa(max(s.Attempt, 1)), "OM_NODE=" + s.Node,
	}
	if s.Timezone != "" {
		list = append(list, "TZ="+s.Timezone)
	}
	for _, word := range append(s.slotVariables(), s.vars...) {
		list = setVariable(list, word)
	}
	return setVariable(list, runVariable+s.RunID)
}

// slotVariables tell a scheduled run which instant it is for.
func (s *resolution) slotVariables() []string {
	var list []string
	if !s.Slot.IsZero() {
		list = append(list, "OM_SLOT="+s.Slot.UTC().Format(time.RFC3339), "OM_SLOT_LOCAL="+s.Slot.In(s.zone()).Format(time.RFC3339))
	}
	if s.Origin == Catchup {
		list = append(list, "OM_CATCHUP=1")
	}
	if s.Level != "" {
		list = append(list, "OM_LEVEL="+s.Level)
	}
	if s.Missed > 0 {
		list = append(list, "OM_MISSED_COUNT="+strconv.Itoa(s.Missed))
	}
	return list
}

// zone is the task's, or the host's where it names none or one that this host does not know.
func (s *resolution) zone() *time.Location {
	zone, err := time.LoadLocation(s.Timezone)
	if s.Timezone == "" || err != nil {
		return cmp.Or(s.Host, time.Local)
	}
	return zone
}

func (s *resolution) namespace() string {
	if s.Namespace != "" {
		return s.Namespace
	}
	if namespace, _, ok := strings.Cut(s.ID.Service, "/"); ok {
		return namespace
	}
	return "root"
}

func (s *resolution) locale() string {
	if s.Locale != "" {
		return s.Locale
	}
	return HostLocale()
}

// HostLocale is LANG of the host's configuration: locale.conf(5), or Debian's file, else C.UTF-8.
func HostLocale() string {
	for _, path := range [...]string{"/etc/locale.conf", "/etc/default/locale"} {
		words, _ := readEnvironment(path, readFile)
		for _, word := range words {
			if value, ok := strings.CutPrefix(word, "LANG="); ok && value != "" {
				return value
			}
		}
	}
	return "C.UTF-8"
}

// ownVariables are those that the task adds: files, words, configs, secrets, and the command
// line's, in this order.
func (s *resolution) ownVariables(u User) ([]string, error) {
	read := readFile
	if s.EUID == 0 {
		read = func(path string, limit int) ([]byte, error) { return readFor(u, path, limit) }
	}
	var list []string
	for _, path := range s.EnvironmentFile {
		optional := strings.HasPrefix(path, "-")
		path = strings.TrimPrefix(path, "-")
		words, err := readEnvironment(path, read)
		if _, refused := errors.AsType[*ResolveError](err); refused {
			return nil, err
		}
		if err != nil && !(optional && errors.Is(err, fs.ErrNotExist)) {
			return nil, setting("environment_file %q: %s", path, err)
		}
		list = append(list, words...)
	}
	list = append(list, s.Environment...)
	for _, files := range [...][]FileVar{s.Configs, s.Secrets} {
		words, err := fileVariables(files, read)
		if err != nil {
			return nil, err
		}
		list = append(list, words...)
	}
	s.warnOfOpenSecrets()
	list = append(list, s.Extra...)
	for _, word := range list {
		if err := checkVariable(word); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// warnOfOpenSecrets notes secrets that every user of the host can read.
func (s *resolution) warnOfOpenSecrets() {
	for _, file := range s.Secrets {
		paths, _ := filepath.Glob(file.Path)
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
				s.job.Notes = append(s.job.Notes, fmt.Sprintf("secret %q: every user can read it (mode %v): chmod o-rwx", path, info.Mode()))
			}
		}
	}
}

// MayShow returns a function that tells whether the value of a variable of the task's environment may be shown. It
// may where om sets it, or configs_environment; any other may be a secret.
func (t Task) MayShow() func(name string) bool {
	secrets, configs := variableNames(t.Secrets), variableNames(t.Configs)
	return func(name string) bool {
		switch name {
		case "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ":
			return !secrets[name]
		}
		return !secrets[name] && (configs[name] || strings.HasPrefix(name, "OM_"))
	}
}

func variableNames(files []FileVar) map[string]bool {
	names := make(map[string]bool)
	for _, file := range files {
		if file.Name != "" {
			names[file.Name] = true
			continue
		}
		paths, _ := filepath.Glob(file.Path)
		for _, path := range paths {
			names[filepath.Base(path)] = true
		}
	}
	return names
}

// fileVariables reads variables from files: NAME from the one file it has, or one variable for each
// file, named after it.
func fileVariables(files []FileVar, read reader) ([]string, error) {
	var list []string
	for _, file := range files {
		paths, err := filepath.Glob(file.Path)
		if err != nil || len(paths) == 0 {
			return nil, setting("variable file %q: wanted a file or a pattern that finds some", file.Path)
		}
		if file.Name != "" && len(paths) > 1 {
			return nil, setting("variable %s: %q finds %d files, wanted one", file.Name, file.Path, len(paths))
		}
		for _, path := range paths {
			value, err := readVariable(path, read)
			if err != nil {
				return nil, err
			}
			list = append(list, cmp.Or(file.Name, filepath.Base(path))+"="+value)
		}
	}
	return list, nil
}

// readVariable reads the value that a file holds, without the newline at its end.
func readVariable(path string, read reader) (string, error) {
	text, err := read(path, maxVariableFile)
	if _, refused := errors.AsType[*ResolveError](err); refused {
		return "", err
	}
	if err != nil {
		return "", setting("variable file %q: %s", path, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if strings.IndexByte(value, 0) >= 0 {
		return "", setting("variable file %q: it has a NUL, which no variable can hold", path)
	}
	return value, nil
}

// readEnvironment reads lines "NAME=value" as systemd's EnvironmentFile has them: comments, an
// export before the name, quotes around the value.
func readEnvironment(path string, read reader) ([]string, error) {
	text, err := read(path, maxVariableFile)
	if err != nil {
		return nil, err
	}
	var list []string
	line := 0
	for raw := range bytes.Lines(text) {
		line++
		word := strings.TrimSpace(string(raw))
		if word == "" || word[0] == '#' || word[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(word, "export "), "=")
		if !ok {
			return nil, fmt.Errorf("line %d: %q: wanted NAME=value: %w", line, word, ErrInvalid)
		}
		list = append(list, strings.TrimSpace(name)+"="+unquote(strings.TrimSpace(value)))
	}
	return list, nil
}

// unquote takes off quotes that stand around the whole value.
func unquote(value string) string {
	if n := len(value); n < 2 || value[0] != value[n-1] || value[0] != '"' && value[0] != '\'' {
		return value
	}
	if words, err := Split(value); err == nil && len(words) == 1 {
		return words[0]
	}
	return value[1 : len(value)-1]
}

// runVariable marks every process of a run; processes are found by it, so that it can't be set.
const runVariable = "OM_RUN_ID="

func checkVariable(word string) error {
	name, _, ok := strings.Cut(word, "=")
	switch {
	case !ok || name == "" || strings.ContainsAny(name, " \t\n"):
		return setting("environment %q: wanted NAME=value", word)
	case strings.IndexByte(word, 0) >= 0:
		return setting("environment %q: a NUL can't be in it", name)
	case name+"=" == runVariable:
		return setting("environment %q: om sets it", name)
	}
	return nil
}

// setVariable adds a word to a list, or replaces the one of the same name.
func setVariable(list []string, word string) []string {
	name, _, _ := strings.Cut(word, "=")
	for i, have := range list {
		if strings.HasPrefix(have, name) && len(have) > len(name) && have[len(name)] == '=' {
			list[i] = word
			return list
		}
	}
	return append(list, word)
}
