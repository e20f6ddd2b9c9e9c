package revocation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/resource"
)

// Defaults and bounds of Config.
const (
	defaultMaxEntries = 1_000_000
	defaultMaxAge     = 5 * time.Second
	minMaxAge         = 2 * time.Second // two times between two reads of the store
	maxMaxAge         = time.Hour
)

// Config configures a [List]. The zero value is a list in the memory of one process.
type Config struct {
	// Store has the entries that several processes share. Nil: other processes do not know the entries of
	// this one. With a Store, Keys is required, and [List.Run] must run.
	Store Store

	// Keys are the keys of the names in the store, at most 8, at least 32 random bytes each. All
	// processes need the same keys. Entries are added with the first key and found with all of them. To
	// replace a key, add the new one at the end in all processes, then move it to the front, and
	// remove the old one when the last entry with it has ended.
	Keys [][]byte

	// MaxEntries bounds the list. 0: 1,000,000. An entry needs at most 58 bytes.
	MaxEntries int

	// MaxAge is how old the copy of the store can be. The list reads the store every second. If the copy
	// is older, for example because of an outage of the store, it is not known which tokens
	// are revoked, and every request is rejected with 503. 0: 5 s; from 2 s to 1 h.
	MaxAge time.Duration

	// AcceptOutdated uses the copy however old it is. During an outage of the store, TOKENS THAT
	// ARE REVOKED MEANWHILE STAY VALID in the other processes. It does not apply before the first complete read.
	AcceptOutdated bool

	Logger *slog.Logger // nil: slog.Default()
}

const redactedKeys = "[redacted revocation keys]"

// Format writes a placeholder for every verb, so that logs do not show the keys.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKeys) }

// MarshalText returns a placeholder, so that encoders do not show the keys.
func (c Config) MarshalText() ([]byte, error) { return []byte(redactedKeys), nil }

// List is a list of revoked tokens. It implements [resource.Revocations] and prometheus.Collector. It
// is safe for concurrent use. If it is printed, the output does not contain its keys.
type List struct {
	store          Store // nil: only this process
	names          atomic.Pointer[namer]
	table          *table
	maxAge         time.Duration
	acceptOutdated bool
	log            *slog.Logger

	revision atomic.Uint64 // incremented after each change of the table
	watchers watchers
	reader   *reader
	metrics  *metrics
}

// New checks the configuration and returns the list. It does no I/O and starts no goroutine. The error
// lists every mistake and contains no part of a key.
func New(c Config) (*List, error) {
	var mistakes configerr.List
	mistakes.AddAt("Keys", commonkey.Check(c.Keys))
	hasStore := c.Store != nil
	switch {
	case hasStore && anyvalue.IsNil(c.Store):
		mistakes.Addf("Store: a nil pointer; leave it out for a list in the memory of this process")
	case hasStore && len(c.Keys) == 0:
		mistakes.Addf("Keys: none; with a Store, configure 1 to %d that all processes have", commonkey.Max)
	case !hasStore && (c.MaxAge != 0 || c.AcceptOutdated || c.Keys != nil):
		mistakes.Addf("Keys, MaxAge, AcceptOutdated: without a Store they have no effect; remove them")
	}
	if c.MaxEntries < 0 {
		mistakes.Addf("MaxEntries: %d is negative; use 0 for %d", c.MaxEntries, defaultMaxEntries)
	}
	if c.MaxAge != 0 && (c.MaxAge < minMaxAge || c.MaxAge > maxMaxAge) {
		mistakes.Addf("MaxAge: %s is not between %s and %s", c.MaxAge, minMaxAge, maxMaxAge)
	}
	if err := mistakes.Err("revocation: configuration"); err != nil {
		return nil, err
	}
	keys := c.Keys
	if !hasStore {
		keys = [][]byte{digest.ProcessKey()}
	}
	l := &List{
		store: c.Store, table: newTable(cmp.Or(c.MaxEntries, defaultMaxEntries)),
		maxAge: cmp.Or(c.MaxAge, defaultMaxAge), acceptOutdated: c.AcceptOutdated, log: c.Logger,
		reader: newReader(),
	}
	l.names.Store(newNamer(keys))
	l.revision.Store(1)
	l.metrics = newMetrics(l)
	return l, nil
}

// Format writes a placeholder for every verb.
func (l *List) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "revocation.List") }

