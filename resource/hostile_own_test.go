package resource_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The rows with "own" and a number are not in the list. They come from a review of this module's
// code from the point of view of an attacker.

// ownHeader covers the Authorization header as a handler gets it.
func ownHeader(h *hostile) {
	f := h.fixture(nil)
	tok := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name  string
		lines []string
		want  answer
	}{
		{"own 1 space before the scheme, which HTTP/2 can contain", []string{" Bearer " + tok}, noCredentials},
		{"own 2 space after the token", []string{"Bearer " + tok + " "}, malformed},
		{"own 3 no-break space instead of the space", []string{"Bearer\u00a0" + tok}, noCredentials},
		{"own 3 vertical tab instead of the space", []string{"Bearer\v" + tok}, noCredentials},
		{"own 4 Cyrillic letter in the scheme", []string{"\u0412EARER " + tok}, noCredentials},
		{"own 4 scheme with a combining mark", []string{"Bearer\u0301 " + tok}, noCredentials},
		{"own 5 every kind of character in b64token (RFC 6750 §2.1)", []string{"Bearer aZ09-._~+/=="}, invalid},
		{"own 6 only equals signs, which is not a b64token", []string{"Bearer ===="}, invalid},
		{"own 7 equals sign in the middle, which is not a b64token", []string{"Bearer a=b"}, invalid},
		{"own 8 100,000 spaces before the token: 1*SP", []string{"Bearer" + strings.Repeat(" ", 100_000) + tok}, accepted},
		{"own 9 header field without lines", []string{}, noCredentials},
		{"own 10 three empty lines", []string{"", "", ""}, malformed},
	} {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header["Authorization"] = row.lines
		h.expect(row.name, f.send(req), row.want)
	}
	req := httptest.NewRequest("POST", identifier, nil)
	req.Header["authorization"] = []string{"Bearer " + tok}
	h.expect("own 11 field name that is not canonical, which only a program can set: not read", f.send(req), noCredentials)

	h.expect("own 11 request without header", f.send(new(http.Request)), noCredentials)

	h.expect("own 12 valid token with the maximum length", f.bearer(f.tokenOfSize(16<<10)), accepted)
	h.expect("own 12 valid token one byte longer than the maximum", f.bearer(f.tokenOfSize(16<<10+1)), invalid)
	largeLimit := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Limits.MaxTokenBytes = maxTokenBytesLimit })
	h.expect("own 13 the same length with a larger maximum", largeLimit.bearer(largeLimit.tokenOfSize(16<<10+1)), accepted)
	h.expect("own 13 200 KB of claims with a larger maximum", largeLimit.bearer(largeLimit.claim("x", quoted(strings.Repeat("x", 150_000)))), accepted)
}

// tokenOfSize mints a valid token of exactly size bytes.
func (f *fixture) tokenOfSize(size int) string {
	for extra := range 8 { // some lengths are impossible in base64url for a given header
		for pad := size*3/4 - 700; ; pad++ {
			token := f.signed(f.validHeader()+`,"y":"`+strings.Repeat("y", extra)+`"}`, f.validPayload()+`,"x":"`+strings.Repeat("x", pad)+`"}`)
			if len(token) == size {
				return token
			}
			if len(token) > size {
				break
			}
		}
	}
	panic("no token of that length")
}

