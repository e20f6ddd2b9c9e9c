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

// What the list lacks: cases found by reading our own code for what an attacker would
// do with it.

func ownHeader(h *hostile) {
	f := h.fixture(nil)
	tok := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name  string
		lines []string
		want  answer
	}{
		{"own 1 space before the scheme, as HTTP/2 may bring it", []string{" Bearer " + tok}, bare},
		{"own 2 space behind the token", []string{"Bearer " + tok + " "}, malformed},
		{"own 3 no-break space for the space", []string{"Bearer\u00a0" + tok}, bare},
		{"own 3 vertical tab for the space", []string{"Bearer\v" + tok}, bare},
		{"own 4 Cyrillic letter in the scheme", []string{"\u0412EARER " + tok}, bare},
		{"own 4 scheme with a combining mark", []string{"Bearer\u0301 " + tok}, bare},
		{"own 5 every character that b64token has (RFC 6750 §2.1)", []string{"Bearer aZ09-._~+/=="}, invalid},
		{"own 6 equals signs alone", []string{"Bearer ===="}, malformed},
		{"own 7 equals sign in the middle", []string{"Bearer a=b"}, malformed},
		{"own 8 100,000 spaces, then the token: 1*SP", []string{"Bearer" + strings.Repeat(" ", 100_000) + tok}, accepted},
		{"own 9 header of no lines", []string{}, bare},
		{"own 10 three lines, all empty", []string{"", "", ""}, malformed},
	} {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header["Authorization"] = row.lines
		h.expect(row.name, f.send(req), row.want)
	}
	req := httptest.NewRequest("POST", identifier, nil)
	req.Header["authorization"] = []string{"Bearer " + tok}
	h.expect("own 11 name not canonical, as only a program can write it: not seen", f.send(req), bare)

	h.expect("own 11 a request without anything", f.send(new(http.Request)), bare)

	h.expect("own 12 a good token of exactly the limit", f.bearer(f.long(16<<10)), accepted)
	h.expect("own 12 a good token of a byte more", f.bearer(f.long(16<<10+1)), invalid)
	wide := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Limits.MaxTokenBytes = maxTokenBytesLimit })
	h.expect("own 13 the same, where more is allowed", wide.bearer(wide.long(16<<10+1)), accepted)
	h.expect("own 13 200 KB of claims, where more is allowed", wide.bearer(wide.claim("x", quoted(strings.Repeat("x", 150_000)))), invalid)
}

