package resource_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

// hostileLog is section 11.
func hostileLog(h *hostile) {
	hostileLabels(h)
	hostileInjection(h)
	hostilePrinted(h)
	hostileErrors(h)
	h.bubble(hostileCancelled)
	h.bubble(hostileParallel)
	hostileBounded(h)
	hostileSlowHandler(h)
	h.bubble(hostileGoroutines)
	hostileFunctions(h)
	hostileNothing(h)
	hostileWriter(h)
	h.bubble(hostileClock)
	hostileFIPS(h)
}

// hostileLabels: what a client says never makes a series.
func hostileLabels(h *hostile) {
	f := h.fixture(nil)
	zeros := func([]byte) []byte { return make([]byte, 64) }
	series := func() int { return strings.Count(f.metrics(), "\n") }
	before := series()
	for i := range 10_000 {
		f.bearer(f.forge("ES256", fmt.Sprint("kid-", i), zeros))
	}
	for i := range 300 {
		text := fmt.Sprint("x", i)
		for _, token := range []string{f.claim("iss", quoted(text)), f.claim("sub", quoted(text)), f.claim("aud", quoted(text)), f.param("alg", quoted(text)), f.param("typ", quoted(text)), f.claim("client_id", quoted(text)), text} {
			f.bearer(token)
		}
	}
	h.expect("263 series after 10,000 kids and 300 of everything else", series(), before)
}

// hostileInjection: a record for each refusal, short and printable.
func hostileInjection(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"read"} })
	long := strings.Repeat("\u00e9", 5000)
	for name, text := range map[string]string{
		"line breaks": "a\r\nlevel=ERROR\u0085\u2028\u2029", "ANSI": "\x1b[2J\x1b]0;x\x07\u009b31m", "NUL": "\x00", "bidi": "\u202e\u2066\u200f",
		"invisible": "\u200b\u00ad\ufeff\U000e0041", "length": long, "half a character at the cut": "x" + long, "JSON": `","reason":"none","x":"`,
	} {
		for _, token := range []string{
			f.claim("iss", quoted(text)), f.claim("aud", quoted(text)), f.claim("sub", quoted(text)), f.claim("scope", quoted(text)),
			f.claim("client_id", quoted(text)), f.claim("jti", quoted(text)), f.param("typ", quoted(text)), f.param("kid", quoted(text)), f.param("alg", quoted(text)),
		} {
			f.bearer(token)
		}
		written := f.log.take()
		bad := strings.ContainsFunc(strings.ReplaceAll(written, "\n", ""), func(c rune) bool { return c < ' ' || c > '~' && c != '\u00e9' && c != '§' })
		h.expect("264 "+name+": nothing but printable text", bad || regexp.MustCompile(`\\[^"\\]`).MatchString(written), false)
		var longest int
		for line := range strings.Lines(written) {
			record := map[string]any{}
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				h.Errorf("264 %s: %v: %s", name, err, line)
			}
			for _, value := range record {
				longest = max(longest, len(fmt.Sprint(value)))
			}
		}
		h.expect("264 "+name+": nothing long", longest <= 260, true)
		h.expect("264 "+name+": a record each", strings.Count(written, "\n"), 9)
	}

	var caller *resource.Caller
	f = h.fixture(nil)
	f.inner = keepCaller(&caller)
	f.bearer(f.claim("sub", quoted("a\r\nlevel=ERROR\x1b[2J")))
	out := new(journal)
	slog.New(slog.NewTextHandler(out, nil)).Info("x", "caller", caller)
	h.expect("264 a caller in a log", strings.Count(out.take(), "\n"), 1)
	h.expect("264 a caller printed, its sub with line breaks", strings.ContainsAny(fmt.Sprintf("%v %+v %s", caller, caller, caller), "\r\n\x1b"), false)
}

// hostilePrinted prints all that there is to print, in every way, and looks for the
// token in it.
func hostilePrinted(h *hostile) {
	var seen *resource.Token
	var jws any
	var config resource.Config
	var keys jwks.Config
	var out bytes.Buffer
	printed := func(name string, token string, values ...any) {
		out.Reset()
		logger := slog.New(slog.NewJSONHandler(&out, nil))
		for _, v := range values {
			fmt.Fprintf(&out, "%v|%+v|%#v|%s|%q|%x|%d\n", v, v, v, v, v, v, v)
			logger.Info("x", "v", v)
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
			text, err := json.Marshal(v)
			fmt.Fprintln(&out, string(text), err)
			if err, ok := v.(error); ok {
				for ; err != nil; err = errors.Unwrap(err) {
					fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
				}
			}
		}
		text, found := out.String(), false
		for _, part := range append(strings.Split(token, "."), token) {
			found = found || strings.Contains(text, part) || strings.Contains(text, fmt.Sprintf("%x", part)) || strings.Contains(text, standard(part))
		}
		h.expect(name, found, false)
	}
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		verifier, err := jwks.New(*k)
		if err != nil {
			h.Fatal(err)
		}
		c.Issuers[0].Verifier = voucher{k.Issuer, func(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
			seen, jws = t, t.JWS()
			return verifier.Verify(ctx, t)
		}}
		config, keys = *c, *k
	})
	keys.Transport = nil // of the test: the issuer behind it knows the tokens that it issued
	req := httptest.NewRequest("POST", identifier, nil)
	good, bad := f.token(resourcetest.Token{}), f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})
	req.Header.Set("Authorization", "Bearer "+good)
	decision, refused := f.res.Authenticate(req)
	if refused != nil {
		h.Fatal(refused.Err)
	}
	printed("264 the token that a verifier gets, printed", good, seen, *seen, []*resource.Token{seen}, struct{ T *resource.Token }{seen})
	printed("264 the claims of it, printed", good, seen.Claims(), *seen.Claims())
	printed("264 the JWS of it, printed", good, jws)
	printed("264 decision, printed", good, decision, decision.Caller, decision.Request, decision.Request.Header, decision.Request.Context())
	printed("264 resource and configuration, printed", good, f.res, config, keys, config.Issuers[0])
	req.Header.Set("Authorization", "Bearer "+bad)
	_, refused = f.res.Authenticate(req)
	printed("264 refusal, printed", bad, refused, *refused, refused.Err)
	req.Header.Set("Authorization", "Bearer "+good+"=")
	_, refused = f.res.Authenticate(req)
	printed("264 refusal of a malformed token, printed", good, refused, *refused, refused.Err)
	req.Header.Set("Authorization", "Bearer "+good+" x")
	_, refused = f.res.Authenticate(req)
	printed("264 refusal of a malformed header, printed", good, refused, *refused, refused.Err)
	h.noTrace("264 the log of all that", good, f.log.take())
}

