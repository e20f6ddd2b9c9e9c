package resource

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/internal/dpopnonce"
	"github.com/warder-go/warder/internal/replaycache"
)

// DPoP configures access tokens that are bound to a key of the client (RFC 9449). The client sends
// such a token with the scheme DPoP, and a new proof in the header field DPoP of each request. A
// proof is signed with the key, for one method, one URL and one token, and is accepted once.
//
// The URL in a proof (htu) is compared with the public URL of the request: the origin of the
// identifier that the request is for, and the path of the request, with HTTPOptions.BasePath in
// front of it. If that path is not the path of the identifier or below it, because a proxy has
// changed it, the URL is compared with the identifier itself. Host and forwarding headers are not
// used. Both URLs are normalized first (RFC 3986 §6.2.2, §6.2.3), and queries are not compared.
//
// A proof does not cover the body.
type DPoP struct {
	// Tokens says which tokens are accepted. Issuer.DPoP can differ from it. BindingRequired
	// applies to all credentials, so it cannot be combined with Credentials.Headers and
	// TokenHeaders.
	Tokens Binding

	// Algorithms are the accepted algorithms of proofs, which are also published. Nil: ES256,
	// ES384, ES512, PS256, PS384, PS512, EdDSA and Ed25519. RS256, RS384 and RS512 are possible
	// too. An algorithm with a secret is a mistake.
	Algorithms []string

	// Window is how far the time of a proof (iat) can be from now, in both directions. 0: 60 s;
	// at most 5 min. It must cover the difference of the clocks. After Resource.Replace with a
	// longer one, it takes some minutes until it applies, because the proofs that were used before
	// are not stored for longer. Processes that share Replays need the same Window.
	Window time.Duration

	// RequireNonce accepts only proofs with a nonce that a Resource made (RFC 9449 §9), which
	// proves that the client made the proof within the last five minutes. A proof without one is
	// rejected with 401, with a nonce in the header field DPoP-Nonce. The client then repeats the
	// request. The response to an accepted request has a new nonce before the old one expires.
	RequireNonce bool

	// NonceKeys are the keys of nonces, at most 8, at least 32 random bytes each. The first makes
	// nonces, and all are accepted. Several processes that serve one identifier must have the same
	// keys. To replace a key, add the new one at the end in all processes, then move it to the
	// front, and remove the old one five minutes later. Nil: a random key of this process.
	NonceKeys [][]byte

	// Replays stores which proofs were used. Nil: the memory of this process. Several
	// processes that serve one identifier should share one; otherwise a stolen proof can be used
	// once at each of them. If two Resources decide about the same request, one behind the other,
	// they must not share one: the second would reject the proof that the first has accepted.
	Replays Replays

	// MaxProofs and MaxProofsPerKey limit the memory of this process, if Replays is nil: how many
	// proofs it stores, and how many of one key. 0: 500,000 and 50,000. A proof takes at most 62
	// bytes and is stored until its iat is too old, so with the default Window the memory takes
	// at most 31 MB and is enough for 8,000 requests per second, 800 of one key. If the memory is
	// full, a request with a bound token is rejected with 503, and if only the proofs of its key are
	// too many, with 429.
	MaxProofs       int
	MaxProofsPerKey int
}

// Defaults and bounds of DPoP.
const (
	defaultProofWindow     = time.Minute
	maxProofWindow         = 5 * time.Minute
	defaultMaxProofs       = 500_000
	defaultMaxProofsPerKey = 50_000
)

// Replays stores which DPoP proofs were used (RFC 9449 §11.1). It is called concurrently, and
// once for each request with a valid proof. If a Replays is also a prometheus.Collector,
// [Resource.Metrics] includes its series.
type Replays interface {
	// Once stores that a proof is used, until the time until. A store of several processes must
	// keep it for some seconds longer, such as ten: a replay that was checked just before until can
	// reach the store later, and the clocks of the processes can differ.
	//
	// Once returns nil for the first use. [ErrReplayed] means that the proof was used before, and
	// [ErrTooManyProofs] that its key has too many proofs at the moment. [ErrProofsLost] means that
	// proofs that were used after proof.MadeAfter may have been lost, for example because another
	// server has become the primary: if nonces are required, the client is asked for a proof with a
	// new one. Every other error, also that of ctx, means that it is not known: the request is
	// rejected with 503. Once must honour ctx.
	Once(ctx context.Context, proof ProofID, until time.Time) error
}

