package service

import (
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"om/schedule"
	"om/task"
)

// store reads text as the kind of r says, and puts the value where at points; with at nil it only
// checks. The error is a fault.
func (b *builder) store(r *row, text string, at any) error {
	switch r.kind {
	case kindText, kindCommand:
		return assign(at, text, whole)
	case kindBool:
		return assign(at, text, parseBool)
	case kindDuration:
		return assign(at, text, r.parseDuration)
	case kindInt:
		return assign(at, text, r.parseInt)
	case kindWords:
		return assign(at, text, parseWords)
	case kindEnum:
		return assign(at, text, r.parseChoice)
	}
	if done, err := storeNumber(r, text, at); done {
		return err
	}
	if done, err := b.storePlace(r, text, at); done {
		return err
	}
	return storeNotation(r, text, at)
}

// storeNumber is store for sizes, modes and limits.
func storeNumber(r *row, text string, at any) (done bool, err error) {
	switch r.kind {
	case kindSize:
		return true, assign(at, text, parseSize)
	case kindOctal:
		return true, assign(at, text, parseMode)
	case kindLimit:
		return true, addLimit(at, r.name, text, parseLimit)
	case kindLimitTime:
		return true, addLimit(at, r.name, text, parseLimitTime)
	}
	return false, nil
}

// storePlace is store for what depends on where the file is, on the host or on what was read before.
func (b *builder) storePlace(r *row, text string, at any) (done bool, err error) {
	switch r.kind {
	case kindPath:
		return true, assign(at, text, parsePath)
	case kindPaths:
		return true, assign(at, text, b.parsePaths)
	case kindFileVars:
		return true, assign(at, text, b.parseFileVars)
	case kindTimezone:
		return true, assign(at, text, b.parseTimezone)
	case kindSchedule:
		return true, assign(at, text, b.parseSchedule)
	case kindQuiet:
		return true, assign(at, text, b.parseQuiet)
	}
	return false, nil
}

// storeNotation is store for the kinds that have a notation of their own.
func storeNotation(r *row, text string, at any) error {
	switch r.kind {
	case kindWord:
		return assign(at, text, parseWord)
	case kindAccount:
		return assign(at, text, parseAccount)
	case kindSignal:
		return assign(at, text, parseSignal)
	case kindRequires:
		return assign(at, text, parseRequires)
	case kindRetCodes:
		return assign(at, text, parseRetCodes)
	case kindMoment:
		return assign(at, text, parseMoment)
	case kindShell:
		return assign(at, text, parseShell)
	case kindEnvironment:
		return assign(at, text, parseEnvironment)
	}
	return assign(at, text, r.parseWordKind)
}

// parseWordKind is for the kinds whose value stays text and is only checked.
func (r *row) parseWordKind(text string) (string, error) {
	switch r.kind {
	case kindShellWords:
		return parseShellWords(text)
	case kindIOClass:
		return parseIOClass(text)
	case kindOverlap:
		return r.parseOverlap(text)
	case kindLog:
		return r.parseLog(text)
	case kindRetryOn:
		return text, checkRetryOn(text)
	case kindLocks:
		return text, checkLocks(text)
	}
	return r.parsePlace(text)
}

// parsePlace is parseWordKind for whom to tell what, and where they are.
func (r *row) parsePlace(text string) (string, error) {
	switch r.kind {
	case kindEvents:
		return text, r.checkEvents(text)
	case kindURL:
		return text, checkURL(text)
	case kindAddresses:
		return text, checkAddresses(text)
	case kindServer:
		return parseServer(text)
	}
	return text, nil
}

// assign parses text and puts the value where at points, if it points to such a value.
func assign[T any](at any, text string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err != nil {
		return err
	}
	if p, ok := at.(*T); ok {
		*p = value
	}
	return nil
}

func whole(text string) (string, error) { return text, nil }

// parseBool reads the spellings of OpenSVC's agents and of Go, in any case.
func parseBool(text string) (bool, error) {
	switch text {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0", "":
		return false, nil
	}
	switch strings.ToLower(text) {
	case "true", "yes", "on", "t", "y":
		return true, nil
	case "false", "no", "off", "f", "n", "none":
		return false, nil
	}
	return false, fault{text, "wanted true or false", didYouMean(strings.ToLower(text), []string{"true", "false", "yes", "no"})}
}

// parseDuration is ParseDuration for a keyword, which may have a limit.
func (r *row) parseDuration(text string) (time.Duration, error) {
	d, err := ParseDuration(text)
	if err == nil && r.name == "spread" && d > schedule.MaxSpread {
		return 0, wanted(text, "30 days at most")
	}
	return d, err
}

// ParseDuration reads a duration as keywords have it: a number of seconds, or numbers with units, from
// years to nanoseconds, as in "1w2d3h4m5s", "90s" or "1.5h". Nothing, "none" and 0 are 0. The error quotes
// the text, says what was wanted, and wraps task.ErrInvalid.
func ParseDuration(text string) (time.Duration, error) {
	if text == "" || text == "0" || strings.EqualFold(text, "none") {
		return 0, nil
	}
	bad := fault{text: text, wanted: "wanted a duration: seconds, or numbers with units as in 90s, 1h30m or 2d"}
	var total time.Duration
	var err error
	for rest := text; rest != ""; {
		number := rest[:span(rest, decimal)]
		rest = rest[len(number):]
		word := rest[:span(rest, notDecimal)]
		rest = rest[len(word):]
		if number == text {
			word = "s"
		}
		n, numErr := strconv.ParseFloat(number, 64)
		unit := unitOf(word)
		if numErr != nil || unit == 0 {
			bad.hint = durationHint(text, word)
			return 0, bad
		}
		if total, err = sum(total, n, unit, bad); err != nil {
			return 0, err
		}
	}
	return total, nil
}

