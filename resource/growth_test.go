package resource_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// growthPatterns are patterns of 1 to 3 bytes: every byte that has a meaning somewhere, and pairs
// and triples of those that structure URIs, JSON and lists.
func growthPatterns() (all []string) {
	const bytes, pairs, triples = `a0/:.,;=%?#@&{}[]"\ ~-_` + "\t\xff", `a/:.%"\,{ `, `a/:.%`
	add := func(length int, alphabet string) {
		patterns := []string{""}
		for range length {
			var longer []string
			for _, p := range patterns {
				for i := range len(alphabet) {
					longer = append(longer, p+alphabet[i:i+1])
				}
			}
			patterns = longer
		}
		all = append(all, patterns...)
	}
	add(1, bytes)
	add(2, pairs)
	add(3, triples)
	return all
}

// growthFixture is a resource that reads every text that a client can send.
type growthFixture struct {
	*fixture
	valid string // a token
}

func newGrowthFixture(t *testing.T) *growthFixture {
	t.Helper()
	rules := resource.Operations{
		Tools: map[string][]string{"delete": {"admin"}}, Prompts: map[string][]string{"p": {"admin"}}, Public: []string{"tools/list"},
		Resources: []resource.ResourceRule{{URI: "file:///payroll", Scopes: []string{"admin"}}, {Prefix: "x://a/", Scopes: []string{"admin"}}, {Template: "x://{a}/{b}", Scopes: []string{"admin"}}},
	}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = rules
		c.Issuers[0].RoleClaim, c.Issuers[0].RoleScopes = "roles", map[string][]string{"a": {"admin"}, "/": {"reader"}}
		c.Limits = resource.Limits{CacheTTL: -1, LogPerSecond: -1, MaxTokenBytes: 256 << 10}
		c.HTTP.Origins = []string{"https://app.example.test"}
		c.Logger = slog.New(slog.NewJSONHandler(forgetfulWriter{}, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Hooks.Observers = []resource.Observer{discardObserver{}}
		c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant-Id": {Claim: "tid"}}
	})
	g := &growthFixture{f, f.token(resourcetest.Token{Scope: "a"})}
	f.bearer(g.valid) // fetches the keys
	return g
}

// request returns a request with a valid token and this body.
func (f *growthFixture) request(body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+f.valid)
	return req
}

