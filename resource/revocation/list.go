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

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/resource"
)

// List is a list of revoked tokens. It implements [resource.Revocations] and prometheus.Collector. It
// is safe for concurrent use. If it is printed, the output does not contain its keys.
//
// If the clock is set back, entries that had ended can be needed again. A list with a Store reads all
// entries again. Without a Store, if such entries were removed, requests are rejected with 503 until the
// clock has reached their end again.
type List struct {
	// The fields that Revision reads are together, for speed.
	store    Store // nil: only this process
	table    *table
	reader   *reader
	revision atomic.Uint64 // incremented after each change of the table

	names          atomic.Pointer[namer]
	maxAge         time.Duration
	acceptOutdated bool
	log            *slog.Logger

	watchers watchers
	reading  outage
	adding   outage // of the records that could not be added before
	metrics  *metrics
}

// New checks the configuration and returns the list. It does no I/O and starts no goroutine. The error
// lists every mistake and contains no part of a key.
func New(c Config) (*List, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	keys := c.Keys
	if c.Store == nil {
		keys = [][]byte{digest.ProcessKey()}
	}
	l := &List{
		store: c.Store, table: newTable(cmp.Or(c.MaxEntries, defaultMaxEntries)),
		maxAge: cmp.Or(c.MaxAge, defaultMaxAge), acceptOutdated: c.AcceptOutdated, log: c.Logger,
		reader: newReader(c),
	}
	l.names.Store(newNamer(keys))
	l.revision.Store(1)
	l.metrics = newMetrics(l)
	return l, nil
}

// Format writes a placeholder for every verb.
func (l *List) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "revocation.List") }

// Add adds entries. They apply in this process at once, and with a Store in all processes, usually
// within a second. Two entries for the same token, subject, client, session or issuer become
// one, with the later IssuedBy and the later Until. If one of them has no IssuedBy, the result has none.
//
// An invalid entry is an error, and then none is added. An entry that has ended has no effect. A full
// list is an error, and then only those entries are added that fit: removing another entry would
// make revoked tokens valid again.
//
// If the store fails, Add returns an error. The entries apply in this process, and [List.Run] adds
// them to the store when it works again, unless the process ends before. Adding them once more
// is harmless.
func (l *List) Add(ctx context.Context, entries ...Entry) error {
	records := make([]Record, 0, len(entries))
	now, names := time.Now(), l.names.Load()
	for _, e := range entries {
		r, err := e.record(names)
		if err != nil {
			return err
		}
		if !r.hasEnded(now) {
			records = append(records, r)
		}
	}
	err := l.apply(records, now)
	if l.store == nil || len(records) == 0 {
		return err
	}
	if err == nil {
		if err = l.addToStore(ctx, records); err != nil {
			err = fmt.Errorf("revocation: the entries apply in this process, but are not in the store yet: %w", err)
		}
	}
	if err != nil {
		l.table.setUnstored(records)
	}
	return err
}

// apply adds records to the table. The error is about one that cannot be added; the others are.
func (l *List) apply(records []Record, now time.Time) (err error) {
	changed := false
	for _, r := range records {
		more, failed := l.table.add(r, now)
		changed = changed || more
		if failed != nil {
			err = failed
		}
	}
	if changed {
		l.changed()
	}
	return err
}

// changed makes the Resources look at the list again. It is called after a change, so that no result
// from before the change has the new revision.
func (l *List) changed() {
	l.revision.Add(1)
	l.watchers.notify()
}

// Revision implements [resource.Revocations]. It returns 0 while the list is not usable: see Ready.
func (l *List) Revision(now time.Time) uint64 {
	if l.usable(now) {
		return l.revision.Load()
	}
	return 0
}

// usable reports whether the entries may be used: without a Store, none is lacking, and with one, the copy
// is not too old.
func (l *List) usable(now time.Time) bool {
	if l.store == nil {
		return !l.table.lacks(now)
	}
	return l.reader.usable(now)
}

// Errors of Revoked and Ready.
var (
	errSetBack  = errors.New("revocation: the clock was set back, and entries that had ended are not in the memory any more")
	errNotRead  = errors.New("revocation: the store was not read yet: check that List.Run runs, and that the store works")
	errOutdated = errors.New("revocation: the copy of the store is too old: check the store")
)

// Ready returns nil if the list is usable: without a Store unless the clock was set back, otherwise if the
// copy of the store is not too old.
func (l *List) Ready(context.Context) error {
	switch {
	case l.usable(time.Now()):
		return nil
	case l.store == nil:
		return errSetBack
	case l.reader.otherKeys.Load():
		return fmt.Errorf("revocation: %w", errOtherKeys)
	case !l.reader.complete():
		return errNotRead
	}
	return errOutdated
}

// Revoked implements [resource.Revocations]. One entry that matches is enough. An entry of the copy
// revokes tokens also while the copy of the store is too old.
func (l *List) Revoked(ctx context.Context, c *resource.Caller) (bool, error) {
	if l.revokes(c, time.Now()) {
		return true, nil
	}
	return false, l.Ready(ctx)
}

// revokes looks for an entry that matches. It skips kinds of which the list has no entries.
func (l *List) revokes(c *resource.Caller, now time.Time) bool {
	names, kinds, issued := l.names.Load(), l.table.counts(), c.IssuedAt()
	subject, client, token := c.Subject(), "", c.TokenDigest()
	if c.OfClient() || subject == "" {
		client = c.ClientID()
	}
	if subject == c.TokenSubject() {
		subject = ""
	}
	for _, entry := range [...]struct {
		kind
		name string
	}{
		{byTokenID, c.TokenID()}, {bySubject, c.TokenSubject()}, {bySubject, subject},
		{byClient, client}, {bySession, c.SessionID()}, {byToken, string(token[:])}, {byIssuer, ""},
	} {
		if kinds[entry.kind] < 1 || entry.name == "" && entry.kind != byIssuer {
			continue
		}
		for key := range names.macs {
			if l.table.revokes(names.name(key, entry.kind, c.Issuer(), entry.name), issued, now) {
				return true
			}
		}
	}
	return false
}

// Watch implements [resource.Revocations]. It calls changed at most once per second.
func (l *List) Watch(changed func()) (stop func()) { return l.watchers.add(changed) }

// Len returns the number of entries. Some of them may have ended.
func (l *List) Len() int { return l.table.len() }
