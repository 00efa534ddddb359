package migrate

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"om/task"
)

// A CronTable is a crontab, and whose it is.
type CronTable struct {
	Text    string
	File    string // where it was read
	Service string // the path of the service to be
	Users   bool   // each line names its user, as in /etc/crontab
	User    string // whose it is otherwise; "" for the user of om
	Zone    string // the zone that cron goes by, where that of the node is another; "" for the same
	Vixie   bool   // Debian's cron reads it, which does not know CRON_TZ and RANDOM_DELAY

	// How clocks change, for lines of another zone: see cronie. Without it they are taken to change there alone.
	Host  *time.Location
	Zones func(name string) (*time.Location, error)
	Now   time.Time
}

// cronPath is the PATH that cron gives to jobs whose table sets none.
const cronPath = "/usr/bin:/bin"

// Draft makes a service file of it.
func (c *CronTable) Draft() Draft {
	t := readCrontab(c.Text, c.Users, c.Vixie)
	d := Draft{Service: c.Service, Source: c.File, Engine: "cron", Head: t.head}
	var pending []string
	faults := len(t.torn)
	d.tornLines(c, t.torn)
	for i := range t.lines {
		l := &t.lines[i]
		place := Place{c.File, l.number}
		if l.fault != "" {
			loss := Loss{place, true, l.text, l.fault}
			d.Losses = append(d.Losses, loss)
			pending = append(append(pending, l.comments...), lossComment(loss))
			faults++
			continue
		}
		if isTick(l.command) {
			d.Losses = append(d.Losses, Loss{place, false, l.text, ticks})
			pending = append(append(pending, l.comments...), lossComment(d.Losses[len(d.Losses)-1]))
			continue
		}
		j := Job{Index: strconv.Itoa(len(d.Jobs)), Place: place, Comments: append(pending, l.comments...)}
		pending = nil
		j.cronLine(l, c)
		d.Jobs = append(d.Jobs, j)
	}
	d.Tail = append(pending, t.tail...)
	if faults > 0 {
		d.Losses = append(d.Losses, Loss{Place{File: c.File}, false, "a table with faults", "Debian's cron starts none of its lines, cronie those without a fault, and these are carried"})
	}
	d.cronMail(t.lines)
	d.cronSettings(c.File, t.lines, c.Vixie)
	return d
}

// tornLines tells of what is read though cron does not read it so.
func (d *Draft) tornLines(c *CronTable, torn []variable) {
	if strings.Contains(c.Text, "\r\n") {
		d.Losses = append(d.Losses, Loss{Place{File: c.File}, false, "CR at the ends of lines", "cron hands it to the commands, and Debian's takes a line that has nothing else for a fault; here it is left out"})
	}
	for _, v := range torn {
		why := "Debian's cron takes a value that is empty and not in quotes for a fault"
		if v.value != "" {
			why = "Debian's cron takes a last line that has no end for a fault"
		}
		d.Losses = append(d.Losses, Loss{Place{c.File, v.line}, false, v.name + "=" + v.value, why})
	}
}

// ticks is why om does not start its own ticks.
const ticks = "it is what has om look at all tasks, and no task"

// isTick says that a command is om's own tick.
func isTick(command string) bool {
	words := strings.Fields(command)
	for i := 1; i < len(words); i++ {
		if words[i] == "tick" && filepath.Base(words[i-1]) == "om" {
			return true
		}
	}
	return false
}

// writable says that a service file can hold a text.
func writable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// cronLine makes the keywords of a line.
func (j *Job) cronLine(l *cronLine, c *CronTable) {
	j.cronSchedule(l, c)
	j.set("catchup", "none")
	if l.times.reboot {
		j.set("catchup", "last")
	}
	j.set("overlap", "allow")
	if user := cmp.Or(l.user, c.User); user != "" {
		j.set("user", user)
	}
	j.cronCommand(l)
	j.cronVariables(l.env, c.Vixie)
}

