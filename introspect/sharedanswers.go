package introspect

import (
	"context"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/resource"
)

// Sharing of answers has these steps, for each token and process:
//
//  1. lookUpShared reads the entry about the token, in the present generation of the store.
//  2. If there is a result, it is used.
//  3. If the store has no entry, the process takes the lock: it stores a pending entry.
//  4. If another process has the lock, await reads the entry until there is a result.
//  5. Without a result after that, or if the store fails, the process calls the endpoint.
//  6. shareResult replaces the entry, or removes the lock if there is nothing to share.
//
// The keys in the store contain the generation. A purge raises it, so that no earlier entry is
// found again. An entry is bound to the generation that was read before the call, so a result
// that was received during a purge is not found either.

// sharedAnswers is the use of Config.Answers by one Verifier. It is safe for concurrent use.
type sharedAnswers struct {
	store      Answers
	keys       []answerKeys  // the first stores, all read
	settings   string        // see answerSettings
	ttl        time.Duration // limit of the use of an answer after it was received
	maxWait    time.Duration // for one lookup
	timeout    time.Duration // for one operation of the store
	generation generation
	locks      lockBudget
	logs       storeLog
}

// newSharedAnswers returns nil if answers are not shared.
func newSharedAnswers(c Config, hint string) *sharedAnswers {
	if c.Answers == nil || c.AnswerTTL < 0 { // a negative AnswerTTL asks for a call for each request
		return nil
	}
	s := &sharedAnswers{
		store: c.Answers, settings: answerSettings(c, hint), ttl: c.AnswerTTL,
		maxWait: min(lockTTL, c.Timeout*2/5), timeout: min(storeTimeout, c.Timeout/5),
	}
	if s.ttl == 0 {
		s.ttl = sharedTTL
	}
	for _, key := range c.AnswerKeys {
		s.keys = append(s.keys, newAnswerKeys(key))
	}
	return s
}

// sharedLookup is what a lookup found, or what shareResult needs after a call.
type sharedLookup struct {
	found   bool
	result  result
	failure *failure

	place    *place // nil: do not use the store after the call
	lock     lockState
	lockEnds time.Time // when the store removes the lock at the latest
}

// resolveShared is callInTurn with a store: it uses a result that another process has shared, and
// shares the result of its own call.
func (v *Verifier) resolveShared(queueCtx context.Context, c *sharedCall, token digest.Digest, t *resource.Token) (r result, f *failure) {
	l := v.lookUpShared(queueCtx, token, t.Claims())
	if l.found {
		return l.result, l.failure
	}
	f = newFailure(oauthendpoint.Panicked, errCallPanic) // replaced unless the call panics
	defer func() { v.shareResult(l, r, f) }()
	return v.callInTurn(queueCtx, c, t)
}

// lookUpShared looks for a result in the store. If there is none, it takes the lock or waits for
// the process that has it. It holds no slot of the queue, and ends its wait with queueCtx.
func (v *Verifier) lookUpShared(queueCtx context.Context, token digest.Digest, jwt *resource.Claims) (l sharedLookup) {
	s := v.shared
	ctx, cancel := context.WithTimeout(queueCtx, s.maxWait)
	defer cancel()
	p := place{settings: s.settings, token: token}
	var ok bool
	if p.endpoint, ok = v.endpointForLookup(ctx); !ok {
		return sharedLookup{} // callInTurn reports the reason
	}
	p, e, err := s.find(ctx, p)
	l.place = &p
	if err == nil && e.kind == noEntry {
		l.lock, err = s.takeLock(ctx, p)
		l.lockEnds = time.Now().Add(lockTTL)
	}
	waits := e.isLock(time.Now()) || l.lock == lockOfOther
	if err == nil && waits {
		e, err = s.await(ctx, p)
	}
	if err != nil {
		v.storeFailed(queueCtx, err)
		return sharedLookup{}
	}
	l.result, l.failure, l.found = v.sharedResult(e, p, jwt, time.Now())
	if queueCtx.Err() == nil {
		v.metrics.countShared(l.outcome(e, waits))
	}
	return l
}

// endpointForLookup returns the URL of the endpoint. A discovery for it is subject to the breaker,
// as it is in a call.
func (v *Verifier) endpointForLookup(ctx context.Context) (string, bool) {
	if v.endpoint.KnownURL() == "" && v.guard.Check() != nil {
		return "", false
	}
	url, err := v.endpoint.URL(ctx)
	return url, err == nil
}

// outcome returns the value of the metric for a lookup that did not fail.
func (l sharedLookup) outcome(e entry, waited bool) sharedOutcome {
	switch {
	case waited && l.found:
		return sharedWaited
	case waited:
		return sharedLostLock
	case l.found && l.failure != nil:
		return sharedRejected
	case l.found:
		return sharedHit
	case e.kind != noEntry:
		return sharedUnreadable
	case l.lock == lockTaken:
		return sharedMiss
	}
	return sharedSkipped
}

// await reads the entry at a place until it is not a lock any more. It returns no entry if the
// lock is removed or the time is over.
func (s *sharedAnswers) await(ctx context.Context, p place) (entry, error) {
	timer := time.NewTimer(pollInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return entry{}, nil
		case <-timer.C:
		}
		e, _, err := s.read(ctx, p) // no entry after a purge
		switch {
		case ctx.Err() != nil:
			return entry{}, nil
		case err != nil || !e.isLock(time.Now()):
			return e, err
		}
		timer.Reset(pollInterval)
	}
}

// shareResult replaces the entry about a token after a call of this process. It does nothing
// after a purge: no process looks for an entry of an earlier generation, and this result may be
// older than the purge.
func (v *Verifier) shareResult(l sharedLookup, r result, f *failure) {
	s := v.shared
	if l.lock == lockTaken {
		s.locks.give(time.Now(), f == nil)
	}
	if l.place == nil || s.generation.current() != l.place.generation {
		return
	}
	e, ttl := v.sharedEntry(l, r, f)
	ttl = max(0, ttl.Truncate(time.Millisecond))
	if ttl == 0 && (l.lock != lockTaken || !time.Now().Before(l.lockEnds)) {
		return // after its end, another process may have stored an entry
	}
	if err := s.put(*l.place, e, ttl); err != nil {
		v.storeFailed(context.Background(), err)
	}
}
