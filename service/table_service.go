package service

import "om/task"

// serviceRows are the keywords that [DEFAULT] has of its own, sorted by name. Those that tasks and
// other resources inherit are in their tables.
//
//nolint:gochecknoglobals // constants that the linker lays out: a start pays nothing for them
var serviceRows = [...]row{
	{name: "app", kind: kindText, def: "default", plain: true, example: "shop", text: "The application that the service is part of."},
	{name: "comment", kind: kindText, plain: true, example: "moved from the old host", text: "Anything, for people."},
	{name: "disable", kind: kindBool, def: "false", example: "true", text: "The whole service is left alone, its tasks too."},
	{name: "drp_flex_primary", kind: kindWord, example: "d1", text: "The node that the scope drp_flex_primary means. By default the first of drpnodes."},
	{name: "drpnodes", aliases: "drpnode", kind: kindWords, example: "d1 d2", text: "The nodes of the disaster recovery site."},
	{name: "encapnodes", kind: kindWords, plain: true, example: "c1", text: "The containers of the service that run om themselves."},
	{name: "env", kind: kindText, plain: true, example: "PRD", text: "The environment: PRD, PPRD, REC, INT, DEV, TST and so on."},
	{name: "flex_primary", kind: kindWord, example: "n1", text: "The node that the scope flex_primary means. By default the first of nodes."},
	{name: "id", kind: kindText, plain: true, example: "5f0a9f0c-6d5f-4a0e-9c4e-6f8f3a1f2b10", text: "What {id} stands for. By default a UUID made from the path of the service."},
	{name: "nodes", kind: kindWords, example: "n1 n2", text: "The nodes of the service: names, patterns, or LABEL=VALUE. By default the node itself."},
	{name: "run_schedule", kind: kindSchedule, example: "@1d", text: "The schedule of the tasks that have none."},
	{name: "state", kind: kindPath, example: "/srv/{name}/om.db", text: "The file that holds the record of the service, on its own filesystem, so that it moves with the service. By default the record is in the node's. om SERVICE state init makes the file, once, where that filesystem is mounted: before, no task of the service is started."},
	{name: "topology", kind: kindEnum, def: "failover", choices: "failover flex span", plain: true, example: "flex", text: "Whether the service is up on one of its nodes or, with flex and span, on several at once. om neither starts services nor fences nodes: scheduled tasks run on each node where avail is up or warn. With failover whatever moves the service sees to it that this is one; with flex run_on = flex_primary is for what is to run once. Nodes that are active at once can't share a record (state)."},
}

// nodeRows are the keywords of [node] in node.conf.
//
//nolint:gochecknoglobals // as above
var nodeRows = [...]row{
	{name: "keep_days", kind: kindInt, def: "90", least: 1, most: 100000, plain: true, example: "30", text: "How many days a run is kept on record, where its task does not say."},
	{name: "keep_failed_days", kind: kindInt, def: "365", least: 1, most: 100000, plain: true, example: "730", text: "How many days a run that failed is kept on record, where its task does not say."},
	{name: "keep_runs", kind: kindInt, def: "100", least: 1, most: 10000000, plain: true, example: "20", text: "How many runs of a task are kept on record, where the task does not say."},
	{name: "name", kind: kindWord, plain: true, example: "n1", text: "The name of the node. By default the host's name; OM_NODENAME wins over both."},
	{name: "output_budget", kind: kindSize, def: "1G", plain: true, example: "20G", text: "The disk space for the output of all runs. The oldest output of successes is removed first."},
	{name: "startup_parallel", kind: kindInt, least: 1, most: 10000, plain: true, example: "4", text: "How many missed runs are started at once. By default the number of processors."},
	{name: "timezone", kind: kindTimezone, plain: true, example: "Europe/Paris", text: "The time zone of schedules. By default the host's."},
	{name: "wait_time_sync", kind: kindDuration, def: "2m", plain: true, example: "30s", text: "How long the scheduler waits for a synchronized clock after a start of the host. Runs that are started without one after that have OM_CLOCK_UNSYNCED=1 in their environment, and clock_unsynced in the record. 0s is for hosts whose clock is kept in a way that the kernel does not know of."},
}

