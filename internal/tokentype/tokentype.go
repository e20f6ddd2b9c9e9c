// Package tokentype decides which kind of token the value of a claim names. The claims are typ
// (Keycloak), token_use (Cognito), tokenName (ForgeRock) and token_type. No RFC defines their
// values. The typ header of a JWT is not one of them.
package tokentype

import (
	"slices"
	"strings"
)

// access are the values in access tokens. Every other value belongs to another kind of token, such
// as ID, Refresh, Offline or Logout.
var access = []string{"Bearer", "DPoP", "access", "access_token", "JWT", "at+jwt"}

// IsAccess reports whether a value is that of access tokens, or one of further. The comparison
// ignores case.
func IsAccess(value string, further []string) bool {
	is := func(name string) bool { return strings.EqualFold(name, value) }
	return slices.ContainsFunc(access, is) || slices.ContainsFunc(further, is)
}

// IsDPoP reports whether a value is that of access tokens that are bound to a key (RFC 9449 §5). The
// comparison ignores case.
func IsDPoP(value string) bool { return strings.EqualFold(value, "DPoP") }

// DescribeAccess lists the values of access tokens for a log.
func DescribeAccess() string { return strings.Join(access, ", ") }

// other are types of tokens that are never for a resource, as plain returns them.
var other = []string{"id", "serializedid", "refresh", "offline", "logout", "code", "authorizationcode", "secevent",
	"tokenintrospection", "clientauthentication", "oauthauthzreq", "dpopproof", "kb", "openid4vciproof", "oauthidjag",
	"entitystatement", "resolveresponse", "trustmark", "statuslist", "vc", "vp", "jwkset", "oauthclientattestation", "oauthclientattestationpop"}

// IsOther reports whether a value, in any of its spellings, belongs to tokens that are never for a
// resource. A value for which neither IsAccess nor IsOther returns true is not known.
func IsOther(value string) bool { return slices.Contains(other, plain(value)) }

// plain returns the same text for all spellings of a type: "Refresh", "refresh_token" and
// "urn:ietf:params:oauth:token-type:refresh_token" become "refresh".
func plain(name string) string {
	name = strings.ToLower(name)
	name = strings.TrimPrefix(strings.TrimPrefix(name, "application/"), "urn:ietf:params:oauth:token-type:")
	if name == "dpop+jwt" { // RFC 9449 §4.2: the proof, in contrast to the type DPoP of an access token
		return "dpopproof"
	}
	name = strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.TrimSuffix(name, "+jwt"))
	return strings.TrimSuffix(name, "token")
}
