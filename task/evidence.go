package task

import (
	"strconv"
	"strings"
	"time"
)

// Evidence is what one decision went by: of it each check, and what they came to, follow again. It has no command, no
// environment, and nothing else that may be a secret. What the row that it is kept with says already is not in it.
type Evidence struct {
	Kind     EvidenceKind
	At       time.Time // when it was decided
	Slot     time.Time // the last one that it is about; zero for a run by hand
	Since    time.Time // up to when slots were decided before
	Origin   Origin
	Attempt  int      // from 2 for another attempt; else 0
	Previous RunState // how the attempt before that ended
	Waited   string   // what the slot waited for until then; "" if it did not

	Task    *Task  // the keywords that count, and no others
	File    string // the beginning of the SHA-256 of the service's file
	Seed    uint64 // of its schedule, where that is spread
	Boot    time.Time
	Catchup CatchupRule
	Missed  int       // slots that were given up before this one, or are
	Looked  time.Time // when somebody had looked last, of missed slots
	Runs    int       // how often the task had run, where run_times says how often it may

	Facts    Facts
	Away     string    // why scheduled runs were not for this node; "" if they were
	Unsynced bool      // nothing kept the clock, and that was waited for
	Until    time.Time // up to when the slot could wait for its requirements
	Next     time.Time // the slot after it, where it was to give way to that
	Waiting  int       // slots that waited before it
	Beside   string    // the run of another slot that was started by the same look
	Behind   bool      // an earlier slot waited
	Taken    string    // the runs that had begun since the look, at the claim
	HasRun   bool      // the slot had one by then
}

// CatchupRule is how late the slot could be started.
type CatchupRule struct {
	Policy, Limit  int // as of package schedule
	Window, OnTime time.Duration
}

// usualCatchup is what a task has that says nothing of it, where somebody looks at each second.
func usualCatchup() CatchupRule { return CatchupRule{Limit: 10, OnTime: time.Minute} }

// EvidenceKind says what was decided about a slot, where that was not a start.
type EvidenceKind string

// The kinds. What is none of them was about to be started.
const (
	EvidenceMissed  EvidenceKind = "missed"
	EvidenceExpired EvidenceKind = "expired"
	EvidencePassed  EvidenceKind = "passed" // slots up to a thaw
	EvidenceGone    EvidenceKind = "gone"   // what waited of a task that had no schedule any more
)

// String is the text that ParseEvidence reads: a line for each thing that is not as usual, which its first letter names.
func (e *Evidence) String() string {
	w := evidenceWriter{make([]byte, 0, 128)}
	w.number('a', e.At.UnixMicro())
	w.before('t', e.At, e.Slot)
	w.before('c', e.At, e.Since)
	w.text('K', string(e.Kind))
	if e.Origin != Scheduled {
		w.text('o', string(e.Origin))
	}
	w.number('n', int64(e.Attempt))
	w.text('p', string(e.Previous))
	w.text('w', e.Waited)
	w.text('v', e.File)
	w.number('m', int64(e.Missed))
	w.before('P', e.At, e.Looked)
	w.before('u', e.At, e.Until)
	w.before('G', e.At, e.Next)
	w.number('Q', int64(e.Waiting))
	w.text('X', e.Beside)
	w.flag('Y', e.Behind)
	w.flag('U', e.Unsynced)
	w.text('A', e.Away)
	if !e.Slot.IsZero() {
		w.schedule(e)
	}
	w.task(e.Task)
	w.facts(e.Task, &e.Facts)
	return strings.TrimSuffix(string(w.b), "\n")
}

type evidenceWriter struct{ b []byte }

// text writes a line, where there is a text.
func (w *evidenceWriter) text(key byte, text string) {
	if text == "" {
		return
	}
	w.b = append(w.b, key)
	w.words(text)
}

