package migrate

import (
	"strings"

	"om/task"
)

// conditions makes the conditions of a unit checks that must hold. Those with a | need only one of them to hold. What a
// unit asserts is a condition too: the run is skipped, where systemd has a failure.
func (j *Job) conditions(u *Unit) {
	var either, what []string
	for _, e := range u.entries {
		name, ok := conditionName(e)
		if !ok || !u.inForce(e) {
			continue
		}
		check, triggering := conditionOf(name, e.value, specifiers{unit: u.Name, home: "/root", user: "root"})
		switch text := e.key + "=" + e.value; {
		case check == "":
			j.Losses = append(j.Losses, Loss{e.Place, false, text, "om has no check for it: run_requires and a section with the keyword check can say it"})
		case triggering:
			either, what = append(either, check), append(what, text)
		default:
			j.Needs = append(j.Needs, Need{What: text, Check: shellCheck(check)})
		}
	}
	if len(either) > 0 {
		j.Needs = append(j.Needs, Need{What: strings.Join(what, " "), Check: shellCheck(strings.Join(either, " || "))})
	}
}

// conditionName is PathExists for ConditionPathExists= and AssertPathExists=.
func conditionName(e unitEntry) (name string, ok bool) {
	if name, ok = strings.CutPrefix(e.key, "Condition"); !ok {
		name, ok = strings.CutPrefix(e.key, "Assert")
	}
	return name, ok && e.section == "Unit"
}

// conditionOf writes a condition as a command of the shell; "" for one that om has no check for.
func conditionOf(name, value string, s specifiers) (check string, triggering bool) {
	value, fault := s.expand(value)
	negated := false
	for value != "" && (value[0] == '|' || value[0] == '!') {
		triggering, negated = triggering || value[0] == '|', negated || value[0] == '!'
		value = strings.TrimLeft(value[1:], " \t")
	}
	if fault != "" {
		return "", triggering
	}
	return conditionCheck(name, value, negated), triggering
}

// inForce says that no empty assignment behind it undoes an entry.
func (u *Unit) inForce(e unitEntry) bool {
	if e.value == "" {
		return false
	}
	for _, left := range u.list(e.section, e.key) {
		if left == e {
			return true
		}
	}
	return false
}

// shellCheck has a shell run a check that needs one.
func shellCheck(check string) string {
	if strings.ContainsAny(check, "|!;*?$") {
		return "sh -c " + task.Quote([]string{check})
	}
	return check
}

// conditionCheck is conditionOf for a value without its signs.
func conditionCheck(name, value string, negated bool) string {
	check := pathCheck(name, value)
	if check == "" {
		check = hostCheck(name, value)
	}
	plain, was := strings.CutPrefix(check, "! ")
	switch {
	case check == "" || !negated:
		return check
	case was:
		return plain
	}
	return "! " + check
}

// pathCheck is for the conditions on files.
func pathCheck(name, value string) string {
	option := map[string]string{
		"PathExists": "-e", "PathIsDirectory": "-d", "PathIsSymbolicLink": "-h", "FileNotEmpty": "-s", "FileIsExecutable": "-x", "PathIsReadWrite": "-w",
	}[name]
	path := task.Quote([]string{value})
	switch {
	case !strings.HasPrefix(value, "/"):
		return ""
	case option != "":
		return "test " + option + " " + path
	case name == "PathIsMountPoint":
		return "mountpoint -q " + path
	case name == "DirectoryNotEmpty":
		return `test -n "$(ls -A ` + path + ` 2>/dev/null)"`
	case name == "PathExistsGlob" && strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./*?[]") == "":
		return "ls -d " + value + " >/dev/null 2>&1"
	}
	return ""
}

// hostCheck is for those on the host.
func hostCheck(name, value string) string {
	switch name {
	case "ACPower":
		const power = "{ grep -qs 1 /sys/class/power_supply/*/online || ! grep -qsx Discharging /sys/class/power_supply/*/status; }"
		if isNo(value) {
			return "! " + power
		}
		return power
	case "Virtualization":
		return virtualCheck(value)
	case "Host":
		return "test \"$(hostname)\" = " + task.Quote([]string{value})
	}
	return ""
}

func isNo(value string) bool {
	switch strings.ToLower(value) {
	case "0", "no", "false", "off", "n", "f":
		return true
	}
	return false
}

func virtualCheck(value string) string {
	switch {
	case isNo(value):
		return "! systemd-detect-virt -q"
	case value == "vm":
		return "systemd-detect-virt -qv"
	case value == "container":
		return "systemd-detect-virt -qc"
	case value == "private-users", strings.Trim(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return ""
	case value == "1", value == "yes", value == "true", value == "on":
		return "systemd-detect-virt -q"
	}
	return "test \"$(systemd-detect-virt)\" = " + value
}
