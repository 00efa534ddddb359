// Package resource sees the state of a service's resources: mounts, addresses, processes, what a
// check command says, and the last run of a task. It looks and never acts, and it knows nothing of
// files of services, of the record or of the command line.
//
// A driver is one file and one line of drivers. Every look runs under a deadline: what hangs (a
// dead NFS server, a check command) is undef with a warning, and never keeps the caller waiting.
package resource
