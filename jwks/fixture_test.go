package jwks_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// fixture is an issuer and a resource that trusts it, in a synctest bubble and without sockets.
// The resource caches no tokens, so that every request needs the keys, unless a test changes
// that.
type fixture struct {
	*testing.T
	issuer  *resourcetest.Issuer
	handler http.Handler
}

// withFixture runs test in a bubble. The test also fails if a goroutine does not end.
func withFixture(t *testing.T, test func(w *fixture)) {
	t.Helper()
	withFixtureConfig(t, nil, test)
}

func withFixtureConfig(t *testing.T, change func(*resource.Config, *jwks.Config), test func(w *fixture)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 48 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		quiet := slog.New(slog.DiscardHandler)
		keys := jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: quiet}
		config := resource.Config{Identifier: "https://mcp.example.test/mcp", Limits: resource.Limits{CacheTTL: -1}, Logger: quiet}
		if change != nil {
			change(&config, &keys)
		}
		verifier, err := jwks.New(keys)
		if err != nil {
			t.Fatal(err)
		}
		config.Issuers = []resource.Issuer{{Verifier: verifier}}
		res, err := resource.New(config)
		if err != nil {
			t.Fatal(err)
		}
		ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
		test(&fixture{T: t, issuer: issuer, handler: nethttp.Middleware(res)(ok)})
		time.Sleep(5 * time.Second) // a fetch can take that long, but no longer
	})
}

// token returns a valid token that is issued now.
func (w *fixture) token() string { return w.issuer.Token(resourcetest.Token{}) }

// unknown returns a token with a kid that was never published.
func (w *fixture) unknown(n int, issued time.Time) string {
	return w.issuer.Token(resourcetest.Token{IssuedAt: issued, Header: map[string]any{"kid": fmt.Sprint("junk-", n)}})
}

// ask sends a request and returns the status and the time that the answer took.
func (w *fixture) ask(token string) (status int, took time.Duration) {
	req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	recorder := httptest.NewRecorder()
	began := time.Now()
	w.handler.ServeHTTP(recorder, req)
	if status = recorder.Code; status == http.StatusServiceUnavailable {
		if after := recorder.Header().Get("Retry-After"); after == "" || after == "0" {
			w.Errorf("503 with Retry-After %q", after)
		}
	}
	return status, time.Since(began)
}

// expect sends a request and compares the status.
func (w *fixture) expect(what, token string, want int) {
	w.Helper()
	if got, _ := w.ask(token); got != want {
		w.Errorf("%s: got %d, want %d (at %s)", what, got, want, time.Now().Format("15:04:05.000"))
	}
}

// crowd sends requests with all tokens at once and counts the answers. slowest is the time of
// the last one.
func (w *fixture) crowd(tokens []string) (statuses map[int]int, slowest time.Duration) {
	statuses = map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, token := range tokens {
		all.Go(func() {
			status, took := w.ask(token)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
			slowest = max(slowest, took)
		})
	}
	all.Wait()
	return statuses, slowest
}

func (w *fixture) fetches() int { return w.issuer.Count(resourcetest.JWKS) }

// budgeted fails if there were more requests for the keys than the budget for unknown keys and
// the schedule permit: three at once, and one more each 5 s.
func (w *fixture) budgeted() {
	w.Helper()
	times := w.issuer.Times(resourcetest.JWKS)
	for i := range times {
		for j := i; j < len(times); j++ {
			span := times[j].Sub(times[i])
			if n, most := j-i+1, 3+int(span/(5*time.Second))+1; n > most {
				w.Errorf("%d fetches within %s, want at most %d", n, span, most)
				return
			}
		}
	}
}

// askForRetry returns the status and the seconds of Retry-After.
func (w *fixture) askForRetry(token string) (status, after int) {
	req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, req)
	after, _ = strconv.Atoi(recorder.Header().Get("Retry-After"))
	return recorder.Code, after
}

func repeat(n int, token func(i int) string) (tokens []string) {
	for i := range n {
		tokens = append(tokens, token(i))
	}
	return tokens
}

func summary(statuses map[int]int) string {
	var parts []string
	for _, status := range []int{200, 401, 403, 500, 503} {
		if n := statuses[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d×%d", n, status))
		}
	}
	return strings.Join(parts, " ")
}

// spaced fails if two requests for the keys are closer together.
func (w *fixture) spaced(least time.Duration) {
	w.Helper()
	times := w.issuer.Times(resourcetest.JWKS)
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); gap < least {
			w.Errorf("fetches %d and %d are %s apart, want at least %s", i, i+1, gap, least)
		}
	}
}