// ownWire covers what depends on the HTTP connection.
func ownWire(h *hostile) {
	f := h.fixture(nil)
	w := h.wire(f)
	tok := f.token(resourcetest.Token{})
	valid := field{"authorization", "Bearer " + tok}
	for _, row := range []struct {
		name   string
		fields []field
		want   answer
	}{
		{"own 14 HTTP/2: space before the value (RFC 9113 §8.2.1)", http2Fields(field{"authorization", " Bearer " + tok}), noCredentials},
		{"own 14 HTTP/2: space after the value", http2Fields(field{"authorization", "Bearer " + tok + " "}), malformed},
		{"own 14 HTTP/2: tab after the value", http2Fields(field{"authorization", "Bearer " + tok + "\t"}), malformed},
		{"own 15 HTTP/2: the field before the pseudo-headers (RFC 9113 §8.3)", append([]field{valid}, http2Fields()...), reset},
		{"own 16 HTTP/2: name with a colon", http2Fields(field{"authorization:", "Bearer " + tok}), reset},
		{"own 16 HTTP/2: name with a space", http2Fields(field{"authorization ", "Bearer " + tok}), reset},
		{"own 16 HTTP/2: empty name", http2Fields(field{"", "Bearer " + tok}), reset},
		{"own 17 HTTP/2: connection-specific field", http2Fields(valid, field{"connection", "authorization"}), byServer},
		{"own 18 HTTP/2: value in UTF-8", http2Fields(field{"authorization", "Bearer " + tok + "\u00e9"}), malformed},
		{"own 19 HTTP/2: two credentials in one field, as a proxy joins them", http2Fields(field{"authorization", "Bearer " + tok + "\x2c Bearer " + tok}), malformed},
		{"own 20 HTTP/2: 100 other fields", append(http2Fields(valid), manyFields(100)...), accepted},
		{"own 21 HTTP/2: empty field, then a valid one", http2Fields(field{"authorization", ""}, valid), malformed},
	} {
		h.expect(row.name, w.frames(row.fields), row.want)
	}
	ownTwoStreams(h, w, tok)
	for _, row := range []struct {
		name string
		text string
		want answer
	}{
		{"own 23 Connection names Authorization (RFC 9110 §7.6.1: for a proxy)", http1Request("Connection: Authorization", "Authorization: Bearer "+tok), accepted},
		{"own 24 OPTIONS * is answered by net/http and reaches no handler", "OPTIONS * HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n", answer{status: 200}},
		{"own 25 upgrade to h2c", http1Request("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"), noCredentials},
		{"own 26 HTTP/1.0 with a token", "GET /mcp HTTP/1.0\r\nAuthorization: Bearer " + tok + "\r\n\r\n", accepted},
		{"own 27 both Content-Length and Transfer-Encoding", "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET", noCredentials},
		{"own 28 empty header name", "GET /mcp HTTP/1.1\r\nHost: a\r\n: Bearer x\r\n\r\n", answer{status: 400}},
	} {
		h.expect(row.name, w.raw(row.text), row.want)
	}

	// A rejection does not wait for the body: the answer arrives before the client sends it.
	conn := w.dial()
	io.WriteString(conn, "POST /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	h.expect("own 29 rejected instead of 100 Continue", w.read(bufio.NewReader(conn), false), invalid)
	conn = w.dial()
	io.WriteString(conn, "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
	h.expect("own 29 rejected before a long body was received", w.read(bufio.NewReader(conn), false), noCredentials)
}

func manyFields(n int) (out []field) {
	for i := range n {
		out = append(out, field{"x-" + strconv.Itoa(i), "y"})
	}
	return out
}

// ownTwoStreams uses the HTTP client of net/http, with one connection for all requests.
func ownTwoStreams(h *hostile, w *wire, tok string) {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	ask := func(method string, authorization ...string) answer {
		req, err := http.NewRequestWithContext(h.Context(), method, w.server.URL+"/mcp", nil)
		if err != nil {
			h.Fatal(err)
		}
		req.Header["Authorization"] = authorization
		resp, err := transport.RoundTrip(req)
		if err != nil {
			h.Fatal(err)
		}
		defer resp.Body.Close()
		<-w.seen
		return answerOf(h.T, resp)
	}
	h.expect("own 22 HTTP/2: first stream, with a token", ask("POST", "Bearer "+tok), accepted)
	h.expect("own 22 HTTP/2: second stream of the connection, without a token", ask("POST"), noCredentials)
	h.expect("own 22 HTTP/2: third stream, two lines from an HTTP client", ask("POST", "Bearer "+tok, "Bearer "+tok), malformed)
	h.expect("own 22 HTTP/2: HEAD", ask("HEAD"), answer{noCredentials.status, noCredentials.challenge, ""})
	h.expect("own 22 HTTP/2: after a rejection, with a token", ask("GET", "bearer "+tok), accepted)
}

// ownHandledRequest covers the request that the inner handler gets, and a second middleware.
func ownHandledRequest(h *hostile) {
	f := h.fixture(nil)
	tok := f.token(resourcetest.Token{})
	var seen http.Header
	f.inner = func(w http.ResponseWriter, req *http.Request) { seen = req.Header }
	req := httptest.NewRequest("POST", identifier, nil)
	req.Header = http.Header{"Authorization": {"Bearer " + tok}, "X-Api-Key": {"k"}, "Proxy-Authorization": {"Basic x"}}
	h.expect("own 30 accepted", f.send(req), accepted)
	h.expect("own 30 the handler gets every header field except Authorization", seen, http.Header{"X-Api-Key": {"k"}, "Proxy-Authorization": {"Basic x"}})
	h.expect("own 30 the original request is not modified", req.Header.Get("Authorization"), "Bearer "+tok)
	keep := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.HTTP.KeepAuthorization = true })
	keep.inner = func(w http.ResponseWriter, req *http.Request) { seen = req.Header }
	keep.bearer(keep.token(resourcetest.Token{}))
	h.expect("own 31 KeepAuthorization leaves Authorization on the request", strings.HasPrefix(seen.Get("Authorization"), "Bearer ey"), true)

	other := newFixtureWith(h.T, f.issuer, nil) // the same configuration, another Resource
	nested := nethttp.Middleware(f.res)(nethttp.Middleware(other.res)(http.HandlerFunc(emptyHandler)))
	h.expect("own 32 accepted by another Resource with the same configuration: rejected here", replyOf(nested, req), rejectionReply(noCredentials))
	secondPass := func(change func(*http.Request)) http.Handler {
		return nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			change(req)
			nethttp.Middleware(f.res)(http.HandlerFunc(emptyHandler)).ServeHTTP(w, req)
		}))
	}
	for name, row := range map[string]struct {
		change func(*http.Request)
		want   reply
	}{
		"own 33 second pass of an accepted request":                       {func(*http.Request) {}, reply{200, http.Header{}, ""}},
		"own 33 second pass of an accepted request, invalid header added": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, rejectionReply(invalid)},
		"own 33 second pass of an accepted request, another scheme added": {func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }, rejectionReply(noCredentials)},
		"own 33 second pass of an accepted request, empty header added":   {func(r *http.Request) { r.Header.Set("Authorization", "") }, rejectionReply(noCredentials)},
		"own 33 second pass of an accepted request, two headers added":    {func(r *http.Request) { r.Header["Authorization"] = []string{"", ""} }, rejectionReply(malformed)},
		"own 33 second pass of an accepted request, with another context": {func(r *http.Request) { *r = *r.WithContext(context.Background()) }, rejectionReply(noCredentials)},
	} {
		h.expect(name, replyOf(secondPass(row.change), req.Clone(h.Context())), row.want)
	}
	f = h.fixture(nil)
	slow := nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		time.Sleep(10 * time.Minute)
		nethttp.Middleware(f.res)(http.HandlerFunc(emptyHandler)).ServeHTTP(w, req)
	}))
	req = httptest.NewRequest("POST", identifier, nil)
	req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
	h.expect("own 34 second pass of an accepted request, token expired in between", replyOf(slow, req).status, 401)
}

