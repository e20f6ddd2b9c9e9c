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

// ownConfig tests that valid options do not weaken the resource.
func ownConfig(h *hostile) {
	set := func(change func(*resource.Config)) *fixture {
		return h.fixture(func(c *resource.Config, _ *jwks.Config) { change(c) })
	}
	f := set(func(c *resource.Config) { c.Issuers[0].TrustAnswersWithoutAudience = true })
	h.checkTokens(f, []tokenRow{
		{"own 65 TrustAnswersWithoutAudience: a JWT verified by its signature still requires aud", f.claim("aud", ""), invalid, reasonAudience},
		{"own 65 TrustAnswersWithoutAudience: aud is an empty array", f.claim("aud", "[]"), invalid, reasonAudience},
		{"own 65 TrustAnswersWithoutAudience: aud of another resource", f.claim("aud", quoted("x")), invalid, reasonAudience},
	})
	f = set(func(c *resource.Config) {
		c.Issuers[0].Audiences = []string{"*", "https://*", "https://mcp.example.test/*", "."}
		c.Issuers[0].LiteralAudiences = true
	})
	h.checkTokens(f, []tokenRow{
		{"own 66 * in LiteralAudiences is not a wildcard", f.claim("aud", quoted("https://mcp.example.test/x")), invalid, reasonAudience},
		{"own 66 * in LiteralAudiences matches aud *", f.claim("aud", `"*"`), accepted, ""},
	})
	f = set(func(c *resource.Config) {
		c.Scopes = []string{"read"}
		c.ScopeOptions.Implies = map[string][]string{"admin": {"write"}, "write": {"read", "admin"}, "read": {"list"}}
	})
	scope := func(text string) string { return f.token(resourcetest.Token{Scope: text}) }
	h.checkTokens(f, []tokenRow{
		{"own 67 scope implied through another one, in a cycle", scope("admin"), accepted, ""},
		{"own 67 an implied scope does not imply the broader one", scope("list"), lacking("read"), reasonScope},
		{"own 67 scopes that resemble the broader one imply nothing", scope("administrator admi Admin"), lacking("read"), reasonScope},
	})
	f = set(func(c *resource.Config) {
		c.ScopeOptions.Challenge, c.Metadata.ScopesSupported, c.Scopes = []string{"hint"}, []string{"public"}, []string{"read"}
	})
	h.checkTokens(f, []tokenRow{
		{"own 68 the scopes in Challenge and ScopesSupported are not the required ones", f.token(resourcetest.Token{Scope: "hint public"}), lacking("read"), reasonScope},
		{"own 68 a 401 names the scopes in Challenge", f.claim("aud", `"x"`), withScopeHint(invalid, "hint"), reasonAudience},
	})
	f, verified := h.countedFixture(func(c *resource.Config) { c.Limits.CacheTTL = -1 }, nil)
	tok := f.token(resourcetest.Token{})
	h.expect("own 69 no cache: every request is verified", fmt.Sprint(f.bearer(tok).status, f.bearer(tok).status, verified.Load()), "200 200 2")
	f = set(func(c *resource.Config) { c.Limits.MaxTokenBytes = 1 })
	h.expect("own 70 MaxTokenBytes is 1: a valid token is rejected", f.bearer(f.token(resourcetest.Token{})), invalid)
	h.expect("own 70 MaxTokenBytes is 1: a token of one byte is rejected", f.bearer("x"), invalid)
	f = set(func(c *resource.Config) { c.Limits.CacheTTL = math.MaxInt64 })
	tok = f.token(resourcetest.Token{})
	h.expect("own 71 CacheTTL of 292 years", fmt.Sprint(f.bearer(tok).status, f.bearer(tok).status), "200 200")
}

