package migrate

import (
	"cmp"
	"fmt"
	"io/fs"
	"strings"

	"om/schedule"
	"om/service"
	"om/task"
)

// Crontab writes the tasks of services that have a schedule as a crontab.
func (e *Exporter) Crontab(services []*service.Service) (text string, refused []Refusal, err error) {
	var b strings.Builder
	var env []variable
	for _, s := range services {
		tasks, err := e.tasks(s)
		if err != nil {
			return "", nil, err
		}
		for _, x := range tasks {
			line := x.cronLine()
			r := x.refusal()
			if r != nil {
				refused = append(refused, *r)
			}
			if r != nil && !r.Written {
				continue
			}
			b.WriteString(line.text(x, &env))
		}
	}
	return b.String(), refused, nil
}

// A cronEntry is a line to be written, with the settings that it needs.
type cronEntry struct {
	when, user, command string
	env                 []variable
}

// cronLine makes the line of a task, and gives the reasons against it.
func (x *exported) cronLine() (l cronEntry) {
	x.ofOm()
	x.notCron()
	l.when = x.cronTimes()
	own := x.zone()
	if zone, rest, ok := strings.Cut(l.when, " "); ok && strings.HasPrefix(zone, "CRON_TZ=") {
		l.when, own = rest, strings.TrimPrefix(zone, "CRON_TZ=")
	}
	x.cronClocks(own)
	shell, command, err := x.shellText(x.t.Command)
	if err != nil {
		x.forbid(true, err.Error())
	}
	l.env = x.cronEnvironment(own)
	named := valueOf(l.env, "SHELL")
	if shell = cmp.Or(shell, "/bin/sh"); named == "" {
		named = shell
		l.env = append(l.env, variable{name: "SHELL", value: shell})
	}
	l.command = x.cronCommand(shell, command, named)
	l.user = x.cronUser()
	return l
}

// notCron gives the reasons that cron has no word for.
func (x *exported) notCron() {
	t := &x.t
	x.refuse(t.Overlap != task.OverlapAllow, "overlap = "+string(t.Overlap)+": cron starts a job while it still runs (overlap = allow)")
	x.refuse(x.makesUp() && !isReboot(x.cal), "catchup: cron makes up for nothing (catchup = none)")
	x.refuse(len(t.Requires) > 0, "run_requires")
	x.refuse(t.Timeout > 0, "timeout")
	x.refuse(t.PreRun+t.BlockingPreRun+t.PostRun+t.BlockingPostRun+t.OnError != "", "commands before and after (pre_run, post_run and their kin, on_error)")
	x.refuse(t.Group != "" || len(t.ExtraGroups) > 0, "group and extra_groups")
	x.refuse(t.Nice != 0 || t.IOClass != "" || t.HasOOMScore || t.NoNewPrivs || len(t.Limits) > 0, "nice, ionice, oom_score_adj, no_new_privs and limits")
	x.refuse(len(t.EnvironmentFile) > 0, "environment_file")
	x.refuse(t.Leftover == task.LeftoverKill, "leftover = kill")
	x.refuse(t.Spread > 0 && minutes(t.Spread) == 0, "spread: cron has full minutes")
	x.refuse(!onlyUp(t.RetCodes), "retcodes")
}

func isReboot(cal *schedule.Schedule) bool { return cal.String() == "@reboot" }

// cronTimes writes the schedule in cron's fields, as cron itself reads them: a number that is chosen, H, is ~.
func (x *exported) cronTimes() string {
	text, err := x.when(schedule.Cron)
	if err != nil {
		x.forbid(true, "schedule: "+err.Error())
		return ""
	}
	fields := strings.Fields(text)
	zone := ""
	if strings.HasPrefix(fields[0], "CRON_TZ=") {
		zone, fields = fields[0]+" ", fields[1:]
	}
	for i, f := range fields {
		if f == "H" {
			fields[i] = "~"
		} else if inner, ok := strings.CutPrefix(f, "H("); ok && strings.HasSuffix(inner, ")") {
			fields[i] = strings.Replace(strings.TrimSuffix(inner, ")"), "-", "~", 1)
		}
	}
	fault := ""
	if len(fields) != 1 && len(fields) != 5 {
		fault = "cron has no seconds"
	} else {
		_, fault = readCronTimes(fields)
	}
	x.forbid(fault != "", "schedule: "+x.t.Schedule+": "+fault)
	return zone + strings.Join(fields, " ")
}

// cronClocks compares with what cron does when clocks change: by those of the host it runs a fixed time once, by those of
// another zone it looks at what they show.
func (x *exported) cronClocks(zone string) {
	switch {
	case isReboot(x.cal):
	case zone == "":
		x.refuse(!x.alike("after", "first"), "dst_gap and dst_overlap: cron runs a fixed time after a gap, and in the first of two equal hours")
	default:
		x.refuse(!x.alike("skip", "both") && !x.alike("skip", "first"), "dst_gap and dst_overlap: cron leaves out the times of another zone that clocks leave out")
	}
}

