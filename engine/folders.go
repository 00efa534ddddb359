package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"om/service"
	"om/state"
	"om/task"
)

// factFolder is which folders services were found in, as JSON: their identities, by namespace.
const factFolder = "folder"

// Away says that the folder of the files is away, and what was in it; "" where it is there. It makes no record.
func (e *Engine) Away(ctx context.Context) string {
	if missing(filepath.Join(e.StateDir, "om.db")) {
		return ""
	}
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return ""
	}
	away, err := (&scheduler{Engine: e, node: db}).adrift(ctx)
	if err != nil {
		return ""
	}
	return away
}

// adrift says that the folder of the files is away: it is exchanged for another, not mounted yet, or not any more. Services
// whose files are gone are forgotten with their cursors; these are not gone, and wait.
func (s *scheduler) adrift(ctx context.Context) (string, error) {
	gone, err := s.folderGone(ctx)
	if gone == "" || err != nil {
		return "", err
	}
	known, _, err := s.node.Tally(ctx)
	if err != nil || known == 0 {
		return "", err
	}
	return fmt.Sprintf("%s %s, and %d services were in it", s.ConfigDir, gone, known), nil
}

// notMounted says of a folder what a mount point is that has nothing mounted.
const notMounted = "is empty and another folder than before (is it not mounted?)"

// folderGone says what there is instead of the folder of the files: nothing, or an empty one that is another.
func (s *scheduler) folderGone(ctx context.Context) (string, error) {
	now := identity(s.ConfigDir)
	if now == "" {
		return "is not there", nil
	}
	noted, err := s.notedFolders(ctx)
	if err != nil || noted[""] == "" || noted[""] == now {
		return "", err
	}
	if paths, err := s.Services(); err != nil || len(paths) > 0 {
		return "", nil //nolint:nilerr // a folder in it that can't be read: it is not empty
	}
	return notMounted, nil
}

func (s *scheduler) notedFolders(ctx context.Context) (map[string]string, error) {
	text, err := s.node.Fact(ctx, factFolder)
	noted := map[string]string{}
	_ = json.Unmarshal([]byte(text), &noted) // an older om noted less
	return noted, err
}

// identity tells a folder from others; it is "" where there is none.
func identity(dir string) string {
	var stat unix.Stat_t
	if err := unix.Stat(dir, &stat); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return "unknown" // what is wrong with it is told where it is read
		}
		return ""
	}
	return fmt.Sprintf("%x:%x", stat.Dev, stat.Ino)
}

// foldersOf are the identities of the folders that these files are in, by namespace.
func (s *scheduler) foldersOf(stamps []service.Stamp) map[string]string {
	now := map[string]string{}
	for _, stamp := range stamps {
		for _, name := range [2]string{"", namespaceOf(stamp.Path)} {
			if _, known := now[name]; !known {
				now[name] = identity(filepath.Join(s.ConfigDir, name))
			}
		}
	}
	return now
}

// namespaceOf is "" for a service that is in none.
func namespaceOf(path string) string {
	name, _, inOne := strings.Cut(path, "/")
	if !inOne {
		return ""
	}
	return name
}

// setAside takes out of services without a file those whose namespace is away or can't be looked into: nothing is known of
// them. It notes which folders there are now, and says whether some are away.
func (s *scheduler) setAside(ctx context.Context, absent map[string]state.Stamp, now map[string]string, unread map[string]error) (bool, error) {
	noted, err := s.notedFolders(ctx)
	if err != nil {
		return false, err
	}
	away := map[string]string{} // why, by namespace
	for name, bad := range unread {
		away[name] = task.Text(bad)
	}
	kept := map[string]int{}
	for path := range absent {
		name := namespaceOf(path)
		if _, known := away[name]; !known {
			away[name] = s.unmounted(name, now[name], noted[name])
		}
		if away[name] != "" {
			kept[name]++
			delete(absent, path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(away)) {
		if kept[name] > 0 || unread[name] != nil && !errors.Is(unread[name], fs.ErrNotExist) {
			s.report.problem("namespace %s: %s: %d services were in it, and are kept", name, away[name], kept[name])
		}
	}
	return len(kept) > 0, s.noteFolders(ctx, noted, now, kept)
}

// unmounted says that the folder of a namespace in which no service is, as now is "", is not the one that they were in.
func (s *scheduler) unmounted(name, now, noted string) string {
	if name == "" || now != "" || noted == "" {
		return ""
	}
	folder := filepath.Join(s.ConfigDir, name)
	if found := identity(folder); found == "" || found == noted {
		return ""
	}
	return folder + " " + notMounted
}

// noteFolders notes the folders that services are in, and those of before that are away.
func (s *scheduler) noteFolders(ctx context.Context, before, now map[string]string, away map[string]int) error {
	next := maps.Clone(now)
	for name, id := range before {
		if next[name] == "" && (name == "" || away[name] > 0) {
			next[name] = id
		}
	}
	if maps.Equal(before, next) {
		return nil
	}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	return s.node.SetFact(ctx, factFolder, string(text))
}

// folderChanged is when a file was last added to the folder of a service, or taken from it; from the one above, where that is
// gone too.
func (s *scheduler) folderChanged(path string) time.Time {
	info, err := os.Stat(filepath.Join(s.ConfigDir, namespaceOf(path)))
	if err != nil {
		info, err = os.Stat(s.ConfigDir)
	}
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func missing(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}
