package task

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/shlex"
)

// Split cuts a command into its arguments as Python's shlex.split(text) does, for every text:
// words end at a space, a tab, a carriage return or a newline; '...' keeps all it holds; "..."
// keeps all but a backslash before '"' or '\'; outside quotes a backslash keeps the next
// character. '#' is an ordinary character and "" an empty argument. Nothing is expanded, and
// bytes that are not UTF-8 stay as they are.
// The error says what is missing, gives the byte offset of what lacks it, and wraps ErrInvalid.
func Split(text string) ([]string, error) {
	if !strings.ContainsAny(text, `'"\#`) {
		return strings.FieldsFunc(text, splits), nil
	}
	mended, err := mend(text)
	if err != nil {
		return nil, err
	}
	if !utf8.ValidString(mended) {
		return splitBytes(mended)
	}
	return shlex.Split(mended)
}

func splits(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// mend writes text so that google/shlex, which takes '#' for a comment and drops every backslash
// inside "...", reads it as Python does.
func mend(text string) (string, error) {
	var at place
	var b strings.Builder
	b.Grow(len(text) + 8)
	for i := range len(text) {
		c := text[i]
		switch {
		case at.bare() && c == '#', at.quote == '"' && at.escape && c != '"' && c != '\\':
			b.WriteByte('\\')
		}
		b.WriteByte(c)
		at.step(i, c)
	}
	return b.String(), at.end(text)
}

// splitBytes hands each byte to google/shlex as a rune of its own, for it would replace those that
// are not UTF-8.
func splitBytes(text string) ([]string, error) {
	wide := make([]rune, len(text))
	for i := range wide {
		wide[i] = rune(text[i])
	}
	args, err := shlex.Split(string(wide))
	for i, arg := range args {
		narrow := make([]byte, 0, len(arg))
		for _, r := range arg {
			narrow = append(narrow, byte(r))
		}
		args[i] = string(narrow)
	}
	return args, err
}

// place is where a reader of a command stands between two bytes of it.
type place struct {
	quote  byte // the open quote, 0 outside
	opened int  // the offset of quote
	escape bool // the byte before is a backslash that quotes the next
}

// bare reports whether the next byte is quoted by nothing.
func (p place) bare() bool { return p.quote == 0 && !p.escape }

// step goes past c, which is at offset i.
func (p *place) step(i int, c byte) {
	switch {
	case p.escape:
		p.escape = false
	case c == '\\' && p.quote != '\'':
		p.escape = true
	case c == p.quote:
		p.quote = 0
	case p.quote == 0 && (c == '\'' || c == '"'):
		p.quote, p.opened = c, i
	}
}

// end returns what is missing where text ends at p.
func (p place) end(text string) error {
	switch {
	case p.escape:
		return missing(text, len(text)-1, "a character after the backslash")
	case p.quote == '"':
		return missing(text, p.opened, "a closing double quote")
	case p.quote == '\'':
		return missing(text, p.opened, "a closing single quote")
	}
	return nil
}

func missing(text string, offset int, wanted string) error {
	return fmt.Errorf("offset %d: %q: wanted %s: %w", offset, text[offset:], wanted, ErrInvalid)
}

// NeedsShell reports whether text has an unquoted "&&", "||", "|" or ";": under shell = auto such
// a command runs under sh -c, as OpenSVC's agents run it.
func NeedsShell(text string) bool {
	var at place
	for i := range len(text) {
		if c := text[i]; at.bare() && (c == ';' || c == '|' || strings.HasPrefix(text[i:], "&&")) {
			return true
		}
		at.step(i, text[i])
	}
	return false
}

// ShellHints lists the other unquoted characters of text that a shell would act on, each once, in
// the order met: > < $ * ` and a single &. Without a shell they reach the program as they are.
func ShellHints(text string) []string {
	var at place
	var hints []string
	for i := range len(text) {
		c := text[i]
		if at.bare() && (strings.IndexByte("><$*`", c) >= 0 || singleAmpersand(text, i)) && !slices.Contains(hints, string(c)) {
			hints = append(hints, string(c))
		}
		at.step(i, c)
	}
	return hints
}

func singleAmpersand(text string, i int) bool {
	return text[i] == '&' && !strings.HasPrefix(text[i+1:], "&") && !strings.HasSuffix(text[:i], "&")
}

// Quote writes args as one line that Split and a shell cut into args again; what needs no quotes
// has none. It is Python's shlex.join.
func Quote(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = quote(arg)
	}
	return strings.Join(quoted, " ")
}

func quote(arg string) string {
	if arg != "" && strings.IndexFunc(arg, special) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'"'"'`) + "'"
}

// special reports whether a shell may see more in r than the character it is.
func special(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("_@%+=:,./-", r)
}
