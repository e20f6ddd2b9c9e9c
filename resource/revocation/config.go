package revocation

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/internal/configerr"
)

// Defaults and bounds of Config.
const (
	defaultMaxEntries = 1_000_000
	defaultMaxAge     = 5 * time.Second
	minMaxAge         = 2 * time.Second // twice the time between two reads of the store
	maxMaxAge         = time.Hour
)

// Config configures a [List]. The zero value is a list in the memory of one process.
type Config struct {
	// Store has the entries that several processes share. Nil: other processes do not have the
	// entries of this one. With a Store, Keys is required, and [List.Run] must run.
	Store Store

	// Keys are the keys of the names in the store: at most 8, each of at least 32 random bytes. All
	// processes need the same keys. Entries are added with the first key and found with all of
	// them. To replace a key, add the new one at the end in all processes, then move it to the
	// front, and remove the old one when the last entry with it has ended. If the store has an entry
	// that was added with another key, Run logs an error, and requests are rejected with 503 as if the
	// store were not readable.
	Keys [][]byte

	// MaxEntries bounds the list. 0: 1,000,000. An entry needs at most 58 bytes of memory, and twice
	// as much while the list reads all entries of the store. If the store has more
	// entries, the copy is never complete: see MaxAge.
	MaxEntries int

	// MaxAge is how old the copy of the store can be. The list reads the store every second. If the
	// copy is older, for example because of an outage of the store, revoked tokens can be
	// unknown, and every request is rejected with 503. 0: 5 s; from 2 s to 1 h.
	MaxAge time.Duration

	// AcceptOutdated uses the copy however old it is. During an outage of the store, TOKENS THAT ARE
	// REVOKED MEANWHILE STAY VALID in the other processes. It has no effect before the first
	// complete read.
	AcceptOutdated bool

	Logger *slog.Logger // nil: slog.Default()
}

const redactedKeys = "[redacted revocation keys]"

// Format writes a placeholder for every verb, so that logs do not show the keys.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKeys) }

// MarshalText returns a placeholder, so that encoders do not show the keys.
func (c Config) MarshalText() ([]byte, error) { return []byte(redactedKeys), nil }

// check returns an error that lists every mistake and contains no part of a key.
func (c Config) check() error {
	var mistakes configerr.List
	mistakes.AddAt("Keys", commonkey.Check(c.Keys))
	switch hasStore := c.Store != nil; {
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
	return mistakes.Err("revocation: configuration")
}
