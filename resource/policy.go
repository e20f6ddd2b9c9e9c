package resource

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/clientcert"
	"github.com/warder-go/warder/internal/condition"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/login"
	"github.com/warder-go/warder/internal/loglimit"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/tokencache"
	"github.com/warder-go/warder/internal/weborigin"
	"github.com/warder-go/warder/metadata"
)

// policy is the compiled form of one Config. It takes all decisions and never changes once
// it is in use.
type policy struct {
	owner *Resource // nil only for rejectAll

	// Who a caller is. See sameCallers.
	issuers  map[string]*issuer // by exact identifier
	tenanted []*issuer          // by pattern
	resolver *resolver          // nil: all issuers are configured
	opaque   *issuer
	prefixed []prefixedIssuer // the longest prefix first
	leeway   time.Duration
	lifetime time.Duration
	cache    *tokencache.Cache[*Caller] // identity only: permission is checked on every use; nil: nothing is cached

	// How tokens are bound to their clients.
	bindings              bindings // without those of issuers
	proofs                proofs
	certificates          *clientcert.Reader
	readsCertificateField bool
	offers                offers
	requireDPoP           map[string]bool // issuers whose tokens must be bound to a key

	// What a request may contain, and what its caller may do.
	endpoints      endpoints
	headers        []headerIssuer
	headerClaims   []headerClaim
	origins        weborigin.Set
	conditions     []*condition.Condition // Credentials.Conditions
	authentication *login.Requirement     // Credentials.Authentication; nil: none
	scopes         []string               // entries; see scopeset.CheckEntry
	loginNames     *scopeset.Names        // of the issuer at which clients log in
	hierarchy      scopeset.Hierarchy
	rules          *rules          // nil: bodies are not read
	declared       map[string]bool // every scope that the configuration mentions
	revocations    Revocations     // nil: nothing is revoked
	maxToken       int
	maxBody        int
	keepHeader     bool // the inner handler gets the Authorization header
	holdTokens     bool // Credentials.HoldTokens
	keepGranted    bool // StepUpKeepGranted
	tokens         *jose.Reader

	// What clients, operators and observers get.
	document       metadata.Document       // of the first endpoint
	serverMetadata *metadata.ServerHandler // nil: not served
	hints          map[string][]string     // scopes in a 401 for a token of an issuer, if they differ from those in other 401
	digestKey      []byte                  // see logDigest
	logger         *slog.Logger
	logLimit       *loglimit.Limiter[Reason]
	metrics        *metrics
	challenged     map[string]prometheus.Counter // by operation, as scoperules labels it
	observers      []Observer

	handlerChallenges HandlerChallenges
}

// rejectAll is the policy of a Resource that was not made by New.
var rejectAll = &policy{endpoints: endpoints{all: make([]endpoint, 1)}, metrics: newMetrics(""), logLimit: newLogLimit(defaultLogPerSecond), tokens: new(jose.Reader)}

// checkMade rejects everything for a Resource that was not made by New: fail closed.
func (p *policy) checkMade() *fault {
	if p.owner == nil {
		return &fault{reason: ReasonInternalError, err: errNotMadeByNew}
	}
	return nil
}

// attach makes p a policy of r. It must be called before p is in use.
func (p *policy) attach(r *Resource) {
	p.owner, p.metrics = r, r.metrics
	p.challenged = r.metrics.challengeCounters(p.rules)
}

// accepted reports whether a policy of the same Resource accepted the caller.
func (p *policy) accepted(c *Caller) bool {
	return c != nil && c.policy != nil && c.policy.owner == p.owner
}

// allIssuers returns the configured issuers sorted by identifier, then those with tenants,
// those of opaque tokens, and those of tokens in other fields.
func (p *policy) allIssuers() []*issuer {
	var all []*issuer
	for _, id := range slices.Sorted(maps.Keys(p.issuers)) {
		all = append(all, p.issuers[id])
	}
	all = append(all, p.tenanted...)
	if p.opaque != nil {
		all = append(all, p.opaque)
	}
	for i := range p.prefixed {
		all = append(all, p.prefixed[i].issuer)
	}
	for i := range p.headers {
		if p.headers[i].verifier == nil {
			all = append(all, p.headers[i].issuer)
		}
	}
	return all
}

// namedVerifier is a Verifier or a HeaderVerifier and the issuer that it is for.
type namedVerifier struct {
	issuer   string
	verifier any
}

// verifiers returns the verifiers of all issuers, then those of Credentials.Headers. One
// that is configured in several places is returned once.
func (p *policy) verifiers() (all []namedVerifier) {
	add := func(issuer string, verifier any) {
		if !slices.ContainsFunc(all, func(known namedVerifier) bool { return anyvalue.Same(known.verifier, verifier) }) {
			all = append(all, namedVerifier{issuer, verifier})
		}
	}
	for _, i := range p.allIssuers() {
		add(i.id, i.verifier)
	}
	for i := range p.headers {
		if h := &p.headers[i]; h.verifier != nil {
			add(h.issuer.id, h.verifier)
		}
	}
	return all
}
