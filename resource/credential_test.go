package resource_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// keywordVerifier accepts tokens and header values that contain "secret".
type keywordVerifier struct {
	issuer string
	change func(*resource.Claims)
}

func (b keywordVerifier) Issuer() string { return b.issuer }

func (b keywordVerifier) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	return b.claims(t.Raw())
}

func (b keywordVerifier) VerifyHeader(_ context.Context, value string, _ *http.Request) (*resource.Claims, error) {
	return b.claims(value)
}

func (b keywordVerifier) claims(value string) (*resource.Claims, error) {
	if !strings.Contains(value, "secret") {
		return nil, &resource.Error{Reason: resource.ReasonInactive}
	}
	c := &resource.Claims{Issuer: b.issuer, Subject: "robot", Audience: []string{identifier}, Scopes: []string{"a"}}
	if b.change != nil {
		b.change(c)
	}
	return c, nil
}

// with sends a request with these header fields, as name, value.
func (f *fixture) with(headers ...string) answer {
	f.t.Helper()
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header[http.CanonicalHeaderKey(headers[i])] = append(req.Header[http.CanonicalHeaderKey(headers[i])], headers[i+1])
	}
	return f.send(req)
}

// ofOtherCredential returns the answer about a credential that is not an access token.
func ofOtherCredential(a answer) answer {
	a.challenge = strings.Replace(a.challenge, "The access token", "The credential", 1)
	a.body = strings.Replace(a.body, "The access token", "The credential", 1)
	return a
}

func TestHeaderCredential(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": keywordVerifier{issuer: "keys"}, "x-proxy-assertion": keywordVerifier{issuer: "proxy"}}
	})
	token := "Bearer " + f.token(resourcetest.Token{})
	for _, row := range []struct {
		name    string
		headers []string
		want    answer
	}{
		{"a valid key", []string{"X-API-Key", "secret"}, accepted},
		{"the other field", []string{"X-Proxy-Assertion", "secret"}, accepted},
		{"a token in Authorization", []string{"Authorization", token}, accepted},
		{"no credentials", nil, noCredentials},
		{"an invalid key", []string{"X-API-Key", "unknown"}, ofOtherCredential(invalid)},
		{"a token in the field for keys", []string{"X-API-Key", token}, ofOtherCredential(invalid)},
		{"a key in Authorization", []string{"Authorization", "Bearer secret"}, invalid},
		{"an invalid key and a valid token: no fallback to the token", []string{"X-API-Key", "unknown", "Authorization", token}, malformed},
		{"a valid key and a valid token", []string{"X-API-Key", "secret", "Authorization", token}, malformed},
		{"a valid key and an empty Authorization", []string{"X-API-Key", "secret", "Authorization", ""}, accepted},
		{"a valid key and Bearer without a token", []string{"X-API-Key", "secret", "Authorization", "Bearer"}, accepted},
		{"a valid key and Bearer with blanks", []string{"X-API-Key", "secret", "Authorization", "bearer  "}, accepted},
		{"an invalid key and Bearer without a token", []string{"X-API-Key", "unknown", "Authorization", "Bearer "}, ofOtherCredential(invalid)},
		{"a valid key and Bearer with a tab", []string{"X-API-Key", "secret", "Authorization", "Bearer\t"}, malformed},
		{"a valid key and two headers without a token", []string{"X-API-Key", "secret", "Authorization", "Bearer", "Authorization", "Bearer"}, malformed},
		{"a valid key and another scheme", []string{"X-API-Key", "secret", "Authorization", "Basic"}, malformed},
		{"a valid key and a token that is too long", []string{"X-API-Key", "secret", "Authorization", "Bearer " + strings.Repeat("x", 16<<10+1)}, malformed},
		{"both fields", []string{"X-API-Key", "secret", "X-Proxy-Assertion", "secret"}, malformed},
		{"the same field repeated", []string{"X-API-Key", "secret", "X-API-Key", "secret"}, malformed},
		{"empty", []string{"X-API-Key", ""}, malformed},
		{"too large", []string{"X-API-Key", "secret" + strings.Repeat("x", 16<<10)}, ofOtherCredential(invalid)},
	} {
		f.expect(row.name, f.with(row.headers...), row.want)
	}
	f.inner = func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		if caller.Credential() != "X-Api-Key" || caller.Issuer() != "keys" || req.Header.Get("X-Api-Key") != "" {
			t.Errorf("credential %s, issuer %s, field in the inner request %q", caller.Credential(), caller.Issuer(), req.Header.Get("X-Api-Key"))
		}
		w.WriteHeader(http.StatusOK)
	}
	f.with("X-API-Key", "secret")
	document := f.res.Metadata()
	if len(document.AuthorizationServers) != 1 || document.AuthorizationServers[0] != f.issuer.Identifier() {
		t.Errorf("published as authorization servers: %q", document.AuthorizationServers)
	}
}

