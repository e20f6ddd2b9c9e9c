package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

// securityEvents measures a receiver of security events whose list has no store.
func securityEvents(ctx context.Context, s sharedPlan) table {
	list := newList(nil)
	rows := compare(s.events, s.eventRounds, deliveries(ctx, "ES256", "ES256", 1, s.events, list), deliveries(ctx, "RS256", "RS256", 1, s.events, list))
	return table{"Security events that are verified and applied in one process", rows}
}

// storedSecurityEvents measures a receiver whose list has a store.
func storedSecurityEvents(ctx context.Context, s sharedPlan, server *storeServer) table {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	store := server.open("events")
	defer store.Close()
	list := runList(ctx, newList(store.Revocations(), newCommonKey()))
	var benchmarks []benchmark
	for _, concurrent := range []int{1, 16} {
		for _, alg := range []string{"ES256", "RS256"} {
			name := alg + concurrencySuffix(concurrent)
			benchmarks = append(benchmarks, deliveries(ctx, name, alg, concurrent, s.events, list))
		}
	}
	return table{"Security events that are verified and stored for all processes", compare(s.events, s.eventRounds, benchmarks...)}
}

// deliveries returns a benchmark that delivers security events with a new user each. The events are made before
// each round.
func deliveries(ctx context.Context, name, alg string, concurrent, n int, list *revocation.List) benchmark {
	issuer := must(resourcetest.NewIssuer(resourcetest.Config{Audience: audience, Algorithms: []string{alg}}))
	logger := slog.New(slog.DiscardHandler)
	keys := must(jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Algorithms: []string{alg}, Logger: logger}))
	receiver := must(securityevents.New(securityevents.Config{Keys: keys, Audience: []string{audience}, Revocations: list, Logger: logger}))
	next := 0
	event := func() *http.Request {
		next++
		token := issuer.SecurityEvent(resourcetest.SecurityEvent{Alg: alg, Subject: issuer.SubjectID(fmt.Sprint("user-", next))})
		return resourcetest.PushRequest(ctx, audience+"/events", token, "")
	}
	deliver := func(req *http.Request) {
		if status := serveStatus(receiver, req); status != http.StatusAccepted {
			panic(fmt.Sprintf("status %d, want 202", status))
		}
	}
	deliver(event()) // fetches the keys
	reqs := make([]*http.Request, n)
	reset := func() {
		for i := range reqs {
			reqs[i] = event()
		}
	}
	return benchmark{name, concurrent, reset, func() func(int) { return func(i int) { deliver(reqs[i]) } }}
}
