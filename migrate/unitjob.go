package migrate

import (
	"slices"
	"strings"

	"om/task"
)

// A serviceReader carries a service of systemd into a job.
type serviceReader struct {
	*Job
	*Unit
	t     *Timer
	spec  specifiers
	user  string
	known map[string]string // the variables whose values are known now
	shell bool              // a step needs a shell
	sound bool              // systemd can start it, whether or not om can
	begin string            // of each step that a shell runs: it sets what no file has set
}

// unit carries the unit that the timer starts. fault says why there is no task to make of it.
func (j *Job) unit(t *Timer) (fault string) {
	if t.Service != nil {
		j.description(t.Service)
	}
	if _, ok := j.get("description"); !ok {
		j.description(t.Timer)
	}
	switch {
	case t.Service != nil && t.Service.File == "":
		return t.Target + " has no file"
	case t.KeepUnits || t.Service == nil:
		j.systemctl(t)
		return ""
	}
	r := serviceReader{Job: j, Unit: t.Service, t: t, user: t.Service.last("Service", "User")}
	if why := r.kept(); why != "" {
		j.systemctl(t)
		j.lose("the service itself", "systemctl starts it, for "+why)
		return ""
	}
	r.spec = specifiers{unit: t.Service.Name, user: r.user, home: ""}
	if r.user == "" {
		r.spec.user, r.spec.home = "root", "/root"
	}
	before := *j
	before.Keywords, before.Losses = slices.Clone(j.Keywords), slices.Clone(j.Losses)
	why := r.read()
	if why != "" && r.sound {
		*j = before
		j.systemctl(t)
		j.lose("the service itself", "systemctl starts it, for om can't: "+why)
		return ""
	}
	return why
}

func (j *Job) description(u *Unit) {
	if text, fault := (specifiers{unit: u.Name}).expand(u.last("Unit", "Description")); text != "" && fault == "" {
		j.set("description", text)
	}
}

// systemctl leaves the unit with systemd: the task waits for it, and ends as it does.
func (j *Job) systemctl(t *Timer) {
	j.set("command", task.Quote([]string{"systemctl", "start", "--wait", t.Target}))
	if t.System {
		j.set("user", "root")
	} else {
		j.set("command", task.Quote([]string{"systemctl", "--user", "start", "--wait", t.Target}))
	}
	j.set("cwd", "/")
}

// kept says why the service is to be left with systemd: without such a setting it would do something else.
func (r *serviceReader) kept() string {
	for _, key := range []string{"DynamicUser", "PrivateUsers"} {
		if r.yes("Service", key) {
			return "it has " + key
		}
	}
	for _, key := range []string{"RootDirectory", "RootImage", "NetworkNamespacePath", "StandardInputText", "StandardInputData", "LoadCredential", "SetCredential", "ImportCredential", "BindPaths", "TemporaryFileSystem"} {
		if r.last("Service", key) != "" {
			return "it has " + key
		}
	}
	return ""
}

func (r *serviceReader) read() (fault string) {
	r.identity()
	r.variables()
	if fault := r.steps(); fault != "" {
		return fault
	}
	r.surroundings()
	r.limits()
	r.end()
	r.conditions(r.Unit)
	r.unknown()
	return ""
}

// word returns the value of a setting with its specifiers replaced; "" for none, and for what is not known here, which is lost.
func (r *serviceReader) word(key string) string {
	text, fault := r.spec.expand(r.last("Service", key))
	if fault != "" {
		r.lost(key, fault)
		return ""
	}
	return text
}

// lost tells of a setting that is not carried, where it stands.
func (r *serviceReader) lost(key, why string) {
	for _, e := range r.list("Service", key) {
		r.Losses = append(r.Losses, Loss{e.Place, false, e.key + "=" + e.value, why})
	}
}