// ownJSON covers JSON that readers could interpret differently.
func ownJSON(h *hostile) {
	f := h.fixture(nil)
	kid := f.issuer.SigningKeyID("")
	head := func(text string) string { return f.signed(text, f.validPayload()+"}") }
	more := func(members string) string { return f.signed(f.validHeader()+"}", f.validPayload()+members+"}") }
	escaped := func(text string) (out string) {
		for _, c := range text {
			out += fmt.Sprintf(`\u%04x`, c)
		}
		return out
	}
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	h.checkTokens(f, []tokenRow{
		{"own 35 white space before the header: not recognized as a JWS, so opaque", head(" " + f.validHeader() + "}"), invalid, reasonOpaque},
		{"own 36 white space after the opening brace", head("{ \n" + f.validHeader()[1:] + "}"), accepted, ""},
		{"own 37 alg and kid with escapes", head(`{"` + escaped("alg") + `":"` + escaped("ES256") + `","kid":"` + escaped(kid) + `"}`), accepted, ""},
		{"own 38 alg with a byte order mark", f.param("alg", quoted("\ufeffES256")), invalid, reasonAlgorithm},
		{"own 39 duplicate name inside an ignored parameter", f.param("jwk", `{"kty":"EC","kty":"RSA"}`), invalid, reasonMalformed},
		{"own 39 duplicate name inside an ignored parameter, one escaped", f.param("x", `[{"a":{"b":1,"\u0062":2}}]`), invalid, reasonMalformed},
		{"own 40 payload nested 64 deep", more(`,"x":` + nest(63)), accepted, ""},
		{"own 40 payload nested 65 deep", more(`,"x":` + nest(64)), invalid, reasonMalformed},
		{"own 40 header nested 64 deep", f.param("x", nest(63)), accepted, ""},
		{"own 40 header nested 65 deep", f.param("x", nest(64)), invalid, reasonMalformed},
		{"own 41 10,000 brackets inside a string do not count as depth", more(`,"x":"\"` + strings.Repeat("[", 10_000) + `"`), accepted, ""},
		{"own 41 brackets after an escaped backslash count as depth", more(`,"x":["\\",` + nest(64) + `]`), invalid, reasonMalformed},
		{"own 42 invalid UTF-8 in an ignored claim", more(",\"x\":\"\xff\""), invalid, reasonMalformed},
		{"own 42 surrogate encoded in UTF-8", more(",\"x\":\"\xed\xa0\x80\""), invalid, reasonMalformed},
		{"own 42 code point beyond Unicode", more(",\"x\":\"\xf4\x90\x80\x80\""), invalid, reasonMalformed},
		{"own 42 noncharacter, and DEL", more(",\"x\":\"\uffff\x7f\""), accepted, ""},
		{"own 43 claim with Cyrillic letters is another claim", f.token(resourcetest.Token{Claims: map[string]any{"exp": resourcetest.Remove, "\u0435x\u0440": int64(4102444800)}}), invalid, reasonClaimMissing},
		{"own 43 claim in full-width letters is another claim", f.claim("\uff41ud", `"x"`), accepted, ""},
		{"own 43 claim with a trailing space is another claim", f.token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove, "aud ": identifier}}), invalid, reasonAudience},
		{"own 43 claim with a trailing NUL is another claim", f.token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove, "aud\x00": identifier}}), invalid, reasonAudience},
		{"own 43 claim with a combining mark is another claim", f.token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove, "aud\u0301": identifier}}), invalid, reasonAudience},
		{"own 44 sCope in mixed case", f.claim("sCope", `"admin"`), invalid, reasonMalformed},
		{"own 44 scope with a long s", f.claim("\u017fcope", `"admin"`), invalid, reasonMalformed},
		{"own 44 NBF in upper case", f.claim("NBF", "1"), invalid, reasonMalformed},
		{"own 44 Client_Id in mixed case", f.claim("Client_Id", `"x"`), invalid, reasonMalformed},
		{"own 44 client_id with a dotless i is another claim", f.claim("client_\u0131d", `"x"`), accepted, ""},
		{"own 45 __proto__ and constructor", more(`,"__proto__":{"sub":"admin"},"constructor":{}`), accepted, ""},
		{"own 46 cnf inside another claim does not bind the token", more(`,"x":{"cnf":{"jkt":"a"}}`), accepted, ""},
		{"own 47 exp is an object with exp", f.token(resourcetest.Token{Claims: map[string]any{"exp": resourcetest.Raw(`{"exp":4102444800}`)}}), invalid, reasonMalformed},
		{"own 48 one empty name", more(`,"":1`), accepted, ""},
		{"own 48 two empty names", more(`,"":1,"":2`), invalid, reasonMalformed},
		{"own 49 1,200 claims", more(manyMembers(1200)), accepted, ""},
		{"own 49 1,200 claims, the last is a duplicate exp", more(manyMembers(1200) + `,"exp":4102444800`), invalid, reasonMalformed},
		{"own 50 typ with a trailing NUL is another type", f.param("typ", quoted("at+jwt\u0000")), invalid, reasonTokenType},
		{"own 50 typ with a letter that folds to T is another type", f.param("typ", quoted("AT+JW\u1d40")), invalid, reasonTokenType},
		{"own 51 token with a large header and large claims", f.signed(f.validHeader()+`,"y":"`+strings.Repeat("y", 3000)+`"}`, f.validPayload()+`,"x":"`+strings.Repeat("x", 8000)+`"}`), accepted, ""},
	})
}

