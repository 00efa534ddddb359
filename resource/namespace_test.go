package resource_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside runs the test once more in new namespaces, as root of them, and reports whether this is that
// second run. The first run only passes the result on. A host that refuses them skips the test.
func inside(t *testing.T, namespaces uintptr) bool {
	t.Helper()
	attr := &syscall.SysProcAttr{Cloneflags: namespaces}
	if os.Getuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return again(t, attr)
}

// again runs the test once more as attr says, and reports whether this is that second run.
func again(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	if os.Getenv("OM_TEST_AGAIN") == t.Name() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "OM_TEST_AGAIN="+t.Name())
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		t.Errorf("inside: %v\n%s", err, out)
	case err != nil:
		t.Skipf("this host refuses the namespaces: %v", err)
	case strings.Contains(string(out), "\n--- SKIP: "+t.Name()):
		t.Skipf("inside: %s", out)
	case !strings.Contains(string(out), "\n--- PASS: "+t.Name()):
		t.Errorf("inside: the test did not run:\n%s", out)
	default:
		t.Logf("inside: %s", out)
	}
	return false
}

// privateMounts keeps every mount of the test from the host, and skips where the host refuses that.
func privateMounts(t *testing.T) {
	t.Helper()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skipf("private mounts: %v", err)
	}
}

// mount mounts and, at the end of the test, unmounts.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s on %s: %v", source, target, err)
	}
	t.Cleanup(func() { unmount(t, target) })
}

// unmount unmounts target, later where it is still in use.
func unmount(t *testing.T, target string) {
	t.Helper()
	err := unix.Unmount(target, 0)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(target, unix.MNT_DETACH)
	}
	if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: the test has unmounted it itself
		t.Errorf("unmount %s: %v", target, err)
	}
}

// folder makes a folder below dir.
func folder(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
