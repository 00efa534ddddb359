package service

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"om/task"
)

const (
	wantedName  = "wanted a name of letters, digits and - _ . that begins with a letter or a digit and has 63 characters at most: "
	nobodyReads = "nobody reads it"
	leftOut     = "what is in it is left out"
)

// FolderProblems are what is wrong with the files of services as a whole: namespaces that can't be looked into, or that are
// another folder too (see Mirrors), and files that look like those of services and that nobody reads, for their names or for
// where they are. Hidden ones are meant to be none.
func FolderProblems(dir string) []Problem {
	var all []Problem
	for _, m := range Mirrors(dir) {
		all = append(all, m.Problem())
	}
	_, err := List(dir)
	if unread := new(UnreadError); errors.As(err, &unread) {
		for _, err := range unread.Errs {
			all = append(all, unreadProblem(dir, err))
		}
	}
	return append(all, strays(dir, "")...)
}

// Problem says so of the folder.
func (m Mirror) Problem() Problem {
	return Problem{File: m.Folder, Wanted: "wanted another folder than " + m.Of + ": each service would be there twice, and " + leftOut}
}

func unreadProblem(dir string, err error) Problem {
	p := Problem{File: dir, Wanted: err.Error()}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		p.File, p.Wanted = at.Path, strings.TrimPrefix(p.Wanted, at.Op+" "+at.Path+": ")
	}
	return p
}

// strays are the files that look like those of services and that nobody reads.
func strays(dir, namespace string) (all []Problem) {
	entries, _ := os.ReadDir(filepath.Join(dir, namespace)) // who lists the services tells of it
	for _, entry := range entries {
		file := filepath.Join(dir, namespace, entry.Name())
		name, isFile := strings.CutSuffix(entry.Name(), ".conf")
		isFolder := isDir(dir, namespace, entry)
		switch {
		case strings.HasPrefix(name, "."):
		case isFile && isFolder:
			all = append(all, Problem{File: file, Wanted: "wanted a file: it is a folder, and " + nobodyReads})
		case isFile && !task.ValidName(name):
			all = append(all, Problem{File: file, Wanted: wantedName + nobodyReads})
		case !isFolder:
		case namespace == "" && task.ValidName(name):
			all = append(all, strays(dir, name)...)
		default:
			all = append(all, strayFolder(file, namespace)...)
		}
	}
	return all
}

// strayFolder is for a folder that is none of a namespace.
func strayFolder(path, namespace string) []Problem {
	if !hasFiles(path) {
		return nil
	}
	p := Problem{File: path, Severity: Warning, Wanted: wantedName + leftOut}
	if namespace != "" {
		p.Wanted = "wanted services in the folder of a namespace, and none in a folder of that: " + leftOut
	}
	return []Problem{p}
}

// hasFiles says that a folder has a file that looks like one of a service.
func hasFiles(folder string) bool {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if name, isFile := strings.CutSuffix(entry.Name(), ".conf"); isFile && !strings.HasPrefix(name, ".") {
			return true
		}
	}
	return false
}
