package resource

import (
	"maps"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/grammar"
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

// Limits of Authentication.
const (
	maxACRValues      = 64
	maxACRValuesBytes = 2048      // together, as in the challenge
	maxLoginAge       = maxExpiry // longest MaxAge
)

func (o *OperationAuthentication) isZero() bool {
	return o.Methods == nil && o.Tools == nil && o.Prompts == nil && o.Resources == nil
}

// clone returns a copy with maps and lists of its own, except the ACRValues.
func (o *OperationAuthentication) clone() OperationAuthentication {
	return OperationAuthentication{maps.Clone(o.Methods), maps.Clone(o.Tools), maps.Clone(o.Prompts), slices.Clone(o.Resources)}
}

// authentication checks a requirement. It returns a copy, or nil if nothing is required.
func (b *builder) authentication(where string, given Authentication) *Authentication {
	if given.ACRValues != nil && len(given.ACRValues) == 0 {
		b.mistakes.Addf("%s: no acr values, which accepts no token; name one, or omit the list to accept every token", where)
	}
	if len(given.ACRValues) > maxACRValues {
		b.mistakes.Addf("%s: %d acr values; use at most %d", where, len(given.ACRValues), maxACRValues)
	}
	total := 0
	for n, value := range given.ACRValues {
		total += len(value) + 1
		switch {
		case !grammar.IsScopeToken(value): // the same characters, RFC 6750 §3
			b.mistakes.Addf("%s: acr value %q: use printable ASCII without space, quote and backslash, because challenges separate the values by spaces (RFC 9470 §3)", where, value)
		case slices.Contains(given.ACRValues[:n], value):
			b.mistakes.Addf("%s: duplicate acr value %q", where, value)
		}
	}
	if total-1 > maxACRValuesBytes {
		b.mistakes.Addf("%s: the acr values have %d bytes; use at most %d, because challenges have them all", where, total-1, maxACRValuesBytes)
	}
	if age := given.MaxAge; age != 0 && (age < time.Second || age > maxLoginAge || age%time.Second != 0) {
		b.mistakes.Addf("%s: max age %s; use whole seconds, from 1s to %s, or 0 for no limit", where, age, maxLoginAge)
	}
	if given.isZero() {
		return nil
	}
	return &Authentication{slices.Clone(given.ACRValues), given.MaxAge}
}

func (a *Authentication) isZero() bool { return a.ACRValues == nil && a.MaxAge == 0 }

// operationAuthentication is the compiled form of OperationAuthentication.
type operationAuthentication = keyedRules[*Authentication]

// operationAuthentication checks and compiles what logins operations need. It returns nil for the
// zero value.
func (b *builder) operationAuthentication(given OperationAuthentication) *operationAuthentication {
	if given.isZero() {
		return nil
	}
	rules := givenRules[Authentication]{methods: given.Methods, tools: given.Tools, prompts: given.Prompts}
	for _, r := range given.Resources {
		rules.resources = append(rules.resources, givenResource[Authentication]{
			uripattern.Pattern{URI: r.URI, Prefix: r.Prefix, Template: r.Template}, "", r.Authentication})
	}
	return compileRules(b, "Operations.Authentication", rules, func(where string, given Authentication) []*Authentication {
		compiled := b.authentication(where, given)
		if compiled == nil {
			return nil
		}
		if _, possible := combine(b.policy.authentication, []*Authentication{compiled}); !possible {
			b.mistakes.Addf("%s: none of the acr values is in required_authentication (in Go: Credentials.Authentication), so no login is enough for both; add one there, or remove these", where)
		}
		return []*Authentication{compiled}
	})
}
