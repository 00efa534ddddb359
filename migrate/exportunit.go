package migrate

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// A UnitFile is a file of systemd to be written.
type UnitFile struct{ Name, Text string }

// Units writes the tasks of services that have a schedule as timers with their services.
func (e *Exporter) Units(services []*service.Service) (files []UnitFile, refused []Refusal, err error) {
	for _, s := range services {
		tasks, err := e.tasks(s)
		if err != nil {
			return nil, nil, err
		}
		for _, x := range tasks {
			timer, unit := x.timer(), x.service()
			r := x.refusal()
			if r != nil {
				refused = append(refused, *r)
			}
			if r != nil && !r.Written {
				continue
			}
			head := "# " + x.t.ID.String() + "\n"
			for _, reason := range x.reasons {
				head += comment("# lost: " + reason)
			}
			name := x.unitName()
			files = append(files, UnitFile{name + ".timer", head + timer}, UnitFile{name + ".service", head + unit})
		}
	}
	return files, refused, nil
}

// unitName is that of the service, with that of the task unless it is the same.
func (x *exported) unitName() string {
	base := strings.ReplaceAll(x.s.Path, "/", "-")
	_, name, _ := task.SplitRID(x.t.ID.RID)
	if name == x.s.Name {
		return base
	}
	return base + "-" + index(name)
}

// timer writes the timer.
func (x *exported) timer() string {
	x.ofOm()
	var b strings.Builder
	fmt.Fprintf(&b, "[Unit]\nDescription=%s\n\n[Timer]\n", unitText(x.description()))
	switch {
	case isReboot(x.cal):
		b.WriteString("OnBootSec=0\n")
	default:
		fmt.Fprintf(&b, "OnCalendar=%s\n", x.onCalendar())
		fmt.Fprintf(&b, "Persistent=%t\n", x.makesUp())
	}
	b.WriteString("AccuracySec=1s\n")
	if x.t.Spread > 0 {
		fmt.Fprintf(&b, "RandomizedDelaySec=%d\nFixedRandomDelay=true\n", int64(x.t.Spread/time.Second))
	}
	b.WriteString("\n[Install]\nWantedBy=timers.target\n")
	return b.String()
}

func (x *exported) description() string {
	if x.t.Description != "" {
		return x.t.Description
	}
	return x.t.ID.String()
}

// onCalendar writes the schedule. systemd leaves out a fixed time that clocks leave out.
func (x *exported) onCalendar() string {
	text, err := x.when(schedule.Calendar)
	if err != nil {
		x.forbid(true, "schedule: "+err.Error())
		return ""
	}
	x.refuse(!x.alike("skip", "first"), "dst_gap and dst_overlap: systemd leaves out a fixed time in a gap, and runs it in the first of two equal hours")
	if zone := x.zone(); zone != "" && !endsInZone(text) {
		text += " " + zone
	}
	return text
}

// service writes the service.
func (x *exported) service() string {
	x.notUnit()
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			b.WriteString(key + "=" + value + "\n")
		}
	}
	b.WriteString("[Unit]\n")
	line("Description", unitText(x.description()))
	b.WriteString("\n[Service]\nType=oneshot\n")
	x.unitIdentity(line)
	x.unitLimits(line)
	x.unitEnd(line)
	for _, word := range x.t.Environment {
		line("Environment", unitQuote(unitText(word)))
	}
	line("EnvironmentFile", strings.Join(x.t.EnvironmentFile, "\nEnvironmentFile="))
	x.unitSteps(line)
	return b.String()
}

// notUnit gives the reasons that a unit has no word for.
func (x *exported) notUnit() {
	t := &x.t
	x.refuse(t.Overlap != task.OverlapSkip, "overlap = "+string(t.Overlap)+": systemd starts no unit that is active (overlap = skip)")
	x.refuse(t.Notify.Mail != "", "notify_mail: systemd sends no mail")
	x.refuse(len(t.Environment) > 0 && len(t.EnvironmentFile) > 0, "environment and environment_file: in systemd that of the file wins")
	x.refuse(t.Home != "", "home: systemd takes that of the user")
	x.refuse(t.TriggerUser != "" && t.TriggerUser != t.User && t.TriggerUser != "root", "trigger_user = "+t.TriggerUser+": it is the user of the task, or root")
	for _, r := range t.Requires {
		x.refuse(x.check(r) == "", "run_requires: "+r.String()+" is no resource with a check alone")
	}
}

