package cmd

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"om/confirm"
)

// What files and records hold, and what tasks wrote, is not om's own: on a terminal it could move the cursor, change
// what is above it, or type answers. Here is what keeps it from that.

// visible spells out what would steer a terminal or turn the direction of a line. Tabs and newlines stay.
func visible(text string) string {
	if strings.IndexFunc(text, hidden) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "\\x%02x", text[i])
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xff:
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			fmt.Fprintf(&b, "\\x%02x", r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// shown is text that is printed as it is for programs, and made visible for who looks at a terminal.
func (a *app) shown(text string) string {
	if a.onTerminal() {
		return visible(text)
	}
	return text
}

func (a *app) onTerminal() bool {
	_, ok := confirm.Terminal(a.Stdout)
	return ok
}

// escapedJSON writes JSON that no terminal is steered by: package json leaves some of it as it is, in strings alone.
func escapedJSON(text []byte) []byte {
	if bytes.IndexFunc(text, steers) < 0 {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		if steers(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}

func steers(r rune) bool { return r != '\n' && hidden(r) }

// screened is what a task wrote as a terminal may have it: colors stay, and the rest of what would steer it is spelled out.
func screened(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	var b bytes.Buffer
	for {
		i := bytes.IndexByte(text, '\x1b')
		if i < 0 {
			break
		}
		b.WriteString(visible(string(text[:i])))
		n := colorLength(text[i:])
		if n == 0 {
			b.WriteString(visible(string(text[i : i+1])))
			n = 1
		} else {
			b.Write(text[i : i+n])
		}
		text = text[i+n:]
	}
	b.WriteString(visible(string(text)))
	return b.Bytes()
}

// colorLength is that of the sequence at the beginning of text if it only sets colors and the like (SGR), else 0.
func colorLength(text []byte) int {
	rest, ok := bytes.CutPrefix(text, []byte("\x1b["))
	if !ok {
		return 0
	}
	params := len(rest) - len(bytes.TrimLeft(rest, "0123456789;"))
	if params == len(rest) || rest[params] != 'm' {
		return 0
	}
	return len("\x1b[") + params + 1
}
