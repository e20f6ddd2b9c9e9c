// Package resource decides about requests to an OAuth 2.1 protected resource: an MCP
// server at one URL. It takes the credential of a request, finds out with a [Verifier]
// whom it stands for, and whether that caller may do what the request asks for; the
// answer is a [Decision] or a [Refusal].
//
// [New] makes a [Resource] of a [Config]; [Resource.Authenticate] is the decision, to
// be read from top to bottom. Packages nethttp and echoadapter put it in front of a
// handler, packages jwks and introspect have the usual verifiers.
//
// Nothing is open by default: there is no value that means any issuer, any audience or
// any path. What can't be decided is refused, and the three answers never mix: 401 for
// a credential that is bad or missing, 403 for one that is good but not enough, 503
// where nobody can tell. What a client is told are fixed texts; what an operator needs
// to know is in the log, by [Reason].
//
// The package sends nothing, writes no answer, verifies no signature and knows no
// framework.
package resource
