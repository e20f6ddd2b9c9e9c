// Package commonkey checks secret keys that several processes have in common, and derives keys
// for single purposes from them. The first of several keys is used to make something, and all of
// them are accepted, so that a key can be replaced while the processes run.
package commonkey

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

const (
	// MinBytes is the minimum length of a key, in bytes.
	MinBytes = 32

	// Max is the maximum number of keys.
	Max = 8
)

// Check returns an error if a key is too short, if two keys are equal or if more than Max are
// given. No keys are not an error. Errors do not contain a key.
func Check(keys [][]byte) error {
	var errs []error
	if len(keys) > Max {
		errs = append(errs, fmt.Errorf("has %d keys; at most %d are possible: remove the oldest ones", len(keys), Max))
	}
	seen := map[string]int{}
	for i, k := range keys {
		if len(k) < MinBytes {
			errs = append(errs, fmt.Errorf("key %d has %d bytes; want at least %d random bytes", i+1, len(k), MinBytes))
		}
		if first, ok := seen[string(k)]; ok {
			errs = append(errs, fmt.Errorf("key %d equals key %d: remove one of them", i+1, first))
			continue
		}
		seen[string(k)] = i + 1
	}
	return errors.Join(errs...)
}

// Derive returns a key of 32 bytes for a purpose (RFC 5869). Keys for different purposes do not
// reveal each other. The key must have at least MinBytes.
func Derive(key []byte, purpose string) []byte {
	derived, err := hkdf.Key(sha256.New, key, nil, purpose, sha256.Size)
	if err != nil {
		panic("commonkey: " + err.Error()) // only for short keys, in FIPS mode
	}
	return derived
}