func manyMembers(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `,"%x":0`, i+0xa000)
	}
	return out.String()
}

// ownNumbers covers numeric dates at the limits of number parsers.
func ownNumbers(h *hostile) {
	f := h.fixture(nil)
	now := time.Now().Unix()
	exp := func(json string) string { return f.claim("exp", json) }
	h.checkTokens(f, []tokenRow{
		{"own 52 exp just below the next second, with more nines than a float64 can represent", exp(fmt.Sprint(now-30, ".99999999999999999999")), expired, reasonExpired},
		{"own 53 exp with a negative exponent", exp(fmt.Sprint((now+60)*100, "e-2")), accepted, ""},
		{"own 53 exp with a negative exponent, its fraction is truncated", exp(fmt.Sprint((now-30)*10+9, "e-1")), expired, reasonExpired},
		{"own 54 exp with a capital exponent", exp("1E9"), accepted, ""},
		{"own 54 exp with a plus sign in the exponent", exp("1e+9"), accepted, ""},
		{"own 55 exp with 10,000 zeros in the exponent", exp("1e" + strings.Repeat("0", 10_000) + "9"), accepted, ""},
		{"own 55 exp with 10,000 nines in the exponent", exp("1e" + strings.Repeat("9", 10_000)), invalid, reasonMalformed},
		{"own 55 exp with 10,000 nines in a negative exponent", exp("1e-" + strings.Repeat("9", 10_000)), invalid, reasonMalformed},
		{"own 56 exp 2^32 seconds later", exp(fmt.Sprint(now + 60 + 1<<32)), invalid, reasonLifetime},
		{"own 56 exp is 2^53", exp(fmt.Sprint(int64(1) << 53)), invalid, reasonMalformed},
		{"own 57 iat is 0", f.claim("iat", "0"), accepted, ""},
		{"own 57 iat is -0.0", f.claim("iat", "-0.0"), accepted, ""},
		{"own 57 iat is -0.1", f.claim("iat", "-0.1"), invalid, reasonMalformed},
		{"own 57 nbf is 0", f.claim("nbf", "0"), accepted, ""},
		{"own 58 nbf equals exp", f.token(resourcetest.Token{Claims: map[string]any{"nbf": now, "exp": now}}), accepted, ""},
	})
}

