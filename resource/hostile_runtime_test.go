package resource_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// hostileCanceledRequest covers the second part of section 11 of the list, together with the
// functions below. It tests that a canceled request ends at once and is not cached.
func hostileCanceledRequest(h *hostile) {
	f := newFixture(h.T, nil)
	f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Hang: true})
	tok := f.token(resourcetest.Token{})
	ctx, cancel := context.WithTimeout(h.Context(), time.Second)
	defer cancel()
	req := httptest.NewRequest("POST", identifier, nil).WithContext(ctx)
	req.Header.Set("Authorization", "Bearer "+tok)
	began := time.Now()
	h.expect("268 the client canceled while keys were fetched", f.send(req), unavailable)
	h.expect("268 the request ended at once", time.Since(began), time.Second)
	f.issuer.Reset()
	time.Sleep(5 * time.Second)
	h.expect("268 the next request is accepted", f.bearer(tok), accepted)
}

// hostileInvalidSignatures tests that invalid signatures cause no fetches and do not affect other tokens.
func hostileInvalidSignatures(h *hostile) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Algorithms: []string{"RS256"}})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(issuer.Close)
	f := withLoadedKeys(newFixtureWith(h.T, issuer, nil))
	f.unexplained = true // the test sends many requests
	forged := f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})
	var mu sync.Mutex
	answers := map[answer]int{}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			for j := range 100 {
				got := f.bearer(flip(forged, len(forged)-10-(i+j)%200))
				mu.Lock()
				answers[got]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	h.expect("269 10,000 concurrent invalid signatures", answers, map[answer]int{invalid: 10_000})
	h.expect("269 number of fetches", issuer.Count(resourcetest.JWKS), 1)
	h.expect("269 valid token after them", f.bearer(f.token(resourcetest.Token{})), accepted)
}

// heapGrowth returns how many more bytes are live after run than before.
func heapGrowth(run func()) int64 {
	measure := func() int64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := measure()
	run()
	return measure() - before
}

// hostileCacheMemory tests the memory of the cache after more valid tokens than fit into it.
func hostileCacheMemory(h *hostile) {
	const limit = 4 << 20
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Limits.CacheBytes = limit
		c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return t.Claims(), nil }}
	})
	f.unexplained = true // the test sends many requests
	pad := strings.Repeat("x", 6000)
	zeros := func([]byte) []byte { return make([]byte, 64) }
	grown := heapGrowth(func() {
		for i := range 5000 {
			header, payload := fmt.Sprintf(`{"alg":"ES256","kid":"%d"}`, i), f.validPayload()+`,"pad":"`+pad+`"}`
			input := b64([]byte(header)) + "." + b64([]byte(payload))
			if got := f.bearer(input + "." + b64(zeros(nil))); got != accepted {
				h.Fatalf("token was not accepted: %+v", got)
			}
			f.log.take()
		}
	})
	if grown > 2*limit {
		h.Errorf("the heap grew by %d bytes, CacheBytes is %d", grown, limit)
	}
	h.expect("270 heap after 5,000 tokens of 8 KB, CacheBytes of 4 MiB", grown <= 2*limit, true)
	runtime.KeepAlive(f)
}

// hostileSlowHandler tests that a slow handler does not block other requests.
func hostileSlowHandler(h *hostile) {
	f := h.fixture(nil)
	inside, leave := make(chan bool), make(chan bool)
	slow := nethttp.Middleware(f.res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside <- true; <-leave }))
	tok := f.token(resourcetest.Token{})
	var group sync.WaitGroup
	group.Go(func() {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+tok)
		slow.ServeHTTP(httptest.NewRecorder(), req)
	})
	<-inside
	h.expect("271 the same token while a handler is running", f.bearer(tok), accepted)
	h.expect("271 another token while a handler is running", f.bearer(f.token(resourcetest.Token{})), accepted)
	h.expect("271 invalid token while a handler is running", f.bearer(tok+"x"), invalid)
	leave <- true
	group.Wait()
}