func durationHint(text, word string) string {
	switch {
	case strings.ContainsAny(text, "#;"):
		return "a comment needs a line of its own"
	case strings.HasPrefix(text, "-"):
		return "a duration is not negative"
	case word == "":
		return "the last number has no unit"
	}
	return ""
}

func sum(total time.Duration, n float64, unit time.Duration, bad fault) (time.Duration, error) {
	whole := n * float64(unit)
	if whole+float64(total) > math.MaxInt64 || math.IsNaN(whole) {
		bad.hint = "at most 292 years"
		return 0, bad
	}
	return total + time.Duration(whole), nil
}

func unitOf(word string) time.Duration {
	switch word {
	case "y", "Y":
		return 365 * 24 * time.Hour
	case "w", "W":
		return 7 * 24 * time.Hour
	case "d", "D":
		return 24 * time.Hour
	case "h", "H":
		return time.Hour
	case "m", "M":
		return time.Minute
	case "s", "S":
		return time.Second
	case "ms":
		return time.Millisecond
	case "us", "µs":
		return time.Microsecond
	case "ns":
		return time.Nanosecond
	}
	return 0
}

// span is the length of the beginning of s whose bytes are all in the set.
func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func decimal(c byte) bool { return '0' <= c && c <= '9' || c == '.' }

func notDecimal(c byte) bool { return !decimal(c) }

// parseSize reads bytes, with K, M, G, T or P for powers of 1024, alone or followed by B or iB.
func parseSize(text string) (int64, error) {
	bad := fault{text: text, wanted: "wanted a size as in 4096, 64K or 1.5G"}
	number := text[:span(text, decimal)]
	unit := strings.ToLower(strings.TrimLeft(text[len(number):], " "))
	n, err := strconv.ParseFloat(number, 64)
	scale := scaleOf(strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i"))
	if err != nil || scale == 0 || unit == "i" || unit == "ib" {
		return 0, bad
	}
	if n *= scale; n >= math.MaxInt64 {
		bad.hint = "it is too large"
		return 0, bad
	}
	return int64(n), nil
}

func scaleOf(prefix string) float64 {
	if prefix == "" {
		return 1
	}
	i := strings.Index("kmgtpe", prefix)
	if i < 0 || len(prefix) != 1 {
		return 0
	}
	return math.Pow(1024, float64(i+1))
}

func (r *row) parseInt(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < r.least || n > r.most {
		return 0, wanted(text, "a whole number from "+strconv.Itoa(r.least)+" to "+strconv.Itoa(r.most))
	}
	return n, nil
}

func parseMode(text string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		return 0, wanted(text, "an octal mode from 000 to 777")
	}
	return fs.FileMode(n), nil
}

// addLimit sets one limit of the list that at points to. The list is copied: tasks that inherit their
// limits share one.
func addLimit(at any, name, text string, parse func(string) (uint64, error)) error {
	limit := task.Limit{Name: strings.TrimPrefix(name, "limit_")}
	var err error
	if limit.Value, err = parse(text); err != nil {
		return err
	}
	list, ok := at.(*[]task.Limit)
	if !ok {
		return nil
	}
	all := make([]task.Limit, 0, len(*list)+1)
	for _, l := range *list {
		if l.Name != limit.Name {
			all = append(all, l)
		}
	}
	*list = slices.Clip(append(all, limit))
	return nil
}

func parseLimit(text string) (uint64, error) {
	if unlimited(text) {
		return task.Unlimited, nil
	}
	n, err := parseSize(text)
	if err != nil {
		return 0, wanted(text, "a number or a size as in 4096 or 64M, or unlimited")
	}
	return uint64(n), nil
}

func parseLimitTime(text string) (uint64, error) {
	if unlimited(text) {
		return task.Unlimited, nil
	}
	d, err := ParseDuration(text)
	if err != nil || d%time.Second != 0 || d == 0 {
		return 0, wanted(text, "a duration in full seconds as in 90s or 1h, or unlimited")
	}
	return uint64(d / time.Second), nil
}

func unlimited(text string) bool {
	return strings.EqualFold(text, "unlimited") || strings.EqualFold(text, "infinity")
}

func parseWords(text string) ([]string, error) { return strings.Fields(text), nil }

func (r *row) parseChoice(text string) (string, error) {
	if hasWord(r.choices, text) || text == "" && r.def == "" {
		return text, nil
	}
	list := strings.Fields(r.choices)
	return "", fault{text, "wanted " + oneOf(list), didYouMean(strings.ToLower(text), list)}
}

// oneOf writes "a", "a or b", "a, b or c".
func oneOf(list []string) string {
	n := len(list) - 1
	if n <= 0 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:n], ", ") + " or " + list[n]
}

func parsePath(text string) (string, error) {
	if text != "" && !filepath.IsAbs(text) {
		return "", wanted(text, "an absolute path")
	}
	return text, nil
}
