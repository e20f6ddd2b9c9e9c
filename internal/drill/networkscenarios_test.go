package drill_test

import (
	"context"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// proxied returns a scenario with one server behind a proxy.
func proxied(name string, fail func(ctx context.Context, d *drill, p *proxy)) scenario {
	var p *proxy
	return scenario{
		name: name,
		settings: func(t *testing.T, s *settings) {
			p = startProxy(t, valkeytest.Start(t, valkeytest.Options{}).Address())
			s.store.Addresses = []string{p.address()}
		},
		fail: func(ctx context.Context, d *drill) { fail(ctx, d, p) },
	}
}

// slow delays each answer of the server.
func slow(name string, delay time.Duration, what effects) scenario {
	return proxied(name, func(ctx context.Context, d *drill, p *proxy) {
		d.fault(ctx, what, func() {
			p.delay.Store(int64(delay))
			pause(ctx, delay) // answers that were already on their way
		}, hold(ctx, 10*time.Second), func() { p.delay.Store(0) })
	})
}

// networkScenarios are failures of the network between the processes and one server.
func networkScenarios() []scenario {
	return []scenario{
		slow("each answer 30 ms later, for 10 s", 30*time.Millisecond, effects{may: true, stays: true}),
		slow("each answer 200 ms later, for 10 s", 200*time.Millisecond, effects{proofs: true, stays: true}),
		proxied("network silent for 10 s", func(ctx context.Context, d *drill, p *proxy) {
			d.fault(ctx, away, func() { p.hold.Store(true) }, hold(ctx, 10*time.Second), func() { p.hold.Store(false) })
		}),
		proxied("connections cut 10 times in 5 s", func(ctx context.Context, d *drill, p *proxy) {
			d.fault(ctx, effects{reads: true, proofs: true, may: true}, func() {
				for range 10 {
					p.drop()
					pause(ctx, 500*time.Millisecond)
				}
			}, hold(ctx, 0), func() {})
		}),
	}
}