// ownConfigErrors tests configurations that New rejects.
func ownConfigErrors(h *hostile) {
	verifier := stubVerifier{issuer: "https://auth.example.test"}
	valid := func() resource.Config {
		return resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}}
	}
	for name, change := range map[string]func(*resource.Config){
		"own 72 duplicate issuer":                         func(c *resource.Config) { c.Issuers = append(c.Issuers, c.Issuers[0]) },
		"own 72 issuer without an identifier":             func(c *resource.Config) { c.Issuers[0].Verifier = stubVerifier{} },
		"own 72 no issuer":                                func(c *resource.Config) { c.Issuers = nil },
		"own 72 no verifier":                              func(c *resource.Config) { c.Issuers[0].Verifier = nil },
		"own 73 identifier with a quote":                  func(c *resource.Config) { c.Identifier = identifier + `"` },
		"own 73 identifier with CR LF":                    func(c *resource.Config) { c.Identifier = identifier + "\r\nX: y" },
		"own 73 identifier with userinfo":                 func(c *resource.Config) { c.Identifier = "https://a@mcp.example.test/mcp" },
		"own 73 identifier with a fragment":               func(c *resource.Config) { c.Identifier = identifier + "#" },
		"own 73 identifier with a query":                  func(c *resource.Config) { c.Identifier = identifier + "?" },
		"own 73 identifier in upper case":                 func(c *resource.Config) { c.Identifier = "https://MCP.example.test/mcp" },
		"own 73 identifier in Unicode":                    func(c *resource.Config) { c.Identifier = "https://m\u0441p.example.test/mcp" },
		"own 73 identifier with dot segments":             func(c *resource.Config) { c.Identifier = "https://mcp.example.test/x/%2e%2E/mcp" },
		"own 73 identifier with scheme http":              func(c *resource.Config) { c.Identifier = "http://mcp.example.test/mcp" },
		"own 73 identifier without scheme":                func(c *resource.Config) { c.Identifier = "mcp.example.test/mcp" },
		"own 73 identifier with a wildcard host":          func(c *resource.Config) { c.Identifier = "https://*.example.test/mcp" },
		"own 74 scope with a quote":                       func(c *resource.Config) { c.Scopes = []string{`a"`} },
		"own 74 scope with a space":                       func(c *resource.Config) { c.Scopes = []string{"a b"} },
		"own 74 challenge scope with CR LF":               func(c *resource.Config) { c.ScopeOptions.Challenge = []string{"a\r\n"} },
		"own 74 implied scope with a quote":               func(c *resource.Config) { c.ScopeOptions.Implies = map[string][]string{"a": {`"`}} },
		"own 74 empty scope":                              func(c *resource.Config) { c.Scopes = []string{""} },
		"own 74 scope in Unicode":                         func(c *resource.Config) { c.Metadata.ScopesSupported = []string{"l\u00e9"} },
		"own 75 MaxTokenBytes negative":                   func(c *resource.Config) { c.Limits.MaxTokenBytes = -1 },
		"own 75 MaxTokenBytes above its bound":            func(c *resource.Config) { c.Limits.MaxTokenBytes = maxTokenBytesLimit + 1 },
		"own 75 MaxLifetime negative":                     func(c *resource.Config) { c.Limits.MaxLifetime = -1 },
		"own 75 CacheBytes negative":                      func(c *resource.Config) { c.Limits.CacheBytes = -1 },
		"own 75 metadata with another resource":           func(c *resource.Config) { c.Metadata.Resource = "https://x.example.test" },
		"own 75 metadata with an http issuer":             func(c *resource.Config) { c.Metadata.AuthorizationServers = []string{"http://x.example.test"} },
		"own 75 metadata with bearer method query":        func(c *resource.Config) { c.Metadata.BearerMethodsSupported = []string{"header", "query"} },
		"own 75 metadata with a case variant of resource": func(c *resource.Config) { c.Metadata.Extra = map[string]any{"Resource": "x"} },
		"own 75 metadata with signing algorithm none":     func(c *resource.Config) { c.Metadata.ResourceSigningAlgValuesSupported = []string{"none"} },
	} {
		c := valid()
		change(&c)
		res, err := resource.New(c)
		h.expect(name, []bool{res == nil, err != nil}, []bool{true, true})
	}
	key := string(resourcetest.JWK(h.fixture(nil).publicKey(), nil))
	for name, c := range map[string]jwks.Config{
		"own 76 keys: empty set":                                {Keys: []byte(`{"keys":[]}`)},
		"own 76 keys: empty text":                               {Keys: []byte{}},
		"own 76 keys: only a symmetric key":                     {Keys: []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)},
		"own 76 keys: a key without a set":                      {Keys: []byte(key)},
		"own 76 keys: an array":                                 {Keys: []byte("[" + key + "]")},
		"own 76 keys: duplicate member keys":                    {Keys: []byte(`{"keys":[` + key + `],"keys":[` + key + `]}`)},
		"own 76 keys: member KEYS in upper case":                {Keys: []byte(`{"KEYS":[` + key + `]}`)},
		"own 76 keys: garbage after the set":                    {Keys: []byte(`{"keys":[` + key + `]}x`)},
		"own 76 keys: only a private key":                       {Keys: []byte(`{"keys":[` + strings.TrimSuffix(key, "}") + `,"d":"AAAA"}]}`)},
		"own 76 keys: only a private key, with D in upper case": {Keys: []byte(`{"keys":[` + strings.TrimSuffix(key, "}") + `,"D":"AAAA"}]}`)},
		"own 77 Keys and URL":                                   {Keys: []byte(`{"keys":[` + key + `]}`), URL: "https://auth.example.test/jwks"},
		"own 77 URL with scheme http":                           {URL: "http://auth.example.test/jwks"},
		"own 77 file URL":                                       {URL: "file:///etc/jwks.json"},
		"own 77 URL with userinfo":                              {URL: "https://u:p@auth.example.test/jwks"},
		"own 77 RefreshInterval too short":                      {RefreshInterval: time.Second},
		"own 77 RefreshInterval too long":                       {RefreshInterval: 24 * time.Hour},
		"own 77 RefreshInterval negative":                       {RefreshInterval: -1},
	} {
		c.Issuer, c.Logger = "https://auth.example.test", slog.New(slog.DiscardHandler)
		_, err := jwks.New(c)
		h.expect(name, err != nil, true)
	}
}

