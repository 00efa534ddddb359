package task

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// User is an account of this host.
type User struct {
	Name        string
	UID, GID    uint32
	Home, Shell string
	Groups      []uint32 // sorted, GID among them
	Expired     bool     // the account's expiry date is over; only root can see that
}

// Users looks up accounts. Where /etc/nsswitch.conf has files first they are read directly; only
// what is not in them, and what other sources may add, is asked of getent(1): a name service that
// hangs then hangs a child, which is ended after Timeout. A Users reads each file once and asks each
// question once, until Renew. It may be used by several goroutines at once.
type Users struct {
	Passwd, Group, Shadow, Switch string        // paths; "" is /etc/passwd and so on
	Getent                        string        // "" is /usr/bin/getent
	Timeout                       time.Duration // of one question to getent; 0 is 5 s

	mu                             sync.Mutex
	passwd, group, shadow, sources database
	known                          map[string]User     // that were looked up
	answers                        map[string]answered // of getent
}

// database is one file of accounts as it was read, or why it was not.
type database struct {
	read bool
	text []byte
	err  error
	path string
	was  version
}

// answered is what getent said, or why it said nothing.
type answered struct {
	text string
	err  error
}

// Renew has u see what has changed: files that are other ones by now are read again, and what the name
// services said is forgotten. Who lives long calls it before each piece of work.
func (u *Users) Renew() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, db := range []*database{&u.passwd, &u.group, &u.shadow, &u.sources} {
		if db.read && db.was != versionOf(db.path) {
			*db = database{}
		}
	}
	u.known, u.answers = nil, nil
}

// version tells one version of a file from another; that of no file is zero.
type version struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func versionOf(path string) version {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return version{}
	}
	return version{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}
}

// Lookup finds a user by name, or by number where no user has that name, with all groups. The
// error wraps ErrNotFound, or ErrTaken where no source answered in time. now tells whether the
// account has expired.
func (u *Users) Lookup(ctx context.Context, name string, now time.Time) (User, error) {
	u.mu.Lock()
	known, ok := u.known[name]
	u.mu.Unlock()
	if ok {
		known.Groups = slices.Clone(known.Groups)
		return known, nil
	}
	found, err := u.lookup(ctx, name, now)
	if err == nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.known == nil {
			u.known = map[string]User{}
		}
		u.known[name] = found
		found.Groups = slices.Clone(found.Groups)
	}
	return found, err
}

func (u *Users) lookup(ctx context.Context, name string, now time.Time) (User, error) {
	account, err := u.account(ctx, name)
	if err != nil {
		return User{}, err
	}
	if account.Groups, err = u.groupsOf(ctx, account.Name, account.GID); err != nil {
		return User{}, err
	}
	account.Expired, err = u.expired(ctx, account.Name, now)
	return account, err
}

// GroupID finds a group by name, or by number: a number need not be in any file.
func (u *Users) GroupID(ctx context.Context, name string) (uint32, error) {
	if f, ok := u.find(u.file(&u.group, cmp.Or(u.Group, "/etc/group")), 0, name, 4); ok {
		return number(f[2], "group "+name)
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n), nil
	}
	f, err := u.askElsewhere(ctx, "group", name, 4)
	if err != nil {
		return 0, fmt.Errorf("group %q: %w", name, err)
	}
	return number(f[2], "group "+name)
}

// Name returns the name of the user with number uid in the passwd file, else the number.
func (u *Users) Name(uid int) string {
	text := strconv.Itoa(uid)
	if f, ok := u.find(u.file(&u.passwd, cmp.Or(u.Passwd, "/etc/passwd")), 2, text, 7); ok {
		return f[0]
	}
	return text
}

// Member reports whether one of the groups of user is called group, by name or number.
func (u *Users) Member(user User, group string) bool {
	gid, err := u.GroupID(context.Background(), group)
	return err == nil && slices.Contains(user.Groups, gid)
}

// account finds the passwd entry of name, without its groups.
func (u *Users) account(ctx context.Context, name string) (User, error) {
	passwd := u.file(&u.passwd, cmp.Or(u.Passwd, "/etc/passwd"))
	f, ok := u.find(passwd, 0, name, 7)
	if _, err := strconv.ParseUint(name, 10, 32); !ok && err == nil {
		f, ok = u.find(passwd, 2, name, 7)
	}
	if !ok {
		var err error
		if f, err = u.askElsewhere(ctx, "passwd", name, 7); err != nil {
			return User{}, fmt.Errorf("user %q: %w", name, err)
		}
	}
	uid, err := number(f[2], "user "+name)
	if err != nil {
		return User{}, err
	}
	gid, err := number(f[3], "user "+name)
	return User{Name: f[0], UID: uid, GID: gid, Home: f[5], Shell: f[6]}, err
}

// groupsOf lists the groups of a user whose primary group is gid, as initgroups(3) does.
func (u *Users) groupsOf(ctx context.Context, name string, gid uint32) ([]uint32, error) {
	groups := []uint32{gid}
	db := u.file(&u.group, cmp.Or(u.Group, "/etc/group"))
	for line := range bytes.Lines(db.text) {
		f := strings.SplitN(strings.TrimRight(string(line), "\n"), ":", 4)
		if len(f) != 4 || !slices.Contains(strings.Split(f[3], ","), name) {
			continue
		}
		n, err := number(f[2], "group "+f[0])
		if err != nil {
			return nil, err
		}
		groups = append(groups, n)
	}
	more, err := u.groupsElsewhere(ctx, name)
	groups = append(groups, more...)
	slices.Sort(groups)
	return slices.Compact(groups), err
}

// expired reads the expiry date of an account, days since 1970. As for pam_unix, 0 is a date.
func (u *Users) expired(ctx context.Context, name string, now time.Time) (bool, error) {
	db := u.file(&u.shadow, cmp.Or(u.Shadow, "/etc/shadow"))
	if errors.Is(db.err, fs.ErrPermission) {
		return false, nil
	}
	f, ok := u.find(db, 0, name, 9)
	if !ok {
		var err error
		if f, err = u.askElsewhere(ctx, "shadow", name, 9); errors.Is(err, ErrNotFound) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("user %q: %w", name, err)
		}
	}
	day, err := strconv.ParseInt(f[7], 10, 64)
	return err == nil && day >= 0 && now.Unix()/86400 >= day, nil
}

// find returns the first line of db whose field at is key, cut into n fields.
func (u *Users) find(db database, at int, key string, n int) ([]string, bool) {
	if key == "" || strings.ContainsAny(key, ":\n") {
		return nil, false
	}
	for line := range bytes.Lines(db.text) {
		if !bytes.Contains(line, []byte(key)) {
			continue
		}
		f := strings.Split(strings.TrimRight(string(line), "\n"), ":")
		if len(f) >= n && f[at] == key {
			return f, true
		}
	}
	return nil, false
}

// file reads a database, once.
func (u *Users) file(db *database, path string) database {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !db.read {
		db.was = versionOf(path) // before it is read: a change meanwhile is seen
		db.text, db.err = readFile(path, 64<<20)
		db.read, db.path = true, path
	}
	return *db
}

func number(text, of string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 1<<32-1 {
		return 0, fmt.Errorf("%s: number %q in its entry: %w", of, text, ErrInvalid)
	}
	return uint32(n), nil
}
