//go:build race

package cmd_test

// raceDetector: this test binary carries the race detector, and what it starts counts its pages.
const raceDetector = true
