package resource

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// DefaultMaxRevocations is the default of RevocationList.MaxEntries.
const DefaultMaxRevocations = 100_000

// Revocation says which tokens of an issuer are no longer good: one by its TokenID,
// or those of a Subject. Exactly one of the two is required, Issuer and Until too.
type Revocation struct {
	Issuer  string
	TokenID string // jti of the token
	Subject string // sub of the tokens; of those without sub, the client

	// IssuedBy spares, for a Subject, tokens that were issued later by the
	// issuer's clock, in a later second at least: those of a new login. Zero
	// spares none. A token without iat is never spared.
	IssuedBy time.Time

	// Until is when the last of the tokens expires. The entry is dropped
	// [MaxLeeway] after it, when no resource accepts them any more.
	Until time.Time
}

// RevocationList is a list in memory for programs that learn of revocations, by a
// logout notification for example. Its method Revoked fits [Config].Revoked. It is
// for one process and gone with it; several processes need to tell one another.
//
// The zero value is ready for use, by many goroutines at once.
type RevocationList struct {
	// MaxEntries bounds the list; 0: 100,000. Set it before the first use.
	MaxEntries int

	mu      sync.RWMutex
	entries map[revoked]Revocation
	sweep   int       // how many entries make it worth to look for those that are over
	next    time.Time // before then there are none
}

// revoked is what an entry is found by.
type revoked struct{ issuer, tokenID, subject string }

var errListFull = errors.New("resource: revocation list is full")

// Add puts a revocation on the list. It takes the place of an entry for the same
// token, or the same subject, if it does not revoke less. A full list takes no more:
// to drop another entry would make revoked tokens good again.
func (l *RevocationList) Add(r Revocation) error {
	switch {
	case r.Issuer == "":
		return errors.New("resource: revocation: Issuer is empty")
	case (r.TokenID == "") == (r.Subject == ""):
		return errors.New("resource: revocation: give TokenID or Subject, one of them")
	case r.TokenID != "" && !r.IssuedBy.IsZero():
		return errors.New("resource: revocation: IssuedBy is for a Subject only")
	case r.Until.IsZero():
		return errors.New("resource: revocation: Until is zero; it is when the tokens expire")
	}
	now := time.Now()
	if r.over(now) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := revoked{r.Issuer, r.TokenID, r.Subject}
	if old, ok := l.entries[key]; ok {
		r = r.joined(old)
	} else if err := l.room(now); err != nil {
		return err
	}
	l.entries[key] = r
	if l.next.IsZero() || r.end().Before(l.next) {
		l.next = r.end()
	}
	return nil
}

// room sees to it that one more entry fits.
func (l *RevocationList) room(now time.Time) error {
	most := orDefault(l.MaxEntries, DefaultMaxRevocations)
	if l.entries == nil {
		l.entries = map[revoked]Revocation{}
	}
	if len(l.entries) >= min(max(l.sweep, 1024), most) && !now.Before(l.next) {
		l.dropOver(now)
	}
	if len(l.entries) >= most {
		return fmt.Errorf("%w: %d entries", errListFull, most)
	}
	return nil
}

func (l *RevocationList) dropOver(now time.Time) {
	l.next = time.Time{}
	for key, r := range l.entries {
		if r.over(now) {
			delete(l.entries, key)
		} else if l.next.IsZero() || r.end().Before(l.next) {
			l.next = r.end()
		}
	}
	l.sweep = 2 * len(l.entries)
}

// joined revokes what either of the two does.
func (r Revocation) joined(old Revocation) Revocation {
	if old.Until.After(r.Until) {
		r.Until = old.Until
	}
	if old.IssuedBy.IsZero() || r.IssuedBy.IsZero() {
		r.IssuedBy = time.Time{}
	} else if old.IssuedBy.After(r.IssuedBy) {
		r.IssuedBy = old.IssuedBy
	}
	return r
}

func (r Revocation) end() time.Time { return r.Until.Add(MaxLeeway) }

func (r Revocation) over(now time.Time) bool { return !now.Before(r.end()) }

// Revoked reports whether the caller's token is on the list.
func (l *RevocationList) Revoked(_ context.Context, c *Caller) bool {
	now := time.Now()
	l.mu.RLock()
	defer l.mu.RUnlock()
	if id := c.TokenID(); id != "" {
		if r, ok := l.entries[revoked{issuer: c.Issuer(), tokenID: id}]; ok && !r.over(now) {
			return true
		}
	}
	r, ok := l.entries[revoked{issuer: c.Issuer(), subject: c.principal()}]
	if !ok || r.over(now) {
		return false
	}
	// iat has whole seconds, cut off: a token of the same second may be an older one.
	issued := c.issuedAt.time()
	return r.IssuedBy.IsZero() || issued.IsZero() || issued.Unix() <= r.IssuedBy.Unix()
}

// Len returns how many entries the list holds, some of which may be over.
func (l *RevocationList) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.entries)
}
