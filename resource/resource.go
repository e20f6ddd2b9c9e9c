package resource

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/metadata"
)

// Resource decides about requests for one protected resource. [New] makes it. It is safe
// for concurrent use. The zero value rejects everything. [Resource.Replace] gives it
// another configuration.
type Resource struct {
	identifier string
	id         string // of this Resource in this process: random
	metrics    *metrics
	streams    atomic.Int64           // open streams
	forgets    atomic.Uint64          // calls of forget
	current    atomic.Pointer[policy] // nil: not made by New

	onRejection atomic.Pointer[[]rejectionFunc] // nil: none

	replacing sync.Mutex // guards the fields below
	replaced  bool       // Replace has changed the policy
	used      bool       // Replace has moved the policy to another Resource
}

var errNotMadeByNew = errors.New("the resource was not made by New")

// New checks the configuration and returns the resource. It does no I/O and starts no
// goroutine. The error lists every mistake, each with its fix. New logs a warning if keys for a
// header field would be introspected when a client sends them as bearer tokens.
func New(c Config) (*Resource, error) {
	p, err := newPolicy(c)
	if err != nil {
		return nil, err
	}
	r := &Resource{identifier: c.Identifier, id: rand.Text(), metrics: newMetrics(c.Identifier)}
	p.attach(r)
	r.current.Store(p)
	p.warnOfBearerKeys(c.Opaque)
	return r, nil
}

// policy returns the policy that decides about new requests.
func (r *Resource) policy() *policy {
	if r != nil {
		if p := r.current.Load(); p != nil {
			return p
		}
	}
	return rejectAll
}

// policyFor returns the policy that decides about a request: the one that accepted its
// caller, so that one policy decides about the whole request. Without such a caller it is
// the current one.
func (r *Resource) policyFor(c *Caller) *policy {
	if p := r.policy(); !p.accepted(c) {
		return p
	}
	return c.policy
}

// Identifier returns Config.Identifier.
func (r *Resource) Identifier() string { return r.identifier }

// Metadata returns the document to publish for Config.Identifier (RFC 9728). See
// [Resource.Documents] for those of all identifiers.
func (r *Resource) Metadata() metadata.Document { return r.policy().document.Clone() }

// ServerMetadata returns HTTPOptions.ServerMetadata, or nil. It is for adapters and for programs
// that serve [Resource.Metadata] at other routes than those of an adapter.
func (r *Resource) ServerMetadata() *metadata.ServerHandler { return r.policy().serverMetadata }

// Leeway returns the effective Limits.Leeway. It is for code that evaluates
// [Caller.Expiry] itself.
func (r *Resource) Leeway() time.Duration { return r.policy().leeway }

// AllowsOrigin reports whether pages of a web origin may send requests: those of Identifier
// and Identifiers, those of HTTPOptions.Origins, and loopback origins if all identifiers are
// loopback addresses. It is for the CORS library in front of the resource, which should call it
// for each request, because [Resource.Replace] can change the result. The metadata is for pages
// of every origin and must be outside of the library.
func (r *Resource) AllowsOrigin(origin string) bool { return r.policy().origins.Allows(origin) }

// Ready returns nil if tokens of every issuer and every credential of Credentials.Headers
// can be verified, and if it is known which of them are revoked. It calls the method
// Ready(context.Context) error of the verifiers, of DPoP.Replays and of Hooks.Revocations, if they have it; the
// others count as ready. It is cheap once keys are loaded.
func (r *Resource) Ready(ctx context.Context) error {
	var errs []error
	check := func(what string, part any) {
		if ready, ok := part.(interface{ Ready(context.Context) error }); ok {
			if err := ready.Ready(ctx); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", what, err))
			}
		}
	}
	p := r.policy()
	for _, v := range p.verifiers() {
		check(fmt.Sprintf("issuer %q", v.issuer), v.verifier)
	}
	check("DPoP proofs", p.proofs.replays)
	check("revocations", p.revocations)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("resource: not ready: %w", err)
	}
	return nil
}

// Forget removes a token from the cache. token is what follows Bearer or DPoP in the header, with
// or without that word, or the value of a field of Credentials.TokenHeaders. The next request
// with the token is verified again. The result of a verification that is in progress is used
// but not cached. A request after Forget does not share an introspection call that began
// before it. Package introspect also forgets all tokens that it has cached as inactive.
//
// Forget does not revoke a token. It makes the issuer be called again, which helps for
// tokens that are introspected. A JWT that is verified by its signature stays valid: use
// package resource/revocation for it.
func (r *Resource) Forget(token string) {
	if fields := strings.Fields(token); len(fields) == 2 && (strings.EqualFold(fields[0], "Bearer") || strings.EqualFold(fields[0], "DPoP")) {
		token = fields[1]
	}
	r.forget(matchToken(token))
}

// ForgetSubject does the same as [Resource.Forget] for all tokens of a subject or of a client:
// those whose sub or Issuer.SubjectClaim is subject, and those whose client_id is subject unless
// they belong to a user. It looks at every cached token.
func (r *Resource) ForgetSubject(issuer, subject string) {
	r.forget(func(_ digest.Digest, c *Caller) bool {
		return c.issuer == issuer && subject != "" &&
			(c.subject == subject || c.sub == subject || c.clientID == subject && c.kind != ofSubject)
	})
}

// forget first makes the verifiers detach their calls in progress, then starts a new cache
// generation, then removes the entries. So a request that begins after the new generation
// cannot share an old call, and the result of one that began before it is not cached.
func (r *Resource) forget(match func(digest.Digest, *Caller) bool) {
	for p := (*policy)(nil); p != r.policy(); { // again if Replace changes the policy meanwhile
		p = r.policy()
		for _, v := range append(p.verifiers(), p.resolver.verifiers()...) {
			if f, ok := v.verifier.(interface{ Forget() }); ok {
				f.Forget()
			}
		}
		p.cache.Purge(match)
	}
	if r != nil {
		r.forgets.Add(1) // last: see HeldToken.Continues
	}
}
