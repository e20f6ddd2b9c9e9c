package claimpath

// registered are the registered claims that can be configured as the place of an audience, a
// scope, a role, a subject or a tenant, or be compared with a header field (IANA JSON Web Token
// Claims and OAuth Token Introspection Response).
var registered = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", // RFC 7519 §4.1
	"active", "scope", "client_id", "username", "token_type", // RFC 7662 §2.2
	"act", "may_act", "cnf", "authorization_details", // RFC 8693 §4, RFC 7800 §3.1, RFC 9396 §9
	"roles", "groups", "entitlements", // RFC 9068 §2.2.3.1
	"resource",                                                            // RFC 8707 §2: a parameter, which some issuers repeat as a claim
	"azp", "nonce", "auth_time", "at_hash", "c_hash", "acr", "amr", "sid", // OpenID Connect Core §2, Front-Channel Logout §3
	"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", // OpenID Connect Core §5.1
	"profile", "picture", "website", "email", "email_verified", "gender", "birthdate",
	"zoneinfo", "locale", "phone_number", "phone_number_verified", "address", "updated_at",
}
