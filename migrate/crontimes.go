package migrate

import (
	"math/bits"
	"strconv"
	"strings"
)

// cronTimes is when cron starts a line, by the rules of cronie: a bit for each value of a field. It is read here,
// and not by package schedule, which is what --prove compares it with.
type cronTimes struct {
	sets   [5]uint64 // minute, hour, day of the month, month, weekday
	stars  [5]bool   // the field begins with a star
	lots   [5]lot    // a value that cron draws when it reads the table
	reboot bool
}

// A lot is a range of which one value is drawn; high is 0 where none is.
type lot struct{ low, high int }

const (
	minuteField = iota
	hourField
	monthdayField
	monthField
	weekdayField
)

// fieldRange is the least and the greatest value of a field, and the names of the least and those that follow.
func fieldRange(field int) (low, high int, names string) {
	switch field {
	case minuteField:
		return 0, 59, ""
	case hourField:
		return 0, 23, ""
	case monthdayField:
		return 1, 31, ""
	case monthField:
		return 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"
	}
	return 0, 7, "sun mon tue wed thu fri sat sun"
}

// readCronTimes reads five fields, or a word with @. fault says why cron refuses them.
func readCronTimes(words []string) (t cronTimes, fault string) {
	if len(words) == 1 {
		return readCronWord(words[0])
	}
	for i, word := range words {
		t.stars[i] = word[0] == '*'
		for item := range strings.SplitSeq(word, ",") {
			if fault := t.readItem(i, item); fault != "" {
				return t, strconv.Quote(item) + ": " + fault
			}
		}
	}
	t.sets[weekdayField] |= t.sets[weekdayField] >> 7 & 1
	return t, ""
}

// readCronWord reads @daily and its like.
func readCronWord(word string) (t cronTimes, fault string) {
	line := map[string]string{
		"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
		"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
	}[word]
	switch {
	case word == "@reboot":
		return cronTimes{reboot: true}, ""
	case line == "":
		return t, strconv.Quote(word) + ": wanted @hourly, @daily, @weekly, @monthly, @yearly or @reboot"
	}
	return readCronTimes(strings.Fields(line))
}

// readItem adds a member of a field's list: a star, a number, a name, a range with a dash, each but a number and
// a name with a step, or a range with ~, of which a value is drawn.
func (t *cronTimes) readItem(field int, item string) (fault string) {
	if low, high, drawn := strings.Cut(item, "~"); drawn {
		return t.readLot(field, low, high)
	}
	body, stepText, stepped := strings.Cut(item, "/")
	from, to, fault := readRange(field, body)
	step := 1
	switch n, err := strconv.Atoi(stepText); {
	case fault != "":
		return fault
	case !stepped:
	case err != nil || n < 1 || stepText[0] == '+':
		return "wanted a step of 1 or more behind the slash"
	case body != "*" && !strings.Contains(body, "-"):
		return "a step stands behind a star or a range"
	default:
		step = min(n, 60)
	}
	for n := from; n <= to; n += step {
		t.sets[field] |= 1 << n
	}
	return ""
}

// readRange reads a star, a value, or two with a dash between them.
func readRange(field int, text string) (from, to int, fault string) {
	low, high, names := fieldRange(field)
	if text == "*" {
		return low, high, ""
	}
	first, last, ranged := strings.Cut(text, "-")
	if from, fault = fieldValue(first, low, high, names); fault != "" || !ranged {
		return from, from, fault
	}
	to, fault = fieldValue(last, low, high, names)
	if fault == "" && from > to {
		fault = "wanted a range from a number to a greater one"
	}
	return from, to, fault
}

// readLot reads the bounds of a value that is drawn; each may be left out.
func (t *cronTimes) readLot(field int, first, last string) (fault string) {
	low, high, names := fieldRange(field)
	from, to := low, high
	if first != "" {
		if from, fault = fieldValue(first, low, high, names); fault != "" {
			return fault
		}
	}
	if last != "" {
		if to, fault = fieldValue(last, low, high, names); fault != "" {
			return fault
		}
	}
	switch {
	case from > to:
		return "wanted a range from a number to a greater one"
	case t.lots[field].high > 0:
		return "one ~ in a field is all that is carried"
	}
	t.lots[field] = lot{from, to}
	return ""
}

// fieldValue reads a number or a name.
func fieldValue(text string, low, high int, names string) (n int, fault string) {
	if text != "" && strings.Trim(text, "0123456789") == "" {
		if n, err := strconv.Atoi(text); err == nil && n >= low && n <= high {
			return n, ""
		}
		return 0, "wanted a number from " + strconv.Itoa(low) + " to " + strconv.Itoa(high)
	}
	for i, name := range strings.Fields(names) {
		if strings.EqualFold(name, text) {
			return low + i, ""
		}
	}
	if names == "" {
		return 0, "wanted a number from " + strconv.Itoa(low) + " to " + strconv.Itoa(high) + ", a range, a star or a step"
	}
	return 0, "wanted a number from " + strconv.Itoa(low) + " to " + strconv.Itoa(high) + " or the first three letters of a name"
}

// either says that a day of the month or a weekday will do.
func (t *cronTimes) either() bool { return !t.stars[monthdayField] && !t.stars[weekdayField] }

// never says that no year has such a day.
func (t *cronTimes) never() bool {
	if t.reboot || t.either() && t.sets[weekdayField] != 0 || t.lots[monthdayField].high > 0 {
		return false
	}
	for months := t.sets[monthField]; months != 0; months &= months - 1 {
		if t.sets[monthdayField]&(1<<(longest(bits.TrailingZeros64(months))+1)-1) != 0 {
			return false
		}
	}
	return t.lots[monthField].high == 0
}

// longest is how many days a month has at most.
func longest(month int) int {
	switch month {
	case 2:
		return 29
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