func (r *serviceReader) identity() {
	switch {
	case r.user != "":
		r.set("user", r.user)
	case r.t.System:
		r.set("user", "root")
	}
	if group := r.word("Group"); group != "" {
		r.set("group", group)
	}
	var groups []string
	for _, e := range r.list("Service", "SupplementaryGroups") {
		groups = append(groups, strings.Fields(e.value)...)
	}
	if len(groups) > 0 {
		r.set("extra_groups", strings.Join(groups, " "))
	}
	dir := r.word("WorkingDirectory")
	if optional, ok := strings.CutPrefix(dir, "-"); ok {
		dir = optional
		r.lost("WorkingDirectory", "it must be there for om")
	}
	switch {
	case dir == "" && r.t.System:
		r.set("cwd", "/")
	case dir != "" && dir != "~":
		r.set("cwd", dir)
	}
}

// variables carries Environment= and EnvironmentFile=. What a file sets wins over the unit in systemd, and not in om:
// where there are both, the shell sets those of the unit that no file has set.
func (r *serviceReader) variables() {
	r.known = map[string]string{}
	names := r.settings()
	files := r.files()
	if len(files) > 0 {
		r.set("environment_file", strings.Join(files, " "))
	}
	switch {
	case len(names) == 0:
	case len(files) > 0:
		for _, name := range names {
			r.begin += `: "${` + name + "=" + doubleQuoted(r.known[name]) + `}"; `
		}
		r.begin += "export " + strings.Join(names, " ") + "; "
		r.shell = true
	default:
		var words []string
		for _, name := range names {
			words = append(words, name+"="+r.known[name])
		}
		r.set("environment", task.Quote(words))
	}
	if len(files) > 0 {
		r.known = nil
	}
}

// settings reads Environment= into the variables that are known, and returns their names in order.
func (r *serviceReader) settings() (names []string) {
	for _, e := range r.list("Service", "Environment") {
		text, fault := r.spec.expand(e.value)
		list, fault2 := unitWords(text)
		if fault+fault2 != "" {
			r.Losses = append(r.Losses, Loss{e.Place, false, "Environment=" + e.value, fault + fault2})
			continue
		}
		for _, word := range list {
			name, value, ok := strings.Cut(word, "=")
			if !ok || !isVariable(name) {
				r.Losses = append(r.Losses, Loss{e.Place, false, word, "wanted NAME=VALUE"})
				continue
			}
			names = append(slices.DeleteFunc(names, func(old string) bool { return old == name }), name)
			r.known[name] = value
		}
	}
	return names
}

// files reads EnvironmentFile=.
func (r *serviceReader) files() (files []string) {
	for _, e := range r.list("Service", "EnvironmentFile") {
		text, fault := r.spec.expand(e.value)
		if fault != "" || strings.ContainsAny(text, " \t*?[") {
			r.Losses = append(r.Losses, Loss{e.Place, false, "EnvironmentFile=" + e.value, "wanted the path of one file, without blanks"})
			continue
		}
		files = append(files, text)
	}
	return files
}

