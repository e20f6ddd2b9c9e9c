package resource

import (
	"context"
	"log/slog"
	"time"

	"github.com/warder-go/warder/metadata"
)

// Config describes a protected resource. Identifier and one issuer are required. No value
// of any field means "any": audience and issuer are always checked, on every path.
type Config struct {
	// Identifier is the absolute URL that clients use for this server, such as
	// https://mcp.example.com/mcp. It is published byte for byte, tokens must name it
	// as their audience (RFC 8707 §2), and the address of the metadata derives from it
	// (RFC 9728 §3.1). Without a path, https://h and https://h/ are the same audience.
	// A spelling that URL libraries rewrite, such as one with a default port, is a
	// mistake: see [metadata.CheckIdentifier].
	Identifier string

	// Issuers are the accepted authorization servers. A JWT is verified by the issuer
	// that its iss names, or by Opaque if that has the same name, and by no other.
	Issuers []Issuer

	// Opaque verifies tokens that are not JWTs. Nil rejects such tokens.
	Opaque *Issuer

	Scopes     []string   // every request needs all of these; nil: none
	Operations Operations // further scopes, by MCP method, tool, prompt and resource

	ScopeOptions ScopeOptions // which scopes include others, and which ones challenges name
	Credentials  Credentials  // credentials besides the tokens of Issuers and Opaque
	HTTP         HTTPOptions  // origins of browser pages, plain http, the Authorization header
	Hooks        Hooks        // functions of the program that take part in decisions
	Limits       Limits       // times, sizes and the token cache

	// Metadata holds further members of the published document, such as ResourceName.
	// Its AuthorizationServers are published besides the identifiers of Issuers and
	// Opaque; ScopesSupported nil publishes Scopes. Resource and BearerMethodsSupported
	// come from this Config and must be empty.
	Metadata metadata.Document

	Logger *slog.Logger // one record per rejected request; nil: slog.Default()
}

// ScopeOptions says which scopes include others, and which ones challenges name.
type ScopeOptions struct {
	Implies   map[string][]string // broader scope -> the scopes that it includes
	Challenge []string            // the scopes that a 401 names; nil: Config.Scopes
	StepUp    StepUp              // the scopes that a 403 names
}

// StepUp selects the scopes that the challenge of a 403 names.
type StepUp int

const (
	// StepUpOperation names what the operation needs, as MCP requires.
	StepUpOperation StepUp = iota
	// StepUpKeepGranted adds the granted scopes that this Config mentions. It is for
	// clients that request exactly the named scopes and would lose the others.
	StepUpKeepGranted
)

// Credentials are accepted besides the tokens of Config.Issuers and Config.Opaque.
type Credentials struct {
	// Prefixed are issuers of opaque tokens, by the prefix of their tokens, such as
	// "pat_". A token with the prefix is verified by that issuer and by no other. These
	// issuers are not published as authorization servers.
	Prefixed map[string]Issuer

	// Headers are verifiers of credentials in header fields, by field name, such as
	// X-API-Key. A request with the field is verified by that verifier and by no other.
	// A request with a second credential is rejected with 400. The field is removed from
	// the request like Authorization.
	Headers map[string]HeaderVerifier

	// TokenHeaders are issuers of access tokens that a proxy in front of this server puts into
	// a header field, by field name, such as Cf-Access-Jwt-Assertion. The value is the token
	// alone, without Bearer. A token in the field is verified by that issuer and by no other,
	// and gets every check that a Bearer token gets. The rest is as for Headers: a request with
	// a second credential is rejected with 400, the field is removed from the request, and the
	// issuer is not published as an authorization server. [Caller.Credential] is the field.
	//
	// Anyone who reaches this server can send the field, so the Audiences of the issuer must
	// be those that it uses for this server alone.
	TokenHeaders map[string]Issuer

	// DigestKey is the key of the token digests in logs and audit records. Processes with
	// the same key write the same digest for a token. At least 32 random bytes; nil: a
	// random key of this process.
	DigestKey []byte

	// HeaderClaims are header fields that must agree with a claim, by field name, such
	// as X-Tenant-Id. A request in which one disagrees is rejected with 403.
	HeaderClaims map[string]HeaderClaim
}

