package migrate_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"om/migrate"
)

// faultsOf imports a crontab as that of Debian's cron, and returns its losses, and whether that cron is said to refuse it.
func faultsOf(text string) (losses []string, refused bool) {
	c := migrate.CronTable{Text: text, File: "tab", Service: "s", Vixie: true}
	d := c.Draft()
	for _, l := range d.AllLosses() {
		losses = append(losses, l.Text())
		refused = refused || strings.Contains(l.What, "a table with faults")
	}
	return losses, refused
}

// TestVixie has what Debian's cron reads otherwise than cronie.
func TestVixie(t *testing.T) {
	long := strings.Repeat("x", 999)
	for _, row := range []struct{ text, schedule, loss string }{
		{"10~20 3 * * * a\n", "10 3 * * *", "Debian's cron reads 10, and passes over ~20"},
		{"0 0 * * sat-sun a\n", "", "sat-sun goes backwards, which is no time for Debian's cron: it never starts it"},
		{"0 0 * * fri-sun,wed a\n", "0 0 * * wed", "a range that goes backwards is none"},
		{"1-5/2/2 * * * * a\n", "1-5/2 * * * *", "passes over /2"},
		{"-* * * * * a\n", "-", `left out: -* * * * * a: "-*": wanted a number`},
		{"~ * * * * a\n", "-", `"~": wanted a number`},
		{"5/10 * * * * a\n", "-", "a step stands behind a star or a range"},
		{"* * * * * " + long + "\n", "-", "takes 998 bytes of a command at most"},
		{"A=\n* * * * * a\n", "* * * * *", "a value that is empty and not in quotes"},
		{"* * * * * a\nA=b", "* * * * *", "a last line that has no end"},
		{"* * * * * a\r\n", "* * * * *", "CR at the ends of lines"},
	} {
		c := migrate.CronTable{Text: row.text, File: "tab", Service: "s", Vixie: true}
		d := c.Draft()
		got := "-"
		if len(d.Jobs) > 0 {
			got = value(&d.Jobs[0], "schedule")
		}
		losses, _ := faultsOf(row.text)
		if got != row.schedule || !slices.ContainsFunc(losses, func(l string) bool { return strings.Contains(l, row.loss) }) {
			t.Errorf("%.40q: got %q, %q, want %q, %q", row.text, got, losses, row.schedule, row.loss)
		}
	}
}

// oddTables are those that are easily read otherwise, and some by chance.
func oddTables() (all []string) {
	for _, line := range []string{
		"@yearly", "@reboot", "@Reboot", "@every 5m", "@fortnightly", "-* * * * *", "- * * * * *", "0~59 * * * *", "*/90 * * * *", "*/60 * * * *",
		"0-5/6 * * * *", "5/10 * * * *", "0 0 * * sun-wed", "0 0 * * sat-sun", "0 0 * * 6-0", "0 0 * * 5-7", "0 0 * * Mon,TUE", "0 0 * * monday",
		"0 0 * JAN-mar/2 *", "007 00 01 01 00", "0,30,* * * * *", "0,,5 * * * *", "0, * * * *", ",0 * * * *", "1-5-7 * * * *", "1-5/2/2 * * * *",
		"*-5 * * * *", "** * * * *", "* * * *", "0 24 * * *", "60 * * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 0 *", "0 0 * 13 *", "0 0 * * 8",
		"*/0 * * * *", "*/00 * * * *", "1-59/0 * * * *", "*/a * * * *", "0x5 * * * *", "5a * * * *", "1.5 * * * *", "0 0 31-1 * *", "? * * * *", "0 0 L * *",
	} {
		all = append(all, line+" a\n")
	}
	for _, head := range []string{"A=b", "A =b", "A= \"b", "\"A\"=b", "'A b'=c", "A B=c", "A", "A=\"b\" c", "A=", "A=\"\"", "A=b=c", " A=b", "A=\"b\\\"c\"", "#"} {
		all = append(all, head+"\n* * * * * a\n")
	}
	for _, n := range []int{900, 998, 999, 2000} {
		all = append(all, "* * * * * "+strings.Repeat("x", n)+"\n")
	}
	all = append(all, "* * * * * a\r\n", "* * * * * a", "* * * * * a\nA=b", "* * * * * #a\n", "* * * * * *a\n")
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		text := ""
		for range 5 {
			for range 1 + r.IntN(3) {
				text += []string{"*", "0", "5", "7", "12", "-", "/", ",", "2", "jan", "sun", "mon", "60", "31", "*/", "1-5", "~"}[r.IntN(17)]
			}
			text += " "
		}
		all = append(all, text+"a\n")
	}
	return all
}

// debianReads compares which tables Debian's cron takes with which it is said to take. Its crontab(1) is run in a mount
// namespace of its own, with a spool of its own.
func debianReads(t *testing.T, root string) {
	t.Helper()
	program := filepath.Join(root, "usr/bin/crontab")
	if _, err := os.Stat(program); err != nil {
		t.Skip("the package cron was not fetched")
	}
	if os.Getuid() != 0 || exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("crontab(1) wants root, and a mount namespace")
	}
	tables, folder := oddTables(), t.TempDir()
	for i, text := range tables {
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf(`mount -t tmpfs none /var/spool && mkdir -p /var/spool/cron/crontabs && i=0
while [ $i -lt %d ]; do %s -u root %s/$i >/dev/null 2>&1 </dev/null && echo $i; i=$((i+1)); done`, len(tables), program, folder)
	out, err := exec.Command("unshare", "-m", "sh", "-c", script).CombinedOutput()
	if taken := strings.Fields(string(out)); err == nil || len(taken) > 0 {
		for i, text := range tables {
			losses, refused := faultsOf(text)
			if takes := slices.Contains(taken, strconv.Itoa(i)); takes == refused {
				t.Errorf("%.60q: cron takes it: %t; losses: %q", text, takes, losses)
			}
		}
		return
	}
	t.Skipf("crontab(1) can't be run here: %v %s", err, out)
}

// TestDistrust: cron reads files of root's alone that no other may write to.
func TestDistrust(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	for _, row := range []struct {
		mode os.FileMode
		uid  int
		want string
	}{{0o644, 0, ""}, {0o664, 0, "others may write to"}, {0o646, 0, "others may write to"}, {0o644, 1, "not root's"}} {
		if os.Getuid() != 0 && row.uid == 0 {
			continue
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			_ = os.Chown(file, row.uid, 0)
		}
		_ = os.Chmod(file, row.mode)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := migrate.Distrust(info); row.want == "" && got != "" || !strings.Contains(got, row.want) {
			t.Errorf("%v of %d: got %q, want %q", row.mode, row.uid, got, row.want)
		}
	}
}
