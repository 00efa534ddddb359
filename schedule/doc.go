// Package schedule knows calendars: when a run may start, and why, in every notation that users of
// OpenSVC, cron, systemd timers, anacron and NetWorker know.
//
// It has no clock, draws no lots and reads no file: the zone, the last run and the present are
// arguments, and the same arguments give the same answer on each machine. It knows no task.
//
// Parse turns a text into a Schedule, in one form for all notations: clauses (clause.go), each with
// the days it is for (dates.go, days.go) and its times of the day. Next, Latest and Allows compute on the
// local clock, in stretches of constant offset to UTC (zone.go), and go from one stretch to the next by
// the rules for clock changes (next.go, latest.go). The notations are in files of their own. The
// language is described in om-schedule(7).
package schedule
