package task

import (
	"slices"
	"time"
)

// Notify is who is told of the runs of a task, and of what.
type Notify struct {
	On            string        // words of EventKinds, as written; "" is the default, "none" is nothing
	Renotify      time.Duration // after which a failure that goes on is told again; 0 is never
	Long          time.Duration // a run that goes on for longer is told; 0 is never
	Skipped       time.Duration // a task whose slots were not run for longer is told; 0 is never
	Group         time.Duration // in which the events of a service become one message; 0 is none
	Quiet         string        // when people are told nothing, as written: see SplitQuiet; "" is never
	Urgent        string        // words of events that are told in quiet hours too
	Command       string
	Mail          string // addresses, as written
	Webhook       string // a URL
	WebhookSecret string // the file with the key that signs it
	Ping          string // a URL of the protocol of healthchecks.io
}

// The events that can be told.
const (
	EventStarted   = "started"
	EventOK        = "ok"
	EventFailed    = "failed"     // state error or killed
	EventTimeout   = "timeout"    // state timeout
	EventLost      = "lost"       // state lost
	EventRecovered = "recovered"  // complete, after a run that was not
	EventMissed    = "missed"     // slots that nobody looked at in time
	EventSkipped   = "skipped"    // slots that were looked at and not run, or that waited in vain
	EventLate      = "late-start" // a run of a slot that was not on time any more
	EventLong      = "long-running"
	EventIdle      = "skipped-too-long"
	EventCancelled = "cancelled" // for pings only: who cancelled it knows
	EventTest      = "test"
	EventSummary   = "summary" // several others in one message

	// Of the node, and of no task.
	EventRejected = "config-rejected" // a file has errors
	EventClock    = "clock-corrected" // the clock was set by more than a correction
)

// Told is what is told where nothing says what: changes, and what did not run.
const Told = EventFailed + " " + EventRecovered + " " + EventTimeout + " " + EventLost + " " + EventMissed

// ToldOfNode is what is told where [notify] of node.conf does not say.
const ToldOfNode = Told + " " + EventRejected + " " + EventClock

// Any says whether anybody is told of anything.
func (n *Notify) Any() bool { return n.Ping != "" || n.Reaches() }

// Reaches says whether there is a person, or a program of theirs, to tell: pings are for a machine that
// wants to know of each run.
func (n *Notify) Reaches() bool { return n.Command != "" || n.Mail != "" || n.Webhook != "" }

// Tells says whether an event is among those that are told.
func (n *Notify) Tells(event string) bool {
	on := n.On
	if on == "" {
		on = Told
	}
	return slices.Contains(words(on), event)
}

// Addresses reads the keyword notify_mail.
func (n *Notify) Addresses() []string { return words(n.Mail) }