// cronSchedule writes the times in the zone that cron takes them in.
func (j *Job) cronSchedule(l *cronLine, c *CronTable) {
	when, zone := l.when, c.Zone
	if l.note != "" {
		j.lose(l.text, l.note)
	}
	j.clock = clock{cron: &l.times, delay: "each start is put off: by cron anew with each start of the daemon, by om always by the same part"}
	if l.never {
		j.set("schedule", "")
		return
	}
	if own := valueOf(l.env, "CRON_TZ"); own != "" && !c.Vixie {
		zone, j.clock.zone = own, own
		j.elsewhere(&l.times, c)
	}
	if strings.Contains(when, "~") {
		when = l.times.hashed(when)
		j.clock.remarks = append(j.clock.remarks, "cron draws the number of ~ when it reads the table, om once for all: with the number of om they are compared")
	}
	if l.times.either() && !l.times.reboot {
		j.clock.remarks = append(j.clock.remarks, "OR of day fields: a day of the month and a weekday are given, and one of them will do, in cron and in om")
	}
	switch {
	case l.times.reboot:
		j.clock.unknown = "it is started with the host"
	case l.times.never():
		j.lose(when, "no month has that day: it has no schedule")
		when = ""
	case zone != "":
		when = "CRON_TZ=" + zone + " " + when
	}
	j.set("schedule", when)
}

// elsewhere chooses what becomes of fixed times when the clocks of another zone change. cron looks at what they
// show, so that there is no such time in a gap, and two in an overlap; but while the clocks of the host repeat an
// hour it starts no fixed times, of no zone.
func (j *Job) elsewhere(t *cronTimes, c *CronTable) {
	if t.reboot || t.stars[minuteField] || t.stars[hourField] {
		return
	}
	overlap := "both"
	if c.Zones != nil {
		zone, err := c.Zones(j.clock.zone)
		if err != nil {
			return
		}
		theirs := changes(zone, c.Now, c.Now.AddDate(1, 0, 0))
		if len(theirs) == 0 {
			return
		}
		if alike(theirs, changes(c.Host, c.Now, c.Now.AddDate(1, 0, 0))) {
			overlap = "first"
		}
	}
	j.set("dst_gap", "skip")
	j.set("dst_overlap", overlap)
}

// alike says that all clocks change at the same instants.
func alike(a, b []change) bool {
	return slices.EqualFunc(a, b, func(x, y change) bool { return x.at == y.at && x.is-x.was == y.is-y.was })
}

// hashed writes what cron draws as a number that stays: H.
func (t *cronTimes) hashed(when string) string {
	words := strings.Fields(when)
	for i, l := range t.lots {
		items := strings.Split(words[i], ",")
		for k := range items {
			if strings.Contains(items[k], "~") {
				items[k] = fmt.Sprintf("H(%d-%d)", l.low, l.high)
			}
		}
		words[i] = strings.Join(items, ",")
	}
	return strings.Join(words, " ")
}

