// Package onbehalf calls other servers on behalf of the caller of a request. MCP forbids a server to
// pass on the access token that it received. So an [Exchanger] sends this token to the token endpoint
// of its own issuer only, and gets another token in exchange, for one of the configured targets. The
// handler gets that token, and not the one of the caller.
//
//	exchanger, err := onbehalf.New(onbehalf.Config{
//		Issuer: "https://auth.example.com",
//		Auth:   introspect.ClientAuth{ClientID: "mcp-server", ClientSecretFile: "/run/secrets/client"},
//		Targets: []onbehalf.Target{{
//			Name:      "calendar",
//			Resources: []string{"https://calendar.example.com/api"},
//			Scopes:    []string{"calendar.read"},
//		}},
//	})
//	...
//	client := &http.Client{Transport: exchanger.Transport("calendar", nil)}
//
// [resource.Credentials].HoldTokens must be set in the Resource that accepts the requests. Then its
// callers hold their tokens, and only this package can read them.
//
// A target uses one of three grants: token exchange (RFC 8693), the on-behalf-of flow of Microsoft
// Entra, or an assertion (RFC 7523).
//
// # Which caller
//
// In an HTTP handler the context of the request has the caller, and a request with this context is
// enough for [Exchanger.Transport]. In a tool of the official MCP Go SDK, ctx can belong to another
// request. There the caller is in req.Extra, and [WithCaller] makes a context with it:
//
//	caller, _ := mcpsdk.CallerFrom(req.Extra)
//	ctx = onbehalf.WithCaller(ctx, caller)
//
// # Bound tokens
//
// A token that is bound to a key or a certificate of the client (RFC 9449, RFC 8705) can be
// exchanged too. The Resource has checked that the client has the key. Whether the issuer exchanges
// such a token without a proof, and to whom the issued token is bound, is decided by the issuer. An
// issued token of another type than Bearer is rejected, because the key that it is bound to is not
// available here.
package onbehalf
