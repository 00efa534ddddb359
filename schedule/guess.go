package schedule

import (
	"cmp"
	"slices"
	"strings"
)

// What the author of a text that is wrong has meant: hints that say what to type. They are made of the words of
// the whole text, and only for an error.

// guess puts a hint into an error where the text looks like something that is known.
func guess(err error, text part) error {
	e, ok := err.(*SyntaxError) //nolint:errorlint // a parser makes it last
	if !ok {
		return err
	}
	words := strings.Fields(strings.ToLower(text.text))
	if len(words) == 0 || strings.HasPrefix(e.Want, "five fields") { // it says what to type
		return err
	}
	for _, of := range [7]func(words []string, text string) string{guessForeign, guessFiles, guessEvery, guessMoment, guessTimes, guessNumbers, guessWord} {
		if hint := of(words, text.text); hint != "" {
			e.Hint = hint
			break
		}
	}
	return e
}

// guessForeign is for what stands around a schedule elsewhere.
func guessForeign(words []string, text string) string {
	if name, value, ok := strings.Cut(text, "="); ok && isName(strings.TrimSpace(name)) && !strings.HasSuffix(strings.TrimSpace(name), "TZ") {
		return `without "` + strings.TrimSpace(name) + `=": ` + strings.TrimSpace(value)
	}
	prefix, rest, ok := strings.Cut(text, ":")
	switch all := prefixes(); {
	case !ok || !isName(prefix):
	case slices.Contains(all[:], strings.ToLower(prefix)):
		return "prefixes are lower case: " + strings.ToLower(prefix) + ":" + rest
	case strings.EqualFold(prefix, "systemd") || strings.EqualFold(prefix, "oncalendar") || strings.EqualFold(prefix, "timer"):
		return "the prefix of systemd's notation is calendar:" + rest
	case len(words) > 1 && strings.HasPrefix(rest, " "):
		return "the prefixes are " + join(all[:], "and") + ", each with a colon"
	}
	return ""
}

func isName(text string) bool {
	return len(text) > 1 && strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz_") == ""
}

// guessFiles is for a star that a shell has replaced by the names of files.
func guessFiles(words []string, _ string) string {
	files := 0
	for _, w := range words {
		if strings.IndexByte("/->|", w[0]) >= 0 { // a command
			return ""
		}
		if isFile(w) {
			files++
		}
	}
	if len(words) <= 6 || files < 3 || slices.Contains([]string{"period", "every", "at"}, words[0]) {
		return ""
	}
	return "put the schedule in quotes: the shell has put names of files where a star was"
}

func isFile(w string) bool {
	return isLetter(w[0]) && len(w) > 3 && strings.IndexByte(w, ':') < 0 && nameIndex(w[:3], weekdayNames+" "+monthNames) < 0
}

// guessEvery is for the words after every.
func guessEvery(words []string, _ string) string {
	switch {
	case words[0] == "@every" && len(words) == 2:
		if _, ok := number(words[1]); ok {
			return "with a unit: @every " + words[1] + "s, or @every " + words[1] + "m"
		}
	case words[0] != "every" || len(words) < 2:
	case len(words) == 2:
		return guessEach(words[1], "09:00")
	case words[2] != "at":
		return guessUnit(words[1], words[2])
	case len(words) > 3:
		at := cmp.Or(guessHour(strings.Join(words[3:], "")), "09:00")
		return cmp.Or(guessEach(words[1], at), "every "+words[1]+" from "+at)
	}
	return ""
}

// guessUnit is for an interval in two words.
func guessUnit(first, second string) string {
	switch _, bare := number(first); {
	case bare && strings.HasPrefix(second, "mo"):
		return "months have no interval: the first of a month is 09:00 *:1"
	case bare && strings.IndexByte(unitLetters, second[0]) >= 0:
		return "one word: every " + first + second[:1]
	case isDigit(first[0]) && isDigit(second[0]):
		return "one word: every " + first + second
	}
	return ""
}

// guessEach is for a period that is named: every day, every monday at 09:00.
func guessEach(period, at string) string {
	switch day := nameIndex(period, weekdayNames); {
	case day >= 0:
		return "a day of the week is written " + at + " " + shortName(day, weekdayNames)
	case period == "day":
		return "each day is written " + at + ", or every 1d from " + at
	case period == "month":
		return "each month is written " + at + " *:1"
	case period == "year":
		return "each year is written " + at + " *:1 * jan"
	case slices.Contains([]string{"second", "minute", "hour", "week"}, period):
		return "every 1" + period[:1]
	}
	return ""
}

// guessMoment is for a date without at.
func guessMoment(words []string, text string) string {
	date := func(w string) bool {
		if len(w) < 10 {
			return false
		}
		_, err := whole(w).to(10).isoDate()
		return err == nil
	}
	_, zoned := number(strings.Trim(words[0], ":"))
	switch {
	case date(words[0]) && len(words[0]) > 10:
		return "a moment is written at " + strings.TrimSpace(text)
	case len(words) == 2 && date(words[1]) && !zoned && strings.IndexByte(words[0], ':') > 0:
		return "a moment is written at " + words[1] + " " + words[0]
	}
	return ""
}

