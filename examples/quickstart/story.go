package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource/resourcetest"
)

// step is one exchange on the wire, as the reader is told about it. Every exchange has
// its step: the story leaves nothing out.
type step struct {
	title   string
	do      func(context.Context) error // what the client is asked to do; nil: it goes on by itself
	method  string
	url     string // without the query
	status  int
	check   func(*exchange) error // what must be so, besides
	asked   []string              // parameters of the request worth reading
	got     []string              // members of the response worth reading
	meaning string
}

// story is what happens between a client that knows nothing but a URL, an MCP server
// behind warder, and the authorization server that both have to do with.
func story(s *stage, c *client) []step {
	return append(login(s, c), stepUp(s, c)...)
}

// metadata is where warder serves that of the MCP server.
func (s *stage) metadata() string {
	return s.origin + "/.well-known/oauth-protected-resource/mcp"
}

// login is how the client gets its first token.
func login(s *stage, c *client) []step {
	challenge := `Bearer resource_metadata="` + s.metadata() + `", scope="` + basicScope + `"`
	return []step{{
		title: "The client knocks at the MCP server, without a token.",
		do:    c.connect, method: "POST", url: s.url, status: http.StatusUnauthorized,
		check:   received("WWW-Authenticate", challenge),
		meaning: "Turned away, and told where to read on and which scope to ask for.",
	}, {
		title:  "It reads the MCP server's metadata.",
		method: "GET", url: s.metadata(), status: http.StatusOK,
		check:   all(field("resource", s.url), field("authorization_servers", `["`+s.issuer.Identifier()+`"]`)),
		got:     []string{"resource", "authorization_servers", "scopes_supported"},
		meaning: "Now it knows which authorization server to turn to, and that this is the right MCP server.",
	}, {
		title:  "It reads the authorization server's metadata.",
		method: "GET", url: s.issuer.URL(resourcetest.Metadata), status: http.StatusOK,
		check:   field("issuer", s.issuer.Identifier()),
		got:     []string{"issuer", "registration_endpoint", "authorization_endpoint", "token_endpoint", "code_challenge_methods_supported"},
		meaning: "Now it knows where to register, where to send the user, and where tokens come from.",
	}, {
		title:  "It registers, since nobody there knows it.",
		method: "POST", url: s.issuer.URL(resourcetest.Registration), status: http.StatusCreated,
		check:   present("client_id"),
		asked:   []string{"client_name", "redirect_uris"},
		got:     []string{"client_id"},
		meaning: "Now it has a name of its own.",
	}, {
		title:  "It sends the user's browser to the authorization server.",
		method: "GET", url: s.issuer.URL(resourcetest.Authorization), status: http.StatusFound,
		check:   all(asked("resource", s.url), asked("scope", basicScope), asked("code_challenge_method", "S256")),
		asked:   []string{"client_id", "scope", "resource", "code_challenge", "code_challenge_method"},
		meaning: "A user would log in and consent here; this server says yes by itself. The challenge is PKCE's.",
	}, {
		title:  "The browser brings the code back to the client.",
		method: "GET", url: c.callback, status: http.StatusOK,
		check:   asked("iss", s.issuer.Identifier()),
		asked:   []string{"code", "iss"},
		meaning: "The issuer's name says that the code is from whom the client asked.",
	}, {
		title:  "The client changes the code into a token.",
		method: "POST", url: s.issuer.URL(resourcetest.TokenEndpoint), status: http.StatusOK,
		check:   all(asked("resource", s.url), field("scope", basicScope), present("access_token")),
		asked:   []string{"grant_type", "code", "code_verifier", "resource"},
		got:     []string{"access_token", "token_type", "expires_in", "scope"},
		meaning: "The verifier proves that it is the client that asked; the token is for this MCP server alone.",
	}, {
		title:  "It knocks again, with the token.",
		method: "POST", url: s.url, status: http.StatusOK,
		check:   s.introspected(1),
		meaning: s.letIn(),
	}, {
		title: "It calls the tool whoami.",
		do:    c.call("whoami"), method: "POST", url: s.url, status: http.StatusOK,
		check:   all(s.introspected(1), answered(false, "You are "+user+" of "+s.issuer.Identifier()+"; your token grants "+basicScope+".")),
		meaning: "The tool was told who calls. It did not get the token.",
	}}
}

