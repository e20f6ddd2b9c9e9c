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

// outagePhases are the ways in which the endpoint fails in TestOutagePhases.
var outagePhases = []struct {
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
}

// The endpoint fails in many ways and recovers, while clients send requests. No valid token may
// be rejected with 401 and no invalid token accepted, and every request must be counted.
func TestOutagePhases(t *testing.T) {
	inBubble(t, func(c *resource.Config, _ *introspect.Config) { c.Limits.CacheTTL = 10 * time.Second }, func(fx *fixture) {
		ctx, stop := context.WithCancel(fx.Context())
		run := &outageRun{fixture: fx, valid: map[int]int{}, invalid: map[int]int{}}
		var all sync.WaitGroup
		clients := 25
		if testing.Short() {
			clients = 5
		}
		for client := range clients {
			valid := fx.token(resourcetest.Token{Subject: fmt.Sprint("user-", client), Lifetime: 10 * time.Hour})
			revoked := fx.token(resourcetest.Token{})
			fx.issuer.Revoke(revoked)
			all.Go(func() { run.client(ctx, client, valid, revoked) })
		}
		working := resourcetest.Failure{Delay: 20 * time.Millisecond}
		// When the endpoint recovers, a half-open call may be hanging already, and then fail.
		recovery := 5*time.Second + 30*time.Second + time.Second
		run.phase("works", 30*time.Second, working, true)
		for _, phase := range outagePhases {
			run.phase(phase.name, time.Minute, phase.failure, false)
			run.phase("recovers", recovery, working, false)
			run.phase("works again", 10*time.Second, working, true)
		}
		stop()
		all.Wait()
		if got := fx.decisions(); got != run.total {
			fx.Errorf("the metrics count %d decisions, want %d", got, run.total)
		}
	})
}

// An outageRun counts the requests of all clients.
type outageRun struct {
	*fixture

	mu             sync.Mutex  // guards the fields below
	valid, invalid map[int]int // requests of this phase by status, with valid and with invalid tokens
	total          int         // requests of all phases
}

// client sends four requests per second until ctx ends: of five, three with the valid token, one
// with the revoked token and one with an unknown token.
func (r *outageRun) client(ctx context.Context, number int, valid, revoked string) {
	const pause = 250 * time.Millisecond
	for i := 0; ctx.Err() == nil; i++ {
		token := valid
		switch i % 5 {
		case 3:
			token = revoked
		case 4:
			token = unknownToken(rand.IntN(1_000_000))
		}
		got := r.request(token)
		if token == valid && got.status == 200 && !strings.HasSuffix(got.caller, fmt.Sprint(" sub:user-", number)) {
			r.Errorf("client %d: got caller %q", number, got.caller)
		}
		r.count(token == valid, got.status)
		time.Sleep(pause - 20*time.Millisecond + time.Duration(rand.IntN(40))*time.Millisecond)
	}
}

func (r *outageRun) count(valid bool, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total++
	if valid {
		r.valid[status]++
	} else {
		r.invalid[status]++
	}
}

// phase sets the behavior of the endpoint, waits, and checks the statuses since. If works is true,
// 503 is not allowed.
func (r *outageRun) phase(name string, duration time.Duration, behavior resourcetest.Failure, works bool) {
	r.endpointFails(behavior)
	r.mu.Lock()
	clear(r.valid)
	clear(r.invalid)
	r.mu.Unlock()
	time.Sleep(duration)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Logf("%-26s valid tokens %s, invalid tokens %s, calls %s", name, summary(r.valid), summary(r.invalid), r.outcomes())
	for status, n := range r.valid {
		if status != 200 && (status != 503 || works) {
			r.Errorf("%s: %d valid tokens got status %d", name, n, status)
		}
	}
	for status, n := range r.invalid {
		if status != 401 && (status != 503 || works) {
			r.Errorf("%s: %d invalid tokens got status %d", name, n, status)
		}
	}
	if r.valid[200] == 0 && works || len(r.invalid) == 0 {
		r.Errorf("%s: too few requests", name)
	}
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