// ownOrder covers which of several faults is reported, and what work is done before.
func ownOrder(h *hostile) {
	f, verified := h.countedFixture(func(c *resource.Config) { c.Scopes = []string{"read"}; c.Hooks.Revocations = denyID("bad") }, nil)
	with := func(claims map[string]any) string { return f.token(resourcetest.Token{Claims: claims}) }
	h.expect("own 59 expired and without the scope: 401, not 403", f.bearer(with(map[string]any{"exp": 1})), withScopeHint(expired, "read"))
	h.expect("own 60 for another audience and expired: invalid, because a new token would not help", f.bearer(with(map[string]any{"exp": 1, "aud": "x"})), withScopeHint(invalid, "read"))
	h.expect("own 61 expired, invalid signature", f.bearer(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature, Claims: map[string]any{"exp": 1}})), withScopeHint(expired, "read"))
	h.expect("own 61 none of these caused a verification", verified.Load(), int64(0))
	h.expect("own 62 revoked and without the scope: 401, not 403", f.bearer(with(map[string]any{"jti": "bad"})), withScopeHint(invalid, "read"))
	h.expect("own 63 invalid signature and without the scope: 401, not 403", f.bearer(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})), withScopeHint(invalid, "read"))
}

// ownCallerIDs tests that two principals never have the same Caller.ID.
func ownCallerIDs(h *hostile) {
	trustClaims := func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return t.Claims(), nil }
	issuers := []string{"https://a.example.test", "https://a.example.test/b"}
	f := newFixture(h.T, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers = []resource.Issuer{{Verifier: stubVerifier{issuers[0], trustClaims}}, {Verifier: stubVerifier{issuers[1], trustClaims}}}
	})
	var caller *resource.Caller
	f.inner = storeCaller(&caller)
	ids, principals := map[string]bool{}, 0
	add := func(claims map[string]any) {
		if got := f.bearer(f.token(resourcetest.Token{Claims: claims})); got != accepted {
			h.Errorf("%v: %+v", claims, got)
		}
		ids[caller.ID()] = true
		principals++
	}
	for _, iss := range issuers {
		for _, id := range []string{"alice", "Alice", "alice ", "alice\u200b", "caf\u00e9", "cafe\u0301", "client:alice", "sub:alice", "/b sub:alice", "alice\x00", "24:" + issuers[1] + " sub:alice"} {
			add(map[string]any{"iss": iss, "sub": id})
			add(map[string]any{"iss": iss, "sub": resourcetest.Remove, "client_id": id})
		}
	}
	h.expect("own 64 Caller.IDs are unique: Unicode forms, a client named like a user, an issuer that is a prefix of another", len(ids), principals)
}

