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

// The endpoint dies, hangs, lies and returns while users go on. Every answer is
// counted: no good token is ever called bad, no bad one ever accepted.
func TestOutageDrill(t *testing.T) {
	inWorld(t, func(c *resource.Config, _ *introspect.Config) { c.Limits.CacheTTL = 10 * time.Second }, func(w *world) {
		const users, pause = 25, 250 * time.Millisecond
		type tally struct{ good, bad map[int]int }
		var (
			mu    sync.Mutex
			phase = tally{map[int]int{}, map[int]int{}}
			total int
		)
		ctx, stop := context.WithCancel(w.Context())
		var all sync.WaitGroup
		for u := range users {
			mine := w.token(resourcetest.Token{Subject: fmt.Sprint("user-", u), Lifetime: 10 * time.Hour})
			revoked := w.token(resourcetest.Token{})
			w.issuer.Revoke(revoked)
			all.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					kind, token := "good", mine
					switch {
					case i%5 == 3:
						kind, token = "bad", revoked
					case i%5 == 4:
						kind, token = "bad", junk(rand.IntN(1_000_000))
					}
					got := w.ask(token)
					mu.Lock()
					total++
					if kind == "good" {
						phase.good[got.status]++
						if got.status == 200 && !strings.HasSuffix(got.caller, fmt.Sprint(" sub:user-", u)) {
							w.Errorf("user %d was taken for %q", u, got.caller)
						}
					} else {
						phase.bad[got.status]++
					}
					mu.Unlock()
					time.Sleep(pause - 20*time.Millisecond + time.Duration(rand.IntN(40))*time.Millisecond)
				}
			})
		}
		run := func(name string, during time.Duration, failure resourcetest.Failure, well bool) {
			w.fail(failure)
			mu.Lock()
			phase = tally{map[int]int{}, map[int]int{}}
			mu.Unlock()
			time.Sleep(during)
			mu.Lock()
			defer mu.Unlock()
			w.Logf("%-26s good tokens %s, bad tokens %s, calls %s", name, summary(phase.good), summary(phase.bad), w.outcomes())
			for status, n := range phase.good {
				if status != 200 && (status != 503 || well) {
					w.Errorf("%s: %d good tokens got %d", name, n, status)
				}
			}
			for status, n := range phase.bad {
				if status != 401 && (status != 503 || well) {
					w.Errorf("%s: %d bad tokens got %d", name, n, status)
				}
			}
			if phase.good[200] == 0 && well || len(phase.bad) == 0 {
				w.Errorf("%s: nothing happened", name)
			}
		}
		healthy := resourcetest.Failure{Delay: 20 * time.Millisecond}
		// A trial may hang already when the endpoint returns, and fail.
		recovery := introspect.DefaultTimeout + introspect.MaxCoolDown + time.Second
		run("well", 30*time.Second, healthy, true)
		for _, step := range []struct {
			name    string
			failure resourcetest.Failure
		}{
			{"refuses connections", resourcetest.Failure{Refuse: true}},
			{"hangs", resourcetest.Failure{Hang: true}},
			{"answers 502", resourcetest.Failure{Status: 502}},
			{"answers 503 with a time", resourcetest.Failure{Status: 503, Header: http.Header{"Retry-After": {"7"}}}},
			{"answers 429", resourcetest.Failure{Status: 429}},
			{"forgets who we are", resourcetest.Failure{Status: 401}},
			{"redirects", resourcetest.Failure{Redirect: "https://auth.example.test/login"}},
			{"shows a login page", resourcetest.LoginPage()},
			{"calls all active, in a string", resourcetest.Failure{Body: []byte(`{"active":"true","sub":"root","aud":"https://mcp.example.test/mcp"}`)}},
			{"says nothing", resourcetest.Failure{Body: []byte("")}},
			{"stops half way", resourcetest.Failure{Truncate: true}},
			{"talks without end", resourcetest.Failure{Huge: 1 << 30}},
			{"drips", resourcetest.Failure{Pace: time.Second}},
		} {
			run(step.name, time.Minute, step.failure, false)
			run("returns", recovery, healthy, false)
			run("well again", 10*time.Second, healthy, true)
		}
		stop()
		all.Wait()
		if got := w.decisions(); got != total {
			w.Errorf("%d decisions were counted, %d requests made", got, total)
		}
	})
}

// decisions returns how many requests the resource has counted.
func (w *world) decisions() (n int) {
	for line := range strings.Lines(w.metrics()) {
		if strings.HasPrefix(line, "warder_decisions_total{") {
			var one int
			_, _ = fmt.Sscan(line[strings.LastIndex(line, " "):], &one)
			n += one
		}
	}
	return n
}
