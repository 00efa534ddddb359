//go:build race

package task

// raceDetector: this test binary carries the race detector, which takes memory of its own.
const raceDetector = true
