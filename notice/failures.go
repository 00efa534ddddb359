package notice

import (
	"encoding/json"
	"errors"
	"strconv"
)

// Failures counts what went wrong with telling, for as long as the spool is there.
type Failures struct {
	Tries   map[string]int `json:"tries"`    // that failed, by the kind of target
	GivenUp map[string]int `json:"given_up"` // events that a target is not told any more, by its kind
	Dropped int            `json:"dropped"`  // events for which there was no room
}

const (
	failuresFile = "failures"
	heldFile     = "held"
)

// NoteHeld keeps how many events wait for nothing but the end of quiet hours.
func (s *Spool) NoteHeld(n int) error {
	if n == s.Held() {
		return nil
	}
	return s.Note(heldFile, []byte(strconv.Itoa(n)))
}

// Held is how many events waited for nothing but the end of quiet hours when somebody looked who delivers.
func (s *Spool) Held() int {
	n, err := strconv.Atoi(string(s.Noted(heldFile)))
	if err != nil {
		return 0
	}
	return n
}

// Kinds lists the kinds of targets.
func Kinds() []string { return []string{Command, Mail, Ping, Webhook} }

// Failures reads what was counted, with what was dropped since; nothing where that can't be read.
func (s *Spool) Failures() Failures {
	f := s.failures()
	f.Dropped += s.Dropped()
	return f
}

func (s *Spool) failures() Failures {
	f := Failures{}
	if json.Unmarshal(s.Noted(failuresFile), &f) != nil {
		f = Failures{}
	}
	if f.Tries == nil {
		f.Tries = map[string]int{}
	}
	if f.GivenUp == nil {
		f.GivenUp = map[string]int{}
	}
	return f
}

// CountFailure adds a try that failed, an event that was given up, or both. Only who has the lock may call it.
func (s *Spool) CountFailure(kind string, tried, over bool) error {
	f := s.failures()
	if tried {
		f.Tries[kind]++
	}
	if over {
		f.GivenUp[kind]++
	}
	return s.noteFailures(f)
}

// CountDropped adds what was dropped since it was called last, and says how many events that were. Only who has the lock
// may call it.
func (s *Spool) CountDropped() (int, error) {
	n := s.Dropped()
	if n == 0 {
		return 0, nil
	}
	f := s.failures()
	f.Dropped += n
	return n, errors.Join(s.noteFailures(f), s.Forget())
}

func (s *Spool) noteFailures(f Failures) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return s.Note(failuresFile, text)
}
