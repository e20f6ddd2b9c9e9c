// Package check looks for mistakes in the deployment of a protected server: in the configuration
// file of package resource/config, at the issuers that it names, and in what is between the
// clients and the server. The command warder check is this package with a command line.
//
// [Run] reads the file as package resource/config does, and calls the servers as the other
// packages of this module do. It changes nothing at them, except that a server with sessions
// opens one if it gets a token, and that it is asked to end it. The findings of a [Report] are
// documented in docs/check.md.
//
// A Report has nothing of a token, a secret or a key, except the identifiers of keys (kid) and,
// marked as unverified, the issuer and the audience of the token in [Config].
package check
