package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A scenario is a change or failure of the key server. run returns the outcome for a
// contender as text: counts, statuses and times of a tenth of a second.
type scenario struct {
	name string
	run  func(ctx context.Context, c contender) string
}

var scenarios = []scenario{
	{"cold start, 100 concurrent requests: accepted / fetches", coldStartConcurrent},
	{"1,000 unknown kids: fetches, valid tokens accepted meanwhile", unknownKids},
	{"new key: accepted after", newKey},
	{"new key, beside unknown kids: accepted after", newKeyBesideUnknownKids},
	{"new key, server hangs for 10 s: valid tokens accepted within 1 s", newKeyServerHangs},
	{"unknown kid, server down: valid tokens accepted, status for the unknown kid", unknownKidServerDown},
	{"key replaced under the same kid: accepted after", keyReplaced},
	{"cold start, server down: status", coldStartServerDown},
}

// scenarioOutcomes is the outcomes for one contender, in the order of scenarios.
type scenarioOutcomes struct {
	contender string
	outcomes  []string
}

const (
	scenarioTimeout = 12 * time.Second // limits the start of a contender and the wait for a new key
	fetchPause      = 6 * time.Second  // longer than the minimum interval between fetches of the contenders
)

// runScenarios runs all scenarios for each contender. Contenders run concurrently, since
// most of the time is spent waiting.
func runScenarios(ctx context.Context) []scenarioOutcomes {
	all := contenders()
	out := make([]scenarioOutcomes, len(all))
	parallel(len(all), func(i int) {
		out[i].contender = all[i].name
		for _, s := range scenarios {
			out[i].outcomes = append(out[i].outcomes, s.run(ctx, all[i]))
		}
	})
	return out
}

func coldStartConcurrent(ctx context.Context, c contender) string {
	old := newSigner("ES256", "old")
	s, _ := newScenarioServer(ctx, c, old)
	defer s.close()
	s.keys.setBehavior(100*time.Millisecond, false)
	var accepted atomic.Int64
	parallel(100, func(n int) {
		if s.accepts(old.token(n, 700)) {
			accepted.Add(1)
		}
	})
	return fmt.Sprintf("%d / %d", accepted.Load(), s.keys.fetches.Load())
}

func unknownKids(ctx context.Context, c contender) string {
	s, old := startedServer(ctx, c)
	defer s.close()
	time.Sleep(fetchPause)
	sendUnknown, accepted := s.unknownKidSender(), 0
	before := s.keys.fetches.Load()
	for n := range 1000 {
		sendUnknown(n)
		if n%10 == 0 && s.accepts(old.token(1000+n, 700)) {
			accepted++
		}
	}
	return fmt.Sprintf("%d, %d of 100", s.keys.fetches.Load()-before, accepted)
}

func newKey(ctx context.Context, c contender) string {
	s, old := startedServer(ctx, c)
	defer s.close()
	next := newSigner("ES256", "next")
	time.Sleep(fetchPause)
	s.keys.publish(old, next)
	return s.acceptedAfter(next)
}

func newKeyBesideUnknownKids(ctx context.Context, c contender) string {
	s, old := startedServer(ctx, c)
	defer s.close()
	next, sendUnknown := newSigner("ES256", "next"), s.unknownKidSender()
	loadCtx, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	defer load.Wait()
	defer stop()
	load.Go(func() {
		for n := 0; loadCtx.Err() == nil; n++ {
			sendUnknown(n)
			time.Sleep(time.Millisecond) // at most 1,000 per second and contender
		}
	})
	time.Sleep(100 * time.Millisecond) // the load starts before the key is published
	s.keys.publish(old, next)
	return s.acceptedAfter(next)
}

func newKeyServerHangs(ctx context.Context, c contender) string {
	s, old := startedServer(ctx, c)
	defer s.close()
	next := newSigner("ES256", "next")
	time.Sleep(fetchPause)
	s.keys.publish(old, next)
	s.keys.setBehavior(10*time.Second, false)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for n := range 10 {
		waiting.Go(func() { s.accepts(next.sign(recentToken(n))) })
	}
	time.Sleep(200 * time.Millisecond) // until those requests wait for the key server
	var prompt atomic.Int64
	parallel(20, func(n int) {
		start := time.Now()
		if s.accepts(old.token(2+n, 700)) && time.Since(start) < time.Second {
			prompt.Add(1)
		}
	})
	return fmt.Sprintf("%d of 20", prompt.Load())
}

func unknownKidServerDown(ctx context.Context, c contender) string {
	s, old := startedServer(ctx, c)
	defer s.close()
	s.keys.setBehavior(0, true)
	status := serveStatus(s.handler, request(newSigner("ES256", "next").sign(recentToken(1))))
	accepted := 0
	for n := range 20 {
		if s.accepts(old.token(2+n, 700)) {
			accepted++
		}
	}
	return fmt.Sprintf("%d of 20, %d", accepted, status)
}

func keyReplaced(ctx context.Context, c contender) string {
	s, old := startedServer(ctx, c)
	defer s.close()
	time.Sleep(fetchPause)
	replacement := newSigner("ES256", old.kid)
	s.keys.publish(replacement)
	return s.acceptedAfter(replacement)
}

func coldStartServerDown(ctx context.Context, c contender) string {
	s, ok := newScenarioServer(ctx, c)
	if !ok {
		return "does not start"
	}
	defer s.close()
	return fmt.Sprint(serveStatus(s.handler, request(newSigner("ES256", "old").token(1, 700))))
}
