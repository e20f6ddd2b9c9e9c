package interop_test

import (
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

// The authorization server crashes, restarts at the same port, and hangs. No valid token is
// ever reported as invalid.
func TestOutage(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	p.registerResource(providerResource{ID: identifier, Format: "opaque"})
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	s := p.introspectionServer(t, introspect.Config{Auth: auth}, resource.Issuer{})
	cached, fresh := p.clientToken(identifier), p.userTokens(identifier).Access
	check(t, "before: token of a client", acceptedClient, s.send(cached))

	p.kill()
	check(t, "down: cached token", acceptedClient, s.send(cached))
	check(t, "down: new token", unavailable(resource.ReasonIntrospectionUnreachable), s.send(fresh))
	for range introspect.FailuresToOpen {
		_ = s.send(fresh)
	}
	check(t, "down: new token, circuit breaker open", unavailable(resource.ReasonIntrospectionSuspended), s.send(fresh))
	check(t, "down: cached token, circuit breaker open", acceptedClient, s.send(cached))
	cold := p.introspectionServer(t, introspect.Config{Auth: auth}, resource.Issuer{})
	check(t, "down: endpoint never discovered", unavailable(resource.ReasonIntrospectionDiscovery), cold.send(fresh))

	// The server loses its tokens when it restarts, so the test requests new ones.
	p.restart()
	reissued := p.clientToken(identifier)
	check(t, "restarted: token of a client", acceptedClient, eventually(t, s, acceptedClient, reissued))
	check(t, "restarted: endpoint discovered", acceptedClient, eventually(t, cold, acceptedClient, reissued))
	check(t, "restarted: token lost by the server", invalid(resource.ReasonInactive), s.send(fresh))
	check(t, "restarted: cached token, lost by the server", acceptedClient, s.send(cached))
	s.res.Forget(cached)
	check(t, "restarted: the same token after Forget", invalid(resource.ReasonInactive), s.send(cached))

	brief := p.introspectionServer(t, introspect.Config{Auth: auth, Timeout: time.Second}, resource.Issuer{})
	check(t, "before the server hangs: token of a client", acceptedClient, eventually(t, brief, acceptedClient, reissued))
	other := p.clientToken(identifier)
	resume := p.hang()
	defer resume()
	check(t, "server hangs: new token", unavailable(resource.ReasonIntrospectionTimeout), brief.send(other))
	check(t, "server hangs: cached token", acceptedClient, brief.send(reissued))
	resume()
	check(t, "server resumed: token of a client", acceptedClient, eventually(t, brief, acceptedClient, other))
}