// cronCommand writes the command: with what cron does not set before it, and % quoted. named is the shell of the line, which
// is that of the command unless the task gives its command another SHELL.
func (x *exported) cronCommand(shell, command, named string) string {
	before := ""
	if x.t.Home != "" {
		before += "HOME=" + task.Quote([]string{x.t.Home}) + "; export HOME; "
	}
	if dir := cmp.Or(x.t.Cwd, x.t.Home); dir != "" {
		before += "cd " + task.Quote([]string{dir}) + " && "
	}
	if x.t.Umask != fs.FileMode(0o022) {
		before += fmt.Sprintf("umask %03o && ", x.t.Umask.Perm())
	}
	if before != "" || named != shell {
		command = before + "exec " + task.Quote([]string{shell, "-c", command})
	}
	x.refuse(len(command) > longestCommand, "its command is longer than Debian's cron takes, 998 bytes")
	x.forbid(command == "" || command[0] == '*', "its command begins with a star, which cron takes for a slip")
	return strings.ReplaceAll(command, "%", `\%`)
}

func (x *exported) cronUser() string {
	user := x.t.User
	if user == "" {
		user = x.Self
	}
	x.forbid(!x.Users && user != x.Self, "user = "+user+": the lines of a user's crontab are all run as that user (--user-column)")
	return user
}

// cronEnvironment are the settings of a line. PATH is that of om where the task has none.
func (x *exported) cronEnvironment(zone string) (env []variable) {
	for _, word := range x.t.Environment {
		name, value, _ := strings.Cut(word, "=")
		switch fault := x.cronFault(name, value); {
		case name == "CRON_TZ" && isReboot(x.cal):
			env = append(env, variable{name: name, value: value})
		case name == "MAILTO", name == "CRON_TZ", name == "RANDOM_DELAY": // they are set by what the task says
		case fault != "":
			x.refuse(true, "environment: "+fault)
		default:
			env = append(env, variable{name: name, value: value})
		}
	}
	if !has(env, "PATH") {
		env = append(env, variable{name: "PATH", value: task.DefaultPath})
	}
	if zone != "" {
		env = append(env, variable{name: "CRON_TZ", value: zone})
	}
	if n := minutes(x.t.Spread); n > 0 {
		env = append(env, variable{name: "RANDOM_DELAY", value: fmt.Sprint(n)})
	}
	if x.says("notify_mail") {
		mail := strings.Join(strings.Fields(strings.ReplaceAll(x.t.Notify.Mail, ",", " ")), ",")
		env = append(env, variable{name: "MAILTO", value: strings.ReplaceAll(mail, "@localhost", "")})
	}
	return env
}

// cronFault says why a crontab can't set a variable; "" if it can.
func (x *exported) cronFault(name, value string) string {
	switch {
	case name == "SHELL" && !isPath(value):
		return "SHELL is no path of a shell"
	case name == "HOME", name == "LOGNAME", name == "USER", !cronValue(value):
		return name + " can't be set to that in a crontab"
	}
	return ""
}

// cronValue says that a crontab can hold a value.
func cronValue(value string) bool {
	return writable(value) && !(strings.Contains(value, `"`) && strings.Contains(value, "'"))
}

// text writes the line, the settings that differ from those in force, and above them what the task is called.
func (l *cronEntry) text(x *exported, env *[]variable) string {
	var b strings.Builder
	b.WriteString("# " + x.t.ID.String())
	if x.t.Description != "" {
		b.WriteString(": " + x.t.Description)
	}
	b.WriteByte('\n')
	for _, reason := range x.reasons {
		b.WriteString(comment("# lost: " + reason))
	}
	var gone []string
	for _, old := range *env {
		if has(l.env, old.name) {
			continue
		}
		if off := switchedOff(old.name); off != "" {
			l.env = append(l.env, variable{name: old.name, value: strings.Trim(off, `"`)})
			continue
		}
		gone = append(gone, old.name)
	}
	for _, v := range l.env {
		if !has(*env, v.name) || valueOf(*env, v.name) != v.value {
			b.WriteString(v.name + "=" + cronQuote(v.value) + "\n")
			*env = setVariable(*env, v)
		}
	}
	b.WriteString(l.when + " ")
	if x.Users {
		b.WriteString(l.user + " ")
	}
	if len(gone) > 0 { // a crontab can't take a variable back
		b.WriteString("unset " + strings.Join(gone, " ") + "; ")
	}
	b.WriteString(l.command + "\n")
	return b.String()
}

func has(env []variable, name string) bool {
	for _, v := range env {
		if v.name == name {
			return true
		}
	}
	return false
}

// switchedOff is the value of a setting of cron's own that is as if there were none; "" for other variables.
func switchedOff(name string) string {
	switch name {
	case "RANDOM_DELAY":
		return "0"
	case "MAILTO", "CRON_TZ":
		return `""`
	}
	return ""
}

// cronQuote puts a value in quotes where it needs them.
func cronQuote(value string) string {
	switch {
	case value == "" || strings.TrimSpace(value) != value || strings.ContainsAny(value[:1], `"'`):
	default:
		return value
	}
	if strings.Contains(value, `"`) {
		return "'" + value + "'"
	}
	return `"` + value + `"`
}
