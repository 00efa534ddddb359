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
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch name, value, inline := strings.Cut(word, "="); {
		case word == "--":
			return r
		case name == "-s" || name == "--service":
			if !inline && i+1 < len(words) {
				i++
				value = words[i]
			}
			r.selector = value
		case strings.HasPrefix(word, "-"):
			r.args = append(r.args, word)
			if takesValue(name) && !inline && i+1 < len(words) {
				i++
				r.args = append(r.args, words[i])
			}
		case r.selector == "" && !isVerb(word):
			r.selector = word
		default:
			r.verb = word
			r.args = append(r.args, words[i:]...)
			return r
		}
	}
	return r
}

// takesValue knows the global flags that may stand before the verb with a word of their own.
func takesValue(flag string) bool {
	switch flag {
	case "--config-dir", "--state-dir", "--color", "--output", "-o":
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
	if name == "" || name == "." || strings.HasPrefix(name, "om.") || strings.HasSuffix(name, ".test") {
		return "om"
	}
	return name
}
