package apikey

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/regularfile"
)

// Limits of a key file.
const (
	maxFileBytes  = 4 << 20          // size of the file
	checkInterval = 30 * time.Second // minimum time between two reads
	retryInterval = time.Second      // minimum time between two reads until the file has been valid once
)

// keySet is an immutable snapshot of the keys.
type keySet struct {
	entries entries
	loaded  bool              // the entries are from a valid file or from Config.Keys
	sum     [sha256.Size]byte // of the file that the entries are from
	fileErr error             // result of the latest read of the file
	readAt  time.Time         // time of the latest read
}

// due reports whether the file must be read again.
func (s *keySet) due(now time.Time) bool {
	interval := checkInterval
	if !s.loaded {
		interval = retryInterval
	}
	return !now.Before(s.readAt.Add(interval))
}

// keys returns the current keys. If a read of the file is due, the first caller reads it
// and concurrent callers wait: after an idle time, a key that was removed long ago must
// not be accepted again. The wait is short because the file is local and is read at most
// once in 30 seconds.
func (v *Verifier) keys(now time.Time) *keySet {
	set := v.current.Load()
	if v.file == "" || !set.due(now) {
		return set
	}
	v.reading.Lock()
	defer v.reading.Unlock()
	if set = v.current.Load(); set.due(now) {
		set = v.reload(set)
		v.current.Store(set)
	}
	return set
}

// reload reads the file. The result has the current entries if the file is missing or
// invalid.
func (v *Verifier) reload(current *keySet) *keySet {
	next := *current
	var m mistakes
	outcome := v.update(&next, &m)
	next.fileErr = m.err(fmt.Sprintf("file %q", v.file))
	next.readAt = time.Now()
	v.report(current, &next, outcome)
	return &next
}

// update puts the entries of the file into set if the file is valid and has changed.
// If it is invalid, update adds the mistakes to m.
func (v *Verifier) update(set *keySet, m *mistakes) (outcome string) {
	outcome, body, err := readFile(v.file)
	if err != nil {
		m.addf("%w", err)
		return outcome
	}
	sum := sha256.Sum256(body)
	if set.loaded && sum == set.sum {
		return outcomeUnchanged
	}
	updated := v.parse(body, set.entries, m)
	if m.count() > 0 {
		return outcomeMalformed
	}
	set.entries, set.sum, set.loaded = updated, sum, true
	return outcomeLoaded
}

// readFile reads at most maxFileBytes.
func readFile(path string) (outcome string, body []byte, err error) {
	body, err = regularfile.Read(path, maxFileBytes)
	if _, tooLarge := errors.AsType[*regularfile.TooLargeError](err); tooLarge {
		return outcomeTooLarge, nil, err
	}
	if err != nil {
		return outcomeUnreadable, nil, err
	}
	return outcomeLoaded, body, nil
}