// long mints a good token of exactly that many bytes.
func (f *fixture) long(size int) string {
	for extra := range 8 { // lengths of base64 that leave gaps
		for pad := size*3/4 - 700; ; pad++ {
			token := f.signed(f.goodHeader()+`,"y":"`+strings.Repeat("y", extra)+`"}`, f.goodPayload()+`,"x":"`+strings.Repeat("x", pad)+`"}`)
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

// ownWire is about connections.
func ownWire(h *hostile) {
	f := h.fixture(nil)
	w := h.wire(f)
	tok := f.token(resourcetest.Token{})
	good := field{"authorization", "Bearer " + tok}
	for _, row := range []struct {
		name   string
		fields []field
		want   answer
	}{
		{"own 14 HTTP/2: space before the value (RFC 9113 §8.2.1)", two(field{"authorization", " Bearer " + tok}), bare},
		{"own 14 HTTP/2: space behind it", two(field{"authorization", "Bearer " + tok + " "}), malformed},
		{"own 14 HTTP/2: tab behind it", two(field{"authorization", "Bearer " + tok + "\t"}), malformed},
		{"own 15 HTTP/2: the field before the pseudo-headers (RFC 9113 §8.3)", append([]field{good}, two()...), reset},
		{"own 16 HTTP/2: name with a colon", two(field{"authorization:", "Bearer " + tok}), reset},
		{"own 16 HTTP/2: name with a space", two(field{"authorization ", "Bearer " + tok}), reset},
		{"own 16 HTTP/2: empty name", two(field{"", "Bearer " + tok}), reset},
		{"own 17 HTTP/2: connection-specific field", two(good, field{"connection", "authorization"}), byServer},
		{"own 18 HTTP/2: value in UTF-8", two(field{"authorization", "Bearer " + tok + "\u00e9"}), malformed},
		{"own 19 HTTP/2: two in one, as a proxy joins them", two(field{"authorization", "Bearer " + tok + "\x2c Bearer " + tok}), malformed},
		{"own 20 HTTP/2: 100 other fields", append(two(good), manyFields(100)...), accepted},
		{"own 21 HTTP/2: empty value beside a good one", two(field{"authorization", ""}, good), malformed},
	} {
		h.expect(row.name, w.frames(row.fields), row.want)
	}
	ownTwoStreams(h, w, tok)
	for _, row := range []struct {
		name string
		text string
		want answer
	}{
		{"own 23 Connection names Authorization (RFC 9110 §7.6.1: for a proxy)", one("Connection: Authorization", "Authorization: Bearer "+tok), accepted},
		{"own 24 OPTIONS * is net/http's own and gets nowhere", "OPTIONS * HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n", answer{status: 200}},
		{"own 25 upgrade to h2c", one("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"), bare},
		{"own 26 HTTP/1.0 with a token", "GET /mcp HTTP/1.0\r\nAuthorization: Bearer " + tok + "\r\n\r\n", accepted},
		{"own 27 Content-Length and Transfer-Encoding", "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET", bare},
		{"own 28 empty header name", "GET /mcp HTTP/1.1\r\nHost: a\r\n: Bearer x\r\n\r\n", answer{status: 400}},
	} {
		h.expect(row.name, w.raw(row.text), row.want)
	}

	// A body is never waited for: the answer comes while the client still holds it.
	conn := w.dial()
	io.WriteString(conn, "POST /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	h.expect("own 29 refused instead of 100 Continue", w.read(bufio.NewReader(conn), false), invalid)
	conn = w.dial()
	io.WriteString(conn, "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
	h.expect("own 29 refused before a long body has come", w.read(bufio.NewReader(conn), false), bare)
}

func manyFields(n int) (out []field) {
	for i := range n {
		out = append(out, field{"x-" + strconv.Itoa(i), "y"})
	}
	return out
}

// ownTwoStreams uses net/http's client, one connection for all.
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
	h.expect("own 22 HTTP/2: second stream of the connection, without", ask("POST"), bare)
	h.expect("own 22 HTTP/2: third, two lines, as read by a client", ask("POST", "Bearer "+tok, "Bearer "+tok), malformed)
	h.expect("own 22 HTTP/2: HEAD", ask("HEAD"), answer{bare.status, bare.challenge, ""})
	h.expect("own 22 HTTP/2: after a refusal, with a token", ask("GET", "bearer "+tok), accepted)
}

// ownHandedOn: what the inner handler gets, and what a caller in a context is good for.
func ownHandedOn(h *hostile) {
	f := h.fixture(nil)
	tok := f.token(resourcetest.Token{})
	var seen http.Header
	f.inner = func(w http.ResponseWriter, req *http.Request) { seen = req.Header }
	req := httptest.NewRequest("POST", identifier, nil)
	req.Header = http.Header{"Authorization": {"Bearer " + tok}, "X-Api-Key": {"k"}, "Proxy-Authorization": {"Basic x"}}
	h.expect("own 30 accepted", f.send(req), accepted)
	h.expect("own 30 the handler sees every header but the token's", seen, http.Header{"X-Api-Key": {"k"}, "Proxy-Authorization": {"Basic x"}})
	h.expect("own 30 the request itself is as it was", req.Header.Get("Authorization"), "Bearer "+tok)
	keep := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.HTTP.KeepAuthorization = true })
	keep.inner = func(w http.ResponseWriter, req *http.Request) { seen = req.Header }
	keep.bearer(keep.token(resourcetest.Token{}))
	h.expect("own 31 KeepAuthorization keeps it", strings.HasPrefix(seen.Get("Authorization"), "Bearer ey"), true)

	twin := newFixtureWith(h.T, f.issuer, nil) // the same configuration, another Resource
	nested := nethttp.Middleware(f.res)(nethttp.Middleware(twin.res)(http.HandlerFunc(noContent)))
	h.expect("own 32 accepted by another resource only: not accepted here", replyOf(nested, req), refusal(bare))
	again := func(change func(*http.Request)) http.Handler {
		return nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			change(req)
			nethttp.Middleware(f.res)(http.HandlerFunc(noContent)).ServeHTTP(w, req)
		}))
	}
	for name, row := range map[string]struct {
		change func(*http.Request)
		want   reply
	}{
		"own 33 accepted, comes by again":                           {func(*http.Request) {}, reply{200, http.Header{}, ""}},
		"own 33 accepted, comes by again with a bad header":         {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, refusal(invalid)},
		"own 33 accepted, comes by again with another scheme":       {func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }, refusal(bare)},
		"own 33 accepted, comes by again with an empty header":      {func(r *http.Request) { r.Header.Set("Authorization", "") }, refusal(bare)},
		"own 33 accepted, comes by again with two headers":          {func(r *http.Request) { r.Header["Authorization"] = []string{"", ""} }, refusal(malformed)},
		"own 33 accepted, comes by again with a context of its own": {func(r *http.Request) { *r = *r.WithContext(context.Background()) }, refusal(bare)},
	} {
		h.expect(name, replyOf(again(row.change), req.Clone(h.Context())), row.want)
	}
	f = h.fixture(nil)
	slow := nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		time.Sleep(10 * time.Minute)
		nethttp.Middleware(f.res)(http.HandlerFunc(noContent)).ServeHTTP(w, req)
	}))
	req = httptest.NewRequest("POST", identifier, nil)
	req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
	h.expect("own 34 accepted, comes by again when its token is over", replyOf(slow, req).status, 401)
}

