package resource

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"om/task"
)

// match is the keyword match, which tells one process from the others:
//
//	match = postgres -D /srv/testmd/data
//	match = env:OM_SERVICE=testmd env:RID=app#1
//	match = 'nginx: master process*' env:HOME=/srv/testmd
//	match = * /opt/testmd/serve.py
//
// Words are cut as the words of a command. A word env:NAME=VALUE asks for a variable of the
// environment the process was started with, env:NAME for any value of it. Of the other words the
// first must be its argv[0], whole or, where the word has no slash, the part after the last slash;
// the rest must be among its arguments in this order, with others between or after. In all of them *
// stands for any text and ? for any one character. All words must hold.
type match struct {
	argv []string
	env  []string // NAME=VALUE
}

// parseMatch returns an error that wraps task.ErrInvalid.
func parseMatch(text string) (match, error) {
	words, err := task.Split(text)
	if err != nil {
		return match{}, fmt.Errorf("match: %w", err)
	}
	var m match
	for _, word := range words {
		variable, ok := strings.CutPrefix(word, "env:")
		switch {
		case !ok:
			m.argv = append(m.argv, word)
		case variable == "" || variable[0] == '=':
			return match{}, fmt.Errorf("match: %q: wanted env:NAME=VALUE: %w", word, task.ErrInvalid)
		case !strings.Contains(variable, "="):
			m.env = append(m.env, variable+"=*")
		default:
			m.env = append(m.env, variable)
		}
	}
	return m, nil
}

// holds reports whether m matches the process. The environment is read last, and only if needed.
func (m match) holds(pid int) (bool, error) {
	argv, err := argvOf(pid)
	if err != nil || !m.inArgv(argv) {
		return false, err
	}
	if len(m.env) == 0 {
		return true, nil
	}
	env, err := environOf(pid)
	return m.inEnv(env), err
}

func (m match) inArgv(argv []string) bool {
	if len(m.argv) == 0 {
		return true
	}
	if len(argv) == 0 || !isProgram(m.argv[0], argv[0]) {
		return false
	}
	rest := argv[1:]
	for _, pattern := range m.argv[1:] {
		i := slices.IndexFunc(rest, func(arg string) bool { return glob(pattern, arg) })
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
	return true
}

func isProgram(pattern, argv0 string) bool {
	return glob(pattern, argv0) || !strings.Contains(pattern, "/") && glob(pattern, filepath.Base(argv0))
}

func (m match) inEnv(env []string) bool {
	for _, pattern := range m.env {
		if !slices.ContainsFunc(env, func(variable string) bool { return glob(pattern, variable) }) {
			return false
		}
	}
	return true
}

// glob reports whether the whole of text is what pattern describes: * any text, also with slashes,
// ? any one byte, the rest itself. It steps back to the last * only, so its time is bounded by the
// product of the lengths.
func glob(pattern, text string) bool {
	star, from := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p, t = p+1, t+1
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
