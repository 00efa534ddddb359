package task

import "fmt"

// Status is the state of a resource, or of a service as a whole, in OpenSVC's words.
type Status uint8

// The states. Undef is the zero value: nobody could tell, or nothing is there to tell.
const (
	Undef     Status = iota // "undef"
	NA                      // "n/a": the resource has no state, is disabled or never ran
	Up                      // "up"
	Down                    // "down"
	Warn                    // "warn"
	StdbyUp                 // "stdby up": a standby resource that is up
	StdbyDown               // "stdby down": a standby resource that is down
	// The two that exist only between two Merge calls: their Shown form is up and stdby up.
	stdbyUpWithUp
	stdbyUpWithDown
)

// String returns the state as users write it: "stdby up", "n/a".
func (s Status) String() string {
	texts := [...]string{"undef", "n/a", "up", "down", "warn", "stdby up", "stdby down", "up", "stdby up"}
	if int(s) < len(texts) {
		return texts[s]
	}
	return "undef"
}

// ParseStatus reads a state exactly as users write it; "UP" and "stdbyup" are not states.
func ParseStatus(text string) (Status, bool) {
	for s := range stdbyUpWithUp {
		if s.String() == text {
			return s, true
		}
	}
	return Undef, false
}

// Statuses lists the states that ParseStatus knows, for messages and completion.
func Statuses() []string {
	var all []string
	for s := range stdbyUpWithUp {
		all = append(all, s.String())
	}
	return all
}

// MarshalText gives a state its text in JSON and YAML.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Status) UnmarshalText(text []byte) error {
	got, ok := ParseStatus(string(text))
	if !ok {
		return fmt.Errorf("status %q: wanted one of %v: %w", text, Statuses(), ErrInvalid)
	}
	*s = got
	return nil
}

// Standby returns the state that a standby resource shows where another shows s: up becomes
// "stdby up", down becomes "stdby down".
func (s Status) Standby() Status {
	switch s {
	case Up:
		return StdbyUp
	case Down:
		return StdbyDown
	}
	return s
}

// Shown ends a chain of Merge calls: the internal forms of "stdby up" become what people read.
func (s Status) Shown() Status {
	switch s {
	case stdbyUpWithUp:
		return Up
	case stdbyUpWithDown:
		return StdbyUp
	}
	return s
}

// Merge adds the state of one more resource to the state of a whole, by the table of OpenSVC's
// agents: undef and then n/a are neutral, equal states stay, unlike ones warn, and a standby that
// is up goes with either.
func (s Status) Merge(t Status) Status {
	if s > t {
		s, t = t, s
	}
	switch {
	case s == t, s <= NA:
		return t
	case s == Down && t == StdbyDown:
		return StdbyDown
	case goes(s, t, Up, stdbyUpWithUp):
		return stdbyUpWithUp
	case goes(s, t, Down, stdbyUpWithDown):
		return stdbyUpWithDown
	}
	return Warn
}

// goes reports whether the lower of two states and the higher one are two of: one, a standby that is up,
// and what these make together.
func goes(low, high, one, both Status) bool {
	return low == one && (high == StdbyUp || high == both) || low == StdbyUp && high == both
}
