package migrate

import (
	"slices"
	"strings"
)

// unknown tells of the settings of the service that are not carried.
func (r *serviceReader) unknown() {
	var sandbox []string
	file := ""
	for _, e := range r.entries {
		if e.section == "Install" || !r.inForce(e) {
			continue
		}
		switch kind := keyKind(e); {
		case e.section == "Unit":
			r.unitSetting(e)
		case kind == sandboxKey && !slices.Contains(sandbox, e.key):
			sandbox, file = append(sandbox, e.key), e.File
		case kind == strangeKey:
			r.Losses = append(r.Losses, Loss{e.Place, false, e.key + "=" + e.value, "om has nothing like it; --keep-units leaves the service with systemd"})
		}
	}
	if len(sandbox) > 0 {
		r.Losses = append(r.Losses, Loss{Place{File: file}, false, strings.Join(sandbox, " "), "om confines no command; --keep-units leaves the service with systemd"})
	}
}

// What a setting of [Service] is to om.
const (
	carriedKey = iota // or it changes nothing
	sandboxKey
	strangeKey
)

func keyKind(e unitEntry) int {
	switch {
	case e.section != "Service", isNo(e.value), strings.HasPrefix(e.key, "Limit"):
		return carriedKey
	case slices.Contains(carriedKeys(), e.key), slices.Contains(silentKeys(), e.key):
		return carriedKey
	case isSandbox(e.key):
		return sandboxKey
	}
	return strangeKey
}

// unitSetting tells of what the service depends on.
func (r *serviceReader) unitSetting(e unitEntry) {
	switch e.key {
	case "Requires", "Requisite", "BindsTo", "Wants", "Upholds", "PartOf", "Conflicts", "RequiresMountsFor", "WantsMountsFor", "JoinsNamespaceOf":
	default:
		return
	}
	words := strings.Fields(e.value)
	if slices.ContainsFunc(words, func(w string) bool { return !strings.HasSuffix(w, ".target") && w != "-.mount" }) {
		r.Losses = append(r.Losses, Loss{e.Place, false, e.key + "=" + e.value, "om starts no units, and waits for none: run_requires says what must be up"})
	}
}

// carriedKeys are those of [Service] that are carried, or told by themselves.
func carriedKeys() []string {
	return []string{
		"Type", "ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost", "ExecCondition", "User", "Group", "SupplementaryGroups",
		"WorkingDirectory", "Environment", "EnvironmentFile", "UMask", "Nice", "IOSchedulingClass", "IOSchedulingPriority", "OOMScoreAdjust",
		"NoNewPrivileges", "TimeoutStartSec", "TimeoutStopSec", "TimeoutSec", "RuntimeMaxSec", "KillSignal", "KillMode", "SuccessExitStatus",
		"Restart", "RemainAfterExit",
	}
}

// silentKeys change nothing for a task of om.
func silentKeys() []string {
	return []string{
		"SyslogIdentifier", "SyslogFacility", "SyslogLevel", "SyslogLevelPrefix", "LogLevelMax", "ExecReload", "RestartSec", "SendSIGKILL",
		"SendSIGHUP", "FinalKillSignal", "RestartKillSignal", "BusName", "PIDFile", "GuessMainPID", "StandardInput", "StandardOutput", "StandardError",
		"RestartSteps", "RestartMaxDelaySec", "IgnoreSIGPIPE", "RestartPreventExitStatus", "RestartForceExitStatus", "NotifyAccess",
	}
}

// isSandbox tells the settings that confine a service.
func isSandbox(key string) bool {
	for _, begin := range []string{"Protect", "Private", "Restrict", "Inaccessible", "ReadOnly", "ReadWrite", "SystemCall", "Capability", "Ambient", "IPAddress", "Device", "Secure"} {
		if strings.HasPrefix(key, begin) {
			return true
		}
	}
	return slices.Contains([]string{"LockPersonality", "MemoryDenyWriteExecute", "RemoveIPC", "NoExecPaths", "ExecPaths", "ProcSubset", "KeyringMode", "AppArmorProfile", "SELinuxContext", "SmackProcessLabel"}, key)
}