func (f *fixture) publicKey() any { return f.issuer.PublicKey(f.issuer.SigningKeyID("")) }

// ownCopies tests that changes to passed or returned values do not affect the resource.
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
	h.expect("own 78 Scopes changed after New", with("any", ""), lacking("read"))
	h.expect("own 78 Implies changed after New", with("admin", ""), accepted)
	h.expect("own 78 Audiences changed after New", with("read", "urn:any"), withScopeHint(invalid, "hint"))
	h.expect("own 78 ScopesSupported changed after New", f.res.Metadata().ScopesSupported, []string{"public"})

	g := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"read"} })
	g.res.Metadata().ScopesSupported[0] = "any"
	h.expect("own 79 returned metadata changed: the required scope does not change", g.bearer(g.token(resourcetest.Token{Scope: "any"})), lacking("read"))
	h.expect("own 79 returned metadata changed: the next document does not change", g.res.Metadata().ScopesSupported, []string{"read"})
	_, refused := g.res.Authenticate(httptest.NewRequest("POST", identifier, nil))
	refused.Challenges[0] = "Basic"
	h.expect("own 80 challenges of a Refusal changed: the next challenge does not change", g.authorize().challenge, withScopeHint(noCredentials, "read").challenge)

	var caller *resource.Caller
	k := h.fixture(nil)
	k.inner = storeCaller(&caller)
	tok := k.token(resourcetest.Token{})
	k.bearer(tok)
	before, _ := caller.MarshalJSON()
	for range 2 {
		_ = caller.Decode(&overwrittenClaims{})
	}
	k.bearer(tok)
	after, _ := caller.MarshalJSON()
	h.expect("own 81 Decode into a type that overwrites its input: the claims do not change", string(after), string(before))
	before[0], before[len(before)-1] = 'x', 'x'
	again, _ := caller.MarshalJSON()
	h.expect("own 81 encoded Caller changed: the next encoding does not change", string(again), string(after))
}

type overwrittenClaims struct {
	Sub overwriter `json:"sub"`
	Iss overwriter `json:"iss"`
	Aud overwriter `json:"aud"`
}

// overwriter overwrites the text that it decodes, which an unmarshaler must not do.
type overwriter struct{}

func (*overwriter) UnmarshalJSON(data []byte) error {
	for i := range data {
		if data[i] != '"' {
			data[i] = 'x'
		}
	}
	return nil
}

