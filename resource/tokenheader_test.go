package resource_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const proxyAudience = "/projects/7/global/backendServices/8"

// newProxyIssuer returns an issuer whose tokens a proxy sends in a header field, and its
// verifier, which counts.
func newProxyIssuer(t testing.TB, identifier string) (*resourcetest.Issuer, *countingVerifier) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: identifier, Audience: proxyAudience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	keys, err := jwks.New(jwks.Config{Issuer: identifier, URL: issuer.URL(resourcetest.JWKS), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return issuer, &countingVerifier{Verifier: keys}
}

func tokenHeaders(field string, v resource.Verifier) map[string]resource.Issuer {
	return map[string]resource.Issuer{field: {Verifier: v, Audiences: []string{proxyAudience}}}
}

// A token is accepted only in the field of its issuer, whether it is cached or not. The order of
// the rows matters.
func TestTokenHeader(t *testing.T) {
	cloudflare, cloudflareKeys := newProxyIssuer(t, "https://team.cloudflareaccess.example")
	google, googleKeys := newProxyIssuer(t, "https://cloud.google.example/iap")
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.TokenHeaders = tokenHeaders("x-cf", cloudflareKeys)
		c.Credentials.TokenHeaders["X-Iap"] = tokenHeaders("", googleKeys)[""]
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": keywordVerifier{issuer: "keys"}}
	})
	f.unexplained = true            // the test counts calls
	const cf, iap = "X-Cf", "X-Iap" // short, so that the scanner of package leaktest does not find them in the rows with a cache key
	ofCF, ofIAP, ofBearer := cloudflare.Token(resourcetest.Token{}), google.Token(resourcetest.Token{}), f.token(resourcetest.Token{})
	rejected := ofOtherCredential(invalid)
	for _, row := range []struct {
		name    string
		headers []string
		want    answer
		reason  resource.Reason
	}{
		{"the field's issuer", []string{cf, ofCF}, accepted, ""},
		{"the field's issuer, cached", []string{cf, ofCF}, accepted, ""},
		{"the other field's issuer", []string{iap, ofIAP}, accepted, ""},
		{"a Bearer token", []string{"Authorization", "Bearer " + ofBearer}, accepted, ""},
		{"a cached Bearer token", []string{"Authorization", "Bearer " + ofBearer}, accepted, ""},

		{"a cached token in another field", []string{iap, ofCF}, rejected, resource.ReasonIssuerMismatch},
		{"a cached token after Bearer", []string{"Authorization", "Bearer " + ofCF}, invalid, resource.ReasonIssuerUnknown},
		{"the text of a cache key after Bearer", []string{"Authorization", "Bearer " + cf + ": " + ofCF}, malformed, resource.ReasonMalformedRequest},
		{"a cached Bearer token in a field", []string{cf, ofBearer}, rejected, resource.ReasonIssuerMismatch},
		{"the text of another field's cache key", []string{cf, iap + ": " + ofIAP}, malformed, resource.ReasonMalformedRequest},
		{"a token in the field for keys", []string{"X-API-Key", ofCF}, rejected, resource.ReasonInactive},
		{"a key in a field for tokens", []string{cf, "secret"}, rejected, resource.ReasonOpaqueUnsupported},

		{"with the scheme", []string{cf, "Bearer " + ofCF}, malformed, resource.ReasonMalformedRequest},
		{"two tokens", []string{cf, ofCF + "," + ofCF}, malformed, resource.ReasonMalformedRequest},
		{"a blank in front", []string{cf, " " + ofCF}, malformed, resource.ReasonMalformedRequest},
		{"empty", []string{cf, ""}, malformed, resource.ReasonMalformedRequest},
		{"the same field repeated", []string{cf, ofCF, cf, ofCF}, malformed, resource.ReasonMalformedRequest},
		{"both fields", []string{cf, ofCF, iap, ofIAP}, malformed, resource.ReasonMalformedRequest},
		{"and a Bearer token", []string{cf, ofCF, "Authorization", "Bearer " + ofBearer}, malformed, resource.ReasonMalformedRequest},
		{"an invalid token and a valid Bearer token", []string{cf, ofCF + "x", "Authorization", "Bearer " + ofBearer}, malformed, resource.ReasonMalformedRequest},
		{"and a key", []string{cf, ofCF, "X-API-Key", "secret"}, malformed, resource.ReasonMalformedRequest},
		{"and an empty Authorization", []string{cf, ofCF, "Authorization", ""}, accepted, ""},
		{"too large", []string{cf, strings.Repeat("x", 16<<10+1)}, rejected, resource.ReasonTokenTooLarge},

		{"another audience", []string{cf, cloudflare.Token(resourcetest.Token{Audience: "/projects/7/global/backendServices/9"})}, rejected, resource.ReasonAudience},
		{"an audience that begins with ours", []string{cf, cloudflare.Token(resourcetest.Token{Audience: proxyAudience + "0"})}, rejected, resource.ReasonAudience},
		{"the resource as audience", []string{cf, cloudflare.Token(resourcetest.Token{Audience: identifier})}, accepted, ""},
		{"expired", []string{cf, cloudflare.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Hour)})}, ofOtherCredential(expired), resource.ReasonExpired},
		{"an ID token by its typ claim", []string{cf, cloudflare.Token(resourcetest.Token{Claims: map[string]any{"typ": "ID"}})}, rejected, resource.ReasonTokenType},
		{"bound to a key", []string{cf, cloudflare.Token(resourcetest.Token{Claims: map[string]any{"cnf": map[string]any{"jkt": "x"}}})}, rejected, resource.ReasonSenderConstrained},
		{"a wrong signature", []string{cf, cloudflare.Token(resourcetest.Token{Fault: resourcetest.WrongSignature})}, rejected, resource.ReasonSignatureInvalid},
		{"signed by another issuer", []string{cf, google.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Minute), Claims: map[string]any{"iss": cloudflare.Identifier()}})}, rejected, resource.ReasonKeyUnknown},
	} {
		f.log.take()
		f.expect(row.name, f.with(row.headers...), row.want)
		text := f.log.take()
		if got := loggedReason(text); got != row.reason {
			t.Errorf("%s: reason %q, want %q", row.name, got, row.reason)
		}
		if strings.Contains(text, ofCF) || strings.Contains(text, ofIAP) || strings.Contains(text, ofBearer) {
			t.Errorf("%s: the log contains the token: %s", row.name, text)
		}
	}
	if n := cloudflareKeys.calls.Load(); n != 5 { // the first, the key, the resource as audience, and two wrong signatures
		t.Errorf("%d verifications, want 5: an accepted token is cached", n)
	}
}

