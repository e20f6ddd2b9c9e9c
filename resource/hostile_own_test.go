package resource_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
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

// hostileOwn is what the list lacks: cases found by reading our own code for what an
// attacker would do with it.
func hostileOwn(h *hostile) {
	ownHeader(h)
	ownWire(h)
	ownHandedOn(h)
	ownJSON(h)
	h.bubble(ownNumbers)
	ownOrder(h)
	ownNames(h)
	ownConfig(h)
	ownCopies(h)
	ownOpaque(h)
	ownVerifier(h)
	ownMemory(h)
	h.bubble(ownKeys)
	ownPublic(h)
}

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
	wide := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.MaxTokenBytes = resource.MaxMaxTokenBytes })
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
	keep := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.KeepAuthorization = true })
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
	h.bubble(func(h *hostile) {
		f := h.fixture(nil)
		slow := nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			time.Sleep(10 * time.Minute)
			nethttp.Middleware(f.res)(http.HandlerFunc(noContent)).ServeHTTP(w, req)
		}))
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
		h.expect("own 34 accepted, comes by again when its token is over", replyOf(slow, req).status, 401)
	})
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
		{"own 43 claim with Cyrillic letters is another claim", f.token(resourcetest.Token{Claims: map[string]any{"exp": resourcetest.Remove, "\u0435x\u0440": 4102444800}}), invalid, whyMissing},
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
	f, verified := h.counted(func(c *resource.Config) { c.Scopes = []string{"read"}; c.Revoked = denyID("bad") }, nil)
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

// ownConfig: combinations of the configuration that could weaken it.
func ownConfig(h *hostile) {
	set := func(change func(*resource.Config)) *fixture {
		return h.fixture(func(c *resource.Config, _ *jwks.Config) { change(c) })
	}
	f := set(func(c *resource.Config) { c.Issuers[0].TrustAnswersWithoutAudience = true })
	h.walk(f, []tokenRow{
		{"own 65 answers without aud are trusted: a JWT that is verified by its signature still needs one", f.claim("aud", ""), invalid, whyAud},
		{"own 65 and an empty one", f.claim("aud", "[]"), invalid, whyAud},
		{"own 65 and ours", f.claim("aud", quoted("x")), invalid, whyAud},
	})
	f = set(func(c *resource.Config) {
		c.Issuers[0].Audiences = []string{"*", "https://*", "https://mcp.example.test/*", "."}
	})
	h.walk(f, []tokenRow{
		{"own 66 a star among the audiences is a star", f.claim("aud", quoted("https://mcp.example.test/x")), invalid, whyAud},
		{"own 66 a star for a star", f.claim("aud", `"*"`), accepted, ""},
	})
	f = set(func(c *resource.Config) {
		c.Scopes = []string{"read"}
		c.Implies = map[string][]string{"admin": {"write"}, "write": {"read", "admin"}, "read": {"list"}}
	})
	scope := func(text string) string { return f.token(resourcetest.Token{Scope: text}) }
	h.walk(f, []tokenRow{
		{"own 67 implied through another, in a circle", scope("admin"), accepted, ""},
		{"own 67 what is implied does not imply back", scope("list"), lacking("read"), whyScope},
		{"own 67 what only begins alike implies nothing", scope("administrator admi Admin"), lacking("read"), whyScope},
	})
	f = set(func(c *resource.Config) {
		c.ChallengeScopes, c.ScopesSupported, c.Scopes = []string{"hint"}, []string{"public"}, []string{"read"}
	})
	h.walk(f, []tokenRow{
		{"own 68 the scope that is hinted at is not the one that is needed", f.token(resourcetest.Token{Scope: "hint public"}), lacking("read"), whyScope},
		{"own 68 the hint stands on a 401", f.claim("aud", `"x"`), hinting(invalid, "hint"), whyAud},
	})
	f, verified := h.counted(func(c *resource.Config) { c.MemoryTTL = -1 }, nil)
	tok := f.token(resourcetest.Token{})
	h.expect("own 69 no memory: verified each time", fmt.Sprint(f.bearer(tok).status, f.bearer(tok).status, verified.Load()), "200 200 2")
	f = set(func(c *resource.Config) { c.MaxTokenBytes = 1 })
	h.expect("own 70 one byte allowed: all is refused", f.bearer(f.token(resourcetest.Token{})), invalid)
	h.expect("own 70 and nothing let through", f.bearer("x"), invalid)
	f = set(func(c *resource.Config) { c.MemoryTTL = math.MaxInt64 })
	tok = f.token(resourcetest.Token{})
	h.expect("own 71 remembered for 292 years", fmt.Sprint(f.bearer(tok).status, f.bearer(tok).status), "200 200")
	ownMistakes(h)
}

