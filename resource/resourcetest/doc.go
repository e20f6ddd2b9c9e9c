// Package resourcetest is an OAuth 2.1 authorization server for tests and for trying out
// programs on one machine. It is NOT FOR PRODUCTION: every user is logged in at once as the
// configured subject, anyone can register a client, all data is in memory, and it issues false
// tokens on request.
//
// A test needs three lines:
//
//	issuer := resourcetest.Start(t)
//	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.com/mcp", Scope: "mcp:read"})
//	request.Header.Set("Authorization", "Bearer "+token)
//
// An [Issuer] is an [net/http.Handler]. [Issuer.Listen] serves it on a port of the loopback
// interface. [Issuer.Transport] calls it without sockets and goroutines, as a testing/synctest
// bubble requires.
//
// It supports RFC 8414 and OpenID Connect discovery, JWKS (RFC 7517), the authorization code
// grant with PKCE (RFC 7636) and RFC 9207, refresh tokens with rotation, client credentials,
// resource indicators (RFC 8707), dynamic registration (RFC 7591), introspection (RFC 7662,
// signed: RFC 9701) and revocation (RFC 7009). It does not issue ID tokens and has no user
// interface.
//
// It also supports DPoP (RFC 9449): the token endpoint binds tokens to the key of a valid proof,
// and the refresh tokens of public clients too. Config.DPoPNonce makes it require nonces. The
// authorization endpoint accepts dpop_jkt, "authorization_details" (RFC 9396), and for step-up
// authentication "acr_values" and "max_age" (RFC 9470). Every user meets all requirements of the
// last two: the first of acr_values becomes the claim "acr", and with max_age the token has
// "auth_time". Without these parameters, tokens do not have these claims. The token endpoint does
// not issue certificate-bound tokens (RFC 8705), because the server does not use TLS.
//
// Confidential clients can exchange an access token of the server for one for another audience, by
// RFC 8693 or as an assertion (RFC 7523, and the on-behalf-of flow of Entra). [Issuer.SetExchange]
// makes these answers wrong.
//
// [Issuer.Token] makes valid tokens (RFC 9068) and, with the fields of [Token], invalid ones of
// every kind. Token.ProofKey and Token.Certificate bind a token to the key of a client. A
// [ProofKey] is the key of a DPoP client: [ProofKey.SetProof] adds a token and a proof to one
// request, [ProofKey.Transport] to all requests of an HTTP client. [ProofKey.Faulty] makes one
// whose proofs have one of the [ProofFaults].
//
// [Issuer.Fail] makes an endpoint fail while the server runs. [Issuer.Count] and
// [Issuer.Requests] return what the server received.
//
// All methods can be called concurrently. Mistakes in a test, such as an unknown algorithm or
// key, panic. Requests do not panic, except with [net/http.ErrAbortHandler], which net/http
// defines for aborting a response, if a [Failure] cuts the connection.
package resourcetest
