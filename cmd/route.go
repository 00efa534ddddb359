package cmd

import (
	"path/filepath"
	"strings"
)

// route is what the words of a command line mean, before flags are read.
type route struct {
	selector string   // the services meant, "" for the node
	verb     string   // "" if there is none
	args     []string // for cobra: global flags, the verb, and all that follows it
}

// routeOf tells "om SELECTOR VERB ..." from "om VERB ..." and from a link to om named after a service
// ("testmd run"). It is pure: whether a selector or a verb exists is for others to say.
func routeOf(argv []string, isVerb func(name string) bool) route {
	var r route
	if name := calledAs(argv); name != "om" {
		r.selector = name
	}
	words := argv[min(1, len(argv)):]
	for len(words) > 0 {
		word := words[0]
		switch {
		case word == "--":
			return r
		case strings.HasPrefix(word, "-"):
			words = r.flag(words)
		case r.selector == "" && !isVerb(word):
			r.selector, words = word, words[1:]
		default:
			r.verb, r.args = word, append(r.args, words...)
			return r
		}
	}
	return r
}

// flag takes the global flag that words begin with, and its value, and returns the words after it.
func (r *route) flag(words []string) []string {
	name, value, inline := strings.Cut(words[0], "=")
	n := 1
	if !inline && len(words) > 1 && takesValue(name) {
		value, n = words[1], 2
	}
	if name == "-s" || name == "--service" {
		r.selector = value
		return words[n:]
	}
	r.args = append(r.args, words[:n]...)
	return words[n:]
}

// takesValue knows the global flags that may stand before the verb with a word of their own.
func takesValue(flag string) bool {
	switch flag {
	case "--config-dir", "--state-dir", "--color", "--output", "-o", "--service", "-s":
		return true
	}
	return false
}

// calledAs is the name that om was called by; a link named after a service selects that service.
func calledAs(argv []string) string {
	if len(argv) == 0 {
		return "om"
	}
	name := filepath.Base(argv[0])
	if name == "" || name == "." {
		return "om"
	}
	return name
}
