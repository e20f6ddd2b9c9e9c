package resource_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

const (
	tenantPattern = "https://login.example.test/{tenantid}/v2.0"
	tenantA       = "aaaaaaaa-0000-0000-0000-000000000000"
	tenantB       = "bbbbbbbb-0000-0000-0000-000000000000"
)

func tenantIssuer(tenant string) string {
	return strings.Replace(tenantPattern, "{tenantid}", tenant, 1)
}

// tenantFixture is a fixture with an authorization server that has tenants and one key set. The
// set has a key for all tenants, another one in the form that Entra uses, and one key each for
// the tenants A and B.
type tenantFixture struct {
	*fixture
	all, template, ofA, ofB string // kids
}

func newTenantFixture(t testing.TB, change func(*resource.Config)) *tenantFixture {
	t.Helper()
	server, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://login.example.test/organizations/v2.0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	f := &tenantFixture{all: server.SigningKeyID(""), template: server.Publish(""), ofA: server.Publish(""), ofB: server.Publish("")}
	f.fixture = newFixtureWith(t, server, func(c *resource.Config, k *jwks.Config) {
		k.Issuer, k.URL = tenantPattern, server.URL(resourcetest.JWKS)
		c.Issuers[0].Tenants = &resource.Tenants{Allow: []string{tenantA, tenantB, "contoso.example"}}
		c.Metadata.AuthorizationServers = []string{server.Identifier()}
		if change != nil {
			change(c)
		}
	})
	f.publish(f.all, "", f.template, tenantPattern, f.ofA, tenantIssuer(tenantA), f.ofB, tenantIssuer(tenantB))
	return f
}

// publish sets the keys of the server: pairs of a kid and the member issuer, which can be empty.
func (f *tenantFixture) publish(kidsAndIssuers ...string) {
	var keys []string
	for n := 0; n < len(kidsAndIssuers); n += 2 {
		members := map[string]any{"kid": kidsAndIssuers[n], "use": "sig", "alg": "ES256"}
		if issuer := kidsAndIssuers[n+1]; issuer != "" {
			members["issuer"] = issuer
		}
		keys = append(keys, string(resourcetest.JWK(f.issuer.PublicKey(kidsAndIssuers[n]), members)))
	}
	f.issuer.SetJWKS([]byte(`{"keys":[` + strings.Join(keys, ",") + `]}`))
}

// tokenOf returns a token with the issuer and the tenant, signed with the key.
func (f *tenantFixture) tokenOf(iss string, tid any, kid string) string {
	return f.token(resourcetest.Token{Key: kid, Claims: map[string]any{"iss": iss, "tid": tid}})
}

func TestTenants(t *testing.T) {
	f := newTenantFixture(t, nil)
	for _, row := range []struct{ name, token string }{
		{"a key for all tenants", f.tokenOf(tenantIssuer(tenantA), tenantA, f.all)},
		{"a key for all tenants, in the form of Entra", f.tokenOf(tenantIssuer(tenantA), tenantA, f.template)},
		{"a key of the tenant", f.tokenOf(tenantIssuer(tenantA), tenantA, f.ofA)},
		{"another tenant", f.tokenOf(tenantIssuer(tenantB), tenantB, f.ofB)},
		{"a tenant by name", f.tokenOf(tenantIssuer("contoso.example"), "contoso.example", f.all)},
	} {
		f.expect(row.name, f.bearer(row.token), accepted)
	}
	if n := f.issuer.Count(resourcetest.Any); n != 1 {
		t.Errorf("%d requests, want one for the keys of all tenants", n)
	}
	var ids []string
	f.inner = func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		ids = append(ids, caller.ID())
	}
	f.bearer(f.tokenOf(tenantIssuer(tenantA), tenantA, f.all))
	f.bearer(f.tokenOf(tenantIssuer(tenantB), tenantB, f.all))
	want := fmt.Sprintf("[%d:%s sub:alice %d:%s sub:alice]", len(tenantIssuer(tenantA)), tenantIssuer(tenantA), len(tenantIssuer(tenantB)), tenantIssuer(tenantB))
	if got := fmt.Sprint(ids); got != want {
		t.Errorf("callers (-want +got)\n- %s\n+ %s", want, got)
	}
	if got := fmt.Sprint(f.res.Metadata().AuthorizationServers); got != "[https://login.example.test/organizations/v2.0]" {
		t.Errorf("published: %s", got)
	}
}

