package drill_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// Numbers of the requests that are sent together.
const (
	replayRounds = 50
	replayCopies = 20
	callTokens   = 100
	callRequests = 100 // with each token, to each process
	shortCalls   = 20  // instead of callRequests
	callClients  = 4   // of one process, at the same time
)

// startTogether starts a fleet with one server. change can be nil.
func startTogether(t *testing.T, timeout time.Duration, change func(*settings)) *traffic {
	t.Helper()
	s := settings{window: 2 * time.Second, timeout: timeout}
	if timeout != 0 {
		s.maxAge = time.Hour // a busy machine must not make the revocations outdated
	}
	s.store.Addresses = []string{valkeytest.Start(t, valkeytest.Options{}).Address()}
	if change != nil {
		change(&s)
	}
	return newTraffic(startFleet(t, s), &record{})
}

// sendCopies sends copies of one proof to all processes at the same time.
func (t *traffic) sendCopies(ctx context.Context) (accepted int, answers []answer) {
	p := t.makeProof(&t.holders[0])
	answers = make([]answer, replayCopies)
	var all, ready sync.WaitGroup
	ready.Add(replayCopies)
	for i := range answers {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			answers[i], _ = t.do(ctx, i%processes, bound, p.token, p.text, p.number)
		})
	}
	all.Wait()
	for _, a := range answers {
		if a.accepted() {
			accepted++
		}
	}
	return accepted, answers
}

// replaysTogether sends 20 copies of one proof to six processes at the same time, in 50 rounds:
// exactly one is accepted in each round.
func replaysTogether(t *testing.T, timeout time.Duration) (summary string) {
	traffic := startTogether(t, timeout, nil)
	d := &drill{t: t, fleet: traffic.f, traffic: traffic}
	d.awaitProofs(t.Context())
	exact := 0
	for round := range replayRounds {
		accepted, answers := traffic.sendCopies(t.Context())
		if accepted == 1 {
			exact++
		} else {
			t.Errorf("round %d: %d of %d copies were accepted, want 1", round, accepted, replayCopies)
		}
		for _, a := range answers {
			if !a.accepted() && (a.status != http.StatusUnauthorized || a.why != "invalid_dpop_proof") {
				t.Errorf("round %d: process %d answered %d %s", round, a.process, a.status, a.why)
			}
		}
	}
	return fmt.Sprintf("%d copies of one proof, sent to %d processes at the same time: exactly 1 was accepted in %d of %d rounds.", replayCopies, processes, exact, replayRounds)
}

// callsTogether sends 100 requests with each of 100 opaque tokens to each of six processes, at
// the same time: 100 introspection calls.
func callsTogether(t *testing.T, timeout time.Duration) (summary string) {
	requests := callRequests
	if timeout != 0 {
		requests = shortCalls
	}
	traffic := startTogether(t, timeout, func(s *settings) { s.introspect = true })
	traffic.f.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Delay: 20 * time.Millisecond})
	var tokens []string
	for i := range callTokens {
		tokens = append(tokens, traffic.f.issuer.OpaqueToken(resourcetest.Token{Subject: fmt.Sprint("caller-", i)}))
	}
	var all sync.WaitGroup
	for process := range processes {
		for range callClients {
			first := rand.IntN(callTokens)
			all.Go(func() {
				for n := range requests * callTokens / callClients {
					traffic.do(t.Context(), process, opaque, tokens[(first+n)%callTokens], "", 0)
				}
			})
		}
	}
	all.Wait()
	for _, a := range traffic.record.answers {
		if !a.accepted() {
			t.Errorf("process %d answered %d %s", a.process, a.status, a.why)
		}
	}
	calls := traffic.f.calls()
	if calls != callTokens {
		t.Errorf("%d introspection calls for %d tokens", calls, callTokens)
	}
	return fmt.Sprintf("%d requests with %d opaque tokens to %d processes: %d introspection calls.", len(traffic.record.answers), callTokens, processes, calls)
}