// words ends a line with words, which have no tabs and ends of lines then.
func (w *evidenceWriter) words(words ...string) {
	for i, word := range words {
		if i > 0 {
			w.b = append(w.b, '\t')
		}
		for _, c := range []byte(word) {
			switch c {
			case '\n', '\t':
				c = ' '
			}
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '\n')
}

func (w *evidenceWriter) number(key byte, n int64) {
	if n != 0 {
		w.b = append(strconv.AppendInt(append(w.b, key), n, 10), '\n')
	}
}

func (w *evidenceWriter) flag(key byte, yes bool) {
	if yes {
		w.b = append(w.b, key, '\n')
	}
}

// before writes how long before another moment one was, in microseconds.
func (w *evidenceWriter) before(key byte, at, t time.Time) {
	if !t.IsZero() {
		w.b = append(strconv.AppendInt(append(w.b, key), at.UnixMicro()-t.UnixMicro(), 10), '\n')
	}
}

// schedule writes what the slots of a task follow from.
func (w *evidenceWriter) schedule(e *Evidence) {
	t, c := e.Task, e.Catchup
	w.text('s', t.Schedule)
	w.text('z', t.Timezone)
	w.unusual('g', t.DSTGap, "after")
	w.unusual('l', t.DSTOverlap, "first")
	w.text('b', t.NotBefore)
	w.text('e', t.NotAfter)
	w.number('d', t.Spread.Microseconds())
	w.flag('R', t.Random)
	w.number('h', int64(e.Seed)) //nolint:gosec // its bits
	w.before('B', e.At, e.Boot)
	w.catchup(c)
	w.number('D', t.Plan.Deadline.Microseconds())
	if n := t.Plan.RunTimes; n > 0 {
		w.number('T', int64(n))
		w.number('y', int64(e.Runs))
	}
}

func (w *evidenceWriter) catchup(c CatchupRule) {
	if c == usualCatchup() {
		return
	}
	w.b = append(w.b, 'k')
	for i, n := range [...]int64{int64(c.Policy), int64(c.Limit), c.Window.Microseconds(), c.OnTime.Microseconds()} {
		if i > 0 {
			w.b = append(w.b, ' ')
		}
		w.b = strconv.AppendInt(w.b, n, 10)
	}
	w.b = append(w.b, '\n')
}

func (w *evidenceWriter) unusual(key byte, text, usual string) {
	if text != usual {
		w.text(key, text)
	}
}

// task writes the other keywords that a decision looks at.
func (w *evidenceWriter) task(t *Task) {
	if t.MaxParallel > 1 {
		w.number('x', int64(t.MaxParallel))
	}
	w.unusual('q', string(t.Overlap), string(OverlapSkip))
	w.text('L', t.Plan.Locks)
}

func (w *evidenceWriter) facts(t *Task, f *Facts) {
	w.flag('f', f.Force)
	w.text('F', f.Frozen)
	w.text('N', f.NodeFrozen)
	w.text('E', f.Elsewhere)
	w.text('i', strings.Join(f.Running, " "))
	for i, r := range t.Requires {
		s := f.seen(i)
		state := s.Status.String()
		if !s.Known {
			state = ""
		}
		w.b = append(w.b, 'r')
		w.words(r.String(), state, s.Detail)
	}
	for _, h := range f.Held {
		words := []string{h.Lock.Name}
		for _, run := range h.By {
			words = append(words, run.Task.Service, run.Task.RID, run.ID)
		}
		w.b = append(w.b, 'j')
		w.words(words...)
	}
}

// TakenSince adds to evidence of a start that it came to nothing: runs had begun since the look, or the slot had one.
func TakenSince(evidence string, by []Run, hasRun bool) string {
	if evidence == "" {
		return ""
	}
	w := evidenceWriter{append([]byte(evidence), '\n')}
	ids := make([]string, len(by))
	for i, run := range by {
		ids[i] = run.ID
	}
	w.b = append(w.b, 'O')
	w.words(strings.Join(ids, " "))
	w.flag('H', hasRun)
	return strings.TrimSuffix(string(w.b), "\n")
}