// hostileReplace replaces the configuration while requests run. Each request is decided by one of
// the two configurations. The race detector checks it too. TestReloadsUnderLoad in resource/config
// does the same with a configuration file.
func hostileReplace(h *hostile) {
	var verifier resource.Verifier
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		keys, err := jwks.New(*k)
		if err != nil {
			h.Fatal(err)
		}
		verifier, c.Issuers[0].Verifier, c.Scopes = keys, keys, []string{"a"}
	})
	f.unexplained = true // another decision can follow at once
	replace := func(scope string) {
		next, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Scopes: []string{scope}})
		if err != nil {
			h.Fatal(err)
		}
		if err := f.res.Replace(next); err != nil {
			h.Fatal(err)
		}
	}
	tok, forged := f.token(resourcetest.Token{Scope: "a"}), f.token(resourcetest.Token{Scope: "a", Fault: resourcetest.WrongSignature})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if got := f.bearer(tok); got != accepted && got != lacking("b") {
					h.Errorf("an answer of neither configuration: %+v", got)
				}
				if got := f.bearer(forged); got != withScopeHint(invalid, "a") && got != withScopeHint(invalid, "b") {
					h.Errorf("an answer of neither configuration: %+v", got)
				}
			}
		})
	}
	for range 50 {
		replace("b")
		replace("a")
	}
	group.Wait()
	h.expect("272 after concurrent replacements, the last one requires a", f.bearer(tok), accepted)
	replace("b")
	h.expect("272 replaced by a configuration that requires b", f.bearer(tok), lacking("b"))
	h.expect("272 replaced by a configuration that requires b, invalid signature", f.bearer(forged), withScopeHint(invalid, "b"))
}

// hostileGoroutines tests that no goroutine stays, so that there is nothing to close.
func hostileGoroutines(h *hostile) {
	f := h.fixture(nil)
	synctest.Wait()
	before := bubbleGoroutines()
	for range 20 {
		f.bearer(f.token(resourcetest.Token{}))
		f.bearer(f.param("kid", `"x"`))
		time.Sleep(10 * time.Minute)
		f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Hang: true, Next: 1})
	}
	synctest.Wait()
	h.expect("273 the number of goroutines is the same after three hours", bubbleGoroutines() == before && before > 0, true)
}

var bubble = regexp.MustCompile(`synctest bubble \d+\]`)

// bubbleGoroutines counts the goroutines of the caller's synctest bubble. It does not count those
// that other tests left behind, such as a timer that fires now.
func bubbleGoroutines() int {
	own, all := make([]byte, 1<<10), make([]byte, 16<<20)
	own, all = own[:runtime.Stack(own, false)], all[:runtime.Stack(all, true)]
	return bytes.Count(all, bubble.Find(own))
}

// hostileHookPanics tests that a panic in a function of the configuration rejects the request.
func hostileHookPanics(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { panic("revoked") })
	})
	h.expect("274 Revoked panics", f.bearer(f.token(resourcetest.Token{})), failed)

	f = h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			claims := *t.Claims()
			claims.StillValid = func(time.Time) bool { panic("still valid") }
			return &claims, nil
		}}
	})
	f.unexplained = true // it does not use the cache, and so does not call StillValid
	tok := f.token(resourcetest.Token{})
	h.expect("274 StillValid is not called for the first request", f.bearer(tok), accepted)
	h.expect("274 StillValid panics", f.bearer(tok), failed)
}

// hostileZeroResource tests that a Resource that was not made by New rejects everything.
func hostileZeroResource(h *hostile) {
	reached := false
	inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })
	f, unmade := h.fixture(nil), new(resource.Resource)
	for name, res := range map[string]*resource.Resource{"275 zero Resource": unmade, "275 nil Resource": nil} {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
		h.expect(name, replyOf(nethttp.Middleware(res)(inner), req), rejectionReply(failed))
		got := fmt.Sprint(recovered(func() { nethttp.Require(res, "a") }))
		h.expect(name+": Require panics at construction", got, "resource: requirement: the resource was not made by New")
	}
	h.expect("275 the handler was not reached", reached, false)
	for _, path := range []string{"/", "/mcp", "/public", "/health", "/static/x.css", "/.well-known/oauth-protected-resource"} {
		req := httptest.NewRequest("GET", path, nil)
		h.expect("276 no path is public: "+path, replyOf(nethttp.Middleware(f.res)(inner), req), rejectionReply(noCredentials))
	}
}

