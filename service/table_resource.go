package service

import "om/task"

// resourceRows are the keywords of every resource, tasks included, sorted by name.
//
//nolint:gochecknoglobals // constants that the linker lays out: a start pays nothing for them
var resourceRows = [...]row{
	{
		name: "check", kind: kindCommand, example: "/usr/local/bin/probe --quick",
		text: "A command whose exit code says the state of the resource, through retcodes. With it a resource of any group has a state.",
	},
	{
		name: "check_timeout", kind: kindDuration, example: "5s",
		text: "The time a look at the state has. It wins over status_timeout and timeout.",
	},
	{
		name: "comment", kind: kindText, plain: true, example: "asked for by accounting",
		text: "Anything, for people.",
	},
	{
		name: "disable", kind: kindBool, def: "false", example: "true",
		field: func(t *task.Task) any { return &t.Disable },
		text:  "The resource is left alone: a task is not run, a state does not count.",
	},
	{
		name: "encap", kind: kindBool, def: "false", example: "true",
		text: "The resource is inside a container of the service. om keeps it for OpenSVC's agents.",
	},
	{name: "label", kind: kindText, example: "data of the shop", text: "A few words that show what the resource is."},
	{
		name: "monitor", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Monitor },
		text:  "The service is in trouble when the resource is down.",
	},
	{
		name: "optional", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Optional },
		text:  "The state of the resource does not count for the availability of the service. By default so for a sync and for what is tagged noaction.",
	},
	{name: "provision", kind: kindBool, def: "true", from: same, example: "false", text: "Whether the resource is made with the service. om keeps it for OpenSVC's agents."},
	{name: "restart", kind: kindInt, def: "0", least: 0, most: 1000000, from: same, example: "2", text: "How often a resource that goes down is started again. om keeps it for OpenSVC's agents."},
	{name: "restart_delay", kind: kindDuration, def: "0", from: same, example: "5s", text: "The wait between two such starts. om keeps it for OpenSVC's agents."},
	{
		name: "retcodes", kind: kindRetCodes, def: "0:up 1:down", example: "0:up 1:down 3:n/a",
		text: "The states that the exit codes of check stand for: words CODE:STATE.",
	},
	{name: "shared", kind: kindBool, def: "false", from: same, example: "true", text: "The resource is the same on all nodes, as a disk that they share. om keeps it for OpenSVC's agents."},
	{
		name: "standby", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Standby },
		text:  "The resource is up on nodes where the service is not, too. Its states are stdby up and stdby down.",
	},
	{name: "start_timeout", kind: kindDuration, example: "2m", text: "The time that a start has. om keeps it for OpenSVC's agents."},
	{name: "stat_timeout", kind: kindDuration, from: same, example: "5s", text: "The time that a look at a mount has. om keeps it for OpenSVC's agents."},
	{name: "status_timeout", kind: kindDuration, example: "10s", text: "The time a look at the state has. It wins over timeout."},
	{name: "stop_timeout", kind: kindDuration, example: "2m", text: "The time that a stop has. om keeps it for OpenSVC's agents."},
	{
		name: "subset", kind: kindWord, example: "first",
		field: func(t *task.Task) any { return &t.Subset },
		text:  "The name of a group of resources, by which tasks can be selected.",
	},
	{name: "sync_timeout", kind: kindDuration, example: "1h", text: "The time that a synchronization has. om keeps it for OpenSVC's agents."},
	{
		name: "tags", kind: kindWords, from: same, example: "nightly backup",
		field: func(t *task.Task) any { return &t.Tags },
		text:  "Words by which tasks can be selected.",
	},
	{name: "timeout", kind: kindDuration, example: "10s", text: "The time a look at the state has."},
	{name: "type", kind: kindText, plain: true, example: "ext4", text: "The driver within the group."},
	{name: "unprovision", kind: kindBool, def: "true", from: same, example: "false", text: "Whether the resource is removed with the service. om keeps it for OpenSVC's agents."},
	{name: "user", kind: kindAccount, example: "nobody", text: "The user that check is run as."},
}

// fsRows are the keywords of [fs#...].
//
//nolint:gochecknoglobals // as above
var fsRows = [...]row{
	{
		name: "dev", kind: kindText, example: "/dev/vg/data",
		text: "What is mounted: a device by any of its names, LABEL= or UUID=, SERVER:/PATH, a folder.",
	},
	{name: "mnt", kind: kindPath, example: "/srv/{name}", text: "Where it is mounted."},
	{name: "mnt_opt", kind: kindText, example: "defaults,noatime", text: "The mount options. om keeps them for OpenSVC's agents."},
	{name: "type", kind: kindText, plain: true, example: "ext4", text: "The type of the filesystem. Any will do where it is not given."},
}

// ipRows are the keywords of [ip#...].
//
//nolint:gochecknoglobals // as above
var ipRows = [...]row{
	{name: "ipdev", aliases: "dev", kind: kindText, example: "eth0", text: "The interface that must have the address. Any will do where it is not given."},
	{name: "ipname", aliases: "addr name", kind: kindText, example: "192.0.2.10", text: "The address, or a name that stands for it."},
	{name: "netmask", kind: kindText, example: "24", text: "The length of the network's prefix, or the mask."},
	{name: "type", kind: kindText, plain: true, example: "host", text: "The driver."},
}

// appRows are the keywords of [app#...].
//
//nolint:gochecknoglobals // as above
var appRows = [...]row{
	{name: "cwd", kind: kindPath, example: "/srv/app", text: "The folder its commands are run in. om keeps it for OpenSVC's agents."},
	{name: "environment", kind: kindEnvironment, example: "MODE=live", text: "Environment variables of its commands: words NAME=VALUE. om keeps it for OpenSVC's agents."},
	{name: "group", kind: kindAccount, example: "www-data", text: "The group its commands are run as. om keeps it for OpenSVC's agents."},
	{
		name: "match", kind: kindShellWords, example: "'nginx: master process*' env:HOME=/srv/testmd",
		text: "What marks its process. A word env:NAME=VALUE is in its environment; of the other words the first is its name, and the rest are among its arguments in this order. * stands for any text and ? for one character.",
	},
	{name: "pid_file", aliases: "pidfile", kind: kindPath, example: "/run/nginx.pid", text: "The file with the id of its process."},
	{name: "start", kind: kindText, example: "/etc/init.d/app start", text: "The command that starts it. om keeps it for OpenSVC's agents."},
	{name: "stop", kind: kindText, example: "/etc/init.d/app stop", text: "The command that stops it. om keeps it for OpenSVC's agents."},
	{
		name: "type", kind: kindEnum, choices: "simple forking", plain: true, example: "forking",
		text: "simple: the command stays in the foreground. forking: it leaves a daemon behind.",
	},
}

// subsetRows are the keywords of [subset#GROUP:NAME].
//
//nolint:gochecknoglobals // as above
var subsetRows = [...]row{
	{name: "comment", kind: kindText, plain: true, example: "not all at once", text: "Anything, for people."},
	{name: "parallel", kind: kindBool, def: "false", example: "true", text: "The resources of the subset are handled at once. om keeps it for OpenSVC's agents."},
}
