package schedule

import "strings"

// Words and numbers as people say them.

// spoken is a time in seconds in words: 1 hour 30 minutes.
func spoken(seconds int) string {
	if seconds == 0 {
		return "0 seconds"
	}
	var parts []string
	for i, unit := range unitSeconds() {
		if n := seconds / unit; n > 0 && i > 0 { // 7 days, and not a week
			parts = append(parts, counted(n, unitNames()[i]))
			seconds -= n * unit
		}
	}
	return strings.Join(parts, " ")
}

func unitNames() [5]string { return [5]string{"week", "day", "hour", "minute", "second"} }

// counted is a number of things.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return string(appendInt(nil, n)) + " " + thing
}

// each is a period in words, behind "every": minute, 10 minutes.
func each(seconds int) string {
	text := spoken(seconds)
	if strings.Count(text, " ") == 1 {
		text = strings.TrimPrefix(text, "1 ")
	}
	return text
}

// join is a list in words: a, b and c.
func join(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// ordinal is 1st, 2nd, 3rd, 4th and so on.
func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return string(appendInt(nil, n)) + suffix
}

// title is a word with a capital.
func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// runsOf names the bits of a set, and runs of three and more of them as ranges.
func runsOf(set uint64, size int, name func(i int) string) (names []string) {
	for i := 0; i < size; i++ {
		if set>>i&1 == 0 {
			continue
		}
		j := i
		for j+1 < size && set>>(j+1)&1 != 0 {
			j++
		}
		switch {
		case j > i+1:
			names = append(names, name(i)+" to "+name(j))
		case j > i:
			names = append(names, name(i), name(j))
		default:
			names = append(names, name(i))
		}
		i = j
	}
	return names
}
