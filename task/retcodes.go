package task

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseRetCodes reads the value of the keyword retcodes: words CODE:STATE, as in "0:up 1:down 2:warn".
// A state with a blank in it can't be written: standby = true makes "stdby up" of up. Empty text is
// the default, and nil. The error quotes the word, says what was wanted, and wraps ErrInvalid.
func ParseRetCodes(text string) (map[int]Status, error) {
	var codes map[int]Status
	for word := range strings.FieldsSeq(text) {
		code, state, _ := strings.Cut(word, ":")
		n, err := strconv.Atoi(code)
		s, known := ParseStatus(state)
		if err != nil || n < 0 || n > 255 || !known {
			return nil, fmt.Errorf("%q: wanted CODE:STATE as in 0:up, the state one of up, down, warn, n/a, undef: %w", word, ErrInvalid)
		}
		if _, twice := codes[n]; twice {
			return nil, fmt.Errorf("%q: code %d has a state already: %w", word, n, ErrInvalid)
		}
		if codes == nil {
			codes = make(map[int]Status)
		}
		codes[n] = s
	}
	return codes, nil
}

// RetCode returns the state that codes give to an exit code, and whether they list it: one that is
// not listed is warn. No codes at all are the default, 0:up 1:down.
func RetCode(codes map[int]Status, code int) (Status, bool) {
	if s, listed := codes[code]; listed {
		return s, true
	}
	switch {
	case len(codes) == 0 && code == 0:
		return Up, true
	case len(codes) == 0 && code == 1:
		return Down, true
	}
	return Warn, false
}
