package jwks_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

// A world is an issuer and a resource that trusts it, in a bubble with a clock of
// its own and without sockets. The resource forgets callers at once, so that every
// request needs the keys, unless a test says otherwise.
type world struct {
	*testing.T
	issuer *resourcetest.Issuer
	door   http.Handler
}

// inWorld runs test in a bubble, which also fails if a goroutine is left behind.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	inWorldWith(t, nil, test)
}

func inWorldWith(t *testing.T, change func(*resource.Config, *jwks.Config), test func(w *world)) {
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
		test(&world{T: t, issuer: issuer, door: nethttp.Middleware(res)(ok)})
		time.Sleep(5 * time.Second) // a fetch may take that long; nothing may be left after it
	})
}

// token mints one that is issued now.
func (w *world) token() string { return w.issuer.Token(resourcetest.Token{}) }

// unknown mints one whose key id nobody has ever published.
func (w *world) unknown(n int, issued time.Time) string {
	return w.issuer.Token(resourcetest.Token{IssuedAt: issued, Header: map[string]any{"kid": fmt.Sprint("junk-", n)}})
}

// ask returns the status and how long the answer took.
func (w *world) ask(token string) (status int, took time.Duration) {
	req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	recorder := httptest.NewRecorder()
	began := time.Now()
	w.door.ServeHTTP(recorder, req)
	if status = recorder.Code; status == http.StatusServiceUnavailable {
		if after := recorder.Header().Get("Retry-After"); after == "" || after == "0" {
			w.Errorf("503 with Retry-After %q", after)
		}
	}
	return status, time.Since(began)
}

// expect asks once.
func (w *world) expect(what, token string, want int) {
	w.Helper()
	if got, _ := w.ask(token); got != want {
		w.Errorf("%s: got %d, want %d (at %s)", what, got, want, time.Now().Format("15:04:05.000"))
	}
}

// crowd asks for all tokens at once and counts the answers; slowest is how long the
// last one took.
func (w *world) crowd(tokens []string) (statuses map[int]int, slowest time.Duration) {
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

func (w *world) fetches() int { return w.issuer.Count(resourcetest.JWKS) }

// spaced fails if two requests for the keys came closer together.
func (w *world) spaced(least time.Duration) {
	w.Helper()
	times := w.issuer.Times(resourcetest.JWKS)
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); gap < least {
			w.Errorf("fetches %d and %d are %s apart, want at least %s", i, i+1, gap, least)
		}
	}
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