// check is the command that says whether a requirement holds; "" where more than that does.
func (x *exported) check(r task.Requirement) string {
	if len(r.States) == 0 || r.States[0] != task.Up {
		return ""
	}
	check, err := x.s.Eval(r.Subject, "check")
	if group, _, _ := task.SplitRID(r.Subject); err != nil || group == "task" || group == "fs" || group == "ip" || group == "app" {
		return ""
	}
	if codes, ok := x.s.Raw(r.Subject, "retcodes"); ok && codes != "" {
		return ""
	}
	return check
}

func (x *exported) unitIdentity(line func(key, value string)) {
	t := &x.t
	line("User", t.User)
	line("Group", t.Group)
	line("SupplementaryGroups", strings.Join(t.ExtraGroups, " "))
	switch t.Cwd {
	case "":
		line("WorkingDirectory", "~")
	case "/":
	default:
		line("WorkingDirectory", unitText(t.Cwd))
	}
	if t.Umask != fs.FileMode(0o022) {
		line("UMask", fmt.Sprintf("%04o", t.Umask.Perm()))
	}
}

func (x *exported) unitLimits(line func(key, value string)) {
	t := &x.t
	if t.Nice != 0 {
		line("Nice", strconv.Itoa(t.Nice))
	}
	class, level, _ := strings.Cut(t.IOClass, ":")
	line("IOSchedulingClass", class)
	line("IOSchedulingPriority", level)
	if t.HasOOMScore {
		line("OOMScoreAdjust", strconv.Itoa(t.OOMScoreAdjust))
	}
	if t.NoNewPrivs {
		line("NoNewPrivileges", "true")
	}
	for _, l := range t.Limits {
		value := strconv.FormatUint(l.Value, 10)
		if l.Value == task.Unlimited {
			value = "infinity"
		}
		line("Limit"+strings.ToUpper(strings.Replace(l.Name, "vmem", "as", 1)), value)
	}
}

func (x *exported) unitEnd(line func(key, value string)) {
	t := &x.t
	if t.Timeout > 0 {
		line("TimeoutStartSec", spanSeconds(t.Timeout))
	} else {
		line("TimeoutStartSec", "infinity")
	}
	line("TimeoutStopSec", spanSeconds(t.StopTimeout))
	if t.StopSignal != "" && t.StopSignal != "SIGTERM" {
		line("KillSignal", t.StopSignal)
	}
	if t.Leftover == task.LeftoverKeep {
		line("KillMode", "process")
	}
	line("SuccessExitStatus", successCodes(t.RetCodes))
	if t.Log == task.LogNone {
		line("StandardOutput", "null")
	}
}

func spanSeconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// unitSteps writes the commands. What runs after the end tells by $SERVICE_RESULT how that was.
func (x *exported) unitSteps(line func(key, value string)) {
	t := &x.t
	sign := ""
	if t.TriggerUser == "root" && t.User != "" && t.User != "root" {
		sign = "+"
	}
	for _, r := range t.Requires {
		line("ExecCondition", "+"+x.unitCommand(x.check(r), ""))
	}
	step := func(key, prefix, text string) {
		if text != "" {
			line(key, prefix+x.unitCommand(text, t.Shell))
		}
	}
	step("ExecStartPre", "-"+sign, t.PreRun)
	step("ExecStartPre", sign, t.BlockingPreRun)
	step("ExecStart", "", t.Command)
	step("ExecStartPost", "-"+sign, t.PostRun)
	step("ExecStartPost", sign, t.BlockingPostRun)
	if t.OnError != "" {
		_, command, err := x.shellText(t.OnError)
		x.refuse(err != nil, "on_error: "+fmt.Sprint(err))
		line("ExecStopPost", "-"+sign+"/bin/sh -c "+unitQuote(`test "$$SERVICE_RESULT" = success || { `+strings.ReplaceAll(unitText(command), "$", "$$")+"; }"))
	}
}

// unitCommand writes a command for a unit.
func (x *exported) unitCommand(text, shell string) string {
	old := x.t.Shell
	x.t.Shell = shell
	program, command, err := x.shellText(text)
	x.t.Shell = old
	if err != nil {
		x.forbid(true, err.Error())
		return ""
	}
	words := []string{program, "-c", command}
	if program == "" {
		words, _ = task.Split(command)
	}
	for i, w := range words {
		words[i] = unitQuote(strings.ReplaceAll(unitText(w), "$", "$$"))
	}
	return strings.Join(words, " ")
}

// unitText doubles the sign of specifiers.
func unitText(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// unitQuote puts a word in quotes where it needs them.
func unitQuote(word string) string {
	if word == ";" {
		return `\;`
	}
	if word != "" && !strings.ContainsAny(word, " \t\"'\\") && !strings.HasPrefix(word, "#") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(word) + `"`
}
