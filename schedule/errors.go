package schedule

import (
	"fmt"
	"strconv"
)

// A SyntaxError tells where a text stops being a schedule.
type SyntaxError struct {
	Text   string // the whole text
	Offset int    // of the first wrong byte of Text; len(Text) where something is missing at the end
	Found  string // what stands there; "" at the end
	Want   string // what was wanted, as in "a weekday: mon to sun, or 1 to 7"
	Hint   string // what its author may have meant; "" for none
}

// Error is one line, with no caret: see Offset.
func (e *SyntaxError) Error() string {
	found := "the end"
	if e.Found != "" {
		found = strconv.Quote(e.Found)
	}
	text := fmt.Sprintf("offset %d: %s: wanted %s", e.Offset, found, e.Want)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// A Warning is about a schedule that is right and may not be what its author means.
type Warning struct {
	Offset int    // of the part of the text that it is about
	Text   string // one sentence, without a capital or a full stop
}

// part is a piece of the text of a schedule that knows where it stands, so that an error can say it.
type part struct {
	whole string
	at    int
	text  string
}

func whole(text string) part { return part{whole: text, text: text} }

// cut returns the bytes from i up to j.
func (p part) cut(i, j int) part { return part{p.whole, p.at + i, p.text[i:j]} }

func (p part) from(i int) part { return p.cut(i, len(p.text)) }

func (p part) to(j int) part { return p.cut(0, j) }

// trim leaves out the white space around it.
func (p part) trim() part {
	i, j := 0, len(p.text)
	for i < j && isSpace(p.text[i]) {
		i++
	}
	for j > i && isSpace(p.text[j-1]) {
		j--
	}
	return p.cut(i, j)
}

// next splits off what stands before the first sep, and says whether there was one.
func (p part) next(sep byte) (head, rest part, found bool) {
	for i := range len(p.text) {
		if p.text[i] == sep {
			return p.to(i), p.from(i + 1), true
		}
	}
	return p, p.from(len(p.text)), false
}

// word splits off the first word, and the white space around it.
func (p part) word() (word, rest part) {
	p = p.trim()
	for i := range len(p.text) {
		if isSpace(p.text[i]) {
			return p.to(i), p.from(i).trim()
		}
	}
	return p, p.from(len(p.text))
}

// wanted is the error for this part.
func (p part) wanted(what string) *SyntaxError {
	return &SyntaxError{Text: p.whole, Offset: p.at, Found: p.text, Want: what}
}

// wantedHint is the same, with a guess.
func (p part) wantedHint(what, hint string) *SyntaxError {
	e := p.wanted(what)
	e.Hint = hint
	return e
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number reads decimal digits alone; ok is false for anything else, or more than nine of them.
func number(text string) (n int, ok bool) {
	if text == "" || len(text) > 9 {
		return 0, false
	}
	for i := range len(text) {
		if !isDigit(text[i]) {
			return 0, false
		}
		n = n*10 + int(text[i]-'0')
	}
	return n, true
}
