package schedule

import (
	"strings"
	"time"
)

// The words that stand for a whole cron line.

// cronWord returns what stands for the fields: the name of a word that has more than one, and its fields.
func cronWord(word string) (name, fields string) {
	switch word {
	case "@hourly":
		return word, "0 * * * *"
	case "@daily", "@midnight":
		return "@daily", "0 0 * * *"
	case "@weekly":
		return word, "0 0 * * 0"
	case "@monthly":
		return word, "0 0 1 * *"
	case "@yearly", "@annually":
		return "@yearly", "0 0 1 1 *"
	}
	return "", ""
}

// readWord reads a line that begins with @.
func (r *cronReader) readWord(p part) error {
	word, rest := p.word()
	lower := strings.ToLower(word.text)
	if lower == "@every" {
		return r.readEvery(rest)
	}
	name, fields := cronWord(lower)
	switch {
	case fields == "" && lower != "@reboot":
		return word.wanted("@hourly, @daily, @weekly, @monthly, @yearly, @reboot or @every 1h30m")
	case rest.text != "":
		return rest.wanted("nothing more")
	case lower == "@reboot":
		r.readReboot()
		return nil
	}
	prefix := string(r.text)
	if err := r.readFields(whole(fields)); err != nil {
		return err
	}
	r.s.text = prefix + name
	return nil
}

// readReboot makes a clause that starts once after each start of the host.
func (r *cronReader) readReboot() {
	r.s.text = string(append(r.text, "@reboot"...))
	r.s.clauses = []clause{{kind: boot, dates: cronAlways()}}
}

// readEvery makes a grid that is counted from 1970-01-01 00:00, on the clock of the zone as it was then:
// @every 24h is at midnight of its winter or of its summer all year, and @every 5h does not begin anew
// each day. To robfig/cron it counts from the start of the program, which a schedule does not know. Its
// smallest interval is a second: what is too often for a host is not for a calendar to say.
func (r *cronReader) readEvery(p part) error {
	seconds, err := p.goDuration()
	if err != nil {
		return err
	}
	r.s.text = string(appendHours(append(r.text, "@every "...), seconds))
	r.s.clauses = []clause{{
		kind:    grid,
		dates:   cronAlways(),
		pause:   int32(seconds),               //nolint:gosec // below maxPause
		seconds: uint64(-r.s.zone.offsets[0]), //nolint:gosec // read back by anchor
	}}
	return nil
}

// goDuration reads 1h30m as robfig/cron does, 1.5h too, and besides days and weeks.
func (p part) goDuration() (seconds int, err error) {
	seconds, err = p.united()
	if err != nil {
		d, bad := time.ParseDuration(p.text)
		switch {
		case bad != nil:
			return 0, err
		case d%time.Second != 0:
			return 0, p.wanted("whole seconds")
		}
		seconds = int(d / time.Second)
	}
	switch {
	case seconds <= 0:
		return 0, p.wanted("a time above 0")
	case seconds > maxPause:
		return 0, p.wanted("a time of at most 60 years")
	}
	return seconds, nil
}

// appendHours writes an interval without days, which cron does not know.
func appendHours(text []byte, seconds int) []byte {
	if h := seconds / 3600; h > 0 {
		text, seconds = append(appendInt(text, h), 'h'), seconds%3600
	}
	if seconds == 0 {
		return text
	}
	return appendDuration(text, seconds)
}

func cronAlways() dates {
	return dates{weekly: allWeekdays, months: allMonths, kinds: allKinds}
}
