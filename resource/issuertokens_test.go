package resource_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Each leniency of an issuer, as tokens of real issuers need it: of ForgeRock (zip), SPIFFE (typ)
// and Dex (at_hash). rejected is the reason without the setting.
var leniencies = []struct {
	name     string
	allow    func(*resource.Issuer)
	token    resourcetest.Token
	rejected resource.Reason
}{
	{"ForgeRock: zip NONE", func(i *resource.Issuer) { i.AllowZipNone = true }, withHeader("zip", "NONE"), reasonMalformed},
	{"SPIFFE: typ JOSE", func(i *resource.Issuer) { i.HeaderTypes = []string{"JOSE"} }, withHeader("typ", "JOSE"), reasonTokenType},
	{"SPIFFE: typ in another case (RFC 2045 §5.1)", func(i *resource.Issuer) { i.HeaderTypes = []string{"x", "JOSE"} }, withHeader("typ", "jose"), reasonTokenType},
	{"Dex: at_hash", func(i *resource.Issuer) { i.AllowAtHash = true }, withClaim("at_hash", "o2XqsPOyTWvCYzUlSNd0WQ"), reasonTokenType},
	{"at_hash of another type", func(i *resource.Issuer) { i.AllowAtHash = true }, withClaim("at_hash", 1), reasonTokenType},
}

func withHeader(name string, value any) resourcetest.Token {
	return resourcetest.Token{Header: map[string]any{name: value}}
}

func withClaim(name string, value any) resourcetest.Token {
	return resourcetest.Token{Claims: map[string]any{name: value}}
}

// expectReason sends a token, and compares the answer and the logged reason.
func (f *fixture) expectReason(name, token string, want resource.Reason) {
	f.t.Helper()
	f.log.take()
	answer := invalid
	if want == "" {
		answer = accepted
	}
	f.expect(name, f.bearer(token), answer)
	if got := loggedReason(f.log.take()); got != want {
		f.t.Errorf("%s: reason %q, want %q", name, got, want)
	}
}

// A leniency is off by default. It counts for its issuer only, also if two are configured, and on
// every way on which a JWT is accepted.
func TestLeniencies(t *testing.T) {
	other, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://other.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, row := range leniencies {
		off := newFixture(t, nil)
		off.expectReason(row.name+": off", off.token(row.token), row.rejected)

		on := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			row.allow(&c.Issuers[0])
			keys, err := jwks.New(jwks.Config{Issuer: other.Identifier(), Transport: other.Transport()})
			if err != nil {
				t.Fatal(err)
			}
			c.Issuers = append(c.Issuers, resource.Issuer{Verifier: keys})
		})
		token := on.token(row.token)
		on.expectReason(row.name+": on", token, "")
		on.expectReason(row.name+": on, cached", token, "")
		on.expectReason(row.name+": the other issuer", other.Token(row.token), row.rejected)
		on.expectReason(row.name+": the other issuer, no leniency needed", other.Token(resourcetest.Token{}), "")

		resolved := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			keys, err := jwks.New(*k)
			if err != nil {
				t.Fatal(err)
			}
			lenient := resource.Issuer{Verifier: keys}
			row.allow(&lenient)
			strict, err := jwks.New(jwks.Config{Issuer: other.Identifier(), Transport: other.Transport()})
			if err != nil {
				t.Fatal(err)
			}
			c.Issuers[0] = resource.Issuer{Verifier: strict}
			c.Hooks.ResolveIssuer = func(iss string) (*resource.Issuer, bool) { return &lenient, iss == keys.Issuer() }
		})
		resolved.expectReason(row.name+": ResolveIssuer", resolved.token(row.token), "")
		resolved.expectReason(row.name+": beside ResolveIssuer", other.Token(row.token), row.rejected)

		introspected := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			verifier := answerWithClaims(k.Issuer, claims{"aud": identifier})
			c.Issuers[0].Verifier = verifier
			c.Opaque = &resource.Issuer{Verifier: verifier}
			row.allow(c.Opaque) // not for JWTs
		})
		introspected.expectReason(row.name+": only Opaque allows it", introspected.token(row.token), row.rejected)
	}
}

