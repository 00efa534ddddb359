package chart

import (
	"fmt"
	"slices"
	"strings"
)

// Text draws for a terminal. No line is wider than the screen.
func (g Gantt) Text(s Screen) string {
	s.Width = max(s.Width, 12)
	t := ganttText{Gantt: g, s: s}
	for _, l := range g.Lanes {
		t.label = max(t.label, Cells(plain(l.Label)))
	}
	t.label = min(t.label, max(s.Width/3, 6))
	t.n = s.Width - t.label - 1
	var b strings.Builder
	b.WriteString(t.line(g.Title))
	b.WriteString(t.axis())
	for _, l := range g.Lanes {
		for _, r := range l.rows() {
			b.WriteString(t.row(r))
		}
	}
	if g.More != "" {
		b.WriteString(t.line(g.More))
	}
	b.WriteString(t.legend())
	return b.String()
}

// ganttText is a drawing for a screen: labels, a blank, and n cells.
type ganttText struct {
	Gantt
	s        Screen
	label, n int
}

func (t ganttText) line(text string) string {
	if text == "" {
		return ""
	}
	return strings.TrimRight(t.s.fill(text, t.s.Width), " ") + "\n"
}

// axis is a line of days and one of clocks; days alone where clocks have no room.
func (t ganttText) axis() string {
	ticks := t.Axis.ticks(t.n / 8)
	lines := t.s.place(t.Axis, t.n, ticks)
	if len(ticks) == 0 || strings.Contains(ticks[0].label, ":") {
		lines = t.s.place(t.Axis, t.n, t.Axis.days()) + lines
	}
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(strings.Repeat(" ", t.label+1) + line)
	}
	return b.String()
}

// place writes labels on a line of n cells, those that have room.
func (s Screen) place(a Axis, n int, ticks []tick) string {
	line := []byte(strings.Repeat(" ", n))
	free := 0
	for i, k := range ticks {
		at := a.at(k.at, n)
		end := n
		if i+1 < len(ticks) {
			end = min(n, a.at(ticks[i+1].at, n))
		}
		if at < free || at+len(k.label) > end {
			continue
		}
		free = at + copy(line[at:], k.label) + 1
	}
	if free == 0 {
		return ""
	}
	return s.paint("90", strings.TrimRight(string(line), " ")) + "\n"
}

// shiftGlyph marks a moment at which the clocks are set.
func (s Screen) shiftGlyph() rune {
	if s.ASCII {
		return '|'
	}
	return '┊'
}

func (t ganttText) row(r row) string {
	label := r.label
	if label == "" {
		label = "  (at once)"
	}
	cells := t.Axis.raster(r.spans, t.n)
	var shifts []int
	for _, shift := range t.Axis.Shifts() {
		shifts = append(shifts, t.Axis.at(shift.At, t.n))
	}
	var b strings.Builder
	b.WriteString(t.s.fill(fitEnd(plain(label), t.label), t.label) + " ")
	for i := 0; i < len(cells); {
		glyph, color := t.glyph(cells[i], slices.Contains(shifts, i))
		j := i + 1
		for ; j < len(cells); j++ {
			if g, c := t.glyph(cells[j], slices.Contains(shifts, j)); g != glyph || c != color {
				break
			}
		}
		b.WriteString(t.s.paint(color, strings.Repeat(string(glyph), j-i)))
		i = j
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

func (t ganttText) glyph(c cell, shift bool) (glyph rune, color string) {
	switch {
	case c.span < 0 && shift:
		return t.s.shiftGlyph(), "90"
	case c.span < 0:
		return ' ', ""
	}
	return t.s.glyph(c.kind), c.kind.look().color
}

func (s Screen) glyph(k Kind) rune {
	if s.ASCII {
		return k.look().ascii
	}
	return k.look().glyph
}

// legend tells the glyphs that are there, and when clocks are set.
func (t ganttText) legend() string {
	var words []string
	counts := t.counts()
	for k := range kinds {
		if n := counts[k]; n > 0 && k != Due {
			words = append(words, fmt.Sprintf("%c %s %d", t.s.glyph(k), k, n))
		} else if n > 0 {
			words = append(words, fmt.Sprintf("%c %s", t.s.glyph(k), k))
		}
	}
	words = append(words, t.notes()...)
	for _, shift := range t.Axis.Shifts() {
		words = append(words, fmt.Sprintf("%c %s", t.s.shiftGlyph(), shift))
	}
	if len(words) == 0 {
		return ""
	}
	return t.s.wrap(words)
}
