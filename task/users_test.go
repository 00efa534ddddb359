package task

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// accounts writes files of users and groups like those of a host, and returns a Users that reads
// them. The home of each is a directory of its own.
func accounts(t *testing.T) *Users {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	home := func(name string) string {
		h := filepath.Join(dir, name)
		if err := os.Mkdir(h, 0o755); err != nil {
			t.Fatal(err)
		}
		return h
	}
	passwd := []string{
		"root:x:0:0:root:/root:/bin/bash",
		"plain:x:70001:70001:A plain user:" + home("plain") + ":/bin/sh",
		"adm:x:70002:70002::" + home("adm") + ":/bin/sh",
		"many:x:70003:70003::" + home("many") + ":/bin/sh",
		"locked:x:70004:70004::" + home("locked") + ":/bin/sh",
		"daemon:x:70005:70005::" + home("daemon") + ":/usr/sbin/nologin",
		"homeless:x:70006:70006::" + filepath.Join(dir, "nowhere") + ":/bin/sh",
		"expired:x:70007:70007::" + home("expired") + ":/bin/sh",
		"odd:x:many:70008::/:/bin/sh",
	}
	group := []string{"root:x:0:", "plain:x:70001:", "backup:x:71000:adm,other,many", "shared:x:71001:adm", "rootish:x:71002:root"}
	for i := range 70 {
		group = append(group, fmt.Sprintf("g%d:x:%d:many", i, 72000+i))
	}
	shadow := []string{"plain:*:19000:0:99999:7:::", "locked:!$6$x:19000:0:99999:7:::", "expired:*:19000:0:99999:7::20000:"}
	u := &Users{Getent: "/nonexistent/getent", Timeout: 300 * time.Millisecond}
	for path, lines := range map[*string][]string{
		&u.Passwd: passwd, &u.Group: group, &u.Shadow: shadow, &u.Switch: {"passwd: files systemd", "group: files"},
	} {
		*path = filepath.Join(dir, fmt.Sprint("file", len(lines), lines[0][:4]))
		if err := os.WriteFile(*path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// fakeGetent makes a getent that is a script, and a Users that asks it.
func fakeGetent(t *testing.T, script string) *Users {
	t.Helper()
	u := accounts(t)
	u.Getent = filepath.Join(t.TempDir(), "getent")
	if err := os.WriteFile(u.Getent, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(u.Switch, []byte("passwd: files ldap\ngroup:\tfiles [!UNAVAIL=return] ldap # comment\nshadow: files ldap\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestNameService(t *testing.T) {
	u := fakeGetent(t, `shift; case "$1 $2" in
"passwd ldapuser") echo "ldapuser:x:80001:80001::/:/bin/bash";;
"initgroups ldapuser") echo "ldapuser              80010 80002";;
"initgroups adm") echo "adm 80010";;
"group ldapgroup") echo "ldapgroup:*:80010:ldapuser";;
*) exit 2;;
esac`)
	ctx := context.Background()
	got, err := u.Lookup(ctx, "ldapuser", time.Now())
	want := User{Name: "ldapuser", UID: 80001, GID: 80001, Home: "/", Shell: "/bin/bash", Groups: []uint32{80001, 80002, 80010}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if adm, err := u.Lookup(ctx, "adm", time.Now()); err != nil || !slices.Equal(adm.Groups, []uint32{70002, 71000, 71001, 80010}) {
		t.Errorf("groups from both: %v, %v", adm.Groups, err)
	}
	if gid, err := u.GroupID(ctx, "ldapgroup"); err != nil || gid != 80010 {
		t.Errorf("group: %d, %v", gid, err)
	}
	if _, err := u.Lookup(ctx, "nobody-at-all", time.Now()); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	if !u.Member(got, "ldapgroup") || u.Member(got, "backup") {
		t.Error("Member is wrong")
	}
}

// A name service that hangs costs the time limit, is worth another try, and never means root.
func TestNameServiceHangs(t *testing.T) {
	u := fakeGetent(t, "trap '' TERM; sleep 30 & sleep 30")
	task, r := plainTask("/bin/true"), resolver(u)
	task.User, task.Cwd, r.EUID = "ldapuser", "/", 0
	start := time.Now()
	_, err := task.Resolve(context.Background(), r)
	var got *ResolveError
	if !errors.As(err, &got) || got.Code != 75 || !errors.Is(err, ErrTaken) {
		t.Fatalf("got %v, want 75", err)
	}
	if want := `user "ldapuser": no answer from the name service (ldap) within 300ms: taken`; got.Reason != want {
		t.Errorf("got %q, want %q", got.Reason, want)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if left := Processes(fmt.Sprintf("capture/%d", os.Getpid())); len(left) > 0 {
		t.Errorf("getent is left: %v", left)
	}
}

// TestUsersRenew: what lives long sees who has come, who has gone and what groups are left, and asks the name services
// again; until then everything is asked once.
func TestUsersRenew(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked")
	u := fakeGetent(t, "echo \"$2 $3\" >>"+asked+`; case "$2 $3" in
"passwd ldapuser") echo "ldapuser:x:80001:80001::/:/bin/bash";;
"initgroups ldapuser") echo "ldapuser 80010";;
*) exit 2;;
esac`)
	groups := func(name string) string {
		got, err := u.Lookup(context.Background(), name, time.Now())
		if errors.Is(err, ErrNotFound) {
			return "nobody"
		} else if err != nil {
			t.Fatal(err)
		}
		for i := range got.Groups {
			defer func() { got.Groups[i] = 0 }() // it is the caller's
		}
		return fmt.Sprint(got.Groups)
	}
	expect := func(when string, want ...string) {
		t.Helper()
		for range 3 {
			for i, name := range []string{"adm", "newcomer", "ldapuser"} {
				if got := groups(name); got != want[i] {
					t.Errorf("%s: %s is %s, want %s", when, name, got, want[i])
				}
			}
		}
	}
	questions := func() int {
		text, _ := os.ReadFile(asked)
		return strings.Count(string(text), "\n")
	}
	expect("at first", "[70002 71000 71001]", "nobody", "[80001 80010]")
	n := questions()
	replaceIn(t, u.Passwd, "plain:x:", "newcomer:x:75000:75000::/:/bin/sh\nplain:x:")
	replaceIn(t, u.Group, ":adm,other", ":other")
	expect("not renewed", "[70002 71000 71001]", "nobody", "[80001 80010]")
	if again := questions(); again != n {
		t.Errorf("%d questions, and then %d", n, again)
	}
	u.Renew()
	expect("renewed", "[70002 71001]", "[75000]", "[80001 80010]")
	if again := questions(); again <= n {
		t.Errorf("%d questions, and none after it was renewed", n)
	}
	if err := os.Remove(u.Group); err != nil {
		t.Fatal(err)
	}
	u.Renew()
	expect("without groups", "[70002]", "[75000]", "[80001 80010]")
}

// replaceIn edits a file as useradd(8) does: by another one in its place.
func replaceIn(t *testing.T, path, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+"+", []byte(strings.Replace(string(text), old, replacement, 1)), 0o600)
	}
	if err == nil {
		err = os.Rename(path+"+", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestUsersOfThisHost(t *testing.T) {
	u := &Users{}
	got, err := u.Lookup(context.Background(), "root", time.Now())
	if err != nil || got.UID != 0 || got.Home == "" || !slices.Contains(got.Groups, 0) {
		t.Errorf("got %+v, %v", got, err)
	}
	if name := u.Name(0); name != "root" {
		t.Errorf("got %q", name)
	}
	if name := u.Name(4_000_000_001); name != "4000000001" {
		t.Errorf("got %q", name)
	}
	if _, err := (&Users{Passwd: "/nonexistent"}).Lookup(context.Background(), "root", time.Now()); !errors.Is(err, ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want not found", err)
	}
}
