package migrate

import (
	"strconv"
	"strings"
)

// longestCommand is how many bytes a command may have in a crontab of Debian's cron.
const longestCommand = 998

// vixieTimes reads five fields as Debian's cron does, which passes over what it does not know behind an element, and takes a range
// that goes backwards for none. It returns what is left of them, and says so where that is not what is written.
func vixieTimes(words []string) (read []string, note, fault string) {
	var notes []string
	never := false
	for field, word := range words {
		items, rest, fault := vixieField(field, word)
		text := strings.Join(items, ",")
		switch {
		case fault != "":
			return nil, "", strconv.Quote(word) + ": " + fault
		case len(items) == 0:
			never = true
			notes = append(notes, word+" goes backwards, which is no time for Debian's cron: it never starts it")
		case rest != "":
			notes = append(notes, "Debian's cron reads "+text+", and passes over "+rest)
		case text != word:
			notes = append(notes, "Debian's cron reads "+text+": a range that goes backwards is none")
		}
		read = append(read, text)
	}
	if never {
		read = nil
	}
	return read, strings.Join(notes, "; "), ""
}

// vixieField reads a list. rest is what is passed over.
func vixieField(field int, word string) (items []string, rest, fault string) {
	for {
		item, backwards, after, fault := vixieItem(field, word)
		if fault != "" {
			return nil, "", fault
		}
		if !backwards {
			items = append(items, item)
		}
		next, more := strings.CutPrefix(after, ",")
		if !more {
			return items, after, ""
		}
		word = next
	}
}

// vixieItem reads a star, a value or a range, and a step behind a star or a range.
func vixieItem(field int, text string) (item string, backwards bool, after, fault string) {
	low, high, names := fieldRange(field)
	after, star := strings.CutPrefix(text, "*")
	if star {
		item = "*"
	} else {
		first, rest := alphanumeric(text)
		from, fault := fieldValue(first, low, high, names)
		if fault != "" {
			return "", false, "", fault
		}
		item, after = first, rest
		if last, ranged := strings.CutPrefix(rest, "-"); ranged {
			last, after = alphanumeric(last)
			to, fault := fieldValue(last, low, high, names)
			if fault != "" {
				return "", false, "", fault
			}
			item, backwards, star = item+"-"+last, from > to, true
		}
	}
	step, stepped := strings.CutPrefix(after, "/")
	switch {
	case !stepped:
		return item, backwards, after, ""
	case !star:
		return "", false, "", "a step stands behind a star or a range"
	}
	step, after = alphanumeric(step)
	if strings.Trim(step, "0123456789") != "" || strings.Trim(step, "0") == "" {
		return "", false, "", "wanted a step of 1 or more behind the slash"
	}
	return item + "/" + step, backwards, after, ""
}

// alphanumeric takes letters and digits off the begin of a text.
func alphanumeric(text string) (word, rest string) {
	n := strings.IndexFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if n < 0 {
		n = len(text)
	}
	return text[:n], text[n:]
}
