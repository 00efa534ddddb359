package service

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"om/task"
)

// Document is the text of a file under edit. A change touches the lines of the keyword it is about
// and nothing else: comments, order and spacing stay byte for byte.
type Document struct{ text string }

// NewDocument begins an edit of text.
func NewDocument(text []byte) *Document { return &Document{text: string(text)} }

// Bytes returns the text as it is now.
func (d *Document) Bytes() []byte { return []byte(d.text) }

// spot is the place of a keyword or a section in the text: [start, end) are its lines.
type spot struct {
	start, end int
	line       line
	block      block // the value of a keyword
}

// part is a section of the document.
type part struct {
	name       string
	header     line // with num 0 for keywords before any header
	start, end int  // from the header to the next one
	spots      []spot
}

// parts reads the text.
func (d *Document) parts() []part {
	text := strings.TrimPrefix(d.text, "\ufeff")
	shift := len(d.text) - len(text)
	lex := newLexer(text)
	var all []part
	empty := 0
	for n := (line{}); lex.next(&n); {
		n.start, n.end = n.start+shift, n.end+shift
		switch n.kind {
		case lineHeader:
			all = append(all, part{name: n.name, header: n, start: n.start})
		case lineKeyword, lineBad:
			if len(all) == 0 {
				all = append(all, part{name: "DEFAULT", start: n.start})
			}
			last := &all[len(all)-1]
			last.spots = append(last.spots, spot{start: n.start, end: n.end, line: n, block: block{first: n.value}})
		case lineMore:
			last := &all[len(all)-1].spots[len(all[len(all)-1].spots)-1]
			last.block.add(n, empty)
			last.end = n.end
		}
		if n.kind == lineBlank {
			empty++
		} else if n.kind != lineComment {
			empty = 0
		}
		if len(all) > 0 {
			all[len(all)-1].end = n.end
		}
	}
	return all
}

// find returns the one section called name and the one keyword in it; either is nil where there is
// none. The error is for one that is there twice.
func (d *Document) find(section, keyword string) (*part, *spot, error) {
	var found *part
	parts := d.parts()
	for i := range parts {
		if parts[i].name != section {
			continue
		}
		if found != nil {
			return nil, nil, fmt.Errorf("[%s]: it is in the file twice; edit the file by hand: %w", section, task.ErrInvalid)
		}
		found = &parts[i]
	}
	if found == nil {
		return nil, nil, nil
	}
	var at *spot
	for i := range found.spots {
		s := &found.spots[i]
		if s.line.kind != lineKeyword || s.line.name != keyword {
			continue
		}
		if at != nil {
			return nil, nil, fmt.Errorf("[%s] %s: it is in the section twice; edit the file by hand: %w", section, keyword, task.ErrInvalid)
		}
		at = s
	}
	return found, at, nil
}

// Get returns the value of a keyword as it is written, with its scope in keyword, and reports whether
// there is one.
func (d *Document) Get(section, keyword string) (string, bool) {
	_, at, err := d.find(section, keyword)
	if err != nil || at == nil {
		return "", false
	}
	return at.block.text(d.text), true
}

// Has reports whether the document has the section.
func (d *Document) Has(section string) bool {
	return slices.ContainsFunc(d.parts(), func(p part) bool { return p.name == section })
}

// Set gives a keyword, with its scope if it has one, a value. A keyword that is not there is written
// behind the last of its section, a section that is not there at the end of the file ([DEFAULT] at its
// beginning). The error wraps task.ErrInvalid: a name or a value that can't be written in an INI file,
// or a keyword that is there twice. The document is as before then.
func (d *Document) Set(section, keyword, value string) error {
	if err := writable(section, keyword); err != nil {
		return err
	}
	if !utf8.ValidString(value) || strings.Contains(value, "\x00") {
		return fmt.Errorf("[%s] %s: %q: wanted UTF-8 text: %w", section, keyword, brief(value), task.ErrInvalid)
	}
	in, at, err := d.find(section, keyword)
	if err != nil {
		return err
	}
	before := d.text
	switch {
	case at != nil && at.block.text(d.text) == value:
		return nil
	case at != nil:
		d.replace(at, value)
	case in != nil:
		d.insert(in, keyword, value)
	default:
		d.begin(section, keyword, value)
	}
	if got, ok := d.Get(section, keyword); !ok || got != value {
		d.text = before
		return fmt.Errorf("[%s] %s: %q can't be written in an INI file: %w", section, keyword, brief(value), task.ErrInvalid)
	}
	return nil
}

// writable refuses names that can't be read back.
func writable(section, keyword string) error {
	h := line{body: "[" + section + "]"}
	if h.header(); h.fault != "" || h.name != section {
		return fmt.Errorf("section %q: wanted a name as in DEFAULT, env or task#0: %w", section, task.ErrInvalid)
	}
	k := line{body: keyword + "="}
	if k.keyword(); keyword == "" || strings.IndexByte("#;[", keyword[0]) >= 0 || k.kind != lineKeyword || k.name != keyword {
		return fmt.Errorf("keyword %q: wanted a name without blanks, quotes or %q: %w", keyword, "=", task.ErrInvalid)
	}
	return nil
}

