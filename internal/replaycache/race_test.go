//go:build race

package replaycache_test

// raceDetector says that the race detector is on. It is slow and needs memory for itself.
const raceDetector = true