// The log says what is wrong with a field that has more than the token.
func TestTokenHeaderWithScheme(t *testing.T) {
	issuer, keys := newProxyIssuer(t, "https://proxy.example.test")
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Credentials.TokenHeaders = tokenHeaders("X-Jwt", keys) })
	f.with("X-Jwt", "Bearer "+issuer.Token(resourcetest.Token{}))
	const want = `"issuer":"https://proxy.example.test","error":"X-Jwt is not a token: it must have the token alone, without Bearer"`
	if got := f.log.take(); !strings.Contains(got, want) {
		t.Errorf("log\n got %s\nwant %s", got, want)
	}
}

// The caller tells which field the token was in. The handler does not get the field, and the
// issuer is not published.
func TestTokenHeaderCaller(t *testing.T) {
	issuer, keys := newProxyIssuer(t, "https://proxy.example.test")
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Credentials.TokenHeaders = tokenHeaders("X-Jwt", keys) })
	called := 0
	f.inner = func(w http.ResponseWriter, req *http.Request) {
		called++
		caller, _ := resource.FromContext(req.Context())
		if caller.Credential() != "X-Jwt" || caller.Issuer() != issuer.Identifier() || caller.Subject() != "alice" || len(req.Header["X-Jwt"]) > 0 {
			t.Errorf("credential %s, issuer %s, subject %s, field in the inner request %q", caller.Credential(), caller.Issuer(), caller.Subject(), req.Header["X-Jwt"])
		}
		if refusal := f.res.Permit(req.Context(), caller, resource.Operation{Method: "tools/call", Name: "x"}); refusal != nil {
			t.Errorf("Permit: %v", refusal)
		}
		w.WriteHeader(http.StatusOK)
	}
	token := issuer.Token(resourcetest.Token{})
	f.expect("first", f.with("X-Jwt", token), accepted)
	f.expect("cached", f.with("X-Jwt", token), accepted)
	if called != 2 {
		t.Errorf("handler called %d times", called)
	}
	if got := f.res.Metadata().AuthorizationServers; len(got) != 1 || got[0] != f.issuer.Identifier() {
		t.Errorf("published as authorization servers: %q", got)
	}
}

