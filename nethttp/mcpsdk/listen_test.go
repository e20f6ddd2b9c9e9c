package mcpsdk_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// The SDK (v1.8.0) runs subscriptions/listen for a request that names no protocol
// version, without the header that the Resource knows a stream by. Where the Resource
// reads no bodies such a stream would outlive its token: the lock refuses it.
func TestLockOnStreamsThatNobodyKnowsOf(t *testing.T) {
	const body = `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{}}}`
	const refused = `{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"Mcp-Method is missing or not what the body says"}}`
	for _, row := range []struct {
		name   string
		rules  resource.Operations
		header string // Mcp-Method
		runs   bool
	}{
		{"no rules, no header", resource.Operations{}, "", false},
		{"no rules, the header", resource.Operations{}, "subscriptions/listen", true},
		{"rules, no header", hallRules, "", true},
	} {
		h := newHall(t, row.rules)
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
		header := http.Header{"Authorization": {"Bearer " + h.token("base")}}
		if row.header != "" {
			header.Set("Mcp-Method", row.header)
		}
		got := send(t, "POST", serve(t, mcpsdk.Handler(h.res, handler)), body, header)
		if want := "event: message\ndata: " + refused + "\n\n"; (got.body == want) == row.runs || got.status != 200 {
			t.Errorf("%s: got %d %q", row.name, got.status, got.body)
		}
		if row.runs && got.header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("%s: no stream, but %v", row.name, got.header)
		}
	}
}

// A completion is bound by the rules of what its type says, and by no others.
func TestLockOnCompletions(t *testing.T) {
	rules := resource.Operations{
		Prompts:   map[string][]string{"a://b": {"prompts"}},
		Resources: []resource.ResourceRule{{Prefix: "file:///", Scopes: []string{"files"}}, {URI: "a://b", Scopes: []string{"resources"}}},
	}
	h := newHall(t, rules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	for _, row := range []struct{ scope, kind, name, uri, want string }{
		{"base prompts", "ref/prompt", "a://b", "", ""},
		{"base resources", "ref/prompt", "a://b", "", lacks},
		{"base resources", "ref/resource", "", "a://b", ""},
		{"base prompts", "ref/resource", "", "a://b", lacks},
		{"base", "ref/prompt", "file:///a", "", ""}, // a prompt with an odd name
		{"base", "ref/resource", "", "file:///a", lacks},
	} {
		session, err := h.connect(t, modes()[0], h.round, h.token(row.scope))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := complete(mcp.CompleteReference{Type: row.kind, Name: row.name, URI: row.uri})(t.Context(), session); err != nil {
			got = refusedWith(err)
		}
		if got != row.want {
			t.Errorf("%s:\n got %q\nwant %q", fmt.Sprint(row), got, row.want)
		}
	}
}
