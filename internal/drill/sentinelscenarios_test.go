package drill_test

import (
	"context"
	"net"
	"testing"

	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// group is a primary with a replica and three sentinels.
type group struct {
	primary, replica *valkeytest.Server
	sentinels        []*valkeytest.Server
}

func startGroup(t *testing.T) *group {
	t.Helper()
	g := &group{primary: valkeytest.Start(t, valkeytest.Options{})}
	g.replica = valkeytest.Start(t, valkeytest.Options{ReplicaOf: g.primary})
	g.replica.Wait("master_link_status:up", "INFO", "replication")
	for range 3 {
		g.sentinels = append(g.sentinels, valkeytest.StartSentinel(t, g.primary, valkeytest.Options{}))
	}
	for _, s := range g.sentinels {
		s.Wait("num-other-sentinels\n2", "SENTINEL", "MASTER", valkeytest.SentinelMaster)
		s.Wait("num-slaves\n1", "SENTINEL", "MASTER", valkeytest.SentinelMaster)
	}
	return g
}

// awaitFailover waits until the replica is the primary, and all sentinels name it.
func (g *group) awaitFailover() {
	_, port, _ := net.SplitHostPort(g.replica.Address())
	for _, s := range g.sentinels {
		s.Wait("\n"+port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", valkeytest.SentinelMaster)
	}
	g.replica.Wait("master", "ROLE")
}

// awaitDemotion waits until the old primary is a replica.
func (g *group) awaitDemotion() { g.primary.Wait("slave", "ROLE") }

// failover returns a scenario with sentinels.
func failover(name string, fail func(ctx context.Context, d *drill, g *group)) scenario {
	var g *group
	return scenario{
		name: name,
		settings: func(t *testing.T, s *settings) {
			g = startGroup(t)
			s.store.Mode, s.store.SentinelMaster = valkey.Sentinel, valkeytest.SentinelMaster
			for _, sentinel := range g.sentinels {
				s.store.Addresses = append(s.store.Addresses, sentinel.Address())
			}
		},
		fail: func(ctx context.Context, d *drill) { fail(ctx, d, g) },
	}
}

// killedPrimary kills the primary. When the replica has replaced it, it returns without data, as
// a primary until the sentinels make it a replica.
func killedPrimary() scenario {
	return failover("primary killed, failover to its replica", func(ctx context.Context, d *drill, g *group) {
		d.fault(ctx, awayEmpty, g.primary.Kill, hold(ctx, 0), func() { g.awaitFailover() })
		g.primary.Restart()
		g.awaitDemotion()
	})
}

// sentinelScenarios are changes of the primary.
func sentinelScenarios() []scenario {
	return []scenario{
		killedPrimary(),
		failover("SENTINEL FAILOVER", func(ctx context.Context, d *drill, g *group) {
			what := awayEmpty
			what.may = true
			d.fault(ctx, what, func() { g.sentinels[0].Do("SENTINEL", "FAILOVER", valkeytest.SentinelMaster) }, hold(ctx, 0), func() { g.awaitFailover() })
			g.awaitDemotion()
		}),
		failover("primary stopped, failover, primary continued", func(ctx context.Context, d *drill, g *group) {
			d.fault(ctx, awayEmpty, g.primary.Stop, hold(ctx, 0), func() { g.awaitFailover() })
			g.primary.Continue()
			g.awaitDemotion()
		}),
	}
}