// What resembles an allowed value stays rejected, although the issuer has every leniency.
func TestLenienciesAreExact(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		for _, row := range leniencies {
			row.allow(&c.Issuers[0])
		}
	})
	for _, row := range []struct {
		name  string
		token resourcetest.Token
		want  resource.Reason
	}{
		{"zip in another case", withHeader("zip", "none"), reasonMalformed},
		{"zip in mixed case", withHeader("zip", "None"), reasonMalformed},
		{"zip DEF (RFC 7516 §4.1.3)", withHeader("zip", "DEF"), reasonMalformed},
		{"zip with a space", withHeader("zip", "NONE "), reasonMalformed},
		{"zip is null", withHeader("zip", nil), reasonMalformed},
		{"zip is an array", withHeader("zip", []string{"NONE"}), reasonMalformed},
		{"Zip", withHeader("Zip", "NONE"), reasonMalformed},
		{"zip and crit (RFC 7515 §4.1.11)", resourcetest.Token{Header: map[string]any{"zip": "NONE", "crit": []string{"zip"}}}, reasonMalformed},
		{"a typ that begins like an allowed one", withHeader("typ", "JOSE+JSON"), reasonTokenType},
		{"a typ with a prefix", withHeader("typ", "application/JOSE"), reasonTokenType},
		{"the long s", withHeader("typ", "JO\u017FE"), reasonTokenType},
		{"a logout token", withHeader("typ", "logout+jwt"), reasonTokenType},
		{"a DPoP proof (RFC 9449 §4.2)", withHeader("typ", "dpop+jwt"), reasonTokenType},
		{"c_hash (OpenID Connect Core §3.3.2.11)", withClaim("c_hash", "x"), reasonTokenType},
		{"c_hash behind at_hash", withClaim("at_hash", "x"), ""},
		{"both hashes", resourcetest.Token{Claims: map[string]any{"at_hash": "x", "c_hash": "y"}}, reasonTokenType},
		{"at_hash in another case", withClaim("At_hash", "x"), reasonMalformed},
		{"an ID token with at_hash, by its type claim", resourcetest.Token{Claims: map[string]any{"at_hash": "x", "token_use": "id"}}, reasonTokenType},
		{"an ID token with at_hash, by its audience", resourcetest.Token{Claims: map[string]any{"at_hash": "x", "aud": "vscode"}}, reasonAudience},
		{"all allowed values in one token", resourcetest.Token{Header: map[string]any{"zip": "NONE", "typ": "JOSE"}, Claims: map[string]any{"at_hash": "x"}}, ""},
		{"all allowed values, and a wrong signature", resourcetest.Token{Header: map[string]any{"zip": "NONE", "typ": "JOSE"}, Fault: resourcetest.WrongSignature}, reasonSignature},
	} {
		f.expectReason(row.name, f.token(row.token), row.want)
	}
}

// The log about a rejected token names the setting that accepts it, in the file and in Go.
func TestLogNamesLeniencies(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0].HeaderTypes = []string{"JOSE", "x"}
		keys := verifierFunc{issuer: "https://lenient.example.test"}
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: keys, AllowZipNone: true})
	})
	for _, row := range []struct {
		name  string
		token resourcetest.Token
		want  string
	}{
		{"zip", withHeader("zip", "NONE"), `"got":"zip NONE","want":"no zip; if all tokens of the issuer have it, set allow_zip_none (in Go: AllowZipNone)"`},
		{"typ", withHeader("typ", "y"), `"got":"y","want":"at+jwt, JWT, JOSE, x or none"`},
	} {
		f.log.take()
		f.expect(row.name, f.bearer(f.token(row.token)), invalid)
		if log := f.log.take(); !strings.Contains(log, row.want) || !strings.Contains(log, `"issuer":"https://auth.example.test"`) {
			t.Errorf("%s: the log does not say %s: %s", row.name, row.want, log)
		}
	}
}

