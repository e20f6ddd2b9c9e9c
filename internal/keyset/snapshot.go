package keyset

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/tenant"
)

const (
	staleLimit   = 24 * time.Hour // since the last successful fetch began; then keys are no longer used
	maxTriedKeys = 4              // keys that are tried for one token
)

// snapshot is the result of one fetch. It never changes.
type snapshot struct {
	keys      []*key
	skipped   []SkippedKey
	began     time.Time     // when the fetch began
	interval  time.Duration // until the next refresh; 0: there is none
	refreshAt time.Time     // when the next refresh is due: a little before the interval ends

	// complete is when the last fetch began that bypassed all HTTP caches: every key that
	// was published before is in the snapshot. Zero: there was none.
	complete time.Time
}

// key is a usable key. All entries with the same material for the same algorithm share
// withdrawn, in one snapshot and in later ones, so that cached tokens see it.
type key struct {
	*jose.Key
	withdrawn  *atomic.Bool
	stillValid func(now time.Time) bool // see Set.validity
}

// isFinal reports whether the keys cannot change, because they were configured inline.
func (s *snapshot) isFinal() bool { return s.interval == 0 }

// isStale reports whether the keys are too old to be used.
func (s *snapshot) isStale(now time.Time) bool {
	return !s.isFinal() && now.Sub(s.began) >= staleLimit
}

// isIdle reports whether the set was not used for so long that a refresh is overdue.
func (s *snapshot) isIdle(now time.Time) bool {
	return !s.isFinal() && now.Sub(s.began) >= 2*s.interval
}

// isNewerThan reports whether a token was certainly issued before the last complete fetch, so
// that its key would be in the snapshot. A token without iat can be of any age.
func (s *snapshot) isNewerThan(issuedAt time.Time) bool {
	return !issuedAt.IsZero() && !s.complete.IsZero() && issuedAt.Add(issuerSkew).Before(s.complete)
}

func (s *snapshot) completeTime() time.Time {
	if s == nil {
		return time.Time{}
	}
	return s.complete
}

// signsFor reports whether the key may sign tokens of the issuer. In a set for many tenants a
// key can name one of them, and then verifies only tokens of that tenant.
func (k *key) signsFor(issuer string) bool {
	if k.Issuer == "" || k.Issuer == issuer {
		return true
	}
	_, ok := tenant.Match(k.Issuer, issuer)
	return ok
}

// verify tries the keys that match the token: those with its kid or, if it has none, those
// that support its algorithm. It does not try keys that are in tried, which have failed before.
func (s *snapshot) verify(t Token, tried *snapshot) (*key, error) {
	var matching [maxTriedKeys]*key
	count, hasKeyID := 0, false
	for _, k := range s.keys {
		if t.Header.KeyID != "" && k.ID != t.Header.KeyID || !k.signsFor(t.Issuer) {
			continue
		}
		hasKeyID = t.Header.KeyID != ""
		if k.Accepts(t.Header.Algorithm) {
			if count < len(matching) {
				matching[count] = k
			}
			count++
		}
	}
	switch {
	case count == 0 && hasKeyID:
		return nil, ErrAlgorithm
	case count > len(matching) && !hasKeyID:
		return nil, ErrAmbiguousKey
	}
	for _, k := range matching[:min(count, len(matching))] {
		if !tried.has(k) && k.Verify(t.Token) {
			return k, nil
		}
	}
	if hasKeyID {
		return nil, ErrBadSignature
	}
	return nil, ErrUnknownKey
}

// hasAll reports whether the snapshot has every key of previous, which may be nil.
func (s *snapshot) hasAll(previous *snapshot) bool {
	return previous == nil || !slices.ContainsFunc(previous.keys, func(k *key) bool { return !s.has(k) })
}

// has reports whether the snapshot has the same key under the same kid. s may be nil.
func (s *snapshot) has(k *key) bool {
	if s == nil {
		return false
	}
	for _, other := range s.keys {
		if other.ID == k.ID && other.Equivalent(k.Key) {
			return true
		}
	}
	return false
}

// replace marks as withdrawn the keys of the previous snapshot that this one does not have, and
// takes over the marks of those that it has.
func (s *snapshot) replace(previous *snapshot) {
	if previous == nil {
		return
	}
	for _, old := range previous.keys {
		kept := false
		for _, k := range s.keys {
			if k.Equivalent(old.Key) {
				k.withdrawn, kept = old.withdrawn, true
			}
		}
		if !kept {
			old.withdrawn.Store(true)
		}
	}
}
