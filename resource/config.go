package resource

import (
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
	// (RFC 9728 §3.1), unless HTTPOptions has settings for that. Without a path, https://h
	// and https://h/ are the same audience. A spelling that URL libraries rewrite, such as
	// one with a default port, is a mistake: see [metadata.CheckIdentifier].
	Identifier string

	// Identifiers are further identifiers of the same server, at most 1,000: the members of
	// a family such as https://h/mcp/x/a and https://h/mcp/x/b, or other public origins. The
	// rules for Identifier hold for each. Each has its own document, challenge and audience:
	// a token for one is rejected at the others, unless Issuer.Audiences or
	// Issuer.TrustAnswersWithoutAudience accepts it, which applies to all of them. Metrics
	// have Identifier as their label. Log records and events have the identifier of the
	// request.
	//
	// The path of a request selects the identifier, and Host if several have that path: see
	// [Resource.Identifiers].
	Identifiers []string

	// Issuers are the accepted authorization servers. A JWT is verified by the issuer
	// that its iss names, or by Opaque if that has the same name, and by no other.
	Issuers []Issuer

	// Opaque verifies tokens that are not JWTs. Nil rejects such tokens.
	Opaque *Issuer

	// Scopes are what every request needs; nil: nothing. Each entry is one scope, or
	// alternatives such as "mcp:read | mcp:run", of which one is enough: see [ScopeOptions].
	Scopes     []string
	Operations Operations // further scopes, by MCP method, tool, prompt and resource

	ScopeOptions ScopeOptions // which scopes include others, and which ones challenges name
	Credentials  Credentials  // credentials besides the tokens of Issuers and Opaque
	HTTP         HTTPOptions  // origins of pages, plain http, metadata URL, the Authorization header, challenges of the handler
	Hooks        Hooks        // functions of the program that take part in decisions
	Limits       Limits       // times, sizes and the token cache

	// Metadata holds further members of the published document, such as ResourceName.
	// ScopesSupported nil publishes the scopes in Scopes. They are published by their names at
	// the first published issuer (Issuer.ScopeNames). Resource, BearerMethodsSupported, Paths and
	// the members about DPoP and client certificates come from this Config and must be empty.
	//
	// AuthorizationServers are exactly the servers that are published, in this order. The
	// list decides only where clients log in: a server in it is not accepted as an issuer for
	// that reason, and an accepted issuer can be missing. Nil publishes the identifiers of
	// Issuers and then that of Opaque, but no tenants, no issuers of Hooks.ResolveIssuer and
	// none of Credentials. A list is required if that leaves no server, or if one of these
	// identifiers is only a name and not an https URL. An empty list is a mistake.
	Metadata metadata.Document

	Logger *slog.Logger // one record per rejected request; nil: slog.Default()
}

// ScopeOptions says which scopes include others, and which ones challenges name.
//
// Needed scopes are lists. All entries of a list are needed. An entry is one scope, or
// alternatives such as "mcp:read | mcp:run" or "env:prod | admin ops", of which one is enough. An
// alternative is one scope, or several that are all needed. The separators are exactly " | " and
// one space; an entry has at most 64 scopes. Alternatives are possible in Config.Scopes, in
// Operations, in the results of Operations.Rule, and in the arguments of [Resource.Requirement],
// [Resource.Permit], [Challenge] and [Caller.Has].
//
// A challenge always names scopes: for each entry those of the alternative with the fewest scopes
// that the caller lacks, and the first of several. An alternative that the issuer does not have is
// left out (Issuer.UnavailableScopes). A token with exactly the named scopes has all that is
// needed.
type ScopeOptions struct {
	Implies   map[string][]string // broader scope -> the scopes that it includes
	Challenge []string            // the scopes that a 401 names; nil: those that Config.Scopes needs
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

	// DPoP and Certificates are about access tokens that are bound to a key or to a certificate of
	// their client, so that a stolen token is useless. By default, bound tokens are rejected.
	DPoP         DPoP
	Certificates ClientCertificates

	// DigestKey is the key of the token digests in logs and audit records. Processes with
	// the same key write the same digest for a token. At least 32 random bytes; nil: a
	// random key of this process.
	DigestKey []byte

	// HeaderClaims are header fields that must agree with a claim, by field name, such
	// as X-Tenant-Id. A request in which one disagrees is rejected with 403.
	HeaderClaims map[string]HeaderClaim

	// Conditions are conditions on the claims of every credential: of the tokens of all
	// issuers, and of header fields. See [Condition]. Like Config.Scopes, they do not apply
	// to requests without credentials for public operations.
	Conditions []Condition

	// Authentication says how and when the user must have logged in, for every request with a
	// credential: also GET and DELETE, and messages that no rule names.
	Authentication Authentication

	// HoldTokens keeps the access token of an accepted request in its [Caller], so that package
	// resource/onbehalf can exchange it for a token for another server. The handler cannot read
	// it, and the caller that is cached never has it. A program that keeps the Caller keeps the
	// token in memory. Other credentials, such as API keys, are not held. By default tokens are
	// not held.
	HoldTokens bool
}

