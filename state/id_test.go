package state_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"om/state"
)

func TestNewID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	// Later than all ids of the other tests, so that they do not push this one ahead.
	at := time.Date(2099, 1, 2, 3, 4, 5, 678_500_000, time.UTC)
	got := state.NewID(at)
	if !form.MatchString(got) {
		t.Errorf("%q has not the form of a UUIDv7", got)
	}
	want := fmt.Sprintf("%012x", at.UnixMilli())
	if got[:8]+got[9:13] != want || got[14:18] != "7800" { // half a millisecond is 0x800
		t.Errorf("got %s, want %s and 7800", got, want)
	}
	last := got
	for _, step := range []time.Duration{0, 0, -time.Hour, time.Nanosecond, -time.Nanosecond, 0, time.Microsecond} {
		at = at.Add(step)
		for range 5000 { // more than a millisecond has fractions
			next := state.NewID(at)
			if next <= last || !form.MatchString(next) {
				t.Fatalf("%s after %s", next, last)
			}
			last = next
		}
	}
	if next := state.NewID(time.Time{}); next <= last {
		t.Errorf("%s after %s: a clock that shows nothing", next, last)
	}
}

func TestNewIDFromManyGoroutines(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			last := ""
			for range 2000 {
				id := state.NewID(start())
				if id <= last {
					t.Errorf("%s after %s", id, last)
				}
				last = id
				mu.Lock()
				seen[id[:23]] = true
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if len(seen) != 8000 {
		t.Errorf("%d ids, want 8000", len(seen))
	}
}

func TestProcessStart(t *testing.T) {
	mine, err := state.ProcessStart(os.Getpid())
	if err != nil || mine == 0 {
		t.Errorf("this process: %d, %v", mine, err)
	}
	if parent, err := state.ProcessStart(os.Getppid()); err != nil || parent > mine {
		t.Errorf("the parent began at %d, its child at %d, %v", parent, mine, err)
	}
	for _, pid := range []int{1 << 30, -1} {
		if _, err = state.ProcessStart(pid); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("pid %d: %v", pid, err)
		}
	}
	boot, err := state.BootID()
	if err != nil || len(boot) != 36 {
		t.Errorf("boot id %q, %v", boot, err)
	}
}

func FuzzParseStat(f *testing.F) {
	const good = "1234 (om) S 1 1234 1234 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 8 0 987654 1000 200 18446744073709551615"
	f.Add("om", "S", uint64(987654))
	f.Add("a) Z (b c", "Z", uint64(math.MaxUint64))
	f.Add("\n) R 1 2 3", "R", uint64(0))
	f.Fuzz(func(t *testing.T, name, letter string, start uint64) {
		if len(letter) != 1 || strings.TrimSpace(letter) == "" || letter == ")" || letter[0] >= 0x80 {
			return
		}
		fields := strings.SplitAfterN(good, ") S", 2)
		stat := "1234 (" + name + ") " + letter + strings.Replace(fields[1], "987654", fmt.Sprint(start), 1)
		s, at, err := state.ParseStat([]byte(stat))
		if err != nil || s != letter[0] || at != start {
			t.Errorf("%q: %c %d %v", stat, s, at, err)
		}
		// A line that ends before the start has none.
		end := len(stat) - len(fields[1]) + strings.Index(fields[1], "987654") - len(fmt.Sprint(start)) + len("987654")
		for cut := range end {
			if _, at, err = state.ParseStat([]byte(stat[:cut])); err == nil {
				t.Errorf("%q: %d without an error", stat[:cut], at)
			}
		}
	})
}
