//go:build race

package resource_test

// raceDetector says that the race detector is on, which allocates for itself.
const raceDetector = true
