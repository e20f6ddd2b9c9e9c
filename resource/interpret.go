package resource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// MaxScopePrefixBytes bounds Issuer.ScopePrefix: each scope of a token gets it.
const MaxScopePrefixBytes = 512

// interpret returns the claims as the issuer means them: with the audience, the scopes
// and the roles from where it puts them. Everything else stays.
func (i *issuer) interpret(c *Claims) (*Claims, *fault) {
	if i.audienceClaims == nil && i.scopeClaim == nil && i.scopePrefix == "" && i.roleClaim == nil && i.still == nil {
		return c, nil
	}
	out, err := *c, error(nil)
	if i.audienceClaims != nil {
		out.Audience = i.audienceOf(c)
	}
	if i.scopeClaim != nil { // never the union of two sources
		if out.Scopes, err = scopeList(i.scopeClaim.value(c.object)); err != nil {
			return nil, newFault(ReasonTokenMalformed, "Issuer.ScopeClaim: %w", err)
		}
	}
	if i.scopePrefix != "" {
		out.Scopes = prefixed(i.scopePrefix, out.Scopes)
	}
	if i.roleClaim != nil {
		roles, _ := stringOrStrings(i.roleClaim.value(c.object))
		out.roles = slices.DeleteFunc(roles, func(role string) bool { return role == "" })
		if len(out.roles) > MaxRoles {
			return nil, newFault(ReasonTokenMalformed, "Issuer.RoleClaim has more than %d roles", MaxRoles)
		}
	}
	if still, live := i.still, c.Live; still != nil {
		out.Live = func(now time.Time) bool { return still(now) && (live == nil || live(now)) }
	}
	return &out, nil
}

// prefixed leaves out what is no scope, so that the prefix makes none of it.
func prefixed(prefix string, scopes []string) (out []string) {
	for _, scope := range scopes {
		if isScope(scope) {
			out = append(out, prefix+scope)
		}
	}
	return out
}

// An audienceClaim is one that Issuer.AudienceClaims can name.
type audienceClaim struct {
	name     string
	ofClient bool // it says who asked for the token
	path     claimPath
}

var audienceClaims = func() map[string]audienceClaim {
	all := map[string]audienceClaim{}
	for name, ofClient := range map[string]bool{"aud": false, "resource": false, "client_id": true, "azp": true, "cid": true, "appid": true} {
		all[name] = audienceClaim{name, ofClient, claimPath{strictjson.NewNames(name)}}
	}
	return all
}()

// audienceOf collects what the issuer's claims say; nil only if none of them is there,
// and no aud either, which otherwise says that the token is for somebody else.
func (i *issuer) audienceOf(c *Claims) (audience []string) {
	if c.Audience != nil {
		audience = []string{}
		if i.ofClients {
			return audience
		}
	}
	for _, claim := range i.audienceClaims {
		switch value, err := claim.path.find(c.object); {
		case claim.name == "aud":
			audience = append(audience, c.Audience...)
		case value == nil && err == nil:
		case claim.ofClient:
			audience = append(audience, claim.path.text(c.object))
		default:
			list, _ := stringOrStrings(value)
			audience = append(append([]string{}, audience...), list...) // there, if for nobody
		}
	}
	return audience
}

// A claimPath leads to a claim by the names of objects' members. Each compares
// exactly, and a variant in case beside it makes the object unreadable.
type claimPath []*strictjson.Names

// identityClaims say who somebody is, partly in words of their own. They are no place
// for what somebody may do.
var identityClaims = []string{"iss", "sub", "aud", "jti", "client_id", "azp", "cid", "appid"}

// parseClaimPath reads a claim's name, or a JSON Pointer (RFC 6901), which begins with
// a slash. For an empty path it is nil.
func parseClaimPath(path string) (p claimPath, err error) {
	steps := []string{path}
	if rest, ok := strings.CutPrefix(path, "/"); ok {
		steps = strings.Split(rest, "/")
		for n, step := range steps {
			if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(step), "~") {
				return nil, errors.New("has a ~ that is neither ~0 nor ~1 (RFC 6901 §3)")
			}
			steps[n] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		}
		if len(steps) == 1 && !strings.HasPrefix(steps[0], "/") { // one way to write a thing
			return nil, fmt.Errorf("is one claim: write %q", steps[0])
		}
	} else if path == "" {
		return nil, nil
	} else if slices.Contains(identityClaims, path) {
		return nil, errors.New("says who somebody is; it can't say what they may do")
	}
	for _, step := range steps {
		if step == "" {
			return nil, errors.New("has an empty step")
		}
		p = append(p, strictjson.NewNames(step))
	}
	return p, nil
}

// find returns the claim's value; nil if it is absent, or can't be read.
func (p claimPath) find(object []byte) (jsontext.Value, error) {
	value := jsontext.Value(object)
	for _, names := range p {
		var found jsontext.Value
		err := strictjson.Object(value, names, func(_ string, v jsontext.Value) error {
			found = v
			return nil
		})
		if value = found; err != nil || value == nil {
			return nil, err
		}
	}
	return value, nil
}

// value is find where what can't be read says nothing, like what is absent.
func (p claimPath) value(object []byte) jsontext.Value {
	value, _ := p.find(object)
	return value
}

// text returns the claim if it is a string, else "".
func (p claimPath) text(object []byte) string {
	value := p.value(object)
	if value == nil {
		return ""
	}
	text, _ := strictjson.String(value)
	return text
}
