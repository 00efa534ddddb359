package migrate

import (
	"strings"

	"om/service"
)

// agentJobs are the tasks of a file of OpenSVC's, with when the agents start them.
func (d *Draft) agentJobs(s *service.Service) {
	for i := range s.Tasks {
		t := &s.Tasks[i]
		j := Job{Index: strings.TrimPrefix(t.ID.RID, "task#"), Place: Place{t.File, t.Line}}
		j.clock.agent = readAgentTimes(t.Schedule)
		switch {
		case t.Schedule == "":
			j.clock.unknown = "it has no schedule"
		case j.clock.agent.fault != "":
			d.Losses = append(d.Losses, Loss{Place{File: t.File}, false, "[" + t.ID.RID + "] schedule = " + t.Schedule, j.clock.agent.fault})
		case strings.Contains(t.Schedule, "~"):
			j.clock.remarks = append(j.clock.remarks, "the agents draw the place in a range with ~ each time: the begins of the ranges are compared")
		}
		d.Jobs = append(d.Jobs, j)
	}
}

// agentCatchups are the values of catchup that make of missed starts what the agents make of them, as far as there is a
// schedule: that of [DEFAULT], "" for none, and the tasks that want "last" in their own section.
func agentCatchups(jobs []Job) (shared string, own []string) {
	points := false
	for i := range jobs {
		switch a := jobs[i].clock.agent; {
		case len(a.rules) == 0:
		case a.hasPoint():
			points = true
		default:
			own = append(own, "task#"+jobs[i].Index)
		}
	}
	switch {
	case points:
		return "none", own
	case own != nil:
		return "last", nil
	}
	return "", nil
}

// hasPoint says that a range is so short that a start in it is missed for good when the host is off. In others the agents
// start the task when the host is on again, and an interval that is over is made up for.
func (a *agentTimes) hasPoint() bool {
	for i := range a.rules {
		for _, x := range a.rules[i].ranges {
			if !a.rules[i].exclude && x.end-x.begin == 1 {
				return true
			}
		}
	}
	return false
}
