package main

import (
	"fmt"
	"io"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

const tokenLifetime = 8 * time.Hour

// printInstructions prints the addresses, a token and commands to try the servers with. With the
// flag -dpop it omits the token, because curl cannot make proofs.
func (s *servers) printInstructions(out io.Writer) {
	fmt.Fprintf(out, `
The demo is finished. Both servers keep running until you press Ctrl-C.

  URL for MCP clients, to be pasted exactly:   %[1]s
  Browser pages that may call it:              those of localhost, such as MCP Inspector
  Metrics:                                     %[2]s/metrics
  Authorization server (every user is %[3]s):  %[4]s
`, s.url, s.origin, user, s.issuer.Identifier())
	if s.dpop {
		fmt.Fprintf(out, `
Requests to try: without a token, the metadata, the metrics:

  curl -si %[1]s
`, s.url)
	} else {
		s.printToken(out)
	}
	fmt.Fprintf(out, `  curl -s %[1]s/.well-known/oauth-protected-resource/mcp
  curl -s %[1]s/metrics | grep ^warder_decisions_total | grep -v ' 0$'
`, s.origin)
	if s.dpop {
		fmt.Fprint(out, `
The commands above need no token. A request with a token also needs a new proof, signed with
the private key of its client. Only MCP clients that support DPoP can use this server.
`)
	}
	fmt.Fprint(out, `
If warder rejects a token, it logs the reason here.
`)
}

// printToken prints a token and commands with it.
func (s *servers) printToken(out io.Writer) {
	token := s.token(resourcetest.Token{Audience: s.url, Scope: basicScope, Lifetime: tokenLifetime})
	fmt.Fprintf(out, `
An access token with the scope %[3]s, valid for %.0[2]f hours:

  export TOKEN=%[4]s

Requests to try: without a token, with the token, with the token but without a required
scope, the metadata, the metrics:

  curl -si %[1]s
  curl -s %[1]s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}'
  curl -si %[1]s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete_everything"}}'
`, s.url, tokenLifetime.Hours(), basicScope, token)
}
