package main

import (
	"fmt"
	"io"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

const tokenLifetime = 8 * time.Hour

// invite prints what a reader needs to go on alone.
func (s *stage) invite(out io.Writer) {
	token := s.token(resourcetest.Token{Audience: s.url, Scope: basicScope, Lifetime: tokenLifetime})
	fmt.Fprintf(out, `
That was the story. Both servers go on until you press Ctrl-C.

  Paste exactly this URL into an MCP client:  %[1]s
  Pages that may call it (MCP Inspector):     %[8]s
  Metrics:                                    %[2]s/metrics
  Authorization server (everybody is %[3]s):  %[4]s

A token for you, good for %.0[5]f hours, with the scope %[6]s:

  export TOKEN=%[7]s

Without it, with it, with it where it is not enough, what is published, what was counted:

  curl -si %[1]s
  curl -s %[1]s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}'
  curl -si %[1]s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete_everything"}}'
  curl -s %[2]s/.well-known/oauth-protected-resource/mcp
  curl -s %[2]s/metrics | grep ^warder_decisions_total | grep -v ' 0$'

Whenever warder refuses a token, the log says here why.
`, s.url, s.origin, user, s.issuer.Identifier(), tokenLifetime.Hours(), basicScope, token, inspector)
}
