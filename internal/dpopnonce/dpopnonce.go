// Package dpopnonce makes and checks the nonces that a resource server requires in DPoP proofs
// (RFC 9449 §9). Nothing is stored: a nonce is a time with an HMAC. A nonce is not bound to a
// client or to a token, and it can be used several times until it expires. It only shows that
// the proof is recent. Package dpopnonce does not detect replayed proofs.
package dpopnonce

import (
	"encoding/base64"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/internal/digest"
)

const (
	// nonceLifetime is the time for which a nonce is accepted.
	nonceLifetime = 5 * time.Minute

	// agingAfter is the age at which a client should get a new nonce.
	agingAfter = nonceLifetime / 2

	// maxAhead is how far the clock of the replica that made a nonce can be ahead.
	maxAhead = 30 * time.Second
)

// State is the result of a check.
type State int

// The states of a nonce. The zero value is Invalid.
const (
	Invalid State = iota // not accepted: the response has a new nonce and the error use_dpop_nonce (RFC 9449 §9)
	Aging                // accepted: the response should have a new nonce (RFC 9449 §8.2)
	Fresh                // accepted
)

// Source makes and checks nonces. It is safe for concurrent use. If it is printed, the output
// does not contain its keys.
type Source struct {
	keys   []*key
	latest atomic.Pointer[made]
}

// made is a nonce with the second for which it was made.
type made struct {
	second int64
	nonce  string
}

// New returns a Source. It makes nonces with the first key, and it accepts those of all keys.
// Replicas of a server need the same keys, because a client can send the nonce of one replica
// to another. To rotate a key without rejecting nonces, add the new key at the end in all
// replicas, then move it to the front, and remove the old key after 5 minutes.
//
// Without keys, New uses a random key, which is the same in the whole process. New panics if
// [commonkey.Check] returns an error. It does not keep the slices. The keys can have other uses too:
// New derives its own keys from them.
func New(keys [][]byte) *Source {
	if err := commonkey.Check(keys); err != nil {
		panic("dpopnonce: keys: " + err.Error())
	}
	if len(keys) == 0 {
		keys = [][]byte{digest.ProcessKey()}
	}
	s := &Source{}
	for _, k := range keys {
		s.keys = append(s.keys, newKey(k))
	}
	return s
}

// Format writes a placeholder for every verb.
func (*Source) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted nonce keys]") }

// Make returns the nonce of the current second. It consists of 32 characters of the base64url
// alphabet, which are NQCHAR (RFC 9449 §8.1).
func (s *Source) Make(now time.Time) string {
	second := now.Unix()
	if latest := s.latest.Load(); latest != nil && latest.second == second {
		return latest.nonce
	}
	var b [nonceBytes]byte
	putSecond(&b, second)
	s.keys[0].sum(&b)
	latest := &made{second, base64.RawURLEncoding.EncodeToString(b[:])}
	s.latest.Store(latest)
	return latest.nonce
}

// Check returns Fresh or Aging for a nonce that was made with one of the keys less than 5
// minutes ago, or at most 30 seconds in the future. A nonce is Aging from half of its lifetime,
// or if it was not made with the first key. All other text is Invalid, and the result does not
// show why. made is when an accepted nonce was made. Check does not allocate memory.
func (s *Source) Check(nonce string, now time.Time) (state State, made time.Time) {
	if len(nonce) != nonceLength {
		return Invalid, made
	}
	var b [nonceBytes]byte
	// The decoder skips line breaks, so the number of bytes is a part of the check. 32 characters
	// have no unused bits: no other text has these bytes.
	if n, err := base64.RawURLEncoding.Decode(b[:], []byte(nonce)); err != nil || n != nonceBytes || b[0] != version {
		return Invalid, made
	}
	made = time.Unix(secondOf(&b), 0)
	age := now.Sub(made)
	if age >= nonceLifetime || age < -maxAhead {
		return Invalid, time.Time{}
	}
	for i, k := range s.keys {
		switch {
		case !k.verifies(&b):
		case i > 0 || age >= agingAfter:
			return Aging, made
		default:
			return Fresh, made
		}
	}
	return Invalid, time.Time{}
}