// No tenant is accepted as another one, and unknown tenants cause no request (issue 6,
// item 6).
func TestCrossTenant(t *testing.T) {
	f := newTenantFixture(t, nil)
	f.unexplained = true // the test counts calls
	f.expect("a valid token", f.bearer(f.tokenOf(tenantIssuer(tenantA), tenantA, f.all)), accepted)
	unknown, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unknown.Close)
	forged := unknown.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Minute), Header: map[string]any{"kid": f.ofA}, Claims: map[string]any{"iss": tenantIssuer(tenantA), "tid": tenantA}})
	for _, row := range []struct {
		name, token string
		want        resource.Reason
		mayFetch    bool // the key is unknown, so a fetch is allowed
	}{
		{"issuer B, claim A", f.tokenOf(tenantIssuer(tenantB), tenantA, f.all), resource.ReasonIssuerMismatch, false},
		{"issuer A, claim B", f.tokenOf(tenantIssuer(tenantA), tenantB, f.all), resource.ReasonIssuerMismatch, false},
		{"issuer A, claim B, key of B", f.tokenOf(tenantIssuer(tenantA), tenantB, f.ofB), resource.ReasonIssuerMismatch, false},
		{"issuer and claim A, key of B", f.tokenOf(tenantIssuer(tenantA), tenantA, f.ofB), resource.ReasonKeyUnknown, true},
		{"issuer and claim B, key of A", f.tokenOf(tenantIssuer(tenantB), tenantB, f.ofA), resource.ReasonKeyUnknown, true},
		{"issuer and claim of a third tenant, key of A", f.tokenOf(tenantIssuer("contoso.example"), "contoso.example", f.ofA), resource.ReasonKeyUnknown, true},
		{"signed by an unknown server", forged, resource.ReasonSignatureInvalid, true},
		{"no tenant claim", f.tokenOf(tenantIssuer(tenantA), resourcetest.Remove, f.all), resource.ReasonIssuerMismatch, false},
		{"an empty tenant claim", f.tokenOf(tenantIssuer(tenantA), "", f.all), resource.ReasonIssuerMismatch, false},
		{"the tenant claim in different case", f.tokenOf(tenantIssuer(tenantA), strings.ToUpper(tenantA), f.all), resource.ReasonIssuerMismatch, false},
		{"the tenant claim is an array of both tenants", f.tokenOf(tenantIssuer(tenantA), []string{tenantA, tenantB}, f.all), resource.ReasonIssuerMismatch, false},
		{"the tenant claim is an object", f.tokenOf(tenantIssuer(tenantA), map[string]any{tenantA: true}, f.all), resource.ReasonIssuerMismatch, false},
		{"a tenant that is not allowed", f.tokenOf(tenantIssuer("cccccccc-0000-0000-0000-000000000000"), "cccccccc-0000-0000-0000-000000000000", f.all), resource.ReasonIssuerUnknown, false},
		{"an allowed tenant in different case", f.tokenOf(tenantIssuer(strings.ToUpper(tenantA)), strings.ToUpper(tenantA), f.all), resource.ReasonIssuerUnknown, false},
		{"an empty tenant", f.tokenOf(tenantIssuer(""), "", f.all), resource.ReasonIssuerUnknown, false},
		{"the pattern itself", f.tokenOf(tenantPattern, "{tenantid}", f.all), resource.ReasonIssuerUnknown, false},
		{"the common endpoint", f.tokenOf(tenantIssuer("common"), "common", f.all), resource.ReasonIssuerUnknown, false},
		{"two segments", f.tokenOf(tenantIssuer(tenantA+"/"+tenantB), tenantA+"/"+tenantB, f.all), resource.ReasonIssuerUnknown, false},
		{"a path with .. that ends at A", f.tokenOf(tenantIssuer(tenantB+"/../"+tenantA), tenantA, f.all), resource.ReasonIssuerUnknown, false},
		{"A followed by an escaped slash", f.tokenOf(tenantIssuer(tenantA+"%2f"), tenantA, f.all), resource.ReasonIssuerUnknown, false},
		{"A with an escaped letter", f.tokenOf(tenantIssuer("%61"+tenantA[1:]), tenantA, f.all), resource.ReasonIssuerUnknown, false},
		{"A with a query", f.tokenOf(tenantIssuer(tenantA)+"?", tenantA, f.all), resource.ReasonIssuerUnknown, false},
		{"A with a trailing slash", f.tokenOf(tenantIssuer(tenantA)+"/", tenantA, f.all), resource.ReasonIssuerUnknown, false},
		{"A at another host", f.tokenOf(strings.Replace(tenantIssuer(tenantA), "login.", "login.example.test.evil.", 1), tenantA, f.all), resource.ReasonIssuerUnknown, false},
		{"A with http", f.tokenOf(strings.Replace(tenantIssuer(tenantA), "https", "http", 1), tenantA, f.all), resource.ReasonIssuerUnknown, false},
		{"A in another path", f.tokenOf("https://login.example.test/"+tenantA+"/v1.0", tenantA, f.all), resource.ReasonIssuerUnknown, false},
		{"a tenant of 129 characters", f.tokenOf(tenantIssuer(strings.Repeat("a", 129)), strings.Repeat("a", 129), f.all), resource.ReasonIssuerUnknown, false},
	} {
		before := f.issuer.Count(resourcetest.Any)
		f.log.take()
		f.expect(row.name, f.bearer(row.token), invalid)
		if log := f.log.take(); !strings.Contains(log, `"reason":"`+string(row.want)+`"`) {
			t.Errorf("%s: want reason %s, log is %s", row.name, row.want, log)
		}
		if calls := f.issuer.Count(resourcetest.Any) - before; calls > 0 && !row.mayFetch {
			t.Errorf("%s: sent %d requests", row.name, calls)
		}
	}
}