// replace writes another value in the place of the one at a spot. What is in front of the value and
// how the line ends stay.
func (d *Document) replace(at *spot, value string) {
	raw := d.text[at.line.start:at.line.end]
	front := strings.IndexByte(raw, '=') + 1
	front += span(raw[front:], isBlank)
	last := d.text[at.start:at.end]
	tail := last[len(strings.TrimRight(last, "\r\n")):]
	if at.line.value == "" && !strings.HasSuffix(raw[:front], " ") && value != "" && raw[front-1] == '=' {
		raw, front = raw[:front]+" ", front+1
	}
	d.splice(at.start, at.end, raw[:front]+d.fold(value, at.line.indent)+tail)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// insert writes a new keyword behind the last one of a section, in its manner.
func (d *Document) insert(in *part, keyword, value string) {
	at, indent, equals := in.header.end, "", " = "
	if n := len(in.spots); n > 0 {
		last := in.spots[n-1]
		at, indent, equals = last.end, d.text[last.line.start:last.line.start+last.line.indent], d.equals(last.line)
	}
	text := indent + keyword + equals + d.fold(value, len(indent))
	if strings.HasSuffix(d.text[:at], "\n") {
		d.splice(at, at, text+d.eol())
		return
	}
	d.splice(at, at, d.eol()+text)
}

// equals is how a line separates its keyword from its value.
func (d *Document) equals(n line) string {
	if n.kind != lineKeyword || n.value == "" {
		return " = "
	}
	rest := d.text[n.start+n.indent+len(n.name) : n.end]
	end := strings.IndexByte(rest, '=') + 1
	return rest[:end+span(rest[end:], isBlank)]
}

// begin writes a new section with one keyword.
func (d *Document) begin(section, keyword, value string) {
	eol := d.eol()
	text := "[" + section + "]" + eol + keyword + " = " + d.fold(value, 0) + eol
	if section == "DEFAULT" {
		start := len(d.text) - len(strings.TrimPrefix(d.text, "\ufeff"))
		if start < len(d.text) {
			text += eol
		}
		d.splice(start, start, text)
		return
	}
	if d.text != "" && !strings.HasSuffix(d.text, "\n") {
		text = eol + text
	}
	if strings.Trim(d.text, blanks+"\n\ufeff") != "" && !strings.HasSuffix(d.text, "\n"+eol) {
		text = eol + text
	}
	d.text += text
}

// fold writes a value of several lines, the later ones indented.
func (d *Document) fold(value string, indent int) string {
	if !strings.Contains(value, "\n") {
		return value
	}
	lines := strings.Split(value, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = strings.Repeat(" ", indent+4) + lines[i]
		}
	}
	return strings.Join(lines, d.eol())
}

// eol is the line end of the document.
func (d *Document) eol() string {
	if i := strings.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func (d *Document) splice(start, end int, text string) {
	d.text = d.text[:start] + text + d.text[end:]
}

// Unset removes a keyword, with its scope in keyword; where it is not set nothing changes.
func (d *Document) Unset(section, keyword string) error {
	_, at, err := d.find(section, keyword)
	if err != nil || at == nil {
		return err
	}
	d.cut(at.start, at.end)
	return nil
}

// cut removes lines. The file ends with a newline afterwards if it did before.
func (d *Document) cut(start, end int) {
	ended := strings.HasSuffix(d.text, "\n")
	d.splice(start, end, "")
	if !ended && start == len(d.text) {
		d.text = strings.TrimSuffix(strings.TrimSuffix(d.text, "\n"), "\r")
	}
}

// DeleteSection removes a section with all that is in it. Comments directly above the next section
// stay, for they are about that one; so does what is above its own header.
func (d *Document) DeleteSection(section string) error {
	in, _, err := d.find(section, "")
	if err != nil {
		return err
	}
	if in == nil {
		return task.Errorf(task.ErrNotFound, "section %q: no such section", section)
	}
	end := in.end
	if end < len(d.text) {
		end = in.start + len(d.text[in.start:end]) - len(trailingComments(d.text[in.start:end]))
	}
	d.cut(in.start, end)
	return nil
}

// trailingComments is the run of comment lines that text ends with, if a blank line parts it from what
// is before.
func trailingComments(text string) string {
	start := len(text)
	for start > 0 {
		before := strings.LastIndexByte(text[:start-1], '\n') + 1
		body := strings.Trim(text[before:start], blanks+"\n")
		if body == "" {
			return text[start:]
		}
		if body[0] != '#' && body[0] != ';' {
			return ""
		}
		start = before
	}
	return ""
}
