package chart

import (
	"fmt"
	"slices"
	"time"
)

// Kind is what a span is. Where several are in one place, the last of this list is shown.
type Kind uint8

// The kinds.
const (
	Due       Kind = iota // from when it was due until it began
	Skipped               // it was decided that nothing runs
	Waiting               // undecided
	OnTime                // a run that began when it was due
	ByHand                // a run that was due at no time
	Late                  // a run that began after it was due
	Running               // a run that goes on
	Cancelled             // a run that a person ended
	Missed                // nobody looked in time, or it waited for too long
	Failed
	kinds
)

// look is how a kind is shown.
type look struct {
	name         string
	glyph, ascii rune
	color        string // ANSI
	ink          ink
	mark         bool // it takes no time: what is beside it stays
}

func (k Kind) look() look {
	return [kinds]look{
		Due:       {"waiting to begin", '╌', '-', "33", inkLate, false},
		Skipped:   {"skipped", '·', '.', "90", inkFaint, true},
		Waiting:   {"waiting", '?', '?', "33", inkLate, true},
		OnTime:    {"on time", '█', '=', "32", inkOnTime, false},
		ByHand:    {"by hand", '▒', '+', "34", inkByHand, false},
		Late:      {"late", '▓', '~', "33", inkLate, false},
		Running:   {"in progress", '▶', '>', "36", inkRunning, false},
		Cancelled: {"cancelled", '╳', '/', "35", inkFaint, false},
		Missed:    {"missed", '○', 'o', "31", inkFailed, true},
		Failed:    {"failed", '✗', 'X', "31", inkFailed, false},
	}[k]
}

// String is the word for it.
func (k Kind) String() string { return k.look().name }

// Span is a run, or a moment (or several in a row, up to End) at which there was none.
type Span struct {
	Due        time.Time // when a late one was to begin; zero for no other
	Start, End time.Time
	Kind       Kind
	Count      int    // how many of them: 0 is one
	Note       string // what else is to say: "exit 3"
	Overlaps   bool   // it began while another of its lane was in progress
}

// Lane is what happened to one task.
type Lane struct {
	Label string
	Spans []Span
}

// Gantt is a picture of lanes below each other, time from left to right.
type Gantt struct {
	Title string
	Axis  Axis
	Lanes []Lane
	More  string // what is not drawn: "and 12 more tasks"
}

// maxRows is how many rows a lane may take: what overlaps more than that is drawn over each other in the last.
const maxRows = 4

// row is a part of a lane in which no run is at the same time as another.
type row struct {
	label string
	spans []Span
	end   time.Time
}

// rows lays the spans of a lane, so that those which overlap are below each other.
func (l Lane) rows() []row {
	spans := slices.Clone(l.Spans)
	slices.SortStableFunc(spans, func(x, y Span) int { return x.Start.Compare(y.Start) })
	rows := []row{{label: l.Label}}
	for _, s := range spans {
		i := 0
		if !s.Kind.look().mark {
			i = slices.IndexFunc(rows, func(r row) bool { return !s.Start.Before(r.end) })
			if i < 0 && len(rows) < maxRows {
				rows = append(rows, row{})
				i = len(rows) - 1
			} else if i < 0 {
				i = maxRows - 1
			}
			rows[i].end = latest(rows[i].end, s.End)
		}
		rows[i].spans = append(rows[i].spans, s)
	}
	return rows
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// cell is what is in one of the equal parts of a row.
type cell struct {
	span int // its index, -1 for none
	kind Kind
	more int // spans besides that
}

// raster draws the spans of a row into n parts. However many there are, what is drawn is bounded by that.
func (a Axis) raster(spans []Span, n int) []cell {
	cells := make([]cell, n)
	for i := range cells {
		cells[i].span = -1
	}
	for i, s := range spans {
		if !s.Due.IsZero() {
			a.put(cells, i, Due, s.Due, s.Start)
		}
		a.put(cells, i, s.Kind, s.Start, s.End)
	}
	return cells
}

func (a Axis) put(cells []cell, i int, kind Kind, from, to time.Time) {
	n := len(cells)
	first, last := a.at(from, n), a.at(latest(from, to).Add(-1), n)
	if first >= n || to.Before(a.From) {
		return
	}
	for x := max(first, 0); x <= min(max(last, first), n-1); x++ {
		c := &cells[x]
		switch {
		case c.span < 0 || kind > c.kind:
			more := c.more
			if c.span >= 0 && c.span != i {
				more++
			}
			*c = cell{i, kind, more}
		case c.span != i:
			c.more++
		}
	}
}

// counts is how many spans of each kind there are.
func (g Gantt) counts() (n [kinds]int) {
	for _, l := range g.Lanes {
		for _, s := range l.Spans {
			n[s.Kind] += max(s.Count, 1)
			if !s.Due.IsZero() {
				n[Due]++
			}
		}
	}
	return n
}

// notes are what the legend says besides the kinds: how many spans overlap.
func (g Gantt) notes() []string {
	n := 0
	for _, l := range g.Lanes {
		for _, s := range l.Spans {
			if s.Overlaps {
				n++
			}
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("overlapping %d (at once)", n)}
}

// stamp is a moment as a picture says it.
func (a Axis) stamp(t time.Time) string { return t.In(a.Zone).Format("2006-01-02 15:04:05") }

// says is a span in words.
func (a Axis) says(s Span) string {
	text := s.Kind.String() + ", " + a.stamp(s.Start)
	if s.Count > 1 {
		text = fmt.Sprintf("%d %s", s.Count, text)
	}
	if s.End.After(s.Start) {
		text += " to " + a.stamp(s.End)
	}
	if !s.Due.IsZero() {
		text += ", due " + a.stamp(s.Due)
	}
	if s.Overlaps {
		text += ", overlapping"
	}
	if s.Note != "" {
		text += ": " + s.Note
	}
	return text
}
