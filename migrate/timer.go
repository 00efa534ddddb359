package migrate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"om/schedule"
)

// A Timer is a timer of systemd and the service that it starts.
type Timer struct {
	Timer, Service *Unit  // Service is nil where there is no file, or the unit is no service
	Target         string // the unit that is started
	Path           string // of the service to be
	System         bool   // it belongs to the system's instance, and not to a user's
	KeepUnits      bool   // have systemctl start the service, and carry the timer alone
	Zone           string // the zone that systemd goes by, where that of the node is another; "" for the same
}

// TimerTarget is the unit that a timer starts.
func TimerTarget(timer *Unit) string {
	target := timer.last("Timer", "Unit")
	if target == "" {
		return strings.TrimSuffix(timer.Name, ".timer") + ".service"
	}
	target, _ = specifiers{unit: timer.Name}.expand(target)
	return target
}

// Draft makes a service file of it.
func (t *Timer) Draft() Draft {
	d := Draft{Service: t.Path, Source: t.source(), Engine: "systemd"}
	d.AddTimer(t)
	return d
}

func (t *Timer) source() string {
	if t.Service == nil || t.Service.File == "" {
		return t.Timer.File
	}
	return t.Timer.File + " and " + t.Service.File
}

// AddTimer adds the tasks that a timer is: one, or one for each of its ways to elapse.
func (d *Draft) AddTimer(t *Timer) {
	if source := t.source(); d.Source != source && !strings.HasSuffix(d.Source, " and others") {
		d.Source += " and others"
	}
	j := t.job()
	name := index(strings.TrimSuffix(t.Timer.Name, ".timer"))
	if t.Service != nil && isTick(t.Service.last("Service", "ExecStart")) {
		d.Losses = append(d.Losses, Loss{j.Place, false, t.Timer.Name, ticks})
		return
	}
	if fault := j.unit(t); fault != "" {
		d.leaveOut(&j, t.Timer.Name, fault)
		return
	}
	j.timerUnit(t.Timer)
	for i := range j.Needs {
		j.Needs[i].Index = d.free(name) + "-" + strconv.Itoa(i+1)
	}
	j.require()
	triggers := j.triggers(t)
	for _, trigger := range triggers {
		task := j
		task.Keywords = slices.Clone(j.Keywords)
		trigger(&task)
		if len(triggers) > 1 {
			task.set("lock", t.Path) // they start one unit
		}
		task.Index = d.free(name)
		slices.SortStableFunc(task.Losses, func(a, b Loss) int { return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line) })
		d.Jobs = append(d.Jobs, task)
		j.Comments, j.Losses = nil, nil
	}
	if len(triggers) == 0 {
		d.leaveOut(&j, t.Timer.Name, "it never elapses by what om has: no OnCalendar, OnBootSec, OnUnitActiveSec or the like")
	}
}

// job begins the job of a timer with what its units have besides settings.
func (t *Timer) job() Job {
	j := Job{Place: Place{File: t.Timer.File}, Comments: trimBlank(tidy(t.Timer.comments)), Losses: slices.Clone(t.Timer.losses)}
	if t.Service == nil {
		return j
	}
	j.Losses = append(j.Losses, t.Service.losses...)
	if more := trimBlank(tidy(t.Service.comments)); !slices.Equal(more, j.Comments) {
		j.Comments = append(j.Comments, more...)
	}
	return j
}

func (d *Draft) leaveOut(j *Job, what, why string) {
	loss := Loss{j.Place, true, what, why}
	d.Losses = append(append(d.Losses, j.Losses...), loss)
	d.Tail = append(d.Tail, append(j.Comments, lossComment(loss))...)
}

// require writes the requirements of a job.
func (j *Job) require() {
	var words []string
	for _, n := range j.Needs {
		words = append(words, "condition#"+n.Index+"(up)")
	}
	if len(words) > 0 {
		j.set("run_requires", strings.Join(words, " "))
	}
}

