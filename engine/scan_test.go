package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUnusableFile: a file that others could have written is refused with what mends it, once; when it is mended it is
// scheduled, though it is the same file.
func TestUnusableFile(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
	if err := os.Chmod(h.ConfigDir, 0o777); err != nil {
		t.Fatal(err)
	}
	r := h.tick(0)
	if len(r.Rejected) != 1 || !r.Rejected[0].Unusable || !strings.Contains(r.Rejected[0].String(), "none of it is scheduled") ||
		!strings.Contains(r.Rejected[0].Reason, "chmod") {
		t.Errorf("rejected %v", r.Rejected)
	}
	h.want("om_config_last_load_success", `,service="a"`, 0)
	for range 2 {
		if r = h.tick(time.Hour); len(r.Rejected)+len(r.Changed)+len(r.Started) > 0 {
			t.Errorf("told again: %v, %v; started %v", r.Rejected, r.Changed, r.Started)
		}
		h.want("om_config_last_load_success", `,service="a"`, 0)
	}
	if err := os.Chmod(h.ConfigDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if r = h.tick(time.Minute); len(r.Changed) != 1 || len(r.Rejected)+len(r.Started) > 0 {
		t.Errorf("mended: changed %v, rejected %v, started %v", r.Changed, r.Rejected, r.Started)
	}
	h.want("om_config_last_load_success", `,service="a"`, 1)
	if r = h.tick(time.Hour); len(r.Changed) > 0 || len(r.Started) != 1 {
		t.Errorf("changed %v, started %v, want one run", r.Changed, r.Started)
	}
}

// TestUnusableLater: while a file can't be used, its last version goes on.
func TestUnusableLater(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
	h.tick(0)
	if err := os.Chmod(filepath.Join(h.ConfigDir, "a.conf"), 0o666); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Minute); len(r.Rejected) != 1 || !r.Rejected[0].LastGood {
		t.Errorf("rejected %v", r.Rejected)
	}
	if r := h.tick(time.Hour); len(r.Started) != 1 || len(r.Rejected) > 0 {
		t.Errorf("started %v, rejected %v", r.Started, r.Rejected)
	}
}
