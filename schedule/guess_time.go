package schedule

import "strings"

// guessHour writes a time of the day as people say it, 2am, 2:30 pm in one word or 14, as a schedule has it; "" where it is none.
func guessHour(word string) string {
	switch word {
	case "noon":
		return "12:00"
	case "midnight":
		return "00:00"
	}
	digits, late := strings.CutSuffix(word, "pm")
	digits, early := strings.CutSuffix(digits, "am")
	if !strings.Contains(digits, ":") {
		digits += ":00"
	}
	if len(digits) == len("2:00") {
		digits = "0" + digits
	}
	if !isClock(digits) {
		return ""
	}
	if late || early {
		return ofTwelve(digits, late)
	}
	return digits
}

// ofTwelve writes a time of a clock with twelve hours.
func ofTwelve(at string, late bool) string {
	h, _ := number(at[:2])
	if h < 1 || h > 12 {
		return ""
	}
	h %= 12
	if late {
		h += 12
	}
	return clock(h * 3600)[:2] + at[2:]
}

// guessNumbers is for a text that begins with a number or a star: an interval without a sign, an hour of twelve, a line of cron
// with too few fields.
func guessNumbers(words []string, _ string) string {
	first := words[0]
	switch {
	case len(words) == 1 && strings.HasPrefix(first, "*/"):
		return "an interval is written @" + first[2:] + ", in minutes"
	case len(words) == 1 && isInterval(first):
		return "an interval is written @" + first
	case len(words) == 1 && strings.HasSuffix(first, "m") && guessHour(first) != "":
		return "a time of the day is written " + guessHour(first)
	case first != "*" && len(words) > 1 && len(words) < 5 && isCronLike(words):
		return "a line of cron has five fields, as in 0 2 * * *: minute, hour, day of the month, month and weekday"
	}
	return ""
}

// isInterval tells 90s and 1h30m.
func isInterval(word string) bool {
	return isDigit(word[0]) && strings.IndexByte(unitLetters, word[len(word)-1]) >= 0 && strings.Trim(word, "0123456789"+unitLetters) == ""
}

// isCronLike tells fields of numbers, with a star among them.
func isCronLike(words []string) bool {
	text := strings.Join(words, "")
	return strings.Contains(text, "*") && strings.Trim(text, "0123456789*/,-") == ""
}