// ownOpaque tests which tokens are sent to the verifier for opaque tokens, and which results of
// it are accepted.
func ownOpaque(h *hostile) {
	var sent []string
	claims := &resource.Claims{}
	const id = "https://opaque.example.test"
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{StrictRFC9068: true, Verifier: stubVerifier{id, func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			sent = append(sent, t.Raw())
			copied := *claims
			return &copied, nil
		}}}
	})
	f.unexplained = true // it sends them to the verifier, to show what that says
	h.checkBearerTokens(f, []tokenRow{
		{"own 82 JWT of an unknown issuer", f.claim("iss", `"https://x.example.test"`), invalid, reasonIssuerUnknown},
		{"own 82 JWT of a known issuer with an invalid signature", f.token(resourcetest.Token{Fault: resourcetest.WrongSignature}), invalid, reasonSignature},
		{"own 82 JWT without iss", f.claim("iss", ""), invalid, reasonIssuerUnknown},
		{"own 82 JWT of the opaque issuer, for another audience", f.token(resourcetest.Token{Claims: map[string]any{"iss": id, "aud": "x"}}), invalid, reasonAudience},
		{"own 82 JWT of the opaque issuer, bound to a key", f.token(resourcetest.Token{Claims: map[string]any{"iss": id, "cnf": 1}}), invalid, reasonSenderConstrained},
		{"own 82 JWT of the opaque issuer, typ JWT in strict mode", f.token(resourcetest.Token{Header: map[string]any{"typ": "JWT"}, Claims: map[string]any{"iss": id}}), invalid, reasonTokenType},
		{"own 82 alg none", f.param("alg", `"none"`), invalid, reasonAlgorithm},
	})
	h.expect("own 82 none of these tokens was sent to the verifier for opaque tokens", sent, []string(nil))

	ours := []string{identifier}
	later := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name   string
		claims resource.Claims
		want   answer
	}{
		{"own 83 valid claims", resource.Claims{Issuer: id, Subject: "s", Audience: ours, Expiry: later}, accepted},
		{"own 83 without exp", resource.Claims{Issuer: id, Subject: "s", Audience: ours}, accepted},
		{"own 83 another issuer", resource.Claims{Issuer: f.issuer.Identifier(), Subject: "s", Audience: ours}, invalid},
		{"own 83 without iss", resource.Claims{Subject: "s", Audience: ours}, invalid},
		{"own 83 without sub and client_id", resource.Claims{Issuer: id, Audience: ours}, accepted},
		{"own 83 without aud", resource.Claims{Issuer: id, Subject: "s"}, invalid},
		{"own 83 empty audience", resource.Claims{Issuer: id, Subject: "s", Audience: []string{}}, invalid},
		{"own 83 expired", resource.Claims{Issuer: id, Subject: "s", Audience: ours, Expiry: time.Now().Add(-time.Hour)}, expired},
		{"own 83 not yet valid", resource.Claims{Issuer: id, Subject: "s", Audience: ours, NotBefore: later}, invalid},
		{"own 83 issued in the future", resource.Claims{Issuer: id, Subject: "s", Audience: ours, IssuedAt: later}, invalid},
		{"own 83 bound to a key", resource.Claims{Issuer: id, Subject: "s", Audience: ours, Confirmation: resource.Confirmation{Method: resource.ConfirmationDPoP}}, invalid},
		{"own 83 valid for 11 years", resource.Claims{Issuer: id, Subject: "s", Audience: ours, Expiry: time.Now().AddDate(11, 0, 0)}, invalid},
	} {
		claims = &row.claims
		h.expect(row.name, f.bearer("opaque-"+strings.ReplaceAll(row.name, " ", "-")), row.want)
	}
	var keys resource.Verifier
	g := h.fixture(func(c *resource.Config, k *jwks.Config) {
		keys, _ = jwks.New(*k)
		c.Opaque = &resource.Issuer{Verifier: keys}
	})
	h.checkTokens(g, []tokenRow{
		{"own 84 verifier of JWTs as the verifier for opaque tokens", "opaque", invalid, reasonOpaque},
		{"own 84 verifier of JWTs as the verifier for opaque tokens, encrypted token", "eyJhbGciOiJkaXIifQ..AA.AA.AA", invalid, reasonOpaque},
	})
}

