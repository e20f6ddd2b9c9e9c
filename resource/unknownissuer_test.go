package resource_test

import (
	"fmt"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The record about an unknown issuer says which issuers are configured, and whether iss differs
// from one of them only in the slash at the end.
func TestUnknownIssuerIsLoggedWithTheConfiguredOnes(t *testing.T) {
	const slash = " (it differs in the slash at the end, which counts)"
	stub := func(issuer string) resource.Issuer { return resource.Issuer{Verifier: verifierFunc{issuer: issuer}} }
	f := newFixture(t, func(c *resource.Config, keys *jwks.Config) {
		tenants := stub("https://login.example.test/{tenantid}/v2.0")
		tenants.Tenants = &resource.Tenants{Allow: []string{"a"}}
		opaque := stub("https://opaque.example.test/")
		c.Issuers = append(c.Issuers, stub("https://b.example.test/realms/x/"), tenants, opaque)
		c.Opaque = &opaque
		c.Credentials.Prefixed = map[string]resource.Issuer{"pat_": stub("keys")}
		c.Metadata.AuthorizationServers = []string{"https://login.example.test"}
	})
	const all = "https://auth.example.test or https://b.example.test/realms/x/ or https://opaque.example.test/ or https://login.example.test/{tenantid}/v2.0"
	for _, row := range []struct{ name, iss, want, err string }{
		{"an unrelated issuer", "https://evil.example", all, "iss names no configured issuer"},
		{"a slash too much", "https://auth.example.test/", "https://auth.example.test" + slash, "iss names no configured issuer"},
		{"a slash missing", "https://b.example.test/realms/x", "https://b.example.test/realms/x/" + slash, "iss names no configured issuer"},
		{"a slash missing, issuer of opaque tokens", "https://opaque.example.test", "https://opaque.example.test/" + slash, "iss names no configured issuer"},
		{"a slash too much behind an allowed tenant", "https://login.example.test/a/v2.0/", "https://login.example.test/{tenantid}/v2.0" + slash, "iss names no configured issuer"},
		{"two slashes too much", "https://auth.example.test//", all, "iss names no configured issuer"},
		{"another path", "https://b.example.test/realms/y/", all, "iss names no configured issuer"},
		{"the name of API keys", "keys", all, "iss names no configured issuer"},
		{"a tenant that is not allowed", "https://login.example.test/b/v2.0", "an allowed tenant of https://login.example.test/{tenantid}/v2.0", "iss names a tenant that is not allowed"},
	} {
		f.log.take()
		f.expect(row.name, f.bearer(f.token(resourcetest.Token{Claims: map[string]any{"iss": row.iss, "jti": "jti-1"}})), invalid)
		records := logRecords(t, f.log.take())
		if len(records) != 1 {
			t.Fatalf("%s: got %d records, want 1", row.name, len(records))
		}
		delete(records[0], "token_digest")
		want := map[string]any{"level": "INFO", "msg": "request rejected", "reason": "issuer_unknown", "status": 401.0, "resource": identifier,
			"got": row.iss, "want": row.want, "unverified": true, "error": row.err,
			"subject": "alice", "client": "test-client", "token_id": "jti-1", "kid": f.issuer.SigningKeyID(""), "alg": "ES256"}
		if fmt.Sprint(records[0]) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %v\nwant %v", row.name, records[0], want)
		}
	}
}
