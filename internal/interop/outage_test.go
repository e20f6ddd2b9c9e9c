package interop_test

import (
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

// The server dies, comes back at the same port, and hangs. No caller is ever told that
// a good token is bad.
func TestOutage(t *testing.T) {
	p := startProvider(t)
	p.app()
	p.resource(target{ID: mcp, Format: "opaque"})
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	s := p.opaqueSite(t, introspect.Config{Auth: auth}, resource.Issuer{})
	remembered, fresh := p.clientToken(mcp), p.userTokens(mcp).Access
	check(t, "before: token of a client", letsClient, s.ask(remembered))

	p.kill()
	check(t, "dead: remembered token", letsClient, s.ask(remembered))
	check(t, "dead: token not asked about before", unavailable(resource.ReasonIntrospectionUnreachable), s.ask(fresh))
	for range introspect.FailuresToOpen {
		_ = s.ask(fresh)
	}
	check(t, "dead: not even called any more", unavailable(resource.ReasonIntrospectionSuspended), s.ask(fresh))
	check(t, "dead: remembered token, still", letsClient, s.ask(remembered))
	cold := p.opaqueSite(t, introspect.Config{Auth: auth}, resource.Issuer{})
	check(t, "dead: endpoint never discovered", unavailable(resource.ReasonIntrospectionDiscovery), cold.ask(fresh))

	// Its tokens are lost with it, so there must be new ones.
	p.restart()
	again := p.clientToken(mcp)
	check(t, "back: accepted, 503 until then", letsClient, recovers(t, s, again))
	check(t, "back: endpoint discovered now", letsClient, recovers(t, cold, again))
	check(t, "back: token that the server has lost", invalid(resource.ReasonInactive), s.ask(fresh))
	check(t, "back: remembered token, lost too, until forgotten", letsClient, s.ask(remembered))
	s.res.Forget(remembered)
	check(t, "back: the same, forgotten", invalid(resource.ReasonInactive), s.ask(remembered))

	brief := p.opaqueSite(t, introspect.Config{Auth: auth, Timeout: time.Second}, resource.Issuer{})
	check(t, "before it hangs", letsClient, recovers(t, brief, again))
	other := p.clientToken(mcp)
	goOn := p.hang()
	defer goOn()
	check(t, "hangs: token not asked about before", unavailable(resource.ReasonIntrospectionTimeout), brief.ask(other))
	check(t, "hangs: remembered token", letsClient, brief.ask(again))
	goOn()
	check(t, "goes on: accepted, 503 until then", letsClient, recovers(t, brief, other))
}

// recovers asks until the token is accepted and returns the last answer, or all of
// them if one was no 503 with Retry-After.
func recovers(t *testing.T, s *site, token string) string {
	t.Helper()
	all := s.until(letsClient, patience, func() string { return s.ask(token) })
	answers := strings.Split(all, ", then ")
	for _, answer := range answers[:len(answers)-1] {
		if !strings.HasPrefix(answer, "503 Retry-After (") {
			return all
		}
	}
	return answers[len(answers)-1]
}