// ownJSON is about readers that could differ.
func ownJSON(h *hostile) {
	f := h.fixture(nil)
	kid := f.issuer.SigningKeyID("")
	head := func(text string) string { return f.signed(text, f.goodPayload()+"}") }
	more := func(members string) string { return f.signed(f.goodHeader()+"}", f.goodPayload()+members+"}") }
	escaped := func(text string) (out string) {
		for _, c := range text {
			out += fmt.Sprintf(`\u%04x`, c)
		}
		return out
	}
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	h.walk(f, []tokenRow{
		{"own 35 white space before the header: no JWS by decision, so opaque", head(" " + f.goodHeader() + "}"), invalid, whyOpaque},
		{"own 36 white space behind the opening brace", head("{ \n" + f.goodHeader()[1:] + "}"), accepted, ""},
		{"own 37 alg and kid in escapes", head(`{"` + escaped("alg") + `":"` + escaped("ES256") + `","kid":"` + escaped(kid) + `"}`), accepted, ""},
		{"own 38 alg with a byte order mark", f.param("alg", quoted("\ufeffES256")), invalid, whyAlg},
		{"own 39 a name twice inside of an ignored parameter", f.param("jwk", `{"kty":"EC","kty":"RSA"}`), invalid, whyForm},
		{"own 39 a name twice inside of it, once with an escape", f.param("x", `[{"a":{"b":1,"\u0062":2}}]`), invalid, whyForm},
		{"own 40 payload nested 64 deep", more(`,"x":` + nest(63)), accepted, ""},
		{"own 40 payload nested 65 deep", more(`,"x":` + nest(64)), invalid, whyForm},
		{"own 40 header nested 64 deep", f.param("x", nest(63)), accepted, ""},
		{"own 40 header nested 65 deep", f.param("x", nest(64)), invalid, whyForm},
		{"own 41 10,000 brackets inside of a string are no depth", more(`,"x":"\"` + strings.Repeat("[", 10_000) + `"`), accepted, ""},
		{"own 41 brackets behind an escaped backslash are", more(`,"x":["\\",` + nest(64) + `]`), invalid, whyForm},
		{"own 42 invalid UTF-8 in an ignored claim", more(",\"x\":\"\xff\""), invalid, whyForm},
		{"own 42 a surrogate in UTF-8", more(",\"x\":\"\xed\xa0\x80\""), invalid, whyForm},
		{"own 42 beyond Unicode", more(",\"x\":\"\xf4\x90\x80\x80\""), invalid, whyForm},
		{"own 42 a character that is none, and DEL", more(",\"x\":\"\uffff\x7f\""), accepted, ""},
		{"own 43 claim with Cyrillic letters is another claim", f.token(resourcetest.Token{Claims: map[string]any{"exp": resourcetest.Remove, "\u0435x\u0440": int64(4102444800)}}), invalid, whyMissing},
		{"own 43 claim in full-width letters is another claim", f.claim("\uff41ud", `"x"`), accepted, ""},
		{"own 43 claim with a space behind is another claim", f.token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove, "aud ": identifier}}), invalid, whyAud},
		{"own 43 claim with NUL behind is another claim", f.token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove, "aud\x00": identifier}}), invalid, whyAud},
		{"own 43 claim with a combining mark is another claim", f.token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove, "aud\u0301": identifier}}), invalid, whyAud},
		{"own 44 sCope in mixed case", f.claim("sCope", `"admin"`), invalid, whyForm},
		{"own 44 scope with a long s", f.claim("\u017fcope", `"admin"`), invalid, whyForm},
		{"own 44 NBF", f.claim("NBF", "1"), invalid, whyForm},
		{"own 44 Client_Id", f.claim("Client_Id", `"x"`), invalid, whyForm},
		{"own 44 client_id with a dotless i is another claim", f.claim("client_\u0131d", `"x"`), accepted, ""},
		{"own 45 __proto__ and constructor", more(`,"__proto__":{"sub":"admin"},"constructor":{}`), accepted, ""},
		{"own 46 cnf inside of another claim binds nothing", more(`,"x":{"cnf":{"jkt":"a"}}`), accepted, ""},
		{"own 47 exp inside of another claim", f.token(resourcetest.Token{Claims: map[string]any{"exp": resourcetest.Raw(`{"exp":4102444800}`)}}), invalid, whyForm},
		{"own 48 empty names, one", more(`,"":1`), accepted, ""},
		{"own 48 empty names, two", more(`,"":1,"":2`), invalid, whyForm},
		{"own 49 1,200 claims", more(manyMembers(1200)), accepted, ""},
		{"own 49 1,200 claims, the last a second exp", more(manyMembers(1200) + `,"exp":4102444800`), invalid, whyForm},
		{"own 50 typ with a long s is another type", f.param("typ", quoted("at+jwt\u0000")), invalid, whyType},
		{"own 50 typ in letters that fold to it", f.param("typ", quoted("AT+JW\u1d40")), invalid, whyType},
		{"own 51 a token of the largest header and claims", f.signed(f.goodHeader()+`,"y":"`+strings.Repeat("y", 3000)+`"}`, f.goodPayload()+`,"x":"`+strings.Repeat("x", 8000)+`"}`), accepted, ""},
	})
}