// ownMistakes are refused at the start.
func ownMistakes(h *hostile) {
	verifier := voucher{issuer: "https://auth.example.test"}
	valid := func() resource.Config {
		return resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}}
	}
	for name, change := range map[string]func(*resource.Config){
		"own 72 issuer twice":                  func(c *resource.Config) { c.Issuers = append(c.Issuers, c.Issuers[0]) },
		"own 72 issuer without a name":         func(c *resource.Config) { c.Issuers[0].Verifier = voucher{} },
		"own 72 no issuer":                     func(c *resource.Config) { c.Issuers = nil },
		"own 72 no verifier":                   func(c *resource.Config) { c.Issuers[0].Verifier = nil },
		"own 73 identifier with a quote":       func(c *resource.Config) { c.Identifier = identifier + `"` },
		"own 73 identifier with CR LF":         func(c *resource.Config) { c.Identifier = identifier + "\r\nX: y" },
		"own 73 identifier with userinfo":      func(c *resource.Config) { c.Identifier = "https://a@mcp.example.test/mcp" },
		"own 73 identifier with a fragment":    func(c *resource.Config) { c.Identifier = identifier + "#" },
		"own 73 identifier with a query":       func(c *resource.Config) { c.Identifier = identifier + "?" },
		"own 73 identifier in upper case":      func(c *resource.Config) { c.Identifier = "https://MCP.example.test/mcp" },
		"own 73 identifier in Unicode":         func(c *resource.Config) { c.Identifier = "https://m\u0441p.example.test/mcp" },
		"own 73 identifier with dot segments":  func(c *resource.Config) { c.Identifier = "https://mcp.example.test/x/%2e%2E/mcp" },
		"own 73 identifier by http":            func(c *resource.Config) { c.Identifier = "http://mcp.example.test/mcp" },
		"own 73 identifier without scheme":     func(c *resource.Config) { c.Identifier = "mcp.example.test/mcp" },
		"own 73 identifier a star":             func(c *resource.Config) { c.Identifier = "https://*.example.test/mcp" },
		"own 74 scope with a quote":            func(c *resource.Config) { c.Scopes = []string{`a"`} },
		"own 74 scope with a space":            func(c *resource.Config) { c.Scopes = []string{"a b"} },
		"own 74 hint with CR LF":               func(c *resource.Config) { c.ChallengeScopes = []string{"a\r\n"} },
		"own 74 implied scope with a quote":    func(c *resource.Config) { c.Implies = map[string][]string{"a": {`"`}} },
		"own 74 empty scope":                   func(c *resource.Config) { c.Scopes = []string{""} },
		"own 74 scope in Unicode":              func(c *resource.Config) { c.ScopesSupported = []string{"l\u00e9"} },
		"own 75 token limit negative":          func(c *resource.Config) { c.MaxTokenBytes = -1 },
		"own 75 token limit over its bound":    func(c *resource.Config) { c.MaxTokenBytes = resource.MaxMaxTokenBytes + 1 },
		"own 75 lifetime negative":             func(c *resource.Config) { c.MaxLifetime = -1 },
		"own 75 memory negative":               func(c *resource.Config) { c.MemoryBytes = -1 },
		"own 75 metadata of another resource":  func(c *resource.Config) { c.Metadata.Resource = "https://x.example.test" },
		"own 75 metadata with another issuer":  func(c *resource.Config) { c.Metadata.AuthorizationServers = []string{"https://x.example.test"} },
		"own 75 metadata with the query too":   func(c *resource.Config) { c.Metadata.BearerMethodsSupported = []string{"header", "query"} },
		"own 75 metadata with a second name":   func(c *resource.Config) { c.Metadata.Extra = map[string]any{"Resource": "x"} },
		"own 75 a resource that signs by none": func(c *resource.Config) { c.Metadata.ResourceSigningAlgValuesSupported = []string{"none"} },
	} {
		c := valid()
		change(&c)
		res, err := resource.New(c)
		h.expect(name, []bool{res == nil, err != nil}, []bool{true, true})
	}
	key := string(resourcetest.JWK(h.fixture(nil).publicKey(), nil))
	for name, c := range map[string]jwks.Config{
		"own 76 keys: none in the set":       {Keys: []byte(`{"keys":[]}`)},
		"own 76 keys: an empty text":         {Keys: []byte{}},
		"own 76 keys: a symmetric one only":  {Keys: []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)},
		"own 76 keys: one without a set":     {Keys: []byte(key)},
		"own 76 keys: an array":              {Keys: []byte("[" + key + "]")},
		"own 76 keys: twice":                 {Keys: []byte(`{"keys":[` + key + `],"keys":[` + key + `]}`)},
		"own 76 keys: in upper case":         {Keys: []byte(`{"KEYS":[` + key + `]}`)},
		"own 76 keys: garbage behind":        {Keys: []byte(`{"keys":[` + key + `]}x`)},
		"own 76 keys: a private one only":    {Keys: []byte(`{"keys":[` + strings.TrimSuffix(key, "}") + `,"d":"AAAA"}]}`)},
		"own 76 keys: a private one, hidden": {Keys: []byte(`{"keys":[` + strings.TrimSuffix(key, "}") + `,"D":"AAAA"}]}`)},
		"own 77 keys and URL":                {Keys: []byte(`{"keys":[` + key + `]}`), URL: "https://auth.example.test/jwks"},
		"own 77 URL by http":                 {URL: "http://auth.example.test/jwks"},
		"own 77 URL of a file":               {URL: "file:///etc/jwks.json"},
		"own 77 URL with userinfo":           {URL: "https://u:p@auth.example.test/jwks"},
		"own 77 refresh too often":           {RefreshInterval: time.Second},
		"own 77 refresh too seldom":          {RefreshInterval: 24 * time.Hour},
		"own 77 refresh negative":            {RefreshInterval: -1},
	} {
		c.Issuer, c.Logger = "https://auth.example.test", slog.New(slog.DiscardHandler)
		_, err := jwks.New(c)
		h.expect(name, err != nil, true)
	}
}

