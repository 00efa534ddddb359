package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"om/schedule"
	"om/task"
)

// Node is what node.conf says of the node that om runs on.
type Node struct {
	Name     string // scopes and lists of nodes are compared with it, in any case
	Timezone string // of schedules; "" for the host's
	// Impersonate narrows whom root's om may run tasks as; nil lets it run them as anyone.
	Impersonate *Impersonation

	KeepRuns, KeepDays, KeepFailedDays int           // where a task does not say; 0 is om's own default
	OutputBudget                       int64         // bytes that the output of all runs may take
	StartupParallel                    int           // how many missed slots are made up for at once; 0 for one a processor
	WaitTimeSync                       time.Duration // how long after the host's start the clock may be unsynchronized
	Metrics                            string        // [metrics] textfile: where metrics are written; "" for nowhere

	// Notify is what [notify] says for tasks that do not say; nil where there is no such section.
	Notify *task.Notify
	// Mail is the way of mails.
	Mail Mailer

	Labels   map[string]string // [labels]
	Problems []Problem         // warnings

	// What is no part of the file, and set by those who know it.

	Schedules *schedule.Parser // shared by all files, so that equal schedules are read once; nil for one a file
	Zones     string           // the ZoneStamp of before any of them was loaded
	Boot      time.Time        // when the host was started, for schedules that begin there; zero if that is not known
}

// Impersonation is the section [impersonate]. An empty list allows nobody.
type Impersonation struct {
	Allow []string // names of users, and of groups with "@" in front
}

// Mailer is the mail server of [notify].
type Mailer struct {
	Server       string // host:port; "" is localhost:25
	From         string // "" is om at the node
	TLS          string // "opportunistic", "required", "none"; "" is the first; with a user it is required
	User         string // "" is nobody
	PasswordFile string
}

// LoadNode reads dir/node.conf; where there is none, and no link to one, everything has its default. name is the host's:
// [node] name wins over it, and who was told a name by the environment sets it afterwards. A file that
// has errors is refused with all of them (task.ErrInvalid), for it says who may run what, and so is one
// that others could have written (task.ErrPermission).
func LoadNode(dir, name string) (Node, error) {
	file := filepath.Join(dir, "node.conf")
	o, err := open(file)
	if errors.Is(err, os.ErrNotExist) && !o.link {
		return ParseNode(file, nil, name)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = task.Errorf(task.ErrInvalid, "%s: it is a link to a file that is not there: mend the link, or remove it", file)
	}
	if err == nil {
		err = o.check(dir, file, os.Geteuid())
	}
	if err == nil && os.Geteuid() == 0 {
		err = task.Trusted(file)
	}
	if err != nil {
		return Node{Name: name}, err
	}
	return ParseNode(file, o.text, name)
}

// ParseNode is LoadNode for the text of a node.conf; file is its name in messages.
func ParseNode(file string, text []byte, name string) (Node, error) {
	n := Node{Name: name}
	b := builder{Service: &Service{File: file, file: new(Reader).read(file, text)}}
	for i := range nodeRows {
		_ = b.store(&nodeRows[i], nodeRows[i].def, n.field(nodeRows[i].name)) // a test has every default
	}
	n.Name = name
	for _, sec := range b.file.sections {
		b.nodeSection(sec, &n)
	}
	if n.Notify != nil { // tasks inherit them, and may have another zone
		n.Notify.Quiet = n.Notify.QuietFor("", n.Timezone)
	}
	return n, n.settle(b.file)
}

