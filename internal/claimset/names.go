package claimset

import "slices"

// Well-known claims, most of them of RFC 7519, RFC 7662, RFC 9068 and OpenID Connect.
var (
	shared = []string{
		"iss", "aud", "exp", "nbf", "iat", "jti", "client_id", "azp", "cid", "appid", "scope", "scp", "cnf", "resource", "active",
		"typ", "token_use", "tokenName", "token_type", "at_hash", "c_hash", "s_hash", "act", "may_act", "authorization_details",
		"acr", "amr", "auth_time", "nonce", "sid", "session_state", "roles", "groups", "entitlements", "tid", "ver",
		"name", "given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website", "email_verified",
		"phone_number_verified", "gender", "birthdate", "zoneinfo", "locale", "address", "updated_at",
	}
	ofUser   = []string{"sub", "username", "preferred_username", "email", "upn", "oid", "unique_name", "uid", "phone_number"}
	identity = []string{"iss", "sub", "aud", "jti", "client_id", "azp", "cid", "appid"}
)

// IsShared reports whether a claim has the same value in tokens of several users, or another value
// in each token of a user. Such a claim cannot identify a user.
func IsShared(name string) bool { return slices.Contains(shared, name) }

// IsInUserTokens reports whether tokens of users have the claim: it is shared, or it identifies or
// describes a user, often in words that the user has chosen. Such a claim cannot mark the tokens
// of clients.
func IsInUserTokens(name string) bool { return IsShared(name) || slices.Contains(ofUser, name) }

// IsIdentity reports whether a claim identifies the caller, partly in words that the caller chose.
// Such a claim cannot determine what the caller may do.
func IsIdentity(name string) bool { return slices.Contains(identity, name) }
