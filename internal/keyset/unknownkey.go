package keyset

import (
	"context"
	"errors"
	"time"
)

const (
	waitLimit   = 3 * time.Second  // a request waits for keys
	maxWaiting  = 64               // requests that wait because of an unknown key
	issuerSkew  = 30 * time.Second // an issuer's clock may differ, when a token is compared with a fetch
	maxPending  = 5 * time.Second  // the longest PendingError.RetryAfter
	minWaitTime = time.Second      // the shortest RetryAfter of any error
)

// verdict is what a fetch means for a token with an unknown key.
type verdict int

const (
	found      verdict = iota // the key was fetched, and the signature is valid
	rejected                  // the issuer does not have the key
	undecided                 // the fetch began before the token arrived: fetch again
	noBudget                  // no fetch is permitted now
	fetchError                // the fetch failed
)

// awaitKey fetches keys for a token whose key is not among the known ones, because the issuer
// may have published it meanwhile, and waits 3 s at most.
//
// A client can send any number of tokens with invented keys. So these fetches come from a
// budget of their own (see unknownKeyRate), which fetches on schedule do not use: in quiet times a new
// key is accepted at once, and in a flood within 5 s. While the budget is used up, a token that was
// issued before the last complete fetch is rejected, because that fetch should have had its key,
// and a younger one gets a [*PendingError]. While there is budget, the age of the token does not
// matter, because an issuer can sign with a key before it publishes the key.
func (s *Set) awaitKey(ctx context.Context, t Token, known *snapshot, arrived time.Time) (*key, error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		return nil, s.withoutFetch(t)
	}
	ctx, cancel := context.WithDeadlineCause(ctx, arrived.Add(waitLimit), errTooSlow)
	defer cancel()
	for {
		result, err := s.start(unknownKey).wait(ctx)
		if err != nil {
			if errors.Is(err, errTooSlow) {
				return nil, &UnavailableError{RetryAfter: minWaitTime, Err: err}
			}
			return nil, ctx.Err()
		}
		k, verdict, err := s.judge(t, known, result, arrived)
		switch verdict {
		case found:
			return k, nil
		case rejected:
			return nil, err
		case fetchError:
			return nil, s.unavailable(unknownKey, result.err)
		case noBudget:
			return nil, s.withoutFetch(t)
		case undecided:
		}
	}
}

// judge decides about a token after a fetch. tried are keys that did not verify it before. The
// error says why the known keys do not accept it.
func (s *Set) judge(t Token, tried *snapshot, result fetchResult, arrived time.Time) (*key, verdict, error) {
	latest := s.current.Load()
	k, err := latest.verify(t, tried)
	switch {
	case err == nil:
		return k, found, nil
	case !errors.Is(err, ErrUnknownKey): // its kid is known now
		return nil, rejected, err
	case !result.ran:
		return nil, noBudget, err
	case result.err != nil:
		return nil, fetchError, err
	case result.complete && !result.began.Before(arrived):
		return nil, rejected, err
	}
	return nil, undecided, err
}

// withoutFetch decides about a token with an unknown key when no fetch is permitted.
func (s *Set) withoutFetch(t Token) error {
	switch latest := s.current.Load(); {
	case latest.isNewerThan(t.IssuedAt):
		return ErrUnknownKey
	case s.lastFetchFailed():
		return s.unavailable(unknownKey, s.lastFailure())
	}
	next := time.Until(s.earliest(unknownKey))
	return &PendingError{RetryAfter: min(max(next, minWaitTime), maxPending)}
}

func (s *Set) lastFetchFailed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastErr != nil
}

// unavailable returns an error that says when a fetch for that reason is next permitted.
func (s *Set) unavailable(why reason, err error) error {
	return &UnavailableError{RetryAfter: max(time.Until(s.earliest(why)), minWaitTime), Err: err}
}
