package migrate

import (
	"slices"
	"strconv"
	"strings"

	"om/task"
)

// An AnacronTable is an anacrontab.
type AnacronTable struct {
	Text    string
	File    string // where it was read
	Service string // the path of the service to be
	User    string // who runs anacron; "" for the user of om
	Zone    string // the zone that anacron goes by, where that of the node is another; "" for the same
	// Hours is when the host starts anacron at all, as in 7-24, for a table that does not say; "" for always.
	Hours string
}

// An anacronLine is a job of the table, and what is in force there.
type anacronLine struct {
	number        int
	comments      []string
	text          string
	period, delay string
	name, command string
	random        string // RANDOM_DELAY
	env           []variable
	fault         string
}

// Draft makes a service file of it.
func (a *AnacronTable) Draft() Draft {
	lines, hours, tail := readAnacrontab(a.Text)
	d := Draft{Service: a.Service, Source: a.File, Engine: "anacron"}
	if hours == "" {
		hours = a.Hours
	}
	var pending []string
	for i := range lines {
		l := &lines[i]
		place := Place{a.File, l.number}
		if l.fault != "" {
			loss := Loss{place, true, l.text, l.fault}
			d.Losses = append(d.Losses, loss)
			pending = append(append(pending, l.comments...), lossComment(loss))
			continue
		}
		j := Job{Index: d.free(index(l.name)), Place: place, Comments: append(pending, l.comments...)}
		pending = nil
		j.anacronLine(l, a, hours)
		d.Jobs = append(d.Jobs, j)
	}
	d.Tail = append(pending, tail...)
	if len(d.Jobs) > 0 {
		d.Losses = append(d.Losses, Loss{Place{File: a.File}, false, "the days of the last runs", "om takes the moment at which it first sees a task for that of its last run"})
	}
	d.anacronMail(lines)
	if hours == a.Hours && hours != "" {
		d.Losses = append(d.Losses, Loss{Place{File: a.File}, false, "no START_HOURS_RANGE", "this host starts anacron in the hours " + hours + ": that is the range of the tasks"})
	}
	return d
}

// free returns an index that no job has yet: the one given, or with a number behind it.
func (d *Draft) free(want string) string {
	name := want
	for n := 2; slices.ContainsFunc(d.Jobs, func(j Job) bool { return j.Index == name }); n++ {
		name = want + "-" + strconv.Itoa(n)
	}
	return name
}

// readAnacrontab reads a table. The hours hold for all jobs, and the last ones that are set count.
func readAnacrontab(text string) (lines []anacronLine, hours string, tail []string) {
	var env []variable
	var comments []string
	random, number := "", 0
	for raw := range joinedLines(text) {
		number = raw.number
		line := strings.TrimLeft(raw.text, " \t")
		if line == "" || line[0] == '#' {
			comments = append(comments, line)
			continue
		}
		if name, value, ok := anacronVariable(line); ok {
			switch {
			case name == "START_HOURS_RANGE" && hoursRange(value) != "":
				hours = hoursRange(value)
			case name == "PREFERRED_HOUR" && hoursRange(value+"-"+value) != "":
				hour, _ := strconv.Atoi(value)
				hours = hoursRange(value + "-" + strconv.Itoa(hour+1))
			case name == "RANDOM_DELAY":
				random = value
			}
			env = setVariable(env, variable{name, value, number})
			continue
		}
		l := readAnacronLine(line)
		l.number, l.text, l.env, l.random, l.comments = number, line, env, random, trimBlank(comments)
		comments = nil
		lines = append(lines, l)
	}
	return lines, hours, comments
}

// A joinedLine is a line with those that a backslash at its end joins to it.
type joinedLine struct {
	number int
	text   string
}

