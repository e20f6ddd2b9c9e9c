package drill_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// Requests of all processes together, per second.
const (
	rememberedRate = 60
	unseenRate     = 18
	opaqueRate     = 30
	newOpaqueRate  = 1 // tokens; each is sent to all processes
	boundRate      = 30
	replayRate     = 60 // besides the replay that follows each proof at once
	revokedRate    = 60 // besides those that measure how soon a revocation applies
	addRate        = 2  // revocations
)

// Tokens that are sent many times.
const (
	rememberedTokens = 24
	opaqueTokens     = 100
	proofKeys        = 6
)

// traffic sends requests to the processes of a fleet at constant rates.
type traffic struct {
	f           *fleet
	record      *record
	slots       [processes]chan struct{} // one for each request that is running
	skipped     atomic.Int64             // calls that every left out
	newTokens   atomic.Int64             // opaque tokens that sendNewOpaque made
	remembered  []string
	opaque      []string
	holders     [proofKeys]holder
	proofs      proofs
	revocations revocations

	tasks  sync.WaitGroup
	cancel context.CancelFunc
}

// holder is a client with a key.
type holder struct {
	key   *resourcetest.ProofKey
	token string
	nonce atomic.Pointer[string] // the newest; nil: none
}

func newTraffic(f *fleet, r *record) *traffic {
	t := &traffic{f: f, record: r}
	for i := range t.slots {
		t.slots[i] = make(chan struct{}, maxConcurrent)
	}
	for i := range rememberedTokens {
		t.remembered = append(t.remembered, f.issuer.Token(resourcetest.Token{Subject: fmt.Sprint("user-", i)}))
	}
	for i := range opaqueTokens {
		if f.settings.introspect {
			t.opaque = append(t.opaque, f.issuer.OpaqueToken(resourcetest.Token{Subject: fmt.Sprint("opaque-", i)}))
		}
	}
	for i := range t.holders {
		h := &t.holders[i]
		h.key = resourcetest.NewProofKey("")
		h.token = f.issuer.Token(resourcetest.Token{Subject: fmt.Sprint("holder-", i), ProofKey: h.key})
	}
	return t
}

// do sends one request and records the answer. It waits for a slot.
func (t *traffic) do(ctx context.Context, process int, k kind, token, proof string, item int) (a answer, nonce string) {
	select {
	case t.slots[process] <- struct{}{}:
	case <-ctx.Done():
		return answer{}, ""
	}
	defer func() { <-t.slots[process] }()
	a, nonce = t.f.processes[process].send(context.WithoutCancel(ctx), k, token, proof, item)
	t.record.add(a)
	return a, nonce
}

// remember makes all processes remember the tokens that are sent many times.
func (t *traffic) remember(ctx context.Context) {
	var all sync.WaitGroup
	for process := range processes {
		all.Go(func() {
			for _, token := range t.remembered {
				t.do(ctx, process, unseen, token, "", 0)
			}
			for _, token := range t.opaque {
				t.do(ctx, process, newOpaque, token, "", 0)
			}
		})
	}
	all.Wait()
}

// start starts all requests. They end with stop.
func (t *traffic) start(ctx context.Context) {
	ctx, t.cancel = context.WithCancel(ctx)
	t.every(ctx, rememberedRate, func(n int) {
		t.do(ctx, n%processes, remembered, t.remembered[n/processes%len(t.remembered)], "", 0)
	})
	t.every(ctx, unseenRate, func(n int) {
		t.do(ctx, n%processes, unseen, t.f.issuer.Token(resourcetest.Token{Subject: fmt.Sprint("new-", n)}), "", 0)
	})
	if len(t.opaque) > 0 {
		t.every(ctx, opaqueRate, func(n int) {
			t.do(ctx, n%processes, opaque, t.opaque[n/processes%len(t.opaque)], "", 0)
		})
		t.every(ctx, newOpaqueRate, func(n int) { t.sendNewOpaque(ctx, n) })
	}
	t.every(ctx, boundRate, func(n int) { t.sendBound(ctx, n) })
	t.every(ctx, replayRate, func(n int) { t.sendReplay(ctx, n) })
	t.every(ctx, revokedRate, func(n int) { t.sendRevoked(ctx, n) })
	t.every(ctx, addRate, func(n int) { t.revoke(ctx, n) })
}

// stop ends all requests and waits for those that are running.
func (t *traffic) stop() {
	t.cancel()
	t.tasks.Wait()
}

// every calls f a number of times per second, each time in a goroutine of its own. The number of calls that are
// running is limited: a further call is left out and counted.
func (t *traffic) every(ctx context.Context, perSecond int, f func(n int)) {
	running := make(chan struct{}, perSecond*int(pollTime/time.Second+10))
	t.tasks.Go(func() {
		ticker := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			select {
			case running <- struct{}{}:
				t.tasks.Go(func() {
					defer func() { <-running }()
					f(n)
				})
			default:
				t.skipped.Add(1)
			}
		}
	})
}

// sendNewOpaque sends a new opaque token to all processes at the same time.
func (t *traffic) sendNewOpaque(ctx context.Context, n int) {
	token := t.f.issuer.OpaqueToken(resourcetest.Token{Subject: fmt.Sprint("new-opaque-", n)})
	t.newTokens.Add(1)
	var all sync.WaitGroup
	for process := range processes {
		all.Go(func() { t.do(ctx, process, newOpaque, token, "", 0) })
	}
	all.Wait()
}