// ProofID identifies a DPoP proof.
type ProofID struct {
	Key   [32]byte // SHA-256 thumbprint of the key (RFC 7638)
	Proof [32]byte // SHA-256 of the thumbprint, jti and htu

	// MadeAfter is a time before which the proof was certainly not made: that of its nonce or,
	// without nonces, its iat less DPoP.Window, because the clock of the client can be ahead.
	MadeAfter time.Time
}

// Errors of [Replays].
var (
	ErrReplayed      = errors.New("resource: the DPoP proof was used before")
	ErrTooManyProofs = errors.New("resource: too many DPoP proofs of one key")

	// ErrProofsLost results in 401 with a new nonce if nonces are required, else in 503.
	ErrProofsLost = errors.New("resource: DPoP proofs may have been lost that were used after this one was made")

	errProofsForgotten = errors.New("the clock was set back, so it is not known whether the DPoP proof was used before")
	errProofsFull      = errors.New("the memory for DPoP proofs is full: raise DPoP.MaxProofs (dpop_max_proofs)")
)

// proofs is the compiled form of DPoP.
type proofs struct {
	checker *dpop.Checker
	window  proofWindow
	replays Replays
	memory  *replaycache.Cache // nil if Config has Replays
	nonces  *dpopnonce.Source  // nil: not required
}

// memoryReplays are the Replays in the memory of a process.
type memoryReplays struct{ cache *replaycache.Cache }

// Once implements Replays.
func (m memoryReplays) Once(_ context.Context, proof ProofID, until time.Time) error {
	switch m.cache.Once(proof.Key, proof.Proof, time.Now(), until) {
	case replaycache.First:
		return nil
	case replaycache.Replayed:
		return ErrReplayed
	case replaycache.KeyFull:
		return ErrTooManyProofs
	case replaycache.Full:
		return errProofsFull
	}
	return errProofsForgotten
}

// continueFrom keeps the proofs that were used, with the limits of this configuration.
func (p *proofs) continueFrom(old *proofs) {
	p.window.continueFrom(&old.window, time.Now())
	if p.memory != nil && old.memory != nil {
		old.memory.SetLimits(p.memory.Limits())
		p.memory, p.replays = old.memory, old.replays
	}
}

// setDPoP checks and compiles Credentials.DPoP.
func (b *builder) setDPoP() {
	const where = "Credentials.DPoP."
	c, p := &b.config.Credentials.DPoP, &b.policy.proofs
	b.checkBinding(where+"Tokens", c.Tokens)
	b.policy.bindings.dpop = c.Tokens
	var err error
	if p.checker, err = dpop.NewChecker(c.Algorithms); err != nil {
		b.mistakes.AddAt(where+"Algorithms", err)
	}
	if p.window.length = cmp.Or(c.Window, defaultProofWindow); p.window.length < time.Second || p.window.length > maxProofWindow {
		b.mistakes.Addf("%sWindow: %s is not between 1 s and %s", where, c.Window, maxProofWindow)
	}
	err = commonkey.Check(c.NonceKeys)
	b.mistakes.AddAt(where+"NonceKeys", err)
	switch {
	case c.RequireNonce && err == nil:
		p.nonces = dpopnonce.New(c.NonceKeys)
	case c.NonceKeys != nil && !c.RequireNonce:
		b.mistakes.Addf("%sNonceKeys: RequireNonce is not set, so the keys have no effect; set it, or remove the keys", where)
	}
	b.setReplays()
}

// setReplays checks and compiles where used proofs are stored.
func (b *builder) setReplays() {
	const where = "Credentials.DPoP."
	c, p := &b.config.Credentials.DPoP, &b.policy.proofs
	entries, perKey := cmp.Or(c.MaxProofs, defaultMaxProofs), cmp.Or(c.MaxProofsPerKey, defaultMaxProofsPerKey)
	switch {
	case entries < 0 || perKey < 0:
		b.mistakes.Addf("%sMaxProofs, MaxProofsPerKey: negative; use 0 for the default", where)
	case c.Replays != nil && anyvalue.IsNil(c.Replays):
		b.mistakes.Addf("%sReplays: a nil pointer; leave it out for the memory of this process", where)
	case c.Replays != nil && (c.MaxProofs != 0 || c.MaxProofsPerKey != 0):
		b.mistakes.Addf("%sMaxProofs, MaxProofsPerKey: these are for the memory of this process, and Replays is set; remove them", where)
	case c.Replays != nil:
		p.replays = c.Replays
	default:
		p.memory = replaycache.New(replaycache.Limits{Entries: entries, PerKey: min(perKey, entries)})
		p.replays = memoryReplays{p.memory}
	}
}
