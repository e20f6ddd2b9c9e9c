package mcpsdk_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// newIdentifierServer makes a server at two loopback hosts, with two paths. Its tool returns the
// identifier that the caller was accepted for. It returns the identifiers: the two paths at the
// first host, then at the second.
func newIdentifierServer(t *testing.T) (issuer *resourcetest.Issuer, identifiers []string) {
	t.Helper()
	issuer = resourcetest.Start(t)
	server := httptest.NewUnstartedServer(nil)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	for _, host := range []string{"127.0.0.1", "localhost"} {
		identifiers = append(identifiers, "http://"+host+":"+port+"/mcp", "http://"+host+":"+port+"/mcp/x/a")
	}
	res := newResource(t, resource.Config{Identifier: identifiers[0], Identifiers: identifiers[1:], Issuers: []resource.Issuer{{Verifier: verifier(t, issuer)}}})
	tools := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	mcp.AddTool(tools, &mcp.Tool{Name: "whoami"}, func(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		caller, ok := mcpsdk.CallerFrom(req.Extra)
		if !ok {
			t.Error("the tool has no caller")
			return &mcp.CallToolResult{}, nil, nil
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: caller.Resource()}}}, nil, nil
	})
	server.Config.Handler = mcpsdk.Handler(res, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return tools }, nil))
	server.Start()
	t.Cleanup(server.Close)
	return issuer, identifiers
}

// The SDK's client follows the challenge of each identifier to a document that it accepts: its
// resource is the URL that the client uses (RFC 9728 §3.3).
func TestClientAcceptsDocumentsOfIdentifiers(t *testing.T) {
	issuer, identifiers := newIdentifierServer(t)
	for _, identifier := range identifiers {
		challenges, err := oauthex.ParseWWWAuthenticate(send(t, "POST", identifier, initialize, nil).header.Values("WWW-Authenticate"))
		if err != nil || len(challenges) != 1 {
			t.Fatalf("%s: got %v, error %v", identifier, challenges, err)
		}
		document, err := oauthex.GetProtectedResourceMetadata(t.Context(), challenges[0].Params["resource_metadata"], identifier, http.DefaultClient)
		if err != nil || document.Resource != identifier {
			t.Fatalf("%s: got %+v, error %v", identifier, document, err)
		}
		transport := new(tokenTransport)
		transport.token.Store(issuer.Token(resourcetest.Token{Audience: identifier}))
		session := (&callerServer{url: identifier}).connect(t, transport)
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
		if err != nil {
			t.Fatalf("%s: %v", identifier, err)
		}
		if got := result.Content[0].(*mcp.TextContent).Text; got != identifier {
			t.Errorf("the tool got %s, want %s", got, identifier)
		}
	}
}

// A session of the SDK can be used at another host, but not at another path, where the token is
// for something else.
func TestSDKSessionsOfIdentifiers(t *testing.T) {
	issuer, identifiers := newIdentifierServer(t)
	token := func(audience, subject string) http.Header {
		return bearer(issuer.Token(resourcetest.Token{Audience: audience, Subject: subject}))
	}
	opened := send(t, "POST", identifiers[1], initialize, token(identifiers[1], "alice"))
	session := http.Header{"Mcp-Session-Id": opened.header.Values("Mcp-Session-Id"), "Mcp-Protocol-Version": {"2025-11-25"}}
	for _, row := range []struct {
		name, url, subject string
		status             int
	}{
		{"the same identifier", identifiers[1], "alice", 200},
		{"the same path at another host", identifiers[3], "alice", 200},
		{"another principal at another host", identifiers[3], "mallory", 403},
		{"another path", identifiers[0], "alice", 403},
		{"another path at another host", identifiers[2], "alice", 403},
	} {
		header := token(row.url, row.subject)
		maps.Copy(header, session)
		if got := send(t, "POST", row.url, callTool, header); got.status != row.status {
			t.Errorf("%s: got %d %s, want %d", row.name, got.status, got.body, row.status)
		}
	}
}
