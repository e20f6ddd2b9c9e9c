package otelwarder_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/otelwarder"
	"github.com/warder-go/warder/resource/resourcetest"
)

const identifier = "https://mcp.example.test/mcp"

func newResource(t *testing.T, issuer *resourcetest.Issuer, observer resource.Observer) *resource.Resource {
	t.Helper()
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Hooks: resource.Hooks{Observers: []resource.Observer{observer}},
		Operations: resource.Operations{Tools: map[string][]string{"delete": {"admin"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// serve sends a request through the middleware, within a span, and returns the events of
// the span as text.
func serve(t *testing.T, res *resource.Resource, body, token string) (events []string) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	ctx, span := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("test").Start(t.Context(), "request")
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body)).WithContext(ctx)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	nethttp.Middleware(res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), req)
	span.End()
	for _, e := range spans.Ended()[0].Events() {
		text := e.Name
		for _, a := range e.Attributes {
			text += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
		}
		events = append(events, text)
		if e.Time.IsZero() {
			t.Error("an event has no time")
		}
	}
	return events
}

func TestEvents(t *testing.T) {
	issuer := resourcetest.Start(t)
	message := func(method, params string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
	}
	call := message("tools/call", `{"name":"delete","arguments":{"password":"hunter2"}}`)
	token := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "admin"})
	insufficient := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "read"})
	credential := " warder.issuer=" + issuer.Identifier() + " warder.credential=jwt"
	const prefix = "warder.decision warder.resource=" + identifier
	for _, row := range []struct {
		name, body, token string
		observer          otelwarder.Observer
		want              string
	}{
		{"tool", call, token, otelwarder.Observer{}, " warder.result=accepted" + credential + " mcp.method.name=tools/call gen_ai.tool.name=delete"},
		{"tool, with EndUser", call, token, otelwarder.Observer{EndUser: true}, " warder.result=accepted" + credential + " mcp.method.name=tools/call gen_ai.tool.name=delete enduser.id=alice"},
		{"prompt", message("prompts/get", `{"name":"greet"}`), token, otelwarder.Observer{}, " warder.result=accepted" + credential + " mcp.method.name=prompts/get gen_ai.prompt.name=greet"},
		{"resource", message("resources/read", `{"uri":"file:///a"}`), token, otelwarder.Observer{}, " warder.result=accepted" + credential + " mcp.method.name=resources/read mcp.resource.uri=file:///a"},
		{"batch", "[" + call + "," + call + "]", token, otelwarder.Observer{}, " warder.result=accepted" + credential},
		{"missing scope", call, insufficient, otelwarder.Observer{}, ` warder.result=denied error.type=insufficient_scope` + credential + ` mcp.method.name=tools/call gen_ai.tool.name=delete warder.scopes_needed=["admin"]`},
		{"no credentials", call, "", otelwarder.Observer{EndUser: true}, " warder.result=denied error.type=missing_credentials"},
	} {
		got := serve(t, newResource(t, issuer, row.observer), row.body, row.token)
		if len(got) != 1 || got[0] != prefix+row.want {
			t.Errorf("%s:\n got %q\nwant %q", row.name, got, prefix+row.want)
		}
	}
}

// Observe does nothing without a span, and with a span that is not sampled.
func TestWithoutSpan(t *testing.T) {
	issuer := resourcetest.Start(t)
	res := newResource(t, issuer, otelwarder.Observer{})
	ctx, _ := sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample())).Tracer("test").Start(t.Context(), "request")
	for _, ctx := range []context.Context{t.Context(), ctx} {
		req := httptest.NewRequest(http.MethodPost, identifier, nil).WithContext(ctx)
		if _, refusal := res.Authenticate(req); refusal.Reason != resource.ReasonMissingCredentials {
			t.Errorf("got reason %s, want %s", refusal.Reason, resource.ReasonMissingCredentials)
		}
	}
	event := resource.Event{Result: "accepted"}
	if n := testing.AllocsPerRun(100, func() { otelwarder.Observer{}.Observe(ctx, event) }); n != 0 {
		t.Errorf("got %g allocations without a recording span, want 0", n)
	}
}