// With Tenants.Claim the tenant is taken from that claim, and tid is ignored.
func TestTenantClaim(t *testing.T) {
	f := newTenantFixture(t, func(c *resource.Config) { c.Issuers[0].Tenants.Claim = "/organization/id" })
	for _, row := range []struct {
		name   string
		claims map[string]any
		want   answer
	}{
		{"the tenant of iss", map[string]any{"organization": map[string]any{"id": tenantA}}, accepted},
		{"another tenant", map[string]any{"organization": map[string]any{"id": tenantB}, "tid": tenantA}, invalid},
		{"tid only", map[string]any{"tid": tenantA}, invalid},
		{"ID is another claim than id", map[string]any{"organization": map[string]any{"id": tenantA, "ID": tenantB}}, accepted},
		{"ID instead of id", map[string]any{"organization": map[string]any{"ID": tenantA}}, invalid},
		{"not an object", map[string]any{"organization": tenantA}, invalid},
	} {
		row.claims["iss"] = tenantIssuer(tenantA)
		f.expect(row.name, f.bearer(f.token(resourcetest.Token{Claims: row.claims})), row.want)
	}
}

// 10,000 tenants need one verifier, one fetch and one set of series.
func TestManyTenants(t *testing.T) {
	const count = 10_000
	var names []string
	for n := range count {
		names = append(names, fmt.Sprintf("tenant-%d", n))
	}
	f := newTenantFixture(t, func(c *resource.Config) { c.Issuers[0].Tenants.Allow = names })
	for n := 0; n < count; n += 97 {
		f.expect(names[n], f.bearer(f.tokenOf(tenantIssuer(names[n]), names[n], f.all)), accepted)
	}
	if n := f.issuer.Count(resourcetest.Any); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.res.Metrics())
	want := fmt.Sprintf(`# HELP warder_keyset_keys Usable keys.
# TYPE warder_keyset_keys gauge
warder_keyset_keys{issuer=%q,resource=%q} 4
`, tenantPattern, identifier)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "warder_keyset_keys"); err != nil {
		t.Error(err)
	}
	if err := f.res.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// ResolveIssuer is not called for a tenant that is not allowed.
