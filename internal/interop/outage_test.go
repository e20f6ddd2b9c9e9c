package interop_test

import (
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
	p.resource(target{ID: ours, Format: "opaque"})
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	s := p.opaqueSite(t, introspect.Config{Auth: auth}, resource.Issuer{})
	remembered, fresh := p.clientToken(ours), p.userTokens(ours).Access
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
	again := p.clientToken(ours)
	check(t, "back: token of a client", letsClient, recovers(t, s, letsClient, again))
	check(t, "back: endpoint discovered now", letsClient, recovers(t, cold, letsClient, again))
	check(t, "back: token that the server has lost", invalid(resource.ReasonInactive), s.ask(fresh))
	check(t, "back: remembered token, lost too, until forgotten", letsClient, s.ask(remembered))
	s.res.Forget(remembered)
	check(t, "back: the same, forgotten", invalid(resource.ReasonInactive), s.ask(remembered))

	brief := p.opaqueSite(t, introspect.Config{Auth: auth, Timeout: time.Second}, resource.Issuer{})
	check(t, "before it hangs", letsClient, recovers(t, brief, letsClient, again))
	other := p.clientToken(ours)
	goOn := p.hang()
	defer goOn()
	check(t, "hangs: token not asked about before", unavailable(resource.ReasonIntrospectionTimeout), brief.ask(other))
	check(t, "hangs: remembered token", letsClient, brief.ask(again))
	goOn()
	check(t, "goes on: token of a client", letsClient, recovers(t, brief, letsClient, other))
}
