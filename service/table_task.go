package service

import "om/task"

// taskRows are the keywords of [task#...], sorted by name.
//
//nolint:gochecknoglobals // constants that the linker lays out: a start pays nothing for them
var taskRows = [...]row{
	{
		name: "blocking_post_run", kind: kindCommand, from: same, example: "/usr/local/bin/verify",
		field: func(t *task.Task) any { return &t.BlockingPostRun },
		text:  "A command run after post_run when the command has succeeded. Its failure makes the run fail.",
	},
	{
		name: "blocking_pre_run", kind: kindCommand, from: same, example: "/usr/local/bin/ready",
		field: func(t *task.Task) any { return &t.BlockingPreRun },
		text:  "A command run after pre_run and before the command. Its failure keeps the command from being run.",
	},
	{
		name: "catchup", kind: kindEnum, choices: "last none all", from: same, example: "none",
		field: func(t *task.Task) any { return &t.Plan.Catchup },
		text:  "What becomes of instants that passed while nobody looked. The newest one, none, or all of them. By default the newest for a period of an hour or more, none for shorter ones and for tasks with confirmation.",
	},
	{
		name: "catchup_limit", kind: kindInt, def: "10", least: 1, most: 100000, from: same, example: "3",
		field: func(t *task.Task) any { return &t.Plan.CatchupLimit },
		text:  "How many missed instants catchup = all makes up for, the oldest first, one after the other.",
	},
	{
		name: "catchup_window", kind: kindDuration, from: same, example: "6h",
		field: func(t *task.Task) any { return &t.Plan.CatchupWindow },
		text:  "How late a missed instant may still be run. By default, for catchup = last, until the next instant.",
	},
	{
		name: "check", kind: kindEnum, choices: "last_run last_run_warn", from: same, example: "last_run",
		field: func(t *task.Task) any { return (*string)(&t.Check) },
		text:  "How the last run gives the task a state. last_run: the exit code, through retcodes. last_run_warn: n/a, with a warning after a failure. Without it the state is n/a.",
	},
	{
		name: "command", kind: kindCommand, example: "/usr/local/bin/backup --full",
		field: func(t *task.Task) any { return &t.Command },
		text:  "The command. It is split into words as a shell does, with quotes and backslashes, and run without a shell unless the keyword shell says otherwise. Required.",
	},
	{
		name: "configs_environment", kind: kindFileVars, from: same, example: "APP_MODE=/etc/app/mode",
		field: func(t *task.Task) any { return &t.Configs },
		text:  "Environment variables read from files: words NAME=FILE, or FILE alone, where the variable is named after the file. FILE may be a pattern. A relative path begins in the folder of the service's file.",
	},
	{
		name: "confirmation", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Confirmation },
		text:  "Ask before each run. Such a task is never scheduled, and needs a terminal or --confirm.",
	},
	{
		name: "cwd", kind: kindPath, from: same, example: "/srv/app",
		field: func(t *task.Task) any { return &t.Cwd },
		text:  "The folder the command is run in. By default the home of the user. It must be there.",
	},
	{
		name: "deadline", kind: kindDuration, from: same, example: "4h",
		field: func(t *task.Task) any { return &t.Plan.Deadline },
		text:  "The time that all attempts of a run have together, where timeout is for each.",
	},
	{
		name: "delivery", kind: kindEnum, def: "at-most-once", choices: "at-most-once at-least-once", from: same, example: "at-least-once",
		field: func(t *task.Task) any { return &t.Plan.Delivery },
		text:  "What is worse, no run or two. at-most-once never repeats a run that may have started; at-least-once repeats one that was lost, and wants idempotent = true.",
	},
	{
		name: "description", kind: kindText, example: "Nightly dump of the database",
		field: func(t *task.Task) any { return &t.Description },
		text:  "A line about the task, for people.",
	},
	{
		name: "dst_gap", kind: kindEnum, def: "after", choices: "after skip shift", from: same, example: "skip",
		field: func(t *task.Task) any { return &t.DSTGap },
		text:  "What becomes of a fixed time that a clock change leaves out: run at the first instant after the gap, skip it, or shift it by the gap.",
	},
	{
		name: "dst_overlap", kind: kindEnum, def: "first", choices: "first second both", from: same, example: "both",
		field: func(t *task.Task) any { return &t.DSTOverlap },
		text:  "Which of two equal fixed times, when a clock is set back, is meant.",
	},
	{
		name: "environment", kind: kindEnvironment, from: same, example: `PGHOST=/run/pg "GREETING=good morning"`,
		field: func(t *task.Task) any { return &t.Environment },
		text:  "Environment variables: words NAME=VALUE, split as a shell does.",
	},
	{
		name: "environment_file", kind: kindPaths, from: same, example: "-/etc/default/app",
		field: func(t *task.Task) any { return &t.EnvironmentFile },
		text:  "Files with lines NAME=VALUE that are read before environment. A dash in front lets a file be absent. A relative path begins in the folder of the service's file.",
	},
	{
		name: "extra_groups", kind: kindWords, from: same, example: "adm dialout",
		field: func(t *task.Task) any { return &t.ExtraGroups },
		text:  "Groups the command has besides those of its user.",
	},
	{
		name: "group", kind: kindAccount, from: same, example: "backup",
		field: func(t *task.Task) any { return &t.Group },
		text:  "The group the command is run as, a name or a number. By default the user's own.",
	},
	{
		name: "home", kind: kindPath, from: same, example: "/var/lib/app",
		field: func(t *task.Task) any { return &t.Home },
		text:  "The home folder, instead of the user's. A number as user that no account has needs it.",
	},
	{
		name: "idempotent", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Plan.Idempotent },
		text:  "Running it twice does no harm, which at-least-once delivery needs.",
	},
	{
		name: "interactive", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Interactive },
		text:  "Give the command the terminal, as for a database client. Such a task is never scheduled.",
	},
	{
		name: "ionice", kind: kindIOClass, choices: "idle best-effort realtime", from: same, example: "best-effort:7",
		field: func(t *task.Task) any { return &t.IOClass },
		text:  "The I/O class, with a level of 0 to 7 behind a colon for best-effort and realtime.",
	},
	{
		name: "keep_days", kind: kindInt, def: "90", least: 0, most: 100000, from: same, example: "30",
		field: func(t *task.Task) any { return &t.KeepDays },
		text:  "How many days a run is kept on record. node.conf may have another default.",
	},
	{
		name: "keep_failed_days", kind: kindInt, def: "365", least: 0, most: 100000, from: same, example: "730",
		field: func(t *task.Task) any { return &t.KeepFailedDays },
		text:  "How many days a run that failed is kept on record. node.conf may have another default.",
	},
	{
		name: "keep_runs", kind: kindInt, def: "100", least: 0, most: 10000000, from: same, example: "20",
		field: func(t *task.Task) any { return &t.KeepRuns },
		text:  "How many runs are kept on record. The last success and the last failure are always kept. node.conf may have another default.",
	},
	{
		name: "leftover", kind: kindEnum, def: "keep", choices: "keep kill", from: same, example: "kill",
		field: func(t *task.Task) any { return (*string)(&t.Leftover) },
		text:  "What becomes of processes that outlive the command: keep them, for it may have started a daemon, or kill them.",
	},
	{name: "limit_as", kind: kindLimit, from: same, example: "4G", field: limits, text: "The most address space, a size or unlimited."},
	{name: "limit_core", kind: kindLimit, from: same, example: "0", field: limits, text: "The largest core file, a size or unlimited."},
	{name: "limit_cpu", kind: kindLimitTime, from: same, example: "1h", field: limits, text: "The most CPU time, a duration in full seconds or unlimited."},
	{name: "limit_data", kind: kindLimit, from: same, example: "1G", field: limits, text: "The largest data segment, a size or unlimited."},
	{name: "limit_fsize", kind: kindLimit, from: same, example: "10G", field: limits, text: "The largest file it may write, a size or unlimited."},
	{name: "limit_locks", kind: kindLimit, from: same, example: "100", field: limits, text: "The most file locks, a number or unlimited. Linux does not enforce it."},
	{name: "limit_memlock", kind: kindLimit, from: same, example: "64M", field: limits, text: "The most locked memory, a size or unlimited."},
	{name: "limit_msgqueue", kind: kindLimit, from: same, example: "800K", field: limits, text: "The most bytes in POSIX message queues, a size or unlimited."},
	{name: "limit_nice", kind: kindLimit, from: same, example: "20", field: limits, text: "How far its nice value may be lowered: 20 minus this number."},
	{name: "limit_nofile", kind: kindLimit, from: same, example: "4096", field: limits, text: "The most open files, a number or unlimited."},
	{name: "limit_nproc", kind: kindLimit, from: same, example: "200", field: limits, text: "The most processes of its user, a number or unlimited."},
	{name: "limit_rss", kind: kindLimit, from: same, example: "1G", field: limits, text: "The largest resident set, a size or unlimited. Linux does not enforce it."},
	{name: "limit_rtprio", kind: kindLimit, from: same, example: "0", field: limits, text: "The highest real-time priority it may take."},
	{name: "limit_sigpending", kind: kindLimit, from: same, example: "1000", field: limits, text: "The most signals that wait for its user, a number or unlimited."},
	{name: "limit_stack", kind: kindLimit, from: same, example: "16M", field: limits, text: "The largest stack, a size or unlimited."},
	{name: "limit_vmem", kind: kindLimit, from: same, example: "4G", field: limits, text: "Another name of limit_as, from systems that tell them apart."},
	{
		name: "lock", kind: kindLocks, from: same, example: "tape:2",
		field: func(t *task.Task) any { return &t.Plan.Locks },
		text:  "Locks shared with other tasks of the node: words NAME, or NAME:N where N of them may run at once. Where one has no place left overlap says what becomes of a slot, and a run by hand is declined: who has it is told.",
	},
	{
		name: "log", kind: kindLog, def: "true", choices: "true false file journal both none", from: same, example: "journal",
		field: func(t *task.Task) any { return (*string)(&t.Log) },
		text:  "Where the output is kept: in a file, in the journal, in both or nowhere. true is file, false is none.",
	},
	{
		name: "log_head", kind: kindSize, def: "1M", from: same, example: "64K",
		field: func(t *task.Task) any { return &t.LogHead },
		text:  "How much of the beginning of the output is kept.",
	},
	{
		name: "log_tail", kind: kindSize, def: "1M", from: same, example: "4M",
		field: func(t *task.Task) any { return &t.LogTail },
		text:  "How much of the end of the output is kept.",
	},
	{
		name: "login", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Login },
		text:  "Run the command through the user's login shell, with its profile files.",
	},
	{
		name: "lost_retry", kind: kindInt, def: "1", least: 0, most: 1000, from: same, example: "2",
		field: func(t *task.Task) any { return &t.Plan.LostRetry },
		text:  "How often at-least-once delivery repeats a run that was lost.",
	},
	{
		name: "manual_counts", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Plan.ManualCounts },
		text:  "A run by hand counts as the last run for intervals.",
	},
	{
		name: "max_parallel", kind: kindInt, def: "1", least: 1, most: 100000, from: same, example: "2",
		field: func(t *task.Task) any { return &t.MaxParallel },
		text:  "How many runs of the task may be in progress on the node at once.",
	},
	{
		name: "nice", kind: kindInt, def: "0", least: -20, most: 19, from: same, example: "10",
		field: func(t *task.Task) any { return &t.Nice },
		text:  "The nice value.",
	},
	{
		name: "no_new_privs", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.NoNewPrivs },
		text:  "Nothing that the command executes can gain privileges: sudo and its like do not work.",
	},
	{
		name: "not_after", kind: kindMoment, from: same, example: "2027-12-31 18:00",
		field: func(t *task.Task) any { return &t.NotAfter },
		text:  "No slot after this moment, a date with or without a time in the zone of the schedule, or RFC 3339. A date alone is its 00:00.",
	},
	{
		name: "not_before", kind: kindMoment, from: same, example: "2027-01-01",
		field: func(t *task.Task) any { return &t.NotBefore },
		text:  "No slot before this moment, a date with or without a time in the zone of the schedule, or RFC 3339. A date alone is its 00:00.",
	},
	{
		name: "notify_command", kind: kindCommand, from: same, example: "/usr/local/bin/page backup",
		field: func(t *task.Task) any { return &t.Notify.Command },
		text:  "A command that tells somebody of a run, after it and as the user of om: omd notify runs it, and tries again when it fails. Its environment has, empty where the event has nothing of it, OM_EVENT, OM_EVENT_ID, OM_NODE, OM_SERVICE, OM_TASK, OM_SUMMARY and OM_REASON; of a run OM_RUN_ID, OM_STATE, OM_EXIT_CODE, OM_SIGNAL, OM_ORIGIN, OM_ATTEMPT, OM_STARTED_AT, OM_ENDED_AT, OM_DURATION in seconds and OM_SLOT; of slots that did not run OM_SLOT, OM_SLOT_LAST and OM_SLOT_COUNT; of several failures in a row OM_FAILURES and OM_FAILING_SINCE; of a summary of several events OM_EVENT_COUNT. The event is on its standard input, as JSON. By default that of [notify] in node.conf.",
	},
	{
		name: "notify_group", kind: kindDuration, def: "10s", from: same, example: "2m",
		field: func(t *task.Task) any { return &t.Notify.Group },
		text:  "What happens to the tasks of a service within this time, from the first event on, is told to each command, address and webhook in one message, which lists all events: see Notifications. A tick tells with it what would be told before the next one. 0 is a message for each event. Pings are made for each run.",
	},
	{
		name: "notify_long", kind: kindDuration, from: same, example: "2h",
		field: func(t *task.Task) any { return &t.Notify.Long },
		text:  "A run that goes on for longer is told once, within a minute, as long-running, whatever notify_on lists. 0 is never.",
	},
	{
		name: "notify_mail", kind: kindAddresses, from: same, example: "ops@example.com dba@example.com",
		field: func(t *task.Task) any { return &t.Notify.Mail },
		text:  "Addresses that a mail is sent to, with the end of the output. By default those of [notify] in node.conf, which also names the mail server.",
	},
	{
		name: "notify_on", kind: kindEvents, def: task.Told, choices: eventWords, from: same, example: "failed timeout lost",
		field: func(t *task.Task) any { return &t.Notify.On },
		text:  "What notify_command, notify_mail and notify_webhook tell. failed and timeout are told for the first of several in a row, and again after renotify; recovered is the first success after them; ok, started and skipped are told each time. missed are slots that nobody looked at in time, late-start a run that began when its slot was not on time any more. An attempt that is followed by another is not told.",
	},
	{
		name: "notify_quiet", kind: kindQuiet, from: same, example: "22:00-06:00 mon-fri Europe/Paris",
		field: func(t *task.Task) any { return &t.Notify.Quiet },
		text:  "When nobody is told anything but what is urgent: ranges of time on days, written as in a schedule, or several of them as in [\"22:00-06:00\", \"* sat,sun\"]. As there, a range over midnight is cut at midnight, and both parts are on the days that are named: 22:00-06:00 mon-fri begins at 00:00 on Monday. What happens meanwhile is told at the end in one message for each command, address and webhook, which lists all of it. The times are on the clocks of the task's timezone, or of the zone behind them. Pings know no quiet hours. Empty is never.",
	},
	{
		name: "notify_skipped", kind: kindDuration, from: same, example: "2d",
		field: func(t *task.Task) any { return &t.Notify.Skipped },
		text:  "A task of which slots came and none was run for longer, for they were skipped, missed or expired, is told as skipped-too-long, whatever notify_on lists, and again after renotify. 0 is never.",
	},
	{
		name: "notify_urgent", kind: kindEvents, choices: urgentWords, from: same, example: "lost timeout",
		field: func(t *task.Task) any { return &t.Notify.Urgent },
		text:  "What is told in quiet hours too. notify_on says what is told at all.",
	},
	{
		name: "notify_webhook", kind: kindURL, from: same, example: "https://hooks.example.com/om",
		field: func(t *task.Task) any { return &t.Notify.Webhook },
		text:  "A URL that the event is posted to as JSON, in the form of Standard Webhooks: webhook-id is the same in each try, so that the receiver can tell a repetition. By default that of [notify] in node.conf.",
	},
	{
		name: "notify_webhook_secret", kind: kindPath, from: same, example: "/etc/om/secrets/webhook",
		field: func(t *task.Task) any { return &t.Notify.WebhookSecret },
		text:  "The file with the key of the signature in webhook-signature, HMAC-SHA256 over id, timestamp and body. After whsec_ it is read as base64. Others must not be able to read the file. Without it nothing is signed.",
	},
	{
		name: "on_error", kind: kindCommand, from: same, example: "/usr/local/bin/alert backup",
		field: func(t *task.Task) any { return &t.OnError },
		text:  "A command run after the command failed, timed out or was killed. Its own failure changes nothing.",
	},
	{
		name: "on_requirement_lost", kind: kindEnum, def: "let", choices: "let term", from: same, example: "term",
		field: func(t *task.Task) any { return &t.Plan.RequirementLost },
		text:  "What becomes of a run in progress, by schedule or by hand, whose requirements stop holding: let it go on, or term: end it as overlap = replace(term) does. It is cancelled then, with the reason, and not tried again: its next slot is. omd looks as often as requires_max_age says, om tick each time, and om run itself while it waits. A look that fails or is late ends nothing, nor is a run ended that was forced.",
	},
	{
		name: "oom_score_adj", kind: kindInt, least: -1000, most: 1000, from: same, example: "500",
		field: oomScore,
		text:  "The adjustment of the score by which the kernel picks what to kill when memory is out.",
	},
	{
		name: "optional", kind: kindBool, def: "true", from: same, example: "false",
		field: func(t *task.Task) any { return &t.Optional },
		text:  "The state of the task does not count for the availability of the service. It never changes an exit code.",
	},
	{
		name: "overlap", kind: kindOverlap, def: "skip", choices: "skip queue-one queue-all replace(term) replace(kill) allow", from: same, example: "queue-one",
		field: func(t *task.Task) any { return (*string)(&t.Overlap) },
		text:  "What happens when the task is due while max_parallel runs are in progress: skip it, run it afterwards (queue-one, queue-all or queue-all(N)), end the old run by a signal first (replace), or allow both.",
	},
	{
		name: "pam", kind: kindWord, from: same, example: "cron",
		field: func(t *task.Task) any { return &t.PAM },
		text:  "The PAM service through which a session is opened for the command. None by default. This om is built without PAM: a task that has it is not run.",
	},
	{
		name: "ping", kind: kindURL, from: same, example: "https://hc-ping.com/5f0a9f0c-6d5f-4a0e-9c4e-6f8f3a1f2b10",
		field: func(t *task.Task) any { return &t.Notify.Ping },
		text:  "A URL of the protocol of healthchecks.io, which tells you when a run does not come. Each run is told to it, whatever notify_on says: /start when it begins, the URL itself for a success, the exit code or /fail for another end, with the run as rid and the end of the output.",
	},
	{
		name: "post_run", kind: kindCommand, from: same, example: "/usr/local/bin/report",
		field: func(t *task.Task) any { return &t.PostRun },
		text:  "A command run after the command has succeeded. Its failure is told and changes nothing.",
	},
	{
		name: "pre_run", kind: kindCommand, from: same, example: "/usr/local/bin/announce",
		field: func(t *task.Task) any { return &t.PreRun },
		text:  "A command run before the command. Its failure is told and changes nothing.",
	},
	{
		name: "random", kind: kindBool, def: "false", from: same, example: "true",
		field: func(t *task.Task) any { return &t.Random },
		text:  "Choose the place in a range with ~ anew for each day, where otherwise it is the same each time. It still is the same for all who look.",
	},
	{
		name: "renotify", kind: kindDuration, def: "24h", from: same, example: "4h",
		field: func(t *task.Task) any { return &t.Notify.Renotify },
		text:  "After which time a failure that goes on is told again. 0 is never.",
	},
	{
		name: "requires_max_age", kind: kindDuration, def: "30s", from: same, example: "5s",
		field: func(t *task.Task) any { return &t.RequiresMaxAge },
		text:  "How often the requirements of a run in progress are looked at, where on_requirement_lost = term: at least once a minute, and at most once a second. What is decided about a start is always looked at anew.",
	},
	{
		name: "requires_wait", kind: kindDuration, from: same, example: "15m",
		field: func(t *task.Task) any { return &t.Plan.RequiresWait },
		text:  "How long a slot waits for its requirements. By default to the end of its time range, and not at all for a point in time.",
	},
	{
		name: "retcodes", kind: kindRetCodes, def: "0:up 1:down", from: same, example: "0:up 1:down 2:warn",
		field: func(t *task.Task) any { return &t.RetCodes },
		text:  "What exit codes mean: words CODE:STATE, with up, down, warn, n/a or undef. A run whose code is up or warn is complete; one that is not listed is an error, and the state warn.",
	},
	{
		name: "retries", kind: kindInt, def: "0", least: 0, most: 1000, from: same, example: "3",
		field: func(t *task.Task) any { return &t.Plan.Retries },
		text:  "How many more attempts a run has.",
	},
	{
		name: "retry_delay", kind: kindDuration, def: "30s", from: same, example: "1m",
		field: func(t *task.Task) any { return &t.Plan.RetryDelay },
		text:  "The longest wait before the second attempt. It doubles from attempt to attempt, up to 15 minutes. The wait itself is a random part of it, so that tasks that failed together are not tried again together.",
	},
	{
		name: "retry_on", kind: kindRetryOn, choices: "fail timeout lost", from: same, example: "timeout 75",
		field: func(t *task.Task) any { return &t.Plan.RetryOn },
		text:  "What is tried again: fail, timeout, lost, or exit codes. By default each of them; lost only with delivery = at-least-once. What could not begin, as where its user is not there, is not tried again.",
	},
	{
		name: "retry_window", kind: kindDuration, from: same, example: "2h",
		field: func(t *task.Task) any { return &t.Plan.RetryWindow },
		text:  "How long after its slot a run is tried again. By default until the next slot.",
	},
	{
		name: "run_on", kind: kindWords, from: same, example: "flex_primary",
		field: func(t *task.Task) any { return &t.Plan.RunOn },
		text:  "On which nodes scheduled runs happen. active, the default: where the service is active, so on each node where it is. any: on one, active or not, which is flex_primary, by default the first of nodes: without a cluster nodes can't agree on another while that is down. all-nodes: on each. Else names of nodes, patterns, or the words of scopes. Other nodes record nothing, and explain says why. A service of several nodes that has no resource to follow needs one of these.",
	},
	{
		name: "run_requires", aliases: "requires", kind: kindRequires, from: same, example: "fs#data(up) avail(up,warn)",
		field: func(t *task.Task) any { return &t.Requires },
		text:  "Conditions that must all hold: a resource, avail or overall, with the states that will do in parentheses. Without them up and stdby up will do.",
	},
	{
		name: "run_times", kind: kindInt, least: 1, most: 1000000000, from: same, example: "1",
		field: func(t *task.Task) any { return &t.Plan.RunTimes },
		text:  "After how many scheduled runs the schedule ends. They are counted in the record that has them: where the service has its own (state), on all nodes together. An edited schedule counts anew.",
	},
	{
		name: "schedule", kind: kindSchedule, from: "run_schedule", example: "~01:00-05:00 mon-fri",
		field: func(t *task.Task) any { return &t.Schedule },
		text:  "When the task is run. Never, where it is empty. It is read when the file is, and the section left out if it is wrong. The notations, of OpenSVC, cron, systemd timers, anacron and NetWorker, are in om-schedule(7); om schedule next shows what a text means. Slots that are closer together than a minute need omd: a tick runs the newest of them.",
	},
	{
		name: "secrets_environment", kind: kindFileVars, from: same, example: "PGPASSWORD=/etc/app/secrets/pg",
		field: func(t *task.Task) any { return &t.Secrets },
		text:  "As configs_environment, for values that are shown nowhere.",
	},
	{
		name: "shell", kind: kindShell, def: "auto", choices: "auto none sh", from: same, example: "/bin/bash",
		field: func(t *task.Task) any { return &t.Shell },
		text:  "Whether a shell runs the command. auto: sh -c where there is an unquoted && || | or ; in it. none: never. sh or the path of a shell: always.",
	},
	{
		name: "snooze", kind: kindDuration, def: "0", from: same, example: "1h",
		field: func(t *task.Task) any { return &t.Snooze },
		text:  "OpenSVC's time without alerts for the service once a run has begun. It is kept, and has no effect: notify_on says what is told of a task.",
	},
	{
		name: "spread", kind: kindDuration, from: same, example: "15m",
		field: func(t *task.Task) any { return &t.Spread },
		text:  "Put off each slot by a part of this time, always the same for a task and a node, and of at most 30 days. A slot never leaves its time range.",
	},
	{
		name: "spread_by", kind: kindEnum, def: "node", choices: "node service", from: same, example: "service",
		field: func(t *task.Task) any { return &t.SpreadBy },
		text:  "What spread differs by. With service it is the same on all nodes, so that a failover does not move it. The same holds for ~ and for H.",
	},
	{
		name: "stop", kind: kindText, from: same, example: "/usr/local/bin/backup --stop",
		text: "OpenSVC's command to stop a run. It is kept, and runs are stopped by stop_signal.",
	},
	{
		name: "stop_signal", kind: kindSignal, def: "SIGTERM", from: same, example: "SIGINT",
		field: func(t *task.Task) any { return &t.StopSignal },
		text:  "The signal that ends a run at its timeout or on request.",
	},
	{
		name: "stop_timeout", kind: kindDuration, def: "10s", from: same, example: "1m",
		field: func(t *task.Task) any { return &t.StopTimeout },
		text:  "How long after stop_signal whatever is left of the run is killed.",
	},
	{
		name: "timeout", aliases: "run_timeout", kind: kindDuration, def: "0", from: same, example: "2h",
		field: func(t *task.Task) any { return &t.Timeout },
		text:  "The time an attempt has: a number of seconds, or as 1w2d3h4m5s. No limit for 0, none or an empty value.",
	},
	{
		name: "timezone", kind: kindTimezone, from: same, example: "Europe/Paris",
		field: func(t *task.Task) any { return &t.Timezone },
		text:  "The time zone of the schedule, by its name in the time zone database. By default that of node.conf, else the host's.",
	},
	{
		name: "trigger_user", kind: kindAccount, from: same, example: "root",
		field: func(t *task.Task) any { return &t.TriggerUser },
		text:  "The user that pre_run, post_run, their blocking kin and on_error are run as. By default the task's.",
	},
	{
		name: "type", kind: kindEnum, def: "host", choices: "host", plain: true, example: "host",
		field: func(t *task.Task) any { return &t.Type },
		text:  "The driver. A command in a container is reached by docker exec or podman exec from a host task.",
	},
	{
		name: "umask", kind: kindOctal, def: "022", from: same, example: "027",
		field: func(t *task.Task) any { return &t.Umask },
		text:  "The file mode creation mask, in octal.",
	},
	{
		name: "user", kind: kindAccount, from: same, example: "backup",
		field: func(t *task.Task) any { return &t.User },
		text:  "The user the command is run as, a name or a number. By default the user of om.",
	},
}

// eventWords are the events that people can be told.
const eventWords = task.Told + " " + task.EventStarted + " " + task.EventOK + " " + task.EventSkipped + " " + task.EventLate + " none"

// nodeEventWords are those of the node too.
const nodeEventWords = task.ToldOfNode + " " + task.EventStarted + " " + task.EventOK + " " + task.EventSkipped + " " + task.EventLate + " none"

func limits(t *task.Task) any { return &t.Limits }

func oomScore(t *task.Task) any {
	t.HasOOMScore = true
	return &t.OOMScoreAdjust
}

// urgentWords are the events that can be urgent.
const urgentWords = task.Told + " " + task.EventStarted + " " + task.EventOK + " " + task.EventSkipped + " " + task.EventLate + " " + task.EventLong + " " + task.EventIdle + " none"

// nodeUrgentWords are those of the node too.
const nodeUrgentWords = task.EventRejected + " " + task.EventClock + " " + urgentWords
