package cmd

import "github.com/rogpeppe/go-internal/diff"

// unified is the difference of two texts as diff -u prints it; "" where they are equal.
func unified(oldName, newName, from, to string) string {
	return string(diff.Diff(oldName, []byte(from), newName, []byte(to)))
}
