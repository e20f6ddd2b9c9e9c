// Package sdktest has no code. Its tests run resource.Operations in front of real
// servers made with the official MCP Go SDK and with mcp-go, and look at what those
// servers then run. What matters is one property: whatever body and headers come, the
// operation that was decided on is the one that runs, or the request is refused. And
// what is let through streams as it does without warder.
//
// It is a module of its own and outside of the workspace: what the SDKs need must not
// move the core's dependencies.
package sdktest
