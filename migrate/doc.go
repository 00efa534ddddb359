// Package migrate carries the jobs of other schedulers into service files. It tells what it can't carry.
//
// A parser of each foreign format makes a Draft: jobs as keywords, with the comments that stood next to them and the
// losses. Draft.Write writes it, and reads it back with package service. The parsers are pure; find.go looks for the
// files on the host.
package migrate
