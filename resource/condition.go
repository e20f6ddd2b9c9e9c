package resource

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/condition"
	"github.com/warder-go/warder/internal/scoperules"
	"github.com/warder-go/warder/internal/uripattern"
)

// Condition is a condition on a claim of a verified credential: Claim and exactly one of the other
// fields, which are tests. It can be for one issuer ([Issuer].Conditions), for every credential
// ([Credentials].Conditions) and for single operations ([Operations].Conditions). A caller must
// meet every condition that applies. Otherwise the request is rejected with 403, without a
// challenge, because no scope would help.
//
// Values are strings, bools, ints or int64s. They are typed: the string "1" never equals the
// number 1, and only Contains, ContainsOneOf and ContainsDetail accept an array. Strings are
// compared byte for byte, without patterns. Numbers are whole numbers of any size: 1.0 and 1e0 do
// not equal 1. A claim that is absent, null, an empty string, unreadable or of another type does
// not meet the condition. Negation is not supported, because it would accept tokens without the claim.
//
// Claims are those of the token or the introspection answer, as [Caller.Decode] reads them; if an
// answer about a JWT omits the claim, that of the JWT. Settings such as ScopeClaim, ScopePrefix
// and SubjectClaim do not change them. Claims that a custom verifier does not make with
// [ParseClaims] are absent.
type Condition struct {
	// Claim is the name of the claim, or for a nested claim a JSON Pointer (RFC 6901), such
	// as /kubernetes.io/namespace. It must not be jti.
	Claim string

	Equals        any   // the claim is this value
	OneOf         []any // the claim is one of these values
	Contains      any   // the claim is an array with this value
	ContainsOneOf []any // the claim is an array with at least one of these values

	// PathPrefix is a path of whole segments between slashes. The claim is the same path or
	// one below: acme/platform accepts acme/platform and acme/platform/tools, but not
	// acme/platform2. Below the prefix, empty segments, dot segments, backslashes, percent
	// signs and control characters are not accepted.
	PathPrefix string

	// ContainsDetail is for the claim authorization_details, or another one of the same form:
	// one authorization detail in it is as described.
	ContainsDetail *DetailCondition
}

// DetailCondition describes an authorization detail (RFC 9396). One detail of the caller must have
// all of it: the type of one detail and the actions of another are not enough. Fields that are empty
// are not tested, and a detail can have further actions, data types, privileges and members. Strings
// are compared byte for byte.
//
// Only details that count for this resource are considered, and none if the claim cannot be read
// completely: see [Caller.AuthorizationDetails]. For other tests of details, such as of an amount,
// use [Operations].Rule.
//
// If Metadata.AuthorizationDetailsTypesSupported is set, a Type of the claim authorization_details
// must be in it. Otherwise the published document would omit a type that clients need. This does not
// apply to issuers of Hooks.ResolveIssuer.
type DetailCondition struct {
	Type       string   // required
	Actions    []string // all of them are among the actions
	DataTypes  []string // all of them are among the datatypes
	Privileges []string // all of them are among the privileges
	Identifier string   // equal to the identifier
}

// OperationConditions are conditions by operation. They apply to messages in the same way as the
// scopes of the same field in [Operations] do. An operation that has conditions cannot be public.
//
// A task can belong to any tool. So the methods tasks/*, and a subscriptions/listen with taskIds,
// have the conditions of all Tools together, unless Methods names them here.
type OperationConditions struct {
	Methods   map[string][]Condition // by JSON-RPC method
	Tools     map[string][]Condition // by name
	Prompts   map[string][]Condition // by name
	Resources []ResourceConditions
}

// ResourceConditions are conditions for MCP resources. Exactly one of URI, Prefix and Template is
// set. See [ResourceRule] for what they match.
type ResourceConditions struct {
	URI        string
	Prefix     string
	Template   string
	Conditions []Condition
}

func (o *OperationConditions) isZero() bool {
	return o.Methods == nil && o.Tools == nil && o.Prompts == nil && o.Resources == nil
}

// clone returns a copy with maps and lists of its own, except the lists of conditions.
func (o *OperationConditions) clone() OperationConditions {
	return OperationConditions{maps.Clone(o.Methods), maps.Clone(o.Tools), maps.Clone(o.Prompts), slices.Clone(o.Resources)}
}

