package chart

import (
	"fmt"
	"strings"
)

// Text draws for a terminal, a map after the other. No line is wider than the screen.
func (h Heat) Text(s Screen) string {
	s.Width = max(s.Width, 20)
	t := heatText{Heat: h, s: s, label: 12, form: "Mon 2 Jan", cell: 1}
	if s.Width < 68 {
		t.label, t.form = 7, "Mon 2"
	}
	for _, t.hours = range []int{1, 2, 3, 4, 6, 12} {
		if t.width() <= s.Width {
			break
		}
	}
	for t.cell < 4 { // as wide as there is room for
		if t.cell++; t.width() > s.Width {
			t.cell--
			break
		}
	}
	var b strings.Builder
	b.WriteString(t.line(h.Title))
	for i := range h.Maps {
		b.WriteString("\n" + t.one(i))
	}
	if len(h.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range h.Notes {
		b.WriteString(t.line(note))
	}
	return b.String()
}

// heatText is a drawing for a screen: label cells, then as many columns as there are groups of hours, each cell wide.
type heatText struct {
	Heat
	s                  Screen
	label, cell, hours int
	form               string // of a date
}

// width is that of a line with its total.
func (t heatText) width() int { return t.label + 24/t.hours*t.cell + 6 }

func (t heatText) line(text string) string {
	return strings.TrimRight(t.s.cut(text, t.s.Width), " ") + "\n"
}

// one draws a map.
func (t heatText) one(m int) string {
	bounds := t.scale(m)
	var b strings.Builder
	b.WriteString(t.s.fill(t.Maps[m].Name, t.label))
	line := []byte(strings.Repeat(" ", 24/t.hours*t.cell+2))
	for h := 0; h < 24; h += t.hours * ((2 + t.cell) / t.cell) {
		copy(line[h/t.hours*t.cell:], fmt.Sprintf("%02d", h))
	}
	b.WriteString(string(line))
	text := strings.TrimRight(b.String(), " ") + "\n"
	for _, d := range t.Days {
		text += t.day(d, m, bounds)
	}
	return text + t.legend(m, bounds)
}

func (t heatText) day(d HeatDay, m int, bounds []int) string {
	mark := ""
	if d.Shift != "" {
		mark = "*"
	}
	var b strings.Builder
	b.WriteString(t.s.fill(d.Date.Format(t.form)+mark, t.label))
	for h := 0; h < 24; h += t.hours {
		b.WriteString(t.group(d, h, m, bounds))
	}
	total := ""
	if n := d.total(t.Maps[m], m); n > 0 {
		total = fmt.Sprintf(" %4s", shortCount(n))
	}
	return strings.TrimRight(b.String()+total, " ") + "\n"
}

// group draws the hours of one column.
func (t heatText) group(d HeatDay, h, m int, bounds []int) string {
	n, minutes := 0, 0
	for _, hour := range d.Hours[h:min(h+t.hours, 24)] {
		minutes += hour.Minutes
		if t.Maps[m].Sum {
			n += hour.count(m)
		} else {
			n = max(n, hour.count(m))
		}
	}
	glyph, color := t.glyph(level(n, bounds))
	if minutes == 0 {
		glyph, color = '/', "35"
	}
	text := strings.Repeat(string(glyph), t.cell)
	switch {
	case t.cell == 4 && n > 0:
		text = fmt.Sprintf("%c%-3s", glyph, shortCount(n))
	case t.cell == 4 && minutes > 0:
		text = string(glyph) + "   "
	}
	return t.s.paint(color, text)
}

// glyph is how a level is shown.
func (t heatText) glyph(level int) (glyph rune, color string) {
	if t.s.ASCII {
		return []rune{'.', '-', '+', '*', '#'}[level], heatColor(level)
	}
	return []rune{'·', '░', '▒', '▓', '█'}[level], heatColor(level)
}

func heatColor(level int) string { return []string{"90", "36", "32", "33", "31"}[level] }

func (t heatText) legend(m int, bounds []int) string {
	var words []string
	for i, word := range ranges(bounds) {
		glyph, _ := t.glyph(heatLevels - len(bounds) + i + 1)
		words = append(words, strings.Repeat(string(glyph), 2)+" "+word)
	}
	kind := "the most in an hour of the day is at the right"
	if t.Maps[m].Sum {
		kind = "the sum of the day is at the right"
	}
	if len(words) == 0 {
		return t.line("none")
	}
	return t.s.wrap(append(words, kind))
}