// ownCache covers the memory that the cache uses, and Forget.
func ownCache(h *hostile) {
	const limit = 2 << 20
	for name, scopes := range map[string]string{
		"own 90 cache of tokens with 1,000 scopes of one letter":             quoted(strings.Repeat("a ", 999) + "a"),
		"own 90 cache of tokens with 1,000 scopes of one letter in an array": "[" + strings.Repeat(`"a",`, 999) + `"a"]`,
		"own 90 cache of tokens with one long scope":                         quoted(strings.Repeat("a", 2000)),
	} {
		f := h.fixture(func(c *resource.Config, k *jwks.Config) {
			c.Limits.CacheBytes = limit
			c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return t.Claims(), nil }}
		})
		f.unexplained = true // the test sends many requests
		grown := heapGrowth(func() {
			for range 2000 {
				if got := f.bearer(f.forge("ES256", "x", func([]byte) []byte { return make([]byte, 64) }, `,"scope":`+scopes)); got != accepted {
					h.Fatalf("token was not accepted: %+v", got)
				}
				f.log.take()
			}
		})
		if grown > 2*limit {
			h.Logf("%s: the heap grew by %d bytes, CacheBytes is %d", name, grown, limit)
		}
		h.expect(name+", at most twice CacheBytes", grown <= 2*limit, true)
		runtime.KeepAlive(f)
	}

	// Many concurrent first requests with one token.
	f, verified := h.countedFixture(nil, nil)
	tok := f.token(resourcetest.Token{})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range 10 {
				if got := f.bearer(tok); got != accepted {
					h.Errorf("got %+v", got)
				}
			}
		})
	}
	group.Wait()
	h.expect("own 91 500 first requests with one token: one fetch of keys", f.issuer.Count(resourcetest.JWKS), 1)
	h.expect("own 91 no more verifications than goroutines", verified.Load() <= 50, true)
	f.res.Forget("bearer " + tok)
	before := verified.Load()
	h.expect("own 92 Forget with a header value in lower case removes the entry", cacheResult{f.bearer(tok), verified.Load() - before}, cacheResult{accepted, 1})
	f.res.Forget(tok + "x")
	f.res.Forget("")
	h.expect("own 92 Forget with another token keeps the entry", cacheResult{f.bearer(tok), verified.Load() - before}, cacheResult{accepted, 1})
}