// The rules for scopes, claims and revocation apply to new and cached tokens in a field.
func TestTokenHeaderRules(t *testing.T) {
	issuer, keys := newProxyIssuer(t, "https://proxy.example.test")
	revoked := false
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.TokenHeaders = tokenHeaders("X-Jwt", keys)
		c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant": {Claim: "tenant"}}
		c.Scopes, c.ScopeOptions.Challenge = []string{"a"}, []string{}
		c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return revoked, nil })
	})
	token := issuer.Token(resourcetest.Token{Scope: "a", Claims: map[string]any{"tenant": "t1"}})
	contradicts := answer{403, "", `{"error_description":"The request contradicts its credential"}` + "\n"}
	for range 2 {
		f.expect("valid", f.with("X-Jwt", token, "X-Tenant", "t1"), accepted)
		f.expect("a field that contradicts a claim", f.with("X-Jwt", token, "X-Tenant", "t2"), contradicts)
		f.expect("without the scope", f.with("X-Jwt", issuer.Token(resourcetest.Token{Scope: "b"})), ofOtherCredential(lacking("a")))
	}
	revoked = true
	f.expect("revoked", f.with("X-Jwt", token, "X-Tenant", "t1"), ofOtherCredential(invalid))
}

// Forget and ForgetSubject find tokens in every field.
func TestForgetTokenInHeader(t *testing.T) {
	v := &subjectVerifier{}
	v.live.Store(true)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: v}
		c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-One": {Verifier: v}, "X-Two": {Verifier: v}}
	})
	f.unexplained = true // the test counts calls
	send := func() int64 {
		v.calls.Store(0)
		for _, headers := range [][]string{{"Authorization", "Bearer alice"}, {"X-One", "alice"}, {"X-Two", "alice"}, {"X-One", "bob"}} {
			f.expect(headers[0], f.with(headers...), accepted)
		}
		return v.calls.Load()
	}
	for _, row := range []struct {
		name   string
		forget func()
		want   int64
	}{
		{"nothing is cached", func() {}, 4},
		{"everything is cached, each field separately", func() {}, 0},
		{"a token, in all fields", func() { f.res.Forget("alice") }, 3},
		{"a token in one field", func() { f.res.Forget("bob") }, 1},
		{"the text of a cache key", func() { f.res.Forget("X-One: alice") }, 0},
		{"a subject", func() { f.res.ForgetSubject(v.Issuer(), "alice") }, 3},
		{"the verification was invalidated", func() { v.live.Store(false) }, 4},
	} {
		row.forget()
		if got := send(); got != row.want {
			t.Errorf("%s: %d verifications, want %d", row.name, got, row.want)
		}
	}
}

