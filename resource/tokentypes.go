package resource

import (
	"slices"
	"strings"
)

// accessTokenTypes are the values of the claims typ (Keycloak), token_use (Cognito), tokenName
// (ForgeRock) and token_type in access tokens. Every other value belongs to another kind of token,
// such as ID, Refresh, Offline or Logout.
var accessTokenTypes = []string{"Bearer", "DPoP", "access", "access_token", "JWT", "at+jwt"}

func (i *issuer) acceptsType(value string) bool {
	is := func(name string) bool { return strings.EqualFold(name, value) }
	return slices.ContainsFunc(accessTokenTypes, is) || slices.ContainsFunc(i.config.TokenTypes, is)
}

// otherTypes are types of tokens that are never for a resource, as plainType returns them.
var otherTypes = []string{"id", "serializedid", "refresh", "offline", "logout", "code", "authorizationcode", "secevent",
	"tokenintrospection", "clientauthentication", "oauthauthzreq", "dpopproof"}

// plainType returns the same text for all spellings of a type: "Refresh", "refresh_token" and
// "urn:ietf:params:oauth:token-type:refresh_token" become "refresh".
func plainType(name string) string {
	name = strings.ToLower(name)
	name = strings.TrimPrefix(strings.TrimPrefix(name, "application/"), "urn:ietf:params:oauth:token-type:")
	if name == "dpop+jwt" { // RFC 9449 §4.2: the proof, in contrast to the type DPoP of an access token
		return "dpopproof"
	}
	name = strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.TrimSuffix(name, "+jwt"))
	return strings.TrimSuffix(name, "token")
}

func (b *builder) checkTokenTypes(where string, names []string) {
	for n, name := range names {
		switch {
		case name == "":
			b.mistakes.Addf("%s[%d]: empty", where, n)
		case slices.Contains(otherTypes, plainType(name)):
			b.mistakes.Addf("%s[%d]: %q is the type of other tokens, which are not for resources", where, n, name)
		}
	}
}