// nodeSection reads one section of node.conf into n.
func (b *builder) nodeSection(sec *section, n *Node) {
	own, _ := schema(sec.name)
	field := n.field
	switch sec.name {
	case "labels":
		n.Labels = make(map[string]string, len(sec.entries))
		for i := range sec.entries {
			n.Labels[sec.entries[i].key] = sec.entries[i].value
		}
		return
	case "impersonate":
		n.Impersonate = &Impersonation{}
	case "notify":
		base := defaults().Notify
		base.On = task.ToldOfNode
		n.Notify, field = &base, n.notifyField
	case "node", "metrics":
	default:
		b.unknownNodeSection(sec)
		return
	}
	for i := range sec.entries {
		e := &sec.entries[i]
		if e.row = find(own, e.key); e.row == nil {
			b.unknown(sec, e)
			continue
		}
		if err := b.store(e.row, e.value, field(e.row.name)); err != nil {
			b.fault(sec, e, err, Error)
		}
	}
	if sec.name == "notify" {
		b.mailer(sec, n.Mail)
	}
}

// mailer tells of a password that would be sent in the clear.
func (b *builder) mailer(sec *section, m Mailer) {
	p := Problem{Line: sec.line, Text: m.User}
	if m.User != "" && m.TLS == "none" {
		p.Keyword, p.Wanted = "smtp_tls", "wanted required, for a password is not sent in the clear"
		b.report(sec, p)
	}
}

// notifyField is field for [notify].
func (n *Node) notifyField(name string) any {
	switch name {
	case "command":
		return &n.Notify.Command
	case "group":
		return &n.Notify.Group
	case "mail":
		return &n.Notify.Mail
	case "on":
		return &n.Notify.On
	case "quiet":
		return &n.Notify.Quiet
	case "renotify":
		return &n.Notify.Renotify
	case "urgent":
		return &n.Notify.Urgent
	case "webhook":
		return &n.Notify.Webhook
	case "webhook_secret":
		return &n.Notify.WebhookSecret
	}
	return n.Mail.field(name)
}

// field is field for the way of mails.
func (m *Mailer) field(name string) any {
	switch name {
	case "from":
		return &m.From
	case "smtp":
		return &m.Server
	case "smtp_password":
		return &m.PasswordFile
	case "smtp_tls":
		return &m.TLS
	case "smtp_user":
		return &m.User
	}
	return nil
}

func (b *builder) unknownNodeSection(sec *section) {
	if slices.Contains([]string{"DEFAULT", "env", "cluster", "cni", "hook", "listener", "syslog", "stonith"}, sec.group) {
		return
	}
	p := Problem{Line: sec.line, Text: sec.name, Wanted: "wanted [node], [notify], [impersonate], [metrics] or [labels]", Severity: Warning}
	if p.Hint = didYouMean(sec.name, []string{"node", "notify", "impersonate", "metrics", "labels"}); p.Hint != "" {
		p.Severity = Error
	}
	b.report(sec, p)
}

// field returns where the value of a keyword of node.conf goes, nil where it stays text.
func (n *Node) field(name string) any {
	switch name {
	case "allow":
		return &n.Impersonate.Allow
	case "keep_days":
		return &n.KeepDays
	case "keep_failed_days":
		return &n.KeepFailedDays
	case "keep_runs":
		return &n.KeepRuns
	case "name":
		return &n.Name
	case "output_budget":
		return &n.OutputBudget
	case "startup_parallel":
		return &n.StartupParallel
	case "wait_time_sync":
		return &n.WaitTimeSync
	case "textfile":
		return &n.Metrics
	case "timezone":
		return &n.Timezone
	}
	return nil
}

// settle keeps the warnings and returns the errors.
func (n *Node) settle(f *file) error {
	sortProblems(f.problems)
	var errs []error
	for _, p := range f.problems {
		if p.Severity == Error {
			errs = append(errs, errors.New(p.String()))
		} else {
			n.Problems = append(n.Problems, p)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", errors.Join(errs...), task.ErrInvalid)
}

// defaults gives t what the node says where a task does not.
func (n *Node) defaults(t *task.Task) {
	t.Timezone = n.Timezone
	if n.KeepRuns > 0 {
		t.KeepRuns = n.KeepRuns
	}
	if n.KeepDays > 0 {
		t.KeepDays = n.KeepDays
	}
	if n.KeepFailedDays > 0 {
		t.KeepFailedDays = n.KeepFailedDays
	}
	if n.Notify != nil {
		t.Notify = *n.Notify
	}
}
