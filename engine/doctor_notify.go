package engine

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"om/notice"
)

// doctorNotified is how old an event may be that nobody was told, for it still to be of interest.
const doctorNotified = 7 * 24 * time.Hour

// doctorNotify looks whether people are told what they should be.
func (e *Engine) doctorNotify() []Finding {
	spool := &notice.Spool{Dir: e.Spool()}
	found := e.doctorGivenUp(&notice.Spool{Dir: filepath.Join(spool.Dir, notice.DeadFolder)})
	tried := 0
	var last notice.Entry
	names, _ := spool.Names() // who delivers tells what is wrong with it
	for _, name := range names {
		if entry, err := spool.Look(name); err == nil && failing(&entry) != nil {
			tried, last = tried+1, entry
		}
	}
	if tried > 0 {
		t := failing(&last)
		detail := fmt.Sprintf("told in vain, and tried again: %s, the last to %s %s: %s", events(tried), t.Kind, t.Shown(), t.Error)
		found = append(found, Finding{findWarning, "notify", "", "", detail, testOf(&last)})
	}
	return found
}

// doctorGivenUp looks at the events that were given up.
func (e *Engine) doctorGivenUp(dead *notice.Spool) []Finding {
	given := 0
	var last notice.Entry
	names, _ := dead.Names()
	for _, name := range slices.Backward(names) {
		entry, err := dead.Look(name)
		if err != nil || failing(&entry) == nil {
			continue
		}
		if e.Now().Sub(entry.Event.Timestamp) > doctorNotified {
			break
		}
		if given++; given == 1 {
			last = entry
		}
	}
	if given == 0 {
		return nil
	}
	t := failing(&last)
	detail := fmt.Sprintf("given up, so that somebody was not told: %s of the last 7 days, the last of %s to %s %s: %s",
		events(given), last.Event.Timestamp.UTC().Format(time.RFC3339), t.Kind, t.Shown(), t.Error)
	return []Finding{{findWarning, "notify", "", "", detail, testOf(&last)}}
}

// failing is a target of an event that was told in vain; nil where there is none.
func failing(e *notice.Entry) *notice.Target {
	i := slices.IndexFunc(e.Targets, func(t notice.Target) bool { return t.Error != "" && t.Over != notice.Delivered })
	if i < 0 {
		return nil
	}
	return &e.Targets[i]
}

// testOf is the command that shows whether a target can be told now.
func testOf(e *notice.Entry) string {
	if e.Event.Service == "" || e.Event.Task == "" {
		return "omd notify --once"
	}
	return "omd notify --test " + e.Event.Service + "/" + e.Event.Task
}

func events(n int) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