// cloneConditions returns a copy that shares nothing with the program's value.
func cloneConditions(given []Condition) []Condition {
	out := slices.Clone(given)
	for n := range out {
		out[n].OneOf, out[n].ContainsOneOf = slices.Clone(out[n].OneOf), slices.Clone(out[n].ContainsOneOf)
		if d := out[n].ContainsDetail; d != nil {
			out[n].ContainsDetail = &DetailCondition{d.Type, slices.Clone(d.Actions), slices.Clone(d.DataTypes), slices.Clone(d.Privileges), d.Identifier}
		}
	}
	return out
}

// conditions checks and compiles a list.
func (b *builder) conditions(where string, given []Condition) (all []*condition.Condition) {
	for n, one := range given {
		c, err := condition.New(condition.Spec{
			Claim: one.Claim, Equals: one.Equals, OneOf: one.OneOf, Contains: one.Contains, ContainsOneOf: one.ContainsOneOf,
			PathPrefix: one.PathPrefix, ContainsDetail: (*condition.Detail)(one.ContainsDetail),
		})
		if err == nil {
			err = b.checkDetailType(&one)
		}
		if err != nil {
			b.mistakes.Addf("%s[%d]: %w", where, n, err)
		}
		all = append(all, c)
	}
	return all
}

// checkDetailType rejects a type that the metadata omits, if it lists types: clients that read the
// list (RFC 9728 §2) do not request the type, and one of the two is probably mistyped.
func (b *builder) checkDetailType(c *Condition) error {
	listed := b.config.Metadata.AuthorizationDetailsTypesSupported
	if c.ContainsDetail == nil || c.Claim != claimDetails || listed == nil || slices.Contains(listed, c.ContainsDetail.Type) {
		return nil
	}
	return fmt.Errorf("ContainsDetail.Type: %q is not in Metadata.AuthorizationDetailsTypesSupported, where clients read which types they can request; add it there",
		c.ContainsDetail.Type)
}

// operationConditions is the compiled form of OperationConditions.
type operationConditions = scoperules.Keyed[*condition.Condition]

// operationConditions checks and compiles the conditions of operations. It returns nil for the
// zero value.
func (b *builder) operationConditions(given OperationConditions) *operationConditions {
	if given.isZero() {
		return nil
	}
	rules := scoperules.Given[[]Condition]{Methods: given.Methods, Tools: given.Tools, Prompts: given.Prompts}
	for _, r := range given.Resources {
		rules.Resources = append(rules.Resources, scoperules.GivenResource[[]Condition]{
			Pattern: uripattern.Pattern{URI: r.URI, Prefix: r.Prefix, Template: r.Template}, Field: ".Conditions", Value: r.Conditions})
	}
	return scoperules.Compile("Operations.Conditions", rules, &b.mistakes, b.conditions)
}

// setUnmet finds the first condition of the issuer and of every credential that a caller does not
// meet. The claims of a caller never change, so this is done once for a cached token.
func (p *policy) setUnmet(c *Caller) {
	if c.unmet = c.firstUnmet(c.conditions); c.unmet == nil {
		c.unmet = c.firstUnmet(p.conditions)
	}
}

// firstUnmet returns the first condition that the caller does not meet; nil if it meets all.
func (c *Caller) firstUnmet(all []*condition.Condition) *condition.Condition {
	for _, one := range all {
		if !one.Holds(c.claims()) {
			return one
		}
	}
	return nil
}

// conditionFault rejects a caller with an unmet condition. It returns nil if unmet is nil.
func (c *Caller) conditionFault(unmet *condition.Condition) *fault {
	if unmet == nil {
		return nil
	}
	return &fault{reason: ReasonCondition, caller: c, got: unmet.Got(c.claims()), want: unmet.Want()}
}

// claims returns the claims for conditions.
func (c *Caller) claims() condition.Claims { return condition.Claims{Find: c.find, IsHere: c.isHere} }

// find returns a claim for a condition. If the claim is an empty string in the issuer's answer
// about a JWT, it is absent, whatever the JWT has.
func (c *Caller) find(path claimpath.Path) (jsontext.Value, error) {
	if c.jwtObject != nil && path.IsEmptyString(c.object) {
		return nil, nil
	}
	return findClaim(path, c.object, c.jwtObject)
}
