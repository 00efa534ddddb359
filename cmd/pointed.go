package cmd

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"om/schedule"
)

// pointedError shows where a text stops being a schedule: a caret stands under the wrong character.
type pointedError struct{ at *schedule.SyntaxError }

// Error says what was wanted, then the text, then the line with the caret.
func (p pointedError) Error() string {
	what := "wanted " + p.at.Want
	if found := p.at.Found; found != "" {
		what = `"` + shortened(flat(found), 0) + `": ` + what
	}
	return what + "\n" + pointAt(p.at.Text, p.at.Offset)
}

// Unwrap is for exitCode and hint.
func (p pointedError) Unwrap() error { return p.at }

// shownAround is how many characters are shown on either side of the wrong one.
const shownAround = 48

// pointAt is a text and under it a line with a caret below the byte at offset. Of a long text the part
// around that is shown.
func pointAt(text string, offset int) string {
	offset = min(max(offset, 0), len(text))
	for offset > 0 && offset < len(text) && !utf8.RuneStart(text[offset]) {
		offset--
	}
	head, tail := shortened(flat(text[:offset]), -1), shortened(flat(text[offset:]), 0)
	var blank strings.Builder
	for _, r := range head {
		if r == '\t' {
			blank.WriteRune(r)
			continue
		}
		blank.WriteString("  "[:columns(r)])
	}
	return head + tail + "\n" + blank.String() + "^"
}

// shortened leaves out the end of a long text or, where end is not 0, its begin.
func shortened(text string, end int) string {
	runes := []rune(text)
	switch {
	case len(runes) <= shownAround:
		return text
	case end != 0:
		return "…" + string(runes[len(runes)-shownAround+1:])
	}
	return string(runes[:shownAround-1]) + "…"
}

// flat makes one line of a text, without what would move the cursor but for tabs.
func flat(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || hidden(r)) {
			return ' '
		}
		return r
	}, text)
}

// columns is how many columns of a terminal a character takes: none for what is put over the one before,
// two for those of East Asia and pictures.
func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}
