package migrate

import (
	"cmp"
	"slices"
	"strings"

	"om/task"
)

// A unitStep is the commands of one setting.
type unitStep struct {
	key      string
	commands []unitCommand
}

// steps carries the commands. fault says why they can't be.
func (r *serviceReader) steps() (fault string) {
	var all [5]unitStep
	for i, key := range [...]string{"ExecStartPre", "ExecStart", "ExecStartPost", "ExecStop", "ExecStopPost"} {
		all[i].key = key
		for _, e := range r.list("Service", key) {
			commands, fault := readCommands(e.value, r.spec)
			if fault != "" {
				r.sound = !strings.HasPrefix(fault, "wanted")
				return key + "=" + e.value + ": " + fault
			}
			all[i].commands = append(all[i].commands, commands...)
		}
	}
	before, main, after := &all[0], &all[1], &all[2]
	if len(main.commands) == 0 {
		return "it has no ExecStart"
	}
	r.sound = true
	r.privileged(before, main)
	if fault := r.privileges(all[:]); fault != "" {
		return fault
	}
	pre := "blocking_pre_run"
	if len(before.commands) == 1 && before.commands[0].ignored {
		pre, before.commands[0].ignored = "pre_run", false
	}
	r.prepare(all[:])
	r.set("command", r.join(main.commands))
	if len(before.commands) > 0 {
		r.set(pre, r.join(before.commands))
	}
	r.after(after, &all[3], &all[4])
	r.handlers()
	if r.shell {
		r.set("shell", "sh")
	} else {
		r.set("shell", "none")
	}
	r.asked()
	return ""
}

// privileged moves the first commands that have full privileges, where the service has a user, to those before.
func (r *serviceReader) privileged(before, main *unitStep) {
	if r.user == "" || r.user == "root" {
		return
	}
	n := 0
	for n < len(main.commands)-1 && main.commands[n].root {
		n++
	}
	before.commands = append(before.commands, main.commands[:n]...)
	main.commands = main.commands[n:]
}

// privileges makes the steps besides the command run as one user. fault says that they have several.
func (r *serviceReader) privileges(all []unitStep) (fault string) {
	if r.user == "" || r.user == "root" {
		return ""
	}
	isRoot := func(c unitCommand) bool { return c.root }
	root, own := false, false
	for i := range all {
		commands := all[i].commands
		some := slices.ContainsFunc(commands, isRoot)
		if i == 1 && some {
			return all[i].key + ": a command with full privileges, +, behind one without: om runs all of them as one user"
		}
		if i != 1 {
			root = root || some
			own = own || slices.ContainsFunc(commands, func(c unitCommand) bool { return !c.root })
		}
	}
	if root && own {
		return "commands with full privileges, +, and others before or after the command: om runs them all as one user, trigger_user"
	}
	if root {
		r.set("trigger_user", "root")
	}
	return ""
}

// prepare puts in the variables that are known, and finds out whether a shell is needed.
func (r *serviceReader) prepare(all []unitStep) {
	splits := ""
	for i := range all {
		for k := range all[i].commands {
			c := &all[i].commands[k]
			c.resolve(r.known)
			r.shell = r.shell || c.needsShell() || c.ignored || len(all[i].commands) > 1
			if c.splits() {
				splits = all[i].key
			}
		}
	}
	if splits != "" {
		r.begin += "set -f; "
		r.lose(splits, "a variable is split at blanks, without regard to quotes in it")
	}
}

// join writes commands that follow each other, the next where the one before did not fail.
func (r *serviceReader) join(commands []unitCommand) string {
	var texts []string
	for i := range commands {
		text := commands[i].text()
		switch {
		case commands[i].ignored && len(commands) > 1:
			text = "{ " + text + " || :; }"
		case commands[i].ignored:
			text += " || :"
		}
		texts = append(texts, text)
	}
	return r.begin + strings.Join(texts, " && ")
}

// after carries what is run once the command is over.
func (r *serviceReader) after(post, stop, stopPost *unitStep) {
	oneshot := r.last("Service", "Type") == "oneshot"
	switch {
	case len(post.commands) > 0 && !oneshot:
		r.lost(post.key, "systemd runs it while the command goes on: om has no such step")
	case len(post.commands) > 0:
		r.set("blocking_post_run", r.join(post.commands))
	}
	if all := append(slices.Clone(stop.commands), stopPost.commands...); len(all) > 0 {
		r.set("post_run", r.join(all))
	}
	if len(stopPost.commands) > 0 {
		r.set("on_error", r.join(stopPost.commands))
	}
}

// handlers carries OnFailure= and OnSuccess=, which start other units.
func (r *serviceReader) handlers() {
	for _, k := range [...]struct{ key, keyword string }{{"OnFailure", "on_error"}, {"OnSuccess", "post_run"}} {
		list := r.list("Unit", k.key)
		if len(list) == 0 {
			continue
		}
		units := []string{"systemctl", "start", "--no-block"}
		fault := ""
		for _, e := range list {
			text, why := r.spec.expand(e.value)
			units, fault = append(units, strings.Fields(text)...), fault+why
		}
		if fault != "" || !r.free(k.keyword) {
			r.Losses = append(r.Losses, Loss{list[0].Place, false, k.key + "=" + list[0].value, cmp.Or(fault, "om has the keyword "+k.keyword)})
			continue
		}
		r.set(k.keyword, task.Quote(units))
		if r.user != "" && r.user != "root" {
			r.set("trigger_user", "root")
		}
	}
}

// free says that a step can be given a command that root has to run.
func (r *serviceReader) free(keyword string) bool {
	has := func(name string) bool { _, ok := r.get(name); return ok }
	others := has("blocking_pre_run") || has("pre_run") || has("blocking_post_run") || has("post_run") || has("on_error")
	asRoot := r.user == "" || r.user == "root" || has("trigger_user") || !others
	return !has(keyword) && asRoot && r.t.System
}

// asked carries ExecCondition=: a command that must succeed for the run to be started.
func (r *serviceReader) asked() {
	for _, e := range r.list("Service", "ExecCondition") {
		commands, fault := readCommands(e.value, r.spec)
		for i := range commands {
			commands[i].resolve(r.known)
			if commands[i].needsShell() {
				fault = "its variables are not known to a check"
			}
		}
		if fault != "" {
			r.Losses = append(r.Losses, Loss{e.Place, false, "ExecCondition=" + e.value, fault})
			continue
		}
		user := r.user
		for i := range commands {
			if commands[i].root {
				user = ""
			}
			r.Needs = append(r.Needs, Need{What: "ExecCondition=" + e.value, Check: commands[i].text(), User: user})
		}
	}
}
