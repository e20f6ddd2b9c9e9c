// Package otelwarder adds each decision of a resource as an event to the OpenTelemetry span
// of the request. It is a separate module, so that the core does not depend on
// OpenTelemetry. It has no effect unless an [Observer] is in resource.Hooks.Observers.
//
// It does not start spans and does not read header fields. Use instrumentation such as
// otelhttp in front of the middleware for that.
package otelwarder

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/warder-go/warder/resource"
)

// EventName is the name of the span event.
const EventName = "warder.decision"

// Observer is a [resource.Observer]. It is safe for concurrent use. The event has the
// following attributes. Names without "warder" are from the semantic conventions of
// OpenTelemetry. Empty attributes are omitted.
//
//	warder.resource        resource.Config.Identifier, or the one of Identifiers that the request is for
//	warder.result          accepted, denied, unavailable or error
//	error.type             the reason, if the result is not accepted
//	warder.issuer          configured issuer that the credential is from, or only claims to be from
//	warder.credential      jwt, opaque or the name of a header field
//	mcp.method.name        of a body with one message, if the body was read
//	gen_ai.tool.name       the same, for tools/call
//	gen_ai.prompt.name     the same, for prompts/get
//	mcp.resource.uri       the same, for resources/read, subscribe and unsubscribe
//	warder.operation.name  the same, for other methods with a name
//	warder.scopes_needed   scopes in the challenge, if scopes were missing
//	enduser.id             see EndUser
//
// The observer does not set the status of the span: a rejected request is not an error of
// the server, and the instrumentation that started the span records the HTTP status.
type Observer struct {
	// EndUser adds the verified subject as enduser.id, which is personal data. By default
	// the event does not identify the caller.
	EndUser bool
}

// Observe adds the event to the span in ctx. It does nothing without a recording span.
func (o Observer) Observe(ctx context.Context, e resource.Event) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	attributes := make([]attribute.KeyValue, 0, 9)
	add := func(key, value string) {
		if value != "" {
			attributes = append(attributes, attribute.String(key, value))
		}
	}
	add("warder.resource", e.Resource)
	add("warder.result", e.Result)
	add("error.type", string(e.Reason))
	add("warder.issuer", e.Issuer)
	add("warder.credential", e.Credential)
	if len(e.Operations) == 1 {
		add("mcp.method.name", e.Operations[0].Method)
		add(nameKey(e.Operations[0].Method), e.Operations[0].Name)
	}
	if len(e.Needed) > 0 {
		attributes = append(attributes, attribute.StringSlice("warder.scopes_needed", e.Needed))
	}
	if o.EndUser && e.Caller != nil {
		add("enduser.id", e.Caller.Subject())
	}
	span.AddEvent(EventName, trace.WithTimestamp(e.Time), trace.WithAttributes(attributes...))
}

// nameKey returns the attribute key for the name of an operation.
func nameKey(method string) string {
	switch method {
	case "tools/call":
		return "gen_ai.tool.name"
	case "prompts/get":
		return "gen_ai.prompt.name"
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		return "mcp.resource.uri"
	}
	return "warder.operation.name"
}

var _ resource.Observer = Observer{}
