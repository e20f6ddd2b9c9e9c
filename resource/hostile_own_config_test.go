package resource_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
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
		c.ScopeOptions.Implies = map[string][]string{"admin": {"write"}, "write": {"read", "admin"}, "read": {"list"}}
	})
	scope := func(text string) string { return f.token(resourcetest.Token{Scope: text}) }
	h.walk(f, []tokenRow{
		{"own 67 implied through another, in a circle", scope("admin"), accepted, ""},
		{"own 67 what is implied does not imply back", scope("list"), lacking("read"), whyScope},
		{"own 67 what only begins alike implies nothing", scope("administrator admi Admin"), lacking("read"), whyScope},
	})
	f = set(func(c *resource.Config) {
		c.ScopeOptions.Challenge, c.Metadata.ScopesSupported, c.Scopes = []string{"hint"}, []string{"public"}, []string{"read"}
	})
	h.walk(f, []tokenRow{
		{"own 68 the scope that is hinted at is not the one that is needed", f.token(resourcetest.Token{Scope: "hint public"}), lacking("read"), whyScope},
		{"own 68 the hint stands on a 401", f.claim("aud", `"x"`), hinting(invalid, "hint"), whyAud},
	})
	f, verified := h.counted(func(c *resource.Config) { c.Limits.CacheTTL = -1 }, nil)
	tok := f.token(resourcetest.Token{})
	h.expect("own 69 no memory: verified each time", fmt.Sprint(f.bearer(tok).status, f.bearer(tok).status, verified.Load()), "200 200 2")
	f = set(func(c *resource.Config) { c.Limits.MaxTokenBytes = 1 })
	h.expect("own 70 one byte allowed: all is refused", f.bearer(f.token(resourcetest.Token{})), invalid)
	h.expect("own 70 and nothing let through", f.bearer("x"), invalid)
	f = set(func(c *resource.Config) { c.Limits.CacheTTL = math.MaxInt64 })
	tok = f.token(resourcetest.Token{})
	h.expect("own 71 remembered for 292 years", fmt.Sprint(f.bearer(tok).status, f.bearer(tok).status), "200 200")
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
		"own 74 hint with CR LF":               func(c *resource.Config) { c.ScopeOptions.Challenge = []string{"a\r\n"} },
		"own 74 implied scope with a quote":    func(c *resource.Config) { c.ScopeOptions.Implies = map[string][]string{"a": {`"`}} },
		"own 74 empty scope":                   func(c *resource.Config) { c.Scopes = []string{""} },
		"own 74 scope in Unicode":              func(c *resource.Config) { c.Metadata.ScopesSupported = []string{"l\u00e9"} },
		"own 75 token limit negative":          func(c *resource.Config) { c.Limits.MaxTokenBytes = -1 },
		"own 75 token limit over its bound":    func(c *resource.Config) { c.Limits.MaxTokenBytes = maxTokenBytesLimit + 1 },
		"own 75 lifetime negative":             func(c *resource.Config) { c.Limits.MaxLifetime = -1 },
		"own 75 memory negative":               func(c *resource.Config) { c.Limits.CacheBytes = -1 },
		"own 75 metadata of another resource":  func(c *resource.Config) { c.Metadata.Resource = "https://x.example.test" },
		"own 75 metadata with an http issuer":  func(c *resource.Config) { c.Metadata.AuthorizationServers = []string{"http://x.example.test"} },
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
		c.Scopes, c.ScopeOptions.Challenge, c.Metadata.ScopesSupported, c.ScopeOptions.Implies = scopes, hint, supported, implies
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
		c.Hooks.Revoked = func(context.Context, *resource.Caller) bool { runtime.Goexit(); return false }
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
}

// ownProcess: a panic on a goroutine of our own would end the program.
func ownProcess(h *hostile) {
	h.expect("own 101 the log panics when a fetch failed: the process lives on", h.again("TestLogPanics", "LOG_PANICS=fetch"), "")
	h.expect("own 102 the log panics when a stream ends: the process lives on", h.again("TestLogPanics", "LOG_PANICS=stream"), "")
}

// TestLogPanics is what those two rows run.
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
