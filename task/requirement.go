package task

import (
	"fmt"
	"slices"
	"strings"
)

// Requirement is one condition of run_requires: a resource, or the service itself, must be in one
// of the states.
type Requirement struct {
	// Subject is a resource id ("fs#0"), or "avail" or "overall" for the service as a whole.
	Subject string `json:"subject"`
	// States are the accepted ones, compared exactly: up does not accept stdby up.
	States []Status `json:"states"`
	// Impossible is OpenSVC's word for a condition that never holds.
	Impossible bool `json:"impossible,omitempty"`
}

// String returns the condition in the canonical form that ParseRequires reads back: "fs#0(up,stdby up)".
func (r Requirement) String() string {
	if r.Impossible {
		return "impossible"
	}
	return r.Subject + "(" + r.StatesText(",") + ")"
}

// StatesText joins the accepted states with sep.
func (r Requirement) StatesText(sep string) string {
	words := make([]string, len(r.States))
	for i, s := range r.States {
		words[i] = s.String()
	}
	return strings.Join(words, sep)
}

// Met reports whether a subject seen in state s satisfies the condition.
func (r Requirement) Met(s Status) bool { return !r.Impossible && slices.Contains(r.States, s) }

// Watched says that a run in progress of t is to end when one of its requirements is lost.
func (t *Task) Watched() bool { return t.Plan.RequirementLost == EndLost && len(t.Requires) > 0 }

// Met says whether all requirements of t hold. seen is as Facts.Seen.
func (t *Task) Met(seen []Seen) bool {
	for i, r := range t.Requires {
		if !required(r, Facts{Seen: seen}.seen(i)).Pass {
			return false
		}
	}
	return true
}

// Lost says which requirement of a run in progress no longer holds; "" where all do. seen is as Facts.Seen. Here, other
// than before a start, what could not be seen counts as it was: a probe that fails ends no run.
func (t *Task) Lost(seen []Seen) string {
	for i, r := range t.Requires {
		s := Facts{Seen: seen}.seen(i)
		if r.Impossible || !s.Known || s.Blind || s.Status == Undef || r.Met(s.Status) {
			continue
		}
		text := "requirement lost: " + r.Subject + " is " + s.Status.String()
		if s.Detail != "" {
			text += " (" + s.Detail + ")"
		}
		return text
	}
	return ""
}

// ParseRequires reads the value of run_requires: conditions separated by white space, each
// "subject" or "subject(state, state)". Without a list of states up and stdby up are accepted.
// Subjects are resource ids, avail and overall; "impossible" never holds. An empty value has no
// condition. The error names the offending text, what was wanted, and wraps ErrInvalid.
func ParseRequires(text string) ([]Requirement, error) {
	var all []Requirement
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		r, after, err := parseRequirement(rest)
		if err != nil {
			return nil, err
		}
		all, rest = append(all, r), after
	}
	return all, nil
}

func parseRequirement(text string) (Requirement, string, error) {
	end := strings.IndexAny(text, "( \t\r\n")
	if end < 0 {
		end = len(text)
	}
	r := Requirement{Subject: text[:end], States: []Status{Up, StdbyUp}}
	rest := text[end:]
	if !validSubject(r.Subject) {
		return r, "", requireError(r.Subject, `a resource id as in fs#0, "avail" or "overall"`)
	}
	r.Impossible = r.Subject == "impossible"
	list := strings.TrimLeft(rest, " \t\r\n")
	if !strings.HasPrefix(list, "(") {
		return r, rest, nil
	}
	inside, rest, ok := strings.Cut(list[1:], ")")
	if !ok {
		return r, "", requireError(text, `")" after the states`)
	}
	if r.Impossible {
		return r, "", requireError(text, `"impossible" alone, with no states`)
	}
	if rest != "" && !strings.ContainsAny(rest[:1], " \t\r\n") {
		return r, "", requireError(text, "white space after the states")
	}
	var err error
	r.States, err = parseStates(inside, text)
	return r, rest, err
}

func parseStates(list, condition string) ([]Status, error) {
	var states []Status
	for word := range strings.SplitSeq(list, ",") {
		word = strings.Join(strings.Fields(word), " ")
		s, ok := ParseStatus(word)
		if !ok {
			return nil, requireError(word, "one of "+strings.Join(Statuses(), ", ")+" in "+condition)
		}
		states = append(states, s)
	}
	return states, nil
}

func validSubject(s string) bool {
	if s == "avail" || s == "overall" || s == "impossible" {
		return true
	}
	_, _, ok := SplitRID(s)
	return ok
}

func requireError(text, wanted string) error {
	return fmt.Errorf("%q: wanted %s: %w", text, wanted, ErrInvalid)
}
