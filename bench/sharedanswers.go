package main

import (
	"context"
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
	name   string
	calls  int64         // of the endpoint; of the round with the most
	failed int64         // calls of the store in the same round, each of which causes a call of the endpoint
	took   time.Duration // median over the rounds
}

// countedAnswers counts the calls after whose failure a process calls the endpoint itself.
type countedAnswers struct {
	introspect.Answers
	failed *atomic.Int64
}

func (c countedAnswers) Get(ctx context.Context, key introspect.AnswerKey) ([]byte, int64, error) {
	value, generation, err := c.Answers.Get(ctx, key)
	if err != nil {
		c.failed.Add(1)
	}
	return value, generation, err
}

func (c countedAnswers) PutNew(ctx context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) (bool, error) {
	stored, err := c.Answers.PutNew(ctx, key, value, ttl)
	if err != nil {
		c.failed.Add(1)
	}
	return stored, err
}

// callsOfProcesses sends 100 opaque tokens to several processes at the same time. The two kinds of processes
// take turns.
func callsOfProcesses(ctx context.Context, s sharedPlan, server *storeServer) []answerRun {
	endpoint := newSlowEndpoint()
	defer endpoint.Close()
	runs := []answerRun{{name: "each process calls the endpoint"}, {name: "shared responses"}}
	times := make([][]time.Duration, len(runs))
	for round := range s.reads {
		for turn := range runs {
			i := (round + turn) % len(runs)
			prefix := ""
			if i == 1 {
				prefix = fmt.Sprint("answers-", round)
			}
			run := runProcesses(ctx, s, server, endpoint, prefix)
			times[i] = append(times[i], run.took)
			if run.calls > runs[i].calls {
				runs[i].calls, runs[i].failed = run.calls, run.failed
			}
		}
	}
	for i := range runs {
		runs[i].took = median(times[i])
	}
	return runs
}

// runProcesses sends the tokens to new processes, which share responses unless prefix is empty.
func runProcesses(ctx context.Context, s sharedPlan, server *storeServer, endpoint *slowEndpoint, prefix string) answerRun {
	key := newCommonKey()
	var failed atomic.Int64
	var handlers []http.Handler
	for range answeringProcesses {
		var answers introspect.Answers
		if prefix != "" {
			store := server.open(prefix)
			defer store.Close()
			succeed(store.Ready(ctx)) // connects
			answers = countedAnswers{store.Answers(), &failed}
		}
		handlers = append(handlers, endpoint.process(answers, key))
	}
	before, began := endpoint.calls.Load(), time.Now()
	parallel(len(handlers), func(n int) { runClients(handlers[n], s.answerRun) })
	return answerRun{calls: endpoint.calls.Load() - before, failed: failed.Load(), took: time.Since(began)}
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