// stepUp is how it gets a larger one, when it turns out that the first is not enough.
// The program asks for the tool once: the rest is the SDK's doing.
func stepUp(s *stage, c *client) []step {
	needed := basicScope + " " + mcpserver.AdminScope
	challenge := `Bearer resource_metadata="` + s.metadata() + `", scope="` + needed + `", error="insufficient_scope", ` +
		`error_description="The access token lacks a scope that this request needs"`
	return []step{{
		title: "It calls the tool delete_everything.",
		do:    c.call("delete_everything"), method: "POST", url: s.url, status: http.StatusForbidden,
		check:   received("WWW-Authenticate", challenge),
		meaning: "The token is good, but not for this. The answer names all that it takes, and the tool has not run.",
	}, {
		title:  "The client reads the MCP server's metadata again.",
		method: "GET", url: s.metadata(), status: http.StatusOK,
		meaning: "The challenge points there.",
	}, {
		title:  "It reads the authorization server's metadata again.",
		method: "GET", url: s.issuer.URL(resourcetest.Metadata), status: http.StatusOK,
		meaning: "Nothing has changed.",
	}, {
		title:  "It registers anew: this client keeps no registration.",
		method: "POST", url: s.issuer.URL(resourcetest.Registration), status: http.StatusCreated,
		check:   present("client_id"),
		got:     []string{"client_id"},
		meaning: "It has another name.",
	}, {
		title:  "It sends the user's browser to the authorization server again, for more.",
		method: "GET", url: s.issuer.URL(resourcetest.Authorization), status: http.StatusFound,
		check:   all(asked("resource", s.url), askedScopes(needed)),
		asked:   []string{"client_id", "scope", "resource"},
		meaning: "A user would be asked here whether this client may do so much.",
	}, {
		title:  "The browser brings another code.",
		method: "GET", url: c.callback, status: http.StatusOK,
		check:   asked("iss", s.issuer.Identifier()),
		asked:   []string{"code", "iss"},
		meaning: "As before.",
	}, {
		title:  "The client changes it into another token.",
		method: "POST", url: s.issuer.URL(resourcetest.TokenEndpoint), status: http.StatusOK,
		check:   all(asked("resource", s.url), grantedScopes(needed), present("access_token")),
		asked:   []string{"grant_type", "code", "code_verifier", "resource"},
		got:     []string{"access_token", "token_type", "expires_in", "scope"},
		meaning: "This one grants both scopes.",
	}, {
		title:  "It calls delete_everything again, with the new token.",
		method: "POST", url: s.url, status: http.StatusOK,
		check:   all(s.introspected(2), answered(false, "Everything is deleted. (Not really.)")),
		meaning: "Let through. The program that uses the client has noticed nothing of all this.",
	}}
}

// The checks. Each returns what is wrong.

func all(checks ...func(*exchange) error) func(*exchange) error {
	return func(x *exchange) error {
		for _, check := range checks {
			if err := check(x); err != nil {
				return err
			}
		}
		return nil
	}
}

func equal(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s: got %q, want %q", what, got, want)
	}
	return nil
}

func received(header, want string) func(*exchange) error {
	return func(x *exchange) error { return equal(header, x.received.header.Get(header), want) }
}

func asked(name, want string) func(*exchange) error {
	return func(x *exchange) error { return equal(name, x.asked()[name], want) }
}

func field(name, want string) func(*exchange) error {
	return func(x *exchange) error { return equal(name, x.received.fields()[name], want) }
}

// The SDK asks for several scopes in any order, and the server grants them in that one.

func askedScopes(want string) func(*exchange) error {
	return func(x *exchange) error { return equal("scope", sorted(x.asked()["scope"]), sorted(want)) }
}

func grantedScopes(want string) func(*exchange) error {
	return func(x *exchange) error { return equal("scope", sorted(x.received.fields()["scope"]), sorted(want)) }
}

func sorted(scopes string) string {
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(scopes))), " ")
}

func present(name string) func(*exchange) error {
	return func(x *exchange) error {
		if x.received.fields()[name] == "" {
			return fmt.Errorf("%s: missing", name)
		}
		return nil
	}
}

func answered(failed bool, want string) func(*exchange) error {
	return func(x *exchange) error {
		text, isError := x.toolAnswer()
		if isError != failed {
			return fmt.Errorf("tool answer %q: got isError %v, want %v", text, isError, failed)
		}
		return equal("tool answer", text, want)
	}
}
