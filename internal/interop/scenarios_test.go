package interop_test

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/warder-go/warder/resource"
)

// works is the outcome of a scenario that succeeds.
const works = "works"

// A scenario is a row of the table of clients. run returns works, or a description of
// what happened instead.
type scenario struct {
	name         string
	registration string
	path         string
	resource     providerResource
	run          func(*scenarioRun) string
	stateless    bool     // no server-sent streams: the end of a stream could make a client log in during the call
	scopes       []string // scopes in the first challenge and in the metadata; nil: mcp:read
	dpop         resource.DPoP
}

// Names of scenarios that some clients do not pass, or that run with -short.
const (
	dynamicRegistration = "dynamic registration"
	metadataDocument    = "client ID metadata document"
	opaqueToken         = "opaque token"
	basePathRemoved     = "proxy that removes a base path"
	otherOrigin         = "metadata at another origin"
	serverMetadataOnly  = "only the metadata of the authorization server"
	extraSlash          = "URL with an extra trailing slash"
	stepUp              = "step-up"
	stepUpRefresh       = "step-up, with a refresh token"
	stepUpDynamic       = "step-up, registered dynamically"
	allScopesDynamic    = "all scopes at first, registered dynamically"
	publicTool          = "public tool without a login, then a login"
	expiredNoRefresh    = "token expired, no refresh token"
	revokedWithRefresh  = "token revoked, refresh token"
	dpopRequired        = "DPoP required"
)

// The settings for DPoP (RFC 9449).
var (
	noDPoP       resource.DPoP
	acceptsDPoP  = resource.DPoP{Tokens: resource.BindingAccepted}
	requiresDPoP = resource.DPoP{Tokens: resource.BindingRequired}
)

