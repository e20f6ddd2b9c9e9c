package resource_test

import (
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

// tenancy is a server of many tenants: one key set, with a key for all, one for all in
// Entra's words, and one each for A and B.
type tenancy struct {
	*fixture
	all, template, ofA, ofB string // kids
}

func newTenancy(t testing.TB, change func(*resource.Config)) *tenancy {
	t.Helper()
	server, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://login.example.test/organizations/v2.0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	w := &tenancy{all: server.SigningKeyID(""), template: server.Publish(""), ofA: server.Publish(""), ofB: server.Publish("")}
	w.fixture = newFixtureWith(t, server, func(c *resource.Config, k *jwks.Config) {
		k.Issuer, k.URL = tenantPattern, server.URL(resourcetest.JWKS)
		c.Issuers[0].Tenants = &resource.Tenants{Allow: []string{tenantA, tenantB, "contoso.example"}}
		c.Metadata.AuthorizationServers = []string{server.Identifier()}
		if change != nil {
			change(c)
		}
	})
	w.publish(w.all, "", w.template, tenantPattern, w.ofA, tenantIssuer(tenantA), w.ofB, tenantIssuer(tenantB))
	return w
}

// publish sets the keys: kids, each followed by its member issuer.
func (w *tenancy) publish(kidsAndIssuers ...string) {
	var keys []string
	for n := 0; n < len(kidsAndIssuers); n += 2 {
		members := map[string]any{"kid": kidsAndIssuers[n], "use": "sig", "alg": "ES256"}
		if issuer := kidsAndIssuers[n+1]; issuer != "" {
			members["issuer"] = issuer
		}
		keys = append(keys, string(resourcetest.JWK(w.issuer.PublicKey(kidsAndIssuers[n]), members)))
	}
	w.issuer.SetJWKS([]byte(`{"keys":[` + strings.Join(keys, ",") + `]}`))
}

func (w *tenancy) tokenOf(iss string, tid any, kid string) string {
	return w.token(resourcetest.Token{Key: kid, Claims: map[string]any{"iss": iss, "tid": tid}})
}

func TestTenants(t *testing.T) {
	w := newTenancy(t, nil)
	for _, row := range []struct{ what, token string }{
		{"a key for all", w.tokenOf(tenantIssuer(tenantA), tenantA, w.all)},
		{"a key for all, as Entra says it", w.tokenOf(tenantIssuer(tenantA), tenantA, w.template)},
		{"its own key", w.tokenOf(tenantIssuer(tenantA), tenantA, w.ofA)},
		{"another tenant", w.tokenOf(tenantIssuer(tenantB), tenantB, w.ofB)},
		{"a tenant by name", w.tokenOf(tenantIssuer("contoso.example"), "contoso.example", w.all)},
	} {
		w.expect(row.what, w.bearer(row.token), accepted)
	}
	if n := w.issuer.Count(resourcetest.Any); n != 1 {
		t.Errorf("%d requests, want one for the keys of all tenants", n)
	}
	var ids []string
	w.inner = func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		ids = append(ids, caller.ID())
	}
	w.bearer(w.tokenOf(tenantIssuer(tenantA), tenantA, w.all))
	w.bearer(w.tokenOf(tenantIssuer(tenantB), tenantB, w.all))
	want := fmt.Sprintf("[%d:%s sub:alice %d:%s sub:alice]", len(tenantIssuer(tenantA)), tenantIssuer(tenantA), len(tenantIssuer(tenantB)), tenantIssuer(tenantB))
	if got := fmt.Sprint(ids); got != want {
		t.Errorf("callers (-want +got)\n- %s\n+ %s", want, got)
	}
	if got := fmt.Sprint(w.res.Metadata().AuthorizationServers); got != "[https://login.example.test/organizations/v2.0]" {
		t.Errorf("published: %s", got)
	}
}

