package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"om/task"
)

// unitFolders are those of the system's units, the first one first.
func unitFolders() []string {
	return []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}
}

// Timers reads what words name: files, folders with timers in them, or timers of the host.
func (h Host) Timers(words []string) (all []Timer, err error) {
	for _, word := range words {
		if info, err := os.Stat(word); err == nil && info.IsDir() {
			found, err := filepath.Glob(filepath.Join(word, "*.timer"))
			if err != nil {
				return nil, err
			}
			found = slices.DeleteFunc(found, func(file string) bool { return strings.HasSuffix(file, "@.timer") }) // it is for its instances
			if all, err = h.timers(found, all); err != nil {
				return nil, err
			}
			continue
		}
		t, err := h.timer(word)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// timers appends those of the names that there are: links may lead to what was removed, and timers be masked.
func (h Host) timers(names []string, all []Timer) ([]Timer, error) {
	for _, name := range names {
		t, err := h.timer(name)
		if errors.Is(err, task.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// EnabledTimers reads the timers that the host starts.
func (h Host) EnabledTimers() (all []Timer, err error) {
	var names []string
	for _, folder := range unitFolders() {
		for _, kind := range []string{"wants", "requires"} {
			found, err := filepath.Glob(h.path(folder, "*."+kind, "*.timer"))
			if err != nil {
				return nil, err
			}
			for _, file := range found {
				names = append(names, filepath.Base(file))
			}
		}
	}
	slices.Sort(names)
	return h.timers(slices.Compact(names), nil)
}

// timer reads a timer and its service: a file, or one of the host.
func (h Host) timer(word string) (t Timer, err error) {
	folder, name := "", word
	if strings.Contains(word, "/") {
		folder, name = filepath.Dir(word), filepath.Base(word)
	} else if _, no := os.Lstat(word); no == nil {
		folder = "."
	}
	if folder == "" && !strings.Contains(name, ".") {
		name += ".timer"
	}
	if !strings.HasSuffix(name, ".timer") || strings.Contains(name, "@.") {
		return t, fmt.Errorf("%s: wanted the name or the file of a timer, NAME.timer, or NAME@INSTANCE.timer for a template: %w", word, task.ErrInvalid)
	}
	t.System = !isUser(folder)
	if t.Timer, err = h.unit(folder, name); err != nil {
		return t, err
	}
	if t.Timer.File == "" {
		return t, task.Errorf(task.ErrNotFound, "%s: no such timer", word)
	}
	t.Target = TimerTarget(t.Timer)
	t.Path = serviceName(name)
	if base, instance, ok := strings.Cut(strings.TrimSuffix(name, ".timer"), "@"); ok {
		t.Path = serviceName(base + "-" + instance + ".timer")
	}
	if strings.HasSuffix(t.Target, ".service") {
		t.Service, err = h.unit(folder, t.Target)
	}
	return t, err
}

// isUser says that a folder has the units of a user's instance of systemd.
func isUser(folder string) bool {
	abs, err := filepath.Abs(folder)
	return err == nil && strings.Contains(abs+"/", "/systemd/user/")
}

// unit reads a unit with its drop-ins. One that is not there has no File.
func (h Host) unit(folder, name string) (*Unit, error) {
	u := &Unit{Name: name}
	folders := unitFolders()
	for i := range folders {
		folders[i] = h.path(folders[i])
	}
	if folder != "" && !slices.Contains(folders, filepath.Clean(folder)) {
		folders = append([]string{folder}, folders...)
	}
	file, err := unitFile(folders, name)
	if err != nil || file == "" {
		return u, err
	}
	for _, part := range append([]string{file}, dropIns(folders, name)...) {
		text, err := read(part)
		if err != nil {
			return u, err
		}
		u.Add(part, text)
	}
	return u, nil
}

// unitFile finds the file of a unit, or of its template; "" for none.
func unitFile(folders []string, name string) (string, error) {
	names := []string{name}
	if template := templateOf(name); template != "" {
		names = append(names, template)
	}
	for _, name := range names {
		for _, folder := range folders {
			file := filepath.Join(folder, name)
			info, err := os.Stat(file)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err != nil:
				return "", err
			case !info.Mode().IsRegular() || info.Size() == 0: // a link to /dev/null
				return "", task.Errorf(task.ErrNotFound, "%s: it is masked", file)
			}
			return file, nil
		}
	}
	return "", nil
}

// templateOf is NAME@.service for NAME@INSTANCE.service; "" for what is no instance.
func templateOf(name string) string {
	base, _, ok := strings.Cut(name, "@")
	if !ok {
		return ""
	}
	return base + "@" + filepath.Ext(name)
}

// dropInNames are those of the folders of a unit's drop-ins, without .d: its own, that of its template, those of what it
// begins with up to a dash, and that of its type. The first ones count before the others.
func dropInNames(name string) []string {
	names := []string{name}
	if template := templateOf(name); template != "" {
		names = append(names, template)
	}
	ext := filepath.Ext(name)
	base := strings.TrimSuffix(name, ext)
	if !strings.Contains(base, "@") {
		for i := len(base) - 1; i > 0; i-- {
			if base[i-1] == '-' {
				names = append(names, base[:i]+ext)
			}
		}
	}
	return append(names, strings.TrimPrefix(ext, "."))
}

// dropIns lists the drop-ins of a unit by their names. Of two with one name that of the first folder counts.
func dropIns(folders []string, name string) (files []string) {
	byName := map[string]string{}
	names := dropInNames(name)
	for _, folder := range slices.Backward(folders) {
		for _, name := range slices.Backward(names) {
			found, _ := filepath.Glob(filepath.Join(folder, name+".d", "*.conf"))
			for _, file := range found {
				byName[filepath.Base(file)] = file
			}
		}
	}
	for _, file := range byName {
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return files
}