// tidy leaves out empty lines that do not part comments.
func tidy(lines []string) (all []string) {
	for _, line := range lines {
		if line != "" || len(all) > 0 && all[len(all)-1] != "" {
			all = append(all, line)
		}
	}
	for len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// timerUnit carries what the timer says of all its ways to elapse.
func (j *Job) timerUnit(u *Unit) {
	j.conditions(u)
	j.delayed(u)
	if span, ok := readSpan(u.last("Timer", "AccuracySec")); ok && span > time.Minute {
		j.clock.remarks = append(j.clock.remarks, "AccuracySec: systemd may start it up to "+spanText(span)+" late, and om does at once")
	}
	for _, key := range []string{"WakeSystem", "OnClockChange", "OnTimezoneChange", "DeferReactivation"} {
		if u.yes("Timer", key) {
			j.lose(key+"="+u.last("Timer", key), "om has nothing like it")
		}
	}
	for _, e := range u.entries {
		if e.section == "Timer" && !slices.Contains(timerKeys(), e.key) {
			j.Losses = append(j.Losses, Loss{e.Place, false, e.key + "=" + e.value, "it is not known to om"})
		}
	}
}

// delayed carries RandomizedDelaySec=.
func (j *Job) delayed(u *Unit) {
	text := u.last("Timer", "RandomizedDelaySec")
	span, ok := readSpan(text)
	switch {
	case text == "" || ok && span == 0:
		return
	case !ok || span > schedule.MaxSpread:
		j.lose("RandomizedDelaySec="+text, "wanted a time span of 30 days at most")
		return
	}
	j.set("spread", spanText(span))
	j.clock.delay = "each start is put off by up to " + spanText(span) + ": by systemd anew each time, by om always by the same part"
	if u.yes("Timer", "FixedRandomDelay") {
		j.clock.delay = "each start is put off by up to " + spanText(span) + ": by systemd and by om always by the same part, but not by the same one"
	}
}

// timerKeys are those that are looked at, or that change nothing here.
func timerKeys() []string {
	return []string{
		"OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "AccuracySec", "RandomizedDelaySec",
		"FixedRandomDelay", "Persistent", "Unit", "WakeSystem", "OnClockChange", "OnTimezoneChange", "DeferReactivation", "RemainAfterElapse",
	}
}

// elapses are the settings by which the timer elapses. An empty one of any of them undoes all before it.
func (u *Unit) elapses() (all []unitEntry) {
	for _, e := range u.entries {
		switch {
		case e.section != "Timer" || !slices.Contains(timerKeys()[:6], e.key):
		case e.value == "":
			all = nil
		default:
			all = append(all, e)
		}
	}
	return all
}

// triggers are the ways in which the timer elapses: each makes a schedule.
func (j *Job) triggers(t *Timer) (all []func(*Job)) {
	persistent := t.Timer.yes("Timer", "Persistent")
	var start, active []unitEntry
	for _, e := range t.Timer.elapses() {
		switch e.key {
		case "OnCalendar":
			all = append(all, func(task *Job) { task.calendar(e, t.Zone, persistent) })
		case "OnUnitActiveSec", "OnUnitInactiveSec":
			active = append(active, e)
		default:
			start = append(start, e)
		}
	}
	for _, e := range active {
		all = append(all, func(task *Job) { task.interval(e, start) })
	}
	for _, e := range start {
		if len(active) == 0 {
			all = append(all, func(task *Job) { task.afterBoot(e) })
		}
	}
	return all
}

// calendar is OnCalendar=. Where clocks leave out a fixed time, systemd leaves it out too.
func (j *Job) calendar(e unitEntry, zone string, persistent bool) {
	j.Place = e.Place
	text := strings.Join(strings.Fields(e.value), " ")
	if zone != "" && !endsInZone(text) {
		text += " " + zone
	}
	j.clock.calendar = text
	if schedule.NotationOf(text) != schedule.Calendar {
		text = "calendar: " + text
	}
	j.set("schedule", text)
	j.set("dst_gap", "skip")
	j.set("catchup", "none")
	if persistent {
		j.set("catchup", "last")
	}
}

// endsInZone says that the last word of a calendar expression is a time zone.
func endsInZone(text string) bool {
	words := strings.Fields(text)
	last := words[len(words)-1]
	return len(words) > 1 && (strings.Contains(last, "/") && (last[0] >= 'A' && last[0] <= 'Z') || last == "UTC")
}

// interval is OnUnitActiveSec= and OnUnitInactiveSec=, with what makes the first start.
func (j *Job) interval(e unitEntry, first []unitEntry) {
	j.Place = e.Place
	j.clock.unknown = "it depends on the last run"
	span, ok := readSpan(e.value)
	switch {
	case !ok || span < time.Second || span > 60*365*24*time.Hour:
		j.set("schedule", "")
		j.lose(e.key+"="+e.value, "wanted a time span, of a second or more: it has no schedule")
		return
	case e.key == "OnUnitActiveSec":
		j.set("schedule", "@"+spanText(span))
	default:
		j.set("schedule", "every "+spanText(span)+" after end")
	}
	for _, f := range first {
		j.Losses = append(j.Losses, Loss{f.Place, false, f.key + "=" + f.value, "the interval goes on through a start of the host: om starts it when it is over, and at once where that was while the host was off"})
	}
}

// afterBoot is OnBootSec=, OnStartupSec= or OnActiveSec= without an interval: once after each start of the host. The wait
// is part of the run.
func (j *Job) afterBoot(e unitEntry) {
	j.Place = e.Place
	j.clock.unknown = "it is started with the host"
	j.set("schedule", "@reboot")
	j.set("catchup", "last")
	span, ok := readSpan(e.value)
	if !ok || span == endless {
		j.lose(e.key+"="+e.value, "wanted a time span: it is started at once")
		return
	}
	if e.key == "OnActiveSec" {
		j.Losses = append(j.Losses, Loss{e.Place, false, "OnActiveSec=" + e.value, "om has no timer to be started: it counts from the start of the host"})
	}
	if span < time.Second {
		return
	}
	wait := fmt.Sprintf("sleep %d", int64((span+time.Second-1)/time.Second))
	j.first(wait)
	if timeout, ok := j.get("timeout"); ok && timeout != "0" {
		j.lose(e.key+"="+e.value, "the wait is a part of the run, and its step has the same timeout")
	}
}

// first puts a command before all others.
func (j *Job) first(command string) {
	key := "blocking_pre_run"
	if _, ok := j.get("pre_run"); ok {
		key = "pre_run"
	}
	if before, ok := j.get(key); ok {
		j.set("shell", "sh")
		command += "; " + before
	}
	j.set(key, command)
}