// hostileErrors: a client never reads what a library or an upstream said.
func hostileErrors(h *hostile) {
	const secret = "dial tcp 10.0.0.7:443: password=hunter2"
	var verify func(t *resource.Token) error
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = voucher{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return nil, verify(t) }}
	})
	tok := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name   string
		verify func(*resource.Token) error
		want   answer
	}{
		{"265 an error of another library", func(*resource.Token) error { return errors.New(secret) }, invalid},
		{"265 unavailable", func(*resource.Token) error {
			return &resource.Error{Reason: resource.ReasonVerifierUnavailable, Err: errors.New(secret)}
		}, unavailable},
		{"265 inactive", func(*resource.Token) error {
			return &resource.Error{Reason: resource.ReasonInactive, Err: errors.New(secret)}
		}, invalid},
		{"265 expired, by the verifier", func(*resource.Token) error {
			return &resource.Error{Reason: resource.ReasonExpired, Err: errors.New(secret)}
		}, expired},
		{"265 a reason that is no verifier's", func(*resource.Token) error {
			return &resource.Error{Reason: resource.ReasonInsufficientScope, Err: errors.New(secret)}
		}, failed},
		{"265 a reason that is none", func(*resource.Token) error { return &resource.Error{Reason: "x"} }, failed},
		{"265 neither claims nor an error", func(*resource.Token) error { return nil }, failed},
		{"265 deadline", func(*resource.Token) error { return fmt.Errorf("%s: %w", secret, context.DeadlineExceeded) }, unavailable},
	} {
		verify = row.verify
		h.expect(row.name, f.bearer(tok), row.want)
	}
	for name, value := range map[string]func(*resource.Token) any{
		"274 panic with the token":             func(t *resource.Token) any { return t.Raw() },
		"274 panic with an error of the token": func(t *resource.Token) any { return errors.New(t.Raw()) },
		"274 panic with nil":                   func(*resource.Token) any { return nil },
		"274 panic as net/http's abort":        func(*resource.Token) any { return http.ErrAbortHandler },
	} {
		verify = func(t *resource.Token) error { panic(value(t)) }
		f.log.take()
		h.expect(name, f.bearer(tok), failed)
		h.noTrace(name, tok, f.log.take())
	}

	plain := h.fixture(nil)
	handler := nethttp.Middleware(plain.res)(http.HandlerFunc(noContent))
	ask := func(token string) reply {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		return replyOf(handler, req)
	}
	for name, token := range map[string]string{
		"267 unknown kid": plain.param("kid", `"x"`), "267 bad signature": plain.token(resourcetest.Token{Fault: resourcetest.WrongSignature}),
		"267 alg none": plain.param("alg", `"none"`), "267 unknown issuer": plain.claim("iss", `"x"`), "267 no JWT": "x",
	} {
		h.expect(name+": one answer for all, header and all", ask(token), refusal(invalid))
	}
}

// hostileCancelled: a client that leaves is not remembered, and nothing waits on.
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
		c.MemoryBytes = limit
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
	before := runtime.NumGoroutine()
	for range 20 {
		f.bearer(f.token(resourcetest.Token{}))
		f.bearer(f.param("kid", `"x"`))
		time.Sleep(10 * time.Minute)
		f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Hang: true, Next: 1})
	}
	synctest.Wait()
	h.expect("273 goroutines after three hours", runtime.NumGoroutine(), before)
}

// hostileFunctions: a function of the configuration that panics refuses.
func hostileFunctions(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Revoked = func(context.Context, *resource.Caller) bool { panic("revoked") }
	})
	h.expect("274 Revoked panics", f.bearer(f.token(resourcetest.Token{})), failed)

	f = h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = voucher{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			claims := *t.Claims()
			claims.Live = func(time.Time) bool { panic("live") }
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
		h.expect(name+": Require does not get as far as a request", got, "resource: requirement: resource was not made by New")
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
