package main

import (
	"context"
	"net/http"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource/resourcetest"
)

// step is one request with its response, and how it is presented. Every request of the
// client has a step; the demo omits none.
type step struct {
	title       string
	do          func(context.Context) error // starts a client action; nil: the previous action continues
	method      string
	url         string // without the query
	status      int
	check       func(*exchange) error // further checks; may be nil
	parameters  []string              // request parameters to print
	fields      []string              // response fields to print
	explanation string
}

// demoSteps returns all requests between the client, the MCP server and the
// authorization server, in order.
func demoSteps(s *servers, c *client) []step {
	steps := append(loginSteps(s, c), stepUpSteps(s, c)...)
	if s.dpop {
		addProofNotes(steps)
		steps = append(steps, theftSteps(s, c)...)
	}
	if s.onBehalf {
		steps = append(steps, onBehalfSteps(s, c)...)
	}
	return steps
}

// metadataURL is where warder serves the metadata of the MCP server (RFC 9728).
func (s *servers) metadataURL() string {
	return s.origin + "/.well-known/oauth-protected-resource/mcp"
}

// challenge returns the challenge of the MCP server for a scope. fault is its parameter error,
// with the description; "" if it has none.
func (s *servers) challenge(scope, fault string) string {
	parameters := `resource_metadata="` + s.metadataURL() + `", scope="` + scope + `"` + fault
	if s.dpop {
		return "DPoP " + parameters + `, algs="` + proofAlgorithms + `"`
	}
	return "Bearer " + parameters
}

// loginSteps is how the client gets its first token.
func loginSteps(s *servers, c *client) []step {
	return []step{{
		title: "The client calls the MCP server without a token.",
		do:    c.connect, method: "POST", url: s.url, status: http.StatusUnauthorized,
		check:       responseHeader("WWW-Authenticate", s.challenge(basicScope, "")),
		explanation: "Rejected. The challenge names the metadata URL and the scope to request.",
	}, {
		title:  "The client reads the MCP server's metadata.",
		method: "GET", url: s.metadataURL(), status: http.StatusOK,
		check:       all(responseField("resource", s.url), responseField("authorization_servers", `["`+s.issuer.Identifier()+`"]`)),
		fields:      []string{"resource", "authorization_servers", "scopes_supported", "dpop_bound_access_tokens_required"},
		explanation: "The metadata names the authorization server. Its resource matches the URL that the client called.",
	}, {
		title:  "The client reads the authorization server's metadata.",
		method: "GET", url: s.issuer.URL(resourcetest.Metadata), status: http.StatusOK,
		check:       responseField("issuer", s.issuer.Identifier()),
		fields:      []string{"issuer", "registration_endpoint", "authorization_endpoint", "token_endpoint", "code_challenge_methods_supported"},
		explanation: "The metadata lists the endpoints for registration, user authorization and tokens.",
	}, {
		title:  "The client registers with the authorization server, because it has no client ID there.",
		method: "POST", url: s.issuer.URL(resourcetest.Registration), status: http.StatusCreated,
		check:       hasResponseField("client_id"),
		parameters:  []string{"client_name", "redirect_uris"},
		fields:      []string{"client_id"},
		explanation: "The client now has a client ID.",
	}, {
		title:  "The client opens the authorization endpoint in the user's browser.",
		method: "GET", url: s.issuer.URL(resourcetest.Authorization), status: http.StatusFound,
		check:       all(parameter("resource", s.url), parameter("scope", basicScope), parameter("code_challenge_method", "S256")),
		parameters:  []string{"client_id", "scope", "resource", "code_challenge", "code_challenge_method"},
		explanation: "A real user would log in and consent here; the test server approves at once. code_challenge belongs to PKCE.",
	}, {
		title:  "The browser is redirected to the client with an authorization code.",
		method: "GET", url: c.callback, status: http.StatusOK,
		check:       parameter("iss", s.issuer.Identifier()),
		parameters:  []string{"code", "iss"},
		explanation: "iss shows that the code is from the authorization server that the client called.",
	}, {
		title:  "The client exchanges the code for an access token.",
		method: "POST", url: s.issuer.URL(resourcetest.TokenEndpoint), status: http.StatusOK,
		check:       all(parameter("resource", s.url), responseField("scope", basicScope), hasResponseField("access_token")),
		parameters:  []string{"grant_type", "code", "code_verifier", "resource"},
		fields:      []string{"access_token", "token_type", "expires_in", "scope"},
		explanation: "code_verifier proves that the same client requested the code. The token is valid for this MCP server only.",
	}, {
		title:  "The client calls the MCP server again, with the token.",
		method: "POST", url: s.url, status: http.StatusOK,
		check:       s.introspections(1),
		explanation: s.firstVerification(),
	}, {
		title: "The client calls the tool whoami.",
		do:    c.call("whoami"), method: "POST", url: s.url, status: http.StatusOK,
		check:       all(s.introspections(1), toolResult("You are "+user+" of "+s.issuer.Identifier()+"; your token grants "+basicScope+".")),
		explanation: "The tool received the identity of the caller. It did not receive the token.",
	}}
}

