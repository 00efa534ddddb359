package migrate

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// An Exporter writes tasks for other schedulers. What they can't say is refused: each task with its reasons.
type Exporter struct {
	Node  service.Node
	Host  *time.Location // the zone of the other scheduler
	Now   time.Time
	Lossy bool // write a task all the same, with what is lost as comments
	Users bool // crontabs name the user of each line
	Self  string
}

// A Refusal is a task that is not exported, or not wholly, and why.
type Refusal struct {
	Task    task.ID
	Reasons []string
	Written bool // for all that: Exporter.Lossy
}

// exported is one task on its way.
type exported struct {
	*Exporter
	s       *service.Service
	t       task.Task
	cal     *schedule.Schedule
	reasons []string
	never   bool // it is not written whatever is asked for
}

// refuse gives a reason, where there is one.
func (x *exported) refuse(has bool, reason string) {
	if has {
		x.reasons = append(x.reasons, reason)
	}
}

// forbid is refuse for what can't be left out.
func (x *exported) forbid(has bool, reason string) {
	x.refuse(has, reason)
	x.never = x.never || has
}

// tasks yields those of a service that have a schedule.
func (e *Exporter) tasks(s *service.Service) (all []*exported, err error) {
	for i := range s.Tasks {
		t := s.Tasks[i]
		if t.Schedule == "" {
			continue
		}
		cal, err := e.Node.Calendar(&t, e.Node.Seed(&t))
		if err != nil {
			return nil, err
		}
		all = append(all, &exported{Exporter: e, s: s, t: t, cal: cal})
	}
	return all, nil
}

// refusal is what is told of a task that has reasons against it; nil for none.
func (x *exported) refusal() *Refusal {
	if len(x.reasons) == 0 {
		return nil
	}
	return &Refusal{x.t.ID, x.reasons, x.Lossy && !x.never}
}

// ofOm gives the reasons that no other scheduler has a word for.
func (x *exported) ofOm() {
	p := &x.t.Plan
	x.forbid(x.t.Disable || x.s.Disable, "it is disabled")
	x.forbid(x.t.Confirmation, "confirmation: it asks a person, and is never scheduled")
	x.forbid(x.t.Interactive, "interactive: it needs a terminal, and is never scheduled")
	x.refuse(x.t.Login, "login: it is run through a login shell")
	x.refuse(x.t.PAM != "", "pam")
	x.refuse(len(x.t.Secrets)+len(x.t.Configs) > 0, "variables that are read from files (secrets_environment, configs_environment)")
	x.refuse(p.Retries > 0, "retries")
	x.refuse(p.Deadline > 0, "deadline")
	x.refuse(p.Delivery == task.AtLeastOnce, "delivery = at-least-once")
	x.refuse(p.Locks != "", "lock")
	x.refuse(len(p.RunOn) > 0 || len(x.s.Nodes) > 1, "it belongs to several nodes (nodes, run_on)")
	x.refuse(x.t.NotBefore+x.t.NotAfter != "", "not_before and not_after")
	x.refuse(p.RunTimes > 0, "run_times")
	x.refuse(p.Catchup == "all" || p.CatchupWindow > 0, "catchup = all and catchup_window")
	x.refuse(x.t.Notify.Command+x.t.Notify.Webhook+x.t.Notify.Ping != "", "notify_command, notify_webhook and ping")
	x.refuse(strings.Contains(x.texts(), "$OM_") || strings.Contains(x.texts(), "${OM_"), "its commands use variables that om sets")
	x.forbid(strings.Contains(x.texts(), "\n"), "a command of several lines")
}

// says reports whether the file sets a keyword of the task.
func (x *exported) says(keyword string) bool {
	_, own := x.s.Raw(x.t.ID.RID, keyword)
	_, inherited := x.s.Raw("DEFAULT", keyword)
	return own || inherited
}

// texts are all its commands.
func (x *exported) texts() string {
	t := &x.t
	return strings.Join([]string{t.Command, t.PreRun, t.BlockingPreRun, t.PostRun, t.BlockingPostRun, t.OnError}, " ")
}

// makesUp says that the newest missed slot is run: as the task says, or by om's default for slots an hour or more apart.
func (x *exported) makesUp() bool {
	switch x.t.Plan.Catchup {
	case "last":
		return true
	case "none":
		return false
	}
	first, ok := x.cal.Next(x.Now, x.Now)
	if !ok {
		return false
	}
	second, ok := x.cal.Next(first, first)
	return !ok || second.Sub(first) >= time.Hour
}

// alike says that the schedule has the same slots with other choices for clock changes, over a year from now.
func (x *exported) alike(gap, overlap string) bool {
	t := x.t
	t.DSTGap, t.DSTOverlap = gap, overlap
	other, err := x.Node.Calendar(&t, x.Node.Seed(&t))
	if err != nil {
		return false
	}
	end := x.Now.AddDate(1, 0, 0)
	a, b := x.Now, x.Now
	for {
		next, ok := x.cal.Next(a, a)
		next2, ok2 := other.Next(b, b)
		switch {
		case ok != ok2 || !next.Equal(next2):
			return false
		case !ok || next.After(end):
			return true
		}
		a, b = next, next2
	}
}

// when writes the schedule in a notation, without a prefix.
func (x *exported) when(to schedule.Notation) (string, error) {
	text, err := x.cal.Convert(to)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(strings.TrimPrefix(text, to.String()+": ")), nil
}

// zone is the one of the schedule where it is not that of the other scheduler; else "".
func (x *exported) zone() string {
	if name := x.cal.Zone().Name(); name != x.Host.String() {
		return name
	}
	return ""
}

// shellText is the command as a shell reads it, and the shell; "" for none.
func (x *exported) shellText(text string) (shell, command string, err error) {
	switch s := x.t.Shell; {
	case s == "sh" || (s == "" || s == "auto") && task.NeedsShell(text):
		return "/bin/sh", text, nil
	case s != "" && s != "auto" && s != "none":
		return s, text, nil
	}
	words, err := task.Split(text)
	if err != nil {
		return "", "", err
	}
	if len(words) == 0 {
		return "", "", errors.New("it has no command")
	}
	return "", task.Quote(words), nil
}

// minutes is a duration in full minutes; 0 for one that is not.
func minutes(d time.Duration) int {
	if d%time.Minute != 0 {
		return 0
	}
	return int(d / time.Minute)
}

// onlyUp says that the exit codes of a task mean what they mean everywhere.
func onlyUp(codes map[int]task.Status) bool {
	for code, status := range codes {
		if (status == task.Up || status == task.Warn) != (code == 0) {
			return false
		}
	}
	return true
}

func successCodes(codes map[int]task.Status) string {
	var all []int
	for code, status := range codes {
		if code != 0 && (status == task.Up || status == task.Warn) {
			all = append(all, code)
		}
	}
	slices.Sort(all)
	var words []string
	for _, code := range all {
		words = append(words, strconv.Itoa(code))
	}
	return strings.Join(words, " ")
}
