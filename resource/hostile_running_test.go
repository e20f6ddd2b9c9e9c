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

// Section 11, second part. hostileCancelled: a client that leaves is not remembered, and nothing waits on.
func hostileCancelled(h *hostile) {
	f := newFixture(h.T, nil)
	f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Hang: true})
	tok := f.token(resourcetest.Token{})
	ctx, cancel := context.WithTimeout(h.Context(), time.Second)
	defer cancel()
	req := httptest.NewRequest("POST", identifier, nil).WithContext(ctx)
	req.Header.Set("Authorization", "Bearer "+tok)
	began := time.Now()
	h.expect("268 client left while keys were fetched", f.send(req), unavailable)
	h.expect("268 and was let go at once", time.Since(began), time.Second)
	f.issuer.Reset()
	time.Sleep(5 * time.Second)
	h.expect("268 the next is served", f.bearer(tok), accepted)
}

// hostileParallel: bad signatures cost processor time and nothing else.
func hostileParallel(h *hostile) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Algorithms: []string{"RS256"}})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(issuer.Close)
	f := warm(newFixtureWith(h.T, issuer, nil))
	bad := f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})
	var mu sync.Mutex
	answers := map[answer]int{}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			for j := range 100 {
				got := f.bearer(flip(bad, len(bad)-10-(i+j)%200))
				mu.Lock()
				answers[got]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	h.expect("269 10,000 bad signatures at once", answers, map[answer]int{invalid: 10_000})
	h.expect("269 fetches", issuer.Count(resourcetest.JWKS), 1)
	h.expect("269 a good one after them", f.bearer(f.token(resourcetest.Token{})), accepted)
}

// heapAfter is how much more lives after run than before.
func heapAfter(run func()) int64 {
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

// hostileBounded: unique tokens, all good, more than fit.
func hostileBounded(h *hostile) {
	const limit = 4 << 20
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Limits.CacheBytes = limit
		c.Issuers[0].Verifier = voucher{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return t.Claims(), nil }}
	})
	pad := strings.Repeat("x", 6000)
	zeros := func([]byte) []byte { return make([]byte, 64) }
	grown := heapAfter(func() {
		for i := range 5000 {
			header, payload := fmt.Sprintf(`{"alg":"ES256","kid":"%d"}`, i), f.goodPayload()+`,"pad":"`+pad+`"}`
			input := b64([]byte(header)) + "." + b64([]byte(payload))
			if got := f.bearer(input + "." + b64(zeros(nil))); got != accepted {
				h.Fatalf("token was not accepted: %+v", got)
			}
			f.log.take()
		}
	})
	if grown > 2*limit {
		h.Errorf("heap grew by %d bytes", grown)
	}
	h.expect("270 memory after 5,000 tokens of 8 KB, 4 MiB allowed", grown <= 2*limit, true)
	runtime.KeepAlive(f)
}

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
	h.expect("271 the same token while a handler is slow", f.bearer(tok), accepted)
	h.expect("271 another token meanwhile", f.bearer(f.token(resourcetest.Token{})), accepted)
	h.expect("271 a bad one meanwhile", f.bearer(tok+"x"), invalid)
	leave <- true
	group.Wait()
}

// hostileGoroutines: there is nothing to close, since nothing goes on by itself.
func hostileGoroutines(h *hostile) {
	f := h.fixture(nil)
	synctest.Wait()
	before := inThisBubble()
	for range 20 {
		f.bearer(f.token(resourcetest.Token{}))
		f.bearer(f.param("kid", `"x"`))
		time.Sleep(10 * time.Minute)
		f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Hang: true, Next: 1})
	}
	synctest.Wait()
	h.expect("273 goroutines after three hours: as many as before", inThisBubble() == before && before > 0, true)
}

var bubble = regexp.MustCompile(`synctest bubble \d+\]`)

// inThisBubble counts the goroutines of the bubble that the caller is in. What tests before
// left behind, such as a timer that goes off now, is not among them.
func inThisBubble() int {
	own, all := make([]byte, 1<<10), make([]byte, 16<<20)
	own, all = own[:runtime.Stack(own, false)], all[:runtime.Stack(all, true)]
	return bytes.Count(all, bubble.Find(own))
}

