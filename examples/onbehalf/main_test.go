package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

const want = `alice calls the tool twice. The second call uses the cached token of the first one.
    tool: Calendar of alice, with a token of the scopes calendar.read: lunch at noon.
    tool: Calendar of alice, with a token of the scopes calendar.read: lunch at noon.
    calls to the token endpoint so far: 1

bob calls the tool. A token is for one caller only, so it is another exchange.
    tool: Calendar of bob, with a token of the scopes calendar.read: lunch at noon.
    calls to the token endpoint so far: 2

carol must consent first. The client gets a challenge.
    403, WWW-Authenticate: Bearer resource_metadata="MCP/.well-known/oauth-protected-resource/mcp", scope="mcp:tools mcp:calendar", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"
    calls to the token endpoint so far: 3

erin must consent too, and her token has the scope already. Her client opens the page for consent. It then calls the tool again, before erin has given consent.
    the client opens https://auth.example.com/consent?client_id=mcp-server: Permit access to your calendar.
    tool: Permit access to your calendar, and then try again.
    calls to the token endpoint so far: 4

The token endpoint does not work when dave calls the tool.
    tool: The calendar is not available at the moment. Try again later.
    calls to the token endpoint so far: 5

A token for the MCP server is sent to the calendar. It is not for the calendar.
    calendar: status 401
`

// The output of the demo is always the same, except for the ports.
func TestDemo(t *testing.T) {
	var out, errs bytes.Buffer
	var s *servers
	if status := run(t.Context(), &out, &errs, func(given *servers) { s = given }); status != 0 || errs.Len() > 0 {
		t.Fatalf("got status %d and %q, want 0 and no error output\n%s", status, &errs, &out)
	}
	if got := strings.ReplaceAll(out.String(), strings.TrimSuffix(s.mcpURL, "/mcp"), "MCP"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A demo that cannot run says so.
func TestDemoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	if status := run(ctx, &out, &errs, func(*servers) { cancel() }); status != 1 || !strings.HasPrefix(errs.String(), "onbehalf: alice: ") {
		t.Errorf("got status %d and %q", status, &errs)
	}
}
