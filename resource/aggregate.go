package resource

import (
	"slices"
	"strings"

	"om/task"
)

// Aggregate merges the states of a service's resources by the rules of OpenSVC. Disabled ones are
// left out. Tasks, syncs and optional resources count for overall alone, and a warning in any log
// makes overall warn. With nothing to merge the state is undef.
//
// In one point it is stricter: a resource whose look failed (undef with a warning) keeps avail from
// being up, it is warn then. What nobody could see must not satisfy avail(up).
func Aggregate(obs []task.Observation) (avail, overall task.Status) {
	var warned, blind bool
	for _, o := range obs {
		if o.Disable {
			continue
		}
		overall, warned = overall.Merge(o.Status), warned || slices.ContainsFunc(o.Log, isWarning)
		if available(o) {
			avail, blind = avail.Merge(o.Status), blind || unknown(o)
		}
	}
	avail, overall = avail.Shown(), overall.Shown()
	if blind && (avail == task.Up || avail == task.StdbyUp) {
		avail = task.Warn
	}
	if warned {
		overall = task.Warn
	}
	return avail, overall
}

// available reports whether o counts for avail.
func available(o task.Observation) bool {
	group, _, _ := task.SplitRID(o.RID)
	return !o.Optional && !o.Disable && group != "task" && group != "sync"
}

// Requirements returns the state of the subject of each requirement, in the same order, for
// task.Decide. A resource that is not in obs is not known; "avail" and "overall" always are. Detail
// is the first line of the resource's log, or the resources that keep the whole from being up.
func Requirements(rs []task.Requirement, obs []task.Observation) []task.Seen {
	seen := make([]task.Seen, len(rs))
	for i, r := range rs {
		seen[i] = subject(r.Subject, obs)
	}
	return seen
}

func subject(name string, obs []task.Observation) task.Seen {
	avail, overall := Aggregate(obs)
	switch name {
	case "avail":
		return whole(avail, obs, available)
	case "overall":
		return whole(overall, obs, enabled)
	}
	i := slices.IndexFunc(obs, func(o task.Observation) bool { return o.RID == name })
	if i < 0 {
		return task.Seen{}
	}
	return task.Seen{Status: obs[i].Status, Known: true, Detail: detail(obs[i]), Blind: unknown(obs[i])}
}

// whole is what is seen of the service as a whole, whose state is st by the resources that count.
func whole(st task.Status, obs []task.Observation, counts func(task.Observation) bool) task.Seen {
	blind := slices.ContainsFunc(obs, func(o task.Observation) bool { return counts(o) && unknown(o) })
	return task.Seen{Status: st, Known: true, Detail: notUp(obs, counts), Blind: blind}
}

func enabled(o task.Observation) bool { return !o.Disable }

// unknown says that a look failed: nobody knows the state.
func unknown(o task.Observation) bool {
	return o.Status == task.Undef && slices.ContainsFunc(o.Log, isWarning)
}

// detail is the first line of the log, without its level.
func detail(o task.Observation) string {
	if o.Disable {
		return "disabled"
	}
	if len(o.Log) == 0 {
		return ""
	}
	_, text, _ := strings.Cut(o.Log[0], ": ")
	return text
}

func notUp(obs []task.Observation, counts func(task.Observation) bool) string {
	var words []string
	for _, o := range obs {
		good := o.Status == task.Up || o.Status == task.StdbyUp || o.Status == task.NA
		if counts(o) && (!good || slices.ContainsFunc(o.Log, isWarning)) {
			words = append(words, o.RID+" "+o.Status.String())
		}
	}
	return strings.Join(words, ", ")
}

// Needed returns the resources that must be probed to know the subjects of reqs, in the order of all:
// those they name, or all of them where one asks for avail or overall.
func Needed(reqs []task.Requirement, all []task.Resource) []task.Resource {
	var named []string
	for _, r := range reqs {
		if r.Subject == "avail" || r.Subject == "overall" {
			return all
		}
		named = append(named, r.Subject)
	}
	var needed []task.Resource
	for _, r := range all {
		if slices.Contains(named, r.RID) {
			needed = append(needed, r)
		}
	}
	return needed
}