func manyMembers(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `,"%x":0`, i+0xa000)
	}
	return out.String()
}

// ownNumbers: dates at the edges of what readers of numbers do.
func ownNumbers(h *hostile) {
	f := h.fixture(nil)
	now := time.Now().Unix()
	exp := func(json string) string { return f.claim("exp", json) }
	h.walk(f, []tokenRow{
		{"own 52 exp just short of a second more, by more nines than a float holds", exp(fmt.Sprint(now-30, ".99999999999999999999")), expired, whyExpired},
		{"own 53 exp with a negative exponent", exp(fmt.Sprint((now+60)*100, "e-2")), accepted, ""},
		{"own 53 its fraction is cut", exp(fmt.Sprint((now-30)*10+9, "e-1")), expired, whyExpired},
		{"own 54 exp with a capital exponent", exp("1E9"), accepted, ""},
		{"own 54 exp with a plus in the exponent", exp("1e+9"), accepted, ""},
		{"own 55 exp with an exponent of 10,000 zeros", exp("1e" + strings.Repeat("0", 10_000) + "9"), accepted, ""},
		{"own 55 exp with an exponent of 10,000 nines", exp("1e" + strings.Repeat("9", 10_000)), invalid, whyForm},
		{"own 55 exp with a negative one", exp("1e-" + strings.Repeat("9", 10_000)), invalid, whyForm},
		{"own 56 exp of two to the 32nd more", exp(fmt.Sprint(now + 60 + 1<<32)), invalid, whyLife},
		{"own 56 exp of two to the 53rd", exp(fmt.Sprint(int64(1) << 53)), invalid, whyForm},
		{"own 57 iat 0", f.claim("iat", "0"), accepted, ""},
		{"own 57 iat -0.0", f.claim("iat", "-0.0"), accepted, ""},
		{"own 57 iat -0.1", f.claim("iat", "-0.1"), invalid, whyForm},
		{"own 57 nbf 0", f.claim("nbf", "0"), accepted, ""},
		{"own 58 nbf is exp", f.token(resourcetest.Token{Claims: map[string]any{"nbf": now, "exp": now}}), accepted, ""},
	})
}

