package mcpsdk_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// The SDK (v1.8.0) accepts subscriptions/listen without the header Mcp-Method if the request has
// no protocol version. A Resource that does not read bodies recognizes a stream by this header:
// without it, the stream would outlive its token. So Lock rejects it.
func TestLockRejectsUntrackedStreams(t *testing.T) {
	const body = `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{}}}`
	const rejected = `{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"Mcp-Method is missing or differs from the body"}}`
	for _, row := range []struct {
		name   string
		rules  resource.Operations
		header string // Mcp-Method
		opens  bool
	}{
		{"no rules, no header", resource.Operations{}, "", false},
		{"no rules, with the header", resource.Operations{}, "subscriptions/listen", true},
		{"rules, no header", testRules, "", true},
	} {
		h := newTestServer(t, row.rules)
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
		header := http.Header{"Authorization": {"Bearer " + h.token("base")}}
		if row.header != "" {
			header.Set("Mcp-Method", row.header)
		}
		got := send(t, "POST", serve(t, mcpsdk.Handler(h.res, handler)), body, header)
		if want := "event: message\ndata: " + rejected + "\n\n"; (got.body == want) == row.opens || got.status != 200 {
			t.Errorf("%s: got %d %q", row.name, got.status, got.body)
		}
		if row.opens && got.header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("%s: got headers %v, want a stream", row.name, got.header)
		}
	}
}

// The rules for prompts apply to completions of prompts, and those for resources to completions
// of resources.
func TestLockAppliesRulesToCompletions(t *testing.T) {
	rules := resource.Operations{
		Prompts:   map[string][]string{"a://b": {"prompts"}},
		Resources: []resource.ResourceRule{{Prefix: "file:///", Scopes: []string{"files"}}, {URI: "a://b", Scopes: []string{"resources"}}},
	}
	h := newTestServer(t, rules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	for _, row := range []struct{ scope, kind, name, uri, want string }{
		{"base prompts", "ref/prompt", "a://b", "", ""},
		{"base resources", "ref/prompt", "a://b", "", lacksScope},
		{"base resources", "ref/resource", "", "a://b", ""},
		{"base prompts", "ref/resource", "", "a://b", lacksScope},
		{"base", "ref/prompt", "file:///a", "", ""}, // a prompt whose name looks like a URI
		{"base", "ref/resource", "", "file:///a", lacksScope},
	} {
		session, err := h.connect(t, modes()[0], h.withoutRules, h.token(row.scope))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := complete(mcp.CompleteReference{Type: row.kind, Name: row.name, URI: row.uri})(t.Context(), session); err != nil {
			got = rpcErrorText(err)
		}
		if got != row.want {
			t.Errorf("%s:\n got %q\nwant %q", fmt.Sprint(row), got, row.want)
		}
	}
}