// SetKeys replaces Config.Keys, so that a key can be replaced while the process runs. The error is that of New, and
// then nothing changes.
func (l *List) SetKeys(keys [][]byte) error {
	err := commonkey.Check(keys)
	switch {
	case l.store == nil:
		err = errors.New("without a Store they have no effect")
	case len(keys) == 0:
		err = errors.New("none")
	}
	if err != nil {
		return fmt.Errorf("revocation: Keys: %w", err)
	}
	l.names.Store(newNamer(keys))
	l.revision.Add(1) // an entry that another process made with a new key can match from now on
	l.watchers.notify()
	return nil
}

var errFull = errors.New("revocation: the list is full: raise MaxEntries")

// Add adds entries. They apply in this process at once, and with a Store in all processes, usually within a
// second. An entry for the same token, subject, client, session or issuer then revokes what either of the two does.
//
// An invalid entry is an error, and then none is added. A full list is an error: removing another
// entry would make revoked tokens valid again. If the store fails, the entries apply in this process,
// Add returns an error, and [List.Run] adds them to the store later, unless the process ends before.
func (l *List) Add(ctx context.Context, entries ...Entry) error {
	records := make([]Record, 0, len(entries))
	now, names := time.Now(), l.names.Load()
	for _, e := range entries {
		r, err := e.record(names)
		if err != nil {
			return err
		}
		if r.Until > now.Unix() {
			records = append(records, r)
		}
	}
	if err := l.apply(records, now); err != nil {
		return err
	}
	if l.store == nil || len(records) == 0 {
		return nil
	}
	if err := l.addToStore(ctx, records); err != nil {
		l.reader.repair.Store(true)
		return fmt.Errorf("revocation: the entries apply in this process, but are not in the store yet: %w", err)
	}
	return nil
}

// apply adds records to the table. It stops at the first one that does not fit.
func (l *List) apply(records []Record, now time.Time) (err error) {
	changed := false
	for _, r := range records {
		more, ok := l.table.add(r, now)
		changed = changed || more
		if !ok {
			err = fmt.Errorf("%w: %d entries", errFull, l.table.max)
			break
		}
	}
	if changed {
		l.revision.Add(1) // after the table has changed: see resource.Revocations
		l.watchers.notify()
	}
	return err
}

// Revision implements [resource.Revocations]. It returns 0 while the copy of the store is too old.
func (l *List) Revision(now time.Time) uint64 {
	if l.usable(now) {
		return l.revision.Load()
	}
	return 0
}

// usable reports whether the copy of the store may be used.
func (l *List) usable(now time.Time) bool {
	return l.store == nil || l.reader.age(now) <= l.maxAge || l.acceptOutdated && l.reader.complete()
}

// Errors of Revoked.
var (
	errNotRead  = errors.New("revocation: the store was not read yet: check that List.Run runs, and that the store works")
	errOutdated = errors.New("revocation: the copy of the store is too old: check the store")
)

// Revoked implements [resource.Revocations]. One entry that matches is enough. An entry that is known revokes
// a token also while the copy of the store is too old.
func (l *List) Revoked(_ context.Context, c *resource.Caller) (bool, error) {
	now := time.Now()
	switch {
	case l.revokes(c, now):
		return true, nil
	case l.usable(now):
		return false, nil
	case !l.reader.complete():
		return false, errNotRead
	}
	return false, errOutdated
}

// revokes looks for an entry that matches. The keys of entries of which there are none are not computed.
func (l *List) revokes(c *resource.Caller, now time.Time) bool {
	issued, names := c.IssuedAt(), l.names.Load()
	find := func(k kind, name string) bool {
		if name == "" && k != byIssuer || !l.table.has(k) {
			return false
		}
		for key := range names.macs {
			if l.table.revokes(names.name(key, k, c.Issuer(), name), issued, now) {
				return true
			}
		}
		return false
	}
	digest := c.TokenDigest()
	ofClient := c.OfClient() || c.Subject() == ""
	return find(byTokenID, c.TokenID()) ||
		find(bySubject, c.TokenSubject()) ||
		c.Subject() != c.TokenSubject() && find(bySubject, c.Subject()) ||
		ofClient && find(byClient, c.ClientID()) ||
		find(bySession, c.SessionID()) ||
		digest != [32]byte{} && find(byToken, string(digest[:])) ||
		find(byIssuer, "")
}

// Watch implements [resource.Revocations]. It calls changed at most once per second.
func (l *List) Watch(changed func()) (stop func()) { return l.watchers.add(changed) }

// Len returns the number of entries. Some of them may have ended.
func (l *List) Len() int { return l.table.len() }