func TestRejectedTenantIsNotResolved(t *testing.T) {
	calls := 0
	f := newTenantFixture(t, func(c *resource.Config) {
		c.Hooks.ResolveIssuer = func(iss string) (*resource.Issuer, bool) {
			calls++
			return &resource.Issuer{Verifier: verifierWithClaims(iss, claims{"aud": identifier, "exp": time.Now().Add(time.Hour).Unix()})}, true
		}
	})
	f.expect("matches the pattern", f.bearer(f.tokenOf(tenantIssuer("fabrikam"), "fabrikam", f.all)), invalid)
	f.expect("matches no pattern", f.bearer(f.token(resourcetest.Token{Claims: map[string]any{"iss": "https://other.example.test"}})), accepted)
	if calls != 1 {
		t.Errorf("ResolveIssuer called %d times, want 1", calls)
	}
}

// AllowFunc is called for cached tokens too. If it panics, the request is rejected.
func TestAllowFunc(t *testing.T) {
	var allowed atomic.Value
	f := newTenantFixture(t, func(c *resource.Config) {
		c.Issuers[0].Tenants = &resource.Tenants{AllowFunc: func(tenant string) bool {
			if allowed.Load() == "panic" {
				panic("secret")
			}
			return tenant == allowed.Load()
		}}
	})
	token := f.tokenOf(tenantIssuer(tenantA), tenantA, f.all)
	for _, row := range []struct {
		value string
		want  answer
	}{{tenantB, invalid}, {tenantA, accepted}, {tenantB, invalid}, {tenantA, accepted}, {"panic", failed}, {tenantA, accepted}} {
		allowed.Store(row.value)
		f.expect(row.value, f.bearer(token), row.want)
	}
}

// If a key is reassigned to another tenant, tokens of the first tenant are rejected, including
// cached ones.
func TestKeyReassignedToAnotherTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTenantFixture(t, func(c *resource.Config) { c.Limits.CacheTTL = time.Hour })
		tokenA := f.token(resourcetest.Token{Key: f.ofA, Lifetime: time.Hour, Claims: map[string]any{"iss": tenantIssuer(tenantA), "tid": tenantA}})
		tokenB := f.token(resourcetest.Token{Key: f.ofA, Lifetime: time.Hour, Claims: map[string]any{"iss": tenantIssuer(tenantB), "tid": tenantB}})
		f.expect("A with the key of A", f.bearer(tokenA), accepted)
		f.expect("B with the key of A", f.bearer(tokenB), invalid)
		f.publish(f.all, "", f.ofA, tenantIssuer(tenantB))
		time.Sleep(16 * time.Minute)
		f.expect("starts the refresh", f.bearer(f.token(resourcetest.Token{Claims: map[string]any{"iss": tenantIssuer(tenantB), "tid": tenantB}})), accepted)
		synctest.Wait()
		f.expect("A with the key that is now of B", f.bearer(tokenA), invalid)
		f.expect("B with the key that is now of B", f.bearer(tokenB), accepted)
	})
}

// A tenant with a separate entry in Issuers is verified by that entry.
func TestTenantWithSeparateEntry(t *testing.T) {
	f := newTenantFixture(t, func(c *resource.Config) {
		own := verifierWithClaims(tenantIssuer(tenantA), claims{"aud": "own", "exp": time.Now().Add(time.Hour).Unix()})
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: own, Audiences: []string{"own"}})
	})
	for iss, want := range map[string]answer{tenantIssuer(tenantA): accepted, tenantIssuer(tenantB): invalid} {
		f.expect(iss, f.bearer(f.token(resourcetest.Token{Audience: "own", Claims: map[string]any{"iss": iss}})), want)
	}
}

