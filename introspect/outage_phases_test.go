package introspect_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The endpoint fails in many ways and recovers, while clients send requests. No valid token may
// be rejected with 401 and no invalid token accepted, and every request must be counted.
func TestOutagePhases(t *testing.T) {
	inBubble(t, func(c *resource.Config, _ *introspect.Config) { c.MemoryTTL = 10 * time.Second }, func(fx *fixture) {
		const clients, pause = 25, 250 * time.Millisecond
		type tally struct{ valid, invalid map[int]int } // requests by status
		var (
			mu    sync.Mutex
			phase = tally{map[int]int{}, map[int]int{}}
			total int
		)
		ctx, stop := context.WithCancel(fx.Context())
		var all sync.WaitGroup
		for client := range clients {
			valid := fx.token(resourcetest.Token{Subject: fmt.Sprint("user-", client), Lifetime: 10 * time.Hour})
			revoked := fx.token(resourcetest.Token{})
			fx.issuer.Revoke(revoked)
			all.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					isValid, token := true, valid
					switch {
					case i%5 == 3:
						isValid, token = false, revoked
					case i%5 == 4:
						isValid, token = false, unknownToken(rand.IntN(1_000_000))
					}
					got := fx.request(token)
					mu.Lock()
					total++
					if isValid {
						phase.valid[got.status]++
						if got.status == 200 && !strings.HasSuffix(got.caller, fmt.Sprint(" sub:user-", client)) {
							fx.Errorf("client %d: got caller %q", client, got.caller)
						}
					} else {
						phase.invalid[got.status]++
					}
					mu.Unlock()
					time.Sleep(pause - 20*time.Millisecond + time.Duration(rand.IntN(40))*time.Millisecond)
				}
			})
		}
		run := func(name string, during time.Duration, failure resourcetest.Failure, works bool) {
			fx.endpointFails(failure)
			mu.Lock()
			phase = tally{map[int]int{}, map[int]int{}}
			mu.Unlock()
			time.Sleep(during)
			mu.Lock()
			defer mu.Unlock()
			fx.Logf("%-26s valid tokens %s, invalid tokens %s, calls %s", name, summary(phase.valid), summary(phase.invalid), fx.outcomes())
			for status, n := range phase.valid {
				if status != 200 && (status != 503 || works) {
					fx.Errorf("%s: %d valid tokens got status %d", name, n, status)
				}
			}
			for status, n := range phase.invalid {
				if status != 401 && (status != 503 || works) {
					fx.Errorf("%s: %d invalid tokens got status %d", name, n, status)
				}
			}
			if phase.valid[200] == 0 && works || len(phase.invalid) == 0 {
				fx.Errorf("%s: too few requests", name)
			}
		}
		working := resourcetest.Failure{Delay: 20 * time.Millisecond}
		// When the endpoint recovers, a half-open call may be hanging already, and then fail.
		recovery := 5*time.Second + 30*time.Second + time.Second
		run("works", 30*time.Second, working, true)
		for _, step := range []struct {
			name    string
			failure resourcetest.Failure
		}{
			{"refuses connections", resourcetest.Failure{Refuse: true}},
			{"hangs", resourcetest.Failure{Hang: true}},
			{"answers 502", resourcetest.Failure{Status: 502}},
			{"answers 503 with Retry-After", resourcetest.Failure{Status: 503, Header: http.Header{"Retry-After": {"7"}}}},
			{"answers 429", resourcetest.Failure{Status: 429}},
			{"rejects our credentials", resourcetest.Failure{Status: 401}},
			{"redirects", resourcetest.Failure{Redirect: "https://auth.example.test/login"}},
			{"answers with a login page", resourcetest.LoginPage()},
			{"reports every token as active, as a string", resourcetest.Failure{Body: []byte(`{"active":"true","sub":"root","aud":"https://mcp.example.test/mcp"}`)}},
			{"answers with an empty body", resourcetest.Failure{Body: []byte("")}},
			{"truncates answers", resourcetest.Failure{Truncate: true}},
			{"sends endless answers", resourcetest.Failure{Huge: 1 << 30}},
			{"sends answers slowly", resourcetest.Failure{Pace: time.Second}},
		} {
			run(step.name, time.Minute, step.failure, false)
			run("recovers", recovery, working, false)
			run("works again", 10*time.Second, working, true)
		}
		stop()
		all.Wait()
		if got := fx.decisions(); got != total {
			fx.Errorf("the metrics count %d decisions, want %d", got, total)
		}
	})
}

// decisions returns the number of decisions in the metrics of the resource.
func (fx *fixture) decisions() (n int) {
	for line := range strings.Lines(fx.metrics()) {
		if strings.HasPrefix(line, "warder_decisions_total{") {
			var one int
			_, _ = fmt.Sscan(line[strings.LastIndex(line, " "):], &one)
			n += one
		}
	}
	return n
}