// cronCommand has the shell of the table run the command, with its standard input if it has one.
func (j *Job) cronCommand(l *cronLine) {
	shell, command := valueOf(l.env, "SHELL"), l.command
	if shell == "" {
		shell = "/bin/sh"
	}
	if !isPath(shell) {
		shell = "/bin/sh"
	}
	inner := task.Quote([]string{shell, "-c", command})
	switch bare := strings.TrimRight(command, " \t"); {
	case l.input != nil:
		command, shell = "printf '%s\\n' "+task.Quote(l.input)+" | "+inner, "/bin/sh"
	case strings.HasSuffix(bare, `\`) && bare != command: // the blank is an argument
		command, shell = inner, "/bin/sh"
	default:
		command = bare
	}
	if shell == "/bin/sh" {
		shell = "sh"
	}
	j.set("shell", shell)
	j.set("command", command)
}

// cronVariables carries the environment: what cron sets itself, and what the table says.
func (j *Job) cronVariables(env []variable, vixie bool) {
	list := []variable{{name: "SHELL", value: "/bin/sh"}, {name: "PATH", value: cronPath}}
	for _, v := range env {
		if faultOf(v) != "" {
			continue
		}
		switch v.name {
		case "HOME":
			j.set("home", v.value) // and the folder it is run in
			continue
		case "RANDOM_DELAY":
			if v.value != "0" && !vixie {
				j.set("spread", v.value+"m")
			}
		}
		if i := slices.IndexFunc(list, func(old variable) bool { return old.name == v.name }); i >= 0 {
			list[i] = v
			continue
		}
		list = append(list, v)
	}
	var words []string
	for _, v := range list {
		words = append(words, v.name+"="+v.value)
	}
	j.set("environment", task.Quote(words))
}

// faultOf says why a variable is not carried; "" if it is.
func faultOf(v variable) string {
	switch v.name {
	case "LOGNAME", "USER":
		return "cron sets it to the user of the job, whatever the table says; so does om"
	case "HOME", "SHELL":
		if !isPath(v.value) {
			return "wanted an absolute path without blanks: jobs have the home of their user, and /bin/sh"
		}
	case "RANDOM_DELAY":
		if n, err := strconv.Atoi(v.value); err != nil || n < 0 || n > 30*24*60 || v.value[0] == '+' {
			return "wanted a number of minutes, of 30 days at most"
		}
	}
	if strings.ContainsAny(v.name, " \t\"'=") || !writable(v.name+v.value) {
		return "wanted a name without blanks and quotes, and a value in UTF-8"
	}
	return ""
}

func isPath(text string) bool {
	return filepath.IsAbs(text) && !strings.ContainsAny(text, " \t") && writable(text)
}

// valueOf returns the value of a variable, "" for one that is not set.
func valueOf(env []variable, name string) string {
	for _, v := range env {
		if v.name == name {
			return v.value
		}
	}
	return ""
}

// cronSettings says once what becomes of each setting.
func (d *Draft) cronSettings(file string, lines []cronLine, vixie bool) {
	told := map[int]bool{}
	for i := range lines {
		for _, v := range lines[i].env {
			why := faultOf(v)
			if vixie && (v.name == "CRON_TZ" || v.name == "RANDOM_DELAY") {
				why = "Debian's cron does not know it, and hands it to the jobs as any variable: so does om"
			}
			if why != "" && !told[v.line] {
				told[v.line] = true
				d.Losses = append(d.Losses, Loss{Place{file, v.line}, false, v.name + "=" + v.value, why})
			}
		}
	}
}

// cronMail says once for each way of mail what becomes of it.
func (d *Draft) cronMail(lines []cronLine) {
	told := map[string]bool{}
	for i := range d.Jobs {
		j := &d.Jobs[i]
		at := slices.IndexFunc(lines, func(l cronLine) bool { return l.number == j.Place.Line })
		has := slices.ContainsFunc(lines[at].env, func(v variable) bool { return v.name == "MAILTO" })
		loss := j.mailTo(valueOf(lines[at].env, "MAILTO"), has)
		if loss.What != "" && !told[loss.What] {
			told[loss.What] = true
			d.Losses = append(d.Losses, loss)
		}
	}
}

// mailTo carries MAILTO.
func (j *Job) mailTo(value string, has bool) (l Loss) {
	switch {
	case !has:
		return Loss{Place{File: j.Place.File}, false, "mail to the user of a job", "cron mails what a job prints; om keeps it (om SERVICE logs), and tells whom notify_mail names"}
	case value == "":
		j.set("notify_mail", "")
		return Loss{}
	}
	var words []string
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if !strings.Contains(word, "@") {
			word += "@localhost"
		}
		words = append(words, word)
	}
	mail := strings.Join(words, " ")
	j.set("notify_mail", mail)
	return Loss{Place{File: j.Place.File}, false, "MAILTO=" + value, "om mails " + mail + " when the task fails and when it is well again (notify_on), and not each time that it prints something"}
}
