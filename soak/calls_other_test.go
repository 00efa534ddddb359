//go:build !amd64

package soak_test

// known is a call that passes the gate.
type known struct {
	name         string
	fd, path, to int
}

// knownCalls are none: their numbers are others on each kind of processor. The tests are skipped.
func knownCalls() map[int]known { return nil }
