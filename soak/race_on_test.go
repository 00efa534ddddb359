//go:build race

package soak_test

// slow is how much longer a process takes under the race detector, which sees nothing in the short ones of these tests.
const slow = 3

// raceDetector: this test binary carries the race detector, and so does the daemon.
const raceDetector = true