// Issue 6, item 6: no tenant passes for another, and one that is unknown costs nothing.
func TestCrossTenant(t *testing.T) {
	w := newTenancy(t, nil)
	w.expect("the neighbour of all that follow", w.bearer(w.tokenOf(tenantIssuer(tenantA), tenantA, w.all)), accepted)
	stranger, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stranger.Close)
	inTheirName := stranger.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Minute), Header: map[string]any{"kid": w.ofA}, Claims: map[string]any{"iss": tenantIssuer(tenantA), "tid": tenantA}})
	for _, row := range []struct {
		what, token string
		want        resource.Reason
		mayAsk      bool // for a key that nobody knows
	}{
		{"A's claim under B's issuer", w.tokenOf(tenantIssuer(tenantB), tenantA, w.all), resource.ReasonIssuerMismatch, false},
		{"B's claim under A's issuer", w.tokenOf(tenantIssuer(tenantA), tenantB, w.all), resource.ReasonIssuerMismatch, false},
		{"B's claim under A's issuer, B's key", w.tokenOf(tenantIssuer(tenantA), tenantB, w.ofB), resource.ReasonIssuerMismatch, false},
		{"all of A, but B's key", w.tokenOf(tenantIssuer(tenantA), tenantA, w.ofB), resource.ReasonKeyUnknown, true},
		{"all of B, but A's key", w.tokenOf(tenantIssuer(tenantB), tenantB, w.ofA), resource.ReasonKeyUnknown, true},
		{"all of a third tenant, but A's key", w.tokenOf(tenantIssuer("contoso.example"), "contoso.example", w.ofA), resource.ReasonKeyUnknown, true},
		{"a stranger's signature", inTheirName, resource.ReasonSignatureInvalid, true},
		{"no tenant claim", w.tokenOf(tenantIssuer(tenantA), resourcetest.Remove, w.all), resource.ReasonIssuerMismatch, false},
		{"an empty tenant claim", w.tokenOf(tenantIssuer(tenantA), "", w.all), resource.ReasonIssuerMismatch, false},
		{"the tenant claim in another case", w.tokenOf(tenantIssuer(tenantA), strings.ToUpper(tenantA), w.all), resource.ReasonIssuerMismatch, false},
		{"both tenants in an array", w.tokenOf(tenantIssuer(tenantA), []string{tenantA, tenantB}, w.all), resource.ReasonIssuerMismatch, false},
		{"a tenant claim that is no string", w.tokenOf(tenantIssuer(tenantA), map[string]any{tenantA: true}, w.all), resource.ReasonIssuerMismatch, false},
		{"a tenant that may not come", w.tokenOf(tenantIssuer("cccccccc-0000-0000-0000-000000000000"), "cccccccc-0000-0000-0000-000000000000", w.all), resource.ReasonIssuerUnknown, false},
		{"a tenant that may come, in another case", w.tokenOf(tenantIssuer(strings.ToUpper(tenantA)), strings.ToUpper(tenantA), w.all), resource.ReasonIssuerUnknown, false},
		{"no tenant", w.tokenOf(tenantIssuer(""), "", w.all), resource.ReasonIssuerUnknown, false},
		{"the pattern itself", w.tokenOf(tenantPattern, "{tenantid}", w.all), resource.ReasonIssuerUnknown, false},
		{"the common endpoint", w.tokenOf(tenantIssuer("common"), "common", w.all), resource.ReasonIssuerUnknown, false},
		{"two segments", w.tokenOf(tenantIssuer(tenantA+"/"+tenantB), tenantA+"/"+tenantB, w.all), resource.ReasonIssuerUnknown, false},
		{"a way back to A", w.tokenOf(tenantIssuer(tenantB+"/../"+tenantA), tenantA, w.all), resource.ReasonIssuerUnknown, false},
		{"A with an escaped slash behind", w.tokenOf(tenantIssuer(tenantA+"%2f"), tenantA, w.all), resource.ReasonIssuerUnknown, false},
		{"A with an escaped letter", w.tokenOf(tenantIssuer("%61"+tenantA[1:]), tenantA, w.all), resource.ReasonIssuerUnknown, false},
		{"A with a query", w.tokenOf(tenantIssuer(tenantA)+"?", tenantA, w.all), resource.ReasonIssuerUnknown, false},
		{"A with a slash more", w.tokenOf(tenantIssuer(tenantA)+"/", tenantA, w.all), resource.ReasonIssuerUnknown, false},
		{"A at another host", w.tokenOf(strings.Replace(tenantIssuer(tenantA), "login.", "login.example.test.evil.", 1), tenantA, w.all), resource.ReasonIssuerUnknown, false},
		{"A by http", w.tokenOf(strings.Replace(tenantIssuer(tenantA), "https", "http", 1), tenantA, w.all), resource.ReasonIssuerUnknown, false},
		{"A in the other form", w.tokenOf("https://login.example.test/"+tenantA+"/v1.0", tenantA, w.all), resource.ReasonIssuerUnknown, false},
		{"a tenant longer than any", w.tokenOf(tenantIssuer(strings.Repeat("a", 129)), strings.Repeat("a", 129), w.all), resource.ReasonIssuerUnknown, false},
	} {
		before := w.issuer.Count(resourcetest.Any)
		w.log.take()
		w.expect(row.what, w.bearer(row.token), invalid)
		if log := w.log.take(); !strings.Contains(log, `"reason":"`+string(row.want)+`"`) {
			t.Errorf("%s: want reason %s, log is %s", row.what, row.want, log)
		}
		if asked := w.issuer.Count(resourcetest.Any) - before; asked > 0 && !row.mayAsk {
			t.Errorf("%s: %d requests left", row.what, asked)
		}
	}
}