// Streams of a token in a field are checked as those of a Bearer token are.
func TestStreamOfTokenInHeader(t *testing.T) {
	v := new(scriptedVerifier)
	for _, row := range []struct {
		name   string
		apply  func(f *fixture)
		within time.Duration // 0: never
		reason string
	}{
		{"nothing happens", func(*fixture) {}, 0, ""},
		{"Forget, and the issuer rejects the token", func(f *fixture) {
			v.set(rejecting(resource.ReasonInactive))
			f.res.Forget("opaque")
		}, 30 * time.Second, "inactive"},
		{"the issuer rejects the token after its cache entry expires", func(*fixture) { v.set(rejecting(resource.ReasonInactive)) }, 5 * time.Minute, "inactive"},
		{"the issuer removes a scope", func(*fixture) {
			v.set(func() (*resource.Claims, error) { return validClaims("alice", "b"), nil })
		}, 5 * time.Minute, "insufficient_scope"},
		{"the issuer returns another subject", func(*fixture) {
			v.set(func() (*resource.Claims, error) { return validClaims("bob", "a"), nil })
		}, 5 * time.Minute, "token_invalid"},
		{"two failures", func(*fixture) { v.set(rejecting(resource.ReasonVerifierUnavailable)) }, 5*time.Minute + 30*time.Second, "verifier_unavailable"},
	} {
		t.Run(row.name, func(t *testing.T) {
			change := func(c *resource.Config, k *jwks.Config) {
				useScriptedVerifier(v, nil)(c, k)
				c.Credentials.TokenHeaders, c.Opaque = map[string]resource.Issuer{"X-Jwt": *c.Opaque}, nil
			}
			inBubble(t, change, func(t *testing.T, f *fixture) {
				req := getRequest()
				req.Header.Set("X-Jwt", "opaque")
				s := startStreamWith(nethttp.Middleware(f.res), req)
				synctest.Wait()
				began := time.Now()
				row.apply(f)
				time.Sleep(time.Hour)
				if s.ended() != (row.within > 0) {
					t.Fatalf("ended: %v", s.ended())
				}
				s.disconnect()
				<-s.done
				if row.within == 0 {
					return
				}
				if took := s.endedAt.Sub(began); took > row.within || !strings.HasSuffix(s.cause.Error(), ": "+row.reason) {
					t.Errorf("ended after %s, %v, want within %s, %s", took, s.cause, row.within, row.reason)
				}
			})
		})
	}
}

// untouchableVerifier is a HeaderVerifier that must not be called.
type untouchableVerifier struct{ t *testing.T }

func (untouchableVerifier) Issuer() string { return "https://opaque.example.test" }

func (u untouchableVerifier) VerifyHeader(context.Context, string, *http.Request) (*resource.Claims, error) {
	u.t.Error("VerifyHeader was called")
	return nil, &resource.Error{Reason: resource.ReasonInactive}
}

