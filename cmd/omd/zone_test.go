package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestHostZone: the daemon goes by the time zone that the host has now, in the schedules of tasks that name none and in
// what it tells them.
func TestHostZone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may mount another /etc")
	}
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace here: %v: %s", err, out)
	}
	m, h := newManager(t), newHouse(t)
	etc := filepath.Join(h.dir, "hostetc")
	moveTo := func(zone string) {
		link := filepath.Join(etc, "localtime")
		if err := os.Symlink("/usr/share/zoneinfo/"+zone, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(etc, "passwd"), []byte("root:x:0:0::/:/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	moveTo("Etc/UTC")
	h.write("s.conf", "[task#0]\ncommand = /bin/true\nschedule = 0 3 * * *\n")
	s := &started{house: h, cmd: exec.Command("unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc && unset TZ && exec omd`, etc)}
	s.cmd.Env = append(append([]string{}, h.env...), "NOTIFY_SOCKET="+m.path)
	s.cmd.Stderr = &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	s.await("slot at 3 in UTC", func() bool { return strings.Contains(m.all(), "T03:00:00Z") })

	moveTo("Asia/Tokyo")
	s.signal(syscall.SIGHUP)
	s.await("slot at 3 in Tokyo", func() bool { return strings.Contains(m.all(), "T18:00:00Z") })
	seen := filepath.Join(h.dir, "seen")
	h.write("other.conf", "[task#0]\ncommand = echo $OM_SLOT_LOCAL >> "+seen+"\nshell = sh\nschedule = calendar:*:*:0/2\n")
	s.await("slot with the zone of Tokyo", func() bool {
		text, _ := os.ReadFile(seen)
		return strings.HasSuffix(string(text), "+09:00\n")
	})
}
