package scopeset

import (
	"strings"
)

// Names are the names that one issuer has for the scopes of the configuration. nil stands for an
// issuer with the same names. Names are immutable.
type Names struct {
	prefix   string            // of every scope that a token of the issuer can have
	toIssuer map[string]string // by scope of the configuration; "": the issuer does not have it
	toConfig map[string]string // by name at the issuer
}

// NewNames returns the names of an issuer. prefix is added to the scopes of its tokens before they
// are compared with names. unavailable lists scopes that the issuer does not have.
func NewNames(prefix string, names map[string]string, unavailable []string) *Names {
	if prefix == "" && len(names) == 0 && len(unavailable) == 0 {
		return nil
	}
	n := &Names{prefix, map[string]string{}, map[string]string{}}
	for scope, name := range names {
		n.toIssuer[scope], n.toConfig[name] = name, scope
	}
	for _, scope := range unavailable {
		n.toIssuer[scope] = ""
	}
	return n
}

// OfToken returns the scopes of the configuration that a token grants. A scope that has another
// name at the issuer is granted by that name only, and one that the issuer does not have is not
// granted: anyone who can create scopes at the issuer could otherwise choose what they grant.
func (n *Names) OfToken(scopes []string) []string {
	if n == nil {
		return scopes
	}
	if n.prefix != "" {
		scopes = AddPrefix(n.prefix, scopes)
	}
	if len(n.toIssuer) == 0 {
		return scopes
	}
	out := make([]string, 0, len(scopes))
	for _, name := range scopes {
		if scope, ok := n.toConfig[name]; ok {
			out = append(out, scope)
		} else if _, renamed := n.toIssuer[name]; !renamed {
			out = append(out, name)
		}
	}
	return out
}

// AtIssuer returns the names of scopes at the issuer, in order, without the scopes that the issuer
// does not have.
func (n *Names) AtIssuer(scopes []string) []string {
	if n == nil || len(n.toIssuer) == 0 {
		return scopes
	}
	out := make([]string, 0, len(scopes))
	for _, scope := range scopes {
		if name, ok := n.name(scope); ok {
			out = append(out, name)
		}
	}
	return out
}

func (n *Names) name(scope string) (name string, ok bool) {
	if name, renamed := n.toIssuer[scope]; renamed {
		return name, name != ""
	}
	return scope, true
}

// CanGrant reports whether a token of the issuer can have the scope.
func (n *Names) CanGrant(scope string) bool {
	if n == nil {
		return true
	}
	name, ok := n.name(scope)
	if other, taken := n.toConfig[name]; taken && other != scope {
		return false // the name stands for another scope
	}
	return ok && strings.HasPrefix(name, n.prefix)
}