// ownKeys covers tokens with an unknown key.
func ownKeys(h *hostile) {
	f := h.fixture(nil)
	unknown := func(iat any) string {
		return f.token(resourcetest.Token{Header: map[string]any{"kid": "x"}, Claims: map[string]any{"iat": iat}})
	}
	retry := func(token string) string {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		got := replyOf(nethttp.Middleware(f.res)(http.HandlerFunc(emptyHandler)), req)
		return fmt.Sprint(got.status, " ", got.header.Get("Retry-After"), " ", f.issuer.Count(resourcetest.JWKS))
	}
	now := time.Now().Unix()
	h.expect("own 93 unknown kid, one fetch, then 401", retry(unknown(now-60)), "401  2")
	h.expect("own 93 unknown kid without iat: one fetch, then 401", retry(unknown(resourcetest.Remove)), "401  3")
	h.expect("own 93 unknown kid with iat in the future", retry(unknown(now+20)), "401  4")
	h.expect("own 93 these answers took no time", time.Now().Unix(), now)
	h.expect("own 94 valid token meanwhile", f.bearer(f.token(resourcetest.Token{})), accepted)
	time.Sleep(5 * time.Second)
	h.expect("own 94 five seconds later: one fetch, then 401", retry(unknown(resourcetest.Remove)), "401  5")
	h.expect("own 94 invalid signature with a known kid, without iat: no fetch, 401", retry(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature, Claims: map[string]any{"iat": resourcetest.Remove}})), "401  5")

	// A 401 means that the token is invalid. That cannot be determined without keys.
	f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Status: 500})
	time.Sleep(25 * time.Hour)
	forged := f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})
	h.expect("own 95 invalid signature, keys too old to use", f.bearer(forged), unavailable)
	h.expect("own 95 valid token, keys too old to use", f.bearer(f.token(resourcetest.Token{})), unavailable)
	h.expect("own 95 expired token, keys too old to use: no key is needed", f.bearer(f.claim("exp", "1")), expired)
	synctest.Wait()
}

// ownPublic tests that a public operation makes no other operation public.
func ownPublic(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Operations.Public = []string{"tools/list"} })
	const list, call = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`
	type header = map[string]string
	for _, row := range []struct {
		name, method, body string
		header             header
		want               answer
	}{
		{"own 96 tools/list without a token", "POST", list, nil, accepted},
		{"own 96 tools/call", "POST", call, nil, noCredentials},
		{"own 96 tools/list with GET", "GET", list, nil, noCredentials},
		{"own 96 tools/list with PUT", "PUT", list, nil, noCredentials},
		{"own 97 both in a batch", "POST", "[" + list + "," + call + "]", nil, noCredentials},
		{"own 97 both, one after the other", "POST", list + call, nil, noCredentials},
		{"own 97 duplicate method", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}`, nil, noCredentials},
		{"own 97 Method and method", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}`, nil, noCredentials},
		{"own 97 method with a long s", "POST", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tool\u017f/list\"}", nil, noCredentials},
		{"own 97 method with escapes is the method", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools\u002flist"}`, nil, accepted},
		{"own 97 Mcp-Method only in the header", "POST", call, header{"Mcp-Method": "tools/list"}, noCredentials},
		{"own 97 Mcp-Method contradicts the body", "POST", list, header{"Mcp-Method": "tools/call"}, noCredentials},
		{"own 98 compressed", "POST", list, header{"Content-Encoding": "gzip"}, noCredentials},
		{"own 98 Content-Type is not JSON", "POST", list, header{"Content-Type": "text/plain"}, noCredentials},
		{"own 98 Content-Type with charset UTF-16", "POST", list, header{"Content-Type": "application/json; charset=utf-16"}, noCredentials},
		{"own 98 body above 64 KiB", "POST", list + strings.Repeat(" ", 64<<10), nil, noCredentials},
		{"own 99 with an invalid token", "POST", list, header{"Authorization": "Bearer x"}, invalid},
		{"own 99 with another scheme", "POST", list, header{"Authorization": "Basic x"}, noCredentials},
		{"own 99 with an empty header", "POST", list, header{"Authorization": ""}, accepted},
		{"own 99 with Bearer and no token", "POST", list, header{"Authorization": "Bearer"}, accepted},
	} {
		req := httptest.NewRequest(row.method, identifier, strings.NewReader(row.body))
		req.Header.Set("Content-Type", "application/json")
		for name, value := range row.header {
			req.Header.Set(name, value)
		}
		h.expect(row.name, f.send(req), row.want)
	}
}
