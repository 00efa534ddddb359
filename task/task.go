package task

import (
	"io/fs"
	"time"
)

// Task is one task of a service as its file says it, typed and complete: references are replaced,
// scopes chosen, defaults filled in. Only service builds one from text.
type Task struct {
	ID   ID
	File string // where it is written
	Line int    // line of its section in File

	Description string
	Type        string // "host"
	Command     string // the text, before it is split
	Shell       string // "auto", "none", "sh", or the path of a shell

	// When it is run. The text is right, and service.Node.Calendar makes the schedule of it.
	Schedule            string
	Timezone            string // "" is the host's
	DSTGap              string // "after", "skip", "shift"
	DSTOverlap          string // "first", "second", "both"
	NotBefore, NotAfter string // "" is no limit
	Spread              time.Duration
	SpreadBy            string // "node", "service"
	Random              bool

	// Identity and surroundings.
	User, Group     string // names or numbers; "" is the user of the om process and its group
	ExtraGroups     []string
	Umask           fs.FileMode
	Cwd, Home       string   // "" is the home of the user
	Login           bool     // through the user's login shell
	PAM             string   // PAM service name; "" is none
	Environment     []string // "NAME=value"
	EnvironmentFile []string // paths; a leading '-' lets the file be absent
	Secrets         []FileVar
	Configs         []FileVar
	Limits          []Limit
	Nice            int
	OOMScoreAdjust  int // 0 leaves it
	HasOOMScore     bool
	IOClass         string // "", "idle", "best-effort", "best-effort:7", "realtime:0"
	NoNewPrivs      bool

	// Its time and its end.
	Timeout     time.Duration // 0 is no limit
	StopSignal  string        // "SIGTERM"
	StopTimeout time.Duration
	Leftover    Leftover
	Snooze      time.Duration

	// Its output.
	Log     LogMode
	LogHead int64 // bytes kept from the beginning
	LogTail int64 // bytes kept from the end

	Confirmation bool
	Interactive  bool

	PreRun, BlockingPreRun, PostRun, BlockingPostRun, OnError string
	TriggerUser                                               string

	MaxParallel    int
	Overlap        Overlap
	Check          CheckMode
	RetCodes       map[int]Status
	Requires       []Requirement
	RequiresMaxAge time.Duration

	Optional, Disable, Standby, Monitor bool
	Tags                                []string
	Subset                              string

	KeepRuns       int
	KeepDays       int
	KeepFailedDays int

	Plan   Plan
	Notify Notify
}

// FileVar is one word of secrets_environment or configs_environment: variables read from files.
type FileVar struct {
	Name string // the variable; "" names it after each file
	Path string // a file, or a glob of files
}

// Limit is one rlimit of a task, soft and hard alike. Unlimited is RLIM_INFINITY.
type Limit struct {
	Name  string // "nofile"
	Value uint64 // bytes, seconds or a count, as setrlimit(2) takes it
}

// Unlimited is the Value of a limit that is none.
const Unlimited = ^uint64(0)

// Leftover says what happens to processes that outlive the command.
type Leftover string

// The values of the keyword leftover.
const (
	LeftoverKeep Leftover = "keep" // as cron: the task may have started a daemon
	LeftoverKill Leftover = "kill"
)

// Overlap says what happens when a task is due or asked for while it runs.
type Overlap string

// The values of the keyword overlap; queue-all(N) is the third with a limit, see Overlapping. A manual run is
// declined under each of them but allow.
const (
	OverlapSkip        Overlap = "skip"
	OverlapQueueOne    Overlap = "queue-one"
	OverlapQueueAll    Overlap = "queue-all"
	OverlapReplaceTerm Overlap = "replace(term)"
	OverlapReplaceKill Overlap = "replace(kill)"
	OverlapAllow       Overlap = "allow"
)

// CheckMode says how a task's last run gives it a state.
type CheckMode string

// The values of the keyword check.
const (
	CheckNone        CheckMode = ""              // the state is n/a
	CheckLastRun     CheckMode = "last_run"      // the last exit code, through retcodes
	CheckLastRunWarn CheckMode = "last_run_warn" // n/a, and a warning after a failure
)

// LogMode says where a run's output is kept.
type LogMode string

// The values of the keyword log; true means file, false none.
const (
	LogFile    LogMode = "file"
	LogJournal LogMode = "journal"
	LogBoth    LogMode = "both"
	LogNone    LogMode = "none"
)

// Resource is one resource of a service, evaluated, for a driver to look at.
type Resource struct {
	RID      string
	Group    string // "fs"
	Type     string // the driver within the group, "" for the group's own
	Line     int
	Keywords map[string]string // evaluated keywords of the section, scopes chosen and references replaced

	Optional, Disable, Standby, Monitor bool
	Tags                                []string
	Subset                              string
}

// Observation is the state of one resource, as seen at one moment.
type Observation struct {
	RID      string        `json:"rid"`
	Type     string        `json:"type"`  // "fs", "app.forking"
	Label    string        `json:"label"` // a few words for people: "/srv/testmd"
	Status   Status        `json:"status"`
	Log      []string      `json:"log,omitempty"` // "warn: ..." and "info: ..."
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"-"`
	Optional bool          `json:"optional,omitempty"`
	Disable  bool          `json:"disable,omitempty"`
	Standby  bool          `json:"standby,omitempty"`
	Monitor  bool          `json:"monitor,omitempty"`
	Tags     []string      `json:"tags,omitempty"`
	Subset   string        `json:"subset,omitempty"`
}
