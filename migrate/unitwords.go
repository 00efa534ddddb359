package migrate

import (
	"slices"
	"strconv"
	"strings"

	"om/task"
)

// A unitWord is one word of a command line of a unit, in parts.
type unitWord []unitPart

// A unitPart is text, or a variable: ${NAME} inside a word, or $NAME as a word of its own, which is split.
type unitPart struct {
	text     string
	variable bool
	split    bool
}

// A unitCommand is one command of a unit.
type unitCommand struct {
	words   []unitWord
	ignored bool // its failure is: -
	root    bool // it has full privileges: +, ! and !!
}

// unitWords cuts a text into words: quotes around whole words, and C escapes. fault says what is wrong.
func unitWords(text string) (words []string, fault string) {
	for rest := strings.TrimLeft(text, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		word, more, fault := unitWord1(rest)
		if fault != "" {
			return nil, fault
		}
		words, rest = append(words, word), more
	}
	return words, ""
}

// unitWord1 reads the first word of a text that begins with one.
func unitWord1(text string) (word, rest, fault string) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			value, n := unitEscape(text[i+1:])
			b.WriteString(value)
			i += n
		case c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote = c
		case c == ' ' || c == '\t':
			return b.String(), text[i:], ""
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", "wanted a closing quote"
	}
	return b.String(), "", ""
}

// unitEscape reads what stands behind a backslash, and how many bytes of it. One that is not known stays as it is.
func unitEscape(text string) (value string, n int) {
	if text == "" {
		return `\`, 0
	}
	const letters, values = `abfnrtvs\"'`, "\a\b\f\n\r\t\v \\\"'"
	if i := strings.IndexByte(letters, text[0]); i >= 0 {
		return values[i : i+1], 1
	}
	number := func(digits string, base int) (string, bool) {
		v, err := strconv.ParseUint(digits, base, 32)
		if err != nil || v == 0 {
			return "", false
		}
		if base == 16 && len(digits) > 2 {
			return string(rune(v)), true //nolint:gosec // below 2^32
		}
		return string([]byte{byte(v)}), v < 256
	}
	for _, form := range []struct {
		begin  string
		digits int
		base   int
	}{{"x", 2, 16}, {"u", 4, 16}, {"U", 8, 16}, {"", 3, 8}} {
		if end := len(form.begin) + form.digits; strings.HasPrefix(text, form.begin) && len(text) >= end {
			if value, ok := number(text[len(form.begin):end], form.base); ok {
				return value, end
			}
		}
	}
	return `\` + text[:1], 1
}

// readCommands reads the value of an ExecStart= and its like: commands with a lone ; between them. fault is what
// can't be carried.
func readCommands(text string, s specifiers) (all []unitCommand, fault string) {
	words, fault := unitWords(text)
	if fault != "" {
		return nil, fault
	}
	raw := rawWords(text)
	for len(words) > 0 {
		end := slices.Index(raw, ";")
		if end < 0 {
			end = len(words)
		}
		if end > 0 {
			c, fault := readCommand(words[:end], raw[:end], s)
			if fault != "" {
				return nil, fault
			}
			all = append(all, c)
		}
		words, raw = words[min(end+1, len(words)):], raw[min(end+1, len(raw)):]
	}
	if len(all) == 0 {
		return nil, "wanted a command"
	}
	return all, ""
}

// rawWords cuts a text as unitWords does, and keeps the words as they are written.
func rawWords(text string) (words []string) {
	for rest := strings.TrimLeft(text, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		_, more, fault := unitWord1(rest)
		if fault != "" {
			return words
		}
		words, rest = append(words, rest[:len(rest)-len(more)]), more
	}
	return words
}

// readCommand reads the words of one command, the first with its prefixes.
func readCommand(words, raw []string, s specifiers) (c unitCommand, fault string) {
	program, plain, fault := c.prefixes(words[0])
	if fault != "" {
		return c, fault
	}
	for i, word := range append([]string{program}, words[1:]...) {
		if raw[i] == `\;` {
			word = ";"
		}
		text, fault := s.expand(word)
		if fault != "" {
			return c, fault
		}
		if plain || i == 0 {
			c.words = append(c.words, unitWord{{text: text}})
			continue
		}
		c.words = append(c.words, readVariables(text))
	}
	return c, ""
}

// prefixes takes the signs off the first word of a command. With plain no variables are replaced.
func (c *unitCommand) prefixes(word string) (program string, plain bool, fault string) {
	for word != "" && strings.IndexByte("@-:+!|", word[0]) >= 0 {
		switch word[0] {
		case '@':
			return "", plain, "another name of the program, @: om has none"
		case '|':
			return "", plain, "a login shell, |: om has the keyword login"
		case '-':
			c.ignored = true
		case ':':
			plain = true
		default: // + and !
			c.root = true
		}
		word = word[1:]
	}
	if word == "" {
		fault = "wanted a program"
	}
	return word, plain, fault
}

// readVariables cuts a word at its variables.
func readVariables(text string) (word unitWord) {
	if name, ok := strings.CutPrefix(text, "$"); ok && isVariable(name) {
		return unitWord{{text: name, variable: true, split: true}}
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		name, _, ok := strings.Cut(text[min(i+2, len(text)):], "}")
		switch {
		case strings.HasPrefix(text[i:], "$$"):
			b.WriteByte('$')
			i++
		case strings.HasPrefix(text[i:], "${") && ok && isVariable(name):
			word = append(word, unitPart{text: b.String()}, unitPart{text: name, variable: true})
			b.Reset()
			i += len(name) + 2
		default:
			b.WriteByte(text[i])
		}
	}
	return append(word, unitPart{text: b.String()})
}

func isVariable(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && (name[0] < '0' || name[0] > '9')
}

// resolve replaces the variables whose values are known.
func (c *unitCommand) resolve(known map[string]string) {
	var words []unitWord
	for _, w := range c.words {
		if len(w) == 1 && w[0].split {
			if value, ok := known[w[0].text]; ok {
				list, _ := unitWords(value)
				for _, text := range list {
					words = append(words, unitWord{{text: text}})
				}
				continue
			}
		}
		for i, p := range w {
			if value, ok := known[p.text]; ok && p.variable {
				w[i] = unitPart{text: value}
			}
		}
		words = append(words, w)
	}
	c.words = words
}

// needsShell says that a shell has to expand something.
func (c *unitCommand) needsShell() bool {
	for _, w := range c.words {
		if slices.ContainsFunc(w, func(p unitPart) bool { return p.variable }) {
			return true
		}
	}
	return false
}

// splits says that a variable is split into words.
func (c *unitCommand) splits() bool {
	return slices.ContainsFunc(c.words, func(w unitWord) bool { return w[0].split })
}

// text writes the command as a shell reads it, and as task.Split does where it needs none.
func (c *unitCommand) text() string {
	var words []string
	for _, w := range c.words {
		text := ""
		for _, p := range w {
			switch {
			case p.split:
				text += "$" + p.text
			case p.variable:
				text += `"${` + p.text + `}"`
			case p.text != "" || len(w) == 1:
				text += task.Quote([]string{p.text})
			}
		}
		if text == "" {
			text = "''"
		}
		words = append(words, text)
	}
	return strings.Join(words, " ")
}