func (f *fixture) publicKey() any { return f.issuer.PublicKey(f.issuer.SigningKeyID("")) }

// ownCopies: what a program does to what it gave or got changes nothing.
func ownCopies(h *hostile) {
	scopes, hint, supported := []string{"read"}, []string{"hint"}, []string{"public"}
	audiences, implies := []string{"urn:a"}, map[string][]string{"admin": {"read"}}
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Scopes, c.ChallengeScopes, c.ScopesSupported, c.Implies = scopes, hint, supported, implies
		c.Issuers[0].Audiences = audiences
	})
	scopes[0], hint[0], supported[0], audiences[0], implies["admin"][0] = "any", "any", "any", "urn:any", "any"
	implies["any"] = []string{"read"}
	with := func(scope, aud string) answer {
		return f.bearer(f.token(resourcetest.Token{Scope: scope, Audience: aud}))
	}
	h.expect("own 78 scopes changed after New", with("any", ""), lacking("read"))
	h.expect("own 78 implied as before", with("admin", ""), accepted)
	h.expect("own 78 audiences changed after New", with("read", "urn:any"), hinting(invalid, "hint"))
	h.expect("own 78 scopes published changed after New", f.res.Metadata().ScopesSupported, []string{"public"})

	g := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"read"} })
	g.res.Metadata().ScopesSupported[0] = "any"
	h.expect("own 79 the document that Metadata returned is changed: the scope that is needed is not", g.bearer(g.token(resourcetest.Token{Scope: "any"})), lacking("read"))
	h.expect("own 79 nor the next document", g.res.Metadata().ScopesSupported, []string{"read"})
	_, refused := g.res.Authenticate(httptest.NewRequest("POST", identifier, nil))
	refused.Challenges[0] = "Basic"
	h.expect("own 80 the challenges of a refusal are changed: the next is as ever", g.ask().challenge, hinting(bare, "read").challenge)

	var caller *resource.Caller
	k := h.fixture(nil)
	k.inner = keepCaller(&caller)
	tok := k.token(resourcetest.Token{})
	k.bearer(tok)
	before, _ := caller.MarshalJSON()
	for range 2 {
		_ = caller.Decode(&scribbled{})
	}
	k.bearer(tok)
	after, _ := caller.MarshalJSON()
	h.expect("own 81 a type that writes over what it decodes: the claims are as before", string(after), string(before))
	before[0], before[len(before)-1] = 'x', 'x'
	again, _ := caller.MarshalJSON()
	h.expect("own 81 nor does it matter what becomes of an encoded caller", string(again), string(after))
}

