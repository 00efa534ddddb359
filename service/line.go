package service

import "strings"

// lineKind is what a line of a file is.
type lineKind uint8

const (
	lineBlank lineKind = iota
	lineComment
	lineHeader  // [section]
	lineKeyword // keyword = value
	lineMore    // continues the value above it
	lineBad     // none of these
)

// line is one line of a file and its place in the text.
type line struct {
	kind       lineKind
	num        int    // from 1
	start, end int    // in the text; end is behind the line's end
	indent     int    // blanks in front
	body       string // the line without blanks around it
	name       string // of a section, or a keyword with its scope; of what a continuation looks like
	value      string // of a keyword, blanks around it dropped
	fault      string // what was wanted in a header or a bad line; "" if nothing
}

// lexer cuts a text into lines. Parsing and editing both read files through it, so that they agree on
// what is where.
type lexer struct {
	text string
	pos  int
	num  int

	// The keyword whose value a deeper line continues: its indentation, or -1, and its value so far.
	open  int
	first string
	rest  []string
}

const blanks = " \t\r\v\f"

func newLexer(text string) lexer { return lexer{text: text, open: -1} }

// next reads the next line into n, and reports false at the end of the text.
func (l *lexer) next(n *line) bool {
	if l.pos >= len(l.text) {
		return false
	}
	l.num++
	*n = line{num: l.num, start: l.pos, end: len(l.text)}
	stop := n.end
	if i := strings.IndexByte(l.text[l.pos:], '\n'); i >= 0 {
		stop = l.pos + i
		n.end = stop + 1
	}
	l.pos = n.end
	raw := trimRight(l.text[n.start:stop])
	for n.indent < len(raw) && (raw[n.indent] == ' ' || raw[n.indent] == '\t') {
		n.indent++
	}
	n.body = raw[n.indent:]
	l.classify(n)
	return true
}

func (l *lexer) classify(n *line) {
	if n.body == "" {
		return
	}
	sharp := n.body[0] == '#' || n.body[0] == ';'
	deeper := l.open >= 0 && n.indent > l.open
	switch {
	case deeper && (!sharp || l.quoted()):
		n.kind, n.name = lineMore, l.stray(n.body)
		l.rest = append(l.rest, n.body)
	case sharp:
		n.kind = lineComment
	case n.body[0] == '[':
		n.header()
		l.open = -1
	default:
		n.keyword()
		l.open = -1
		if n.kind == lineKeyword {
			l.open, l.first, l.rest = n.indent, n.value, l.rest[:0]
		}
	}
}

// header reads "[name]", with nothing but a comment behind it.
func (n *line) header() {
	n.kind = lineHeader
	i := strings.IndexByte(n.body, ']')
	if i < 0 {
		n.name, n.fault = n.body[1:], `wanted "]" at the end of a section's name`
		return
	}
	n.name = n.body[1:i]
	after := strings.Trim(n.body[i+1:], blanks)
	switch {
	case after != "" && after[0] != '#' && after[0] != ';':
		n.fault = `wanted nothing behind the "]" of a section's name`
	case !plainName(n.name):
		n.fault = "wanted a section's name as in [DEFAULT], [env] or [task#0]"
	}
}

// keyword reads "keyword = value".
func (n *line) keyword() {
	n.kind = lineBad
	i := strings.IndexByte(n.body, '=')
	if i < 0 {
		n.fault = "wanted KEYWORD = VALUE"
		return
	}
	n.name, n.value = trimRight(n.body[:i]), trimLeft(n.body[i+1:])
	switch {
	case n.name == "":
		n.fault = `wanted a keyword before "="`
	case !plainName(n.name) || n.name == "-" || n.name[0] == '"' || n.name[0] == '`':
		n.fault = "wanted a keyword without blanks or quotes"
	default:
		n.kind = lineKeyword
	}
}

// plainName reports whether name is printable ASCII without blanks, and not empty.
func plainName(name string) bool {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f {
			return false
		}
	}
	return name != ""
}

// The INI parser trims what Unicode calls space; beyond ASCII that is part of a value here.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' && c != '\n' }

func trimRight(s string) string {
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func trimLeft(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	return s
}

// stray returns the name of the section or the keyword that a continuation line looks like, "" if it
// looks like neither or is inside a quotation.
func (l *lexer) stray(body string) string {
	name, _, ok := strings.Cut(body, "=")
	switch {
	case body[0] == '[' && strings.HasSuffix(body, "]") && strings.Contains(body, "#"):
		name = body
	case !ok || trimRight(name) == name:
		return "" // NAME=value is a word, as in environment
	}
	name = trimRight(name)
	if !plainName(name) || l.quoted() {
		return ""
	}
	return name
}

// quoted reports whether the value so far has opened a quotation, by the rules of a command.
func (l *lexer) quoted() bool {
	open, escape := l.quote(0, false, l.first)
	for _, piece := range l.rest {
		open, escape = l.quote(open, escape, piece)
	}
	return open != 0
}

func (l *lexer) quote(open byte, escape bool, text string) (byte, bool) {
	for i := range len(text) {
		c := text[i]
		switch {
		case escape:
			escape = false
		case c == '\\' && open != '\'':
			escape = true
		case c == open:
			open = 0
		case open == 0 && (c == '\'' || c == '"'):
			open = c
		}
	}
	return open, false // a backslash at the end quotes the newline
}

// block is the value of a keyword while its lines are read: the first line, then more, with the blank
// lines between them.
type block struct {
	first string
	more  []line
}

// add takes one more line, and the blank lines before it.
func (b *block) add(n line, blankLines int) {
	for range blankLines {
		b.more = append(b.more, line{})
	}
	b.more = append(b.more, n)
}

// text joins the lines by newlines. The indentation that all lines but the first have in common is
// dropped, and so is an empty first line.
func (b *block) text(source string) string {
	if len(b.more) == 0 {
		return b.first
	}
	common := b.common(source)
	var out strings.Builder
	out.WriteString(b.first)
	for _, n := range b.more {
		out.WriteByte('\n')
		if n.body != "" {
			out.WriteString(source[n.start+common : n.start+n.indent])
			out.WriteString(n.body)
		}
	}
	return strings.TrimLeft(out.String(), blanks+"\n")
}

// common is the number of bytes of indentation that is the same in all lines.
func (b *block) common(source string) int {
	shared, known := "", false
	for _, n := range b.more {
		if n.body == "" {
			continue
		}
		own := source[n.start : n.start+n.indent]
		if !known {
			shared, known = own, true
		}
		for !strings.HasPrefix(own, shared) {
			shared = shared[:len(shared)-1]
		}
	}
	return len(shared)
}