// A server that says the tenant elsewhere: then that counts, and tid does not.
func TestTenantsClaim(t *testing.T) {
	w := newTenancy(t, func(c *resource.Config) { c.Issuers[0].Tenants.Claim = "/organization/id" })
	for _, row := range []struct {
		what   string
		claims map[string]any
		want   answer
	}{
		{"the same", map[string]any{"organization": map[string]any{"id": tenantA}}, accepted},
		{"another", map[string]any{"organization": map[string]any{"id": tenantB}, "tid": tenantA}, invalid},
		{"tid alone", map[string]any{"tid": tenantA}, invalid},
		{"two spellings", map[string]any{"organization": map[string]any{"id": tenantA, "ID": tenantB}}, invalid},
		{"no object", map[string]any{"organization": tenantA}, invalid},
	} {
		row.claims["iss"] = tenantIssuer(tenantA)
		w.expect(row.what, w.bearer(w.token(resourcetest.Token{Claims: row.claims})), row.want)
	}
}

// 10,000 tenants are one verifier, one fetch and one set of series.
func TestManyTenants(t *testing.T) {
	const count = 10_000
	var names []string
	for n := range count {
		names = append(names, fmt.Sprintf("tenant-%d", n))
	}
	w := newTenancy(t, func(c *resource.Config) { c.Issuers[0].Tenants.Allow = names })
	for n := 0; n < count; n += 97 {
		w.expect(names[n], w.bearer(w.tokenOf(tenantIssuer(names[n]), names[n], w.all)), accepted)
	}
	if n := w.issuer.Count(resourcetest.Any); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(w.res.Metrics())
	want := fmt.Sprintf(`# HELP warder_keyset_keys Usable keys.
# TYPE warder_keyset_keys gauge
warder_keyset_keys{issuer=%q,resource=%q} 4
`, tenantPattern, identifier)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "warder_keyset_keys"); err != nil {
		t.Error(err)
	}
	if err := w.res.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// A tenant that may not come does not come by another way.
func TestRefusedTenantIsNotResolved(t *testing.T) {
	asked := 0
	w := newTenancy(t, func(c *resource.Config) {
		c.Hooks.ResolveIssuer = func(iss string) (*resource.Issuer, bool) {
			asked++
			return &resource.Issuer{Verifier: saying(iss, claims{"aud": identifier, "exp": time.Now().Add(time.Hour).Unix()})}, true
		}
	})
	w.expect("fits the pattern", w.bearer(w.tokenOf(tenantIssuer("fabrikam"), "fabrikam", w.all)), invalid)
	w.expect("fits none", w.bearer(w.token(resourcetest.Token{Claims: map[string]any{"iss": "https://other.example.test"}})), accepted)
	if asked != 1 {
		t.Errorf("asked %d times, want 1", asked)
	}
}

// AllowFunc is asked for remembered tokens too, and a panic lets nobody in.
func TestAllowFunc(t *testing.T) {
	var allowed atomic.Value
	w := newTenancy(t, func(c *resource.Config) {
		c.Issuers[0].Tenants = &resource.Tenants{AllowFunc: func(tenant string) bool {
			if allowed.Load() == "panic" {
				panic("secret")
			}
			return tenant == allowed.Load()
		}}
	})
	token := w.tokenOf(tenantIssuer(tenantA), tenantA, w.all)
	for _, row := range []struct {
		now  string
		want answer
	}{{tenantB, invalid}, {tenantA, accepted}, {tenantB, invalid}, {tenantA, accepted}, {"panic", failed}, {tenantA, accepted}} {
		allowed.Store(row.now)
		w.expect(row.now, w.bearer(token), row.want)
	}
}

// A key that changes hands is withdrawn from who had it, remembered tokens included.
func TestKeyOfAnotherTenantIsAnotherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTenancy(t, func(c *resource.Config) { c.Limits.CacheTTL = time.Hour })
		tokenA := w.token(resourcetest.Token{Key: w.ofA, Lifetime: time.Hour, Claims: map[string]any{"iss": tenantIssuer(tenantA), "tid": tenantA}})
		tokenB := w.token(resourcetest.Token{Key: w.ofA, Lifetime: time.Hour, Claims: map[string]any{"iss": tenantIssuer(tenantB), "tid": tenantB}})
		w.expect("A with A's key", w.bearer(tokenA), accepted)
		w.expect("B with A's key", w.bearer(tokenB), invalid)
		w.publish(w.all, "", w.ofA, tenantIssuer(tenantB))
		time.Sleep(16 * time.Minute)
		w.expect("starts the refresh, if it was remembered", w.bearer(w.token(resourcetest.Token{Claims: map[string]any{"iss": tenantIssuer(tenantB), "tid": tenantB}})), accepted)
		synctest.Wait()
		w.expect("A with the key that is B's now", w.bearer(tokenA), invalid)
		w.expect("B with the key that is B's now", w.bearer(tokenB), accepted)
	})
}