// notifyRows are the keywords of [notify] in node.conf: of each task that does not say otherwise, and of the
// mail server.
//
//nolint:gochecknoglobals // as above
var notifyRows = [...]row{
	{name: "command", kind: kindCommand, plain: true, example: "/usr/local/bin/page", text: "The notify_command of tasks that have none. An empty notify_command is none at all; so it is with the others."},
	{name: "from", kind: kindAddresses, plain: true, example: "om@n1.example.com", text: "The sender of mails. By default om at the name of the node."},
	{name: "group", kind: kindDuration, def: "10s", plain: true, example: "2m", text: "The notify_group of tasks that have none."},
	{name: "mail", kind: kindAddresses, plain: true, example: "ops@example.com", text: "The notify_mail of tasks that have none."},
	{name: "on", kind: kindEvents, def: task.ToldOfNode, choices: nodeEventWords, plain: true, example: "failed timeout lost config-rejected", text: "The notify_on of tasks that have none. config-rejected is a file that has errors when it is read, node.conf too where the daemon reads it; clock-corrected is a clock that was set by more than a correction, with the tasks whose slots were ahead of it. These are told of the node, whatever its tasks say."},
	{name: "quiet", kind: kindQuiet, plain: true, example: "22:00-06:00 mon-fri Europe/Paris", text: "The notify_quiet of tasks that have none, and of what is told of the node. Its zone is the timezone of [node], whatever that of a task is, unless one stands behind the ranges."},
	{name: "renotify", kind: kindDuration, def: "24h", plain: true, example: "4h", text: "The renotify of tasks that have none."},
	{name: "smtp", kind: kindServer, def: "localhost:25", plain: true, example: "mail.example.com:587", text: "The mail server, with its port. Port 465 is TLS from the beginning."},
	{name: "smtp_password", kind: kindPath, plain: true, example: "/etc/om/secrets/smtp", text: "The file with the password of smtp_user. Others must not be able to read it."},
	{name: "smtp_tls", kind: kindEnum, def: "opportunistic", choices: "opportunistic required none", plain: true, example: "required", text: "Whether mails are encrypted on their way to the server. opportunistic: where the server can, whoever it is. required: always, and its certificate must be right. With smtp_user it is always required."},
	{name: "smtp_user", kind: kindWord, plain: true, example: "om", text: "The user that the mail server knows om as."},
	{name: "urgent", kind: kindEvents, choices: nodeUrgentWords, plain: true, example: "lost config-rejected", text: "The notify_urgent of tasks that have none, and of what is told of the node."},
	{name: "webhook", kind: kindURL, plain: true, example: "https://hooks.example.com/om", text: "The notify_webhook of tasks that have none."},
	{name: "webhook_secret", kind: kindPath, plain: true, example: "/etc/om/secrets/webhook", text: "The notify_webhook_secret of tasks that have none."},
}

// impersonateRows are the keywords of [impersonate] in node.conf.
//
//nolint:gochecknoglobals // as above
var impersonateRows = [...]row{
	{name: "allow", kind: kindWords, plain: true, example: "backup postgres @dba", text: "The users, and with @ the groups whose members, root's om may run tasks as. Without the section it may run them as anyone."},
}

// metricsRows are the keywords of [metrics] in node.conf.
//
//nolint:gochecknoglobals // as above
var metricsRows = [...]row{
	{name: "textfile", kind: kindPath, plain: true, example: "/var/lib/prometheus/node-exporter/om.prom", text: "The file that each tick, and the daemon, writes the metrics of the tasks to, for Prometheus's node exporter. It is replaced at once, and anybody may read it. Root's om writes it only where each folder of the path is root's and the world writes to none but sticky ones, as /tmp is. By default none is written."},
}
