package otelwarder_test

import (
	"fmt"
	"net/http/httptest"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/otelwarder"
)

func Example() {
	keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Hooks:      resource.Hooks{Observers: []resource.Observer{otelwarder.Observer{}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// otelhttp.NewHandler would start the span. The middleware would call Authenticate.
	spans := tracetest.NewSpanRecorder()
	req := httptest.NewRequest("POST", "https://mcp.example.com/mcp", nil)
	ctx, span := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("example").Start(req.Context(), "POST /mcp")
	_, _ = res.Authenticate(req.WithContext(ctx))
	span.End()

	event := spans.Ended()[0].Events()[0]
	fmt.Println(event.Name, event.Attributes[1].Value.AsString(), event.Attributes[2].Value.AsString())
	// Output: warder.decision denied missing_credentials
}
