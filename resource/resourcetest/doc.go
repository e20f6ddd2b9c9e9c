// Package resourcetest is an OAuth 2.1 authorization server for tests and for
// programs that are tried out on one machine. It is NOT FOR PRODUCTION:
// everybody is logged in at once as the configured subject, everybody may
// register a client, nothing is stored, and its tokens can be made to lie.
//
// A test needs three lines:
//
//	issuer := resourcetest.Start(t)
//	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.com/mcp", Scope: "mcp:read"})
//	request.Header.Set("Authorization", "Bearer "+token)
//
// An [Issuer] is an [net/http.Handler]. [Issuer.Listen] serves it on a port of
// the loopback interface; [Issuer.Transport] reaches it without any socket and
// without any goroutine, which is what a testing/synctest bubble needs.
//
// It speaks RFC 8414 and OpenID Connect discovery, JWKS (RFC 7517), the
// authorization code grant with PKCE (RFC 7636) and RFC 9207, refresh tokens
// with rotation, client credentials, resource indicators (RFC 8707), dynamic
// registration (RFC 7591), introspection (RFC 7662, signed: RFC 9701) and
// revocation (RFC 7009). There are no ID tokens and no user interface.
//
// [Issuer.Token] makes good tokens (RFC 9068) and, by the fields of [Token],
// bad ones of every kind. [Issuer.Fail] breaks an endpoint while the server
// runs; [Issuer.Count] and [Issuer.Requests] tell what was asked of it.
//
// All methods may be called by many goroutines at once. Mistakes of the test
// itself (an algorithm that does not exist, a key that was never made) panic,
// requests never do, save for the abort that net/http defines
// ([net/http.ErrAbortHandler]) where a [Failure] asks for a cut connection.
package resourcetest
