package refusaltest

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A way is how the caller of a request becomes known.
type way int

const (
	newJWT    way = iota // a JWT that the Resource has not verified before
	cachedJWT            // a JWT that is in the cache
	opaque               // an opaque token
	header               // a credential in a header field
	public               // a public operation without credentials
	boundJWT             // a new JWT that is bound to a DPoP key
)

var ways = []string{"new JWT", "cached JWT", "opaque token", "header credential", "public operation", "DPoP token"}

// A fault is something that is wrong with a request or its credential, and the response that it
// causes if nothing else is wrong.
type fault struct {
	name   string
	ways   []way
	row    int
	reason resource.Reason
	uses   string // what apply changes; two faults that change the same thing cannot be combined
	apply  func(*trial)
}

var (
	all        = []way{newJWT, cachedJWT, opaque, header, public}
	withCaller = []way{newJWT, cachedJWT, opaque, header}

	// Also for bound tokens. The other faults do not depend on the binding.
	allBound    = append(all[:len(all):len(all)], boundJWT)
	callerBound = append(withCaller[:len(withCaller):len(withCaller)], boundJWT)
	newBound    = []way{newJWT, boundJWT}
	bound       = []way{boundJWT}
)

var faults = append(possessionFaults, []fault{
	{"a path of no identifier", allBound, rowPath, resource.ReasonPathUnknown, "path", func(c *trial) { c.path = "/MCP" }},

	{"another origin", allBound, rowOrigin, resource.ReasonOrigin, "origin", func(c *trial) { c.set("Origin", "https://evil.example.test") }},

	{"two Authorization fields", []way{newJWT, cachedJWT, opaque}, rowSeveral, resource.ReasonMalformedRequest, "second", func(c *trial) { c.extra = http.Header{"Authorization": {"Bearer second"}} }},
	{"a token and a header credential", withCaller, rowSeveral, resource.ReasonMalformedRequest, "second", func(c *trial) {
		c.extra = http.Header{"Authorization": {"Bearer second"}}
		if c.way != header {
			c.extra = http.Header{keyField: {"second"}}
		}
	}},
	{"two header credentials", []way{header}, rowSeveral, resource.ReasonMalformedRequest, "second", func(c *trial) { c.extra = http.Header{otherKeyField: {"second"}} }},
	{"a repeated header credential", []way{header}, rowSeveral, resource.ReasonMalformedRequest, "second", func(c *trial) { c.extra = http.Header{keyField: {"second"}} }},

	{"GET", []way{public}, rowMethod, resource.ReasonMethodNotAllowed, "method session", func(c *trial) { c.method = http.MethodGet }},
	{"DELETE", []way{public}, rowMethod, resource.ReasonMethodNotAllowed, "method session", func(c *trial) { c.method = http.MethodDelete }},
	{"no credentials", []way{public}, rowMissing, resource.ReasonMissingCredentials, "operation", func(c *trial) { c.body = callTool("echo") }},

	{"a long credential", []way{newJWT, opaque, header}, rowTooLong, resource.ReasonTokenTooLarge, "length", func(c *trial) { c.suffix += strings.Repeat("a", maxTokenBytes) }},
	{"a blank in the token", []way{newJWT, opaque}, rowGrammar, resource.ReasonMalformedRequest, "grammar", func(c *trial) { c.suffix += " b" }},

	{"a malformed JWT", []way{newJWT}, rowClaims, resource.ReasonTokenMalformed, "form", func(c *trial) { c.suffix = "=" + c.suffix }},
	{"an unknown issuer", []way{newJWT}, rowClaims, resource.ReasonIssuerUnknown, "claims", func(c *trial) { c.token.Claims["iss"] = "https://other.example.test" }},
	{"another audience", []way{newJWT}, rowClaims, resource.ReasonAudience, "claims", func(c *trial) { c.token.Audience = "https://other.example.test/mcp" }},
	{"an expired JWT", newBound, rowClaims, resource.ReasonExpired, "claims", func(c *trial) { c.token.Lifetime = -time.Hour }},
	{"a JWT that has expired since", []way{cachedJWT}, rowClaims, resource.ReasonExpired, "claims", func(c *trial) { c.sleep = 2 * tokenLifetime }},

	{"keys that are not available", []way{newJWT, cachedJWT, boundJWT}, rowUnavailable, resource.ReasonKeysUnavailable, "issuer", func(c *trial) {
		c.outage = true
		if c.way == cachedJWT {
			c.sleep = max(c.sleep, 25*time.Hour) // the keys are used for a day
		}
	}},
	{"a pending key", []way{newJWT}, rowUnavailable, resource.ReasonKeyPending, "issuer key", func(c *trial) { c.pending = true }},
	{"a verifier that cannot decide", []way{opaque, header}, rowUnavailable, resource.ReasonVerifierUnavailable, "verdict", func(c *trial) { c.verdict = "down" }},

	{"an invalid signature", newBound, rowNotAuthentic, resource.ReasonSignatureInvalid, "key form", func(c *trial) { c.token.Fault = resourcetest.WrongSignature }},
	{"a key that was withdrawn since", []way{cachedJWT}, rowNotAuthentic, resource.ReasonKeyUnknown, "key", func(c *trial) {
		c.withdraw = true
		c.sleep = max(c.sleep, 20*time.Minute)
	}},
	{"an inactive token", []way{opaque}, rowNotAuthentic, resource.ReasonInactive, "verdict", func(c *trial) { c.verdict = "inactive" }},
	{"an expired credential", []way{opaque, header}, rowNotAuthentic, resource.ReasonExpired, "verdict", func(c *trial) { c.verdict = "expired" }},
	{"an unknown key", []way{header}, rowNotAuthentic, resource.ReasonAPIKeyUnknown, "verdict", func(c *trial) { c.verdict = "unknown" }},

	{"a revoked token", callerBound, rowRevoked, resource.ReasonRevoked, "hook", func(c *trial) { c.revoked = true }},
	{"revocations that are not available", callerBound, rowRevocationsUnavailable, resource.ReasonRevocationsUnavailable, "hook", func(c *trial) { c.revocationsError = errors.New("down") }},
	{"a header field that disagrees with a claim", allBound, rowHeaderClaim, resource.ReasonHeaderClaim, "header claim", func(c *trial) { c.set("X-Org", "other") }},
	{"a claim that fails a condition", callerBound, rowCondition, resource.ReasonCondition, "plan", func(c *trial) { c.plan = "free" }},

	{"an encoded body", all, rowBodyType, resource.ReasonBodyType, "encoding", func(c *trial) { c.set("Content-Encoding", "gzip") }},
	{"a large body", all, rowBodySize, resource.ReasonBodyTooLarge, "size", func(c *trial) { c.padding = strings.Repeat(" ", maxBodyBytes+c.publicBytes()) }},
	{"a malformed body", allBound, rowBody, resource.ReasonBodyMalformed, "operation", func(c *trial) { c.body = "[" }},
	{"Mcp-Name of another tool", all, rowBodyHeader, resource.ReasonHeaderMismatch, "name", func(c *trial) { c.set("Mcp-Name", "third") }},
	{"a tool without a rule", all, rowUndeclared, resource.ReasonOperationUndeclared, "operation", func(c *trial) { c.body = callTool("other") }},
	{"a value that no argument rule lists", withCaller, rowUndeclared, resource.ReasonOperationUndeclared, "operation", func(c *trial) { c.body = callTool("deploy") }},
	{"a claim that fails a condition of the tool", withCaller, rowOperationCondition, resource.ReasonCondition, "operation", func(c *trial) { c.body = callTool("purge") }},
	{"a scope that the issuer does not have", []way{newJWT, cachedJWT, opaque}, rowScopeUnavailable, resource.ReasonScopeUnavailable, "operation", func(c *trial) { c.body = callTool("archive") }},
	{"a login that is too weak for every request", callerBound, rowLogin, resource.ReasonInsufficientAuthentication, "acr", func(c *trial) { c.acr = "bronze" }},
	{"a login that is too weak for the tool", all, rowLogin, resource.ReasonInsufficientAuthentication, "operation", func(c *trial) { c.body = callTool("transfer") }},
	{"no scope for every request", callerBound, rowScope, resource.ReasonInsufficientScope, "scope", func(c *trial) { c.scopes = "other" }},
	{"no scope for the tool", allBound, rowScope, resource.ReasonInsufficientScope, "operation", func(c *trial) { c.body = callTool("delete") }},

	{"no scope for Require", allBound, rowRequire, resource.ReasonInsufficientScope, "require", func(c *trial) { c.require = []string{"extra"} }},
	{"a session of another caller", allBound, rowSession, "", "session", func(c *trial) {
		c.foreign = true
		c.set("Mcp-Session-Id", session)
	}},
	{"an unknown session", all, rowSession, "", "session", func(c *trial) { c.set("Mcp-Session-Id", "unknown") }},
}...)

// in returns the fault as it is in a request of one way.
//
// Without credentials there is only one refusal for everything that keeps a request from being a
// public operation: the challenge that makes the client log in.
func (f fault) in(w way) fault {
	if w == public && f.row >= rowBodyType {
		if f.row != rowRequire { // Require stays behind the rows of Authenticate
			f.row = rowMissing
		}
		f.reason = resource.ReasonMissingCredentials
	}
	if w == header && f.row == rowLogin { // no login changes a header credential
		f.row, f.reason = rowLoginUnavailable, resource.ReasonAuthenticationUnavailable
	}
	return f
}

// conflicts reports whether two faults cannot be combined.
func (f fault) conflicts(other fault) bool {
	for _, use := range strings.Fields(f.uses) {
		for _, used := range strings.Fields(other.uses) {
			if use == used {
				return true
			}
		}
	}
	return false
}
