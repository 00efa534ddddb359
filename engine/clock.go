package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"om/state"
)

// factTick is the clock at the last tick, as JSON.
const factTick = "tick"

// clockReading is what the clocks of the host showed at a tick.
type clockReading struct {
	At   time.Time     // the time of the day
	Up   time.Duration // since the start of the host, suspended time too
	Boot string        // which start that was
}

func (s *scheduler) reading() clockReading {
	return clockReading{s.now, sinceBoot(), s.bootID}
}

func sinceBoot() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // can't fail with this clock
	return time.Duration(t.Nano())
}

// factBoot is the last start of the host, and when that was by the clock at the first look after it: what is
// due once after a start must not be due again when the clock is set.
const factBoot = "boot"

// startOf is when the host was started this time.
func (e *Engine) startOf(ctx context.Context, db *state.DB, bootID string, keep bool) (time.Time, error) {
	text, err := db.Fact(ctx, factBoot)
	if err != nil {
		return time.Time{}, err
	}
	if id, at, ok := strings.Cut(text, " "); ok && id == bootID {
		return time.Parse(time.RFC3339, at)
	}
	boot, err := BootTime()
	if err != nil || boot.After(e.Now()) || !keep {
		return boot, err
	}
	return boot, db.SetFact(ctx, factBoot, bootID+" "+boot.UTC().Format(time.RFC3339))
}

// bigJump is how far the clock may be behind a cursor before that is taken for a clock that was wrong.
const bigJump = 5 * time.Minute

// readClock compares the clock with the last tick's. Where it was set back so far that slots were decided that
// are in the future now, it was wrong then: they are decided again when they come.
func (s *scheduler) readClock(ctx context.Context) error {
	if err := s.readClockOnly(ctx); err != nil || s.last.At.Sub(s.now) <= bigJump {
		s.noteForward()
		return err
	}
	ids, err := s.node.Rewind(ctx, s.now)
	if err != nil {
		return err
	}
	s.report.Clock = fmt.Sprintf("set back from %s to %s", s.last.At.Format(time.RFC3339), s.now.Format(time.RFC3339))
	s.report.problem("the clock was set back from %s to %s: %d cursors with it", s.last.At.Format(time.RFC3339), s.now.Format(time.RFC3339), len(ids))
	return nil
}

// noteForward tells where the clock was set forward since the last tick.
func (s *scheduler) noteForward() {
	if s.last.Boot != s.bootID || s.last.At.IsZero() {
		return
	}
	if drift := s.now.Sub(s.last.At) - (sinceBoot() - s.last.Up); drift > bigJump {
		s.report.Clock = fmt.Sprintf("set forward by %s to %s", drift.Round(time.Second), s.now.Format(time.RFC3339))
	}
}

// readClockOnly reads what the clocks showed at the last tick.
func (s *scheduler) readClockOnly(ctx context.Context) error {
	text, err := s.node.Fact(ctx, factTick)
	if err != nil {
		return err
	}
	if text != "" {
		_ = json.Unmarshal([]byte(text), &s.last) // nothing depends on it but a reason and a tolerance
	}
	s.period = s.options.Period
	if since := s.now.Sub(s.last.At); !s.last.At.IsZero() && since > 0 && since < s.period {
		s.period = since
	}
	return nil
}

func (s *scheduler) noteClock(ctx context.Context) error {
	text, err := json.Marshal(s.reading())
	if err != nil {
		return err
	}
	return s.node.SetFact(ctx, factTick, string(text))
}

// onTime is how long after its slot a run still is on time.
func (s *scheduler) onTime() time.Duration { return max(time.Minute, 2*s.period) }

// absence says why nobody looked between the last tick and this one.
func (s *scheduler) absence() string {
	gap := s.now.Sub(s.last.At)
	switch {
	case s.last.At.IsZero():
		return "no tick before"
	case s.last.Boot != s.bootID:
		return "the host was down"
	case gap-(sinceBoot()-s.last.Up) > bigJump:
		return "the clock was set forward"
	case gap > 2*s.options.Period:
		return "no tick since " + s.last.At.UTC().Format(time.RFC3339)
	}
	return "tick too coarse"
}

// untrusted says why the clock is not to be trusted yet: after its start the host has so long to
// set it.
func (s *scheduler) untrusted() string {
	wait := s.Node.WaitTimeSync
	if up := sinceBoot(); up < wait && !synchronized() {
		return fmt.Sprintf("the clock is not synchronized, and the host was started %s ago (wait_time_sync = %s)", up.Round(time.Second), wait)
	}
	return ""
}

// synchronized asks the kernel whether something keeps its clock.
func synchronized() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	const timeError = 5 // TIME_ERROR of adjtimex(2)
	return err == nil && state != timeError && t.Status&unix.STA_UNSYNC == 0
}

// soon is when to look again at what waits for something else than the clock.
func soon(now time.Time) time.Time { return now.Add(30 * time.Second) }