func TestHeaderTypeMistakes(t *testing.T) {
	for _, row := range []struct {
		name   string
		issuer resource.Issuer
		want   string // "" for none
	}{
		{"valid", resource.Issuer{HeaderTypes: []string{"JOSE", "application/vnd.example+jwt"}}, ""},
		{"empty", resource.Issuer{HeaderTypes: []string{""}}, `Issuers[0].HeaderTypes[0]: empty`},
		{"ID token", resource.Issuer{HeaderTypes: []string{"JOSE", "ID_token"}}, `Issuers[0].HeaderTypes[1]: "ID_token" is the type of other tokens, which are not for resources`},
		{"logout token", resource.Issuer{HeaderTypes: []string{"logout+jwt"}}, `Issuers[0].HeaderTypes[0]: "logout+jwt" is the type of other tokens, which are not for resources`},
		{"DPoP proof", resource.Issuer{HeaderTypes: []string{"application/dpop+jwt"}}, `Issuers[0].HeaderTypes[0]: "application/dpop+jwt" is the type of other tokens, which are not for resources`},
		{"client authentication", resource.Issuer{HeaderTypes: []string{"client-authentication+jwt"}}, `Issuers[0].HeaderTypes[0]: "client-authentication+jwt" is the type of other tokens, which are not for resources`},
		{"security event", resource.Issuer{HeaderTypes: []string{"secevent+jwt"}}, `Issuers[0].HeaderTypes[0]: "secevent+jwt" is the type of other tokens, which are not for resources`},
		{"any", resource.Issuer{HeaderTypes: []string{"*"}}, `Issuers[0].HeaderTypes[0]: "*" is not a typ, which is a media type such as JOSE (RFC 7515 §4.1.9); patterns are not supported`},
		{"a space", resource.Issuer{HeaderTypes: []string{"JOSE "}}, `Issuers[0].HeaderTypes[0]: "JOSE " is not a typ, which is a media type such as JOSE (RFC 7515 §4.1.9); patterns are not supported`},
		{"strict", resource.Issuer{HeaderTypes: []string{"JOSE"}, StrictRFC9068: true}, `Issuers[0].HeaderTypes: StrictRFC9068 is set, and RFC 9068 §2.1 requires the typ at+jwt`},
	} {
		row.issuer.Verifier = verifier(t)
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{row.issuer}})
		want := "<nil>"
		if row.want != "" {
			want = "resource: configuration: " + row.want
		}
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, want, got)
		}
	}
}

// A claim that differs from a registered one in case is malformed. A private one is another claim.
func TestCaseVariantsOfClaims(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0].Audiences, c.Issuers[0].AudienceClaims = []string{"client"}, []string{"appid", "cid"}
		c.Issuers[0].ScopeClaim, c.Issuers[0].RoleClaim = "permissions", "teams"
	})
	for _, row := range []struct {
		name   string
		claims claims
		want   string
	}{
		{"appId beside appid", claims{"aud": nil, "appid": "client", "appId": "x"}, "client [] []"},
		{"CID beside cid", claims{"aud": nil, "cid": "client", "CID": "x"}, "client [] []"},
		{"appId instead of appid", claims{"aud": nil, "appId": "client"}, "audience"},
		{"CID instead of cid", claims{"aud": nil, "CID": "client"}, "audience"},
		{"variants of configured claims", claims{"aud": nil, "cid": "client", "permissions": "a", "Permissions": "b", "teams": "c", "TEAMS": "d"}, "client [a] [c]"},
		{"only variants of configured claims", claims{"aud": nil, "cid": "client", "Permissions": "b", "TEAMS": "d"}, "client [] []"},
		{"Client_Id", claims{"aud": nil, "cid": "client", "Client_Id": "x"}, "token_malformed"},
		{"Scope", claims{"aud": nil, "cid": "client", "Scope": "x"}, "token_malformed"},
		{"AUD", claims{"aud": nil, "cid": "client", "AUD": "x"}, "token_malformed"},
		{"TokenName", claims{"aud": nil, "cid": "client", "TokenName": "x"}, "token_malformed"},
	} {
		got := ""
		f.inner = func(_ http.ResponseWriter, req *http.Request) {
			caller, _ := resource.FromContext(req.Context())
			got = fmt.Sprint(caller.ClientID(), " ", caller.Scopes(), " ", caller.Roles())
		}
		row.claims["client_id"] = nil
		f.log.take()
		f.bearer(f.tokenWithClaims(row.claims))
		if got == "" {
			got = string(loggedReason(f.log.take()))
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// Claims are as large as MaxTokenBytes allows. A limit for a count has a reason of its own, and the
// log names the issuer.
func TestLargeClaims(t *testing.T) {
	texts := func(n, size int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("%0*d", size, i))
		}
		return list
	}
	many := map[string]any{}
	for i := range 16_400 {
		many[fmt.Sprint(i)] = 0
	}
	for _, row := range []struct {
		name   string
		bytes  int // MaxTokenBytes
		claims claims
		want   resource.Reason
	}{
		{"100 audiences", 0, claims{"aud": append(texts(99, 20), identifier)}, ""},
		{"1,000 audiences", 64 << 10, claims{"aud": append(texts(999, 20), identifier)}, ""},
		{"1,001 audiences", 64 << 10, claims{"aud": append(texts(1000, 20), identifier)}, reasonTooMany},
		{"800 groups with the default", 0, claims{"groups": texts(800, 36)}, reasonTooLarge},
		{"800 groups", 64 << 10, claims{"groups": texts(800, 36)}, ""},
		{"4,000 groups", 256 << 10, claims{"groups": texts(4000, 36)}, ""},
		{"10,001 groups", 256 << 10, claims{"groups": texts(10_001, 6)}, reasonTooMany},
		{"1,001 scopes", 64 << 10, claims{"scope": strings.Join(texts(1001, 6), " ")}, reasonTooMany},
		{"16,400 claims", 256 << 10, many, reasonTooMany},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Limits.MaxTokenBytes, c.Issuers[0].RoleClaim = row.bytes, "groups"
		})
		f.log.take()
		f.bearer(f.tokenWithClaims(row.claims))
		records := logRecords(t, f.log.take())
		got, issuer := "", ""
		for _, record := range records {
			got, _ = record["reason"].(string)
			issuer, _ = record["issuer"].(string)
		}
		if got != string(row.want) {
			t.Errorf("%s: got reason %q, want %q", row.name, got, row.want)
		}
		if row.want == reasonTooMany && issuer != f.issuer.Identifier() {
			t.Errorf("%s: the log names issuer %q", row.name, issuer)
		}
	}
}