type scribbled struct {
	Sub scribbler `json:"sub"`
	Iss scribbler `json:"iss"`
	Aud scribbler `json:"aud"`
}

// A scribbler writes over the text that it is given, as no unmarshaler should.
type scribbler struct{}

func (*scribbler) UnmarshalJSON(data []byte) error {
	for i := range data {
		if data[i] != '"' {
			data[i] = 'x'
		}
	}
	return nil
}

// ownOpaque: what goes to the verifier for opaque tokens, and what its answer must
// say.
func ownOpaque(h *hostile) {
	var sent []string
	claims := &resource.Claims{}
	const id = "https://opaque.example.test"
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{StrictRFC9068: true, Verifier: voucher{id, func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			sent = append(sent, t.Raw())
			copied := *claims
			return &copied, nil
		}}}
	})
	h.walk(f, []tokenRow{
		{"own 82 JWT of an unknown issuer", f.claim("iss", `"https://x.example.test"`), invalid, whyNoIss},
		{"own 82 JWT of a known issuer, badly signed", f.token(resourcetest.Token{Fault: resourcetest.WrongSignature}), invalid, whySig},
		{"own 82 JWT without iss", f.claim("iss", ""), invalid, whyNoIss},
		{"own 82 JWT of the opaque issuer, for another audience", f.token(resourcetest.Token{Claims: map[string]any{"iss": id, "aud": "x"}}), invalid, whyAud},
		{"own 82 JWT of the opaque issuer, bound to a key", f.token(resourcetest.Token{Claims: map[string]any{"iss": id, "cnf": 1}}), invalid, whyBound},
		{"own 82 JWT of the opaque issuer, typ not as strict as it must be", f.token(resourcetest.Token{Header: map[string]any{"typ": "JWT"}, Claims: map[string]any{"iss": id}}), invalid, whyType},
		{"own 82 alg none", f.param("alg", `"none"`), invalid, whyAlg},
	})
	h.expect("own 82 none of these was sent to the verifier of opaque tokens", sent, []string(nil))

	ours := []string{identifier}
	later := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name   string
		claims resource.Claims
		want   answer
	}{
		{"own 83 good answer", resource.Claims{Issuer: id, Subject: "s", Audience: ours, Expiry: later}, accepted},
		{"own 83 without exp", resource.Claims{Issuer: id, Subject: "s", Audience: ours}, accepted},
		{"own 83 of another issuer", resource.Claims{Issuer: f.issuer.Identifier(), Subject: "s", Audience: ours}, invalid},
		{"own 83 of no issuer", resource.Claims{Subject: "s", Audience: ours}, invalid},
		{"own 83 about nobody", resource.Claims{Issuer: id, Audience: ours}, invalid},
		{"own 83 without aud", resource.Claims{Issuer: id, Subject: "s"}, invalid},
		{"own 83 for nobody", resource.Claims{Issuer: id, Subject: "s", Audience: []string{}}, invalid},
		{"own 83 expired", resource.Claims{Issuer: id, Subject: "s", Audience: ours, Expiry: time.Now().Add(-time.Hour)}, expired},
		{"own 83 not yet valid", resource.Claims{Issuer: id, Subject: "s", Audience: ours, NotBefore: later}, invalid},
		{"own 83 issued in the future", resource.Claims{Issuer: id, Subject: "s", Audience: ours, IssuedAt: later}, invalid},
		{"own 83 bound to a key", resource.Claims{Issuer: id, Subject: "s", Audience: ours, Confirmed: true}, invalid},
		{"own 83 good for 11 years", resource.Claims{Issuer: id, Subject: "s", Audience: ours, Expiry: time.Now().AddDate(11, 0, 0)}, invalid},
	} {
		claims = &row.claims
		h.expect(row.name, f.bearer("opaque-"+strings.ReplaceAll(row.name, " ", "-")), row.want)
	}
	var keys resource.Verifier
	g := h.fixture(func(c *resource.Config, k *jwks.Config) {
		keys, _ = jwks.New(*k)
		c.Opaque = &resource.Issuer{Verifier: keys}
	})
	h.walk(g, []tokenRow{
		{"own 84 a verifier of JWTs in the place for opaque tokens", "opaque", invalid, whyOpaque},
		{"own 84 and an encrypted one", "eyJhbGciOiJkaXIifQ..AA.AA.AA", invalid, whyOpaque},
	})
}

