package chart

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Screen is what a text is drawn for.
type Screen struct {
	Width int  // in cells
	Color bool // by ANSI escapes
	ASCII bool // nothing else can be shown
}

// Cells is how many cells of a terminal a text takes.
func Cells(text string) int {
	n := 0
	for _, r := range text {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case r >= 0x1160 && r <= 0x11ff, unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf): // within the cell of the letter before
		return 0
	}
	if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// Fit cuts a text so that it takes at most n cells, and says so by its last one.
func Fit(text string, n int) string {
	if Cells(text) <= n {
		return text
	}
	used, end := 0, 0
	for i, r := range text {
		used += cellsOf(r)
		if used > n-1 {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	if n < 1 {
		return ""
	}
	return text[:end] + "…"
}

// fitEnd is Fit that keeps the end.
func fitEnd(text string, n int) string {
	over := Cells(text) - n
	if over <= 0 {
		return text
	}
	for i, r := range text {
		if over < 0 && cellsOf(r) > 0 {
			return "…" + text[i:]
		}
		over -= cellsOf(r)
	}
	return Fit("…", n)
}

// fill is a text in n cells, with blanks behind it.
func fill(text string, n int) string {
	text = Fit(text, n)
	return text + strings.Repeat(" ", n-Cells(text))
}

// plain is a text on one line, without what would steer who shows it.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfffe, r == 0xffff:
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// text is a text as the screen can show it.
func (s Screen) text(text string) string {
	if text = plain(text); !s.ASCII {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r == '…':
			b.WriteByte('~')
		default:
			b.WriteString(strings.Repeat("?", cellsOf(r)))
		}
	}
	return b.String()
}

// fill is text in n cells of the screen.
func (s Screen) fill(text string, n int) string { return s.text(fill(plain(text), n)) }

// cut is text in at most n cells of the screen.
func (s Screen) cut(text string, n int) string { return s.text(Fit(plain(text), n)) }

// paint colors a text that is not blank.
func (s Screen) paint(color, text string) string {
	if !s.Color || color == "" || strings.TrimSpace(text) == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// wrap joins words to lines of the screen.
func (s Screen) wrap(words []string) string {
	var b strings.Builder
	used := 0
	for _, word := range words {
		n := Cells(word)
		switch {
		case used == 0:
		case used+2+n > s.Width:
			b.WriteByte('\n')
			used = 0
		default:
			b.WriteString("  ")
			used += 2
		}
		b.WriteString(s.cut(word, s.Width))
		used += n
	}
	if used > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}
