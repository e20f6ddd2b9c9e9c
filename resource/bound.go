package resource

import (
	"slices"

	"github.com/warder-go/warder/internal/scoperules"
	"github.com/warder-go/warder/internal/uripattern"
)

// BoundOperations are operations that need an access token that is bound to a key or a certificate
// of the client, with its proof: see [DPoP] and [ClientCertificates]. All other operations accept
// the tokens that their issuers accept. A request for one of them with another token is rejected
// with 401 and the reason binding_required. The challenge offers DPoP, if it can be used. If the
// credential cannot be bound, because it is not an access token or its issuer accepts no bound
// tokens, the answer is 403 without a challenge, with the reason binding_unavailable.
//
// They apply to messages in the same way as the scopes of the same field in [Operations] do. An
// entry also counts as a rule that names the operation. A bound operation cannot be public.
//
// A task can belong to any tool. So the methods tasks/*, and a subscriptions/listen with taskIds,
// are bound if there is an entry in Tools. No other rule changes that.
type BoundOperations struct {
	Methods   []string // JSON-RPC methods
	Tools     []string // names
	Prompts   []string // names
	Resources []ResourcePattern
}

// ResourcePattern selects MCP resources. Exactly one of its fields is set. See [ResourceRule] for
// what they match.
type ResourcePattern struct {
	URI      string
	Prefix   string
	Template string
}

func (o *BoundOperations) isZero() bool {
	return o.Methods == nil && o.Tools == nil && o.Prompts == nil && o.Resources == nil
}

// clone returns a copy that shares nothing with o.
func (o *BoundOperations) clone() BoundOperations {
	return BoundOperations{slices.Clone(o.Methods), slices.Clone(o.Tools), slices.Clone(o.Prompts), slices.Clone(o.Resources)}
}

// boundOperations is the compiled form of BoundOperations. Only its keys matter.
type boundOperations = scoperules.Keyed[struct{}]

// boundOperations checks and compiles the bound operations. It returns nil for the zero value.
func (b *builder) boundOperations(given BoundOperations) *boundOperations {
	if given.isZero() {
		return nil
	}
	const where = "Operations.Bound"
	if !b.policy.offers.dpop && !b.policy.offers.certificates {
		b.mistakes.Addf("%s.Methods, Tools, Prompts, Resources: the tokens of no issuer can be bound, so nobody could use these operations; set dpop or client_certificates (in Go: Credentials.DPoP, Credentials.Certificates)", where)
	}
	set := func(field string, names []string) map[string]struct{} {
		all := map[string]struct{}{}
		for n, name := range names {
			if _, ok := all[name]; ok {
				b.mistakes.Addf("%s.%s[%d]: duplicate name %q", where, field, n, name)
			}
			all[name] = struct{}{}
		}
		return all
	}
	rules := scoperules.Given[struct{}]{Methods: set("Methods", given.Methods), Tools: set("Tools", given.Tools), Prompts: set("Prompts", given.Prompts)}
	for _, pattern := range given.Resources {
		rules.Resources = append(rules.Resources, scoperules.GivenResource[struct{}]{Pattern: uripattern.Pattern(pattern)})
	}
	return scoperules.Compile(where, rules, &b.mistakes, func(string, struct{}) []struct{} { return []struct{}{{}} })
}

// checkBoundOperations rejects a caller whose token is not bound, if the operations need that.
// missing is the fault of checkScopes, or nil: a scope that no login can add precedes, and the
// scopes that a login can add are part of the same challenge, so that one login is enough.
func (p *policy) checkBoundOperations(c *Caller, needed bool, missing *fault) *fault {
	if !needed || c.binding.IsBound() || missing != nil && missing.reason != ReasonInsufficientScope {
		return nil
	}
	of := p.bindingsOfCaller(c)
	f := &fault{reason: ReasonBindingRequired, caller: c, got: c.binding.got(), want: "cnf, because the operation needs a bound token",
		needsDPoP: of.certificates == BindingOff}
	if of.dpop == BindingOff && of.certificates == BindingOff { // a challenge would make the client log in again and again
		f.reason = ReasonBindingUnavailable
		return f
	}
	if missing != nil {
		f.needed, f.challenge = missing.needed, missing.challenge
	}
	return f
}