// doubleQuoted writes a text that stands in double quotes, for the shell.
func doubleQuoted(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`", "}", `\}`).Replace(text)
}

// surroundings carries what the commands are run in.
func (r *serviceReader) surroundings() {
	for _, k := range [...]struct{ key, keyword string }{{"UMask", "umask"}, {"Nice", "nice"}, {"OOMScoreAdjust", "oom_score_adj"}} {
		if value := r.word(k.key); value != "" {
			r.set(k.keyword, value)
		}
	}
	if r.yes("Service", "NoNewPrivileges") {
		r.set("no_new_privs", "true")
	}
	r.ioClass()
	for _, key := range []string{"StandardOutput", "StandardError"} {
		if strings.Contains(r.last("Service", key), ":") {
			r.lost(key, "om keeps the output (om SERVICE logs)")
		}
	}
	if r.last("Service", "StandardOutput") == "null" && slices.Contains([]string{"", "null", "inherit"}, r.last("Service", "StandardError")) {
		r.set("log", "none")
	}
}

// ioClass carries the class of I/O, and its level where that has some.
func (r *serviceReader) ioClass() {
	class := map[string]string{
		"1": "realtime", "2": "best-effort", "3": "idle", "realtime": "realtime", "best-effort": "best-effort", "idle": "idle",
	}[r.last("Service", "IOSchedulingClass")]
	level := r.last("Service", "IOSchedulingPriority")
	switch {
	case class == "idle" || level == "":
	case class == "":
		class = "best-effort:" + level
	default:
		class += ":" + level
	}
	if class != "" {
		r.set("ionice", class)
	}
}

// limits carries LimitNOFILE= and its like. Soft and hard ones are alike in om.
func (r *serviceReader) limits() {
	for _, name := range task.LimitNames() {
		key := "Limit" + strings.ToUpper(name)
		text := r.last("Service", key)
		if text == "" {
			continue
		}
		soft, hard, both := strings.Cut(text, ":")
		if both && soft != hard {
			r.lost(key, "om has one limit for both: the soft one is set, and can't be raised")
		}
		value := strings.ReplaceAll(soft, "infinity", "unlimited")
		if span, ok := readSpan(soft); name == "cpu" && ok && soft != "infinity" {
			value = spanText(span)
		}
		r.set("limit_"+name, value)
	}
}

// end carries when the service is over, and what becomes of it then.
func (r *serviceReader) end() {
	key := "RuntimeMaxSec"
	if r.last("Service", "Type") == "oneshot" {
		key = "TimeoutStartSec"
		if r.last("Service", key) == "" {
			key = "TimeoutSec"
		}
	}
	if span, ok := readSpan(r.last("Service", key)); ok && span != endless && span > 0 {
		r.set("timeout", spanText(span))
	}
	r.set("stop_timeout", r.stopTimeout())
	if signal := r.word("KillSignal"); signal != "" {
		r.set("stop_signal", signal)
	}
	r.set("leftover", "kill")
	if mode := r.last("Service", "KillMode"); mode == "process" || mode == "none" {
		r.set("leftover", "keep")
	}
	r.exitCodes()
	r.kind()
}

// kind tells what is unlike a service that om waits for.
func (r *serviceReader) kind() {
	switch r.last("Service", "Type") {
	case "", "simple", "exec", "oneshot", "idle":
	case "forking":
		r.set("leftover", "keep")
		r.lost("Type", "the run is over when the first process is; what it leaves behind is kept")
	default:
		r.lost("Type", "om waits for the end of the command, and for no message of it")
	}
	if text := r.last("Service", "Restart"); text != "" && text != "no" {
		r.lost("Restart", "om has retries, retry_delay and retry_on")
	}
	if r.yes("Service", "RemainAfterExit") {
		r.lost("RemainAfterExit", "systemd starts it once, for it stays active; om starts it each time")
	}
}

func (r *serviceReader) stopTimeout() string {
	text := r.last("Service", "TimeoutStopSec")
	if text == "" {
		text = r.last("Service", "TimeoutSec")
	}
	span, ok := readSpan(text)
	switch {
	case !ok:
		return "90s"
	case span == endless || span == 0:
		return "365d"
	}
	return spanText(span)
}

// exitCodes carries SuccessExitStatus=.
func (r *serviceReader) exitCodes() {
	words := []string{"0:up"}
	for _, e := range r.list("Service", "SuccessExitStatus") {
		for _, word := range strings.Fields(e.value) {
			if strings.Trim(word, "0123456789") != "" {
				r.Losses = append(r.Losses, Loss{e.Place, false, "SuccessExitStatus=" + word, "om maps numbers alone (retcodes)"})
			} else if word != "0" {
				words = append(words, word+":up")
			}
		}
	}
	if len(words) > 1 {
		r.set("retcodes", strings.Join(words, " "))
	}
}
