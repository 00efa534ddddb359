package service

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"om/task"
)

func parseWord(text string) (string, error) {
	if strings.ContainsAny(text, " \t\n") {
		return "", wanted(text, "one word")
	}
	return text, nil
}

// parseAccount reads the name or the number of a user or a group.
func parseAccount(text string) (string, error) {
	name, group, both := strings.Cut(text, ":")
	switch {
	case both && plainName(name) && plainName(group):
		return "", fault{text, "wanted a name or a number", "write user = " + name + " and group = " + group}
	case strings.ContainsAny(text, ": \t\n/"):
		return "", wanted(text, "one name or number")
	case strings.HasPrefix(text, "-"):
		return "", wanted(text, "a name or a number that does not begin with a dash")
	}
	return text, nil
}

// parseSignal reads "TERM", "SIGTERM" or "15".
func parseSignal(text string) (string, error) {
	n := task.SignalNumber(text)
	if n == 0 {
		return "", wanted(text, "a signal as in SIGTERM, INT or 9")
	}
	return task.SignalName(n), nil
}

func parseRequires(text string) ([]task.Requirement, error) {
	all, err := task.ParseRequires(text)
	return slices.Clip(all), quotedFault(err, text)
}

func parseRetCodes(text string) (map[int]task.Status, error) {
	codes, err := task.ParseRetCodes(text)
	return codes, quotedFault(err, text)
}

// quotedFault makes a fault of an error of package task, which begins with the offending text in
// quotes.
func quotedFault(err error, text string) error {
	if err == nil {
		return nil
	}
	msg := strings.TrimSuffix(err.Error(), ": "+task.ErrInvalid.Error())
	quoted, quoteErr := strconv.QuotedPrefix(msg)
	if quoteErr != nil {
		return fault{text: text, wanted: msg}
	}
	word, _ := strconv.Unquote(quoted)
	f := fault{text: word, wanted: strings.TrimPrefix(msg[len(quoted):], ": ")}
	if list, ok := strings.CutPrefix(f.wanted, "wanted one of "); ok {
		list, _, _ = strings.Cut(list, " in ")
		f.hint = didYouMean(word, strings.Split(list, ", "))
	}
	return f
}

// parseMoment checks a moment, whatever the zone that it is in.
func parseMoment(text string) (string, error) {
	_, err := ParseMoment(text, time.UTC)
	return text, err
}

func parseShell(text string) (string, error) {
	if text == "auto" || text == "none" || text == "sh" || filepath.IsAbs(text) && !strings.ContainsAny(text, " \t\n") {
		return text, nil
	}
	return "", wanted(text, "auto, none, sh or the absolute path of a shell")
}

// parseIOClass reads "idle", "best-effort", "best-effort:7" or "realtime:0".
func parseIOClass(text string) (string, error) {
	class, level, leveled := strings.Cut(text, ":")
	known := class == "best-effort" || class == "realtime" || class == "idle" && !leveled
	if text == "" || known && (!leveled || len(level) == 1 && level[0] >= '0' && level[0] <= '7') {
		return text, nil
	}
	return "", wanted(text, "idle, best-effort or realtime, the latter two with a level of 0 to 7 as in best-effort:7")
}

func (r *row) parseOverlap(text string) (string, error) {
	if count, ok := strings.CutPrefix(text, "queue-all("); ok {
		if n, err := strconv.Atoi(strings.TrimSuffix(count, ")")); err == nil && n > 0 && strings.HasSuffix(count, ")") {
			return text, nil
		}
	}
	return r.parseChoice(text)
}

// parseLog reads a log mode; true is file and false is none.
func (r *row) parseLog(text string) (string, error) {
	if on, err := parseBool(text); err == nil && text != "none" {
		if on {
			return string(task.LogFile), nil
		}
		return string(task.LogNone), nil
	}
	return r.parseChoice(text)
}

func checkRetryOn(text string) error {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(", \t\n", r) }) {
		code, err := strconv.Atoi(word)
		if !hasWord("fail timeout lost", word) && (err != nil || code < 1 || code > 255) {
			return wanted(word, "fail, timeout, lost or an exit code from 1 to 255")
		}
	}
	return nil
}

func checkLocks(text string) error {
	for word := range strings.FieldsSeq(text) {
		name, count, counted := strings.Cut(word, ":")
		n, err := strconv.Atoi(count)
		if !task.ValidName(name) || counted && (err != nil || n < 1) {
			return wanted(word, "the name of a lock, or NAME:N with N from 1")
		}
	}
	return nil
}

// parseEnvironment reads words NAME=VALUE, split as a shell does.
func parseEnvironment(text string) ([]string, error) {
	words, err := split(text)
	if err != nil {
		return nil, err
	}
	for _, word := range words {
		name, _, ok := strings.Cut(word, "=")
		if !ok || name == "" || strings.ContainsAny(name, " \t\n\"'") {
			return nil, wanted(word, `words NAME=VALUE; quote a value with blanks as in "A=b c"`)
		}
	}
	return words, nil
}

// split is task.Split with a fault for an error. The list has no room to append to, for tasks share it.
func split(text string) ([]string, error) {
	words, err := task.Split(text)
	if err == nil {
		return slices.Clip(words), nil
	}
	msg := strings.TrimSuffix(err.Error(), ": "+task.ErrInvalid.Error())
	if i := strings.LastIndex(msg, "wanted "); i >= 0 {
		msg = msg[i:]
	}
	return nil, fault{text: text, wanted: msg}
}

// parseShellWords checks that text can be split as a command is, and keeps it.
func parseShellWords(text string) (string, error) {
	_, err := split(text)
	return text, err
}

// parsePaths reads paths separated by blanks, each with a dash in front where it may be absent.
func (b *builder) parsePaths(text string) ([]string, error) {
	words, err := split(text)
	for i, word := range words {
		path, dash := strings.CutPrefix(word, "-")
		words[i] = b.absolute(path)
		if dash {
			words[i] = "-" + words[i]
		}
	}
	return words, err
}

// parseFileVars reads words NAME=FILE or FILE.
func (b *builder) parseFileVars(text string) ([]task.FileVar, error) {
	words, err := split(text)
	if err != nil {
		return nil, err
	}
	vars := make([]task.FileVar, len(words))
	for i, word := range words {
		name, path, ok := strings.Cut(word, "=")
		if !ok {
			name, path = "", word
		}
		if path == "" || ok && (name == "" || strings.ContainsAny(name, "/ ")) {
			return nil, wanted(word, "words NAME=FILE or FILE")
		}
		vars[i] = task.FileVar{Name: name, Path: b.absolute(path)}
	}
	return vars, nil
}

// absolute returns path as seen from the folder of the service's file.
func (b *builder) absolute(path string) string {
	if filepath.IsAbs(path) || path == "" {
		return path
	}
	return filepath.Join(filepath.Dir(b.File), path)
}

// parseTimezone checks that the host knows the zone. Looking one up reads a file, so the last one is
// remembered: most files have one.
func (b *builder) parseTimezone(text string) (string, error) {
	if text == b.zone {
		return text, nil
	}
	if _, err := time.LoadLocation(text); err != nil {
		return "", fault{text, "wanted a time zone that this host knows, as in Europe/Paris or UTC", zoneHint(text)}
	}
	b.zone = text
	return text, nil
}