// HTTPOptions are about the HTTP requests themselves.
type HTTPOptions struct {
	// Origins are the web origins, besides those of the identifiers, whose pages may send
	// requests, as browsers write them: https://app.example.com. A request with another
	// Origin is rejected with 403, whatever its credentials. A request without Origin
	// does not come from a page, or comes from a page of the same origin. An http origin
	// must be a loopback host, unless AllowHTTP is set. A page also needs CORS, which
	// this package does not handle: see [Resource.AllowsOrigin].
	Origins []string

	// DenyLoopbackOrigins rejects pages of loopback origins even if all identifiers are
	// loopback addresses. By default such a resource accepts http and https origins of
	// localhost, 127.0.0.1 and [::1] with any port, so that local tools such as MCP
	// Inspector work without configuration.
	DenyLoopbackOrigins bool

	// AllowHTTP permits an http Identifier that is not a loopback address. It applies to
	// MetadataURL too.
	AllowHTTP bool

	// BasePath is the beginning of the Identifier's path that belongs to this server, such
	// as "/prod" for https://gw.example.com/prod/mcp, if a proxy passes on no request for
	// another path. Challenges then name a metadata URL below it:
	// https://gw.example.com/prod/.well-known/oauth-protected-resource/mcp. The adapters
	// serve the document at this path with and without BasePath, because some proxies
	// remove it. It also applies to those of Identifiers that begin with it. BasePath consists
	// of whole segments without a slash at the end. Empty: the server owns the whole host, as
	// RFC 9728 §3.1 assumes. Replace cannot change it.
	BasePath string

	// MetadataURL is the metadata URL that challenges name (RFC 9728 §5.1), if it does not
	// derive from Identifier and BasePath. It must be reachable without a token, and the
	// document there must be that of [Resource.Metadata], whose member resource equals
	// Identifier. The adapters serve the document at the path of MetadataURL only if
	// MetadataPaths has it. Some clients accept only the origin of the Identifier: see
	// docs/clients.md.
	MetadataURL string

	// MetadataPaths are further escaped paths at which the adapters serve the document
	// without authentication, as this server receives them. The well-known paths are
	// always served. Replace cannot change MetadataPaths.
	MetadataPaths []string

	// ServerMetadata serves the metadata of one published authorization server at
	// "/.well-known/oauth-authorization-server", without authentication. It is for clients
	// that request it from this server; clients that follow RFC 8414 §3.3 reject it. The
	// adapters that serve the document of one Resource serve it too: nethttp.Handler,
	// mcpsdk.Handler and echoadapter.Middleware. BasePath does not change its paths, because
	// clients request it at the root of the host only. Nil: not served.
	ServerMetadata *metadata.ServerHandler

	// KeepAuthorization leaves the Authorization header on the request that the inner
	// handler gets. By default it is removed, so that a handler cannot pass the token to
	// another server, which MCP forbids.
	KeepAuthorization bool

	// HandlerChallenges says what happens to a 401 or a challenge of the inner handler.
	// By default they are passed on. Set ReplaceHandlerChallenges if the handler relays
	// responses of another server, as a reverse proxy does.
	HandlerChallenges HandlerChallenges
}

// Hooks are functions of the program that take part in decisions. They are called
// concurrently and must be quick. A panic rejects the request with 500.
type Hooks struct {
	// ResolveIssuer returns the issuer of a JWT whose iss names none of Config.Issuers
	// and Config.Opaque and matches no pattern of Issuer.Tenants, or false for an
	// unknown issuer. It is for many issuers with separate keys. The Verifier of the
	// result must be for exactly that iss.
	//
	// It is called only for an iss that is an http or https URL. The sender of the token chose
	// iss: look it up among known issuers, and do not build an address from it. The result is
	// cached for a minute; Limits bounds how many are. Then ResolveIssuer is called again, and
	// cached tokens are verified again by its result. It should return the same Verifier each
	// time, because that holds the keys, and because new ones are rationed until a token of
	// the issuer has been verified. Unknown issuers are not cached. An issuer with mistakes
	// rejects the request with 500. Ready and Metrics do not cover these issuers.
	ResolveIssuer func(iss string) (*Issuer, bool)

	// Revocations reports which tokens are revoked. It applies to every request, also to one with
	// a cached token, and to open streams. Nil revokes nothing.
	Revocations Revocations

	// Observers are notified of every decision: for an audit log, for traces.
	Observers []Observer
}

// Limits are times and sizes. The zero value of each field stands for its default.
type Limits struct {
	Leeway        time.Duration // for exp, nbf and iat; 0: 30 s; negative: none; at most 5 min
	MaxLifetime   time.Duration // longest exp - iat; 0: no limit, but exp is at most ten years ahead
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
