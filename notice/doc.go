// Package notice knows what is told of the runs of tasks, and keeps what is still to be told: the spool.
//
// Whoever records the end of a run leaves an event here, a file each, and goes on: nothing in this package
// waits for anybody. Who delivers the events is not known here, nor how: that is omd notify's.
package notice
