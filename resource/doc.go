// Package resource decides about requests to an OAuth 2.1 protected resource: an MCP server
// at one URL. It takes the credential of a request, identifies the caller with a [Verifier],
// and decides whether that caller may do what the request asks for. The result is a
// [Decision] or a [Refusal].
//
// [New] makes a [Resource] from a [Config]. [Resource.Authenticate] is the decision.
// Packages nethttp and echoadapter apply it to a handler; packages jwks and introspect have
// the usual verifiers.
//
// Nothing is open by default: no value means any issuer, any audience or any path. A request
// that cannot be decided is rejected. The three kinds of answers never mix: 401 for a missing
// or invalid credential, 403 for a valid credential that does not permit the request, 503 if
// the credential cannot be checked. Clients get fixed texts. Operators find the details in
// the log, by [Reason].
//
// The package does no network I/O, writes no answers, verifies no signatures and depends on
// no framework.
package resource