// ownOrder: which of several faults a client is told, and what it costs.
func ownOrder(h *hostile) {
	f, verified := h.counted(func(c *resource.Config) { c.Scopes = []string{"read"}; c.Hooks.Revoked = denyID("bad") }, nil)
	with := func(claims map[string]any) string { return f.token(resourcetest.Token{Claims: claims}) }
	h.expect("own 59 expired and without the scope: 401, not 403", f.bearer(with(map[string]any{"exp": 1})), hinting(expired, "read"))
	h.expect("own 60 for another audience and expired: a new token would not help", f.bearer(with(map[string]any{"exp": 1, "aud": "x"})), hinting(invalid, "read"))
	h.expect("own 61 expired, badly signed", f.bearer(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature, Claims: map[string]any{"exp": 1}})), hinting(expired, "read"))
	h.expect("own 61 none of them cost a signature", verified.Load(), int64(0))
	h.expect("own 62 revoked and without the scope: 401, not 403", f.bearer(with(map[string]any{"jti": "bad"})), hinting(invalid, "read"))
	h.expect("own 63 badly signed and without the scope: 401, not 403", f.bearer(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})), hinting(invalid, "read"))
}

// ownNames: two principals never have one name (Caller.ID).
func ownNames(h *hostile) {
	believe := func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return t.Claims(), nil }
	issuers := []string{"https://a.example.test", "https://a.example.test/b"}
	f := newFixture(h.T, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers = []resource.Issuer{{Verifier: voucher{issuers[0], believe}}, {Verifier: voucher{issuers[1], believe}}}
	})
	var caller *resource.Caller
	f.inner = keepCaller(&caller)
	names, principals := map[string]bool{}, 0
	name := func(claims map[string]any) {
		if got := f.bearer(f.token(resourcetest.Token{Claims: claims})); got != accepted {
			h.Errorf("%v: %+v", claims, got)
		}
		names[caller.ID()] = true
		principals++
	}
	for _, iss := range issuers {
		for _, who := range []string{"alice", "Alice", "alice ", "alice\u200b", "caf\u00e9", "cafe\u0301", "client:alice", "sub:alice", "/b sub:alice", "alice\x00", "24:" + issuers[1] + " sub:alice"} {
			name(map[string]any{"iss": iss, "sub": who})
			name(map[string]any{"iss": iss, "sub": resourcetest.Remove, "client_id": who})
		}
	}
	h.expect("own 64 names of principals: Unicode forms, a client that is called like a user, an issuer that is a prefix", len(names), principals)
}

// ownMemory: what the memory costs.
func ownMemory(h *hostile) {
	const limit = 2 << 20
	for name, scopes := range map[string]string{
		"own 90 memory, tokens with 1,000 scopes of a letter": quoted(strings.Repeat("a ", 999) + "a"),
		"own 90 memory, the same in an array":                 "[" + strings.Repeat(`"a",`, 999) + `"a"]`,
		"own 90 memory, tokens with one long scope":           quoted(strings.Repeat("a", 2000)),
	} {
		f := h.fixture(func(c *resource.Config, k *jwks.Config) {
			c.Limits.CacheBytes = limit
			c.Issuers[0].Verifier = voucher{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return t.Claims(), nil }}
		})
		grown := heapAfter(func() {
			for range 2000 {
				if got := f.bearer(f.forge("ES256", "x", func([]byte) []byte { return make([]byte, 64) }, `,"scope":`+scopes)); got != accepted {
					h.Fatalf("token was not accepted: %+v", got)
				}
				f.log.take()
			}
		})
		if grown > 2*limit {
			h.Logf("%s: the heap grew by %d bytes, allowed are %d", name, grown, limit)
		}
		h.expect(name+", twice what is allowed at most", grown <= 2*limit, true)
		runtime.KeepAlive(f)
	}

	// Many first requests with one token, and the same while it is forgotten.
	f, verified := h.counted(nil, nil)
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
	h.expect("own 91 500 first requests of one token: one fetch of keys", f.issuer.Count(resourcetest.JWKS), 1)
	h.expect("own 91 and no more verifications than goroutines", verified.Load() <= 50, true)
	f.res.Forget("bearer " + tok)
	before := verified.Load()
	h.expect("own 92 forgotten by its header line, however spelled", look{f.bearer(tok), verified.Load() - before}, look{accepted, 1})
	f.res.Forget(tok + "x")
	f.res.Forget("")
	h.expect("own 92 another token forgotten", look{f.bearer(tok), verified.Load() - before}, look{accepted, 1})
}

