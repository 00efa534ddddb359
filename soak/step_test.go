package soak_test

import (
	"fmt"
	"testing"
	"time"
)

// TestStepped sets the clock forward and back, by seconds and by hours, around a day on which the clocks of the zone
// change, while ticks and daemons are at work and some are killed.
func TestStepped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limit := 15 * time.Second
	if *minutes > 0 {
		limit = time.Duration(*minutes * float64(time.Minute))
	}
	w.clock = "clock"
	w.daemon()
	base := time.Date(2027, 3, 27, 22, 59, 0, 0, time.UTC)
	w.setClock(setting{ahead: time.Until(base)})
	until := base.Add(furthest + limit + time.Minute)
	w.mixed(until)
	limits := "\ntimezone = Europe/Paris\nlog = none\nnot_after = " + until.Format("2006-01-02T15:04:05Z") + "\n"
	w.write("etc/day.conf", fmt.Sprintf("[task#hour]\ncommand = %s\nschedule = cron:0 * * * *%s", w.probing("0", 0), limits)+
		fmt.Sprintf("[task#night]\ncommand = %s\nschedule = 02:30%s", w.probing("0.1", 0), limits)+
		fmt.Sprintf("[task#ten]\ncommand = %s\nschedule = cron:*/10 * * * *\ncatchup = all%s", w.probing("0", 0), limits))
	begin := time.Now()
	typical := w.settle()
	w.rage(typical, func() bool { return time.Since(begin) > limit }, (*nemesis).meddle, func(n *nemesis) []doing {
		return []doing{n.step, n.step, n.step, n.freeze, n.closeGate, n.changes()[len(n.changes())-1]}
	})
	w.heal(until)
	w.check()
}

// furthest is how far the clock gets ahead of where it began.
const furthest = 4 * time.Hour

// meddle lets om work most of the time.
func (n *nemesis) meddle() {
	switch i := n.IntN(100); {
	case i < 30:
		n.killTick()
	case i < 33:
		n.killSupervisor()
	case i < 38:
		n.keepDaemon()
	case i < 39:
		n.stop()
	default:
		n.tick()
	}
	pause(n.moment(3))
}

// step sets the clock, from a second to hours.
func (n *nemesis) step(func()) {
	most := []time.Duration{10 * time.Second, 2 * time.Minute, mostWrong, 20 * time.Minute, 3 * time.Hour}[n.IntN(5)]
	by := n.between(time.Second, most).Truncate(100 * time.Millisecond)
	ahead, base := n.ahead(), n.set[0].ahead
	if n.IntN(2) == 0 {
		by = -by
	}
	if to := ahead + by - base; to < 0 || to > furthest {
		by = -by
	}
	if to := ahead + by - base; to < 0 || to > furthest {
		return
	}
	n.did(fmt.Sprintf("step %s", by))
	n.setClock(setting{ahead: ahead + by})
}