// stepUpSteps is how the client gets a token with more scopes after the first one turns
// out to be insufficient. The program calls the tool once; the SDK does the rest.
func stepUpSteps(s *servers, c *client) []step {
	needed := basicScope + " " + mcpserver.AdminScope
	const fault = `, error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	return []step{{
		title: "The client calls the tool delete_everything.",
		do:    c.call("delete_everything"), method: "POST", url: s.url, status: http.StatusForbidden,
		check:       responseHeader("WWW-Authenticate", s.challenge(needed, fault)),
		explanation: "The token is valid but lacks a scope. The challenge names all required scopes. The tool did not run.",
	}, {
		title:  "The client reads the MCP server's metadata again.",
		method: "GET", url: s.metadataURL(), status: http.StatusOK,
		explanation: "The challenge contains this URL.",
	}, {
		title:  "The client reads the authorization server's metadata again.",
		method: "GET", url: s.issuer.URL(resourcetest.Metadata), status: http.StatusOK,
		explanation: "The metadata has not changed.",
	}, {
		title:  "The client registers again, because it does not store its registration.",
		method: "POST", url: s.issuer.URL(resourcetest.Registration), status: http.StatusCreated,
		check:       hasResponseField("client_id"),
		fields:      []string{"client_id"},
		explanation: "The client now has another client ID.",
	}, {
		title:  "The client opens the authorization endpoint again and requests both scopes.",
		method: "GET", url: s.issuer.URL(resourcetest.Authorization), status: http.StatusFound,
		check:       all(parameter("resource", s.url), requestedScopes(needed)),
		parameters:  []string{"client_id", "scope", "resource"},
		explanation: "A real user would be asked to approve the additional scope here.",
	}, {
		title:  "The browser is redirected to the client with another code.",
		method: "GET", url: c.callback, status: http.StatusOK,
		check:       parameter("iss", s.issuer.Identifier()),
		parameters:  []string{"code", "iss"},
		explanation: "Same as step 6.",
	}, {
		title:  "The client exchanges the code for another token.",
		method: "POST", url: s.issuer.URL(resourcetest.TokenEndpoint), status: http.StatusOK,
		check:       all(parameter("resource", s.url), grantedScopes(needed), hasResponseField("access_token")),
		parameters:  []string{"grant_type", "code", "code_verifier", "resource"},
		fields:      []string{"access_token", "token_type", "expires_in", "scope"},
		explanation: "This token grants both scopes.",
	}, {
		title:  "The client calls delete_everything again, with the new token.",
		method: "POST", url: s.url, status: http.StatusOK,
		check:       all(s.introspections(2), toolResult("Everything is deleted. (Not really.)")),
		explanation: "Accepted. The demo called the tool only once. After the 403, the SDK's client performed steps 11 to 17 by itself.",
	}}
}