// ownKeys: what an attacker can do with tokens whose key nobody knows.
func ownKeys(h *hostile) {
	f := h.fixture(nil)
	unknown := func(iat any) string {
		return f.token(resourcetest.Token{Header: map[string]any{"kid": "x"}, Claims: map[string]any{"iat": iat}})
	}
	retry := func(token string) string {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		got := replyOf(nethttp.Middleware(f.res)(http.HandlerFunc(noContent)), req)
		return fmt.Sprint(got.status, " ", got.header.Get("Retry-After"), " ", f.issuer.Count(resourcetest.JWKS))
	}
	now := time.Now().Unix()
	h.expect("own 93 unknown kid, older than the keys: answered at once", retry(unknown(now-60)), "401  1")
	h.expect("own 93 unknown kid without iat: nobody can tell yet", retry(unknown(resourcetest.Remove)), "503 5 1")
	h.expect("own 93 unknown kid with iat in the future", retry(unknown(now+20)), "503 5 1")
	h.expect("own 93 no time passed with that", time.Now().Unix(), now)
	h.expect("own 94 a good token meanwhile", f.bearer(f.token(resourcetest.Token{})), accepted)
	time.Sleep(5 * time.Second)
	h.expect("own 94 five seconds later: one fetch, then an answer", retry(unknown(resourcetest.Remove)), "401  2")
	h.expect("own 94 badly signed under a known kid, without iat", retry(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature, Claims: map[string]any{"iat": resourcetest.Remove}})), "503 5 2")

	// A 401 is for what is known to be bad: without keys nothing is known.
	f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Status: 500})
	time.Sleep(25 * time.Hour)
	bad := f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})
	h.expect("own 95 badly signed, keys too old to use", f.bearer(bad), unavailable)
	h.expect("own 95 good, keys too old to use", f.bearer(f.token(resourcetest.Token{})), unavailable)
	h.expect("own 95 expired, all the same: that needs no key", f.bearer(f.claim("exp", "1")), expired)
	synctest.Wait()
}

// ownPublic: an operation that is open to everybody opens nothing else.
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
		{"own 96 tools/call", "POST", call, nil, bare},
		{"own 96 tools/list by GET", "GET", list, nil, bare},
		{"own 96 tools/list by PUT", "PUT", list, nil, bare},
		{"own 97 both in a batch", "POST", "[" + list + "," + call + "]", nil, bare},
		{"own 97 both, one behind the other", "POST", list + call, nil, bare},
		{"own 97 method twice", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}`, nil, bare},
		{"own 97 Method beside method", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}`, nil, bare},
		{"own 97 method with a long s", "POST", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tool\u017f/list\"}", nil, bare},
		{"own 97 method in escapes is the method", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools\u002flist"}`, nil, accepted},
		{"own 97 the header alone", "POST", call, header{"Mcp-Method": "tools/list"}, bare},
		{"own 97 the header lies", "POST", list, header{"Mcp-Method": "tools/call"}, bare},
		{"own 98 compressed", "POST", list, header{"Content-Encoding": "gzip"}, bare},
		{"own 98 not JSON by its type", "POST", list, header{"Content-Type": "text/plain"}, bare},
		{"own 98 in UTF-16 by its type", "POST", list, header{"Content-Type": "application/json; charset=utf-16"}, bare},
		{"own 98 over 64 KiB", "POST", list + strings.Repeat(" ", 64<<10), nil, bare},
		{"own 99 with a bad token", "POST", list, header{"Authorization": "Bearer x"}, invalid},
		{"own 99 with another scheme", "POST", list, header{"Authorization": "Basic x"}, bare},
		{"own 99 with an empty header", "POST", list, header{"Authorization": ""}, bare},
		{"own 99 with a malformed one", "POST", list, header{"Authorization": "Bearer"}, malformed},
	} {
		req := httptest.NewRequest(row.method, identifier, strings.NewReader(row.body))
		req.Header.Set("Content-Type", "application/json")
		for name, value := range row.header {
			req.Header.Set(name, value)
		}
		h.expect(row.name, f.send(req), row.want)
	}
}
