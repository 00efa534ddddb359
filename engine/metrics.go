package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"om/notice"
	"om/task"
)

// exposition writes metrics in the text format of Prometheus.
type exposition struct {
	node   string
	now    time.Time
	bytes  int64
	nodeOK bool
	queue  int             // events that are to be told
	held   int             // of them, those that wait for the end of quiet hours
	untold notice.Failures // of those of before
	b      strings.Builder
	tasks  []*gauge
}

// text is the file that a collector reads.
func (x *exposition) text(m *meter) []byte {
	x.tasks = slices.SortedFunc(maps.Values(m.Tasks), func(a, b *gauge) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.RID, b.RID))
	})
	x.lastRuns()
	x.plans()
	x.counters()
	x.delay(&m.Delays)
	x.host(m)
	x.telling()
	return []byte(x.b.String())
}

// family begins a metric.
func (x *exposition) family(name, kind, help string) {
	fmt.Fprintf(&x.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample writes one line; labels are names and values in turn, besides that of the node.
func (x *exposition) sample(name string, value float64, labels ...string) {
	for _, part := range [...]string{name, `{node="`, escaped(x.node), `"`} {
		x.b.WriteString(part)
	}
	for i := 0; i+1 < len(labels); i += 2 {
		for _, part := range [...]string{",", labels[i], `="`, escaped(labels[i+1]), `"`} {
			x.b.WriteString(part)
		}
	}
	var digits [32]byte
	x.b.WriteString("} ")
	x.b.Write(strconv.AppendFloat(digits[:0], value, 'g', -1, 64))
	x.b.WriteByte('\n')
}

func escaped(value string) string {
	if !strings.ContainsAny(value, "\\\"\n") && utf8.ValidString(value) {
		return value
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(value, "?"))
}

// each writes a metric that each task has one value of. A task without one is left out.
func (x *exposition) each(name, kind, help string, of func(*gauge) (float64, bool)) {
	x.family(name, kind, help)
	for _, g := range x.tasks {
		if v, ok := of(g); ok {
			x.sample(name, v, "service", g.Service, "task", g.RID)
		}
	}
}

func (x *exposition) lastRuns() {
	x.each("om_task_last_success_timestamp_seconds", "gauge", "When the last run that completed ended.",
		func(g *gauge) (float64, bool) { return seconds(g.Success) })
	x.each("om_task_last_run_timestamp_seconds", "gauge", "When the newest run ended, whatever its end.",
		func(g *gauge) (float64, bool) { return seconds(g.Ended) })
	x.each("om_task_last_run_duration_seconds", "gauge", "How long the newest run took that has ended.",
		func(g *gauge) (float64, bool) { return g.Ended.Sub(g.Started).Seconds(), !g.Started.IsZero() })
	x.each("om_task_last_exit_code", "gauge", "The exit code of the newest run as a shell shows it: 128 and more for a signal, 124 for a timeout.",
		func(g *gauge) (float64, bool) { return float64(g.Code), g.Last != "" })
}

func (x *exposition) plans() {
	x.each("om_task_next_slot_timestamp_seconds", "gauge", "When the task is due next, if it is started here as things are: by its schedule, for another attempt, or for what it waits for.",
		func(g *gauge) (float64, bool) { return seconds(g.next) })
	x.each("om_task_expected_interval_seconds", "gauge", "The longer of the time from the last slot to the next and from that to the one after.",
		func(g *gauge) (float64, bool) { return g.Interval, g.Interval > 0 })
	x.each("om_task_running", "gauge", "Runs in progress.",
		func(g *gauge) (float64, bool) { return float64(g.running), true })
}

func (x *exposition) counters() {
	x.family("om_task_runs_total", "counter", "Runs that have ended, each attempt for itself, by how.")
	for _, g := range x.tasks {
		for _, s := range task.RunStates() {
			// What may be expected of a task is there from the first: a counter that begins with 1 has no increase.
			if s.Final() && (g.Runs[s] > 0 || s == task.Complete || s == task.Failed) {
				x.sample("om_task_runs_total", float64(g.Runs[s]), "service", g.Service, "task", g.RID, "result", string(s))
			}
		}
	}
	x.each("om_task_attempts_total", "counter", "Runs that got so far as to start a process.",
		func(g *gauge) (float64, bool) { return float64(g.Attempts), g.Last != "" })
	x.each("om_task_leftover_processes_total", "counter", "Processes that outlived the command of a run.",
		func(g *gauge) (float64, bool) { return float64(g.Leftover), g.Last != "" })
	x.byReason("om_task_skips_total", "Slots that were looked at in time and not run.", func(g *gauge) map[string]int { return g.Skips })
	x.byReason("om_task_missed_slots_total", "Slots that nobody looked at in time.", func(g *gauge) map[string]int { return g.Missed })
	x.each("om_task_expired_slots_total", "counter", "Slots that waited until their time was over.",
		func(g *gauge) (float64, bool) { return float64(g.Expired), g.Expired > 0 })
}

func (x *exposition) byReason(name, help string, of func(*gauge) map[string]int) {
	x.family(name, "counter", help)
	for _, g := range x.tasks {
		counts := of(g)
		for _, reason := range slices.Sorted(maps.Keys(counts)) {
			x.sample(name, float64(counts[reason]), "service", g.Service, "task", g.RID, "reason", reason)
		}
	}
}

// delay is the same for all tasks: one histogram a task would be too many lines.
func (x *exposition) delay(d *delays) {
	const name = "om_task_start_delay_seconds"
	x.family(name, "histogram", "How long after their slots runs began that were on time.")
	sum := 0
	for i, n := range d.Counts {
		sum += n
		le := "+Inf"
		if list := bounds(); i < len(list) {
			le = strconv.FormatFloat(list[i], 'g', -1, 64)
		}
		x.sample(name+"_bucket", float64(sum), "le", le)
	}
	x.sample(name+"_sum", d.Sum)
	x.sample(name+"_count", float64(sum))
}

func (x *exposition) host(m *meter) {
	x.family("om_tick_last_completed_timestamp_seconds", "gauge", "When om last decided what is due.")
	at, _ := seconds(x.now)
	x.sample("om_tick_last_completed_timestamp_seconds", at)
	x.family("om_clock_jumps_total", "counter", "How often the clock was found to be set by more than a correction.")
	x.sample("om_clock_jumps_total", float64(m.Jumps))
	x.family("om_state_db_bytes", "gauge", "The size of the record of the node.")
	x.sample("om_state_db_bytes", float64(x.bytes))
	x.family("om_config_last_load_success", "gauge", "Whether the file of the service, or without a service node.conf, had no errors when it was read last.")
	x.sample("om_config_last_load_success", truth(x.nodeOK))
	for _, path := range slices.Sorted(maps.Keys(m.Configs)) {
		x.sample("om_config_last_load_success", truth(m.Configs[path]), "service", path)
	}
}

// telling is about what people and machines are told of runs.
func (x *exposition) telling() {
	x.family("om_notify_queue_length", "gauge", "Events that are to be delivered, or tried again.")
	x.sample("om_notify_queue_length", float64(x.queue))
	x.family("om_notify_held", "gauge", "Of these, events that wait for nothing but the end of quiet hours.")
	x.sample("om_notify_held", float64(x.held))
	x.byKind("om_notify_failed_tries_total", "Deliveries that were tried in vain, by the kind of target.", x.untold.Tries)
	x.byKind("om_notify_given_up_total", "Deliveries that are not tried any more, by the kind of target.", x.untold.GivenUp)
	x.family("om_notify_dropped_total", "counter", "Events for which there was no room in the queue.")
	x.sample("om_notify_dropped_total", float64(x.untold.Dropped))
}

func (x *exposition) byKind(name, help string, counts map[string]int) {
	x.family(name, "counter", help)
	for _, kind := range notice.Kinds() {
		x.sample(name, float64(counts[kind]), "kind", kind)
	}
}

func truth(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

// seconds is a time as Prometheus has it, and whether there is one.
func seconds(t time.Time) (float64, bool) {
	if t.IsZero() {
		return 0, false
	}
	return float64(t.UnixMilli()) / 1000, true
}
