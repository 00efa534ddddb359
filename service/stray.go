package service

import (
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

// Strays are the files under dir that look like those of services and that nobody reads: for their names, or for where they
// are. Hidden ones are meant to be none.
func Strays(dir string) []Problem {
	return strays(dir, "")
}

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
