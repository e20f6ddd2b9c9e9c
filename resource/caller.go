package resource

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/warder-go/warder/internal/condition"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/instant"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/scopeset"
)

// Caller is the sender of a request, as its verified access token describes it. By default it does
// not contain the token. With Credentials.HoldTokens it does, and no program can read it. A Caller
// is immutable and safe for concurrent use.
//
// A Caller can be encoded to JSON and back, for work that outlives the request. A decoded
// Caller tells who sent the request; it is not a proof, see [Caller.Verified].
type Caller struct {
	policy *policy // that accepted it; nil after decoding

	kind                               principalKind
	issuer, subject, clientID, tokenID string
	session                            string // sid
	sub                                string // the claim, also if subject is another one
	token                              string // digest in hexadecimal, if kind is ofToken
	expiry, issuedAt                   instant.Instant
	stillValid                         func(now time.Time) bool // see Claims.StillValid
	object                             []byte                   // the claims as JSON
	jwtObject                          []byte                   // see Claims
	revision                           *atomic.Uint64           // see checkRevoked; nil: Revoked is always called
	tokenDigest                        digest.Digest            // see TokenDigest
	conditions                         []*condition.Condition   // of the issuer
	unmet                              *condition.Condition     // see policy.setUnmet
	binding                            callerBinding
	locations                          []string    // of the resource at the issuer, besides those of the endpoint
	decodedDetails                     []byte      // of a decoded caller, as JSON
	login                              callerLogin // see policy.setLogin

	resource    string          // identifier of the endpoint that it was accepted for
	path        string          // part of Owner; "" if all identifiers have one path
	credential  string          // kind of credential
	grant       scopeset.Grant  // the scopes and roles of the claims
	names       *scopeset.Names // of the issuer; nil after decoding
	accessToken bool            // the credential is an access token
	held        *heldToken      // see Credentials.HoldTokens; nil: none, as for every cached caller
	cached      *Caller         // that recast has made this one from; nil: it is not made like that
}

// newCaller returns the caller of claims that are verified and interpreted.
func (p *policy) newCaller(at *endpoint, from *issuer, c *Claims, token *Token, credential string) *Caller {
	// One allocation for both, so that a request reads them from adjacent memory.
	both := &struct {
		revision atomic.Uint64
		Caller
	}{}
	caller := &both.Caller
	*caller = Caller{
		policy: p, issuer: from.id, subject: c.Subject, sub: from.subOf(c), clientID: c.ClientID, tokenID: c.TokenID,
		expiry: instant.Of(c.Expiry), issuedAt: instant.Of(c.IssuedAt), stillValid: c.StillValid, object: c.object,
		resource: at.identifier, path: p.endpoints.ownerPath(at), jwtObject: c.jwtObject, conditions: from.conditions,
		session:    c.SessionID,
		credential: credential, accessToken: from.hasAccessTokens(), names: from.names, grant: scopeset.NewGrant(c.Scopes, c.roles, from.roleScopes, p.hierarchy),
	}
	caller.setBinding(from, c)
	if p.revocations != nil {
		caller.revision = &both.revision
		if token != nil {
			caller.tokenDigest = token.digest()
		}
	}
	if !from.ofClients {
		caller.locations = from.audiences
	}
	caller.setPrincipal(from, c, token)
	p.setUnmet(caller)
	p.setLogin(caller)
	return caller
}

// valid reports whether a cached caller may still be used: the token has not expired, and
// its verifier still accepts it (Claims.StillValid). It does not block.
func (c *Caller) valid(now time.Time) bool {
	return !c.expiry.HasPassed(now, c.policy.leeway) && (c.stillValid == nil || c.stillValid(now))
}

// callerBytes is the memory that a cached caller takes besides its claims and its grant, roughly.
const callerBytes = 650

// size estimates the memory that a cached caller keeps in use.
func (c *Caller) size() int {
	bytes := callerBytes + len(c.object) + len(c.jwtObject) + len(c.login.ACR) + c.grant.Bytes()
	if c.binding.proof != nil {
		bytes += provenBytes
	}
	return bytes
}

// ID identifies the principal across tokens and issuers. Use it as the key of data, and
// [Caller.Owner] as that of sessions. It is the issuer together with a word for the kind of
// principal and
//
//   - sub: the subject. The ID does not change when the token is refreshed.
//   - client: the client, for its own tokens (see Issuer.ClientTokens). It does not change
//     either.
//   - token: the digest of the token, if nothing else identifies its holder. Another token has
//     another ID, so nothing that is bound to it is shared.
//
// The length in it keeps two pairs from having the same text. The word keeps principals of
// different kinds apart. Do not log an ID: see [Caller.String].
func (c *Caller) ID() string {
	return strconv.Itoa(len(c.issuer)) + ":" + c.issuer + " " + string(c.kind) + ":" + c.principal()
}

// Verified reports whether a [Resource] of this process accepted the caller. It is false for
// a Caller that was decoded from JSON, and for the zero value.
func (c *Caller) Verified() bool { return c != nil && c.policy != nil }

// Resource returns the identifier that the caller was accepted for: Config.Identifier or one
// of Config.Identifiers. The handler of a family of identifiers reads from it which member the
// request is for. It is always text of the configuration, never of the request.
func (c *Caller) Resource() string { return c.resource }