// statefulVerifier counts the calls of Ready and Forget, and has a metric.
type statefulVerifier struct {
	keywordVerifier
	prometheus.Counter
	readyCalls, forgetCalls int
}

func (b *statefulVerifier) Ready(context.Context) error { b.readyCalls++; return errors.New("not yet") }

func (b *statefulVerifier) Forget() { b.forgetCalls++ }

// Ready, Forget and Metrics use the verifiers of headers too, each one once, even if it is
// configured in two places.
func TestHeaderVerifierMethods(t *testing.T) {
	counter := func(name string) prometheus.Counter { return prometheus.NewCounter(prometheus.CounterOpts{Name: name}) }
	header := &statefulVerifier{keywordVerifier: keywordVerifier{issuer: "header"}, Counter: counter("in_a_header")}
	both := &statefulVerifier{keywordVerifier: keywordVerifier{issuer: "both"}, Counter: counter("in_both")}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-One": header, "X-Two": both}
		c.Credentials.Prefixed = map[string]resource.Issuer{"pat_": {Verifier: both}}
	})
	const want = "resource: not ready: issuer \"both\": not yet\nissuer \"header\": not yet"
	if err := f.res.Ready(t.Context()); err == nil || err.Error() != want || header.readyCalls != 1 || both.readyCalls != 1 {
		t.Errorf("got %v, Ready called %d and %d times, want %s and one call each", err, header.readyCalls, both.readyCalls, want)
	}
	if f.res.Forget("x"); header.forgetCalls != 1 || both.forgetCalls != 1 {
		t.Errorf("Forget called %d and %d times, want one call each", header.forgetCalls, both.forgetCalls)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.res.Metrics())
	families, err := registry.Gather()
	found := 0
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "in_") && len(family.GetMetric()) == 1 {
			found++
		}
	}
	if err != nil || found != 2 {
		t.Errorf("got %d of the two series, error %v", found, err)
	}
}

func TestHeaderCredentialClaimChecks(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*resource.Claims)
		want   answer
	}{
		{"valid", nil, accepted},
		{"another issuer", func(c *resource.Claims) { c.Issuer = "other" }, ofOtherCredential(invalid)},
		{"no audience", func(c *resource.Claims) { c.Audience = nil }, ofOtherCredential(invalid)},
		{"expired", func(c *resource.Claims) { c.Expiry = time.Now().Add(-time.Hour) }, ofOtherCredential(expired)},
		{"bound to a key", func(c *resource.Claims) { c.Confirmation.Method = resource.ConfirmationDPoP }, ofOtherCredential(invalid)},
		{"without a scope", func(c *resource.Claims) { c.Scopes = nil }, ofOtherCredential(lacking("a"))},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": keywordVerifier{issuer: "keys", change: row.change}}
			c.Scopes, c.ScopeOptions.Challenge = []string{"a"}, []string{}
		})
		f.expect(row.name, f.with("X-API-Key", "secret"), row.want)
	}
}

