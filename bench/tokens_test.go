package main

import "testing"

// A table says how long its tokens are, and its title must be true of all algorithms.
func TestTokensAreAsLongAsTheyAreSaidToBe(t *testing.T) {
	for _, alg := range algorithms {
		for _, size := range []int{700, 1000, 2500, 16_000} {
			if got := len(newSigner(alg, "k1").token(1, size)); got < size-80 || got > size+30 {
				t.Errorf("%s: %d bytes, want about %d", alg, got, size)
			}
		}
	}
}
