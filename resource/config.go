package resource

import (
	"context"
	"log/slog"
	"time"

	"github.com/warder-go/warder/metadata"
)

// Defaults and bounds of Config's limits.
const (
	DefaultLeeway        = 30 * time.Second
	MaxLeeway            = 5 * time.Minute
	DefaultMaxTokenBytes = 16 << 10
	MaxMaxTokenBytes     = 256 << 10

	DefaultMaxResolvedIssuers = 1000
	ResolvedIssuerTTL         = time.Minute // an answer of Config.ResolveIssuer is good
	DefaultMemoryTTL          = 5 * time.Minute
	DefaultMemoryEntries      = 100_000
	DefaultMemoryBytes        = 256 << 20
)

// Config describes a protected resource. Identifier and one issuer are required.
// There is no value that means "any": no audience, issuer or path can be skipped.
type Config struct {
	// Identifier is the absolute URL that clients use for this server, such as
	// https://mcp.example.com/mcp. It is published byte for byte, it is the
	// audience that tokens must name (RFC 8707 §2), and the metadata's address
	// derives from it (RFC 9728 §3.1). Without a path, https://h and https://h/
	// are the same audience.
	Identifier string

	// AllowHTTP permits an http Identifier that is not a loopback address.
	AllowHTTP bool

	// A JWT goes to the one of Issuers that its iss names, else to Opaque if that
	// is the issuer that iss names, and to no other. A token that is no JWT goes
	// to Opaque; nil refuses it.
	Issuers []Issuer
	Opaque  *Issuer

	// ResolveIssuer is asked about a JWT whose iss names none of them, and fits no
	// pattern of Issuer.Tenants: for many issuers with keys of their own. It returns the issuer,
	// whose Verifier must be for exactly that iss, or false for one that is unknown.
	//
	// iss is what somebody wrote into a token: look it up among what you know, and
	// build no address out of it. What is returned is kept for ResolvedIssuerTTL, in
	// memory for MaxResolvedIssuers; then ResolveIssuer is asked again, and remembered
	// tokens are verified anew by its answer. It should return the same Verifier, which
	// has the keys. Unknown ones are not kept. It must be quick and is called
	// concurrently; a panic, and an issuer with mistakes, refuse with 500. Ready and
	// Metrics leave these issuers out.
	ResolveIssuer      func(iss string) (*Issuer, bool)
	MaxResolvedIssuers int // 0: 1,000

	// AuthorizationServers are published besides the identifiers of Issuers and
	// Opaque: where clients of ResolveIssuer's issuers and of Issuer.Tenants log in.
	AuthorizationServers []string

	// Prefixed are issuers of opaque tokens that begin in a way of their own, such as
	// "pat_": such a token goes to that issuer and to no other. They are not published
	// as authorization servers.
	Prefixed map[string]Issuer

	// Headers are credentials in header fields of their own, by field name, such as
	// X-API-Key. A request that carries the field goes to that verifier and to no
	// other; with a second credential beside it, it is refused with 400. The field is
	// taken off like Authorization.
	Headers map[string]HeaderVerifier

	// HeaderClaims are header fields that must agree with a claim, such as
	// X-Tenant-Id; a request in which one does not is refused with 403.
	HeaderClaims map[string]HeaderClaim

	// Origins are the web origins, besides the Identifier's own, whose pages may call,
	// each as browsers write it: https://app.example.com. A request whose Origin is
	// another one is refused with 403, whatever its credentials. One without Origin
	// comes from no page, or from one of the same origin. http is for loopback hosts,
	// or for AllowHTTP. A page also needs CORS, which is not done here: see Origins.
	Origins []string

	Scopes          []string            // needed by every request; nil: none
	ChallengeScopes []string            // hint on a 401; nil: Scopes
	ScopesSupported []string            // published; nil: Scopes
	Implies         map[string][]string // broader scope -> those that it contains

	Operations   Operations // further scopes by MCP method, tool, prompt and resource
	StepUp       StepUp     // what a 403 asks for
	MaxBodyBytes int        // longest body that is read because of Operations; 0: 4 MiB

	// Metadata holds further members of the published document, such as
	// ResourceName. Resource, AuthorizationServers, ScopesSupported and
	// BearerMethodsSupported come from this Config and must be empty.
	Metadata metadata.Document

	// Revoked is asked on every request, remembered or not, and must be quick.
	// True refuses with 401; a panic with 500. Nil revokes nothing.
	Revoked func(context.Context, *Caller) bool

	Leeway        time.Duration // for exp, nbf and iat; 0: 30 s; negative: none; at most 5 min
	MaxLifetime   time.Duration // most that exp - iat may be; 0: no limit
	MaxTokenBytes int           // longest token that is read; 0: 16 KiB; at most 256 KiB

	MemoryTTL     time.Duration // how long an accepted token is remembered; 0: 5 min; negative: not at all
	MemoryEntries int           // most remembered tokens; 0: 100,000
	MemoryBytes   int           // most memory for them, roughly; 0: 256 MiB

	// KeepAuthorization leaves the Authorization header on the request that is
	// handed on. Without it the inner handler never sees the token, and so can't
	// pass it to another server, which MCP forbids.
	KeepAuthorization bool

	Logger       *slog.Logger // one record per refusal; nil: slog.Default()
	LogPerSecond int          // most records of one reason in a second, then a count; 0: 10; negative: no limit

	// Observers are told of every decision: for an audit log, for traces. None costs
	// nothing.
	Observers []Observer
}

// StepUp says which scopes the challenge of a 403 names.
type StepUp int

const (
	// StepUpOperation names what the operation needs, as MCP asks for.
	StepUpOperation StepUp = iota
	// StepUpKeepGranted adds those granted scopes that this Config mentions, for
	// clients that ask for exactly what is named and would lose the others.
	StepUpKeepGranted
)
