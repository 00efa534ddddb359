// Package task holds the words of om: what a task, a run, a status and a decision are. It decides
// whether a task may run (Decide: pure, no clock, no I/O), resolves a task into a complete Command
// (Resolve: users, groups, environment, limits, argv), and supervises the process tree of a run
// (Supervise: identity, limits, output, timeout, the whole tree ended).
//
// It knows nothing of INI files, SQL, HTTP or the command line. Every other room may use its words.
package task
