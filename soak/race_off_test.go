//go:build !race

package soak_test

const slow = 1

// raceDetector: this test binary carries the race detector, and so does the daemon.
const raceDetector = false
