// Package state is the record: the runs of tasks and how they ended, what was declined, what is
// frozen and which texts a service's file had, in one SQLite file.
//
// A run is claimed before its process exists and settled before anybody is told how it ended; both
// are on the disk when the call returns. A row that began and has no end is lost once its supervisor
// is known to be gone: by boot id, process id and start time together, never by process id alone.
//
// It also keeps where the schedules of tasks are, what was decided about each slot, and the places of named
// locks. A turn of the scheduler, which is a cursor, its slots and perhaps a run, is entered whole or not at all.
//
// It knows SQL and the words of package task. It knows no service file, no schedule and no process
// but its own.
package state
