package introspect_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// 6 processes receive 100 requests with each of 100 tokens at the same time: 100 calls.
func TestProcessesShareCalls(t *testing.T) {
	for _, row := range []struct {
		name      string
		configure configFunc
		requests  int // with each token, to each process
	}{
		{"endpoint", func(*resource.Config, *introspect.Config) {}, 100},
		{"discovered endpoint", withDiscovery, 5},
		{"signed answers", withSignedAnswers, 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			inProcesses(t, 6, func(_ int, r *resource.Config, c *introspect.Config) { row.configure(r, c) }, func(_ *memoryAnswers, processes []*fixture) {
				issuer := processes[0].issuer
				tokens := repeat(100, func(i int) string {
					switch subject := fmt.Sprint("user-", i); {
					case i < 40:
						return issuer.OpaqueToken(resourcetest.Token{Subject: subject})
					case i < 80:
						return issuer.Token(resourcetest.Token{Subject: subject})
					}
					return unknownToken(i)
				})
				var all sync.WaitGroup
				for _, fx := range processes {
					for range row.requests {
						all.Go(func() { fx.expectTokens(tokens) })
					}
				}
				all.Wait()
				processes[0].expectCalls(100)
			})
		})
	}
}

// A result of one process is used by another one without a call.
func TestSharedResult(t *testing.T) {
	for _, row := range []struct {
		name   string
		token  func(fx *fixture) string
		status int
		reason resource.Reason
		shared string
	}{
		{"opaque token", func(fx *fixture) string { return fx.token(resourcetest.Token{Subject: "bob"}) }, 200, "", "hit=1"},
		{"JWT", func(fx *fixture) string { return fx.issuer.Token(resourcetest.Token{Subject: "bob"}) }, 200, "", "hit=1"},
		{"unknown token", func(*fixture) string { return unknownToken(1) }, 401, resource.ReasonInactive, "rejected=1"},
		{"refresh token", func(fx *fixture) string { return fx.tokenWithClaim("token_use", `"refresh"`) }, 401, resource.ReasonTokenType, "rejected=1"},
		{"for another resource", func(fx *fixture) string {
			return fx.token(resourcetest.Token{Audience: "https://other.example.test/"})
		}, 401, resource.ReasonAudience, "hit=1"},
	} {
		for signed := range map[bool]bool{false: true, true: true} {
			t.Run(fmt.Sprintf("%s, signed %t", row.name, signed), func(t *testing.T) {
				inProcesses(t, 2, func(_ int, _ *resource.Config, c *introspect.Config) { c.SignedAnswers = signed }, func(_ *memoryAnswers, processes []*fixture) {
					first, second := processes[0], processes[1]
					token := row.token(first)
					a := first.expect("first process", token, row.status, row.reason)
					b := second.expect("second process", token, row.status, row.reason)
					if b.took != 0 || a.caller != b.caller {
						first.Errorf("got caller %q after %s, want %q at once", b.caller, b.took, a.caller)
					}
					first.expectCalls(1)
					first.expectShared("miss=1")
					second.expectShared(row.shared)
				})
			})
		}
	}
}

// The endpoint rejects a token by its status: shared too.
func TestSharedStatusRejection(t *testing.T) {
	inProcesses(t, 2, nil, func(_ *memoryAnswers, processes []*fixture) {
		processes[0].endpointFails(resourcetest.Failure{Status: 413})
		for _, fx := range processes {
			fx.expect("too long for the endpoint", unknownToken(1), 401, resource.ReasonTokenInvalid)
		}
		processes[0].expectCalls(1)
		processes[1].expectShared("rejected=1")
	})
}

