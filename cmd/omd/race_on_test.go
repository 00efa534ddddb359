//go:build race

package main

// raceDetector: this test binary carries the race detector, and so do the programs it tests.
const raceDetector = true
