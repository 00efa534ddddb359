package service

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"om/task"
)

// Parameter is a key of the section [env] of a template.
type Parameter struct {
	Name        string
	Description string // the comment above it
	Value       string // what it is unless it is said, "" where it must be said
	Kind        string // what its value must be: see Check; "" for anything
}

// The kinds of parameters. A line "#: KIND" above a key gives it one.
const (
	kindNumber  = "number"                            // a whole one
	kindFolder  = "folder"                            // from the root on
	kindOwn     = "folder of its own"                 // and none of the system, whose files nobody wants to lose
	kindOwnHost = "folder of its own, or HOST:FOLDER" // the same, here or on another host
)

// Check refuses a value that is not of the kind of the parameter; the error wraps task.ErrInvalid.
func (p Parameter) Check(value string) error {
	why := ""
	switch p.Kind {
	case "":
	case kindNumber:
		if n, err := strconv.Atoi(value); err != nil || n < 0 || n > 100_000 || value[0] == '+' {
			why = "wanted a whole number, from 0 to 100000"
		}
	case kindFolder:
		why = wrongFolder(value)
	case kindOwn:
		why = wrongOwn(value)
	case kindOwnHost:
		why = wrongHostFolder(value)
	default:
		why = strconv.Quote(p.Kind) + " is no kind of parameter: wanted " + strings.Join([]string{kindNumber, kindFolder, kindOwn, kindOwnHost}, "; ") + " after #:"
	}
	if why == "" {
		return nil
	}
	return task.Errorf(task.ErrInvalid, "%s=%s: %s", p.Name, value, why)
}

func wrongFolder(value string) string {
	if !strings.HasPrefix(value, "/") {
		return "wanted the path of a folder from the root on, as in /srv/web"
	}
	return ""
}

// wrongOwn refuses the folders of the system, however they are written.
func wrongOwn(value string) string {
	if why := wrongFolder(value); why != "" {
		return why
	}
	clean := path.Clean(value)
	top, _, _ := strings.Cut(clean[1:], "/")
	switch {
	case hasWord("bin boot dev etc lib lib32 lib64 libx32 proc sbin sys usr", top), hasWord("/ /home /opt /root /run /srv /var /var/lib /var/log /var/spool", clean):
		return "wanted a folder of its own: " + clean + " is the system's, and what is in it would be deleted"
	case strings.Contains("/"+value+"/", "/../"):
		return "wanted a path without .."
	}
	return ""
}

// wrongHostFolder is wrongOwn for what rsync takes: HOST:FOLDER, HOST::MODULE and rsync://HOST/MODULE are elsewhere.
func wrongHostFolder(value string) string {
	host, folder, elsewhere := strings.Cut(value, ":")
	switch {
	case !elsewhere || strings.Contains(host, "/"):
		return wrongOwn(value)
	case strings.HasPrefix(folder, ":") || strings.HasPrefix(folder, "//"):
		return ""
	case folder == "" || folder == "." || strings.HasPrefix(folder, "~"):
		return "wanted a folder of its own, and not the home of a user"
	case strings.HasPrefix(folder, "/"):
		return wrongOwn(folder)
	}
	return ""
}

// Check refuses the first of values, NAME=VALUE each, that is not of the kind of its parameter.
func (t Template) Check(values []string) error {
	var errs []error
	for _, p := range t.Parameters {
		value := p.Value
		for _, v := range values {
			if said, ok := strings.CutPrefix(v, p.Name+"="); ok {
				value = said
			}
		}
		if value == "" {
			continue // see Missing
		}
		if err := p.Check(value); err != nil {
			errs = append(errs, task.Errorf(task.ErrInvalid, "template %s: %v", t.Name, err))
		}
	}
	return errors.Join(errs...)
}