// ownVerifier: verifiers, and other functions of the configuration, that break
// their contract.
func ownVerifier(h *hostile) {
	var verify func(*resource.Token) (*resource.Claims, error)
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = voucher{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return verify(t) }}
	})
	changed := func(change func(*resource.Claims)) func(*resource.Token) (*resource.Claims, error) {
		return func(t *resource.Token) (*resource.Claims, error) {
			claims := *t.Claims()
			change(&claims)
			return &claims, nil
		}
	}
	failing := func(err error) func(*resource.Token) (*resource.Claims, error) {
		return func(t *resource.Token) (*resource.Claims, error) { return t.Claims(), err }
	}
	for _, row := range []struct {
		name   string
		verify func(*resource.Token) (*resource.Claims, error)
		want   answer
	}{
		{"own 85 an error that is a nil pointer", failing((*resource.Error)(nil)), failed},
		{"own 85 claims and an error", failing(errors.New("x")), invalid},
		{"own 85 both kinds of error, joined", failing(errors.Join(context.Canceled, &resource.Error{Reason: resource.ReasonRevoked})), invalid},
		{"own 86 verified claims of another issuer", changed(func(c *resource.Claims) { c.Issuer = "https://x.example.test" }), invalid},
		{"own 86 verified claims that expired", changed(func(c *resource.Claims) { c.Expiry = time.Unix(1, 0) }), expired},
		{"own 86 verified claims without exp", changed(func(c *resource.Claims) { c.Expiry = time.Time{} }), invalid},
		{"own 86 verified claims for another audience", changed(func(c *resource.Claims) { c.Audience = []string{"x"} }), invalid},
		{"own 86 verified claims about nobody", changed(func(c *resource.Claims) { c.Subject, c.ClientID = "", "" }), invalid},
		{"own 86 verified claims with a binding", changed(func(c *resource.Claims) { c.Confirmed = true }), invalid},
	} {
		verify = row.verify
		h.expect(row.name, f.bearer(f.token(resourcetest.Token{})), row.want)
	}

	// Retry-After is whole seconds in decimal (RFC 9110 §10.2.3), at least one,
	// whatever the width of an int and however long the wait.
	for name, row := range map[string]struct {
		wait time.Duration
		want string
	}{
		"own 87 Retry-After of a second and a nanosecond":  {time.Second + 1, "2"},
		"own 87 Retry-After of 100 years: an hour at most": {100 * 365 * 24 * time.Hour, "3600"},
		"own 87 Retry-After of the longest duration":       {math.MaxInt64, "3600"},
		"own 87 Retry-After of the shortest":               {math.MinInt64, "1"},
	} {
		verify = failing(&resource.Error{Reason: resource.ReasonKeysUnavailable, RetryAfter: row.wait})
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
		got := replyOf(nethttp.Middleware(f.res)(http.HandlerFunc(noContent)), req)
		h.expect(name, got.header.Get("Retry-After"), row.want)
	}

	g := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Revoked = func(context.Context, *resource.Caller) bool { runtime.Goexit(); return false }
	})
	served := false
	g.inner = func(http.ResponseWriter, *http.Request) { served = true }
	tok := g.token(resourcetest.Token{})
	var group sync.WaitGroup
	group.Go(func() { g.bearer(tok) })
	group.Wait()
	h.expect("own 88 Revoked ends the goroutine: not served", served, false)

	k := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Logger = slog.New(panickingLog{}) })
	k.inner = g.inner
	var got answer
	panicked := panicOf(func() { got = k.bearer("x") })
	h.expect("own 89 the log panics at a refusal: not served", served, false)
	h.expect("own 89 and the panic does not get through", fmt.Sprint(panicked, " ", got.status), "<nil> 401")
	h.expect("own 101 the log panics when a fetch failed: the process lives on", h.again("TestLogPanics", "LOG_PANICS=fetch"), "")
	h.expect("own 102 the log panics when a stream ends: the process lives on", h.again("TestLogPanics", "LOG_PANICS=stream"), "")
}