func TestPrefixedTokens(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: keywordVerifier{issuer: "https://opaque.example.test"}}
		c.Credentials.Prefixed = map[string]resource.Issuer{"pat_": {Verifier: keywordVerifier{issuer: "pat"}}, "pat_x_": {Verifier: keywordVerifier{issuer: "longer"}},
			"perm:": {Verifier: keywordVerifier{issuer: "youtrack"}}}
	})
	for _, row := range []struct{ token, issuer string }{
		{"pat_secret", "pat"},
		{"pat_x_secret", "longer"},
		{"perm:secret", "youtrack"},
		{"secret", "https://opaque.example.test"},
		{"Pat_secret", "https://opaque.example.test"},
	} {
		caller := f.accept(row.token).Caller
		if caller.Issuer() != row.issuer || caller.Credential() != resource.CredentialOpaque {
			t.Errorf("%s: got %s of %s, want %s", row.token, caller.Credential(), caller.Issuer(), row.issuer)
		}
	}
	f.expect("an invalid token with a prefix is sent to no other verifier", f.bearer("pat_unknown"), ofOtherCredential(invalid))
	if got := f.accept(f.token(resourcetest.Token{})).Caller.Credential(); got != resource.CredentialJWT {
		t.Errorf("credential of a JWT: %q", got)
	}
}

// Answers about a token with a prefix do not call it an access token, unless its issuer has
// other tokens too.
func TestAnswersAboutPrefixedTokens(t *testing.T) {
	for _, row := range []struct {
		name   string
		issuer string // of opaque tokens without the prefix
		change func(*resource.Claims)
		token  string
		want   answer
	}{
		{"unknown", "https://opaque.example.test", nil, "pat_unknown", ofOtherCredential(invalid)},
		{"expired", "https://opaque.example.test", func(c *resource.Claims) { c.Expiry = time.Now().Add(-time.Hour) }, "pat_secret", ofOtherCredential(expired)},
		{"another audience", "https://opaque.example.test", func(c *resource.Claims) { c.Audience = nil }, "pat_secret", ofOtherCredential(invalid)},
		{"without a scope", "https://opaque.example.test", func(c *resource.Claims) { c.Scopes = nil }, "pat_secret", ofOtherCredential(lacking("a"))},
		{"unknown, without the prefix", "https://opaque.example.test", nil, "unknown", invalid},
		{"unknown, of an issuer that has other tokens", "https://pat.example.test", nil, "pat_unknown", invalid},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Opaque = &resource.Issuer{Verifier: keywordVerifier{issuer: row.issuer}}
			c.Credentials.Prefixed = map[string]resource.Issuer{"pat_": {Verifier: keywordVerifier{issuer: "https://pat.example.test", change: row.change}}}
			c.Scopes, c.ScopeOptions.Challenge = []string{"a"}, []string{}
			c.Metadata.AuthorizationServers = nil
		})
		f.expect(row.name, f.bearer(row.token), row.want)
	}
}

func TestHeaderClaims(t *testing.T) {
	contradicts := answer{403, "", `{"error_description":"The request contradicts its credential"}` + "\n"}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant-Id": {Claim: "tenant"}, "X-User": {Claim: "sub", Required: true}}
	})
	token := "Bearer " + f.token(resourcetest.Token{Subject: "alice", Claims: map[string]any{"tenant": "t1"}})
	without := "Bearer " + f.token(resourcetest.Token{Subject: "alice", Claims: map[string]any{"tenant": 1}})
	empty := "Bearer " + f.token(resourcetest.Token{Subject: "alice", Claims: map[string]any{"tenant": ""}})
	for _, row := range []struct {
		name    string
		headers []string
		want    answer
	}{
		{"both agree", []string{"Authorization", token, "X-Tenant-Id", "t1", "X-User", "alice"}, accepted},
		{"the optional field missing", []string{"Authorization", token, "X-User", "alice"}, accepted},
		{"the required field missing", []string{"Authorization", token, "X-Tenant-Id", "t1"}, contradicts},
		{"another value", []string{"Authorization", token, "X-Tenant-Id", "t2", "X-User", "alice"}, contradicts},
		{"another case", []string{"Authorization", token, "X-Tenant-Id", "T1", "X-User", "alice"}, contradicts},
		{"repeated", []string{"Authorization", token, "X-Tenant-Id", "t1", "X-Tenant-Id", "t1", "X-User", "alice"}, contradicts},
		{"the claim is empty, and so absent", []string{"Authorization", empty, "X-Tenant-Id", "", "X-User", "alice"}, contradicts},
		{"the claim is not a string", []string{"Authorization", without, "X-Tenant-Id", "1", "X-User", "alice"}, contradicts},
	} {
		f.expect(row.name, f.with(row.headers...), row.want)
	}
}

