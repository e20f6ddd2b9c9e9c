// Package otelwarder adds each decision of a resource to the OpenTelemetry span of its
// request, as an event. It is a module of its own, so that the core needs nothing of
// OpenTelemetry, and does nothing unless an [Observer] is among
// resource.Config.Observers.
//
// It starts no spans and reads no headers: that is the part of an instrumentation in
// front, such as otelhttp.
package otelwarder

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/warder-go/warder/resource"
)

// EventName is the name of the event.
const EventName = "warder.decision"

// Observer is a [resource.Observer]. The event has these attributes, the ones without
// "warder" as the semantic conventions of OpenTelemetry name them:
//
//	warder.resource       resource.Config.Identifier
//	warder.result         accepted, denied, unavailable or error
//	error.type            the reason; only for what is not accepted
//	warder.issuer         the configured one, as is
//	warder.credential     jwt, opaque or the name of a header field
//	mcp.method.name       of a body with one message, where it was read
//	gen_ai.tool.name      the same for tools/call
//	gen_ai.prompt.name    the same for prompts/get
//	mcp.resource.uri      the same for resources/read, subscribe and unsubscribe
//	warder.scopes_needed  what the challenge asks for, where scopes were missing
//	enduser.id            see EndUser
//
// The status of the span stays as it is: a refusal is no fault of the server, and
// whoever made the span knows the HTTP status.
type Observer struct {
	// EndUser adds the subject that the issuer vouches for as enduser.id, which is
	// personal data. Without it nothing says who the caller is.
	EndUser bool
}

// Observe adds the event to the span in ctx, if there is one that records.
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

// nameKey says what the name of an operation is called.
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