// HTTPOptions are about the HTTP requests themselves.
type HTTPOptions struct {
	// Origins are the web origins, besides that of the Identifier, whose pages may send
	// requests, as browsers write them: https://app.example.com. A request with another
	// Origin is rejected with 403, whatever its credentials. A request without Origin
	// does not come from a page, or comes from a page of the same origin. An http origin
	// must be a loopback host, unless AllowHTTP is set. A page also needs CORS, which
	// this package does not handle: see [Resource.AllowsOrigin].
	Origins []string

	// DenyLoopbackOrigins rejects pages of loopback origins even if the Identifier is a
	// loopback address. By default such a resource accepts http and https origins of
	// localhost, 127.0.0.1 and [::1] with any port, so that local tools such as MCP
	// Inspector work without configuration.
	DenyLoopbackOrigins bool

	// AllowHTTP permits an http Identifier that is not a loopback address.
	AllowHTTP bool

	// KeepAuthorization leaves the Authorization header on the request that the inner
	// handler gets. By default it is removed, so that a handler cannot pass the token to
	// another server, which MCP forbids.
	KeepAuthorization bool
}

// Hooks are functions of the program that take part in decisions. They are called
// concurrently and must be quick. A panic rejects the request with 500.
type Hooks struct {
	// ResolveIssuer returns the issuer of a JWT whose iss names none of Config.Issuers
	// and Config.Opaque and matches no pattern of Issuer.Tenants, or false for an
	// unknown issuer. It is for many issuers with separate keys. The Verifier of the
	// result must be for exactly that iss.
	//
	// The sender of the token chose iss: look it up among known issuers, and do not
	// build an address from it. The result is cached for a minute; Limits bounds how
	// many are. Then ResolveIssuer is called again, and cached tokens are verified
	// again by its result. It should return the same Verifier each time, because that
	// holds the keys, and because new ones are rationed until a token of the issuer has
	// been verified. Unknown issuers are not cached. An issuer with mistakes rejects the
	// request with 500. Ready and Metrics do not cover these issuers.
	ResolveIssuer func(iss string) (*Issuer, bool)

	// Revoked is called for every request, also for one with a cached token. If it
	// returns true, the request is rejected with 401. Nil revokes nothing.
	Revoked func(context.Context, *Caller) bool

	// Observers are notified of every decision: for an audit log, for traces.
	Observers []Observer
}

// Limits are times and sizes. The zero value of each field stands for its default.
type Limits struct {
	Leeway        time.Duration // for exp, nbf and iat; 0: 30 s; negative: none; at most 5 min
	MaxLifetime   time.Duration // longest exp - iat; 0: no limit
	MaxTokenBytes int           // longest token; 0: 16 KiB; at most 256 KiB
	MaxBodyBytes  int           // longest body that is read for Operations; 0: 4 MiB

	CacheTTL     time.Duration // how long an accepted token is cached; 0: 5 min; negative: not at all
	CacheEntries int           // most cached tokens; 0: 100,000
	CacheBytes   int           // most memory for cached tokens, roughly; 0: 256 MiB

	MaxResolvedIssuers int // most cached results of Hooks.ResolveIssuer; 0: 1,000
	LogPerSecond       int // most log records per second for one reason, then a count; 0: 10; negative: no limit
}

// MaxLeeway is the longest Limits.Leeway.
const MaxLeeway = 5 * time.Minute

// Defaults and bounds of Limits.
const (
	defaultLeeway             = 30 * time.Second
	defaultMaxTokenBytes      = 16 << 10
	maxTokenBytesLimit        = 256 << 10 // the largest MaxTokenBytes
	defaultMaxBodyBytes       = 4 << 20
	defaultCacheTTL           = 5 * time.Minute
	defaultCacheEntries       = 100_000
	defaultCacheBytes         = 256 << 20
	defaultMaxResolvedIssuers = 1000
	defaultLogPerSecond       = 10
)
