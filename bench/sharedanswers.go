package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

const answeringProcesses = 6

// slowEndpoint is an introspection endpoint on a loopback socket, which takes 20 ms for each call.
type slowEndpoint struct {
	*httptest.Server
	calls  atomic.Int64
	answer []byte
}

func newSlowEndpoint() *slowEndpoint {
	e := &slowEndpoint{answer: encode(claims{"active": true, "token_type": "Bearer", "iss": issuer, "sub": "alice", "aud": audience,
		"client_id": "client-1234", "scope": "mcp:read mcp:write", "exp": time.Now().Add(2 * time.Hour).Unix()})}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		e.calls.Add(1)
		time.Sleep(20 * time.Millisecond) // simulates the work of an authorization server
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(e.answer)
	}))
	return e
}

// process returns the handler of a process with an empty cache. answers can be nil.
func (e *slowEndpoint) process(answers introspect.Answers, key []byte) http.Handler {
	c := introspect.Config{Issuer: issuer, Endpoint: e.URL, AllowHTTP: true, Auth: introspect.ClientAuth{ClientID: "bench", ClientSecret: "secret"}}
	if answers != nil {
		c.Answers, c.AnswerKeys = answers, [][]byte{key}
	}
	verifier := must(introspect.New(c))
	res := must(resource.New(resource.Config{Identifier: audience, Opaque: &resource.Issuer{Verifier: verifier}, Scopes: []string{scope}}))
	return nethttp.Middleware(res)(protectedHandler)
}

// answerRun is the cost of opaque tokens at several processes.
type answerRun struct {
	name  string
	calls int64         // the most of all rounds
	took  time.Duration // median over the rounds
}

// callsOfProcesses sends 100 opaque tokens to several processes at the same time. The two kinds of processes take turns.
func callsOfProcesses(s sharedPlan, server *storeServer) []answerRun {
	endpoint := newSlowEndpoint()
	defer endpoint.Close()
	runs := []answerRun{{name: "each process calls the endpoint"}, {name: "shared responses"}}
	times := make([][]time.Duration, len(runs))
	for round := range s.reads {
		for turn := range runs {
			i := (round + turn) % len(runs)
			var handlers []http.Handler
			key := newCommonKey()
			for range answeringProcesses {
				var answers introspect.Answers
				if i == 1 {
					store := server.open(fmt.Sprint("answers-", round))
					defer store.Close()
					answers = store.Answers()
				}
				handlers = append(handlers, endpoint.process(answers, key))
			}
			before, began := endpoint.calls.Load(), time.Now()
			parallel(len(handlers), func(n int) { runClients(handlers[n], s.answerRun) })
			times[i] = append(times[i], time.Since(began))
			runs[i].calls = max(runs[i].calls, endpoint.calls.Load()-before)
		}
	}
	for i := range runs {
		runs[i].took = median(times[i])
	}
	return runs
}

// answerLatencies measures single requests with opaque tokens that the process has not cached, and the
// memory of the server for a response.
func answerLatencies(s sharedPlan, server *storeServer) ([]latency, storedBytes) {
	endpoint := newSlowEndpoint()
	defer endpoint.Close()
	const prefix = "answer-latencies"
	one, other, key := server.open(prefix), server.open(prefix), newCommonKey()
	defer one.Close()
	defer other.Close()
	alone, first, second := endpoint.process(nil, nil), endpoint.process(one.Answers(), key), endpoint.process(other.Answers(), key)
	acceptAllOf(first, []*http.Request{request("connects-1")})
	acceptAllOf(second, []*http.Request{request("connects-2")})
	names := []string{"a call of the endpoint, not shared", "a call of the endpoint, then shared", "shared by another process", "cached token"}
	times := make([][]time.Duration, len(names))
	before := server.usedMemory()
	for n := range s.answers {
		for i, h := range []http.Handler{alone, first, second, second} {
			req := request(fmt.Sprintf("opaque-token-number-%d", n))
			began := time.Now()
			mustAccept(h, req)
			times[i] = append(times[i], time.Since(began))
		}
	}
	response := storedBytes{fmt.Sprintf("introspection response of %d bytes", len(endpoint.answer)), (server.usedMemory() - before) / float64(s.answers)}
	var all []latency
	for i, name := range names {
		all = append(all, percentiles(name, times[i]))
	}
	return all, response
}