// A shared answer is used until the same time by all processes: AnswerTTL after it was received
// (5 minutes if that is 0), exp or, without exp, a minute after it was received.
func TestSharedDuration(t *testing.T) {
	noExp := map[string]any{"exp": resourcetest.Remove}
	for _, row := range []struct {
		name      string
		answerTTL time.Duration
		token     resourcetest.Token
		want      time.Duration
	}{
		{"default", 0, resourcetest.Token{}, 5 * time.Minute},
		{"AnswerTTL", 10 * time.Second, resourcetest.Token{}, 10 * time.Second},
		{"long AnswerTTL", 20 * time.Minute, resourcetest.Token{}, 20 * time.Minute},
		{"exp", 0, resourcetest.Token{Lifetime: 30 * time.Second}, 30 * time.Second},
		{"no exp", 0, resourcetest.Token{Claims: noExp}, time.Minute},
		{"no exp, short AnswerTTL", 10 * time.Second, resourcetest.Token{Claims: noExp}, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			configure := func(_ int, r *resource.Config, c *introspect.Config) {
				r.Limits.CacheTTL, c.AnswerTTL = 50*time.Minute, row.answerTTL
			}
			inProcesses(t, 4, configure, func(store *memoryAnswers, processes []*fixture) {
				issuer := processes[1].issuer
				issuer.Reset() // answers take no time
				token, began := issuer.OpaqueToken(row.token), time.Now()
				until := func(d time.Duration) { time.Sleep(time.Until(began.Add(d))) }
				processes[0].expect("first process", token, 200, "")
				if _, stored := store.only(t); stored.until.Sub(began) > row.want {
					t.Errorf("stored for %s, want at most %s", stored.until.Sub(began), row.want)
				}
				issuer.Revoke(token)
				until(row.want / 2)
				processes[1].expect("second process, half of the time later", token, 200, "")
				until(row.want - time.Second)
				processes[2].expect("third process, a second before the end", token, 200, "")
				until(row.want - 2*time.Millisecond)
				for _, fx := range processes[1:3] {
					fx.expect("cached, just before the end", token, 200, "")
				}
				processes[0].expectCalls(1)
				until(row.want)
				for _, fx := range processes[1:] {
					fx.expect("at the end", token, 401, resource.ReasonInactive)
				}
				processes[0].expectCalls(2) // shared as well
			})
		})
	}
}

// A shared rejection is used until 10 seconds after it was received.
func TestSharedRejectionDuration(t *testing.T) {
	inProcesses(t, 3, nil, func(_ *memoryAnswers, processes []*fixture) {
		issuer := processes[0].issuer
		issuer.Reset()
		const token = "not-yet-known"
		processes[0].expect("first process", token, 401, resource.ReasonInactive)
		issuer.OpaqueToken(resourcetest.Token{Text: token, Lifetime: time.Hour})
		time.Sleep(9 * time.Second)
		processes[1].expect("second process", token, 401, resource.ReasonInactive)
		time.Sleep(time.Second - 2*time.Millisecond)
		processes[1].expect("second process, cached", token, 401, resource.ReasonInactive)
		processes[0].expectCalls(1)
		time.Sleep(2 * time.Millisecond)
		for _, fx := range processes {
			fx.expect("10 s later", token, 200, "")
		}
		processes[0].expectCalls(2)
	})
}

// Requests that arrive at once after a shared result was read share it, until AnswerTTL is over.
func TestSharedResultHasGracePeriod(t *testing.T) {
	for _, row := range []struct {
		name string
		ttl  time.Duration
		age  time.Duration // of the answer when it is read
		want time.Duration // until the next read
	}{
		{"default", 0, time.Minute, 250 * time.Millisecond},
		{"AnswerTTL ends before", time.Second, 900 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			inProcesses(t, 2, func(_ int, r *resource.Config, c *introspect.Config) {
				r.Limits.CacheTTL, c.AnswerTTL = -1, row.ttl
			}, func(store *memoryAnswers, processes []*fixture) {
				processes[0].issuer.Reset()
				token := processes[0].token(resourcetest.Token{})
				processes[0].expect("first process", token, 200, "")
				time.Sleep(row.age)
				processes[1].expect("second process", token, 200, "")
				reads := store.count("Get")
				time.Sleep(row.want - 2*time.Millisecond)
				processes[1].expect("within the grace period", token, 200, "")
				if store.count("Get") != reads {
					t.Error("the store was read again within the grace period")
				}
				time.Sleep(3 * time.Millisecond)
				processes[1].expect("after the grace period", token, 200, "")
				if store.count("Get") == reads {
					t.Error("the store was not read after the grace period")
				}
			})
		})
	}
}