// For the revocation list and for ForgetSubject, each tenant is a separate issuer.
func TestTenantRevoked(t *testing.T) {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f := newTenantFixture(t, func(c *resource.Config) { c.Hooks.Revocations = list })
	ofA, ofB := f.tokenOf(tenantIssuer(tenantA), tenantA, f.ofA), f.tokenOf(tenantIssuer(tenantB), tenantB, f.ofB)
	f.expect("A before", f.bearer(ofA), accepted)
	f.expect("B before", f.bearer(ofB), accepted)
	if err := list.Add(context.Background(), revocation.Entry{Issuer: tenantIssuer(tenantA), Subject: "alice", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	f.expect("A after the revocation", f.bearer(ofA), invalid)
	f.expect("B after the revocation", f.bearer(ofB), accepted)
	f.publish(f.all, "")
	f.res.ForgetSubject(tenantIssuer(tenantB), "alice")
	f.expect("B after ForgetSubject: the cached keys are still usable", f.bearer(ofB), accepted)
}

// An iss must not match two patterns.
func TestOverlappingPatterns(t *testing.T) {
	entry := func(pattern string) resource.Issuer {
		return resource.Issuer{Verifier: verifierFunc{issuer: pattern}, Tenants: &resource.Tenants{Allow: []string{"a"}}}
	}
	_, err := resource.New(resource.Config{Identifier: identifier, Metadata: metadata.Document{AuthorizationServers: []string{"https://h.example.test"}},
		Issuers: []resource.Issuer{entry("https://h.example.test/{tenantid}/v2"), entry("https://h.example.test/x/{tenantid}"), entry("https://h.example.test/{tenantid}")}})
	const want = `resource: configuration: Issuers[1]: a token's iss can match both "https://h.example.test/x/{tenantid}" and "https://h.example.test/{tenantid}/v2"; it must have one verifier`
	if err == nil || err.Error() != want {
		t.Errorf("(-want +got)\n- %s\n+ %v", want, err)
	}
	given := entry("https://h.example.test/{tenantid}")
	for name, c := range map[string]resource.Config{"Opaque": {Opaque: &given}, `Prefixed["pat_"]`: {Issuers: []resource.Issuer{{Verifier: verifier(t)}}, Credentials: resource.Credentials{Prefixed: map[string]resource.Issuer{"pat_": given}}}} {
		c.Identifier, c.Metadata.AuthorizationServers = identifier, []string{"https://h.example.test"}
		if _, err := resource.New(c); err == nil || !strings.Contains(err.Error(), name+".Tenants: only an entry of Issuers can have tenants") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// After Replace, a tenant that is no longer allowed is rejected, also with a cached token.
func TestReplaceTenants(t *testing.T) {
	config := resource.Config{}
	f := newTenantFixture(t, func(c *resource.Config) { config = *c })
	f.unexplained = true // the test counts calls
	keys, err := jwks.New(jwks.Config{Issuer: tenantPattern, URL: f.issuer.URL(resourcetest.JWKS), Transport: f.issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	verifier := &countingVerifier{Verifier: keys}
	ofA, ofB := f.tokenOf(tenantIssuer(tenantA), tenantA, f.all), f.tokenOf(tenantIssuer(tenantB), tenantB, f.all)
	for _, row := range []struct {
		allow []string
		calls int64 // of the verifier, in total
		want  answer
	}{{[]string{tenantA, tenantB}, 2, accepted}, {[]string{tenantA, tenantB}, 2, accepted}, {[]string{tenantA}, 3, invalid}} {
		config.Issuers = []resource.Issuer{{Verifier: verifier, Tenants: &resource.Tenants{Allow: row.allow}}}
		if err := f.res.Replace(newResource(t, config)); err != nil {
			t.Fatal(err)
		}
		f.expect("A", f.bearer(ofA), accepted)
		f.expect("B", f.bearer(ofB), row.want)
		if n := verifier.calls.Load(); n != row.calls {
			t.Errorf("allowed %q: verified %d times, want %d", row.allow, n, row.calls)
		}
	}
}

// A pattern is not an address and is not published.
func TestPatternIsNotPublished(t *testing.T) {
	_, err := resource.New(resource.Config{Identifier: identifier, Metadata: metadata.Document{AuthorizationServers: []string{tenantPattern}},
		Issuers: []resource.Issuer{{Verifier: verifierFunc{issuer: tenantPattern}, Tenants: &resource.Tenants{Allow: []string{"a"}}}}})
	if err == nil || !strings.Contains(err.Error(), "Metadata.AuthorizationServers[0]: metadata: issuer \"https://login.example.test/{tenantid}/v2.0\": is not in canonical form") {
		t.Errorf("got %v", err)
	}
}