// hostileResponseWriter tests that the inner handler can stream as it can without the middleware.
func hostileResponseWriter(h *hostile) {
	f := h.fixture(nil)
	got := make(chan []bool, 1)
	server := httptest.NewServer(nethttp.Handler(f.res, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		control := http.NewResponseController(w)
		got <- []bool{flusher, hijacker, control.Flush() == nil, control.SetWriteDeadline(time.Time{}) == nil, control.EnableFullDuplex() == nil}
	})))
	h.Cleanup(server.Close)
	req, _ := http.NewRequestWithContext(h.Context(), "GET", server.URL+"/mcp", nil)
	req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
	resp, err := server.Client().Do(req)
	if err != nil {
		h.Fatal(err)
	}
	resp.Body.Close()
	h.expect("277 Flusher, Hijacker and the controls of the server's ResponseWriter", <-got, []bool{true, true, true, true, true})
}

// hostileClock covers a clock that was not set, and times beyond 32 bits.
func hostileClock(h *hostile) {
	f := h.fixture(nil)
	at := func(year int) int64 { return time.Date(year, 11, 20, 0, 0, 0, 0, time.UTC).Unix() }
	dates := func(iat, exp int64) string {
		claims := map[string]any{"iat": iat, "exp": exp}
		if iat == 0 {
			claims["iat"] = resourcetest.Remove
		}
		return f.token(resourcetest.Token{Claims: claims})
	}
	h.checkTokens(f, []tokenRow{
		{"278 token of 2026, the clock is in 2000", dates(at(2026), at(2026)+300), invalid, reasonNotYetValid},
		{"278 token of 2026 without iat, the clock is in 2000", dates(0, at(2026)+300), invalid, reasonLifetime},
	})
	const end = 1 << 31 // 2038-01-19 03:14:08
	time.Sleep(time.Until(time.Unix(end-100, 0)))
	f.bearer(dates(end-200, end)) // the keys are decades old, so this fetches them
	h.checkTokens(f, []tokenRow{
		{"280 exp is the last second that fits into 31 bits", dates(end-200, end-1), accepted, ""},
		{"280 exp is the first second after it", dates(end-200, end), accepted, ""},
		{"280 exp is one hour after it", dates(end-200, end+3600), accepted, ""},
		{"280 exp that is valid if truncated to 32 bits", dates(end-200, end+1<<32), invalid, reasonLifetime},
		{"280 exp that is valid if truncated to 64 bits", f.claim("exp", "18446744075856952320"), invalid, reasonMalformed},
		{"280 iat that is negative in 32 bits", dates(end+10, end+3600), invalid, reasonNotYetValid},
	})
	cached := dates(end-200, end)
	h.expect("280 token before the end of 31 bits", f.bearer(cached), accepted)
	time.Sleep(100*time.Second + 30*time.Second - 1)
	h.expect("280 cached token after the end of 31 bits, within the leeway", f.bearer(cached), accepted)
	time.Sleep(1)
	h.expect("280 cached token after the leeway", f.bearer(cached), expired)
	h.expect("280 new token, all times after the end of 31 bits", f.bearer(dates(end+1, end+3600)), accepted)
}

// hostileFIPS runs a test in a process in which only approved algorithms are allowed.
func hostileFIPS(h *hostile) {
	h.expect("279 TestSmoke with GODEBUG=fips140=only", h.runInProcess("TestSmoke", "GODEBUG=fips140=only"), "")
}

// runInProcess runs one test of this program in a separate process, because it affects the whole
// process. It returns "" if the test passes, otherwise what it printed.
func (h *hostile) runInProcess(test string, env ...string) string {
	h.Helper()
	self, err := os.Executable()
	if err != nil {
		h.Fatal(err)
	}
	cmd := exec.CommandContext(h.Context(), self, "-test.run=^"+test+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), env...)
	text, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%v\n%s", err, text)
}