// guessTimes is for a first word that is made of times, and the days behind it.
func guessTimes(words []string, text string) string {
	times, rest := words[0], strings.Join(words[1:], " ")
	if hint := guessRange(times, rest); hint != "" {
		return hint
	}
	switch {
	case len(words) < 2:
	case strings.IndexByte(times, ':') > 0 && strings.ContainsAny(times, "*/") && isDays(words[1]):
		_, days := whole(text).word()
		return "weekdays stand first: " + days.text + " " + times + ", and a range of the day is 09:00-17:00@10m " + dashed(words[1])
	case isTimeRange(times):
		return guessDays(times, words[1], strings.Join(words[2:], " "))
	}
	return ""
}

// guessRange is for a range of times.
func guessRange(times, rest string) string {
	with := func(times string) string { return strings.TrimSpace(times + " " + rest) }
	a, b, dotted := strings.Cut(times, "..")
	before, _, stepped := strings.Cut(times, "/")
	days, _, _ := strings.Cut(rest, " ")
	switch {
	case dotted && isClock(a) && isClock(b):
		return "a range is written with a dash: " + with(a+"-"+b)
	case stepped && isClockRange(before):
		return "an interval is written " + with(strings.Replace(times, "/", "@", 1)+"m")
	case isHourRange(times) && (rest == "" || isDays(days)):
		return "times have minutes: " + with(hoursOf(times))
	}
	return ""
}

// guessDays is for the days behind the times of OpenSVC's notation, and for what stands behind these.
func guessDays(times, days, rest string) string {
	switch {
	case days == "*" && isDays(rest):
		return "days are the second field: " + times + " " + dashed(rest)
	case isDays(days) && strings.Contains(days, ".."):
		return "a range of days has a dash: " + times + " " + dashed(days)
	case rest == "last" && nameIndex(days, weekdayNames) >= 0:
		return "the last one of the month is written " + times + " " + days + "#last"
	case isMonthday(days):
		return "a day of the month stands after a colon: " + times + " *:" + days
	case nameIndex(days, monthNames) >= 0:
		return "months are the fourth field: " + times + " * * " + days
	case isCronLast(days):
		return "the last one of the month is written " + times + " " + shortName((int(days[0]-'0')+6)%7, weekdayNames) + "#last"
	}
	return ""
}

// isCronLast tells 5L.
func isCronLast(text string) bool {
	return len(text) == 2 && text[1] == 'l' && text[0] >= '0' && text[0] <= '7'
}

// isMonthday tells a day of the month that no weekday has as its number.
func isMonthday(text string) bool {
	n, ok := number(text)
	return text == "last" || text == "first" || ok && n > 7 && n < 32
}

// guessWord is for a text of one word, or of words without a time in front.
func guessWord(words []string, _ string) string {
	first := words[0]
	name, _, numbered := strings.Cut(first, "#")
	switch {
	case nameIndex(name, weekdayNames) >= 0 && (numbered || len(words) == 1):
		return "a time stands first: 09:00 " + strings.Join(words, " ")
	case len(words) == 2 && isDays(first) && isClockRange(words[1]):
		return "times stand first: " + words[1] + " " + dashed(first)
	case len(words) == 1:
		return guessAlone(first)
	}
	return ""
}

// guessAlone is for one word.
func guessAlone(word string) string {
	switch word {
	case "noon":
		return "noon is 12:00"
	case "midnight":
		return "midnight is 00:00"
	case "never":
		return "never is @0"
	case "every", "at", "period":
		return ""
	}
	if !isName(word) || strings.HasSuffix(word, "ly") {
		return ""
	}
	return "a schedule is written 02:00-04:00 mon-fri, @10m or 30 2 * * 1-5, or it is a word: hourly, daily, weekly, monthly, quarterly, yearly"
}

func isClock(text string) bool {
	_, err := whole(text).clock()
	return err == nil
}

func isClockRange(text string) bool {
	a, b, ok := strings.Cut(text, "-")
	return ok && isClock(a) && isClock(b)
}

// isHourRange tells 2-4.
func isHourRange(text string) bool {
	a, b, ok := strings.Cut(text, "-")
	from, okFrom := two(a)
	to, okTo := two(b)
	return ok && okFrom && okTo && from < 24 && to < 24
}

// hoursOf writes 2-4 as times.
func hoursOf(text string) string {
	a, b, _ := strings.Cut(text, "-")
	from, _ := number(a)
	to, _ := number(b)
	return clock(from*3600) + "-" + clock(to*3600)
}

// isDays tells weekdays, and ranges and lists of them.
func isDays(text string) bool {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '-' || r == '.' }) {
		if nameIndex(w, weekdayNames) < 0 {
			return false
		}
	}
	return text != "" && isLetter(text[0])
}

func dashed(days string) string { return strings.ReplaceAll(days, "..", "-") }
