// Package sdktest contains only tests. They use resource.Operations in front of servers made with
// the official MCP Go SDK and with mcp-go, and observe which operations these servers execute. They
// test one property: for any body and headers, the server executes the operation that warder
// decided on, or warder rejects the request. They also test that streams behind warder are the
// same as without it.
//
// It is a separate module outside the workspace, so that the SDKs do not change the versions of the
// core's dependencies.
package sdktest
