// Package engine tells om's story: load a service, look at the resources it requires, decide,
// ask, claim, run, settle. It works with no daemon: the command line calls it today, and a tick or a
// daemon will call the same functions.
//
// It knows every room but the command line's and the terminal's; it holds no SQL, no INI and no
// cobra.
package engine