// A tenant that stands in Issuers by itself goes by that entry.
func TestTenantWithAnEntryOfItsOwn(t *testing.T) {
	w := newTenancy(t, func(c *resource.Config) {
		own := saying(tenantIssuer(tenantA), claims{"aud": "own", "exp": time.Now().Add(time.Hour).Unix()})
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: own, Audiences: []string{"own"}})
	})
	for iss, want := range map[string]answer{tenantIssuer(tenantA): accepted, tenantIssuer(tenantB): invalid} {
		w.expect(iss, w.bearer(w.token(resourcetest.Token{Audience: "own", Claims: map[string]any{"iss": iss}})), want)
	}
}

// To the revocation list and to Forget each tenant is an issuer of its own.
func TestTenantRevoked(t *testing.T) {
	var list revocation.List
	w := newTenancy(t, func(c *resource.Config) { c.Hooks.Revoked = list.Revoked })
	ofA, ofB := w.tokenOf(tenantIssuer(tenantA), tenantA, w.ofA), w.tokenOf(tenantIssuer(tenantB), tenantB, w.ofB)
	w.expect("A before", w.bearer(ofA), accepted)
	w.expect("B before", w.bearer(ofB), accepted)
	if err := list.Add(revocation.Entry{Issuer: tenantIssuer(tenantA), Subject: "alice", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.expect("A behind", w.bearer(ofA), invalid)
	w.expect("B behind", w.bearer(ofB), accepted)
	w.publish(w.all, "")
	w.res.ForgetSubject(tenantIssuer(tenantB), "alice")
	w.expect("forgotten, but the keys at hand are still good", w.bearer(ofB), accepted)
}

// No iss may fit two patterns.
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
	for what, c := range map[string]resource.Config{"Opaque": {Opaque: &given}, `Prefixed["pat_"]`: {Issuers: []resource.Issuer{{Verifier: verifier(t)}}, Credentials: resource.Credentials{Prefixed: map[string]resource.Issuer{"pat_": given}}}} {
		c.Identifier, c.Metadata.AuthorizationServers = identifier, []string{"https://h.example.test"}
		if _, err := resource.New(c); err == nil || !strings.Contains(err.Error(), what+".Tenants: only an entry of Issuers can have tenants") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// Who may no longer come after a new configuration may not come with a remembered token.
func TestTenantsReplaced(t *testing.T) {
	config := resource.Config{}
	w := newTenancy(t, func(c *resource.Config) { config = *c })
	keys, err := jwks.New(jwks.Config{Issuer: tenantPattern, URL: w.issuer.URL(resourcetest.JWKS), Transport: w.issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	verifier := &counted{Verifier: keys}
	ofA, ofB := w.tokenOf(tenantIssuer(tenantA), tenantA, w.all), w.tokenOf(tenantIssuer(tenantB), tenantB, w.all)
	for _, row := range []struct {
		allow []string
		asked int64 // the verifier, in all
		want  answer
	}{{[]string{tenantA, tenantB}, 2, accepted}, {[]string{tenantA, tenantB}, 2, accepted}, {[]string{tenantA}, 3, invalid}} {
		config.Issuers = []resource.Issuer{{Verifier: verifier, Tenants: &resource.Tenants{Allow: row.allow}}}
		if err := w.res.Replace(newFor(t, config)); err != nil {
			t.Fatal(err)
		}
		w.expect("A", w.bearer(ofA), accepted)
		w.expect("B", w.bearer(ofB), row.want)
		if n := verifier.asked.Load(); n != row.asked {
			t.Errorf("allowed %q: verified %d times, want %d", row.allow, n, row.asked)
		}
	}
}

// A pattern is no address: it is published nowhere.
func TestPatternIsNotPublished(t *testing.T) {
	_, err := resource.New(resource.Config{Identifier: identifier, Metadata: metadata.Document{AuthorizationServers: []string{tenantPattern}},
		Issuers: []resource.Issuer{{Verifier: verifierFunc{issuer: tenantPattern}, Tenants: &resource.Tenants{Allow: []string{"a"}}}}})
	if err == nil || !strings.Contains(err.Error(), "authorization_servers") {
		t.Errorf("got %v", err)
	}
}