// withHeader returns a request whose header field has this value.
func (f *growthFixture) withHeader(name, value string) *http.Request {
	req := f.request(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	req.Header[name] = []string{value}
	return req
}

// withClaim returns a request whose token has this claim. JSON has no invalid UTF-8.
func (f *growthFixture) withClaim(name string, value any) *http.Request {
	if text, ok := value.(string); ok {
		value = strings.ToValidUTF8(text, "é")
	}
	return f.withHeader("Authorization", "Bearer "+f.token(resourcetest.Token{Claims: map[string]any{name: value}}))
}

// growthRows are the places at which a client's text is read.
var growthRows = []struct {
	name    string
	size    int // of the shorter text
	request func(f *growthFixture, text string) *http.Request
}{
	{"Authorization", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("Authorization", text) }},
	{"Bearer token", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withHeader("Authorization", "Bearer "+text)
	}},
	{"JOSE header segment", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withHeader("Authorization", "Bearer ey"+text+".e30.AA")
	}},
	{"JOSE header", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withHeader("Authorization", "Bearer "+base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","x":`+text))+".e30.AA")
	}},
	{"claims segment", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withHeader("Authorization", "Bearer eyJhbGciOiJFUzI1NiJ9."+text+"."+strings.Repeat("A", 86))
	}},
	{"claims", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withHeader("Authorization", "Bearer eyJhbGciOiJFUzI1NiJ9."+base64.RawURLEncoding.EncodeToString([]byte(`{"x":`+text))+"."+strings.Repeat("A", 86))
	}},
	{"signature segment", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withHeader("Authorization", "Bearer eyJhbGciOiJFUzI1NiJ9.e30."+text)
	}},
	{"scope", 900, func(f *growthFixture, text string) *http.Request { return f.withClaim("scope", text) }},
	{"list of scopes", 450, func(f *growthFixture, text string) *http.Request {
		return f.withClaim("scope", strings.Split(strings.ToValidUTF8(text, "é"), "/"))
	}},
	{"aud", 1024, func(f *growthFixture, text string) *http.Request { return f.withClaim("aud", text) }},
	{"list of audiences", 1024, func(f *growthFixture, text string) *http.Request {
		return f.withClaim("aud", []string{identifier, strings.ToValidUTF8(text, "é")})
	}},
	{"many audiences", 400, func(f *growthFixture, text string) *http.Request {
		return f.withClaim("aud", append(strings.Split(strings.ToValidUTF8(text, "é"), ""), identifier))
	}},
	{"many roles", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withClaim("roles", strings.Split(strings.ToValidUTF8(text, "é"), ""))
	}},
	{"iss", 1024, func(f *growthFixture, text string) *http.Request { return f.withClaim("iss", text) }},
	{"sub", 1024, func(f *growthFixture, text string) *http.Request { return f.withClaim("sub", text) }},
	{"jti", 1024, func(f *growthFixture, text string) *http.Request { return f.withClaim("jti", text) }},
	{"another claim", 1024, func(f *growthFixture, text string) *http.Request { return f.withClaim("x", text) }},
	{"header field with a claim", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("X-Tenant-Id", text) }},
	{"Origin", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("Origin", text) }},
	{"Origin with a host", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("Origin", "https://a"+text) }},
	{"Mcp-Method", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("Mcp-Method", text) }},
	{"Mcp-Name", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("Mcp-Name", text) }},
	{"Mcp-Name in Base64", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withHeader("Mcp-Name", "=?base64?"+text+"?=")
	}},
	{"Mcp-Session-Id", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("Mcp-Session-Id", text) }},
	{"Mcp-Protocol-Version", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("Mcp-Protocol-Version", text) }},
	{"traceparent", 4096, func(f *growthFixture, text string) *http.Request { return f.withHeader("Traceparent", text) }},
	{"Content-Type", 6000, func(f *growthFixture, text string) *http.Request { return f.withHeader("Content-Type", text) }},
	{"Content-Type with parameters", 4096, func(f *growthFixture, text string) *http.Request {
		return f.withHeader("Content-Type", "application/json;"+text)
	}},
	{"query", 4096, func(f *growthFixture, text string) *http.Request {
		req := f.request("{}")
		delete(req.Header, "Authorization")
		req.URL.RawQuery = text
		return req
	}},
	{"body", 4096, func(f *growthFixture, text string) *http.Request { return f.request(text) }},
	{"message", 4096, func(f *growthFixture, text string) *http.Request { return f.request(`{"jsonrpc":"2.0","id":` + text) }},
	{"batch", 4096, func(f *growthFixture, text string) *http.Request { return f.request("[" + text) }},
	{"params", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x",` + text + `}}`)
	}},
	{"arguments", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":` + text + `}}`)
	}},
	{"text in arguments", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":` + quoted(text) + `}}}`)
	}},
	{"method", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":` + quoted(text) + `}`)
	}},
	{"id", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":` + quoted(text) + `,"method":"ping"}`)
	}},
	{"tool", 4096, func(f *growthFixture, text string) *http.Request { return f.request(rpcMessage("tools/call", text)) }},
	{"prompt", 4096, func(f *growthFixture, text string) *http.Request { return f.request(rpcMessage("prompts/get", text)) }},
	{"URI", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":` + quoted(text) + `}}`)
	}},
	{"path of a URI", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":` + quoted("x://a/"+text+"a") + `}}`)
	}},
	{"opaque URI", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":` + quoted("x:"+text+"a") + `}}`)
	}},
	{"URI template", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":` + quoted("x://"+text) + `}}}`)
	}},
	{"subscriptions", 2048, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":[` +
			strings.Repeat(quoted("x://a/"+text[:3])+",", len(text)/16) + `"x://a/b"]}}}`)
	}},
	{"task", 4096, func(f *growthFixture, text string) *http.Request {
		return f.request(`{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":` + quoted(text) + `}}`)
	}},
}

// What a request allocates is linear in the text that the client sends: at most 2.2 times as
// much for twice the text, whatever it consists of. There is a constant besides.
func TestAllocationsAreLinear(t *testing.T) {
	if raceDetector || testing.Short() {
		t.Skip("takes long, and the race detector allocates too")
	}
	f := newGrowthFixture(t)
	patterns := growthPatterns()
	for _, row := range growthRows {
		for _, pattern := range patterns {
			short := strings.Repeat(pattern, row.size/len(pattern))
			if once, twice := f.growth(row.request, short); !isLinear(once, twice) {
				t.Errorf("%s, repeated %q: %d bytes, and %d for twice the text", row.name, pattern, once, twice)
				break
			}
		}
	}
}

func isLinear(once, twice uint64) bool { return float64(twice) <= 2.2*float64(once+4096) }

// growth returns how many bytes the decisions about a request with the text, and with twice the
// text, allocate. It repeats the measurement of what looks wrong, because other goroutines of
// the process allocate too.
func (f *growthFixture) growth(request func(*growthFixture, string) *http.Request, text string) (once, twice uint64) {
	for range 5 {
		if once, twice = f.allocated(request(f, text)), f.allocated(request(f, text+text)); isLinear(once, twice) {
			break
		}
	}
	return once, twice
}

// allocated returns the number of bytes that the decision about a request allocates.
func (f *growthFixture) allocated(req *http.Request) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	decision, _ := f.res.Authenticate(req)
	runtime.ReadMemStats(&after)
	decision.Done()
	return after.TotalAlloc - before.TotalAlloc
}

// discardObserver is an Observer that does nothing, so that events are made.
type discardObserver struct{}

func (discardObserver) Observe(context.Context, resource.Event) {}

// forgetfulWriter discards what it gets. With slog.DiscardHandler the records would not be made.
type forgetfulWriter struct{}

func (forgetfulWriter) Write(p []byte) (int, error) { return len(p), nil }
