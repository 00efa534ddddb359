//go:build !race

package main

// raceDetector: this test binary has no race detector, and neither have the programs it tests.
const raceDetector = false