// ownVerifier tests verifiers, and other functions of the configuration, that violate their
// contract.
func ownVerifier(h *hostile) {
	var verify func(*resource.Token) (*resource.Claims, error)
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return verify(t) }}
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
		{"own 85 error that is a nil pointer", failing((*resource.Error)(nil)), failed},
		{"own 85 claims and an error", failing(errors.New("x")), invalid},
		{"own 85 two kinds of errors, joined", failing(errors.Join(context.Canceled, &resource.Error{Reason: resource.ReasonRevoked})), invalid},
		{"own 86 verified claims of another issuer", changed(func(c *resource.Claims) { c.Issuer = "https://x.example.test" }), invalid},
		{"own 86 verified claims that have expired", changed(func(c *resource.Claims) { c.Expiry = time.Unix(1, 0) }), expired},
		{"own 86 verified claims without exp", changed(func(c *resource.Claims) { c.Expiry = time.Time{} }), invalid},
		{"own 86 verified claims for another audience", changed(func(c *resource.Claims) { c.Audience = []string{"x"} }), invalid},
		{"own 86 verified claims without sub and client_id", changed(func(c *resource.Claims) { c.Subject, c.ClientID = "", "" }), accepted},
		{"own 86 verified claims with cnf", changed(func(c *resource.Claims) { c.Confirmation.Method = resource.ConfirmationDPoP }), invalid},
	} {
		verify = row.verify
		h.expect(row.name, f.bearer(f.token(resourcetest.Token{})), row.want)
	}

	// Retry-After is a whole number of seconds in decimal (RFC 9110 §10.2.3), at least one and
	// at most an hour, for any duration and any width of int.
	for name, row := range map[string]struct {
		wait time.Duration
		want string
	}{
		"own 87 Retry-After of a second and a nanosecond": {time.Second + 1, "2"},
		"own 87 Retry-After of 100 years":                 {100 * 365 * 24 * time.Hour, "3600"},
		"own 87 Retry-After of the longest duration":      {math.MaxInt64, "3600"},
		"own 87 Retry-After of the shortest duration":     {math.MinInt64, "1"},
	} {
		verify = failing(&resource.Error{Reason: resource.ReasonKeysUnavailable, RetryAfter: row.wait})
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
		got := replyOf(nethttp.Middleware(f.res)(http.HandlerFunc(emptyHandler)), req)
		h.expect(name, got.header.Get("Retry-After"), row.want)
	}

	g := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { runtime.Goexit(); return false, nil })
	})
	served := false
	g.inner = func(http.ResponseWriter, *http.Request) { served = true }
	tok := g.token(resourcetest.Token{})
	var group sync.WaitGroup
	group.Go(func() { g.bearer(tok) })
	group.Wait()
	h.expect("own 88 Revoked ends the goroutine: the handler does not run", served, false)

	k := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Logger = slog.New(panickingLog{}) })
	k.inner = g.inner
	var got answer
	panicked := recovered(func() { got = k.bearer("x") })
	h.expect("own 89 the logger panics during a rejection: the handler does not run", served, false)
	h.expect("own 89 the logger panics during a rejection: the panic is recovered", fmt.Sprint(panicked, " ", got.status), "<nil> 401")
}

// ownProcess tests panics on goroutines that this module starts, which would end the program.
func ownProcess(h *hostile) {
	h.expect("own 101 the logger panics after a failed fetch: the process continues", h.runInProcess("TestLogPanics", "LOG_PANICS=fetch"), "")
	h.expect("own 102 the logger panics when a stream ends: the process continues", h.runInProcess("TestLogPanics", "LOG_PANICS=stream"), "")
}

// TestLogPanics runs in a separate process for rows own 101 and own 102.
func TestLogPanics(t *testing.T) {
	switch os.Getenv("LOG_PANICS") {
	case "fetch":
		f := newFixture(t, func(_ *resource.Config, k *jwks.Config) { k.Logger = slog.New(panickingLog{}) })
		f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Status: 500})
		f.expect("keys are unavailable", f.bearer(f.token(resourcetest.Token{})), unavailable)
	case "stream":
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Logger = slog.New(panickingLog{}) })
			f.unexplained = true // the token has expired when the request ends
			f.inner = func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
			req := httptest.NewRequest("GET", identifier, nil)
			req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
			f.expect("a stream until its token has expired", f.send(req), accepted)
		})
	}
}

type panickingLog struct{ slog.Handler }

func (panickingLog) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingLog) Handle(context.Context, slog.Record) error { panic("log") }
