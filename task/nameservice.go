package task

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// others lists what /etc/nsswitch.conf has for a database beside the files, which we read
// ourselves. systemd's own source is left out: what it adds to root and nobody lives no longer than
// a unit.
func (u *Users) others(database string) []string {
	for line := range bytes.Lines(u.file(&u.sources, cmp.Or(u.Switch, "/etc/nsswitch.conf")).text) {
		name, list, ok := strings.Cut(strings.TrimSpace(string(line)), ":")
		if !ok || name != database {
			continue
		}
		list, _, _ = strings.Cut(list, "#")
		return slices.DeleteFunc(strings.Fields(list), func(word string) bool {
			return word == "files" || word == "compat" || word == "systemd" || strings.HasPrefix(word, "[")
		})
	}
	return nil
}

// askElsewhere asks the sources other than the files for one entry, cut into at least n fields.
func (u *Users) askElsewhere(ctx context.Context, database, key string, n int) ([]string, error) {
	if len(u.others(database)) == 0 || strings.ContainsAny(key, ":\n") || strings.HasPrefix(key, "-") {
		return nil, ErrNotFound
	}
	answer, err := u.getent(ctx, database, key)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(answer, "\n")
	f := strings.Split(line, ":")
	if len(f) < n {
		return nil, fmt.Errorf("%q is not an entry of %s: %w", line, database, ErrInvalid)
	}
	return f, nil
}

// groupsElsewhere lists the groups that sources other than the files give to a user.
func (u *Users) groupsElsewhere(ctx context.Context, name string) ([]uint32, error) {
	if len(u.others("group"))+len(u.others("initgroups")) == 0 {
		return nil, nil
	}
	answer, err := u.getent(ctx, "initgroups", name)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("groups of %q: %w", name, err)
	}
	words := strings.Fields(answer)
	groups := make([]uint32, 0, len(words))
	for _, word := range words[min(1, len(words)):] {
		gid, err := number(word, "groups of "+name)
		if err != nil {
			return nil, err
		}
		groups = append(groups, gid)
	}
	return groups, nil
}

// getent asks the name services of this host, once: of a thousand tasks of a user whose name service is down one waits.
func (u *Users) getent(ctx context.Context, database, key string) (string, error) {
	question := database + " " + key
	u.mu.Lock()
	known, asked := u.answers[question]
	u.mu.Unlock()
	if asked {
		return known.text, known.err
	}
	text, err := u.ask(ctx, database, key)
	if ctx.Err() == nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.answers == nil {
			u.answers = map[string]answered{}
		}
		u.answers[question] = answered{text, err}
	}
	return text, err
}

// ask asks in a child, whatever library the name services need, and ends it when it has no answer in time.
func (u *Users) ask(ctx context.Context, database, key string) (string, error) {
	timeout := cmp.Or(u.Timeout, 5*time.Second)
	program := cmp.Or(u.Getent, "/usr/bin/getent")
	c := Command{
		Path: program, Argv: []string{"getent", "--", database, key}, Env: []string{"PATH=" + DefaultPath, "LC_ALL=C"}, Dir: "/",
	}
	code, answer, err := capture(ctx, c, timeout)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("no answer from the name service (%s) within %s: %w", strings.Join(u.others(database), " "), timeout, ErrTaken)
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s, which asks the name service, is missing: %w", program, ErrInvalid)
	case err != nil:
		return "", err
	case code == 2:
		return "", ErrNotFound
	case code != 0:
		return "", fmt.Errorf("%s %s %s: exit code %d: %w", program, database, key, code, ErrTaken)
	}
	return answer, nil
}