// Owner identifies whom sessions and other state belong to: it is the [Caller.ID] and, if the
// identifiers of the [Resource] have several paths, the path of [Caller.Resource]. So state
// that was created at one path cannot be used with a token that is only for another path. The
// host is not part of it, because another host is another address of the same server. Do not
// log it.
func (c *Caller) Owner() string {
	if c.path == "" {
		return c.ID()
	}
	return c.path + " " + c.ID()
}

// Issuer returns the authorization server that issued the token.
func (c *Caller) Issuer() string { return c.issuer }

// Subject returns the sub claim, or Issuer.SubjectClaim; "" if the token has none. It is
// unique only together with the issuer: see [Caller.ID].
func (c *Caller) Subject() string { return c.subject }

// TokenSubject returns the sub claim; "" if the token has none. It differs from
// [Caller.Subject] only if Issuer.SubjectClaim is set. Logout notices of authorization servers
// name it.
func (c *Caller) TokenSubject() string { return c.sub }

// OfClient reports whether the token belongs to the client itself (see Issuer.ClientTokens).
// The caller is then the client, even if the token has a subject.
func (c *Caller) OfClient() bool { return c.kind == ofClient }

// ClientID returns the client that the token was issued to; "" if the token does not name
// it.
func (c *Caller) ClientID() string { return c.clientID }

// TokenID returns the jti claim; "" if the token has none.
func (c *Caller) TokenID() string { return c.tokenID }

// SessionID returns the claim sid, the user's session at the authorization server (OpenID Connect
// Front-Channel Logout §3); "" if the token has none, or if it is not a string. It is not an MCP
// session.
func (c *Caller) SessionID() string { return c.session }

// TokenDigest returns a SHA-256 digest that identifies the access token, for implementations of
// [Revocations]. Two tokens that differ only in the encoding of the same signature have the same digest. It is
// zero for a credential of Credentials.Headers, for a decoded caller, and without
// Hooks.Revocations. Do not log it.
func (c *Caller) TokenDigest() [32]byte { return c.tokenDigest }

// Credential returns the kind of credential: [CredentialJWT], [CredentialOpaque], or the
// name of a header field of Config.Credentials.
func (c *Caller) Credential() string { return c.credential }

// Expiry returns when the token expires, without the leeway; zero if it is not known.
func (c *Caller) Expiry() time.Time { return c.expiry.Time() }

// IssuedAt returns the iat claim; zero if the token has none, or if the caller was decoded
// from JSON.
func (c *Caller) IssuedAt() time.Time { return c.issuedAt.Time() }

// Scopes returns the scopes that the token grants, in its order, with Issuer.ScopePrefix and by
// their names in Config (Issuer.ScopeNames). It does not include scopes that roles count as.
func (c *Caller) Scopes() []string { return slices.Clone(c.grant.Scopes()) }

// AllScopes returns the granted scopes, those that the caller's roles count as
// (Issuer.RoleScopes), and those that all of these imply (ScopeOptions.Implies).
func (c *Caller) AllScopes() []string { return slices.Clone(c.grant.All()) }

// Has reports whether all of the scopes are among [Caller.AllScopes]. Alternatives such as
// "a | b" are possible as in Config.Scopes.
func (c *Caller) Has(scopes ...string) bool { return c.grant.Has(scopes...) }

// Roles returns the roles in Issuer.RoleClaim, in the token's order; nil if that is not
// configured. A role is not a scope, whatever its name: see Issuer.RoleScopes.
func (c *Caller) Roles() []string { return slices.Clone(c.grant.Roles()) }

// HasRole reports whether the role is among [Caller.Roles]. It compares exactly.
func (c *Caller) HasRole(role string) bool { return slices.Contains(c.grant.Roles(), role) }

// Decode reads the token's claims, or the introspection answer, into v, usually a pointer to
// a struct with json tags. Names must match exactly, including their case.
func (c *Caller) Decode(v any) error {
	if c.object == nil {
		return errors.New("resource: the verifier returned no further claims")
	}
	// A copy, because a type with its own decoding may write into its input.
	if err := json.Unmarshal(bytes.Clone(c.object), v); err != nil {
		return fmt.Errorf("resource: decoding claims: %w", err)
	}
	return nil
}

// String returns the ID, made safe for a log: in place of the digest of a token it has an HMAC
// (see Credentials.DigestKey). Use ID as a key.
func (c *Caller) String() string {
	if c.kind == ofToken {
		return logging.Printable(c.issuer + " token:" + c.logDigest())
	}
	return logging.Printable(c.ID())
}

// logDigest returns the digest that logs show of a caller that its token identifies. The key for
// it belongs to a policy, which a decoded caller does not have.
func (c *Caller) logDigest() string {
	switch {
	case c.kind != ofToken:
		return ""
	case c.policy == nil:
		return "[decoded caller]"
	}
	return c.policy.logDigest(c.token)
}

// LogValue groups issuer, subject and client, and the digest of the token if nothing else
// identifies the caller.
func (c *Caller) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("issuer", logging.Printable(c.Issuer())),
		slog.String("subject", logging.Printable(c.Subject())),
		slog.String("client", logging.Printable(c.ClientID())),
	}
	if d := c.logDigest(); d != "" {
		attrs = append(attrs, slog.String("token_digest", d))
	}
	return slog.GroupValue(attrs...)
}
