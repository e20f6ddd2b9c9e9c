// Package revocation holds a list of revoked tokens in memory, for programs that learn of
// revocations, for example from logout notifications. Its method Revoked fits
// [resource.Hooks].Revoked.
package revocation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/warder-go/warder/resource"
)

// defaultMaxEntries is the default of List.MaxEntries.
const defaultMaxEntries = 100_000

// minSweepEntries is the smallest list that is searched for expired entries.
const minSweepEntries = 1024

// Entry says which tokens of an issuer are revoked: the one with a TokenID, those of a Subject,
// or those of a Client. Exactly one of the three is required, and so are Issuer and Until.
type Entry struct {
	Issuer  string
	TokenID string // jti of the token

	// Subject is the sub of the tokens, as logout notices have it. If Issuer.SubjectClaim is
	// set, tokens with that value of the claim are revoked too.
	Subject string

	// Client is the client_id of tokens that belong to the client itself, and of tokens
	// without a subject. Tokens of users that were issued to the client stay valid.
	Client string

	// IssuedBy keeps tokens of a Subject or a Client valid that were issued later, by the issuer's
	// clock and at least in a later second: those of a new login. Zero keeps none. A token
	// without iat is always revoked.
	IssuedBy time.Time

	// Until is when the last of the tokens expires. The entry is removed
	// [resource.MaxLeeway] later, when no resource accepts the tokens any more.
	Until time.Time
}

// List is a list of revoked tokens. It is in the memory of one process: several processes
// must share revocations by other means. The zero value is ready for use. It is safe for
// concurrent use.
type List struct {
	// MaxEntries bounds the list; 0: 100,000. Set it before the first use.
	MaxEntries int

	mu        sync.RWMutex
	entries   map[key]Entry
	sweepSize int       // number of entries from which on expired ones are searched
	nextEnd   time.Time // no entry expires before
}

type key struct{ issuer, tokenID, subject, client string }

var errFull = errors.New("revocation: the list is full")

// Add adds an entry. It replaces an entry for the same token, subject or client, and then
// revokes what either of the two does. A full list is an error: removing another entry would
// make revoked tokens valid again.
func (l *List) Add(e Entry) error {
	switch {
	case e.Issuer == "":
		return errors.New("revocation: Issuer is empty")
	case e.names() != 1:
		return errors.New("revocation: set exactly one of TokenID, Subject and Client")
	case e.TokenID != "" && !e.IssuedBy.IsZero():
		return errors.New("revocation: IssuedBy is for a Subject or a Client only")
	case e.Until.IsZero():
		return errors.New("revocation: Until is zero; it is when the tokens expire")
	}
	now := time.Now()
	if e.hasEnded(now) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := key{e.Issuer, e.TokenID, e.Subject, e.Client}
	if old, ok := l.entries[k]; ok {
		e = e.merge(old)
	} else if err := l.makeRoom(now); err != nil {
		return err
	}
	l.entries[k] = e
	if l.nextEnd.IsZero() || e.end().Before(l.nextEnd) {
		l.nextEnd = e.end()
	}
	return nil
}

// names returns how many of TokenID, Subject and Client are set.
func (e Entry) names() (n int) {
	for _, name := range []string{e.TokenID, e.Subject, e.Client} {
		if name != "" {
			n++
		}
	}
	return n
}

// makeRoom makes room for one more entry, or returns an error.
func (l *List) makeRoom(now time.Time) error {
	limit := l.MaxEntries
	if limit == 0 {
		limit = defaultMaxEntries
	}
	if l.entries == nil {
		l.entries = map[key]Entry{}
	}
	if len(l.entries) >= min(max(l.sweepSize, minSweepEntries), limit) && !now.Before(l.nextEnd) {
		l.removeEnded(now)
	}
	if len(l.entries) >= limit {
		return fmt.Errorf("%w: %d entries", errFull, limit)
	}
	return nil
}

func (l *List) removeEnded(now time.Time) {
	l.nextEnd = time.Time{}
	for k, e := range l.entries {
		if e.hasEnded(now) {
			delete(l.entries, k)
		} else if l.nextEnd.IsZero() || e.end().Before(l.nextEnd) {
			l.nextEnd = e.end()
		}
	}
	l.sweepSize = 2 * len(l.entries)
}

// merge returns an entry that revokes what either of the two does.
func (e Entry) merge(old Entry) Entry {
	if old.Until.After(e.Until) {
		e.Until = old.Until
	}
	if old.IssuedBy.IsZero() || e.IssuedBy.IsZero() {
		e.IssuedBy = time.Time{}
	} else if old.IssuedBy.After(e.IssuedBy) {
		e.IssuedBy = old.IssuedBy
	}
	return e
}

func (e Entry) end() time.Time { return e.Until.Add(resource.MaxLeeway) }

func (e Entry) hasEnded(now time.Time) bool { return !now.Before(e.end()) }

// Revoked reports whether the caller's token is on the list. One entry that matches is enough.
func (l *List) Revoked(_ context.Context, c *resource.Caller) bool {
	now := time.Now()
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.entries) == 0 {
		return false
	}
	issuer := c.Issuer()
	return l.revokes(key{issuer: issuer, tokenID: c.TokenID()}, c, now) ||
		l.revokes(key{issuer: issuer, subject: c.TokenSubject()}, c, now) ||
		l.revokes(key{issuer: issuer, subject: c.Subject()}, c, now) ||
		(c.OfClient() || c.Subject() == "") && l.revokes(key{issuer: issuer, client: c.ClientID()}, c, now)
}

// revokes reports whether the entry with a key revokes the caller's token. No entry has a key
// without a name.
func (l *List) revokes(k key, c *resource.Caller, now time.Time) bool {
	e, ok := l.entries[k]
	if !ok || e.hasEnded(now) {
		return false
	}
	// iat is in whole seconds: a token of the same second can be an older one.
	issued := c.IssuedAt()
	return e.IssuedBy.IsZero() || issued.IsZero() || issued.Unix() <= e.IssuedBy.Unix()
}

// Len returns the number of entries. Some of them may have expired.
func (l *List) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.entries)
}