// The log about claims that cannot be read names the issuer if exactly one iss names a configured
// one. It does not name what the token invents.
func TestLogNamesIssuerOfUnreadableClaims(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: verifierFunc{issuer: "https://t.example.test/{tenantid}"}, Tenants: &resource.Tenants{Allow: []string{"a"}}})
		c.Metadata.AuthorizationServers = []string{"https://auth.example.test"}
	})
	for _, row := range []struct{ name, payload, want string }{
		{"a configured issuer", `{"iss":"https://auth.example.test","SUB":1}`, "https://auth.example.test"},
		{"behind the fault", `{"SUB":1,"iss":"https://auth.example.test"}`, "https://auth.example.test"},
		{"a tenant", `{"iss":"https://t.example.test/a","SUB":1}`, "https://t.example.test/{tenantid}"},
		{"the pattern itself is the name of no issuer, but is configured", `{"iss":"https://t.example.test/{tenantid}","SUB":1}`, "https://t.example.test/{tenantid}"},
		{"an unknown issuer", `{"iss":"https://evil.example.test","SUB":1}`, ""},
		{"a slash at the end", `{"iss":"https://auth.example.test/","SUB":1}`, ""},
		{"two issuers", `{"iss":"https://auth.example.test","iss":"https://auth.example.test"}`, ""},
		{"a number", `{"iss":1,"SUB":1}`, ""},
		{"not an object", `["https://auth.example.test"]`, ""},
	} {
		f.log.take()
		f.expect(row.name, f.bearer(f.signed(f.validHeader()+"}", row.payload)), invalid)
		records := logRecords(t, f.log.take())
		if len(records) != 1 || records[0]["unverified"] != true {
			t.Fatalf("%s: got %v, want one record about an unverified token", row.name, records)
		}
		if got, _ := records[0]["issuer"].(string); got != row.want {
			t.Errorf("%s: got issuer %q, want %q", row.name, got, row.want)
		}
	}
}

// Replace clears the cache if a leniency changes, because it decides which tokens are accepted.
func TestReplaceClearsCacheForLeniencies(t *testing.T) {
	for _, row := range slices.Clone(leniencies) {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { row.allow(&c.Issuers[0]) })
		token := f.token(row.token)
		f.expectReason(row.name+": before", token, "")
		next := newFixtureWith(t, f.issuer, nil)
		if err := f.res.Replace(next.res); err != nil {
			t.Fatal(err)
		}
		f.log = next.log
		f.expectReason(row.name+": after", token, row.rejected)
	}
}
