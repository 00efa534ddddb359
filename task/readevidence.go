package task

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseEvidence reads what Evidence.String wrote. What a later om has added is left out.
func ParseEvidence(id ID, text string) (*Evidence, error) {
	e := &Evidence{Task: &Task{ID: id, DSTGap: "after", DSTOverlap: "first", MaxParallel: 1, Overlap: OverlapSkip}, Origin: Scheduled, Catchup: usualCatchup()}
	r := evidenceReader{Evidence: e}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		r.key, r.value = line[0], line[1:]
		if !r.decision() && !r.schedule() {
			r.facts()
		}
	}
	if e.At.IsZero() {
		r.wrong("a moment")
	}
	e.Facts.Now, e.Facts.Origin = e.At, e.Origin
	return e, r.err
}

type evidenceReader struct {
	*Evidence
	key   byte
	value string // of the line that is read
	err   error
}

func (r *evidenceReader) wrong(wanted string) {
	if r.err == nil {
		r.err = fmt.Errorf("evidence: %q: wanted %s: %w", string(r.key)+r.value, wanted, ErrInvalid)
	}
}

func (r *evidenceReader) number() int64 { return r.numberOf(r.value) }

func (r *evidenceReader) numberOf(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.wrong("a number")
	}
	return n
}

func (r *evidenceReader) duration() time.Duration {
	return time.Duration(r.number()) * time.Microsecond
}

// moment is one that is so long before the decision.
func (r *evidenceReader) moment() time.Time {
	return time.UnixMicro(r.At.UnixMicro() - r.number()).UTC()
}

// decision reads a line about the decision itself.
func (r *evidenceReader) decision() bool {
	switch r.key {
	case 'a':
		r.At = time.UnixMicro(r.number()).UTC()
	case 't':
		r.Slot = r.moment()
	case 'c':
		r.Since = r.moment()
	case 'K':
		r.Kind = EvidenceKind(r.value)
	case 'o':
		r.Origin = Origin(r.value)
	case 'n':
		r.Attempt = int(r.number())
	case 'p':
		r.Previous = RunState(r.value)
	case 'w':
		r.Waited = r.value
	default:
		return r.times() || r.place()
	}
	return true
}

// times reads a line about the other moments that counted, or the file.
func (r *evidenceReader) times() bool {
	switch r.key {
	case 'v':
		r.File = r.value
	case 'm':
		r.Missed = int(r.number())
	case 'P':
		r.Looked = r.moment()
	case 'u':
		r.Until = r.moment()
	case 'G':
		r.Next = r.moment()
	default:
		return false
	}
	return true
}

// place reads a line about what else was decided in the same look, or by others since.
func (r *evidenceReader) place() bool {
	switch r.key {
	case 'Q':
		r.Waiting = int(r.number())
	case 'X':
		r.Beside = r.value
	case 'Y':
		r.Behind = true
	case 'U':
		r.Unsynced = true
	case 'A':
		r.Away = r.value
	case 'O':
		r.Taken = r.value
	case 'H':
		r.HasRun = true
	default:
		return false
	}
	return true
}

// schedule reads a line of what the slots follow from.
func (r *evidenceReader) schedule() bool {
	switch t := r.Task; r.key {
	case 's':
		t.Schedule = r.value
	case 'z':
		t.Timezone = r.value
	case 'g':
		t.DSTGap = r.value
	case 'l':
		t.DSTOverlap = r.value
	case 'b':
		t.NotBefore = r.value
	case 'e':
		t.NotAfter = r.value
	default:
		return r.bounds()
	}
	return true
}

// bounds reads a line of what else the slots follow from: how they are spread, and what they are bound to.
func (r *evidenceReader) bounds() bool {
	switch t := r.Task; r.key {
	case 'd':
		t.Spread = r.duration()
	case 'R':
		t.Random = true
	case 'h':
		r.Seed = uint64(r.number()) //nolint:gosec // its bits
	case 'B':
		r.Boot = r.moment()
	case 'k':
		r.catchup()
	case 'D':
		t.Plan.Deadline = r.duration()
	case 'T':
		t.Plan.RunTimes = int(r.number())
	case 'y':
		r.Runs = int(r.number())
	default:
		return false
	}
	return true
}

func (r *evidenceReader) catchup() {
	words := strings.Fields(r.value)
	if len(words) != 4 {
		r.wrong("four numbers")
		return
	}
	r.Catchup = CatchupRule{
		Policy: int(r.numberOf(words[0])), Limit: int(r.numberOf(words[1])),
		Window: time.Duration(r.numberOf(words[2])) * time.Microsecond, OnTime: time.Duration(r.numberOf(words[3])) * time.Microsecond,
	}
}

// facts reads a line of what a decision looks at.
func (r *evidenceReader) facts() {
	switch t, f := r.Task, &r.Facts; r.key {
	case 'x':
		t.MaxParallel = int(r.number())
	case 'q':
		t.Overlap = Overlap(r.value)
	case 'L':
		t.Plan.Locks = r.value
	case 'f':
		f.Force = true
	case 'F':
		f.Frozen = r.value
	case 'N':
		f.NodeFrozen = r.value
	case 'E':
		f.Elsewhere = r.value
	case 'i':
		f.Running = strings.Fields(r.value)
	case 'r':
		r.requirement()
	case 'j':
		r.lock()
	}
}

func (r *evidenceReader) requirement() {
	words := strings.Split(r.value, "\t")
	all, err := ParseRequires(words[0])
	if len(words) != 3 || err != nil || len(all) != 1 {
		r.wrong("a requirement, a state and a detail")
		return
	}
	s := Seen{Known: words[1] != "", Detail: words[2]}
	if s.Known {
		s.Status, _ = ParseStatus(words[1])
	}
	r.Task.Requires, r.Facts.Seen = append(r.Task.Requires, all[0]), append(r.Facts.Seen, s)
}

func (r *evidenceReader) lock() {
	words := strings.Split(r.value, "\t")
	h := Held{Lock: Lock{Name: words[0]}}
	for i := 1; i+2 < len(words); i += 3 {
		h.By = append(h.By, Run{Task: ID{words[i], words[i+1]}, ID: words[i+2]})
	}
	r.Facts.Held = append(r.Facts.Held, h)
}