// At its next check, the current configuration decides about a stream of a token in a field.
func TestReplaceEndsStreamOfTokenInHeader(t *testing.T) {
	for _, row := range []struct {
		name  string
		apply func(t *testing.T, c *resource.Config)
		ends  bool
	}{
		{"nothing", func(*testing.T, *resource.Config) {}, false},
		{"the field removed", func(_ *testing.T, c *resource.Config) { c.Credentials.TokenHeaders = nil }, true},
		{"another field", func(_ *testing.T, c *resource.Config) {
			c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Other": c.Credentials.TokenHeaders["X-Jwt"]}
		}, true},
		{"a HeaderVerifier for the field", func(t *testing.T, c *resource.Config) {
			c.Credentials.TokenHeaders, c.Credentials.Headers = nil, map[string]resource.HeaderVerifier{"X-Jwt": untouchableVerifier{t}}
		}, true},
		{"another verifier that rejects", func(_ *testing.T, c *resource.Config) {
			v := new(scriptedVerifier)
			v.set(rejecting(resource.ReasonInactive))
			c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Jwt": {Verifier: v}}
		}, true},
		{"another required scope", func(_ *testing.T, c *resource.Config) { c.Scopes = []string{"z"} }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := new(scriptedVerifier)
			var config resource.Config
			change := func(c *resource.Config, k *jwks.Config) {
				useScriptedVerifier(v, nil)(c, k)
				c.Credentials.TokenHeaders, c.Opaque = map[string]resource.Issuer{"X-Jwt": *c.Opaque}, nil
				config = *c
				keys, err := jwks.New(*k)
				if err != nil {
					t.Fatal(err)
				}
				config.Issuers = []resource.Issuer{{Verifier: keys}}
			}
			inBubble(t, change, func(t *testing.T, f *fixture) {
				req := getRequest()
				req.Header.Set("X-Jwt", "opaque")
				s := startStreamWith(nethttp.Middleware(f.res), req)
				defer s.disconnect()
				synctest.Wait()
				row.apply(t, &config)
				if err := f.res.Replace(newResource(t, config)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(streamCheckInterval + time.Millisecond)
				synctest.Wait()
				if s.ended() != row.ends {
					t.Errorf("ended: %v, want %v; log: %s", s.ended(), row.ends, f.log.take())
				}
			})
		})
	}
}

// Replace keeps the cache only if the issuers of all fields are the same.
func TestReplaceAndTokenHeaderCache(t *testing.T) {
	for _, row := range []struct {
		name  string
		apply func(c *resource.Config)
		want  int64 // verifications of the token afterwards
	}{
		{"nothing", func(*resource.Config) {}, 0},
		{"another audience", func(c *resource.Config) {
			i := c.Credentials.TokenHeaders["X-Jwt"]
			i.Audiences = []string{"x"}
			c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Jwt": i}
		}, 1},
		{"another field besides", func(c *resource.Config) {
			c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Jwt": c.Credentials.TokenHeaders["X-Jwt"], "X-Other": c.Credentials.TokenHeaders["X-Jwt"]}
		}, 1},
	} {
		v := new(subjectVerifier)
		v.live.Store(true)
		keys := verifier(t)
		config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keys}},
			Credentials: resource.Credentials{TokenHeaders: map[string]resource.Issuer{"X-Jwt": {Verifier: v}}}}
		f := &fixture{t: t, res: newResource(t, config), inner: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }}
		f.unexplained = true // the test counts calls
		f.expect("before", f.with("X-Jwt", "alice"), accepted)
		v.calls.Store(0)
		row.apply(&config)
		if err := f.res.Replace(newResource(t, config)); err != nil {
			t.Fatal(err)
		}
		f.expect(row.name, f.with("X-Jwt", "alice"), accepted)
		if got := v.calls.Load(); got != row.want {
			t.Errorf("%s: %d verifications, want %d", row.name, got, row.want)
		}
	}
}

// A request without the field, whose operation is public, is accepted as others are; one with an
// invalid token in it is not.
func TestTokenHeaderAndPublicOperations(t *testing.T) {
	_, keys := newProxyIssuer(t, "https://proxy.example.test")
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.TokenHeaders = tokenHeaders("X-Jwt", keys)
		c.Operations.Public = []string{"tools/list"}
	})
	f.expect("no credentials", f.send(rpcRequest(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "")), accepted)
	req := rpcRequest(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "")
	req.Header.Set("X-Jwt", "x.y.z")
	if got := f.send(req); got.status != http.StatusUnauthorized {
		t.Errorf("an invalid token: got %+v", got)
	}
}