// With a negative AnswerTTL, each request causes a call, and the store is not used.
func TestNegativeAnswerTTLSharesNothing(t *testing.T) {
	inProcesses(t, 2, func(_ int, _ *resource.Config, c *introspect.Config) { c.AnswerTTL = -1 }, func(store *memoryAnswers, processes []*fixture) {
		token := processes[0].token(resourcetest.Token{})
		for i := range 4 {
			processes[i%2].expect("valid token", token, 200, "")
		}
		processes[0].verifier.Forget()
		processes[0].expectCalls(4)
		if len(store.counts) != 0 {
			t.Errorf("the store was used: %v", store.counts)
		}
	})
}

// Discovery that fails is subject to the circuit breaker, as without a store.
func TestSharedDiscoveryFails(t *testing.T) {
	inProcesses(t, 1, func(_ int, r *resource.Config, c *introspect.Config) { withDiscovery(r, c) }, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		fx.issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Status: 500})
		fx.expect("first", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionDiscovery)
		fx.requestPeriodically(2 * time.Minute)
		if n := fx.metadataRequests(); n > 80 {
			t.Errorf("got %d metadata requests in two minutes, want at most 80", n)
		}
		if len(store.counts) != 0 {
			t.Errorf("the store was used without an endpoint: %v", store.counts)
		}
		fx.issuer.Reset(resourcetest.Metadata)
		time.Sleep(30 * time.Second)
		fx.expect("after the outage", fx.token(resourcetest.Token{}), 200, "")
		fx.expectShared("miss=1")
	})
}

// An answer that another process has received is used while the circuit is open.
func TestSharedAnswerWhileCircuitIsOpen(t *testing.T) {
	inProcesses(t, 2, nil, func(_ *memoryAnswers, processes []*fixture) {
		first, second := processes[0], processes[1]
		token := first.token(resourcetest.Token{})
		first.expect("first process", token, 200, "")
		first.endpointFails(resourcetest.Failure{Status: 500})
		for i := range introspect.FailuresToOpen {
			second.request(unknownToken(i))
		}
		second.expect("without an answer", unknownToken(100), 503, resource.ReasonIntrospectionSuspended)
		second.expect("with a shared answer", token, 200, "")
	})
}

// The series exist from the start, and only with a store.
func TestSharedMetrics(t *testing.T) {
	const name = "warder_introspection_shared_answers_total{"
	inBubble(t, nil, func(fx *fixture) {
		if strings.Contains(fx.metrics(), name) {
			t.Error("the metric exists without a store")
		}
	})
	inProcesses(t, 1, nil, func(_ *memoryAnswers, processes []*fixture) {
		var got []string
		for line := range strings.Lines(processes[0].metrics()) {
			if rest, ok := strings.CutPrefix(line, name); ok {
				_, rest, _ = strings.Cut(rest, `outcome="`)
				outcome, rest, _ := strings.Cut(rest, `"`)
				got = append(got, outcome+rest[strings.LastIndex(rest, " "):])
			}
		}
		if want := "hit 0 lost_lock 0 miss 0 rejected 0 skipped 0 unavailable 0 unreadable 0 waited 0"; strings.Join(strings.Fields(strings.Join(got, "")), " ") != want {
			t.Errorf("got %q, want %s", got, want)
		}
	})
}

// expectTokens sends a request with each of 100 tokens, in a random order. The first 80 are valid.
func (fx *fixture) expectTokens(tokens []string) {
	for _, i := range rand.Perm(100) {
		want, caller := 401, ""
		if i < 80 {
			want, caller = 200, fmt.Sprintf("25:https://auth.example.test sub:user-%d", i)
		}
		if got := fx.request(tokens[i]); got.status != want || got.caller != caller {
			fx.Errorf("token %d: got %d %q, want %d %q", i, got.status, got.caller, want, caller)
		}
	}
}