// joinedLines yields the lines of an anacrontab. Anacron drops each backslash in it, and joins a line that ends with one
// to the next, with a blank.
func joinedLines(text string) func(yield func(joinedLine) bool) {
	return func(yield func(joinedLine) bool) {
		number, begun := 0, 0
		var b strings.Builder
		for line := range strings.Lines(text) {
			if number++; begun == 0 {
				begun = number
			}
			bare := strings.TrimRight(line, "\r\n")
			b.WriteString(strings.ReplaceAll(bare, `\`, ""))
			if strings.HasSuffix(bare, `\`) && strings.HasSuffix(line, "\n") {
				b.WriteByte(' ')
				continue
			}
			if !yield(joinedLine{begun, b.String()}) {
				return
			}
			b.Reset()
			begun = 0
		}
	}
}

// anacronVariable reads NAME=VALUE. The value is what is behind the sign, blanks and quotes too.
func anacronVariable(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, "=")
	name = strings.TrimRight(name, " \t")
	return name, value, ok && name != "" && !strings.ContainsAny(name, " \t")
}

// hoursRange is a range of hours as a schedule has it; "" for one that is none.
func hoursRange(text string) string {
	first, last, _ := strings.Cut(text, "-")
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err != nil || err2 != nil || from < 0 || to < from || from > 23 {
		return ""
	}
	return strconv.Itoa(from) + "-" + strconv.Itoa(min(max(to, from+1), 24))
}

func readAnacronLine(line string) (l anacronLine) {
	words, command := cutWords(line, 3)
	if len(words) < 3 || command == "" {
		l.fault = "wanted a period, a delay, a name and a command"
		return l
	}
	l.period, l.delay, l.name, l.command = words[0], words[1], words[2], strings.TrimRight(command, " \t")
	days, err := strconv.Atoi(l.period)
	named := slices.Contains([]string{"@daily", "@weekly", "@monthly", "@yearly", "@annually"}, l.period)
	minutes, err2 := strconv.Atoi(l.delay)
	switch {
	case !named && (err != nil || days < 1):
		l.fault = strconv.Quote(l.period) + ": wanted days, or @daily, @weekly, @monthly or @yearly"
	case err2 != nil || minutes < 0:
		l.fault = strconv.Quote(l.delay) + ": wanted a delay in minutes"
	case strings.Contains(l.name, "/"):
		l.fault = strconv.Quote(l.name) + ": wanted the name of a job, without a slash"
	}
	return l
}

// anacronLine makes the keywords of a line.
func (j *Job) anacronLine(l *anacronLine, a *AnacronTable, hours string) {
	when := l.period + " " + l.delay
	if hours != "" && hours != "0-24" {
		when += " START_HOURS_RANGE=" + hours
	}
	switch n, err := strconv.Atoi(l.random); {
	case l.random == "", l.random == "0":
	case err != nil || n < 0 || n >= 24*60:
		j.lose("RANDOM_DELAY="+l.random, "wanted a number of minutes, of less than a day")
	default:
		when += " RANDOM_DELAY=" + l.random
	}
	j.set("description", "anacron's "+l.name)
	j.set("schedule", when)
	j.set("lock", "anacron") // it starts one job after the other
	j.set("overlap", "queue-one")
	if a.User != "" {
		j.set("user", a.User)
	}
	j.set("cwd", "/")
	j.set("shell", "sh")
	j.set("command", l.command)
	env := l.env
	if a.Zone != "" {
		j.set("timezone", a.Zone)
		if !slices.ContainsFunc(env, func(v variable) bool { return v.name == "TZ" }) {
			env = setVariable(env, variable{name: "TZ", value: ":/etc/localtime"}) // timezone would set another
		}
	}
	j.anacronVariables(env)
	j.clock = clock{days: &anacronDays{period: l.period}, remarks: []string{"anacron starts a job when it looks, and om at the begin of its hours, each with the delay: days are compared"}}
}

func (j *Job) anacronVariables(env []variable) {
	var words []string
	for _, v := range env {
		if strings.ContainsAny(v.name, "\"'") || !writable(v.name+v.value) {
			j.lose(v.name+"="+v.value, "wanted a name without quotes, and a value in UTF-8")
			continue
		}
		words = append(words, v.name+"="+v.value)
	}
	if len(words) > 0 {
		j.set("environment", task.Quote(words))
	}
}

// anacronMail says once what becomes of the mail.
func (d *Draft) anacronMail(lines []anacronLine) {
	told := map[string]bool{}
	for i := range d.Jobs {
		j := &d.Jobs[i]
		at := slices.IndexFunc(lines, func(l anacronLine) bool { return l.number == j.Place.Line })
		has := slices.ContainsFunc(lines[at].env, func(v variable) bool { return v.name == "MAILTO" })
		if loss := j.mailTo(valueOf(lines[at].env, "MAILTO"), has); loss.What != "" && !told[loss.What] {
			told[loss.What] = true
			loss.Why = strings.Replace(loss.Why, "cron mails", "anacron mails", 1)
			d.Losses = append(d.Losses, loss)
		}
	}
}
