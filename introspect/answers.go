package introspect

import (
	"context"
	"time"
)

// Limits of shared answers.
const (
	// sharedTTL is how long a shared answer is used after it was received, if Config.AnswerTTL
	// is 0. It equals the default of resource.Limits.CacheTTL.
	sharedTTL = 5 * time.Minute

	// lockTTL is how long one process keeps the others from calling the endpoint about the same
	// token. They wait that long at most, or two fifths of Config.Timeout if that is shorter.
	lockTTL = 2 * time.Second

	// pollInterval is the time between two reads of the store by a process that waits for the
	// answer of another one.
	pollInterval = 25 * time.Millisecond

	// storeTimeout limits each operation of the store, or a fifth of Config.Timeout if that is
	// shorter.
	storeTimeout = 250 * time.Millisecond

	// maxClockSkew is how far the time at which an answer was received may be in the future.
	maxClockSkew = 30 * time.Second

	// maxGenerationLead is how far the generation of a store may be ahead of the clock. So
	// who can write to the store cannot set a generation that Forget is unable to raise.
	maxGenerationLead = time.Hour

	// maxSharedDocument is the longest answer that is shared, in bytes.
	maxSharedDocument = 16 << 10
)

// Answers is a store for the answers of introspection endpoints that several processes have
// in common. With it, one call is usually enough for all of them. Set it in [Config].Answers.
// Module resource/valkey implements it with Valkey or Redis, and the example of Answers shows
// an implementation for another engine. Verifiers of several issuers can use the same store.
//
// A key is an HMAC. A value is encrypted and authenticated, and has at most 17 KiB. Neither
// reveals a token, a claim or a key to a reader of the store. A reader sees when and how often
// entries change, and the length of an answer. Someone who can write to the store can cause
// calls to the endpoint, and delay a request by at most 2 seconds for each call. They can
// restore an answer that was removed or purged, but only at its own key, and it is not used
// for longer than [Config].AnswerTTL after it was received. They cannot make an answer.
//
// The methods are called concurrently. They must return when ctx ends, which is after 250 ms
// at most. If a method returns an error, the Verifier calls the endpoint as it does without
// a store, and logs the error once in 10 seconds. No token is rejected because of the store. A
// store may lose entries at any time: this costs calls. A method that panics causes the status
// 500 for the requests that wait for it.
type Answers interface {
	// Get returns the value of a key, or nil if the key is absent or has expired. It also
	// returns the generation of the store, or 0 if none was set.
	Get(ctx context.Context, key AnswerKey) (value []byte, generation int64, err error)

	// Put stores a value for ttl. It replaces the present value. If ttl is 0 or negative, it
	// removes the key. A positive ttl is a whole number of milliseconds.
	Put(ctx context.Context, key AnswerKey, value []byte, ttl time.Duration) error

	// PutNew does the same as Put, but only if the key is absent or has expired. It reports
	// whether it stored the value. This must be atomic, because it is the lock that lets one
	// process call the endpoint.
	PutNew(ctx context.Context, key AnswerKey, value []byte, ttl time.Duration) (bool, error)

	// Purge sets the generation of the store to the given number, unless it is higher
	// already. This must be atomic. The generation does not expire. The values of earlier
	// generations stay unused. They need not be removed.
	Purge(ctx context.Context, generation int64) error
}

// AnswerKey is a key in [Answers]. It is different for each token, issuer, endpoint, client and
// generation, and it cannot be computed without [Config].AnswerKeys.
type AnswerKey [32]byte
