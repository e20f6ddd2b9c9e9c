package resource

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/errorresponse"
	"github.com/warder-go/warder/internal/instant"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/login"
	"github.com/warder-go/warder/internal/scoperules"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/internal/uripattern"
)

// Authentication says how and when the user must have logged in (RFC 9470). It can be for every
// request ([Credentials].Authentication) and for single operations
// ([Operations].Authentication). All that applies to a request must hold. Otherwise the request
// is rejected with 401 and one challenge with the error insufficient_user_authentication. It
// names the acr values that are enough for all of it, and the smallest MaxAge. If the request
// also lacks scopes, the challenge names the scopes that the request needs, so that one login is
// enough. If no scope is missing, it names no scope.
//
// The answer is 403 without a challenge if a login would not help: the token belongs to a client
// ([Caller.OfClient]), the credential is not an OAuth access token (as in Credentials.Headers), or
// no acr value is enough for all that applies.
//
// The claims acr and auth_time are those of the token or the introspection answer (RFC 9470 §6).
// If an answer about a JWT omits one of them, that of the JWT is used. A claim that is required
// and absent, of another type or spelled in another case does not hold.
type Authentication struct {
	// ACRValues are the accepted values of the claim acr, in order of preference. They are
	// compared byte for byte, and no value includes another. Each consists of printable ASCII
	// without space, quote and backslash. At most 64 values and 2048 bytes together, because
	// the challenge has them. Nil: every token, also one without acr.
	ACRValues []string

	// MaxAge is the longest time since the login, which is the claim auth_time, in whole
	// seconds, at least one second and at most ten years. Limits.Leeway is added. An
	// auth_time that is in the future by more than the leeway does not hold. The age is
	// checked for every request, also with a cached token, and for open streams every 30
	// seconds. 0: no limit.
	MaxAge time.Duration
}

// OperationAuthentication is Authentication by operation. It applies to messages in the same way
// as the scopes of the same field in [Operations] do. An entry also counts as a rule that names
// the operation, even if it is the zero value. An operation that needs a login cannot be public.
//
// A task can belong to any tool. So the methods tasks/*, and a subscriptions/listen with taskIds,
// need what all Tools together need, unless Methods names them here.
type OperationAuthentication struct {
	Methods   map[string]Authentication // by JSON-RPC method
	Tools     map[string]Authentication // by name
	Prompts   map[string]Authentication // by name
	Resources []ResourceAuthentication
}

// ResourceAuthentication is Authentication for MCP resources. Exactly one of URI, Prefix and
// Template is set. See [ResourceRule] for what they match.
type ResourceAuthentication struct {
	URI            string
	Prefix         string
	Template       string
	Authentication Authentication
}

func (o *OperationAuthentication) isZero() bool {
	return o.Methods == nil && o.Tools == nil && o.Prompts == nil && o.Resources == nil
}

// clone returns a copy with maps and lists of its own, except the ACRValues.
func (o *OperationAuthentication) clone() OperationAuthentication {
	return OperationAuthentication{maps.Clone(o.Methods), maps.Clone(o.Tools), maps.Clone(o.Prompts), slices.Clone(o.Resources)}
}

// authentication checks a requirement. It returns a copy, or nil if nothing is required.
func (b *builder) authentication(where string, given Authentication) *login.Requirement {
	r := login.Requirement{ACRValues: slices.Clone(given.ACRValues), MaxAge: given.MaxAge}
	r.Check(where, &b.mistakes)
	if r.IsZero() {
		return nil
	}
	return &r
}

// operationAuthentication is the compiled form of OperationAuthentication.
type operationAuthentication = scoperules.Keyed[*login.Requirement]

// operationAuthentication checks and compiles what logins operations need. It returns nil for the
// zero value.
func (b *builder) operationAuthentication(given OperationAuthentication) *operationAuthentication {
	if given.isZero() {
		return nil
	}
	rules := scoperules.Given[Authentication]{Methods: given.Methods, Tools: given.Tools, Prompts: given.Prompts}
	for _, r := range given.Resources {
		rules.Resources = append(rules.Resources, scoperules.GivenResource[Authentication]{
			Pattern: uripattern.Pattern{URI: r.URI, Prefix: r.Prefix, Template: r.Template}, Value: r.Authentication})
	}
	return scoperules.Compile("Operations.Authentication", rules, &b.mistakes, func(where string, given Authentication) []*login.Requirement {
		compiled := b.authentication(where, given)
		if compiled == nil {
			return nil
		}
		if _, possible := login.Combine(b.policy.authentication, compiled); !possible {
			b.mistakes.Addf("%s: none of the acr values is in required_authentication (in Go: Credentials.Authentication), so no login is enough for both; add one there, or remove these", where)
		}
		return []*login.Requirement{compiled}
	})
}

// callerLogin is the login of a cached caller.
type callerLogin struct {
	read bool // from the claims
	login.Login
}

// The claims of a login. Both are registered, so a spelling in another case makes the claims
// unreadable here: fail closed. The token stays valid for requests that need no login.
var acrClaim, authTimeClaim = claimpath.Name("acr"), claimpath.Name("auth_time")

// readsLogins reports whether a setting needs the login of callers.
func (p *policy) readsLogins() bool {
	return p.authentication != nil || p.rules != nil && p.rules.authentication != nil
}

// setLogin reads the login of a caller, once, if a setting needs it. A caller that an earlier
// policy has cached without it gets it by recast.
func (p *policy) setLogin(c *Caller) {
	if c.login.read || !p.readsLogins() {
		return
	}
	c.login.read = true
	if value, err := c.find(acrClaim); err == nil && value != nil {
		c.login.ACR, _ = strictjson.String(value)
	}
	if value, err := c.find(authTimeClaim); err == nil && value != nil {
		at, _ := jose.NumericDate(value) // a string, or out of range: absent
		c.login.Time = instant.Of(at)
	}
}

// checkLogin rejects a caller whose login is not as every request and the operations require.
// missing is the fault of checkScopes, or nil: a scope that no login can add precedes, and a
// scope that a login can add is part of the same challenge (RFC 9470 §3), so that one login is
// enough.
func (p *policy) checkLogin(c *Caller, ofOperations []*login.Requirement, missing *fault) *fault {
	if p.authentication == nil && ofOperations == nil || missing != nil && missing.reason != ReasonInsufficientScope {
		return missing
	}
	now := time.Now()
	unmet := func(wanted *login.Requirement) bool { return !c.login.Meets(wanted, now, p.leeway) }
	if !unmet(p.authentication) && !slices.ContainsFunc(ofOperations, unmet) {
		return missing
	}
	wanted, possible := login.Combine(p.authentication, ofOperations...)
	f := &fault{reason: ReasonAuthenticationUnavailable, caller: c, got: c.login.Describe(&wanted, now), want: wanted.Describe(p.leeway)}
	switch {
	case !possible:
		f.want = "no acr value is enough for all rules that apply to the request"
	case c.OfClient():
		f.want += ", of a user; the token belongs to a client"
	case p.isOtherCredential(c.Credential(), c.Issuer()):
		f.want += ", of a user; the credential is not an OAuth access token"
	default:
		f.reason = ReasonInsufficientAuthentication
		f.login = errorresponse.Login{ACRValues: strings.Join(wanted.ACRValues, " "), MaxAge: int64(wanted.MaxAge / time.Second)}
		if missing != nil {
			f.needed, f.challenge = missing.needed, missing.challenge
		}
	}
	return f
}