// TestLogPanics is what those two rows run: a panic on a goroutine of our own would end
// the program.
func TestLogPanics(t *testing.T) {
	switch os.Getenv("LOG_PANICS") {
	case "fetch":
		f := newFixture(t, func(_ *resource.Config, k *jwks.Config) { k.Logger = slog.New(panickingLog{}) })
		f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Status: 500})
		f.expect("keys can't be had", f.bearer(f.token(resourcetest.Token{})), unavailable)
	case "stream":
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Logger = slog.New(panickingLog{}) })
			f.inner = func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
			req := httptest.NewRequest("GET", identifier, nil)
			req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
			f.expect("a stream until its token is over", f.send(req), accepted)
		})
	}
}

type panickingLog struct{ slog.Handler }

func (panickingLog) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingLog) Handle(context.Context, slog.Record) error { panic("log") }

// ownMemory: what the memory costs.
func ownMemory(h *hostile) {
	const limit = 2 << 20
	for name, scopes := range map[string]string{
		"own 90 memory, tokens with 1,000 scopes of a letter": quoted(strings.Repeat("a ", 999) + "a"),
		"own 90 memory, the same in an array":                 "[" + strings.Repeat(`"a",`, 999) + `"a"]`,
		"own 90 memory, tokens with one long scope":           quoted(strings.Repeat("a", 2000)),
	} {
		f := h.fixture(func(c *resource.Config, k *jwks.Config) {
			c.MemoryBytes = limit
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
