package migrate

import (
	"fmt"
	"strings"
)

// A Unit is a unit file of systemd, with its drop-ins.
type Unit struct {
	Name     string // "man-db.timer", "backup@home.service"
	File     string // the first of its files
	entries  []unitEntry
	comments []string
	losses   []Loss // lines that are none
}

// A unitEntry is one assignment.
type unitEntry struct {
	Place
	section, key, value string
}

// Add reads a file of the unit: the unit file first, then its drop-ins.
func (u *Unit) Add(file, text string) {
	if u.File == "" {
		u.File = file
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\x00", "\n") // a line ends with NUL, too
	section, held, begun := "", "", 0
	for number, raw := range enumerate(text) {
		line := strings.TrimSpace(raw)
		switch {
		case line != "" && (line[0] == '#' || line[0] == ';'):
			if begun == 0 {
				u.comments = append(u.comments, line)
			}
			continue
		case line == "" && begun == 0:
			u.comments = append(u.comments, "")
			continue
		}
		if begun == 0 {
			begun = number
		}
		if before, ok := strings.CutSuffix(line, `\`); ok {
			held += before + " "
			continue
		}
		section = u.line(Place{file, begun}, section, held+line)
		held, begun = "", 0
	}
	if held != "" {
		u.line(Place{file, begun}, section, held)
	}
}

// enumerate yields the lines of a text with their numbers.
func enumerate(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			if number++; !yield(number, line) {
				return
			}
		}
	}
}

// line reads a section's name or an assignment, and returns the section that holds behind it.
func (u *Unit) line(at Place, section, line string) string {
	line = strings.TrimSpace(line)
	if name, ok := strings.CutPrefix(line, "["); ok && strings.HasSuffix(name, "]") {
		return strings.TrimSuffix(name, "]")
	}
	key, value, ok := strings.Cut(line, "=")
	if !ok || section == "" {
		u.losses = append(u.losses, Loss{at, false, line, "wanted KEY=VALUE below a section; systemd passes over it"})
		return section
	}
	u.entries = append(u.entries, unitEntry{at, section, strings.TrimSpace(key), strings.TrimSpace(value)})
	return section
}

// list returns the assignments of a key. An empty one undoes those before it.
func (u *Unit) list(section, key string) (all []unitEntry) {
	for _, e := range u.entries {
		if e.section != section || e.key != key {
			continue
		}
		if e.value == "" {
			all = nil
			continue
		}
		all = append(all, e)
	}
	return all
}

// last returns the value of a key that has one, "" for none.
func (u *Unit) last(section, key string) string {
	for i := len(u.entries) - 1; i >= 0; i-- {
		if e := u.entries[i]; e.section == section && e.key == key {
			return e.value
		}
	}
	return ""
}

// yes reads a boolean; one that is not set is no.
func (u *Unit) yes(section, key string) bool {
	switch strings.ToLower(u.last(section, key)) {
	case "1", "yes", "true", "on", "y", "t":
		return true
	}
	return false
}

// specifiers are what % stands for in a unit, as far as that is the same for each start.
type specifiers struct {
	unit string // "backup@home.service"
	user string
	home string
}

// expand replaces specifiers. fault names one that is not known here.
func (s specifiers) expand(text string) (expanded, fault string) {
	if !strings.Contains(text, "%") {
		return text, ""
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		value, ok := s.value(text[i])
		if !ok {
			return text, "%" + text[i:i+1] + ": that is not known when a file is imported"
		}
		b.WriteString(value)
	}
	return b.String(), ""
}

func (s specifiers) value(c byte) (string, bool) {
	base := s.unit[:max(strings.LastIndexByte(s.unit, '.'), 0)]
	prefix, instance, _ := strings.Cut(base, "@")
	switch c {
	case '%':
		return "%", true
	case 'n':
		return s.unit, true
	case 'N':
		return base, true
	case 'p':
		return prefix, true
	case 'P':
		return unescape(prefix), true
	case 'i':
		return instance, true
	case 'I':
		return unescape(instance), true
	case 'j':
		return prefix[strings.LastIndexByte(prefix, '-')+1:], true
	case 'f':
		if instance == "" {
			return "/" + unescape(prefix), true
		}
		return "/" + strings.TrimPrefix(unescape(instance), "/"), true
	}
	return s.place(c)
}

// place is what specifiers say of the system's instance of systemd.
func (s specifiers) place(c byte) (string, bool) {
	value := map[byte]string{
		't': "/run", 'S': "/var/lib", 'C': "/var/cache", 'L': "/var/log", 'E': "/etc", 'T': "/tmp", 'V': "/var/tmp",
		'u': s.user, 'h': s.home,
	}[c]
	return value, value != ""
}

// unescape undoes systemd-escape(1): a dash is a slash, \x2d a dash.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		var n byte
		switch {
		case text[i] == '-':
			b.WriteByte('/')
		case text[i] == '\\' && i+3 < len(text) && text[i+1] == 'x' && scanHex(text[i+2:i+4], &n):
			b.WriteByte(n)
			i += 3
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

func scanHex(text string, n *byte) bool {
	read, err := fmt.Sscanf(text, "%02x", n)
	return err == nil && read == 1
}
