//go:build race

package revocation_test

// raceDetector says that the race detector is on. It is slow and needs memory for itself.
const raceDetector = true
