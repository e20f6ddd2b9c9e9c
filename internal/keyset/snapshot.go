package keyset

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/internal/tenant"
)

// Limits of size.
const (
	MaxKeys      = 64 // in a document; one with more is refused whole
	MaxSameKeyID = 4  // keys under one kid that are tried for one token
)

// A snapshot is what one fetch brought. It never changes.
type snapshot struct {
	keys     []*key
	skipped  int
	begun    time.Time     // when its fetch began
	interval time.Duration // until the next; 0: there is none

	revalidated bool // it came past all caches

	refreshAt time.Time // when the next is due: a little before the interval ends
}

// key is a usable key. withdrawn is shared by all entries, in one snapshot and in
// those that follow, that hold the same material for the same algorithm, so that
// remembered tokens see it.
type key struct {
	*jose.Key
	withdrawn *atomic.Bool
	live      func(now time.Time) bool // see Set.liveness
}

// final reports whether the keys can't change: they were given inline.
func (s *snapshot) final() bool { return s.interval == 0 }

func (s *snapshot) stale(now time.Time) bool {
	return !s.final() && now.Sub(s.begun) >= StaleLimit
}

// newerThan reports whether the fetch surely began after a token of that age was
// issued, so that its key would have been there. A zero time tells nothing.
func (s *snapshot) newerThan(issuedAt time.Time) bool {
	return !issuedAt.IsZero() && issuedAt.Add(IssuerSkew).Before(s.begun)
}

// idle reports whether nobody has asked for so long that a refresh is well overdue.
func (s *snapshot) idle(now time.Time) bool {
	return !s.final() && now.Sub(s.begun) >= 2*s.interval
}

// signsFor reports whether the key may sign tokens of the issuer: in a set for many
// tenants a key that names one must not vouch for another.
func (k *key) signsFor(issuer string) bool {
	if k.Issuer == "" || k.Issuer == issuer {
		return true
	}
	_, ok := tenant.Match(k.Issuer, issuer)
	return ok
}

// verify tries the keys that fit: those of the token's kid, or, if it has none, the
// only one that fits its algorithm.
func (s *snapshot) verify(t Token) (*key, error) {
	var fitting [MaxSameKeyID]*key
	count := 0
	for _, k := range s.keys {
		if (t.Header.KeyID == "" || k.ID == t.Header.KeyID) && k.Accepts(t.Header.Algorithm) && k.signsFor(t.Issuer) {
			if count < len(fitting) {
				fitting[count] = k
			}
			count++
		}
	}
	if count == 0 || t.Header.KeyID == "" && count > 1 {
		return nil, ErrUnknownKey
	}
	for _, k := range fitting[:min(count, len(fitting))] {
		if k.Verify(t.Token) {
			return k, nil
		}
	}
	return nil, ErrBadSignature
}

var documentNames = strictjson.NewNames("keys")

// Errors about a whole document; both leave the keys at hand as they are.
var (
	errNoKeys      = errors.New("keyset: no usable key in the document")
	errTooManyKeys = fmt.Errorf("keyset: more than %d keys in the document", MaxKeys)
)

// parse reads a JWK Set (RFC 7517 §5). A key that is unusable is skipped and
// counted, so that one exotic key does not cost the others; a document that is no
// JWK Set, or leaves no key, is an error.
func parse(document []byte) (keys []*key, skipped int, err error) {
	found, elements := false, 0
	err = strictjson.Object(document, documentNames, func(_ string, value jsontext.Value) error {
		found = true
		return strictjson.Elements(value, func(element jsontext.Value) error {
			if elements++; elements > MaxKeys {
				return errTooManyKeys
			}
			parsed, err := jose.ParseKey(element)
			if err != nil {
				skipped++
				return nil
			}
			k := &key{Key: parsed, withdrawn: new(atomic.Bool)}
			for _, other := range keys { // the same key under another kid
				if other.Equivalent(parsed) {
					k.withdrawn = other.withdrawn
				}
			}
			keys = append(keys, k)
			return nil
		})
	})
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("keyset: %w", err)
	case !found:
		return nil, 0, errors.New("keyset: document has no member \"keys\"")
	case len(keys) == 0:
		return nil, skipped, errNoKeys
	}
	return keys, skipped, nil
}

// follow marks as withdrawn what the older snapshot had and this one has not, and
// carries over the marks of what both have.
func (s *snapshot) follow(older *snapshot) {
	if older == nil {
		return
	}
	for _, was := range older.keys {
		still := false
		for _, is := range s.keys {
			if is.Equivalent(was.Key) {
				is.withdrawn, still = was.withdrawn, true
			}
		}
		if !still {
			was.withdrawn.Store(true)
		}
	}
}