// scenarios returns all scenarios. ttl is the lifetime of short-lived tokens in seconds.
func scenarios(ttl int) []scenario {
	no := false
	jwt := func(alg string) providerResource { return providerResource{Format: "jwt", Alg: alg} }
	short := providerResource{Format: "jwt", TTL: ttl}
	noRefresh := providerResource{Format: "jwt", Refresh: &no}
	shortNoRefresh := providerResource{Format: "jwt", TTL: ttl, Refresh: &no}
	return []scenario{
		{dynamicRegistration, dynamic, "/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{metadataDocument, document, "/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{"preregistered", preregistered, "/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{"identifier without a path", preregistered, "", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{"identifier with a longer path", preregistered, "/teams/blue/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{"identifier with a trailing slash", preregistered, "/mcp/", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{basePathRemoved, preregistered, basePath + "/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{otherOrigin, preregistered, "/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{serverMetadataOnly, preregistered, "/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{extraSlash, preregistered, "/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, noDPoP},
		{"JWT signed with PS256", preregistered, "/mcp", jwt("PS256"), (*scenarioRun).login, false, nil, noDPoP},
		{"JWT signed with ES256", preregistered, "/mcp", jwt("ES256"), (*scenarioRun).login, false, nil, noDPoP},
		{"JWT signed with EdDSA", preregistered, "/mcp", jwt("EdDSA"), (*scenarioRun).login, false, nil, noDPoP},
		{opaqueToken, preregistered, "/mcp", providerResource{Format: "opaque"}, (*scenarioRun).login, false, nil, noDPoP},
		{stepUp, preregistered, "/mcp", noRefresh, (*scenarioRun).stepUp, false, nil, noDPoP},
		{stepUpRefresh, preregistered, "/mcp", jwt("RS256"), (*scenarioRun).stepUp, false, nil, noDPoP},
		{stepUpDynamic, dynamic, "/mcp", noRefresh, (*scenarioRun).stepUp, false, nil, noDPoP},
		{allScopesDynamic, dynamic, "/mcp", jwt("RS256"), (*scenarioRun).write, false, []string{"mcp:read", "mcp:write"}, noDPoP},
		{publicTool, preregistered, "/mcp", jwt("RS256"), (*scenarioRun).publicTool, true, nil, noDPoP},
		{"token expired, refresh token", preregistered, "/mcp", short, (*scenarioRun).expiredWithRefresh, true, nil, noDPoP},
		{expiredNoRefresh, preregistered, "/mcp", shortNoRefresh, (*scenarioRun).expiredNoRefresh, true, nil, noDPoP},
		{revokedWithRefresh, preregistered, "/mcp", jwt("RS256"), (*scenarioRun).revokedWithRefresh, false, nil, noDPoP},
		{"token revoked, no refresh token", preregistered, "/mcp", noRefresh, (*scenarioRun).revokedNoRefresh, false, nil, noDPoP},
		{"key rotation, then a refresh", preregistered, "/mcp", short, (*scenarioRun).rotation, true, nil, noDPoP},
		{"DPoP accepted", preregistered, "/mcp", jwt("RS256"), (*scenarioRun).login, false, nil, acceptsDPoP},
		{dpopRequired, preregistered, "/mcp", jwt("RS256"), (*scenarioRun).countedLogin, false, nil, requiresDPoP},
	}
}

// A scenarioRun is a scenario with its provider, server, user and client.
type scenarioRun struct {
	provider *provider
	server   *mcpServer
	user     *user
	client   mcpClient
}

// clientIDFor returns the ID of the client that is registered beforehand for a server.
func clientIDFor(server string) string {
	return "known-" + server[strings.LastIndexByte(server, ':')+1:]
}

// newRun starts the server, registers the client as the scenario requires and opens it.
func (p *provider) newRun(program clientProgram, s scenario) *scenarioRun {
	p.t.Helper()
	return p.newRunAt(program, s, p.newMCPServer(p.t, s))
}

// newRunAt is newRun for a server that is running.
func (p *provider) newRunAt(program clientProgram, s scenario, server *mcpServer) *scenarioRun {
	p.t.Helper()
	u, err := url.Parse(server.url)
	if err != nil {
		p.t.Fatal(err)
	}
	settings := clientSettings{url: server.url, registration: s.registration, redirect: freeAddress(p.t) + "/oauth/callback", user: &user{}}
	if s.name == extraSlash {
		settings.url += "/"
	}
	metadata := map[string]any{
		"client_name": program.name, "redirect_uris": []string{settings.redirect}, "application_type": "native",
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": "none",
	}
	switch s.registration {
	case preregistered:
		settings.clientID = clientIDFor(server.url)
		metadata["client_id"] = settings.clientID
		p.registerClient(metadata)
	case document:
		settings.clientID = "https://client.example/" + u.Port()
		metadata["client_id"] = settings.clientID
		p.command(map[string]any{"document": metadata})
	}
	return &scenarioRun{provider: p, server: server, user: settings.user, client: program.open(p.t, settings)}
}

// call calls a tool. It returns works if the tool ran with the scope, and possibly others
// (without a caller if scope is ""),
// and the user has logged in the given number of times since the start of the run.
func (r *scenarioRun) call(tool, scope string, logins int) string {
	text, err := r.client.call(tool)
	if err != nil {
		return tool + ": " + normalize(err.Error())
	}
	caller := "alice"
	if scope == "" {
		caller = "anybody"
	}
	granted, ok := strings.CutPrefix(text, tool+" for "+caller+" with ")
	if !ok || !strings.Contains(" "+granted+" ", " "+scope+" ") {
		return fmt.Sprintf("%s: %s", tool, normalize(text))
	}
	if got := r.user.loginCount(); got != logins {
		return fmt.Sprintf("%s: %d logins", tool, got)
	}
	return works
}

// login starts with nothing but the server's URL and ends with the result of a tool call.
func (r *scenarioRun) login() string { return r.call("whoami", "mcp:read", 1) }

// countedLogin is login for a client that is expected to fail. The outcome says how often the user
// logged in.
func (r *scenarioRun) countedLogin() string {
	got := r.login()
	if got != works {
		got += fmt.Sprintf(", %d logins", r.user.loginCount())
	}
	return got
}

// stepUp calls a tool that requires a further scope, which the user grants.
func (r *scenarioRun) stepUp() string {
	if got := r.login(); got != works {
		return got
	}
	return r.call("write", "mcp:write", 2)
}

// write calls the tool write first. The first login must grant its scope.
func (r *scenarioRun) write() string { return r.call("write", "mcp:write", 1) }

// publicTool uses a server whose list of tools and tool search are public. The client opens
// the connection, lists the tools and calls search without a login. It logs in when it calls
// a tool that is not public.
func (r *scenarioRun) publicTool() string {
	if got := r.call("search", "", 0); got != works {
		return got
	}
	return r.login()
}

// expiredWithRefresh requires that the client refreshes an expired token without a login.
func (r *scenarioRun) expiredWithRefresh() string { return r.callAfterExpiry(1) }

// expiredNoRefresh requires that the user logs in again after the token has expired.
func (r *scenarioRun) expiredNoRefresh() string { return r.callAfterExpiry(2) }

func (r *scenarioRun) callAfterExpiry(logins int) string {
	if got := r.login(); got != works {
		return got
	}
	r.waitForExpiry()
	return r.call("whoami", "mcp:read", logins)
}

// waitForExpiry waits until the token has expired. The provider issues the following
// tokens with its default lifetime.
func (r *scenarioRun) waitForExpiry() {
	defaultTTL := r.server.resource
	defaultTTL.TTL = 0
	r.provider.registerResource(defaultTTL)
	r.server.waitForExpiry()
}

// revokedWithRefresh revokes the token before it expires, so that the server answers 401.
// The client must refresh without a login.
func (r *scenarioRun) revokedWithRefresh() string { return r.callAfterRevocation(1) }

// revokedNoRefresh requires that the user logs in again after the token was revoked.
func (r *scenarioRun) revokedNoRefresh() string { return r.callAfterRevocation(2) }

func (r *scenarioRun) callAfterRevocation(logins int) string {
	if got := r.login(); got != works {
		return got
	}
	r.server.revokeLast()
	return r.call("whoami", "mcp:read", logins)
}

// rotation makes the provider sign the refreshed token with a key that warder has not
// fetched, and withdraw the old keys.
func (r *scenarioRun) rotation() string {
	if got := r.login(); got != works {
		return got
	}
	r.provider.command(map[string]any{"rotate": true})
	r.provider.command(map[string]any{"withdraw": true})
	r.waitForExpiry()
	return r.call("whoami", "mcp:read", 1)
}

// normalize returns an error text as one line of at most 300 bytes, with addresses that
// differ between runs replaced.
func normalize(text string) string {
	text = addresses.ReplaceAllString(text, "HOST")
	if text = strings.Join(strings.Fields(text), " "); len(text) > 300 {
		text = text[:300] + "..."
	}
	return text
}
