// Onbehalf is an MCP server whose tool calls another server on behalf of the user. Both servers are
// protected by warder. The program starts them, and a test authorization server, on loopback
// addresses, lets the official SDK's client call the tool, and prints what happens:
//
//	go run ./examples/onbehalf
//
// The tool is in tool.go, and the configuration of warder in servers.go. The MCP server never passes
// on the user's token: package onbehalf exchanges it at the authorization server (RFC 8693).
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

const demoTimeout = 30 * time.Second // the demo takes a fraction of a second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Stdout, os.Stderr, func(*servers) {}))
}

// run returns the exit status: 0, or 1 if something fails. It calls prepare before the demo starts;
// tests use it.
func run(ctx context.Context, out, errs io.Writer, prepare func(*servers)) int {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	s, err := newServers(ctx)
	if err != nil {
		fmt.Fprintf(errs, "onbehalf: %v\n", err)
		return 1
	}
	defer s.close()
	prepare(s)
	if err := s.demo(ctx, out); err != nil {
		fmt.Fprintf(errs, "onbehalf: %v\n", err)
		return 1
	}
	return 0
}

// demo calls the tool in several situations.
func (s *servers) demo(ctx context.Context, out io.Writer) error {
	for _, part := range []struct {
		title    string
		user     string
		scope    string // of the token; "": toolsScope
		exchange resourcetest.Exchange
		outage   bool
		calls    int
	}{
		{title: "alice calls the tool twice. The second call uses the cached token of the first one.", user: "alice", calls: 2},
		{title: "bob calls the tool. A token is for one caller only, so it is another exchange.", user: "bob", calls: 1},
		{title: "carol must consent first. The client gets a challenge.", user: "carol", exchange: resourcetest.Exchange{Error: "interaction_required"}, calls: 1},
		{
			title: "erin must consent too, and her token has the scope already. Her client opens the page for consent. It then calls the tool again, before erin has given consent.",
			user:  "erin", scope: toolsScope + " " + calendarScope, exchange: resourcetest.Exchange{Error: "consent_required"}, calls: 1,
		},
		{title: "The token endpoint does not work when dave calls the tool.", user: "dave", outage: true, calls: 1},
	} {
		fmt.Fprintf(out, "%s\n", part.title)
		s.issuer.SetExchange(part.exchange)
		if part.outage {
			s.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Status: http.StatusServiceUnavailable})
		}
		if err := s.callAs(ctx, part.user, cmp.Or(part.scope, toolsScope), part.calls, out); err != nil {
			return fmt.Errorf("%s: %w", part.user, err)
		}
		fmt.Fprintf(out, "    calls to the token endpoint so far: %d\n\n", s.issuer.Count(resourcetest.TokenEndpoint))
	}
	fmt.Fprintln(out, "A token for the MCP server is sent to the calendar. It is not for the calendar.")
	status, err := s.passThrough(ctx)
	if err == nil {
		fmt.Fprintf(out, "    calendar: status %d\n", status)
	}
	return err
}
