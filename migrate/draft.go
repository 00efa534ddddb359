package migrate

import (
	"fmt"
	"slices"
	"strings"
)

// A Draft is a service file to be made of a foreign one.
type Draft struct {
	Service string   // the path of the service
	Source  string   // the file or the unit it is made of
	Engine  string   // the scheduler that runs it now: "cron", "anacron", "systemd"
	Head    []string // comments about the file as a whole, with their signs
	Jobs    []Job
	Tail    []string // comments behind the last job
	Losses  []Loss   // of the file as a whole, and of jobs that are left out
	text    []byte   // the file, where it is taken over as it is
}

// A Job is one foreign job, as a task of a service file has it.
type Job struct {
	Index    string // of the section [task#INDEX]
	Place    Place
	Comments []string // that stood above it, with their signs
	Keywords []Keyword
	Needs    []Need // what must hold when it is started
	Losses   []Loss
	clock    clock // when the other scheduler starts it
}

// A Keyword is one line of a section.
type Keyword struct{ Name, Value string }

// A Need is a condition of a job, which becomes a resource with a check.
type Need struct {
	Index string // of the section [condition#INDEX]
	What  string // as the foreign file has it
	Check string // a command that succeeds where it holds
	User  string // who runs it; "" for the user of om
}

// A Place is where something stands in a foreign file.
type Place struct {
	File string
	Line int // from 1; 0 for the file
}

// String returns file:line.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// A Loss is something that is not carried.
type Loss struct {
	Place
	Job  bool   // a whole job is left out
	What string // the foreign text
	Why  string // a phrase: why, and what to do about it
}

// String returns the loss in one line.
func (l Loss) String() string {
	return l.Place.String() + ": " + l.Text()
}

// Text is the loss without its place.
func (l Loss) Text() string {
	if l.Job {
		return "left out: " + l.What + ": " + l.Why
	}
	return "not carried: " + l.What + ": " + l.Why
}

// Tasks counts the tasks.
func (d *Draft) Tasks() int { return len(d.Jobs) }

// AllLosses returns the losses of the file and of its jobs, in the order of the foreign file.
func (d *Draft) AllLosses() []Loss {
	all := slices.Clone(d.Losses)
	for i := range d.Jobs {
		all = append(all, d.Jobs[i].Losses...)
	}
	slices.SortStableFunc(all, func(a, b Loss) int {
		if a.File != b.File {
			return 0
		}
		return a.Line - b.Line
	})
	return all
}

// set adds a keyword, or gives it another value.
func (j *Job) set(name, value string) {
	for i := range j.Keywords {
		if j.Keywords[i].Name == name {
			j.Keywords[i].Value = value
			return
		}
	}
	j.Keywords = append(j.Keywords, Keyword{name, value})
}

// get returns the value of a keyword.
func (j *Job) get(name string) (string, bool) {
	for _, k := range j.Keywords {
		if k.Name == name {
			return k.Value, true
		}
	}
	return "", false
}

// lose tells of something that is not carried with a job.
func (j *Job) lose(what, why string) {
	j.Losses = append(j.Losses, Loss{Place: j.Place, What: what, Why: why})
}

// index makes the index of a section of a foreign name.
func index(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
}
