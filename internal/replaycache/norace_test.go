//go:build !race

package replaycache_test

const raceDetector = false