// Ready, Forget and Metrics use the verifiers of fields.
func TestTokenHeaderVerifierMethods(t *testing.T) {
	v := &statefulVerifier{keywordVerifier: keywordVerifier{issuer: "https://proxy.example.test"}, Counter: prometheus.NewCounter(prometheus.CounterOpts{Name: "in_a_field_total", Help: "h"})}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Jwt": {Verifier: v}}
	})
	if err := f.res.Ready(t.Context()); err == nil || err.Error() != `resource: not ready: issuer "https://proxy.example.test": not yet` {
		t.Errorf("got %v", err)
	}
	if f.res.Forget("x"); v.forgetCalls != 1 {
		t.Errorf("Forget was called %d times", v.forgetCalls)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.res.Metrics())
	const want = "# HELP in_a_field_total h\n# TYPE in_a_field_total counter\nin_a_field_total{resource=\"https://mcp.example.test/mcp\"} 0\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "in_a_field_total"); err != nil {
		t.Error(err)
	}
}

func TestTokenHeaderMistakes(t *testing.T) {
	_, keys := newProxyIssuer(t, "https://proxy.example.test")
	pattern, err := jwks.New(jwks.Config{Issuer: "https://login.example.test/{tenantid}/v2.0", URL: "https://login.example.test/keys"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   string
	}{
		{"no verifier", func(c *resource.Config) { c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Jwt": {}} },
			`Credentials.TokenHeaders["X-Jwt"].Verifier: nil; use jwks.New or introspect.New`},
		{"Authorization", func(c *resource.Config) { c.Credentials.TokenHeaders = tokenHeaders("authorization", keys) },
			`Credentials.TokenHeaders["authorization"]: Authorization has a standard meaning`},
		{"not a field", func(c *resource.Config) { c.Credentials.TokenHeaders = tokenHeaders("X Jwt", keys) },
			`Credentials.TokenHeaders["X Jwt"]: not a header field name`},
		{"a field of Headers", func(c *resource.Config) {
			c.Credentials.TokenHeaders = tokenHeaders("x-jwt", keys)
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Jwt": keywordVerifier{issuer: "x"}}
		}, `Credentials.TokenHeaders["x-jwt"]: duplicate field X-Jwt; field names are the same in upper and lower case`},
		{"an audience that looks like a pattern", func(c *resource.Config) {
			c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Jwt": {Verifier: keys, Audiences: []string{"*"}}}
		}, `Credentials.TokenHeaders["X-Jwt"].Audiences[0]: "*" looks like a pattern, but audiences are compared byte for byte: name each one; LiteralAudiences allows '*'`},
		{"tenants", func(c *resource.Config) {
			c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Jwt": {Verifier: pattern, Tenants: &resource.Tenants{Allow: []string{"a"}}}}
		}, `Credentials.TokenHeaders["X-Jwt"].Tenants: only an entry of Issuers can have tenants`},
		{"nothing to publish", func(c *resource.Config) {
			c.Issuers, c.Credentials.TokenHeaders = nil, tokenHeaders("X-Jwt", keys)
		}, `Metadata.AuthorizationServers: none; name where clients of tenants, of ResolveIssuer's issuers, of TokenHeaders and of Prefixed log in`},
		{"no mistake: another server to publish", func(c *resource.Config) {
			c.Issuers, c.Credentials.TokenHeaders = nil, tokenHeaders("X-Jwt", keys)
			c.Metadata.AuthorizationServers = []string{"https://login.example.test"}
		}, ""},
	} {
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}}
		row.change(&c)
		_, err := resource.New(c)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "resource: configuration: ")
		}
		if got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

// If the middleware is mounted twice, the inner one uses the caller of the outer one.
func TestTokenHeaderMountedTwice(t *testing.T) {
	issuer, keys := newProxyIssuer(t, "https://proxy.example.test")
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Credentials.TokenHeaders = tokenHeaders("X-Jwt", keys) })
	twice := nethttp.Middleware(f.res)(nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })))
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("X-Jwt", issuer.Token(resourcetest.Token{}))
	recorder := httptest.NewRecorder()
	if twice.ServeHTTP(recorder, req); recorder.Code != http.StatusOK {
		t.Errorf("got %d", recorder.Code)
	}
}
