// Package migrate carries the jobs of other schedulers into service files. It tells what it can't carry, and proves
// what it did: it compares when the other scheduler starts a job with when om does.
//
// A parser of each foreign format makes a Draft: jobs as keywords, with the comments that stood next to them and the
// losses. Draft.Write writes it, and reads it back with package service. The parsers are pure; find.go looks for the
// files on the host.
//
// When cron starts a line is computed by an evaluator of its own (crontimes.go, cronclock.go), which shares nothing with
// package schedule: a proof by the engine that is to be proved would be none.
package migrate
