package cmd

import "github.com/spf13/cobra"

// verb is a word of the command line, and how its command is built when it is called.
type verb struct {
	name, short   string
	node, service bool // om VERB, om SERVICE VERB
	build         func(*app) *cobra.Command
}

// verbs lists every verb of om, in the order of the help.
func verbs() []verb {
	return []verb{
		{"run", "Run tasks of the service", false, true, runVerb},
		{"tick", "Decide what is due now, and start it", true, false, tickVerb},
		{"daemon", "Do what tick does, at once and for ever", true, false, daemonVerb},
		{"explain", "Say why a task runs or does not", false, true, explainVerb},
		{"kill", "End runs in progress", false, true, killVerb},
		{"print", "Print the status, the schedule, the file or the keywords", true, true, printVerb},
		{"status", "Print the status: as print status", true, true, (*app).printStatusVerb},
		{"history", "List runs, the newest first", true, true, historyVerb},
		{"timeline", "Draw what ran, and when", true, true, timelineVerb},
		{"show", "Show one run in full", true, true, showVerb},
		{"logs", "Print what runs wrote", false, true, logsVerb},
		{"ls", "List the services and their tasks", true, true, lsVerb},
		{"simulate", "Tell what will be decided about each slot of a time to come", true, true, simulateVerb},
		{"schedule", "Tell what a schedule means, and when it is due", true, false, scheduleVerb},
		{"calendar", "Draw how much will run when, and find what collides", true, true, calendarVerb},
		{"validate", "Check the files, and tell every problem", true, true, validateVerb},
		{"doctor", "Look for what keeps tasks from running as they should", true, true, doctorVerb},
		{"demo", "Show in a minute what om does, in a temporary folder", true, false, demoVerb},
		{"init", "Make the first service, by three questions or by flags", true, false, initVerb},
		{"create", "Make the file of a new service", false, true, createVerb},
		{"template", "List and print the templates that a service may begin with", true, false, templateVerb},
		{"delete", "Delete the file of a service, and keep what the record has", false, true, deleteVerb},
		{"rename", "Give a service another name, and its history with it", false, true, renameVerb},
		{"get", "Print the value of a keyword", false, true, getVerb},
		{"set", "Set keywords, and leave the rest of the file as it is", false, true, setVerb},
		{"unset", "Remove keywords", false, true, unsetVerb},
		{"edit", "Edit the file, and check it before it is used", false, true, editVerb},
		{"config", "List, compare and restore earlier versions of the file", false, true, configVerb},
		{"freeze", "Stop scheduled runs, and make manual ones ask for --force", true, true, freezeVerb},
		{"thaw", "Undo freeze", true, true, thawVerb},
		{"enable", "Enable tasks, or the service", false, true, enableVerb},
		{"disable", "Disable tasks, or the service", false, true, disableVerb},
		{"import", "Make service files of crontabs, timers and OpenSVC's services", true, false, importVerb},
		{"export", "Write tasks as a crontab, or as timers of systemd", true, true, exportVerb},
		{"link", "Make a command named after the service", false, true, linkVerb},
		{"state", "Create, check, export, import and clean the record", true, true, stateVerb},
		{"completion", "Print the completion script of a shell", true, false, completionVerb},
		{"help", "Help about om or a verb", true, true, helpVerb},
		{"version", "Print the version", true, false, versionVerb},
	}
}

func find(name string) (verb, bool) {
	for _, v := range verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

// isVerb tells a verb from a service; cobra's own completion verbs count.
func isVerb(name string) bool {
	_, ok := find(name)
	return ok || name == cobra.ShellCompRequestCmd || name == cobra.ShellCompNoDescRequestCmd
}

func names(service bool) []string {
	var out []string
	for _, v := range verbs() {
		if service && v.service || !service && v.node {
			out = append(out, v.name)
		}
	}
	return out
}
