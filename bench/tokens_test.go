package main

import "testing"

// The size in a table's title applies to the tokens of every algorithm.
func TestTokenSizes(t *testing.T) {
	for _, alg := range algorithms {
		for _, size := range []int{700, 1000, 2500, 16_000} {
			if got := len(newSigner(alg, "k1").token(1, size)); got < size-80 || got > size+30 {
				t.Errorf("%s: got %d bytes, want about %d", alg, got, size)
			}
		}
	}
}
