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

// Entry says which tokens of an issuer are revoked: the one with a TokenID, or those of a
// Subject. Exactly one of the two is required, and so are Issuer and Until.
type Entry struct {
	Issuer  string
	TokenID string // jti of the token
	Subject string // sub of the tokens; for tokens without sub, the client

	// IssuedBy keeps tokens of a Subject valid that were issued later, by the issuer's
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

type key struct{ issuer, tokenID, subject string }

var errFull = errors.New("revocation: the list is full")

// Add adds an entry. It replaces an entry for the same token or the same subject, and then
// revokes what either of the two does. A full list is an error: removing another entry would
// make revoked tokens valid again.
func (l *List) Add(e Entry) error {
	switch {
	case e.Issuer == "":
		return errors.New("revocation: Issuer is empty")
	case (e.TokenID == "") == (e.Subject == ""):
		return errors.New("revocation: set exactly one of TokenID and Subject")
	case e.TokenID != "" && !e.IssuedBy.IsZero():
		return errors.New("revocation: IssuedBy is for a Subject only")
	case e.Until.IsZero():
		return errors.New("revocation: Until is zero; it is when the tokens expire")
	}
	now := time.Now()
	if e.hasEnded(now) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := key{e.Issuer, e.TokenID, e.Subject}
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

// Revoked reports whether the caller's token is on the list.
func (l *List) Revoked(_ context.Context, c *resource.Caller) bool {
	now := time.Now()
	l.mu.RLock()
	defer l.mu.RUnlock()
	if id := c.TokenID(); id != "" {
		if e, ok := l.entries[key{issuer: c.Issuer(), tokenID: id}]; ok && !e.hasEnded(now) {
			return true
		}
	}
	subject := c.Subject()
	if subject == "" {
		subject = c.ClientID()
	}
	e, ok := l.entries[key{issuer: c.Issuer(), subject: subject}]
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
