package service

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"om/task"
)

// Severity says what a problem does to the section it is in.
type Severity uint8

// The severities.
const (
	// Error puts the section in quarantine: what it declares is left out.
	Error Severity = iota
	// Warning changes nothing.
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText gives a severity its word in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Problem is one thing that is wrong with a file.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`              // from 1; 0 for the file as a whole
	Section  string   `json:"section,omitempty"` // as written, without its brackets
	Keyword  string   `json:"keyword,omitempty"` // as written, with its scope
	Text     string   `json:"text"`              // the offending text
	Wanted   string   `json:"wanted"`            // what was wanted in its place
	Hint     string   `json:"hint,omitempty"`    // what to do about it
	Severity Severity `json:"severity"`

	Fine bool `json:"-"` // it is of a schedule that is finer than ticks: none where a daemon is at work
}

// String returns `file:line: [section] keyword: "text": what was wanted; hint` without the parts that
// are not there. A long text is cut.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.place())
	if p.Section == "" || p.Keyword != "" {
		b.WriteByte(':')
	}
	if p.Text != "" || p.Keyword != "" {
		fmt.Fprintf(&b, " %q:", brief(p.Text))
	}
	b.WriteByte(' ')
	b.WriteString(printable(p.Wanted))
	if p.Hint != "" {
		b.WriteString("; ")
		b.WriteString(printable(p.Hint))
	}
	return b.String()
}

// place returns `file:line: [section] keyword`: where the problem is, and nothing of what stands there.
func (p Problem) place() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Section != "" {
		fmt.Fprintf(&b, ": [%s]", visible(p.Section))
	}
	if p.Keyword != "" {
		if p.Section == "" {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, " %s", visible(p.Keyword))
	}
	return b.String()
}

// brief cuts text to what a line of a terminal can show.
func brief(text string) string {
	const limit = 80
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > limit-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}

// visible is brief without what would move a terminal's cursor.
func visible(name string) string { return printable(brief(name)) }

// printable is text on one line, which it is but for what it quotes of a file.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// fault is what is wrong with a value, before it is known where the value stands.
type fault struct{ text, wanted, hint string }

// Error returns the fault in one line.
func (f fault) Error() string { return fmt.Sprintf("%q: %s", brief(f.text), f.wanted) }

// Unwrap makes a fault one of task.ErrInvalid.
func (f fault) Unwrap() error { return task.ErrInvalid }

// wanted returns the fault of text where it should have been what.
func wanted(text, what string) error { return fault{text: text, wanted: "wanted " + what} }

// faultOf reads an error about value: a fault is itself, and the errors of task, which quote the
// offending text and say what was wanted, are taken apart.
func faultOf(err error, value string) fault {
	f, ok := err.(fault) //nolint:errorlint // faults are made here and never wrapped
	if ok {
		return f
	}
	msg := strings.TrimSuffix(err.Error(), ": "+task.ErrInvalid.Error())
	return fault{text: value, wanted: msg}
}

// didYouMean returns the hint with the word of list that is nearest to word, "" if none is near.
func didYouMean(word string, list []string) string {
	if near := task.Nearest(word, list); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

func sortProblems(all []Problem) {
	slices.SortStableFunc(all, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
}
