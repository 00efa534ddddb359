package task

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrusted: what another user may exchange, on the way to a file, is told with what mends it.
func TestTrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to place what is another user's")
	}
	const they = 1000
	dir := t.TempDir() // in a folder that everybody writes to, and that is sticky
	mkdir := func(name string, mode os.FileMode, uid int) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(path, 0o755), os.Chmod(path, mode), os.Chown(path, uid, 0)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, to string, uid int) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Symlink(to, path), os.Lchown(path, uid, 0)); err != nil {
			t.Fatal(err)
		}
	}
	mkdir("ours/deep", 0o755, 0)
	mkdir("ours/group", 0o775, 0)
	mkdir("theirs/ours", 0o755, 0)
	mkdir("theirs", 0o755, they)
	mkdir("open/ours", 0o755, 0)
	mkdir("open", 0o777, 0)
	mkdir("sticky/theirs", 0o755, they)
	mkdir("sticky", 0o777|os.ModeSticky, 0)
	link("ours/link", "deep", 0)
	link("ours/out", dir+"/theirs/ours", 0)
	link("ours/up", "../ours/deep/../../ours", 0)
	link("ours/their-link", "deep", they)
	link("ours/loop", "loop", 0)
	link("sticky/link", dir+"/ours", they)
	for path, mend := range map[string]string{
		"ours/deep/absent": "", "ours/absent/deep/x": "", "ours/group/x": "", "ours/link/x": "", "ours/up/deep/x": "", "ours//./deep/x": "",
		"sticky/absent":        "",
		"theirs":               "chown root DIR/theirs",
		"theirs/ours/x":        "chown root DIR/theirs",
		"open/ours/x":          "chmod o-w DIR/open",
		"open/../ours/deep":    "chmod o-w DIR/open",
		"sticky/theirs/x":      "chown root DIR/sticky/theirs",
		"sticky/link/deep/x":   "chown root DIR/sticky/link",
		"sticky/link/../ours":  "chown root DIR/sticky/link",
		"ours/out/x":           "chown root DIR/theirs",
		"ours/their-link/x":    "chown root DIR/ours/their-link",
		"ours/loop":            "too many links",
		"ours/link/../../open": "chmod o-w DIR/open",
	} {
		err := Trusted(dir + "/" + path)
		mend = strings.ReplaceAll(mend, "DIR", dir)
		switch {
		case mend == "" && err != nil:
			t.Errorf("%s: %v", path, err)
		case mend != "" && (!errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), mend)):
			t.Errorf("%s: got %v, want %s", path, err, mend)
		}
	}
	if err := Trusted(dir+"/theirs/ours/x", they); err != nil {
		t.Errorf("what belongs to who is meant: %v", err)
	}
	if err := TrustedAlone(dir + "/ours/deep/absent"); err != nil {
		t.Error(err)
	}
	if err := TrustedAlone(dir + "/ours/group/absent"); err == nil || !strings.Contains(err.Error(), "chmod g-w "+dir+"/ours/group") {
		t.Errorf("a folder that its group may write to: %v", err)
	}
	for _, name := range []string{"open", "theirs"} {
		if err := TrustedAlone(dir + "/" + name); err == nil {
			t.Errorf("%s is trusted", name)
		}
	}
	t.Chdir(filepath.Join(dir, "open"))
	if err := Trusted("ours"); err == nil {
		t.Error("a path from the present folder is trusted for what is above it")
	}
}