// hostileFunctions: a function of the configuration that panics refuses.
func hostileFunctions(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Revoked = func(context.Context, *resource.Caller) bool { panic("revoked") }
	})
	h.expect("274 Revoked panics", f.bearer(f.token(resourcetest.Token{})), failed)

	f = h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = voucher{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			claims := *t.Claims()
			claims.StillValid = func(time.Time) bool { panic("live") }
			return &claims, nil
		}}
	})
	tok := f.token(resourcetest.Token{})
	h.expect("274 Live is not asked the first time", f.bearer(tok), accepted)
	h.expect("274 Live panics", f.bearer(tok), failed)
}

// hostileNothing: what was not made by New refuses everything.
func hostileNothing(h *hostile) {
	reached := false
	inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })
	good, unmade := h.fixture(nil), new(resource.Resource)
	for name, res := range map[string]*resource.Resource{"275 zero Resource": unmade, "275 nil Resource": nil} {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+good.token(resourcetest.Token{}))
		h.expect(name, replyOf(nethttp.Middleware(res)(inner), req), refusal(failed))
		got := fmt.Sprint(panicOf(func() { nethttp.Require(res, "a") }))
		h.expect(name+": Require does not get as far as a request", got, "resource: requirement: the resource was not made by New")
	}
	h.expect("275 and nothing got through", reached, false)
	for _, path := range []string{"/", "/mcp", "/public", "/health", "/static/x.css", "/.well-known/oauth-protected-resource"} {
		req := httptest.NewRequest("GET", path, nil)
		h.expect("276 nothing is left out: "+path, replyOf(nethttp.Middleware(good.res)(inner), req), refusal(bare))
	}
}

// hostileWriter: the inner handler streams as without us.
func hostileWriter(h *hostile) {
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
	h.expect("277 flusher, hijacker and controls of the server's own writer", <-got, []bool{true, true, true, true, true})
}

// hostileClock: a clock that was never set, and one beyond 32 bits.
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
	h.walk(f, []tokenRow{
		{"278 a token of 2026, the clock says 2000", dates(at(2026), at(2026)+300), invalid, whyEarly},
		{"278 the same without iat", dates(0, at(2026)+300), invalid, whyLife},
	})
	const end = 1 << 31 // 2038-01-19 03:14:08
	time.Sleep(time.Until(time.Unix(end-100, 0)))
	f.bearer(dates(end-200, end)) // after decades: old keys, and a fetch
	h.walk(f, []tokenRow{
		{"280 exp is the last second of 31 bits", dates(end-200, end-1), accepted, ""},
		{"280 exp is the first beyond", dates(end-200, end), accepted, ""},
		{"280 exp well beyond", dates(end-200, end+3600), accepted, ""},
		{"280 exp that 32 bits cut to a good one", dates(end-200, end+1<<32), invalid, whyLife},
		{"280 exp that 64 bits cut to a good one", f.claim("exp", "18446744075856952320"), invalid, whyForm},
		{"280 iat that 32 bits make negative", dates(end+10, end+3600), invalid, whyEarly},
	})
	remembered := dates(end-200, end)
	h.expect("280 before the end of 31 bits", f.bearer(remembered), accepted)
	time.Sleep(100*time.Second + 30*time.Second - 1)
	h.expect("280 behind it, within the leeway", f.bearer(remembered), accepted)
	time.Sleep(1)
	h.expect("280 over", f.bearer(remembered), expired)
	h.expect("280 a new one, all its times beyond", f.bearer(dates(end+1, end+3600)), accepted)
}

// hostileFIPS runs with nothing but approved algorithms allowed.
func hostileFIPS(h *hostile) {
	h.expect("279 TestSmoke with GODEBUG=fips140=only", h.again("TestSmoke", "GODEBUG=fips140=only"), "")
}

// again runs one test of this program in a process of its own, for what concerns the
// whole process, and returns "" or what it printed when it failed.
func (h *hostile) again(test string, env ...string) string {
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