func TestCredentialMistakes(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   string
	}{
		{"short prefix", func(c *resource.Config) {
			c.Credentials.Prefixed = map[string]resource.Issuer{"ab": {Verifier: keywordVerifier{issuer: "x"}}}
		}, "3 characters"},
		{"prefix with a comma", func(c *resource.Config) {
			c.Credentials.Prefixed = map[string]resource.Issuer{"a,bc": {Verifier: keywordVerifier{issuer: "x"}}}
		}, `Credentials.Prefixed["a,bc"]: a prefix must have at least 3 characters of a token`},
		{"prefix of a JWT", func(c *resource.Config) {
			c.Credentials.Prefixed = map[string]resource.Issuer{"eyJ": {Verifier: keywordVerifier{issuer: "x"}}}
		}, "JWT"},
		{"prefix without a verifier", func(c *resource.Config) { c.Credentials.Prefixed = map[string]resource.Issuer{"pat_": {}} }, `Prefixed["pat_"]`},
		{"Authorization", func(c *resource.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"authorization": keywordVerifier{issuer: "x"}}
		}, "standard meaning"},
		{"invalid field name", func(c *resource.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X Key": keywordVerifier{issuer: "x"}}
		}, "not a header field name"},
		{"nil verifier", func(c *resource.Config) { c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Key": nil} }, "nil"},
		{"nil pointer as verifier", func(c *resource.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Key": (*keywordVerifier)(nil)}
		}, `Headers["X-Key"]: verifier is nil`},
		{"a field in two spellings", func(c *resource.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Key": keywordVerifier{issuer: "x"}, "x-key": keywordVerifier{issuer: "y"}}
		}, `Headers["x-key"]: duplicate field X-Key`},
		{"a field of claims in two spellings", func(c *resource.Config) {
			c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant": {Claim: "tid"}, "x-tenant": {Claim: "org"}}
		}, `HeaderClaims["x-tenant"]: duplicate field X-Tenant`},
		{"Origin", func(c *resource.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"Origin": keywordVerifier{issuer: "x"}}
		}, "standard meaning"},
		{"verifier without an issuer", func(c *resource.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Key": keywordVerifier{}}
		}, "Issuer() is empty"},
		{"empty claim", func(c *resource.Config) { c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant": {}} }, "Claim is empty"},
	} {
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}}
		row.change(&c)
		if _, err := resource.New(c); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want an error that contains %q", row.name, err, row.want)
		}
	}
}

// The fields of HeaderClaims are checked for public operations without credentials too: there is
// no claim with which a field could agree.
func TestHeaderClaimsOfPublicOperations(t *testing.T) {
	for _, row := range []struct {
		name     string
		required bool
		headers  []string
		want     resource.Reason
	}{
		{"the optional field missing", false, nil, ""},
		{"the required field missing", true, nil, resource.ReasonHeaderClaim},
		{"a value", false, []string{"victim"}, resource.ReasonHeaderClaim},
		{"a value of the required field", true, []string{"victim"}, resource.ReasonHeaderClaim},
		{"an empty value", false, []string{""}, resource.ReasonHeaderClaim},
		{"two values", false, []string{"", "victim"}, resource.ReasonHeaderClaim},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant-Id": {Claim: "tenant", Required: row.required}}
			c.Operations.Public = []string{"tools/list"}
		})
		req := rpcRequest(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "")
		req.Header["X-Tenant-Id"] = row.headers
		var got resource.Reason
		decision, refusal := f.res.Authenticate(req)
		if refusal != nil {
			got = refusal.Reason
		}
		decision.Done()
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
		if log := f.log.take(); len(row.headers) == 1 && !strings.Contains(log, `"got":"X-Tenant-Id: `+row.headers[0]+`","want":"tenant: a request without a token has no claims"`) {
			t.Errorf("%s: the log does not say that there is no token: %s", row.name, log)
		}
	}
}
