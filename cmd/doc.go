// Package cmd is the command line of om: words, flags, tables and exit codes. Each verb is a file that
// builds one cobra command; verbs.go lists them. What a verb does is told by engine; nothing here
// decides, runs or stores.
package cmd
