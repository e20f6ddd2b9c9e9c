package mcpsdk_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// In a stateful session a tool exchanges the token of its own request, never that of the request
// that opened the session, whose context the tool gets.
func TestHeldTokenIsThatOfTheRequest(t *testing.T) {
	for _, options := range []mcp.StreamableHTTPOptions{{}, {JSONResponse: true}, {Stateless: true}} {
		issuer := resourcetest.Start(t)
		exchanger, err := onbehalf.New(onbehalf.Config{
			Issuer:  issuer.Identifier(),
			Auth:    introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
			Targets: []onbehalf.Target{{Name: "calendar", Resources: []string{"https://calendar.example.test"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var fromExtra, fromContext error
		calls := 0
		server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
		mcp.AddTool(server, &mcp.Tool{Name: "whoami"}, func(ctx context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			calls++
			caller, _ := mcpsdk.CallerFrom(req.Extra)
			_, fromExtra = exchanger.Token(ctx, caller, "calendar")
			opener, _ := resource.FromContext(ctx)
			_, fromContext = exchanger.Token(ctx, opener, "calendar")
			return &mcp.CallToolResult{}, nil, nil
		})
		web := httptest.NewUnstartedServer(nil)
		url := "http://" + web.Listener.Addr().String() + "/mcp"
		res := newResource(t, resource.Config{
			Identifier: url, Issuers: []resource.Issuer{{Verifier: verifier(t, issuer)}},
			Credentials: resource.Credentials{HoldTokens: true},
		})
		web.Config.Handler = mcpsdk.Handler(res, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &options))
		web.Start()
		t.Cleanup(web.Close)

		first, second := issuer.Token(resourcetest.Token{Audience: url}), issuer.Token(resourcetest.Token{Audience: url})
		opened := send(t, "POST", url, initialize, bearer(first))
		header := bearer(second)
		maps.Copy(header, http.Header{"Mcp-Session-Id": {opened.header.Get("Mcp-Session-Id")}, "Mcp-Protocol-Version": {"2025-11-25"}})
		if options.Stateless {
			header.Del("Mcp-Session-Id")
		}
		if got := send(t, "POST", url, callTool, header); got.status != http.StatusOK || calls != 1 {
			t.Fatalf("%+v: got status %d and %d calls: %s", options, got.status, calls, got.body)
		}
		if sent := issuer.Last(resourcetest.TokenEndpoint).Form.Get("subject_token"); fromExtra != nil || sent != second {
			t.Errorf("%+v: got error %v, or the token of another request was exchanged", options, fromExtra)
		}
		if !errors.Is(fromContext, resource.ErrNoHeldToken) || issuer.Count(resourcetest.TokenEndpoint) != 1 {
			t.Errorf("%+v: got error %v for the caller in ctx, want ErrNoHeldToken", options, fromContext)
		}
	}
}
